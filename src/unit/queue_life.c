/* SPDX-License-Identifier: BSD-2-Clause */
/* The queue's life: its memory, switching it on and off, and registers in its place. */
#include "base/text.h"
#include "unit/descriptor.h"
#include "unit/queue.h"
#include "unit/unit.h"

/* A queue that does nothing for so many timeouts is dead. */
#define MOST_TIMEOUTS 8u

static void set_state(struct udmar_unit *unit, enum udmar__queue_state value)
{
    uintptr_t state = udmar__lock(unit->host, &unit->queue.lock);

    __atomic_store_n(&unit->queue.state, value, __ATOMIC_RELAXED);
    udmar__unlock(unit->host, &unit->queue.lock, state);
}

static void use_queue(struct udmar_unit *unit, bool use)
{
    __atomic_store_n(&unit->use_queue, use, __ATOMIC_RELAXED);
}

static bool get_status_page(struct udmar_unit *unit)
{
    struct udmar__queue *queue = &unit->queue;

    if (queue->status_page.physical == 0 &&
        !udmar_host_page_alloc(unit->host, 1, UINT64_MAX, true, &queue->status_page)) {
        queue->status_page.physical = 0;
        return false;
    }
    if (queue->status == NULL) {
        queue->status = queue->status_page.mapping;
        *queue->status = (uint32_t)queue->issued;
    }
    return true;
}

static void empty_ring(struct udmar__queue *queue)
{
    queue->head = 0;
    queue->tail = 0;
    queue->repaired_slot = UINT32_MAX;
    __atomic_store_n(&queue->owes_cover, false, __ATOMIC_RELAXED);
    queue->left = false;
    queue->late_since = 0;
    queue->first_status = *queue->status;
}

void udmar__queue_rewind(struct udmar_unit *unit)
{
    uintptr_t state = udmar__lock(unit->host, &unit->queue.lock);

    empty_ring(&unit->queue);
    udmar__unlock(unit->host, &unit->queue.lock, state);
}

enum udmar_status udmar__queue_create(struct udmar_unit *unit, unsigned pages_log2)
{
    struct udmar__queue *queue = &unit->queue;
    uint32_t pages = 1u << pages_log2;
    struct udmar_page memory;
    uintptr_t state;

    if (!get_status_page(unit) ||
        !udmar_host_page_alloc(unit->host, pages, UINT64_MAX, true, &memory)) {
        return UDMAR_ERR_MEMORY;
    }
    /* Others may be looking whether there is a queue. */
    state = udmar__lock(unit->host, &queue->lock);
    queue->memory = memory;
    queue->descriptors = memory.mapping;
    queue->pages = pages;
    queue->slots = pages << 8;
    empty_ring(queue);
    udmar__unlock(unit->host, &queue->lock, state);
    return UDMAR_OK;
}

void udmar__queue_let_run_out(struct udmar_unit *unit)
{
    struct udmar__queue *queue = &unit->queue;
    uintptr_t state = udmar__lock(unit->host, &queue->lock);

    /* Numbers are not used twice: a caller may still hold the ticket behind the last wait. */
    if (queue->status != NULL && queue->state == QUEUE_OFF) {
        queue->issued++;
        __atomic_store_n(&queue->issued_low, (uint32_t)queue->issued, __ATOMIC_RELAXED);
        __atomic_store_n(queue->status, (uint32_t)queue->issued, __ATOMIC_RELEASE);
    }
    udmar__unlock(unit->host, &queue->lock, state);
}

void udmar__queue_drop(struct udmar_unit *unit)
{
    struct udmar__queue *queue = &unit->queue;
    uintptr_t state = udmar__lock(unit->host, &queue->lock);
    struct udmar_page memory = { .physical = 0 };

    if (queue->state == QUEUE_OFF) {
        memory = queue->memory;
        queue->memory.physical = 0;
        queue->descriptors = NULL;
    }
    udmar__unlock(unit->host, &queue->lock, state);
    if (memory.physical != 0) {
        udmar_host_page_free(unit->host, &memory, queue->pages);
    }
}

void udmar__queue_destroy(struct udmar_unit *unit)
{
    struct udmar__queue *queue = &unit->queue;

    /* A unit that could not be made has no lock, and no ring. */
    if (queue->lock.impl != NULL) {
        udmar__queue_drop(unit);
    }
    /* A unit that hung may still write its status word one day: that page is never reused. */
    if (queue->state == QUEUE_OFF && queue->status_page.physical != 0) {
        udmar_host_page_free(unit->host, &queue->status_page, 1);
    }
    udmar__lock_destroy(unit->host, &queue->lock);
}

