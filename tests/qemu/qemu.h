/* SPDX-License-Identifier: BSD-2-Clause */
/* A q35 machine in QEMU as a host of the library: the parts know each other through this. */
#ifndef UDMAR_TESTS_QEMU_H
#define UDMAR_TESTS_QEMU_H

#include "machine.h"
#include "qtest.h"

#define UNIT_BASE UINT64_C(0xfed90000)

struct qemu_device {
    struct machine_device kind;
    udmar_rid_t rid;
    udmar_rid_t bridge; /* 0: none */
    uint64_t bar;
    uint64_t scratch; /* physical */
    uint64_t reach;   /* the same as the device sees it; UINT64_MAX: not at all */
    unsigned tx, rx;  /* e1000: next descriptors */
};

struct block; /* an object of the host that must be given back */

struct qemu {
    struct qtest *q;
    struct qemu_device device[MOST_DEVICES];
    unsigned device_count;
    udmar_rid_t more_bridge; /* above the bus of a device that a test has brought along */
    uint8_t more_bus;        /* 0: none */
    bool hidden_stores;
    struct block *blocks;
    unsigned block_count;
    uint8_t *pages;    /* state of each page of the allocator, see host.c */
    uint8_t *hidden;   /* what the processor sees of pages with hidden stores */
    uint8_t *window;   /* address space for buffers */
    uint64_t *backing; /* physical page of each of its pages; 0: none */
    size_t pages_held;
    unsigned flushes;
    unsigned locks_held;
    unsigned maps_held;
    unsigned complaints;
    size_t printed; /* of what QEMU prints, this much has been looked at */
    bool verbose;
};

/* pci.c: configuration space, and what firmware would do to it */
uint32_t pci_read(struct qemu *e, udmar_rid_t rid, unsigned offset);
void pci_write(struct qemu *e, udmar_rid_t rid, unsigned offset, uint32_t value);
/* Sets base address register @bar to @base, switches memory and bus mastering on. */
void pci_enable(struct qemu *e, udmar_rid_t rid, unsigned bar, uint64_t base);
/* Bus numbers, and a memory window of 16 MiB at @base. */
void pci_bridge_set_up(struct qemu *e, udmar_rid_t bridge, uint8_t secondary, uint64_t base);

/* firmware.c: the DMAR table as QEMU hands it to firmware; returns its length */
size_t firmware_dmar(struct qemu *e, void *buffer, size_t size);

/* host.c */
void host_open(struct qemu *e);
unsigned host_close(struct qemu *e); /* complaints */
void host_abandon(struct qemu *e);
void *host_buffer(struct qemu *e, size_t size, bool scattered, size_t offset);
void host_buffer_free(struct qemu *e, void *buffer);
extern const struct host_ops qemu_host_ops;

/* engine.c */
/* Makes it cheap to look for faults, in a machine whose devices work only when they are told. */
void engine_watch(struct qemu *e);
void engine_open(struct qemu *e, struct qemu_device *device);
/* Tells the engine at which address its device reaches scratch memory; UINT64_MAX: nowhere. */
void engine_reach(struct qemu *e, struct qemu_device *device, uint64_t iova);
enum dma_result engine_dma(struct qemu *e, struct qemu_device *device, uint64_t iova, void *buffer,
                           size_t length, bool write);

/* machine.c */
_Noreturn void qemu_wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));
void qemu_on_loss(void (*handler)(const char *why));

#endif
