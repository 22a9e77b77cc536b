/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a scenario needs of a machine with a remapping unit, and who can be one: the model of
 * tests/model, or QEMU. Scenarios run unchanged on both.
 *
 * Memory is the same on both, so that scenarios may name physical addresses:
 *
 *   1 MiB .. 16 MiB           the host's page allocator
 *   16 MiB .. 60 MiB          the scenario's
 *   60 MiB .. 64 MiB          engines keep descriptors and packets there
 *   4 GiB .. 4 GiB + 48 MiB   the scenario's
 *   4 GiB + 48 MiB .. + 64 MiB   the page allocator
 */
#ifndef UDMAR_TESTS_MACHINE_H
#define UDMAR_TESTS_MACHINE_H

#include "host_switch.h"

#define KIB(n) (UINT64_C(1024) * (n))
#define MIB(n) (UINT64_C(1048576) * (n))
#define GIB(n) (UINT64_C(1073741824) * (n))
#define PAGE   UINT64_C(4096)

#define RAM_LOW      MIB(1)
#define RAM_LOW_END  MIB(64)
#define RAM_HIGH     GIB(4)
#define RAM_HIGH_END (GIB(4) + MIB(64))
#define LOW          MIB(16) /* the scenario's */
#define LOW_END      MIB(60)
#define HIGH         GIB(4) /* the scenario's */
#define HIGH_END     (GIB(4) + MIB(48))
#define SCRATCH_SIZE (2 * PAGE) /* of each device, from LOW_END on */

/* Where a device sits, and so under which requester id the unit sees it. */
enum place {
    ON_ROOT,            /* its own */
    BEHIND_ROOT_PORT,   /* its own */
    BEHIND_PCI_BRIDGE,  /* the bridge's: a conventional bridge on the root bus */
    BEHIND_PCIE_TO_PCI, /* bus below the bridge, device 0, function 0 */
};

/* What does the DMA. Both move 60 to 1500 bytes; edu 1 to 4095. */
enum engine { EDU, E1000 };

struct machine_device {
    enum place place;
    enum engine engine;
    unsigned beside; /* n: on the bus of device n - 1, whose place it has; 0: by itself */
};

#define MOST_DEVICES 4

/* Zero for the default in each field. */
struct machine_options {
    unsigned width; /* 39 or 48; default 48 */
    bool caching_mode;
    bool no_pass_through;
    bool snoop_control;
    bool device_tlb;
    bool transient_bit; /* bit 62 of a leaf means something, as it did before [VTD 3.2] of 2020 */
    bool hidden_stores; /* a unit sees stores to tables when they have been flushed, not before */
    unsigned device_count;
    struct machine_device device[MOST_DEVICES]; /* count 0: one edu on the root bus */
    bool interrupts; /* raised() is asked, and the host asks for interrupt remapping */
    bool wide_ids;   /* APIC ids of 32 bits */
    const char *const *qemu_arguments; /* more of them, null-terminated; null: none */
};

/* An interrupt that has come to the processors. */
struct raised {
    uint32_t destination;
    uint8_t vector;
};

enum dma_result {
    DMA_DONE,    /* nothing speaks against it; whether a write arrived is seen in memory only */
    DMA_BLOCKED, /* a fault was recorded, or a read brought nothing */
};

/* One kind of machine. */
struct machine_ops {
    const char *name;
    bool is_model;
    const struct host_ops *host;
    const char *(*missing)(void); /* null: it can be had */
    /* Null where a machine with these options can be had, else why not. */
    const char *(*lacks)(const struct machine_options *options);
    /* Major version of what has been found to be wrong in some versions only; 0: none. */
    unsigned (*version)(void);

    /* Never null. close() gives everything back and returns how many complaints it has printed:
     * leaks of host objects, and on the model rules of the hardware that were broken. */
    void *(*open)(const struct machine_options *options);
    unsigned (*close)(void *machine);
    void (*abandon)(void *machine); /* a scenario has failed: just end it */
    /* What to do when the machine itself is lost; the handler must not return. */
    void (*on_loss)(void (*handler)(const char *why));

    void *(*inner)(void *machine);                             /* what the functions of @host get */
    size_t (*table)(void *machine, void *buffer, size_t size); /* the DMAR table */
    udmar_rid_t (*rid)(void *machine, unsigned device);
    udmar_rid_t (*bridge)(void *machine, unsigned device); /* the one above it; 0: none */

    uint8_t *(*memory)(void *machine, uint64_t physical);
    /* Table stores of a scenario that has no driver: visible to the unit at once. */
    void (*publish)(void *machine, uint64_t physical, uint64_t value);

    /* At which address a device reaches its scratch memory (SCRATCH_SIZE bytes at *out_physical);
     * UINT64_MAX: nowhere. */
    uint64_t (*scratch)(void *machine, unsigned device);
    void (*reach)(void *machine, unsigned device, uint64_t iova);
    enum dma_result (*dma)(void *machine, unsigned device, uint64_t iova, void *buffer,
                           size_t length, bool write);

    /*
     * Interrupts since the last call, the oldest first; how many. An edu sends a message by its MSI
     * capability, or by DMA of 4 bytes to 0xFEExxxxx (under QEMU nobody's, then: no source is
     * checked); a pin of the only I/O APIC is pulsed with this redirection entry in it.
     */
    unsigned (*raised)(void *machine, struct raised *list, unsigned room);
    void (*message)(void *machine, unsigned device, uint64_t address, uint32_t data);
    void (*pin)(void *machine, unsigned pin, uint64_t redirection);

    /* Registers behind the driver's back. */
    uint32_t (*read)(void *machine, uint32_t offset);
    void (*write)(void *machine, uint32_t offset, uint32_t value);

    /* A driver's buffer; no two neighbouring pages are physically neighbours if @scattered. */
    void *(*buffer)(void *machine, size_t size, bool scattered, size_t offset);
    void (*buffer_free)(void *machine, void *buffer);
    unsigned (*flushes)(void *machine); /* udmar_host_cache_flush() calls so far */
    size_t (*pages)(void *machine);     /* held by the library */
};

extern const struct machine_ops machine_model;
extern const struct machine_ops machine_qemu;

#endif
