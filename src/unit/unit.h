/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One remapping unit: its registers, its invalidation, its fault records.
 *
 * This layer knows nothing of domains or policy. A unit is set up by one thread; after that its
 * commands are serialised by `lock`, its queue by `queue.lock`.
 */
#ifndef UDMAR_UNIT_UNIT_H
#define UDMAR_UNIT_UNIT_H

#include <udmar/fault.h>
#include <udmar/host.h>
#include <udmar/unit.h>

#include "base/lock.h"
#include "unit/registers.h"

/*
 * An invalidation request in the form of a queue descriptor [VTD 6.5.2]. The register back end
 * takes the same form apart again, so there is one notation for both.
 */
struct udmar__request {
    uint64_t low;
    uint64_t high;
};

enum udmar__queue_state {
    QUEUE_OFF,     /* hardware has no use for the ring, if there is one: nothing is put into it */
    QUEUE_RUNNING, /* ours, and it takes requests */
    QUEUE_FAILED,  /* dead, or not to be switched off: takes nothing, and hardware may read it */
    QUEUE_LEAVING, /* the same, while a thread puts registers in its place */
    QUEUE_CLOSED,  /* takes nothing more; hardware works off what is in it: sleep.c */
};

/*
 * The invalidation queue: lock and state live as long as the unit, the status word from the first
 * start to the unit's end, the ring from start to stop.
 *
 * Tickets: wait descriptors are numbered 1, 2, 3...; `issued` is the number of the last one that
 * was written. A request that was written after it gets the ticket issued + 1: it is complete when
 * a wait with that number or a later one is. Hardware writes the low 32 bits of the number into
 * *status, in order because every wait is a fence. A request that is written while a wait is on its
 * way gets none of its own: whoever sees that wait complete first writes one for all who came
 * meanwhile. So there are never more waits than the hardware's latency asks for.
 * Invariants: 0 <= head, tail < slots; head == tail means empty; *status <= issued (mod 2^32).
 */
struct udmar__queue {
    struct udmar__lock lock;
    enum udmar__queue_state state;  /* [lock], also read without it */
    struct udmar_page memory;       /* the ring: slots * 16 bytes; physical 0: none */
    struct udmar_page status_page;  /* hardware may write it late, so it stays */
    volatile uint64_t *descriptors; /* [lock] two words a slot */
    volatile uint32_t *status;      /* written by hardware */
    uint32_t pages;                 /* constant while there is a ring */
    uint32_t slots;                 /* constant while there is a ring, a power of two */
    uint32_t tail;                  /* [lock] next free slot */
    uint32_t head;                  /* [lock] where hardware was when last looked at */
    uint64_t issued;                /* [lock] number of the last wait descriptor */
    uint32_t issued_low;            /* its low half, also read without the lock */
    uint32_t repaired_slot;         /* [lock] slot of the last repair, or UINT32_MAX */
    uint64_t repaired_issued;       /* [lock] and `issued` at that time */
    bool owes_cover;                /* [lock] aborted waits are not covered yet: no room */
    bool left;                      /* [lock] registers were tried in place of a dead queue */
    uint32_t first_status;          /* the status word when the ring was made */
    uint64_t late_since;            /* [lock] a wait timed out then, with these two; 0: none */
    uint32_t late_head;             /* [lock] IQH */
    uint32_t late_status;           /* [lock] the status word */
};

static inline enum udmar__queue_state udmar__queue_state(const struct udmar__queue *queue)
{
    return __atomic_load_n(&queue->state, __ATOMIC_RELAXED);
}

struct udmar__unit_counts {
    uint64_t context_requests; /* [lock or queue.lock] */
    size_t iotlb_requests;     /* also read without a lock: the clock of "gone since" */
    uint64_t queue_full;
    uint64_t queue_errors;
    size_t timeouts; /* raised by many at once */
};

