/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's frame and the rest of the host interface: small memory, locks, interrupts, clock,
 * log. A thread stands for a processor: while it holds a lock or a page mapping, interrupts do not
 * reach it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static _Thread_local struct thread_state this_thread;

struct thread_state *thread_state(void)
{
    return &this_thread;
}

/* ---- Basics ---------------------------------------------------------------------------------- */

void must(bool truth, const char *what)
{
    if (truth)
        return;
    fprintf(stderr, "model: %s\n", what);
    abort();
}

void *zalloc(size_t size)
{
    void *memory = calloc(1, size == 0 ? 1 : size);

    must(memory != NULL, "out of memory");
    return memory;
}

void text_append(struct text_list *list, uint8_t level, const char *text)
{
    if (list->count == list->room) {
        list->room = list->room == 0 ? 64 : list->room * 2;
        list->text = realloc(list->text, list->room * sizeof(*list->text));
        list->level = realloc(list->level, list->room);
        must(list->text != NULL && list->level != NULL, "out of memory");
    }
    list->text[list->count] = strdup(text);
    must(list->text[list->count] != NULL, "out of memory");
    list->level[list->count] = level;
    list->count++;
}

bool text_contains(const struct text_list *list, const char *text)
{
    for (unsigned i = 0; i < list->count; i++) {
        if (strstr(list->text[i], text) != NULL)
            return true;
    }
    return false;
}

void text_clear(struct text_list *list)
{
    for (unsigned i = 0; i < list->count; i++)
        free(list->text[i]);
    free(list->text);
    free(list->level);
    memset(list, 0, sizeof(*list));
}

