#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The JSON lines of ./bench as pictures: bench_plots.py FOLDER < lines

One SVG for each subject that the lines have something about. The same lines give the same bytes.
"""
import os
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

import bench_peers as peers  # noqa: E402
import bench_table  # noqa: E402

SIZES = ["4096", "65536", "2097152", "2097152+1048576", "256x4096"]
SIZE_NAMES = ["4 KiB", "64 KiB", "2 MiB\naligned", "2 MiB\nunaligned", "256 pages\nscattered"]
COLOURS = {"strict": "#0b6e4f", "deferred": "#5fad56", "passthrough": "#8d99ae",
           "bounce": "#b08968", "strict-dynamic": "#1d3557", "deferred-dynamic": "#7ea8be",
           "linux": "#e07a1f", "freebsd": "#b3001b"}

matplotlib.rcParams.update({
    "svg.hashsalt": "udmar", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
    "axes.grid.axis": "y", "grid.color": "#dddddd", "axes.axisbelow": True,
    "legend.frameon": False, "figure.figsize": (8, 4.2)})


def save(figure, folder, name):
    figure.tight_layout()
    figure.savefig(os.path.join(folder, name + ".svg"), metadata={"Date": None, "Creator": None},
                   facecolor="white")
    plt.close(figure)


def median(rows, size, mode, live, what="load+unload"):
    lines = rows.get((size, mode, live))
    return lines[what]["median"] if lines else None


def by_size(rows, folder):
    """Bars: what one load and unload costs, beside the peers, nothing else mapped."""
    bars = [("udmar, strict", "strict", lambda s: median(rows, s, "strict", 0)),
            ("udmar, deferred", "deferred", lambda s: median(rows, s, "deferred", 0)),
            ("udmar, strict, without a window", "strict-dynamic",
             lambda s: median(rows, s, "strict-dynamic", 0)),
            ("Linux 6.12, strict", "linux", lambda s: peers.cost("linux-6.12", s, "strict")),
            ("FreeBSD 12.1, strict", "freebsd", lambda s: peers.cost("freebsd", s, "strict"))]
    bars = [bar for bar in bars if any(bar[2](s) for s in SIZES)]
    if not any(bar[0].startswith("udmar") for bar in bars):
        return
    figure, axes = plt.subplots()
    width = 0.8 / len(bars)
    for i, (label, colour, value) in enumerate(bars):
        at = [x + (i - (len(bars) - 1) / 2) * width for x in range(len(SIZES))]
        values = [value(s) or 0 for s in SIZES]
        axes.bar(at, values, width, label=label, color=COLOURS[colour])
    axes.set_yscale("log")
    axes.set_xticks(range(len(SIZES)), SIZE_NAMES)
    axes.set_ylabel("guest instructions, load + unload")
    axes.legend(fontsize=8)
    save(figure, folder, "size")


def by_live(rows, folder):
    """Lines: does it matter how much else is mapped?"""
    figure, axes = plt.subplots()
    drawn = False
    for mode in ("strict", "deferred", "strict-dynamic", "deferred-dynamic"):
        lives = sorted(live for size, m, live in rows if size == "4096" and m == mode)
        if len(lives) > 1:
            values = [median(rows, "4096", mode, live) for live in lives]
            axes.plot(range(len(lives)), values, marker="o", label=mode, color=COLOURS[mode])
            axes.set_xticks(range(len(lives)), [f"{live:,}" for live in lives])
            drawn = True
    if not drawn:
        plt.close(figure)
        return
    for mode, style in (("strict", "-"), ("deferred", "--")):
        axes.axhline(peers.cost("linux-6.12", "4096", mode), color=COLOURS["linux"],
                     linestyle=style, linewidth=1, label=f"Linux 6.12, {mode}")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("other live mappings")
    axes.set_ylabel("guest instructions, 4 KiB load + unload")
    axes.legend(fontsize=8)
    save(figure, folder, "live")


def churn(rows, folder):
    """Bars of p99 divided by the median: how even it is."""
    bars = []
    for live in (1024, 4096):
        for mode in ("strict", "deferred", "strict-dynamic", "deferred-dynamic"):
            lines = rows.get(("random", mode, live))
            if lines:
                load = lines["load"]
                bars.append((f"udmar {mode}\n{live:,} live", load["p99"] / load["median"], mode))
        for mode in ("strict", "deferred"):
            theirs = peers.CHURN[(mode, live)]
            bars.append((f"Linux 6.12 {mode}\n{live:,} live", theirs[1] / theirs[0], "linux"))
    if not any(colour != "linux" for _, _, colour in bars):
        return
    figure, axes = plt.subplots(figsize=(8, 0.36 * len(bars) + 1))
    axes.grid(axis="x")
    axes.grid(False, axis="y")
    axes.barh(range(len(bars)), [v for _, v, _ in bars], color=[COLOURS[c] for _, _, c in bars])
    for i, (_, value, _) in enumerate(bars):
        axes.text(value * 1.05, i, f"{value:.1f}", va="center", fontsize=8)
    axes.set_yticks(range(len(bars)), [name.replace("\n", ", ") for name, _, _ in bars], fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("p99 divided by median, load of random size")
    save(figure, folder, "churn")


def threads(lines, folder):
    plain = [r for r in lines if "threads" in r]
    if not plain:
        return
    figure, axes = plt.subplots()
    names = {"device": "one device", "devices": "a device each", "units": "a device and unit each"}
    for mode, style in (("strict", "-"), ("deferred", "--")):
        for spread, colour in (("device", "strict"), ("devices", "strict-dynamic"),
                               ("units", "linux")):
            rows = [r for r in plain if r["mode"] == mode and r["spread"] == spread]
            if rows:
                axes.plot([r["threads"] for r in rows], [r["per_second"] / 1e6 for r in rows],
                          style, marker="o", color=COLOURS[colour],
                          label=f"{mode}, {names[spread]}")
    axes.axvline(plain[0]["processors"], color="#888888", linewidth=1, linestyle=":")
    axes.set_xticks(sorted({r["threads"] for r in plain}))
    axes.set_ylim(bottom=0)
    axes.set_xlabel("threads (dotted: processors)")
    axes.set_ylabel("million loads + unloads a second")
    axes.legend(fontsize=8)
    save(figure, folder, "threads")


def waits(lines, folder):
    timed = [r for r in lines if "wait_ns" in r]
    if not timed:
        return
    figure, axes = plt.subplots()
    for mode, colour in (("strict, shared waits", "strict"), ("strict, one wait each", "freebsd")):
        rows = [r for r in timed if r["mode"] == mode]
        if rows:
            axes.plot([r["processors"] for r in rows], [r["per_second"] / 1e3 for r in rows],
                      marker="o", color=COLOURS[colour], label=mode)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("processors on one device, virtual time")
    axes.set_ylabel("thousand loads + unloads a second")
    axes.set_title(f"every wait takes the unit {timed[0]['wait_ns'] / 1000:.0f} microseconds",
                   fontsize=10)
    axes.legend(fontsize=8)
    save(figure, folder, "waits")


def plot_all(lines, folder):
    os.makedirs(folder, exist_ok=True)
    rows = bench_table.kernel_rows(lines)
    by_size(rows, folder)
    by_live(rows, folder)
    churn(rows, folder)
    threads(lines, folder)
    waits(lines, folder)


if __name__ == "__main__":
    plot_all(bench_table.read(sys.stdin), sys.argv[1])
