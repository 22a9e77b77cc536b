/* SPDX-License-Identifier: BSD-2-Clause */
/* The invalidation queue [VTD 6.5.2]. */
#include <string.h>

#include "internal.h"

enum {
    D_CONTEXT = 1,
    D_IOTLB = 2,
    D_DEVICE = 3,
    D_IEC = 4,
    D_WAIT = 5,
};

/* Bits that a descriptor may have, by type. All else is reserved. */
static const struct {
    uint64_t low, high;
} allowed[] = {
    [D_CONTEXT] = { UINT64_C(0x0003ffffffff003f), 0 },
    [D_IOTLB] = { UINT64_C(0x00000000ffff00ff), UINT64_C(0xfffffffffffff07f) },
    [D_DEVICE] = { UINT64_C(0xfff0ffff001ff00f), UINT64_C(0xfffffffffffff001) },
    [D_IEC] = { UINT64_C(0x0000fffff800001f), 0 },
    [D_WAIT] = { UINT64_C(0xffffffff0000007f), UINT64_C(0xfffffffffffffffc) },
};
#define DEVICE_PFSID UINT64_C(0xfff000000000f000)

/* Outcome of a descriptor. */
enum outcome { DONE, STOPPED };

bool queue_busy(struct model_unit *u)
{
    return (*reg(u, R_GSTS) & G_QIE) != 0 && (*reg(u, R_IQH) != *reg(u, R_IQT) || fetch_busy(u));
}

/* ---- Errors ---------------------------------------------------------------------------------- */

/* While an error is shown, another one of its kind is not reported. */
static enum outcome queue_error(struct model_unit *u, unsigned info)
{
    if ((*reg(u, R_FSTS) & F_IQE) != 0)
        return STOPPED;
    u->stats.queue_errors++;
    u->queue.needs_tail = true;
    u->queue.fetched.bad = 0;
    *reg(u, R_IQERCD) = (*reg(u, R_IQERCD) & ~0xfu) | info;
    status_raise(u, F_IQE);
    return STOPPED;
}

static void completion_error(struct model_unit *u, uint16_t sid)
{
    if ((*reg(u, R_FSTS) & F_ICE) != 0)
        return;
    *reg(u, R_IQERCD + 4) = (*reg(u, R_IQERCD + 4) & 0xffff) | (uint32_t)sid << 16;
    status_raise(u, F_ICE);
}

/* ---- Descriptors ----------------------------------------------------------------------------- */

bool descriptor_read(struct model_unit *u, uint32_t head, uint64_t words[4])
{
    /* The queue is read with snooping whatever ECAP.C says [VTD 6.5.2]. */
    for (unsigned i = 0; i < u->queue.entry_size / 8; i++) {
        const uint8_t *at = model_pointer(u->m, u->queue.base + head + 8 * i);

        if (at == NULL)
            return false;
        words[i] = load_word(at);
    }
    if (u->m->memory.state[frame_of(u->m, u->queue.base + head)] == FRAME_FREED)
        violation(u->m, "the queue lies in a freed page");
    return true;
}

static unsigned check_wait(struct model_unit *u, const uint64_t words[4])
{
    bool drain = FIELD(words[0], 7, 7) != 0;

    if (drain && (u->ecap & ECAP_PDS) == 0)
        return IQEI_RESERVED;
    if (FIELD(words[0], 5, 5) != 0 && frame_of(u->m, words[1]) == NO_FRAME)
        return IQEI_FETCH;
    return IQEI_NONE;
}

static unsigned check_fields(struct model_unit *u, unsigned type, const uint64_t words[4])
{
    unsigned granularity = (unsigned)FIELD(words[0], 5, 4);

    switch (type) {
    case D_CONTEXT:
        return granularity == 0 ? IQEI_RESERVED : IQEI_NONE;
    case D_IOTLB:
        if (granularity == 0 || (granularity == 3 && ((u->cap & CAP_PSI) == 0 ||
                                                      FIELD(words[1], 5, 0) > CAP_MAMV(u->cap))))
            return IQEI_RESERVED;
        return IQEI_NONE;
    case D_DEVICE:
        return (words[0] & DEVICE_PFSID) != 0 && (u->ecap & ECAP_DIT) == 0 ? IQEI_RESERVED
                                                                           : IQEI_NONE;
    case D_IEC:
        return FIELD(words[0], 31, 27) > ECAP_MHMV(u->ecap) ? IQEI_RESERVED : IQEI_NONE;
    default:
        return check_wait(u, words);
    }
}

