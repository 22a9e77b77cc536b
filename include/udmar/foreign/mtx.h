/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * busdma_lock_mutex(), the lock function of drivers whose lock is a struct mtx. foreign.h says
 * how a kernel brings a type of its own.
 *
 *   UDMAR_PORT_MTX      void udmar_mtx_lock(struct mtx *m), void udmar_mtx_unlock(struct mtx *m)
 */
#ifndef UDMAR_FOREIGN_MTX_H
#define UDMAR_FOREIGN_MTX_H

#include <udmar/bus_dma.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef UDMAR_PORT_MTX
struct mtx {
    int mtx_lock;
};

static inline void udmar_mtx_lock(struct mtx *m)
{
    while (__atomic_exchange_n(&m->mtx_lock, 1, __ATOMIC_ACQUIRE) != 0) {
    }
}

static inline void udmar_mtx_unlock(struct mtx *m)
{
    __atomic_store_n(&m->mtx_lock, 0, __ATOMIC_RELEASE);
}
#endif

/* lockfunc for a struct mtx, which is its argument. */
static inline void busdma_lock_mutex(void *arg, bus_dma_lock_op_t op)
{
    if (op == BUS_DMA_LOCK) {
        udmar_mtx_lock((struct mtx *)arg);
    } else if (op == BUS_DMA_UNLOCK) {
        udmar_mtx_unlock((struct mtx *)arg);
    }
}

#ifdef __cplusplus
}
#endif

#endif
