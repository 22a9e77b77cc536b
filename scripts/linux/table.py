#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""table.py --text|--markdown CONSOLE: the table of devices that a guest has printed, for people."""
import re
import sys

COLUMNS = ["device", "driver", "mode", "MiB mapped", "maps", "pieces", "coherent KiB", "faults"]


def rows(path):
    with open(path, errors="replace") as file:
        text = file.read()
    match = re.search(r"^-- table\n(.*?)^-- end of the table", text, re.S | re.M)
    for line in match.group(1).splitlines() if match else []:
        address, rest = line.split(" ", 1)
        field = dict(re.findall(r'(\w+)=("[^"]*"|\S*)', rest))
        if field.get("driver", "-") == "-":
            continue
        translated = field["mode"] == "translate"
        count = (lambda value: f"{int(value):,}") if translated else (lambda value: "-")
        yield [
            address,
            field["driver"],
            field["mode"],
            f"{int(field['bytes']) / 1048576:,.1f}" if translated else "-",
            count(field["maps"]),
            count(field["pieces"]),
            f"{int(field['coherent']) // 1024:,}" if translated else "-",
            f"{int(field['faults']):,}",
        ]


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ("--text", "--markdown"):
        sys.exit(__doc__)
    table = [COLUMNS, *rows(sys.argv[2])]
    if sys.argv[1] == "--markdown":
        table.insert(1, ["---"] * 3 + ["---:"] * 5)
        for row in table:
            print("| " + " | ".join(row) + " |")
        return
    widths = [max(len(row[i]) for row in table) for i in range(len(COLUMNS))]
    for row in table:
        print("  ".join(cell.ljust(w) if i < 3 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths))))


if __name__ == "__main__":
    main()
