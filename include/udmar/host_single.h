/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tier 2 of the host interface for one thread, one processor and no interrupts: locks that hold
 * nothing, one processor, faults that are polled for. host.h includes this under
 * UDMAR_SINGLE_THREAD; nobody else does.
 */
#ifndef UDMAR_HOST_SINGLE_H
#define UDMAR_HOST_SINGLE_H

#include <udmar/types.h>

static inline void *udmar_host_lock_create(void *host)
{
    static char lock;

    (void)host;
    return &lock;
}

static inline void udmar_host_lock_destroy(void *host, void *lock)
{
    (void)host;
    (void)lock;
}

static inline uintptr_t udmar_host_lock_acquire(void *host, void *lock)
{
    (void)host;
    (void)lock;
    return 0;
}

static inline void udmar_host_lock_release(void *host, void *lock, uintptr_t state)
{
    (void)host;
    (void)lock;
    (void)state;
}

static inline unsigned udmar_host_cpu(void *host)
{
    (void)host;
    return 0;
}

static inline void *udmar_host_interrupt_alloc(void *host, void (*handler)(void *argument),
                                               void *argument, uint64_t *out_address,
                                               uint32_t *out_data)
{
    (void)host;
    (void)handler;
    (void)argument;
    (void)out_address;
    (void)out_data;
    return NULL;
}

static inline void udmar_host_interrupt_free(void *host, void *interrupt)
{
    (void)host;
    (void)interrupt;
}

#endif
