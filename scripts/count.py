#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""count.py BROKEN DIR|TAP...: adds up the test points that meson has written down in each build folder,
and those of files with TAP.

A test program with points of its own (TAP) counts by its points; where all of them are right and it
ended in an error all the same (a sanitizer's, say, at its exit), that is one failure more. BROKEN builds
count as failures.
"""
import json
import os
import re
import sys
import xml.etree.ElementTree as tree


BAD = {"FAIL", "ERROR", "TIMEOUT", "INTERRUPT", "UNEXPECTEDPASS"}


def ends(directory):
    """{name: how it ended} of the programs that did not end well, whatever their points say."""
    with open(os.path.join(directory, "testlog.json"), encoding="utf-8") as file:
        tests = [json.loads(line) for line in file if line.strip()]
    return {t["name"]: f"{t['result'].lower()}, exit status {t['returncode']}" for t in tests if t["result"] in BAD}


def count(directory):
    passed = failed = skipped = 0
    wrong = ends(directory)
    for suite in tree.parse(os.path.join(directory, "testlog.junit.xml")).getroot().iter("testsuite"):
        before = failed
        for case in suite.iter("testcase"):
            if case.find("failure") is not None or case.find("error") is not None:
                failed += 1
                wrong.pop(case.get("name"), None)
                print(f"failed: {suite.get('name')}: {case.get('name')}")
            elif case.find("skipped") is not None:
                skipped += 1
            else:
                passed += 1
        how = wrong.pop(suite.get("name").split(".", 1)[-1], None)
        # A program that broke off counts once more: its points do not show it.
        if int(suite.get("errors", "0")) > 0 or (how and failed == before):
            failed += 1
            print(f"failed: {suite.get('name')}: the program ended in an error ({how or 'it broke off'})")
    for name, how in wrong.items():
        failed += 1
        print(f"failed: {name}: {how}")
    return passed, failed, skipped


def count_tap(path):
    passed = failed = skipped = 0
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if re.match(r"ok\b.*# SKIP", line) or re.match(r"1\.\.0 # SKIP", line):
                skipped += 1
            elif re.match(r"ok\b", line):
                passed += 1
            elif re.match(r"(not ok|Bail out!)", line):
                failed += 1
                print(f"failed: {line.strip()}")
    return passed, failed, skipped


def main():
    total = [0, int(sys.argv[1]), 0]
    for directory in sys.argv[2:]:
        logs = os.path.join(directory, "meson-logs")
        if os.path.isfile(directory):
            total = [a + b for a, b in zip(total, count_tap(directory))]
        elif os.path.exists(os.path.join(logs, "testlog.junit.xml")):
            total = [a + b for a, b in zip(total, count(logs))]
    line = f"{total[0]} passed, {total[1]} failed"
    if total[2]:
        line += f", {total[2]} skipped"
    print(line)
    sys.exit(0 if total[1] == 0 and total[0] > 0 else 1)


if __name__ == "__main__":
    main()