/*
 * Raised under the lock of the queue or of the registers, whichever is used. In the moment when the
 * one takes the other's place a count may get lost; nothing but "gone since" is told by it.
 */
static inline void udmar__count_iotlb(struct udmar__unit_counts *counts)
{
    size_t count = __atomic_load_n(&counts->iotlb_requests, __ATOMIC_RELAXED);

    __atomic_store_n(&counts->iotlb_requests, count + 1, __ATOMIC_RELAXED);
}

static inline void udmar__count_timeout(struct udmar__unit_counts *counts)
{
    (void)__atomic_add_fetch(&counts->timeouts, 1, __ATOMIC_RELAXED);
}

static inline size_t udmar__iotlb_count(const struct udmar__unit_counts *counts)
{
    return __atomic_load_n(&counts->iotlb_requests, __ATOMIC_RELAXED);
}

/* Between suspend and resume nothing is asked of a unit: who does is refused, or waits a while. */
enum udmar__sleep { SLEEP_NONE, SLEEP_REFUSES, SLEEP_HOLDS };

struct udmar_unit {
    void *host;
    unsigned index;
    uint16_t segment;
    udmar_paddr_t base;
    void *registers;
    size_t window;
    uint64_t timeout_ns;
    struct udmar_unit_facts facts;
    struct udmar__lock lock;
    bool adopted;      /* start has looked at GSTS; until then the registers are firmware's */
    uint32_t commands; /* [lock] persistent GCMD bits that are set */
    uint32_t kept;     /* constant; those of them that are the host's: it may change them */
    bool use_queue;    /* which back end invalidates; udmar__uses_queue() */
    bool translating;  /* [lock] TE has been seen to be on */
    bool context_late; /* [lock] a context-cache command by register has not ended in time */
    struct udmar__queue queue;
    struct udmar__unit_counts counts;
    struct udmar_page root;   /* root table; physical 0: none yet */
    bool root_set;            /* hardware has been given the root table and may use it;
                                 udmar__knows_tables() */
    bool remaps;              /* hardware has our interrupt table, or may; udmar__remaps() */
    uint64_t interrupt_table; /* IRTA for that; constant while it remaps */
    uint64_t *domain_id_map;  /* [lock] bit set: in use */
    void *interrupt;          /* host token, null: polled */
    uint64_t event_address;   /* its message; 0: none */
    uint32_t event_data;
    enum udmar__sleep sleep; /* [lock to change it] atomic */
    struct udmar__lock fault_lock;
    unsigned drains; /* atomic; who wants faults read out: the first does it for all */
};

/* Start, stop and a queue that dies change both while others map and unmap. */
static inline bool udmar__uses_queue(const struct udmar_unit *unit)
{
    return __atomic_load_n(&unit->use_queue, __ATOMIC_RELAXED);
}

static inline bool udmar__knows_tables(const struct udmar_unit *unit)
{
    return __atomic_load_n(&unit->root_set, __ATOMIC_ACQUIRE);
}

static inline bool udmar__sleeps(const struct udmar_unit *unit)
{
    return __atomic_load_n(&unit->sleep, __ATOMIC_ACQUIRE) != SLEEP_NONE;
}

static inline void udmar__note_tables(struct udmar_unit *unit, bool known)
{
    __atomic_store_n(&unit->root_set, known, __ATOMIC_RELEASE);
}

/* Does interrupt remapping go on with a table of ours, as far as we know? */
static inline bool udmar__remaps(const struct udmar_unit *unit)
{
    return __atomic_load_n(&unit->remaps, __ATOMIC_RELAXED);
}

/*
 * Whoever changes an entry changes it first and then looks; start notes it first and then has the
 * unit forget all entries: with the barriers in between one of the two sees the other.
 */
