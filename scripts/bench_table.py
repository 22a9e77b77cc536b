#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The JSON lines of ./bench as tables for people: bench_table.py [--markdown] < lines

Beside the reference kernel's figures stands what the peers pay for the same (bench_peers.py), and
the project's own targets with whether they were reached.
"""
import json
import sys

import bench_linux
import bench_peers as peers


class Writer:
    """A table, either aligned for a terminal or in Markdown."""

    def __init__(self, markdown):
        self.markdown = markdown

    def write(self, title, header, rows):
        if not rows:
            return
        rows = [[cell(value) for value in row] for row in rows]
        if self.markdown:
            print(f"**{title}**\n")
            print("| " + " | ".join(header) + " |")
            print("|" + "---|" + "---:|" * (len(header) - 1))
            for row in rows:
                print("| " + " | ".join(row) + " |")
            print()
            return
        widths = [max(len(r[i]) for r in [header, *rows]) for i in range(len(header))]
        print(f"\n{title}")
        for row in [header, *rows]:
            print("  " + row[0].ljust(widths[0])
                  + "".join("  " + c.rjust(w) for c, w in zip(row[1:], widths[1:])))


def cell(value):
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.2f}" if value < 10 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def ratio(ours, theirs):
    return ours / theirs if theirs else None


# ---- the reference kernel ----


def kernel_rows(lines):
    """(size, mode, live): {what: line}"""
    rows = {}
    for line in lines:
        if line.get("unit") == "instructions" and "live" in line and "kernel" not in line:
            key = (str(line["size"]), line["mode"], line["live"])
            rows.setdefault(key, {})[line["what"]] = line
    return rows


def kernel_table(writer, rows):
    header = ["size", "live", "load", "unload", "both", "min", "p99", "max", "Linux 6.12", "ratio",
              "Linux 6.1", "ratio", "FreeBSD 12.1", "ratio"]
    for mode in peers.MODES:
        table = []
        for (size, row_mode, live), what in rows.items():
            if row_mode != mode or size == "random":
                continue
            both = what["load+unload"]
            row = [size, live, what["load"]["median"], what["unload"]["median"], both["median"],
                   both["min"], both["p99"], both["max"]]
            for system in ("linux-6.12", "linux-6.1", "freebsd"):
                theirs = peers.cost(system, size, mode)
                row += [theirs, ratio(both["median"], theirs)]
            table.append(row)
        writer.write(f"{mode}: guest instructions, medians; min, p99 and max of load + unload",
                     header, table)


def sync_table(writer, rows):
    table = []
    for (size, mode, live), what in rows.items():
        if "sync-pre" in what:
            theirs = peers.BOUNCE_SYNC.get(size)
            table.append([size, live, what["sync-pre"]["median"], what["sync-post"]["median"],
                          theirs])
    writer.write("bounce: guest instructions of a sync, medians (a repeated string instruction "
                 "counts once for each turn)",
                 ["size", "live", "sync before", "sync behind", "FreeBSD, each"], table)


def churn_table(writer, rows):
    header = ["mode", "live", "load", "p99", "p99/median", "max", "load+unload", "p99",
              "p99/median", "Linux 6.12: load", "p99", "p99/median"]
    table = []
    for (size, mode, live), what in rows.items():
        if size != "random":
            continue
        load, both = what["load"], what["load+unload"]
        theirs = peers.CHURN.get((mode.replace("-dynamic", ""), live))
        table.append([mode, live, load["median"], load["p99"], load["p99"] / load["median"],
                      load["max"], both["median"], both["p99"], both["p99"] / both["median"],
                      *(theirs and [theirs[0], theirs[1], theirs[1] / theirs[0]] or [None] * 3)])
    writer.write("random sizes, 4 KiB to 1 MiB, 20,000 times one goes and another comes: guest "
                 "instructions", header, table)


def interrupt_table(writer, rows):
    table = []
    for (size, mode, live), what in rows.items():
        if mode != "interrupts":
            continue
        for step, line in what.items():
            whole, without = peers.INTERRUPT.get(step, {}).get("linux-6.12", (None, None))
            table.append([step, live, line["median"], line["p99"], line["max"], whole, without])
    writer.write("an entry of the interrupt remapping table: guest instructions (Linux: its own records "
                 "and the vector as well, with and without remapping)",
                 ["", "others", "median", "p99", "max", "Linux 6.12", "without remapping"], table)


def retarget_alone(rows):
    """
    Another target for a live interrupt, less the invalidation that is in it. The first target is the
    same without one, where the unit caches nothing absent: the larger of both figures counts.
    """
    what = rows.get(("entry", "interrupts", 0))
    return what and max(what["set"]["median"],
                        what["re-target"]["median"] - what["invalidate"]["median"])


def targets(rows):
    """What was to be reached: (what, limit, what it is now or None)."""

    def now(size, mode, live=0):
        what = rows.get((size, mode, live))
        return what and what["load+unload"]["median"]

    result = [(text, limit, now(size, mode)) for text, size, mode, limit in peers.TARGETS]
    for mode in ("strict", "deferred", "strict-dynamic", "deferred-dynamic"):
        churn = rows.get(("random", mode, 4096))
        value = churn and churn["load+unload"]["p99"] / churn["load+unload"]["median"]
        result.append((f"random sizes, 4,096 live, {mode}: p99 by median", 2.0, value))
    result.append(("another target for an interrupt, without the invalidation", peers.RETARGET_TARGET,
                   retarget_alone(rows)))
    return result


def target_table(writer, rows):
    table = [[text, limit, value, "reached" if value <= limit else "NOT reached"]
             for text, limit, value in targets(rows) if value is not None]
    writer.write("targets (load + unload, instructions, no other mapping live)",
                 ["", "at most", "now", ""], table)


# ---- the host ----


def host_tables(writer, lines):
    lines = [line for line in lines if "kernel" not in line]
    table = []
    for line in lines:
        if line["mode"] == "table":
            theirs = peers.GENERIC_PT.get((line["what"], line["size"]))
            kept = line["tables"] == "kept"
            table.append([line["what"], line["size"], line["tables"], line["avg"], line["min"],
                          line["median"], *(theirs if kept else (None, None))])
    writer.write("map and unmap of a domain, ns (Linux: generic_pt's published figures, table code "
                 "alone, on other hardware)",
                 ["call", "size", "tables", "avg", "min", "median", "Linux avg", "Linux min"], table)
    writer.write("guest addresses alone, ns",
                 ["call", "live", "fragmented", "min", "median", "p99", "avg"],
                 [[r["what"], r["live"], str(r["fragmented"]).lower(), r["min"], r["median"],
                   r["p99"], r["avg"]] for r in lines if r["mode"] == "iova"])
    threads = [r for r in lines if "threads" in r]
    writer.write("load + unload of 4 KiB by threads, on one device, a device each, a unit each",
                 ["mode", "spread", "threads", "processors", "per second", "ns each",
                  "waits per unload"],
                 [[r["mode"], r["spread"], r["threads"], r["processors"],
                   int(r["per_second"]), r["avg"], r["waits_per_unload"]] for r in threads])
    writer.write("load + unload of 4 KiB on one device where a wait takes the unit some time, in "
                 "virtual time",
                 ["mode", "wait ns", "processors", "per second", "ns each", "waits per unload"],
                 [[r["mode"], r["wait_ns"], r["processors"], int(r["per_second"]), r["avg"],
                   r["waits_per_unload"]] for r in lines if "wait_ns" in r])
    writer.write("memory for 1 GiB mapped, in buffers of one size, bytes",
                 ["buffers of", "count", "tables", "other objects"],
                 [[r["size"], r["live"], r["tables"], r["objects"]] for r in lines
                  if r["what"] == "memory"])
    writer.write("4 KiB load + unload on the host, counted by callgrind", ["", "instructions"],
                 [["strict, window", r["avg"]] for r in lines if r["mode"] == "callgrind"])


def read(stream):
    return [json.loads(line) for line in stream if line.startswith("{")]


def write_all(writer, lines):
    rows = kernel_rows(lines)
    kernel_table(writer, rows)
    sync_table(writer, rows)
    churn_table(writer, rows)
    interrupt_table(writer, rows)
    target_table(writer, rows)
    host_tables(writer, lines)
    bench_linux.write_all(writer, lines)


if __name__ == "__main__":
    write_all(Writer("--markdown" in sys.argv[1:]), read(sys.stdin))
