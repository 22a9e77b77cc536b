#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""figures.py BUILD FUZZ-BUILD: how much the tests of a build folder have tried, from the logs of its last run.

BUILD: after meson test. FUZZ-BUILD: its fuzzers' last run, and all runs together since the folder was made.
The tests print their figures as TAP comments; here they are added up and divided by their time.
"""
import json
import os
import re
import sys
import xml.etree.ElementTree as tree


def results(build):
    """[(name, seconds, output)] of the test programs of the last run."""
    with open(os.path.join(build, "meson-logs", "testlog.json"), encoding="utf-8") as file:
        tests = [json.loads(text) for text in file]
    return [(t["name"].split(" / ")[-1], t["duration"], t.get("stdout", "")) for t in tests]


def sums(pattern, text):
    """The groups of all matches, each added up."""
    found = re.findall(pattern, text)
    return [sum(int(n) for n in column) for column in zip(*(m if isinstance(m, tuple) else (m,) for m in found))]


def line(what, text):
    print(f"{what:26} {text}")


def cases(build, tests):
    path = os.path.join(build, "meson-logs", "testlog.junit.xml")
    number = sum(1 for case in tree.parse(path).getroot().iter("testcase") if case.find("skipped") is None)
    seconds = sum(duration for _, duration, _ in tests)
    line("test cases", f"{number:,} in {seconds:.0f} s of one program at a time, {number / seconds:.1f} a second")


def tested(name, seconds, out):
    if name == "interleave":
        runs, instructions, stores, tries = sums(
            r"# \d+ scenarios, (\d+) runs, (\d+) instructions, (\d+) stores, (\d+) tries", out)
        needless, audited = sums(r"warm: (\d+) of (\d+) invalidations", out)
        scenarios = re.search(r"# (\d+) scenarios", out).group(1)
        line("interleavings explored", f"{scenarios} scenarios in {runs} runs: {instructions:,} instructions, "
             f"{stores:,} stores, {tries:,} accesses between them, {tries / seconds:,.0f} a second; "
             f"{needless} of {audited} invalidations were not needed")
    elif name == "inject":
        for operations, number, what in re.findall(r"# (\d+) operations, (\d+) (.*)", out):
            line("injected", f"{int(number):,} {what}, in {operations} operations")
    elif name == "soak_all":
        operations, refused, accesses = sums(r": (\d+) operations, (\d+) refused, (\d+) accesses", out)
        line("soak", f"{operations:,} operations, {refused:,} refused, {accesses:,} accesses compared, "
             f"{operations / seconds:,.0f} operations a second")
    elif name in ("random", "qemu_random"):
        found = sums(r"# (\d+) seeds, (\d+) operations, (\d+) transactions", out)
        if found:
            where = "model and dictionary" if name == "random" else "model, QEMU and dictionary"
            line("random sequences", f"{where}: {found[0]:,} sequences, {found[1]:,} operations, {found[2]:,} transactions, "
                 f"{found[2] / seconds:,.0f} a second")
    elif name == "spin":
        states = [int(float(n)) for n in re.findall(r": whole, ([0-9.e+]+) states", out)]
        broken = len(re.findall(r"^ok .*: broken,", out, re.M))
        line("protocols", f"{len(states)} models whole, {sum(states):,} states; {broken} broken ones found broken")
    elif name == "table_corpus":
        fields = re.search(r"# (.*fields.*)", out)
        line("real tables", fields.group(1) if fields else "none here: skipped")


def fuzzed(build):
    path = os.path.join(build, "fuzz", "executions.txt")
    if not os.path.exists(path):
        line("fuzzers", "have not run")
        return
    total = {}
    with open(path, encoding="utf-8") as file:
        for words in (text.split() for text in file):
            had = total.get(words[0], (0, 0))
            total[words[0]] = (had[0] + int(words[1]), had[1] + int(words[2]))
    for name, (executions, seconds) in sorted(total.items()):
        line("executions fuzzed", f"{name}: {executions:,} in {seconds:,} s, {executions / max(seconds, 1):,.0f} a second")
    line("executions fuzzed", f"{sum(t[0] for t in total.values()):,} in all, in this folder")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    tests = results(sys.argv[1])
    cases(sys.argv[1], tests)
    for name, seconds, out in tests:
        tested(name, seconds, out)
    fuzzed(sys.argv[2])


if __name__ == "__main__":
    main()