/* The registers name no page that may be reused; only while the queue is off [VTD 11.4.9]. */
static void clear_registers(struct udmar_unit *unit)
{
    udmar__write64(unit, REG_IQT, 0);
    udmar__write64(unit, REG_IQA, 0);
}

enum udmar_status udmar__queue_start(struct udmar_unit *unit)
{
    struct udmar__queue *queue = &unit->queue;
    enum udmar_status status;

    /* A tail left by an earlier owner would be worked off the moment the queue is switched on. */
    udmar__write64(unit, REG_IQT, 0);
    udmar__write64(unit, REG_IQA, queue->memory.physical | udmar__log2(queue->pages));
    status = udmar__command(unit, GCMD_QIE, true);
    set_state(unit, status == UDMAR_OK ? QUEUE_RUNNING : QUEUE_FAILED);
    use_queue(unit, status == UDMAR_OK);
    udmar__unit_wake(unit);
    if (status == UDMAR_OK && udmar__knows_tables(unit)) {
        /* The first wait ends all tickets of an earlier queue: it comes after everything. */
        status = udmar__invalidate_all(unit);
    }
    return status;
}

/* Lets a queue that is not ours come to its end. */
static enum udmar_status drain_foreign(struct udmar_unit *unit)
{
    uint32_t errors = udmar__read32(unit, REG_FSTS) & FSTS_QUEUE;

    if (errors != 0) {
        /* It stands at a descriptor that will not be executed: what is left is dropped. */
        udmar__write32(unit, REG_IQT, udmar__read32(unit, REG_IQH));
        udmar__write32(unit, REG_FSTS, errors);
    }
    return udmar__wait_register(unit, REG_IQH, UINT32_MAX, udmar__read32(unit, REG_IQT));
}

/* Until its last wait is done, an error has stopped it, or time is up. */
static void drain_closed(struct udmar_unit *unit)
{
    uint64_t deadline = udmar_host_time_ns(unit->host) + unit->timeout_ns;
    bool late = false;

    while (!udmar__queue_idle(&unit->queue) && !late) {
        late = (udmar__read32(unit, REG_FSTS) & FSTS_QUEUE) != 0 ||
               udmar_host_time_ns(unit->host) >= deadline;
    }
}

/* Hardware must have seen a wait last [VTD 6.5.2]. */
static void drain_queue(struct udmar_unit *unit)
{
    enum udmar__queue_state state = udmar__queue_state(&unit->queue);
    uint64_t ticket;

    if (state == QUEUE_OFF) {
        /* What an earlier owner has left in it concerns nobody: it need not drain. */
        (void)drain_foreign(unit);
    } else if (state == QUEUE_CLOSED) {
        drain_closed(unit);
    } else if (udmar__queue_submit(unit, NULL, 0, true, &ticket) == UDMAR_OK) {
        (void)udmar__queue_wait(unit, ticket);
    }
}

/* A thread may be about to put registers in its place; that ends within two timeouts. */
static void await_leaver(struct udmar_unit *unit)
{
    uint64_t deadline = udmar_host_time_ns(unit->host) + 4 * unit->timeout_ns;

    while (udmar__queue_state(&unit->queue) == QUEUE_LEAVING &&
           udmar_host_time_ns(unit->host) < deadline) {
    }
}

enum udmar_status udmar__queue_stop(struct udmar_unit *unit)
{
    await_leaver(unit);
    drain_queue(unit);
    /* Even if it did not drain: switching it off is the best that is left. */
    if (udmar__command(unit, GCMD_QIE, false) != UDMAR_OK) {
        if (udmar__queue_state(&unit->queue) == QUEUE_RUNNING ||
            udmar__queue_state(&unit->queue) == QUEUE_CLOSED) {
            set_state(unit, QUEUE_FAILED);
        }
        return UDMAR_ERR_TIMEOUT;
    }
    /* QIES is clear: nothing of it is read or written any more, whatever happened before. */
    set_state(unit, QUEUE_OFF);
    use_queue(unit, false);
    clear_registers(unit);
    return UDMAR_OK;
}

enum udmar_status udmar__queue_close(struct udmar_unit *unit)
{
    uintptr_t state;

