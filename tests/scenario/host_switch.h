/* SPDX-License-Identifier: BSD-2-Clause */
/* The host interface as a table, so that several hosts can live in one program. */
#ifndef UDMAR_TESTS_HOST_SWITCH_H
#define UDMAR_TESTS_HOST_SWITCH_H

#include <udmar/host.h>

#define HOST_FUNCTIONS(each)                                                                    \
    each(mmio_map) each(mmio_unmap) each(mmio_read32) each(mmio_write32) each(page_alloc)       \
        each(page_alloc_near) each(page_free) each(page_map) each(page_unmap) each(cache_flush) \
            each(alloc) each(free) each(time_ns) each(log) each(pci_read32) each(pci_bridge)    \
                each(pci_alias) each(lock_create) each(lock_destroy) each(lock_acquire)         \
                    each(lock_release) each(interrupt_alloc) each(interrupt_free)               \
                        each(virtual_to_physical) each(dmamem_alloc) each(dmamem_free)

#define HOST_POINTER(name) __typeof__(udmar_host_##name) *name;
struct host_ops {
    HOST_FUNCTIONS(HOST_POINTER)
};

/* What the library gets as its opaque pointer. */
struct host {
    const struct host_ops *ops;
    void *inner;
};

#endif
