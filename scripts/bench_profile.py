#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What `run=bench bench.profile` of the reference kernel printed, by function.

  bench_profile.py IMAGE [--inline | --lines | --trace] < kernel's output

Without an option: instructions of each function as it was linked, per transfer (an average of all
that were stepped). --inline: by the function that the source has, inlined or not. --lines: by
source line. --trace: each instruction of the last transfer in its order.
"""
import collections
import os
import re
import subprocess
import sys

HIGH = 0xFFFFFFFF00000000
PHASES = ["load", "sync-pre", "sync-post", "unload"]


class Image:
    def __init__(self, path):
        self.path = path
        self.symbols = []
        for line in self.run("nm", "-n", "--defined-only", path).splitlines():
            address, kind, name = line.split()[:3]
            if kind in "tT":
                self.symbols.append((int(address, 16), name))
        self.places = {}

    @staticmethod
    def run(*command, text=None):
        return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout

    def symbol(self, address):
        import bisect

        at = bisect.bisect_right(self.symbols, (address, chr(0x10FFFF))) - 1
        return self.symbols[at][1]

    def resolve(self, addresses):
        """address: (innermost function, file:line), for all at once."""
        text = "".join(f"{a:x}\n" for a in sorted(addresses))
        lines = self.run("addr2line", "-e", self.path, "-f", "-i", "-a", text=text).splitlines()
        address = None
        for number, line in enumerate(lines):
            if line.startswith("0x"):
                address = int(line, 16)
                where = re.sub(r" \(discriminator.*", "", lines[number + 2])
                self.places[address] = (lines[number + 1], short(where))

    def code(self):
        """address: the instruction's text."""
        found = {}
        out = self.run("objdump", "-d", "--no-show-raw-insn", self.path)
        for match in re.finditer(r"^\s*([0-9a-f]+):\t(.*)$", out, re.M):
            found[int(match[1], 16)] = match[2]
        return found


def short(where):
    """src/mapping/window.c:12 of a path relative to the build folder or absolute."""
    path, _, line = where.rpartition(":")
    path = os.path.normpath(path)
    for top in ("src/", "ports/", "include/"):
        if "/" + top in path:
            path = top + path.split("/" + top, 1)[1]
            break
    return f"{path}:{line}"


def read(stream):
    counts = {phase: collections.Counter() for phase in PHASES}
    trace = []
    rounds = 0
    for line in stream:
        word = line.split()
        if not word:
            continue
        if word[0] == "profile":
            counts[word[1]][HIGH | int(word[2], 16)] += int(word[3])
        elif word[0] == "trace":
            trace.append((word[1], HIGH | int(word[2], 16)))
        elif word[0] == "rounds":
            rounds = int(word[1])
    return counts, trace, rounds


def table(counts, rounds, name_of):
    by_name = collections.defaultdict(lambda: dict.fromkeys(PHASES, 0))
    for phase, of_phase in counts.items():
        for address, count in of_phase.items():
            by_name[name_of(address)][phase] += count
    shown = [p for p in ("load", "unload", "sync-pre", "sync-post")]
    print("".join(f"{p:>10}" for p in shown) + "  function, instructions per transfer")
    order = sorted(by_name.items(), key=lambda i: (-i[1]["load"] - i[1]["unload"], i[0]))
    for name, row in order:
        print("".join(figure(row[p] / rounds) for p in shown) + f"  {name}")
    sums = [sum(row[p] for row in by_name.values()) / rounds for p in shown]
    print("".join(figure(s) for s in sums) + f"  together (load + unload: {sums[0] + sums[1]:.10g})")


def figure(value):
    if value == 0:
        return f"{'':>10}"
    return f"{value:>10.0f}" if value == int(value) else f"{value:>10.1f}"


def print_trace(image, trace):
    code = image.code()
    last = None
    for phase, address in trace:
        function, where = image.places[address]
        if (phase, function, where) != last:
            print(f"-- {phase}: {function} {where}")
            last = (phase, function, where)
        print(f"{address:x}  {code.get(address, '?')}")


def main():
    image = Image(sys.argv[1])
    how = sys.argv[2] if len(sys.argv) > 2 else ""
    counts, trace, rounds = read(sys.stdin)
    if rounds == 0 or not any(counts.values()):
        sys.exit("bench: the kernel gave no profile")
    image.resolve({a for c in counts.values() for a in c} | {a for _, a in trace})
    if how == "--trace":
        print_trace(image, trace)
    elif how == "--inline":
        table(counts, rounds, lambda a: image.places[a][0])
    elif how == "--lines":
        table(counts, rounds, lambda a: "{1} {0}".format(*image.places[a]))
    else:
        table(counts, rounds, image.symbol)


if __name__ == "__main__":
    main()
