#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every command and option that the tool's help names is in docs/udmar.1, and the other way round.

    man_test.py BINARY SOURCE_ROOT

Prints TAP.
"""
import os
import re
import subprocess
import sys

udmar, root = os.path.abspath(sys.argv[1]), sys.argv[2]
tests, failures = 0, 0


def report(name, problems):
    global tests, failures
    tests += 1
    failures += bool(problems)
    print(f"{'not ok' if problems else 'ok'} {tests} - {name}")
    for problem in problems:
        print("#", problem)


def help_of(*command):
    return subprocess.run([udmar, *command, "--help"], capture_output=True, text=True, timeout=60).stdout


with open(os.path.join(root, "docs", "udmar.1"), encoding="utf-8") as file:
    page = file.read()
sections = {match[1]: match[2] for match in re.finditer(r"^\.Ss (?:udmar )?([^\n]+)\n(.*?)(?=^\.S[sh] )", page, re.M | re.S)}
commands = re.findall(r"^  (\w+) {2,}\S", help_of(), re.M)
report("help names commands", [] if {"table", "unit", "explain", "watch", "walk", "dump"} <= set(commands) else [commands])
for command in commands:
    if command == "help":
        continue
    # An option line begins with its names, -s, --long=VALUE or --one, --other, and has its text behind.
    lines = re.findall(r"^ +(-\w(?:, --[a-z][a-z-]*)?|--[a-z][a-z-]*(?:=\S+)?(?:, --[a-z-]+)*)", help_of(command), re.M)
    lines = [line for line in lines if not re.fullmatch(r"-\w", line)]
    options = {word for line in lines for word in re.findall(r"(?<![\w-])--?([a-z][a-z-]*)", line)}
    text = sections.get(command, "") + sections.get("All commands", "")
    text += sections.get("walk", "") if command == "dump" else ""  # dump has the options of walk
    told = set(re.findall(r"(?:\bFl |, )-?([a-z][a-z-]*)", "".join(re.findall(r"^\.It .*\n", text, re.M))))
    # A unit's registers are told in a sentence.
    told |= set(re.findall(r"^\.Fl -([a-z-]+)", text, re.M))
    report(f"udmar {command}: {len(options)} options are in the page", sorted(options - told) if options else ["no options in its help"])
    named = set(re.findall(r"(?:Fl|,) -([a-z][a-z-]*)", "".join(re.findall(r"^\.It .*$", sections.get(command, ""), re.M))))
    report(f"udmar {command}: the page names no other options", sorted(named - options))
print(f"1..{tests}")
sys.exit(failures > 0)
