#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The JSON lines of ./bench kernel as a table, beside what the peers pay for the same.

The peers' figures are medians of load + unload, measured in the same QEMU with the same counting:
Linux 6.12 (dma_map_single/dma_unmap_single, dma_map_sg for 256 pages) and FreeBSD 12.1
(bus_dmamap_load/bus_dmamap_unload with the queue, the caller's own cost).
"""
import json
import sys

PEERS = {  # size: (Linux strict, Linux lazy, Linux without translation, FreeBSD DMAR)
    "4096": (2440, 1822, 172, 7071),
    "65536": (3082, 2463, 172, 17126),
    "2097152": (2849, 2074, 172, 38268),
    "2097152+1048576": (13577, 12818, 172, 321861),
    "256x4096": (147313, 146492, 26259, 168185),
}
COLUMN = {"strict": 0, "deferred": 1, "passthrough": 2}


def main():
    print(f"{'size':>16} {'mode':>12} {'live':>7} {'load':>8} {'unload':>8} {'both':>8} "
          f"{'p99':>8} {'Linux':>8} {'ratio':>7} {'FreeBSD':>8} {'ratio':>7}")
    rows = {}
    for line in sys.stdin:
        row = json.loads(line)
        rows.setdefault((str(row["size"]), row["mode"], row["live"]), {})[row["what"]] = row
    for (size, mode, live), what in rows.items():
        both = what["load+unload"]
        line = (f"{size:>16} {mode:>12} {live:>7} {what['load']['median']:>8} "
                f"{what['unload']['median']:>8} {both['median']:>8} {both['p99']:>8}")
        if size in PEERS:
            linux = PEERS[size][COLUMN[mode]]
            line += f" {linux:>8} {both['median'] / linux:>7.2f}"
            if mode != "passthrough":
                line += f" {PEERS[size][3]:>8} {both['median'] / PEERS[size][3]:>7.2f}"
        print(line)


if __name__ == "__main__":
    main()