static inline void udmar__note_remaps(struct udmar_unit *unit, bool remaps)
{
    __atomic_store_n(&unit->remaps, remaps, __ATOMIC_SEQ_CST);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* ---- unit.c: life ---- */

struct udmar__unit_config {
    unsigned index;
    uint16_t segment;
    udmar_paddr_t base;
    size_t firmware_size; /* of its register window, as the table says */
    uint64_t timeout_ns;
    uint32_t kept; /* bits of the command register that are the host's */
};
/*
 * Says what firmware or an earlier kernel has left on in a unit that will not be used: nothing is
 * changed in it.
 */
void udmar__unit_tell_left_on(struct udmar_unit *unit);
/*
 * Maps the registers, decodes the capabilities and leaves the hardware untouched.
 * @reason: a sentence for the log when it fails, or null.
 */
enum udmar_status udmar__unit_create(void *host, const struct udmar__unit_config *config,
                                     struct udmar_unit **out_unit, const char **reason);
/* The hardware must be stopped. Memory that a hung unit might still write is not given back. */
void udmar__unit_destroy(struct udmar_unit *unit);

/* ---- command.c: registers and commands ---- */

uint32_t udmar__read32(struct udmar_unit *unit, uint32_t offset);
void udmar__write32(struct udmar_unit *unit, uint32_t offset, uint32_t value);
uint64_t udmar__read64(struct udmar_unit *unit, uint32_t offset);
/* Low half first: triggers sit in the high half. */
void udmar__write64(struct udmar_unit *unit, uint32_t offset, uint64_t value);
/*
 * Until (register & mask) == value, or UDMAR_ERR_TIMEOUT. All ones are no answer: none of the
 * registers that are waited for can read so while the unit is there.
 */
enum udmar_status udmar__wait_register(struct udmar_unit *unit, uint32_t offset, uint32_t mask,
                                       uint32_t value);

/* Learns from GSTS what is on; to be called before any command. All ones teach nothing. */
uint32_t udmar__unit_adopt_state(struct udmar_unit *unit);
/* Does it remap interrupts through our table, as its registers say now? */
bool udmar__unit_remaps(struct udmar_unit *unit);
/* Does it remap, and let messages in compatibility format pass? */
bool udmar__unit_passes_compatible(struct udmar_unit *unit);
/* The switches that are on, or were asked for. */
uint32_t udmar__unit_commands(struct udmar_unit *unit);
/* Does the unit translate through our root table, as GSTS says now? Reads a register. */
bool udmar__unit_translates(struct udmar_unit *unit);
/* Sets or clears one persistent bit (GCMD_TE, GCMD_QIE, GCMD_IRE) and waits for it. */
enum udmar_status udmar__command(struct udmar_unit *unit, uint32_t bit, bool on);
/*
 * Lets interrupts in compatibility format pass. False: the unit does not have that switch, as
 * QEMU's, where they pass whatever one does.
 */
bool udmar__let_compatible_pass(struct udmar_unit *unit);
/* Hands the root table to hardware; the caller invalidates afterwards. */
enum udmar_status udmar__set_root(struct udmar_unit *unit, udmar_paddr_t table);
/* Translation is off: RTADDR names no table of ours any more. */
void udmar__forget_root(struct udmar_unit *unit);
/* The same for the interrupt remapping table; @value: of IRTA. */
enum udmar_status udmar__set_interrupt_table(struct udmar_unit *unit, uint64_t value);
/* Interrupt remapping is off: IRTA names no table of ours any more. */
void udmar__forget_interrupt_table(struct udmar_unit *unit);
/* Makes earlier stores visible to a unit that has RWBF; does nothing on others. */
enum udmar_status udmar__write_buffer_flush(struct udmar_unit *unit);
/* Turns the protected memory regions off where there are any. */
enum udmar_status udmar__protected_regions_off(struct udmar_unit *unit);

/* ---- invalidate.c: one interface, two back ends ---- */

struct udmar__request udmar__context_request(unsigned granularity, uint16_t domain_id,
                                             udmar_rid_t rid);
/* @pages_log2: for GRAN_SELECTIVE; @leaf_only: no table was unlinked (the IH hint). */
struct udmar__request udmar__iotlb_request(const struct udmar_unit *unit, unsigned granularity,
                                           uint16_t domain_id, udmar_iova_t iova,
                                           unsigned pages_log2, bool leaf_only);
struct udmar__request udmar__interrupt_request_all(void);
/* 2^count_log2 interrupt entries from @first, a multiple of that, on. */
struct udmar__request udmar__interrupt_request(uint16_t first, unsigned count_log2);
/* The narrowest request that covers [iova, iova + size); size is not 0. */
struct udmar__request udmar__iotlb_range(const struct udmar_unit *unit, uint16_t domain_id,
                                         udmar_iova_t iova, uint64_t size, bool leaf_only);

/*
 * Has requests executed in order.
 * @wait: return only when they are complete.
 * @out_ticket: number to wait for; 0: complete. Also set when a wait ends in UDMAR_ERR_TIMEOUT, so
 *              that the caller can ask again; may be null with @wait.
 * Returns UDMAR_OK, UDMAR_ERR_TIMEOUT, UDMAR_ERR_QUEUE, UDMAR_ERR_REFUSED.
 */
enum udmar_status udmar__invalidate(struct udmar_unit *unit, const struct udmar__request *requests,
                                    unsigned count, bool wait, uint64_t *out_ticket);
enum udmar_status udmar__invalidate_wait(struct udmar_unit *unit, uint64_t ticket);
/* Complete already? Never waits. */
bool udmar__invalidate_done(struct udmar_unit *unit, uint64_t ticket);
/* Everything the unit caches, and waits for it. */
enum udmar_status udmar__invalidate_all(struct udmar_unit *unit);

/*
 * Queues one IOTLB request without waiting, for anything. False: there is no room, or no queue.
 */
bool udmar__queue_offer(struct udmar_unit *unit, const struct udmar__request *request,
                        uint64_t *out_ticket);

/* ---- invalidate_registers.c ---- */
enum udmar_status udmar__registers_execute(struct udmar_unit *unit,
                                           const struct udmar__request *request);

/* ---- queue_life.c ---- */
/* A ring, and where there was none yet a status word. */
enum udmar_status udmar__queue_create(struct udmar_unit *unit, unsigned pages_log2);
/* Gives the ring back, unless hardware may still read it. */
void udmar__queue_drop(struct udmar_unit *unit);
/* With the unit: the rest, too. */
void udmar__queue_destroy(struct udmar_unit *unit);
/* Switches the queue on. After UDMAR_ERR_TIMEOUT hardware may have it on. */
enum udmar_status udmar__queue_start(struct udmar_unit *unit);
/*
 * Lets hardware work off what is in the queue, whoever put it there, then switches it off.
 * Returns UDMAR_OK when it is off, drained or not; UDMAR_ERR_TIMEOUT.
 */
enum udmar_status udmar__queue_stop(struct udmar_unit *unit);
/* Whatever was asked for so far needs no answer any more: everything has been invalidated. */
void udmar__queue_let_run_out(struct udmar_unit *unit);
/*
 * A queue that has failed, once: registers take its place where the unit has them. What was on its
 * way is covered by a global invalidation; without that it ends in UDMAR_ERR_QUEUE. No lock held.
 */
void udmar__queue_leave(struct udmar_unit *unit);

/* What is in it is worked off, nothing more gets in, and it is off. UDMAR_ERR_TIMEOUT: it is not.
 */
enum udmar_status udmar__queue_close(struct udmar_unit *unit);
/* An empty ring in the memory that it has, for udmar__queue_start(). */
void udmar__queue_rewind(struct udmar_unit *unit);

/* ---- sleep.c ---- */
/*
 * The unit has done what it was asked for, and is not asked again until udmar__unit_wake(): all of
 * it ends in UDMAR_ERR_SUSPENDED, with SLEEP_HOLDS after a wait of one timeout at the most. What
 * translates goes on translating. UDMAR_ERR_TIMEOUT, _QUEUE, _REFUSED: it sleeps, but has not
 * confirmed everything.
 */
enum udmar_status udmar__unit_sleep(struct udmar_unit *unit, enum udmar__sleep how);
/* It may be asked again. */
void udmar__unit_wake(struct udmar_unit *unit);
/* False: it sleeps, and who asks is not to wait, or has waited. */
bool udmar__await_wake(struct udmar_unit *unit);

/* ---- queue.c ---- */
enum udmar_status udmar__queue_submit(struct udmar_unit *unit,
                                      const struct udmar__request *requests, unsigned count,
                                      bool with_wait, uint64_t *out_ticket);
enum udmar_status udmar__queue_wait(struct udmar_unit *unit, uint64_t ticket);
bool udmar__queue_done(struct udmar_unit *unit, uint64_t ticket);

/* ---- queue_repair.c ---- */
/* Looks for queue errors and repairs the queue; cheap when there are none. */
void udmar__queue_service(struct udmar_unit *unit);

/* ---- fault_registers.c ---- */

typedef void udmar__fault_sink(void *context, struct udmar_unit *unit,
                               const struct udmar_fault *fault);
/*
 * Reads out and clears all fault records and the overflow flag; calls @sink without locks held.
 * Returns the number of records; 0 where another thread is doing it, which then looks once more.
 */
unsigned udmar__faults_drain(struct udmar_unit *unit, udmar__fault_sink *sink, void *context);
/* Programs the fault event; an address of 0 leaves it masked. Once more: udmar__fault_rearm(). */
void udmar__fault_event(struct udmar_unit *unit, uint64_t address, uint32_t data);
void udmar__fault_rearm(struct udmar_unit *unit);

/* ---- quirk.c ---- */

enum udmar__quirk {
    QUIRK_NO_PROTECTED_REGIONS = 1, /* CAP.PLMR and PHMR must not be believed */
    QUIRK_WRITE_BUFFER = 2,         /* behaves as if RWBF were set */
    QUIRK_MASK_9 = 4,               /* page-selective requests of at most 2^9 pages */
    QUIRK_NO_SUPERPAGES = 8,        /* advertises 2M and 1G but has no use of them */
    QUIRK_GRAPHICS_OFF = 16,        /* a unit that serves graphics alone must stay off */
    QUIRK_GRAPHICS_STRICT = 32,     /* deferred invalidation is not safe */
    QUIRK_KEEP_ENABLED = 64,        /* never clear TE on a graphics-only unit that drains */
    QUIRK_NO_INTERRUPTS = 128,      /* interrupt remapping is broken */
};
/*
 * The quirks of a machine. @host_bridge: config dword 0 of 00:00.0, @revision: its revision id;
 * @display: config dword 0 of 00:02.0 (all ones: none); @cpu: CPUID.1:EAX, 0 when not known.
 */
unsigned udmar__quirks_find(uint32_t host_bridge, uint8_t revision, uint32_t display, uint32_t cpu);
/* Corrects the decoded facts. */
void udmar__quirks_apply(unsigned quirks, struct udmar_unit_facts *facts);
/* The name of one quirk bit, for the log. */
const char *udmar__quirk_name(unsigned bit);

/* ---- domain_id.c ---- */
/* False: no memory. The facts must be there. */
bool udmar__domain_ids_create(struct udmar_unit *unit);
void udmar__domain_ids_destroy(struct udmar_unit *unit);
/* The lowest free id; false: all are in use. */
bool udmar__domain_id_take(struct udmar_unit *unit, uint16_t *out_id);
/* Nothing in the unit's caches may have this id any more. */
void udmar__domain_id_give(struct udmar_unit *unit, uint16_t id);

#endif