/* IQEI_NONE: the descriptor is good. */
unsigned descriptor_check(struct model_unit *u, const uint64_t words[4])
{
    unsigned type = (unsigned)(FIELD(words[0], 3, 0) | FIELD(words[0], 11, 9) << 4);
    uint64_t low_allowed;

    if (u->queue.entry_size == 16 && in_scalable_mode(u))
        return IQEI_WIDTH;

    if (type < D_CONTEXT || type > D_WAIT || (type == D_DEVICE && (u->ecap & ECAP_DT) == 0) ||
        (type == D_IEC && (u->ecap & ECAP_IR) == 0))
        return IQEI_TYPE;
    low_allowed = allowed[type].low | (type == D_WAIT ? BIT64(7) : 0);
    if ((words[0] & ~low_allowed) != 0 || (words[1] & ~allowed[type].high) != 0)
        return IQEI_RESERVED;
    if (u->queue.entry_size == 32 && (words[2] | words[3]) != 0)
        return IQEI_RESERVED;
    return check_fields(u, type, words);
}

static struct model_invalidation decode(const uint64_t words[4])
{
    unsigned type = (unsigned)FIELD(words[0], 3, 0);
    struct model_invalidation what = { .kind = (enum model_invalidation_kind)type };

    switch (type) {
    case D_CONTEXT:
        what.granularity = (enum model_granularity)FIELD(words[0], 5, 4);
        what.did = (uint16_t)FIELD(words[0], 31, 16);
        what.sid = (uint16_t)FIELD(words[0], 47, 32);
        what.function_mask = (uint8_t)FIELD(words[0], 49, 48);
        break;
    case D_IOTLB:
        what.granularity = (enum model_granularity)FIELD(words[0], 5, 4);
        what.did = (uint16_t)FIELD(words[0], 31, 16);
        what.drain_write = FIELD(words[0], 6, 6) != 0;
        what.drain_read = FIELD(words[0], 7, 7) != 0;
        what.address = words[1] & ~PAGE_LOW;
        what.address_mask = (uint8_t)FIELD(words[1], 5, 0);
        what.leaf_hint = FIELD(words[1], 6, 6) != 0;
        break;
    case D_DEVICE:
        what.sid = (uint16_t)FIELD(words[0], 47, 32);
        what.address = words[1];
        break;
    case D_IEC:
        what.granularity = (enum model_granularity)FIELD(words[0], 4, 4);
        what.data = (uint32_t)FIELD(words[0], 47, 32);
        what.address_mask = (uint8_t)FIELD(words[0], 31, 27);
        break;
    default:
        what.interrupt = FIELD(words[0], 4, 4) != 0;
        what.status_write = FIELD(words[0], 5, 5) != 0;
        what.fence = FIELD(words[0], 6, 6) != 0;
        what.data = (uint32_t)(words[0] >> 32);
        what.address = words[1];
        break;
    }
    return what;
}

/* ---- Execution ------------------------------------------------------------------------------- */

/* Coherent whatever ECAP.C says: what the processor sees and what memory holds both change. */
static void write_status(struct model_unit *u, uint64_t physical, uint32_t value)
{
    size_t frame = frame_of(u->m, physical);
    size_t offset = frame * MODEL_PAGE + (size_t)(physical & PAGE_LOW);

    if (u->m->memory.state[frame] == FRAME_FREED || u->m->memory.state[frame] == FRAME_FREE)
        violation(u->m, "wait status written to %#llx, a page that is not allocated",
                  (unsigned long long)physical);
    __atomic_store_n((uint32_t *)(void *)(u->m->memory.direct + offset), value, __ATOMIC_RELEASE);
    __atomic_store_n((uint32_t *)(void *)(u->m->memory.shadow + offset), value, __ATOMIC_RELAXED);
    u->stats.wait_writes++;
}

