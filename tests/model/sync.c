/* SPDX-License-Identifier: BSD-2-Clause */
/* Locks and interrupts of the host. */
#include <errno.h>
#include <stdlib.h>

#include "internal.h"

/* Any value: the library has to give it back unchanged. */
#define SAVED_STATE(depth) ((uintptr_t)0x5a00 + (depth))

void *udmar_host_lock_create(void *host)
{
    struct model *m = host;
    struct host_lock *lock = NULL;
    pthread_mutexattr_t attributes;

    enter(m);
    if (!call_fails(m, MODEL_CALL_LOCK_CREATE)) {
        lock = zalloc(sizeof(*lock));
        pthread_mutexattr_init(&attributes);
        pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
        pthread_mutex_init(&lock->mutex, &attributes);
        pthread_mutexattr_destroy(&attributes);
        lock->next = m->locks;
        m->locks = lock;
    }
    leave(m);
    return lock;
}

void udmar_host_lock_destroy(void *host, void *lock)
{
    struct model *m = host;
    struct host_lock **slot;

    enter(m);
    for (slot = &m->locks; *slot != NULL && *slot != lock; slot = &(*slot)->next)
        ;
    if (*slot == NULL) {
        fatal(m, "host: lock_destroy of %p, which is no lock", lock);
    } else {
        struct host_lock *found = *slot;

        *slot = found->next;
        if (pthread_mutex_destroy(&found->mutex) == EBUSY)
            fatal(m, "host: lock_destroy of a lock that is held");
        free(found);
    }
    leave(m);
}

uintptr_t udmar_host_lock_acquire(void *host, void *lock)
{
    struct model *m = host;
    struct thread_state *t = thread_state();
    struct host_lock *l = lock;

    run_hook(m, MODEL_EVENT_ACQUIRE);
    step_pause();
    if (t->locks_held == sizeof(t->lock_stack) / sizeof(t->lock_stack[0])) {
        fatal(m, "host: too many locks held");
        step_resume();
        return 0;
    }
    if (pthread_mutex_lock(&l->mutex) != 0) {
        fatal(m, "host: lock_acquire of a lock that this thread holds");
        step_resume();
        return 0;
    }
    t->lock_stack[t->locks_held] = lock;
    t->locks_held++;
    step_resume();
    return SAVED_STATE(t->locks_held);
}

void udmar_host_lock_release(void *host, void *lock, uintptr_t state)
{
    struct model *m = host;
    struct thread_state *t = thread_state();
    struct host_lock *l = lock;

    if (t->locks_held == 0 || t->lock_stack[t->locks_held - 1] != lock) {
        fatal(m, "host: lock_release of a lock that was not taken last");
        return;
    }
    if (state != SAVED_STATE(t->locks_held)) {
        fatal(m, "host: lock_release with another state than lock_acquire gave");
        return;
    }
    t->locks_held--;
    pthread_mutex_unlock(&l->mutex);
    run_hook(m, MODEL_EVENT_RELEASE);
    enter(m);
    leave(m); /* takes the interrupts that came meanwhile */
}

void *udmar_host_interrupt_alloc(void *host, void (*handler)(void *argument), void *argument,
                                 uint64_t *out_address, uint32_t *out_data)
{
    struct model *m = host;
    struct interrupt *i = NULL;

    enter(m);
    if (handler == NULL) {
        fatal(m, "host: interrupt_alloc without a handler");
    } else if (!m->config.no_interrupts && !call_fails(m, MODEL_CALL_INTERRUPT_ALLOC)) {
        i = zalloc(sizeof(*i));
        i->handler = handler;
        i->argument = argument;
        i->address = UINT64_C(0xfee01000);
        i->data = m->next_vector++;
        i->next = m->interrupts;
        m->interrupts = i;
        *out_address = i->address;
        *out_data = i->data;
    }
    leave(m);
    return i;
}

void udmar_host_interrupt_free(void *host, void *interrupt)
{
    struct model *m = host;
    struct interrupt **slot;

    enter(m);
    for (slot = &m->interrupts; *slot != NULL && *slot != interrupt; slot = &(*slot)->next)
        ;
    if (*slot == NULL) {
        fatal(m, "host: interrupt_free of %p, which is no interrupt", interrupt);
    } else if (thread_state()->in_handler > 0) {
        fatal(m, "host: interrupt_free from a handler waits for itself");
    } else {
        struct interrupt *i = *slot;

        *slot = i->next;
        while (i->running > 0)
            pthread_cond_wait(&m->handlers_done, &m->lock);
        free(i);
    }
    leave(m);
}

/* A unit writes an event message: the processor's local APIC takes it. */
void send_message(struct model *m, const char *what, uint64_t address, uint32_t data)
{
    for (struct interrupt *i = m->interrupts; i != NULL; i = i->next) {
        if (i->address == address && i->data == data) {
            i->pending = true;
            __atomic_store_n(&m->interrupt_pending, 1, __ATOMIC_RELAXED);
            return;
        }
    }
    violation(m, "%s event: message %#x to %#llx, which nobody has asked for", what, data,
              (unsigned long long)address);
}

unsigned model_interrupts(struct model *m)
{
    unsigned calls;

    enter(m);
    calls = m->interrupt_calls;
    leave(m);
    return calls;
}

/* Each thread is a processor of its own, up to eight. */
unsigned udmar_host_cpu(void *host)
{
    static _Atomic unsigned threads;
    static _Thread_local unsigned number;

    (void)host;
    if (number == 0) {
        number = 1 + threads++ % 8;
    }
    return number - 1;
}
