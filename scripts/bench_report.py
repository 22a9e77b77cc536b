#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""docs/PERFORMANCE.md brought up to date: bench_report.py DOCUMENT FOLDER < lines

FOLDER/rows.json has every line that the document stands on, one object a line, each with the commit
that was measured. New lines take the place of those that say the same of an older commit. What stands
between "<!-- bench: NAME -->" and "<!-- end -->" is then replaced by the table of that name where
there are lines for it, and the pictures in FOLDER are drawn again.
"""
import contextlib
import io
import json
import os
import re
import subprocess
import sys

import bench_linux
import bench_plots
import bench_table


# What a line is about; all else in it is what was measured.
ABOUT = ("kernel", "what", "size", "mode", "live", "unit", "tables", "fragmented", "spread", "threads",
         "processors", "wait_ns", "workload")


def about(line):
    return tuple(str(line.get(key)) for key in ABOUT)


def commit():
    """Of the tree that is measured; with a mark where it has changes that nobody has recorded."""
    found = subprocess.run(["git", "describe", "--always", "--dirty", "--exclude", "*"],
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    return found.stdout.strip() or "unknown"


def merged(path, new):
    """All lines that the document stands on; writes them back."""
    lines = {}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            lines = {about(line): line for line in bench_table.read(file)}
    now = commit()
    for line in new:
        lines[about(line)] = {**line, "commit": now}
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines.values())
    return list(lines.values())


def measured_table(writer, lines):
    """Which library each part of the document is of."""
    parts = {"reference kernel": [], "Linux": [], "host": []}
    for line in lines:
        part = "Linux" if "kernel" in line else "reference kernel" if line.get("unit") == "instructions" \
            and "live" in line else "host"
        parts[part].append(line)
    writer.write("what the figures are of", ["part", "commit of the library"],
                 [[part, ", ".join(dict.fromkeys(line["commit"] for line in its))
                   or "before the redesign of the upper half; no rows were kept"]
                  for part, its in parts.items()])


def tables(lines):
    rows = bench_table.kernel_rows(lines)
    writer = bench_table.Writer(True)
    newest = bench_linux.KERNELS[-1:]
    return {
        "measured": lambda: measured_table(writer, lines),
        "targets": lambda: bench_table.target_table(writer, rows),
        "kernel": lambda: bench_table.kernel_table(writer, rows),
        "interrupts": lambda: bench_table.interrupt_table(writer, rows),
        "linux-calls": lambda: bench_linux.calls_table(writer, lines, newest),
        "linux-end": lambda: bench_linux.end_table(writer, lines, newest),
        "host": lambda: bench_table.host_tables(writer, lines),
    }


def render(function):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        function()
    return out.getvalue().strip()


def main():
    document, folder = sys.argv[1:3]
    lines = merged(os.path.join(folder, "rows.json"), bench_table.read(sys.stdin))
    with open(document, encoding="utf-8") as file:
        text = file.read()
    for name, function in tables(lines).items():
        table = render(function)
        pattern = rf"(<!-- bench: {name} -->\n).*?(<!-- end -->)"
        if not re.search(pattern, text, re.S):
            sys.exit(f"bench: {document} has no place for the table {name}")
        if table:
            text = re.sub(pattern, lambda m, t=table: m[1] + t + "\n" + m[2], text, flags=re.S)
    with open(document, "w", encoding="utf-8") as file:
        file.write(text)
    bench_plots.plot_all(lines, folder)


if __name__ == "__main__":
    main()