static void execute_wait(struct model_unit *u, const struct model_invalidation *what)
{
    u->stats.waits++;
    if (what->status_write)
        write_status(u, what->address, what->data);
    if (what->interrupt) {
        u->stats.wait_interrupts++;
        completion_event(u);
    }
}

/* True: the device has answered. One that is not there, or is blocked, never does. */
static bool device_answers(struct model_unit *u, uint16_t sid)
{
    const struct function *f = function_find(u->m, u->segment, sid);

    u->stats.device_tlb++;
    return f != NULL && f->ats && (*reg(u, R_GSTS) & G_TE) != 0;
}

void head_advance(struct model_unit *u)
{
    uint32_t size = u->queue.entries * u->queue.entry_size;

    *reg(u, R_IQH) = (*reg(u, R_IQH) + u->queue.entry_size) % size;
}

/* One descriptor has been dealt with; the head has passed it already if it was taken in ahead. */
static void descriptor_done(struct model_unit *u, bool ahead)
{
    u->stats.descriptors++;
    if (!ahead)
        head_advance(u);
}

/* The next descriptor to deal with, taken in ahead or read now. False: neither. */
static bool next_words(struct model_unit *u, uint64_t words[4], bool *out_ahead)
{
    *out_ahead = fetch_busy(u);
    if (*out_ahead) {
        fetch_take(u, words);
        return true;
    }
    return descriptor_read(u, *reg(u, R_IQH), words);
}

/* Executes everything but device-TLB requests. */
static void execute_simple(struct model_unit *u, const struct model_invalidation *what)
{
    u->queue.last_was_wait = what->kind == MODEL_INV_WAIT;
    if (what->kind == MODEL_INV_CONTEXT || what->kind == MODEL_INV_IOTLB) {
        invalidation_apply(u, what);
        return;
    }
    invalidation_note(u, what);
    if (what->kind == MODEL_INV_IEC)
        remap_invalidate(u, what);
    else if (what->kind == MODEL_INV_WAIT)
        execute_wait(u, what);
}

/*
 * A device has not answered. What was fetched behind the request meanwhile is carried out, but
 * waits never complete: they are aborted without a status write [VTD 6.5.2].
 */
static enum outcome queue_timeout(struct model_unit *u, uint16_t sid, uint32_t fetched)
{
    uint64_t words[4] = { 0 };

    while (fetched-- > 0 && queue_busy(u)) {
        struct model_invalidation what;
        bool ahead;

        if (!next_words(u, words, &ahead) || descriptor_check(u, words) != IQEI_NONE)
            break;
        what = decode(words);
        if (what.kind == MODEL_INV_WAIT)
            u->stats.queue_aborted++;
        else
            execute_simple(u, &what);
        descriptor_done(u, ahead);
    }
    *reg(u, R_IQERCD + 4) = (*reg(u, R_IQERCD + 4) & ~0xffffu) | sid;
    status_raise(u, F_ITE);
    return STOPPED;
}

static enum outcome execute(struct model_unit *u, const uint64_t words[4], bool ahead)
{
    struct model_invalidation what = decode(words);

    if (what.kind == MODEL_INV_DEVICE) {
        invalidation_note(u, &what);
        if (!device_answers(u, what.sid)) {
            descriptor_done(u, ahead);
            return queue_timeout(u, what.sid, MODEL_NEVER);
        }
        u->queue.last_was_wait = false;
    } else {
        execute_simple(u, &what);
    }
    descriptor_done(u, ahead);
    return DONE;
}

