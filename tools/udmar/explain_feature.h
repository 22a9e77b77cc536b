/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is true of a group of faults, one yes or no each: the language in which causes are written.
 */
#ifndef UDMAR_TOOL_EXPLAIN_FEATURE_H
#define UDMAR_TOOL_EXPLAIN_FEATURE_H

#include "explain_log.h"

enum feature {
    FEATURE_NONE = 0,
    /* What the reason is about. */
    R_UNMAPPED, /* no mapping, or not for this direction */
    R_NO_ROOT,
    R_NO_CONTEXT,
    R_BAD_ENTRY,  /* a root, context or PASID entry that the unit does not accept */
    R_RESERVED,   /* a reserved bit is set in an entry */
    R_LEAF_BITS,  /* of those: in a page-table entry */
    R_TABLE_READ, /* the unit could not read a table */
    R_TOO_HIGH,
    R_ATS,
    R_PASID,
    R_TO_MSI,
    R_ABORT,
    R_IR,
    R_IR_ABSENT,
    R_IR_BEYOND, /* of those: behind the end of the table */
    R_IR_POSTED, /* the descriptor of a posted interrupt */
    R_IR_SOURCE,
    R_IR_COMPAT,
    R_UNKNOWN,
    /* The direction. */
    IS_READ,
    IS_WRITE,
    /* The address. */
    A_HIDDEN, /* masked, garbled or missing */
    A_ZERO,
    A_LOW, /* below 1 MiB */
    A_RMRR,
    A_RMRR_OTHER,   /* the RMRR names devices, and not this one */
    A_RMRR_SIBLING, /* an RMRR here, or near, names other functions of the same slot only */
    A_RESERVED,     /* the firmware's, by the memory map */
    A_RAM,
    A_PAST_RAM,
    A_BAR, /* in a BAR of another device */
    A_MSI,
    A_POISON,
    A_KERNEL,    /* a virtual address of the kernel */
    A_USER,      /* a virtual address of a program, though no PASID says so */
    A_TRUNCATED, /* the end of an address space that nobody has */
    A_GPU_END,   /* the end of the 39 bits that Intel's graphics takes */
    A_ROUND,     /* a power of two: the end of something that begins at 0 */
    A_LARGE,     /* where a page of 2 MiB begins */
    A_IOVA,      /* where Linux puts addresses that it makes: just below 4 GiB */
    A_FOREIGN,   /* where Linux does not put them */
    A_FIRMWARE,  /* of those: where firmware keeps its memory, at the end of what is below 4 GiB */
    /* The device. */
    D_IGFX, /* Intel's integrated graphics */
    D_USB,
    D_NETWORK,
    D_IPU,      /* the camera of Intel's processors */
    D_LPSS,     /* I2C, SPI and UART of the chipset */
    D_CHILDREN, /* platform devices below it send with its id */
    D_BRIDGE,   /* the PCI bridge of old chipsets, 00:1e.0 */
    D_HPET,
    D_IOAPIC,
    D_HIDDEN_ME, /* a function of the management engine that no list has */
    D_VMD,
    D_VMD_CHILD,
    D_UNLISTED, /* the log lists devices, but not this one */
    D_SIBLING,  /* ...though another function of the same slot */
    D_BUS0,
    D_FIRST,      /* xx:00.0 of a bus above 0: may stand for a whole bridge */
    D_NEIGHBOURS, /* other devices, behind it on the same bus, are known */
    D_VFIO,
    D_DRIVER,    /* a driver of this system speaks for it */
    D_NO_DRIVER, /* the log lists it, and no driver's line for it */
    D_SWITCHED,
    D_REMOVED, /* the log says that it went */
    D_ALIAS,   /* a controller known to use a wrong function number */
    D_MEGARAID,
    D_HIDDEN, /* masked */
    /* The group. */
    S_STORM,
    S_ASCENDING,
    S_EARLY,
    S_LATE, /* a minute after the start, or later */
    S_REFRESH,
    S_SHARED, /* another device, the same page */
    S_KDUMP,
    S_RESUME,
    S_OLD,       /* Linux 2.6 */
    S_UNMATCHED, /* the kernel saw a driver unmap what was never mapped */
    S_BEHIND,    /* the first page behind a mapping */
    P_LIVE,
    P_GONE,
    P_NOTHING,
    P_RESERVED,
    FIRMWARE,
    /* The system. */
    OS_LINUX,
    OS_XEN,
    OS_FREEBSD,
    OS_MACOS,
    OS_ESXI,
    OS_QEMU,
    OS_OTHER,
    OS_GUEST, /* it runs in a virtual machine */
    FEATURES,
};

struct features {
    bool has[FEATURES];
};

void features_of(const struct log *log, const struct log_group *group,
                 struct features *out_features);

/* explain_device.c: its part of them. */
void features_of_device(const struct log *log, const struct log_group *group,
                        struct features *features);

/* "the log lists no such device": from what this is known. Null: from the fault itself. */
const char *feature_evidence(enum feature feature, const struct log *log);

#endif
