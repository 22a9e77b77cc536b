#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""profile.py COUNTS CONSOLE SYMBOLS: which functions the instructions between two marks are in

COUNTS is what tests/linux/count/count.c writes with by=address; the last pair of marks counts.
CONSOLE has the modules' symbols in lines "symbol ADDRESS TYPE NAME [MODULE]", SYMBOLS the kernel's.
"""
import bisect
import sys


def main():
    symbols = []
    for name in sys.argv[2:4]:
        with open(name, encoding="utf-8", errors="replace") as file:
            for line in file:
                words = line.split()
                if len(words) >= 4 and words[0] == "symbol" and words[2] in "tTwW":
                    symbols.append((int(words[1], 16), " ".join(words[3:5])))
    if not any(" [" in name for _, name in symbols):
        sys.exit("the guest did not tell where its functions are")
    symbols.sort()
    starts = [address for address, _ in symbols]
    sums, entries, total = {}, {}, 0
    with open(sys.argv[1], encoding="ascii") as file:
        for line in file:
            words = line.split()
            if words[0] == "count":
                sums, entries, total = {}, {}, 0
                continue
            address, count = int(words[1], 16), int(words[2])
            index = bisect.bisect_right(starts, address) - 1
            name = symbols[index][1] if index >= 0 else "?"
            sums[name] = sums.get(name, 0) + count
            if index >= 0 and starts[index] == address:
                entries[name] = count
            total += count
    for name, count in sorted(sums.items(), key=lambda item: -item[1]):
        print(f"{count:8} {100 * count / total:5.1f} %  {entries.get(name, ''):>6}  {name}")
    print(f"{total:8}          all, with the two marks")


if __name__ == "__main__":
    main()