/* True: this descriptor meets the injected error; *out_outcome says what came of it. */
static bool injected(struct model_unit *u, enum outcome *out_outcome)
{
    struct queue *q = &u->queue;

    if (q->inject_at == 0 || --q->inject_at > 0)
        return false;
    switch (q->inject) {
    case MODEL_QUEUE_IQE:
        *out_outcome = queue_error(u, IQEI_NONE);
        return true;
    case MODEL_QUEUE_ITE:
        *out_outcome =
            queue_timeout(u, q->inject_sid,
                          q->inject_fetched == MODEL_NEVER ? MODEL_NEVER : q->inject_fetched + 1);
        return true;
    case MODEL_QUEUE_ICE:
        completion_error(u, q->inject_sid);
        return false;
    default:
        return false;
    }
}

/* A wait that is made to hang stays where it is, with all that is behind it. */
static bool stalls(struct model_unit *u, const uint64_t words[4])
{
    if (FIELD(words[0], 3, 0) == D_WAIT && wait_hangs(u))
        u->queue.stalled = true;
    if (FIELD(words[0], 3, 0) == D_CONTEXT && u->contexts_dead)
        u->queue.stalled = true;
    return u->queue.stalled;
}

static enum outcome execute_ahead(struct model_unit *u)
{
    uint64_t words[4] = { 0 };

    if (u->queue.fetched.count > 0 && stalls(u, u->queue.fetched.words[0]))
        return STOPPED;
    if (u->queue.fetched.count > 0) {
        fetch_take(u, words);
        return execute(u, words, true);
    }
    return queue_error(u, u->queue.fetched.bad - 1);
}

static enum outcome execute_next(struct model_unit *u)
{
    uint64_t words[4] = { 0 };
    enum outcome outcome = DONE;
    unsigned info;

    if (!fetch_busy(u) && !descriptor_read(u, *reg(u, R_IQH), words))
        return queue_error(u, IQEI_FETCH);
    if (injected(u, &outcome))
        return outcome;
    if (fetch_busy(u))
        return execute_ahead(u);
    info = descriptor_check(u, words);
    if (info != IQEI_NONE)
        return queue_error(u, info);
    if (stalls(u, words))
        return STOPPED;
    return execute(u, words, false);
}

/* Fetching stands still while an error is shown, and after IQE until it is set going again. */
static bool may_fetch(struct model_unit *u)
{
    return queue_busy(u) && (*reg(u, R_FSTS) & (F_IQE | F_ITE)) == 0 && !u->queue.needs_tail &&
           !u->queue.stalled;
}

static unsigned queue_run(struct model_unit *u, unsigned limit)
{
    unsigned done = 0;

    while (done < limit && may_fetch(u)) {
        fetch_ahead(u);
        if (execute_next(u) != DONE)
            break;
        done++;
    }
    return done;
}

/* ---- What sets it going ---------------------------------------------------------------------- */

void queue_kick(struct model_unit *u)
{
    if (may_fetch(u))
        fetch_ahead(u);
    if (u->behaviour.queue_mode == MODEL_QUEUE_IMMEDIATE)
        queue_run(u, UINT32_MAX);
    else if (u->behaviour.queue_mode == MODEL_QUEUE_DELAYED && u->queue.delay_left == 0)
        u->queue.delay_left = u->behaviour.queue_delay == 0 ? 1 : u->behaviour.queue_delay;
}

/* Software must never let the tail overtake the head. */
static void check_overrun(struct model_unit *u, uint32_t old_tail)
{
    uint32_t n = u->queue.entries, size = u->queue.entry_size;
    uint32_t head = *reg(u, R_IQH) / size, tail = *reg(u, R_IQT) / size, before = old_tail / size;
    uint32_t waiting = (before + n - head) % n, added = (tail + n - before) % n;

    if ((*reg(u, R_FSTS) & F_IQE) == 0 && !u->queue.needs_tail && waiting + added >= n)
        violation(u->m, "queue overrun: %u descriptors wait, %u more are added to %u", waiting,
                  added, n);
}

