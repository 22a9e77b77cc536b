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


def calls_table(writer, lines):
    rows = calls(lines)
    for kernel in KERNELS:
        table = []
        for (row_kernel, size, mode, live, what), both in rows.items():
            if row_kernel != kernel or what != "map+unmap":
                continue
            one, other = rows[kernel, size, mode, live, "map"], rows[kernel, size, mode, live, "unmap"]
            rival = rows.get((kernel, size, RIVAL.get(mode), live, what))
            table.append([mode, size, live, one["median"], other["median"], both["median"],
                          one["p99"], both["p99"], both["max"],
                          rival and f"{both['median'] / rival['median']:.3f}"])
        writer.write(f"Linux {kernel}: guest instructions, medians, p99 and max",
                     ["mode", "size", "live", "map", "unmap", "both", "p99 of map", "p99 of both",
                      "max of both", "udmar / Linux"], table)


def end_table(writer, lines):
    rows, table = ends(lines), []
    for (kernel, size, mode), row in rows.items():
        off = rows.get((kernel, size, "linux-off"))
        table.append([size, kernel, mode, row["min"], row["median"], row["max"],
                      off and f"{row['median'] / off['median']:.3f}"])
    table.sort(key=lambda r: (r[0], KERNELS.index(r[1])))
    writer.write("whole drivers: guest instructions per 4 KiB moved, of six passes",
                 ["workload", "kernel", "mode", "min", "median", "max", "by linux-off"], table)


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
