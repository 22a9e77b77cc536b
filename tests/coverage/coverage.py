#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""coverage.py BUILD: line and branch coverage of src/ from the unit tests' gcov data in a build folder.

Every line and branch that no test has reached needs a reason in excuses.txt next to this script; a
reason that nothing needs any more is an error too, so that the list stays true.

An excuse is a line "FILE: FUNCTION: SOURCE LINE" and below it, indented, the reason. It goes for
everything uncovered on that source line in that function, wherever the line has moved to. Lines of
functions that the compiler always puts in line have no function of their own: FUNCTION is "-", and
there are as many branches as copies, some of which cannot be taken where an argument is constant.
"""
import argparse
import collections
import gzip
import json
import os
import re
import subprocess
import sys

LINES_WANTED, BRANCHES_WANTED = 95.0, 90.0
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


class Line:
    def __init__(self):
        self.count = 0
        self.function = "-"
        self.branches = collections.Counter()  # index: times taken
        self.known = 0  # branches of the line


def gcov_documents(build):
    """What gcov says of each object file of the library, and of the test of what is only in headers."""
    notes = []
    for folder in (os.path.join(build, "src", "libudmar.a.p"),
                   os.path.join(build, "tests", "unit", "test_text.p")):
        if os.path.isdir(folder):
            notes += sorted(os.path.join(folder, f) for f in os.listdir(folder) if f.endswith(".gcno"))
    for name in notes:
        out = subprocess.run(["gcov", "--json-format", "--branch-probabilities", "--stdout", name],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout
        if out[:2] == b"\x1f\x8b":
            out = gzip.decompress(out)
        for text in out.splitlines():
            if text.strip():
                yield json.loads(text)


def gather(build):
    """{file: {number: Line}}; what several object files have of a header is added up."""
    files = collections.defaultdict(lambda: collections.defaultdict(Line))
    for document in gcov_documents(build):
        base = document.get("current_working_directory", build)
        for file in document["files"]:
            path = os.path.relpath(os.path.realpath(os.path.join(base, file["file"])), ROOT)
            if not path.startswith("src" + os.sep):
                continue
            for item in file["lines"]:
                line = files[path][item["line_number"]]
                line.count += item["count"]
                line.function = item.get("function_name", line.function) or line.function
                for index, branch in enumerate(item["branches"]):
                    if branch.get("throw"):
                        continue
                    line.branches[index] += branch["count"]
                    line.known = max(line.known, index + 1)
    return files


def source_lines(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return [""] + [line.strip() for line in file]


def read_excuses(path):
    """{(file, function, source line): reason}"""
    excuses, key = {}, None
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip() or line.startswith("#"):
                continue
            if line[0] in " \t":
                if key is None:
                    sys.exit(f"{path}:{number}: a reason without a line that it is for")
                excuses[key] = (excuses[key] + " " + line.strip()).strip()
                continue
            match = re.match(r"(\S+): (\S+): (.*\S)\s*$", line)
            if match is None:
                sys.exit(f"{path}:{number}: neither FILE: FUNCTION: LINE nor a reason")
            key = match.groups()
            if key in excuses:
                sys.exit(f"{path}:{number}: excused twice")
            excuses[key] = ""
    for key, reason in excuses.items():
        if not reason:
            sys.exit(f"{path}: no reason for {': '.join(key)}")
    return excuses


def share(part, whole):
    return 100.0 if whole == 0 else 100.0 * part / whole


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--all", action="store_true", help="list what is excused, too")
    options = parser.parse_args()
    excuses = read_excuses(os.path.join(HERE, "excuses.txt"))
    files = gather(options.build)
    if not files:
        sys.exit(f"{options.build} has no coverage data: run its unit tests first")

    used, bare, total = set(), [], [0, 0, 0, 0]
    print(f"{'file':34} {'lines':>11} {'':>7} {'branches':>11}")
    for path in sorted(files):
        source = source_lines(path)
        numbers = [0, 0, 0, 0]
        for number, line in sorted(files[path].items()):
            taken = sum(1 for index in range(line.known) if line.branches[index] > 0)
            numbers[0] += line.count > 0
            numbers[1] += 1
            numbers[2] += taken
            numbers[3] += line.known
            if line.count > 0 and taken == line.known:
                continue
            key = (path, line.function, source[number])
            what = "never run" if line.count == 0 else f"{line.known - taken} of {line.known} branches not taken"
            text = f"{path}:{number}: {line.function}: {source[number]}  ({what})"
            if key in excuses:
                used.add(key)
                if options.all:
                    print(f"  excused: {text}: {excuses[key]}")
            else:
                bare.append(text)
        total = [a + b for a, b in zip(total, numbers)]
        print(f"{path:34} {numbers[0]:5}/{numbers[1]:<5} {share(*numbers[:2]):6.1f}% "
              f"{numbers[2]:5}/{numbers[3]:<5} {share(*numbers[2:]):6.1f}%")
    lines, branches = share(*total[:2]), share(*total[2:])
    print(f"{'all':34} {total[0]:5}/{total[1]:<5} {lines:6.1f}% {total[2]:5}/{total[3]:<5} {branches:6.1f}%")
    print(f"{len(used)} source lines are excused")

    problems = 0
    for text in bare:
        print(f"no test and no reason: {text}")
        problems += 1
    for key in sorted(set(excuses) - used):
        print(f"excused though nothing is uncovered there: {': '.join(key)}")
        problems += 1
    if lines < LINES_WANTED or branches < BRANCHES_WANTED:
        print(f"below {LINES_WANTED}% of lines or {BRANCHES_WANTED}% of branches")
        problems += 1
    print(f"coverage: {problems} problems")
    sys.exit(problems != 0)


if __name__ == "__main__":
    main()