void queue_tail_written(struct model_unit *u, uint32_t old_tail)
{
    uint32_t tail = *reg(u, R_IQT);

    if ((*reg(u, R_GSTS) & G_QIE) == 0)
        return;
    if ((*reg(u, R_FSTS) & F_IQE) != 0)
        return; /* the write counts only after the error is cleared */
    u->queue.needs_tail = false;
    if (tail >= u->queue.entries * u->queue.entry_size) {
        queue_error(u, IQEI_TAIL);
        return;
    }
    if (tail % u->queue.entry_size != 0) {
        queue_error(u, IQEI_ALIGN);
        return;
    }
    check_overrun(u, old_tail);
    queue_kick(u);
}

void queue_errors_cleared(struct model_unit *u, uint32_t cleared)
{
    if ((cleared & F_IQE) != 0 && u->behaviour.queue_resumes_on_clear)
        u->queue.needs_tail = false;
    if ((*reg(u, R_FSTS) & (F_IQE | F_ITE)) == 0 && !u->queue.needs_tail)
        queue_kick(u);
}

/* A clock call: time passes for queues that take theirs. */
void queue_tick(struct model_unit *u)
{
    if (!queue_busy(u))
        return;
    if (thread_state()->locks_held > 0)
        u->stats.polls_under_lock++;
    if (u->behaviour.queue_mode == MODEL_QUEUE_TRICKLE)
        queue_run(u, 1);
    else if (u->behaviour.queue_mode == MODEL_QUEUE_IMMEDIATE)
        /* It was another mode's until now. */
        queue_run(u, UINT32_MAX);
    else if (u->queue.delay_left > 0 && --u->queue.delay_left == 0)
        queue_run(u, UINT32_MAX);
}

void queue_enable(struct model_unit *u)
{
    uint64_t address = reg64(u, R_IQA);
    struct queue *q = &u->queue;

    q->base = address & ~PAGE_LOW;
    q->entry_size = FIELD(address, 11, 11) != 0 ? 32 : 16;
    q->entries = (uint32_t)((MODEL_PAGE << FIELD(address, 2, 0)) / q->entry_size);
    q->last_was_wait = true;
    q->needs_tail = false;
    q->delay_left = 0;
    q->fetched.count = q->fetched.bad = 0;
    q->stalled = false;
    if (*reg(u, R_IQT) != 0 && *reg(u, R_IQH) == 0)
        violation(u->m, "queue enabled with a tail that is not 0");
    if (frame_of(u->m, q->base) == NO_FRAME)
        violation(u->m, "queue enabled at %#llx, where there is no memory",
                  (unsigned long long)q->base);
    queue_kick(u);
}

/* The head goes back to 0, the tail stays. */
void queue_disable(struct model_unit *u)
{
    bool stopped = (*reg(u, R_FSTS) & (F_IQE | F_ITE)) != 0 || u->queue.needs_tail ||
                   u->queue.stalled || u->behaviour.queue_mode == MODEL_QUEUE_DEAD;

    if ((*reg(u, R_IQH) != *reg(u, R_IQT) || fetch_busy(u)) && !stopped)
        violation(u->m, "queue disabled while descriptors wait");
    else if (!u->queue.last_was_wait && !stopped)
        violation(u->m, "queue disabled though the last descriptor was no wait");
    *reg(u, R_IQH) = 0;
    u->queue.needs_tail = false;
    u->queue.stalled = false;
    u->queue.fetched.count = u->queue.fetched.bad = 0;
    u->queue.delay_left = 0;
}

/* ---- For tests ------------------------------------------------------------------------------- */

unsigned model_queue_step(struct model_unit *unit, unsigned n)
{
    unsigned done;

    enter(unit->m);
    done = queue_run(unit, n);
    leave(unit->m);
    return done;
}

void model_inject_queue_error(struct model_unit *unit, unsigned n, enum model_queue_error error,
                              uint16_t sid, uint32_t fetched)
{
    enter(unit->m);
    unit->queue.inject_at = n;
    unit->queue.inject = error;
    unit->queue.inject_sid = sid;
    unit->queue.inject_fetched = fetched;
    leave(unit->m);
}
