# SPDX-License-Identifier: BSD-2-Clause
"""Tables of ./bench linux: udmar and Linux's own driver in the same kernel."""

# (text, size, mode, live, what, figure, at most)
TARGETS = [
    ("4 KiB, strict: map + unmap", "4096", "udmar-strict", 0, "map+unmap", "median", 500),
    ("4 KiB, deferred: map + unmap", "4096", "udmar-deferred", 0, "map+unmap", "median", 400),
    ("2 MiB aligned, strict: map + unmap", "2097152", "udmar-strict", 0, "map+unmap", "median", 600),
    ("256 scattered pages, strict: map + unmap", "256x4096", "udmar-strict", 0, "map+unmap", "median",
     20000),
    ("random sizes, 4,096 live, strict: p99 of map", "random", "udmar-strict", 4096, "map", "p99", 3000),
]
# Against the same workload without translation.
END_TARGETS = {"nvme-1M": 1.08, "ahci-1M": 1.08, "e1000-receive": 1.04, "e1000e-receive": 1.04}
# What a mode of ours stands beside.
RIVAL = {"udmar-strict": "linux-strict", "udmar-deferred": "linux-lazy"}
KERNELS = ("6.1", "6.12", "7.2")


def calls(lines):
    """(kernel, size, mode, live, what): line"""
    return {(r["kernel"], str(r["size"]), r["mode"], r["live"], r["what"]): r for r in lines
            if "kernel" in r and "live" in r}


def ends(lines):
    """(kernel, size, mode): line"""
    return {(r["kernel"], r["size"], r["mode"]): r for r in lines if r["what"] == "end-to-end"}


def verdict(value, limit):
    return "reached" if value <= limit else "NOT reached"


def target_table(writer, lines):
    rows, end_rows, table = calls(lines), ends(lines), []
    for text, size, mode, live, what, figure, limit in TARGETS:
        for kernel in KERNELS:
            ours = rows.get((kernel, size, mode, live, what))
            theirs = rows.get((kernel, size, RIVAL[mode], live, what))
            if ours:
                now = ours[figure]
                table.append([text, kernel, f"{limit:,}", f"{now:,}", verdict(now, limit),
                              theirs and theirs[figure], theirs and f"{now / theirs[figure]:.3f}"])
    for size, limit in END_TARGETS.items():
        for kernel in KERNELS:
            off = end_rows.get((kernel, size, "linux-off"))
            ours = end_rows.get((kernel, size, "udmar-strict"))
            theirs = end_rows.get((kernel, size, "linux-strict"))
            if off and ours:
                now = ours["median"] / off["median"]
                table.append([f"{size}, strict: by what it takes without translation", kernel,
                              f"{limit:.2f}", f"{now:.3f}", verdict(now, limit),
                              theirs and f"{theirs['median'] / off['median']:.3f}",
                              theirs and f"{ours['median'] / theirs['median']:.3f}"])
    writer.write("side by side in Linux: targets",
                 ["", "kernel", "at most", "udmar", "", "Linux", "udmar / Linux"], table)


PAIRS = [("linux-strict", "udmar-strict"), ("linux-lazy", "udmar-deferred")]


def calls_table(writer, lines, kernels=KERNELS):
    """One row a case: Linux's driver and udmar side by side, both ways; p99 of the random sizes."""
    rows = calls(lines)

    limits = {(size, mode): limit for _, size, mode, _, _, _, limit in TARGETS}

    def now(kernel, size, mode, live):
        if size == "random":
            line = rows.get((kernel, size, mode, live, "map"))
            return line and line["p99"]
        line = rows.get((kernel, size, mode, live, "map+unmap"))
        return line and line["median"]

    for kernel in kernels:
        table = []
        keys = dict.fromkeys((size, live) for (k, size, _, live, what) in rows
                             if k == kernel and what == "map+unmap")
        for size, live in keys:
            figures = [now(kernel, size, mode, live) for pair in PAIRS for mode in pair]
            if live and size != "random" and figures == [now(kernel, size, mode, 0)
                                                         for pair in PAIRS for mode in pair]:
                continue
            row = [bench_case(size), live]
            for (theirs, ours), (_, mode) in zip((figures[:2], figures[2:]), PAIRS):
                row += [theirs, ours, f"{ours / theirs:.3f}" if ours and theirs else None,
                        limits.get((size, mode))]
            table.append(row)
        writer.write(f"Linux {kernel}: guest instructions of map + unmap, medians; random sizes: p99 of map",
                     ["case", "live", "Linux, strict", "udmar", "by Linux", "at most", "Linux, lazy", "udmar",
                      "by Linux", "at most"], table)


def bench_case(size):
    import bench_table  # it has this module
    return bench_table.case(size)


def end_table(writer, lines, kernels=KERNELS):
    """One row a workload."""
    rows, table = ends(lines), []
    for kernel in kernels:
        for size in sorted({size for (k, size, _) in rows if k == kernel}):
            off, theirs, ours = (rows.get((kernel, size, mode))
                                 for mode in ("linux-off", "linux-strict", "udmar-strict"))
            row = [size, kernel, off and off["median"]]
            for one in (theirs, ours):
                row += [one and one["median"], one and off and f"{one['median'] / off['median']:.3f}"]
            table.append([*row, END_TARGETS.get(size)])
    writer.write("whole drivers: guest instructions per 4 KiB moved, medians of six passes",
                 ["workload", "kernel", "without translation", "Linux, strict", "by without",
                  "udmar, strict", "by without", "at most"], table)


def interrupts_table(writer, lines):
    rows, table = calls(lines), []
    for (kernel, size, mode, live, what), line in rows.items():
        if size == "interrupt":
            table.append([what, kernel, mode, line["min"], line["median"], line["p99"]])
    writer.write("one MSI of a device in Linux: guest instructions",
                 ["", "kernel", "mode", "min", "median", "p99"], table)


def write_all(writer, lines):
    interrupts_table(writer, lines)
    calls_table(writer, lines)
    end_table(writer, lines)
    target_table(writer, lines)