    await_leaver(unit);
    state = udmar__lock(unit->host, &unit->queue.lock);
    if (unit->queue.state == QUEUE_RUNNING) {
        /* One slot of those that are kept back; who waits for an older number is done with it. */
        udmar__queue_put_wait(unit);
        udmar__queue_ring(unit);
        __atomic_store_n(&unit->queue.state, QUEUE_CLOSED, __ATOMIC_RELAXED);
    }
    udmar__unlock(unit->host, &unit->queue.lock, state);
    return udmar__queue_state(&unit->queue) == QUEUE_OFF ? UDMAR_OK : udmar__queue_stop(unit);
}

/* Has no wait ever come to its end, or nothing moved for so long? */
static bool stands_still(struct udmar_unit *unit) UDMAR_REQUIRES(unit->queue.lock)
{
    struct udmar__queue *queue = &unit->queue;
    uint64_t now = udmar_host_time_ns(unit->host);
    uint32_t head = udmar__read32(unit, REG_IQH);
    uint32_t status = __atomic_load_n(queue->status, __ATOMIC_ACQUIRE);

    if (status == queue->first_status) {
        return true;
    }
    if (head == UINT32_MAX || queue->late_since == 0 || head != queue->late_head ||
        status != queue->late_status) {
        queue->late_since = head == UINT32_MAX ? 0 : now;
        queue->late_head = head;
        queue->late_status = status;
        return false;
    }
    return now - queue->late_since >= MOST_TIMEOUTS * unit->timeout_ns;
}

bool udmar__queue_late(struct udmar_unit *unit)
{
    struct udmar__queue *queue = &unit->queue;
    uintptr_t state = udmar__lock(unit->host, &unit->queue.lock);
    bool dead = queue->state == QUEUE_RUNNING && unit->facts.registers && stands_still(unit);

    if (dead) {
        __atomic_store_n(&queue->state, QUEUE_FAILED, __ATOMIC_RELAXED);
    }
    udmar__unlock(unit->host, &unit->queue.lock, state);
    if (dead) {
        udmar__log(unit->host, UDMAR_LOG_ERROR,
                   "unit %u: the invalidation queue is dead: it does nothing", unit->index);
        udmar__queue_leave(unit);
    }
    return dead;
}

/* One caller alone, and once only until the next start. */
static bool may_leave(struct udmar_unit *unit)
{
    struct udmar__queue *queue = &unit->queue;
    uintptr_t state = udmar__lock(unit->host, &queue->lock);
    bool may = queue->state == QUEUE_FAILED && !queue->left && udmar__uses_queue(unit);

    if (may) {
        queue->left = true;
        __atomic_store_n(&queue->state, QUEUE_LEAVING, __ATOMIC_RELAXED);
    }
    udmar__unlock(unit->host, &queue->lock, state);
    return may;
}

/* False: a start or stop has not waited for us, and what there is now is theirs. */
static bool end_leaving(struct udmar_unit *unit, bool off)
{
    struct udmar__queue *queue = &unit->queue;
    uintptr_t state = udmar__lock(unit->host, &queue->lock);
    bool still = queue->state == QUEUE_LEAVING;

    if (still) {
        __atomic_store_n(&queue->state, off ? QUEUE_OFF : QUEUE_FAILED, __ATOMIC_RELAXED);
        use_queue(unit, !off);
    }
    udmar__unlock(unit->host, &queue->lock, state);
    return still;
}

void udmar__queue_leave(struct udmar_unit *unit)
{
    enum udmar_status status = UDMAR_ERR_QUEUE;

    if (!may_leave(unit)) {
        return;
    }
    if (unit->facts.registers) {
        status = udmar__command(unit, GCMD_QIE, false);
    }
    if (!end_leaving(unit, status == UDMAR_OK)) {
        return;
    }
    if (status != UDMAR_OK) {
        udmar__log(unit->host, UDMAR_LOG_ERROR,
                   "unit %u: nothing takes the queue's place (%s): mappings can no longer be ended",
                   unit->index, udmar_status_string(status));
        return;
    }
    status = udmar__invalidate_all(unit);
    if (status == UDMAR_OK) {
        udmar__queue_let_run_out(unit);
    }
    udmar__log(unit->host, UDMAR_LOG_WARN,
               "unit %u: invalidation goes on by registers; what was in the queue is %s",
               unit->index, status == UDMAR_OK ? "done" : "not confirmed");
}
