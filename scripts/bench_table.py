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


CASES = {"4096": "4 KiB", "65536": "64 KiB", "2097152": "2 MiB aligned",
         "2097152+1048576": "2 MiB unaligned", "256x4096": "256 scattered pages",
         "random": "random sizes"}
TRANSLATED = ["strict", "deferred", "strict-dynamic", "deferred-dynamic"]


def case(size):
    return CASES.get(size, size)


def both(rows, size, mode, live=0):
    what = rows.get((size, mode, live))
    return what["load+unload"]["median"] if what and "load+unload" in what else None


def measured(rows, sizes, modes):
    return any(both(rows, size, mode) is not None for size in sizes for mode in modes)


def case_table(writer, rows, title, modes, rivals):
    """One row a case; @rivals: [(column, system, mode)]."""
    sizes = [size for size in CASES if size != "random"]
    modes = [mode for mode in modes if measured(rows, sizes, [mode])]
    table = [[case(size), *(both(rows, size, mode) for mode in modes),
              *(peers.cost(system, size, theirs) for _, system, theirs in rivals)]
             for size in sizes if measured(rows, [size], modes)]
    writer.write(title, ["case", *modes, *(column for column, _, _ in rivals)], table)


def live_table(writer, rows):
    """Other mappings that are live cost something: only these rows."""
    table = []
    for (size, mode, live) in rows:
        alone, now = both(rows, size, mode), both(rows, size, mode, live)
        if size in CASES and size != "random" and alone and now and abs(now - alone) * 50 > alone:
            table.append([case(size), mode, live, alone, now])
    writer.write("where other live mappings make a difference of more than 2 in 100",
                 ["case", "mode", "live", "alone", "beside them"], table)


def kernel_table(writer, rows):
    """Each mode with its caching mode beside it."""
    modes = [mode + more for mode in TRANSLATED for more in ("", "-caching")]
    case_table(writer, rows, "guest instructions of load + unload, medians, no other mapping live",
               modes, [("Linux 6.12, strict", "linux-6.12", "strict"),
                       ("Linux 6.12, deferred", "linux-6.12", "deferred"),
                       ("FreeBSD 12.1, strict", "freebsd", "strict")])
    live_table(writer, rows)
    untranslated_table(writer, rows)


def untranslated_table(writer, rows):
    """With what a bounced transfer pays on top at each sync, where a repeated string instruction
    counts once for each turn."""
    table = []
    for size in CASES:
        if not measured(rows, [size], ["passthrough", "bounce"]):
            continue
        sync = rows.get((size, "bounce", 0), {})
        table.append([case(size), both(rows, size, "passthrough"),
                      *(peers.cost(system, size, "passthrough") for system in ("linux-6.12", "freebsd")),
                      both(rows, size, "bounce"), peers.cost("freebsd", size, "bounce"),
                      *(sync[what]["median"] if what in sync else None for what in ("sync-pre", "sync-post")),
                      peers.BOUNCE_SYNC.get(size)])
    writer.write("without translation, and the syncs of what bounces",
                 ["case", "passthrough", "Linux 6.12", "FreeBSD 12.1", "bounce", "FreeBSD 12.1",
                  "sync before", "sync behind", "FreeBSD 12.1, each"], table)


def churn_table(writer, rows):
    table = []
    for (size, mode, live), what in rows.items():
        if size != "random" or live != 4096:
            continue
        whole = what["load+unload"]
        theirs = peers.CHURN.get((mode.removesuffix("-caching").removesuffix("-dynamic"), live))
        table.append([mode, whole["median"], whole["p99"], whole["p99"] / whole["median"],
                      theirs and theirs[1] / theirs[0]])
    writer.write("random sizes, 4 KiB to 1 MiB, 4,096 live, 20,000 times one goes and another comes: "
                 "load + unload", ["mode", "median", "p99", "p99/median", "Linux 6.12, map alone"], table)


def interrupt_table(writer, rows):
    table = []
    for (size, mode, live), what in rows.items():
        if mode != "interrupts":
            continue
        alone = rows.get((size, mode, 0), {})
        for step, line in what.items():
            if live != 0 and step in alone and alone[step]["median"] == line["median"]:
                continue
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
    """What was to be reached: (what, limit, what it is now or None, Linux 6.12; of random sizes its map)."""

    def now(size, mode, live=0):
        what = rows.get((size, mode, live))
        return what and what["load+unload"]["median"]

    result = [(text, limit, now(size, mode), peers.cost("linux-6.12", size, mode))
              for text, size, mode, limit in peers.TARGETS]
    for mode in ("strict", "deferred", "strict-dynamic", "deferred-dynamic"):
        churn = rows.get(("random", mode, 4096))
        value = churn and churn["load+unload"]["p99"] / churn["load+unload"]["median"]
        theirs = peers.CHURN[mode.removesuffix("-dynamic"), 4096]
        result.append((f"random sizes, 4,096 live, {mode}: p99 by median", 2.0, value,
                       theirs[1] / theirs[0]))
    result.append(("another target for an interrupt, without the invalidation", peers.RETARGET_TARGET,
                   retarget_alone(rows), None))
    return result


def target_table(writer, rows):
    table = [[text, limit, value, "reached" if value <= limit else "NOT reached", theirs]
             for text, limit, value, theirs in targets(rows) if value is not None]
    writer.write("targets (load + unload, instructions, no other mapping live)",
                 ["", "at most", "now", "", "Linux 6.12"], table)


# ---- the host ----


def host_tables(writer, lines):
    lines = [line for line in lines if "kernel" not in line]
    kept = {(r["size"], r["what"]): r for r in lines if r["mode"] == "table" and r["tables"] == "kept"}
    table = []
    for size in dict.fromkeys(size for size, _ in kept):
        row = [size]
        for call in ("map", "unmap"):
            ours, theirs = kept.get((size, call)), peers.GENERIC_PT.get((call, size))
            row += [ours and ours["min"], ours and ours["median"], theirs and theirs[1]]
        table.append(row)
    writer.write("map and unmap of a domain, ns (Linux: generic_pt's published figures, table code "
                 "alone, on other hardware)",
                 ["size", "map, min", "median", "Linux, min", "unmap, min", "median", "Linux, min"], table)
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
    waits = {(r["mode"], r["processors"]): r for r in lines if "wait_ns" in r}
    kinds = list(dict.fromkeys(mode for mode, _ in waits))
    writer.write("load + unload of 4 KiB on one device where a wait takes the unit 2,000 ns of virtual "
                 "time: how many a second",
                 ["processors", *kinds],
                 [[count, *(int(waits[kind, count]["per_second"]) if (kind, count) in waits else None
                            for kind in kinds)] for count in dict.fromkeys(n for _, n in waits)])
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
    churn_table(writer, rows)
    interrupt_table(writer, rows)
    target_table(writer, rows)
    host_tables(writer, lines)
    bench_linux.write_all(writer, lines)


if __name__ == "__main__":
    write_all(Writer("--markdown" in sys.argv[1:]), read(sys.stdin))
