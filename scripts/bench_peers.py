# SPDX-License-Identifier: BSD-2-Clause
"""What Linux and FreeBSD pay, and what was to be reached.

Instructions: medians, measured in the same QEMU with the same counting, on one processor with the
queue. Linux: Debian's kernels, a small module calling dma_map_single/dma_unmap_single, or
dma_map_sg for 256 pages. FreeBSD 12.1: a kernel thread calling bus_dmamap_load/bus_dmamap_unload;
with the queue its unload does not wait, and its figure here is the caller's own cost. 2 MiB at an offset
is 2 MiB for everybody; 6.1 was not measured there (its old figure was of 1 MiB).
"""
MODES = ["strict", "deferred", "passthrough", "bounce", "strict-dynamic", "deferred-dynamic",
         "strict-caching", "deferred-caching", "strict-dynamic-caching", "deferred-dynamic-caching",
         "strict-snoop", "deferred-snoop", "strict-dynamic-snoop", "deferred-dynamic-snoop"]

# (system, kind): size: load + unload
_COST = {
    ("linux-6.12", "strict"): {"4096": 815 + 1625, "65536": 1113 + 1969, "2097152": 1154 + 1695,
                               "2097152+1048576": 16084 + 2327, "256x4096": 139794 + 7519},
    ("linux-6.12", "deferred"): {"4096": 808 + 1014, "65536": 1113 + 1350, "2097152": 1196 + 878,
                                 "2097152+1048576": 16125 + 1007, "256x4096": 139836 + 6656},
    ("linux-6.12", "passthrough"): {"4096": 172, "65536": 172, "2097152": 172,
                                    "2097152+1048576": 203, "256x4096": 14416 + 11843},
    ("linux-6.1", "strict"): {"4096": 1051 + 1768, "65536": 1361 + 2109, "2097152": 1461 + 1835,
                              "256x4096": 135757 + 7640},
    ("linux-6.1", "deferred"): {"4096": 1044 + 1003, "65536": 1361 + 1339, "2097152": 1520 + 867,
                                "256x4096": 135809 + 6627},
    # 2 MiB with a tag that asks for alignment: without, it is made of small pages (321,861).
    ("freebsd", "strict"): {"4096": 5048 + 2288, "65536": 10058 + 7321, "2097152": 36922 + 1518,
                            "256x4096": 92111 + 76238},
    ("freebsd", "deferred"): {"4096": 5002 + 2069, "65536": 10020 + 7106, "2097152": 36922 + 1346,
                              "256x4096": 92111 + 76074},
    ("freebsd", "passthrough"): {"4096": 215, "65536": 1783, "2097152": 49271, "256x4096": 25723},
    ("freebsd", "bounce"): {"4096": 575 + 69, "65536": 6364 + 564, "2097152": 190120 + 16932},
}

BOUNCE_SYNC = {"4096": 585, "65536": 8790, "2097152": 280102}

# Linux 6.12, map side: (mode, live): (median, p99)
CHURN = {
    ("strict", 1024): (3949, 57645),
    ("strict", 4096): (3978, 162641),
    ("deferred", 1024): (3756, 7683),
    ("deferred", 4096): (3984, 11945),
}

# One MSI of a device in whole, where the kernel remaps interrupts and where it does not (./bench linux):
# pci_alloc_irq_vectors, request_irq, irq_set_affinity, free_irq with pci_free_irq_vectors.
INTERRUPT = {
    "allocate": {"linux-6.12": (29352, 26432)},
    "set": {"linux-6.12": (12137, 12540)},
    "re-target": {"linux-6.12": (1100, 337)},
    "free": {"linux-6.12": (28991, 26375)},
}
# Another target for a live interrupt, without the unit's invalidation.
RETARGET_TARGET = 250

# Published nanoseconds of Linux's generic_pt for VT-d's second stage: (avg, min)
GENERIC_PT = {
    ("map", "2^12"): (53, 50),
    ("map", "2^21"): (59, 56),
    ("map", "2^30"): (54, 52),
    ("map", "256*2^12"): (384, 337),
    ("map", "256*2^21"): (387, 336),
    ("map", "256*2^30"): (376, 323),
    ("unmap", "2^12"): (67, 63),
    ("unmap", "2^21"): (64, 59),
    ("unmap", "2^30"): (59, 56),
    ("unmap", "256*2^12"): (216, 198),
    ("unmap", "256*2^21"): (245, 232),
    ("unmap", "256*2^30"): (248, 226),
}

# (in words, size, mode, at most)
TARGETS = [
    ("4 KiB, strict", "4096", "strict", 250),
    ("4 KiB, deferred", "4096", "deferred", 172),
    ("64 KiB, strict", "65536", "strict", 320),
    ("2 MiB aligned, strict", "2097152", "strict", 330),
    ("256 scattered pages, strict", "256x4096", "strict", 6500),
    ("chain of 2 small buffers, strict", "2x2030", "strict", 700),
    ("chain of 4 small buffers, strict", "4x2030", "strict", 1150),
    ("chain of 16 small buffers, strict", "16x2030", "strict", 4000),
    ("4 KiB without a window, strict", "4096", "strict-dynamic", 450),
    ("4 KiB without a window, strict, 256 at once", "256 at once", "strict-dynamic", 470),
    ("256 scattered pages without a window, strict", "256x4096", "strict-dynamic", 6500),
]


def cost(system, size, mode):
    """A load of a range of its own is what the peers do at each load."""
    return _COST.get((system, mode.replace("-dynamic", "")), {}).get(size)