void violation(struct model *m, const char *format, ...)
{
    char text[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    enter(m);
    text_append(&m->violations, 0, text);
    if (m->verbose)
        fprintf(stderr, "violation: %s\n", text);
    pthread_mutex_unlock(&m->lock);
    step_resume();
}

void fatal(struct model *m, const char *format, ...)
{
    char text[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (m->fatal != NULL) {
        m->fatal(m->fatal_context, text);
        return;
    }
    fprintf(stderr, "model: %s\n", text);
    abort();
}

uint32_t random32(struct model *m)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 17;
    m->random ^= m->random << 5;
    return m->random;
}

/* ---- Entering and leaving -------------------------------------------------------------------- */

void enter(struct model *m)
{
    step_pause();
    pthread_mutex_lock(&m->lock);
}

static struct interrupt *interrupt_take(struct model *m)
{
    for (struct interrupt *i = m->interrupts; i != NULL; i = i->next) {
        if (i->pending) {
            i->pending = false;
            i->running++;
            m->interrupt_calls++;
            return i;
        }
    }
    __atomic_store_n(&m->interrupt_pending, 0, __ATOMIC_RELAXED);
    return NULL;
}

unsigned model_deliver_interrupts(struct model *m)
{
    struct thread_state *t = thread_state();
    struct interrupt *i;
    unsigned calls = 0;

    pthread_mutex_lock(&m->lock);
    while ((i = interrupt_take(m)) != NULL) {
        pthread_mutex_unlock(&m->lock);
        t->in_handler++;
        i->handler(i->argument);
        t->in_handler--;
        calls++;
        pthread_mutex_lock(&m->lock);
        i->running--;
        pthread_cond_broadcast(&m->handlers_done);
    }
    pthread_mutex_unlock(&m->lock);
    return calls;
}

/* The processor takes interrupts only between its own critical sections. */
void leave(struct model *m)
{
    struct thread_state *t = thread_state();

    pthread_mutex_unlock(&m->lock);
    if (__atomic_load_n(&m->interrupt_pending, __ATOMIC_RELAXED) != 0 &&
        !m->config.hold_interrupts && t->locks_held == 0 && t->maps == 0 && t->in_handler == 0)
        model_deliver_interrupts(m);
    step_resume();
}

void run_hook(struct model *m, enum model_event event)
{
    struct thread_state *t = thread_state();

    if (m->hook == NULL || t->in_hook > 0)
        return;
    step_pause();
    t->in_hook++;
    m->hook(m->hook_context, m, event);
    t->in_hook--;
    step_resume();
}

void host_enter(struct model *m, enum model_event event)
{
    run_hook(m, event);
    enter(m);
}

void model_set_hook(struct model *m, model_hook_fn *hook, void *context)
{
    m->hook = hook;
    m->hook_context = context;
}

void model_set_fatal(struct model *m, void (*handler)(void *context, const char *text),
                     void *context)
{
    m->fatal = handler;
    m->fatal_context = context;
}

/* A test may say what fails while the driver's threads are at work. */
bool call_fails(struct model *m, enum model_fallible kind)
{
    unsigned at = __atomic_load_n(&m->fail_at, __ATOMIC_RELAXED);
    unsigned call;
    bool fails;

    if ((__atomic_load_n(&m->fail_kinds, __ATOMIC_RELAXED) & (unsigned)kind) == 0)
        return false;
    call = __atomic_add_fetch(&m->fallible_calls, 1, __ATOMIC_RELAXED);
    fails = at != 0 &&
            (__atomic_load_n(&m->fail_persistent, __ATOMIC_RELAXED) ? call >= at : call == at);
    if (fails)
        (void)__atomic_add_fetch(&m->fallible_failed, 1, __ATOMIC_RELAXED);
    return fails;
}

void model_fail_host_calls_of(struct model *m, unsigned kinds, unsigned n, bool persistent)
{
    __atomic_store_n(&m->fail_kinds, kinds, __ATOMIC_RELAXED);
    __atomic_store_n(&m->fail_at, n, __ATOMIC_RELAXED);
    __atomic_store_n(&m->fail_persistent, persistent, __ATOMIC_RELAXED);
    __atomic_store_n(&m->fallible_calls, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&m->fallible_failed, 0, __ATOMIC_RELAXED);
}

void model_fail_host_call(struct model *m, unsigned n, bool persistent)
{
    model_fail_host_calls_of(m, MODEL_CALL_ANY, n, persistent);
}

unsigned model_host_calls(struct model *m)
{
    return m->fallible_calls;
}

unsigned model_host_calls_failed(struct model *m)
{
    return m->fallible_failed;
}

/* ---- Machine --------------------------------------------------------------------------------- */

static void set_defaults(struct model_config *config)
{
    if (config->low_base == 0 && config->low_size == 0)
        config->low_base = UINT64_C(1) << 20;
    if (config->low_size == 0)
        config->low_size = UINT64_C(32) << 20;
    if (config->high_base == 0)
        config->high_base = FOUR_GIB + (UINT64_C(16) << 20);
    if (config->high_size == 0)
        config->high_size = UINT64_C(32) << 20;
    if (config->width == 0)
        config->width = 46;
    if (config->time_step == 0)
        config->time_step = 1000;
    if (config->seed == 0)
        config->seed = 1;
}

struct model *model_create(const struct model_config *config)
{
    struct model *m = zalloc(sizeof(*m));
    pthread_mutexattr_t attributes;

    if (config != NULL)
        m->config = *config;
    set_defaults(&m->config);
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&m->lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
    pthread_cond_init(&m->handlers_done, NULL);
    m->random = m->config.seed;
    m->next_vector = 0x31;
    m->fail_kinds = MODEL_CALL_ANY;
    m->dmar_flags = 0;
    m->verbose = getenv("UDMAR_TEST_VERBOSE") != NULL;
    memory_create(m, &m->config);
    return m;
}

static void maps_destroy(struct model *m)
{
    while (m->maps != NULL) {
        struct register_map *map = m->maps;

        m->maps = map->next;
        free(map);
    }
}

static void host_objects_destroy(struct model *m)
{
    while (m->locks != NULL) {
        struct host_lock *lock = m->locks;

        m->locks = lock->next;
        pthread_mutex_destroy(&lock->mutex);
        free(lock);
    }
    while (m->interrupts != NULL) {
        struct interrupt *interrupt = m->interrupts;

        m->interrupts = interrupt->next;
        free(interrupt);
    }
    for (unsigned i = 0; i < TRACK_BUCKETS; i++) {
        while (m->tracked[i] != NULL) {
            struct tracked *t = m->tracked[i];

            m->tracked[i] = t->next;
            free(t->pointer);
            free(t);
        }
    }
}

void model_destroy(struct model *m)
{
    while (m->units != NULL) {
        struct model_unit *u = m->units;

        m->units = u->next;
        unit_destroy(u);
    }
    functions_destroy(m);
    firmware_destroy(m);
    maps_destroy(m);
    host_objects_destroy(m);
    text_clear(&m->violations);
    text_clear(&m->log);
    memory_destroy(m);
    pthread_cond_destroy(&m->handlers_done);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

static unsigned count_leaks_of_objects(struct model *m)
{
    unsigned leaks = 0;

    for (struct host_lock *lock = m->locks; lock != NULL; lock = lock->next, leaks++)
        fprintf(stderr, "leak: lock %p\n", (void *)lock);
    for (struct interrupt *i = m->interrupts; i != NULL; i = i->next, leaks++)
        fprintf(stderr, "leak: interrupt with vector %#x\n", i->data);
    for (struct register_map *map = m->maps; map != NULL; map = map->next, leaks++)
        fprintf(stderr, "leak: register mapping of %#llx\n", (unsigned long long)map->physical);
    for (unsigned i = 0; i < TRACK_BUCKETS; i++) {
        for (struct tracked *t = m->tracked[i]; t != NULL; t = t->next, leaks++)
            fprintf(stderr, "leak: %zu bytes at %p\n", t->size, t->pointer);
    }
    return leaks;
}

unsigned model_leaks(struct model *m)
{
    unsigned leaks;

    enter(m);
    leaks = count_leaks_of_objects(m) + buffer_leaks(m);
    leave(m);
    return leaks;
}

unsigned model_violations(struct model *m)
{
    return m->violations.count;
}

const char *model_violation_text(struct model *m, unsigned index)
{
    return index < m->violations.count ? m->violations.text[index] : NULL;
}

bool model_violation_contains(struct model *m, const char *text)
{
    return text_contains(&m->violations, text);
}

void model_clear_violations(struct model *m)
{
    text_clear(&m->violations);
}

/* ---- Small memory ---------------------------------------------------------------------------- */

static struct tracked **track_slot(struct model *m, const void *pointer)
{
    struct tracked **slot = &m->tracked[((uintptr_t)pointer >> 4) % TRACK_BUCKETS];

    while (*slot != NULL && (*slot)->pointer != pointer)
        slot = &(*slot)->next;
    return slot;
}

void *udmar_host_alloc(void *host, size_t size)
{
    struct model *m = host;
    struct tracked *t = NULL;
    struct tracked **slot;

    host_enter(m, MODEL_EVENT_ALLOC);
    if (thread_state()->in_handler > 0)
        violation(m, "host: alloc from an interrupt handler");
    if (size < 1 || size > 65536) {
        fatal(m, "host: alloc of %zu bytes", size);
    } else if (!call_fails(m, MODEL_CALL_ALLOC)) {
        t = zalloc(sizeof(*t));
        t->pointer = zalloc(size);
        t->size = size;
        slot = track_slot(m, t->pointer);
        t->next = *slot;
        *slot = t;
        m->tracked_bytes += size;
    }
    leave(m);
    return t == NULL ? NULL : t->pointer;
}

void udmar_host_free(void *host, void *memory, size_t size)
{
    struct model *m = host;
    struct tracked **slot;

    host_enter(m, MODEL_EVENT_ALLOC);
    slot = track_slot(m, memory);
    if (*slot == NULL) {
        fatal(m, "host: free of %p, which is not allocated", memory);
    } else if ((*slot)->size != size) {
        fatal(m, "host: free of %zu bytes, %zu were allocated", size, (*slot)->size);
    } else {
        struct tracked *t = *slot;

        *slot = t->next;
        m->tracked_bytes -= size;
        free(memory);
        free(t);
    }
    if (thread_state()->in_handler > 0)
        violation(m, "host: free from an interrupt handler");
    leave(m);
}

size_t model_bytes_in_use(struct model *m)
{
    return m->tracked_bytes;
}

/* ---- Clock and log --------------------------------------------------------------------------- */

void advance(struct model *m, uint64_t nanoseconds)
{
    m->time += nanoseconds;
}

uint64_t udmar_host_time_ns(void *host)
{
    struct model *m = host;
    uint64_t now;

    host_enter(m, MODEL_EVENT_TIME);
    advance(m, m->config.time_step);
    for (struct model_unit *u = m->units; u != NULL; u = u->next)
        queue_tick(u);
    now = m->time;
    leave(m);
    return now;
}

uint64_t model_time(struct model *m)
{
    uint64_t now;

    enter(m);
    now = m->time;
    leave(m);
    return now;
}

void model_advance_time(struct model *m, uint64_t nanoseconds)
{
    enter(m);
    advance(m, nanoseconds);
    leave(m);
}

void udmar_host_log(void *host, enum udmar_log_level level, const char *text)
{
    static const char *const names[] = { "?", "error", "warn", "info", "debug" };
    struct model *m = host;

    if (m == NULL) {
        fprintf(stderr, "%s\n", text); /* the library traps next */
        return;
    }
    enter(m);
    if (level < UDMAR_LOG_ERROR || level > UDMAR_LOG_DEBUG)
        violation(m, "host: log level %d", (int)level);
    else if (m->verbose)
        fprintf(stderr, "log %s: %s\n", names[level], text);
    if (strlen(text) > 319 || strchr(text, '\n') != NULL || text[0] == '\0')
        violation(m, "host: log line is empty, too long or has a line end: %.60s", text);
    text_append(&m->log, (uint8_t)level, text);
    leave(m);
}

bool model_log_contains(struct model *m, const char *text)
{
    return text_contains(&m->log, text);
}

unsigned model_log_count(struct model *m)
{
    return m->log.count;
}

const char *model_log_text(struct model *m, unsigned index)
{
    return index < m->log.count ? m->log.text[index] : NULL;
}

enum udmar_log_level model_log_level(struct model *m, unsigned index)
{
    return index < m->log.count ? (enum udmar_log_level)m->log.level[index] : UDMAR_LOG_DEBUG;
}

void model_clear_log(struct model *m)
{
    text_clear(&m->log);
}
