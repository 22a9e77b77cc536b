#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""end_rows.py KERNEL MODE COUNTS CONSOLE: guest instructions per 4 KiB that a driver moved

COUNTS has a line for each pass, in the order in which CONSOLE names them. The first pass of each
workload warms caches up and is left out.
"""
import json
import re
import sys


def main():
    kernel, mode, counts, console = sys.argv[1:]
    with open(counts, encoding="ascii") as file:
        passes = [int(line.split()[1]) for line in file if line.startswith("count ")]
    workloads = []
    with open(console, encoding="utf-8", errors="replace") as file:
        text = file.read()
    broken = mode.startswith("linux-") and "\nend 0" not in text and "\nworkload ahci-1M" in text
    if broken:
        # The emulator's disk adapter gives up under Linux's own driver: what came before counts.
        text = text[:text.index("\nworkload ahci-1M")] + "\nend 0"
        print(f"{mode}, {kernel}: ahci-1M is missing: QEMU did not finish it", file=sys.stderr)
    if "\nend 0" not in text or re.search(r"[ :]fault |WARNING:|BUG:|Oops", text):
        sys.exit(f"{mode}, {kernel}: the guest did not come to a clean end")
    for line in text.splitlines():
        if line.startswith("workload "):
            workloads.append((line.split()[1], []))
        elif line.startswith("pass "):
            workloads[-1][1].append(int(line.split()[1]))
    if broken:
        passes = passes[:sum(len(sizes) for _, sizes in workloads)]
    if sum(len(sizes) for _, sizes in workloads) != len(passes) or not passes:
        sys.exit(f"{mode}, {kernel}: {len(passes)} passes were counted, not those that were made")
    for name, sizes in workloads:
        counted, passes = passes[:len(sizes)], passes[len(sizes):]
        each = sorted(n * 4096 / size for n, size in zip(counted[1:], sizes[1:]) if size > 0)
        if len(each) != len(sizes) - 1 or not each:
            sys.exit(f"{mode}, {kernel}: {name} moved nothing")
        print(json.dumps({
            "what": "end-to-end", "size": name, "mode": mode, "passes": len(each),
            "min": round(each[0]), "median": round(each[len(each) // 2]), "max": round(each[-1]),
            "unit": "instructions per 4 KiB", "kernel": kernel}))


if __name__ == "__main__":
    main()
