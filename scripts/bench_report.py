#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""docs/PERFORMANCE.md brought up to date: bench_report.py DOCUMENT FOLDER < lines

What stands between "<!-- bench: NAME -->" and "<!-- end -->" is replaced by the table of that name
where the lines of ./bench have something for it; the pictures in FOLDER are drawn again.
"""
import contextlib
import io
import re
import sys

import bench_linux
import bench_plots
import bench_table


def tables(lines):
    rows = bench_table.kernel_rows(lines)
    writer = bench_table.Writer(True)
    return {
        "targets": lambda: bench_table.target_table(writer, rows),
        "kernel": lambda: bench_table.kernel_table(writer, rows),
        "churn": lambda: bench_table.churn_table(writer, rows),
        "interrupts": lambda: bench_table.interrupt_table(writer, rows),
        "sync": lambda: bench_table.sync_table(writer, rows),
        "linux-targets": lambda: bench_linux.target_table(writer, lines),
        "linux-calls": lambda: bench_linux.calls_table(writer, lines),
        "linux-end": lambda: bench_linux.end_table(writer, lines),
        "host": lambda: bench_table.host_tables(writer, lines),
    }


def render(function):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        function()
    return out.getvalue().strip()


def main():
    document, folder = sys.argv[1:3]
    lines = bench_table.read(sys.stdin)
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
