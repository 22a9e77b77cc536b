/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A host lock with clang's annotations. The order of locks stands in docs/CONCURRENCY.md.
 */
#ifndef UDMAR_BASE_LOCK_H
#define UDMAR_BASE_LOCK_H

#include <udmar/host.h>

struct UDMAR_CAPABILITY("lock") udmar__lock {
    void *impl;
};

static inline bool udmar__lock_create(void *host, struct udmar__lock *lock)
{
    lock->impl = udmar_host_lock_create(host);
    return lock->impl != NULL;
}

/* Also for a lock that was never created: clean-up paths need not remember. */
static inline void udmar__lock_destroy(void *host, struct udmar__lock *lock)
{
    if (lock->impl != NULL) {
        udmar_host_lock_destroy(host, lock->impl);
    }
    lock->impl = NULL;
}

static inline __attribute__((__always_inline__)) uintptr_t udmar__lock(void *host,
                                                                       struct udmar__lock *lock)
    UDMAR_ACQUIRES(lock) UDMAR_NO_LOCK_ANALYSIS
{
    return udmar_host_lock_acquire(host, lock->impl);
}

static inline __attribute__((__always_inline__)) void
udmar__unlock(void *host, struct udmar__lock *lock, uintptr_t state)
    UDMAR_RELEASES(lock) UDMAR_NO_LOCK_ANALYSIS
{
    udmar_host_lock_release(host, lock->impl, state);
}

#endif
