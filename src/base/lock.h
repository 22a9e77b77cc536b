/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A host lock with clang's annotations. The order of locks stands in docs/CONCURRENCY.md.
 */
#ifndef UDMAR_BASE_LOCK_H
#define UDMAR_BASE_LOCK_H

#include "base/assert.h"

struct UDMAR_CAPABILITY("lock") udmar__lock {
    void *impl;
#ifdef UDMAR_DEBUG
    bool held; /* atomic; by whichever thread */
#endif
};

/* In a debug build: the lock is held. A thread that should hold it is caught where none does. */
#ifdef UDMAR_DEBUG
#define UDMAR__ASSERT_HELD(lock) UDMAR_ASSERT(__atomic_load_n(&(lock)->held, __ATOMIC_RELAXED))
#else
#define UDMAR__ASSERT_HELD(lock) ((void)(lock))
#endif

static inline void udmar__lock_note(struct udmar__lock *lock, bool held)
{
#ifdef UDMAR_DEBUG
    UDMAR_ASSERT(__atomic_load_n(&lock->held, __ATOMIC_RELAXED) != held);
    __atomic_store_n(&lock->held, held, __ATOMIC_RELAXED);
#else
    (void)lock;
    (void)held;
#endif
}

static inline bool udmar__lock_create(void *host, struct udmar__lock *lock)
{
    *lock = (struct udmar__lock){ .impl = udmar_host_lock_create(host) };
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
    uintptr_t state = udmar_host_lock_acquire(host, lock->impl);

    udmar__lock_note(lock, true);
    return state;
}

static inline __attribute__((__always_inline__)) void
udmar__unlock(void *host, struct udmar__lock *lock, uintptr_t state)
    UDMAR_RELEASES(lock) UDMAR_NO_LOCK_ANALYSIS
{
    udmar__lock_note(lock, false);
    udmar_host_lock_release(host, lock->impl, state);
}

#endif
