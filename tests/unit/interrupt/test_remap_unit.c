/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupt remapping while devices send: targets that change between any two stores, posting,
 * stop and start, and units that do not answer.
 */
#include "fixture/interrupt.h"

/* ---- Devices fire between any two stores -------------------------------------------------------
 */

#define SOURCES  64u
#define CAP_RWBF UINT64_C(0x10)

/* Every source may arrive at its old or its new target, and nowhere else. */
struct storm {
    struct fixture f;
    struct udmar_interrupt *interrupt[SOURCES];
    struct udmar_interrupt_message message[SOURCES];
    uint64_t allowed[SOURCES][2];
    unsigned fired, wrong;
};

static uint16_t storm_rid(unsigned i)
{
    return UDMAR_RID(4, i / 8, i % 8);
}

static void fire_one(struct storm *storm, unsigned i)
{
    uint64_t where = fires(&storm->f, storm_rid(i), &storm->message[i]);

    storm->fired++;
    if (where != storm->allowed[i][0] && where != storm->allowed[i][1]) {
        storm->wrong++;
    }
}

static void fire_all(void *context, struct model *m)
{
    struct storm *storm = context;

    (void)m;
    for (unsigned i = 0; i < SOURCES; i++) {
        fire_one(storm, i);
    }
    /* Hardware may cache them at this moment. */
    model_interrupts_warm(storm->f.u);
}

static void fire_at_event(void *context, struct model *m, enum model_event event)
{
    (void)event;
    fire_all(context, m);
}

static void open_storm(struct storm *storm, const char *profile, uint64_t cap)
{
    memset(storm, 0, sizeof(*storm));
    interrupt_machine_of(&storm->f, NULL, profile, cap, 0);
    model_add_bridge(storm->f.m, 0, UDMAR_RID(0, 0x1c, 0), 4, 4, MODEL_ROOT_PORT);
    for (unsigned i = 0; i < SOURCES; i++) {
        model_add_function(storm->f.m, 0, storm_rid(i), 0x8086, 0x10d3, 0x020000);
    }
    fixture_create(&storm->f);
    fixture_start(&storm->f);
    for (unsigned i = 0; i < SOURCES; i++) {
        storm->interrupt[i] = allocate(&storm->f, from_function(storm_rid(i)), 1);
        storm->message[i] = set_to(storm->interrupt[i], 0, i, (uint8_t)(0x20 + i));
        storm->allowed[i][0] = ARRIVES(i, 0x20 + i);
        storm->allowed[i][1] = storm->allowed[i][0];
    }
}

static void close_storm(struct storm *storm)
{
    for (unsigned i = 0; i < SOURCES; i++) {
        assert_int_equal(udmar_interrupt_free(storm->interrupt[i]), UDMAR_OK);
    }
    assert_int_equal(storm->wrong, 0);
    assert_true(storm->fired > 0);
    assert_int_equal(fault_total(&storm->f), 0);
    fixture_close(&storm->f);
}

/* From one target to the next; afterwards the new one alone counts. */
static void retarget(struct storm *storm, unsigned i, unsigned round, bool stepwise)
{
    uint32_t destination = (i * 7 + round * 31) & 0xff;
    uint8_t vector = (uint8_t)(0x30 + (i * 5 + round) % 0xc0);
    struct udmar_interrupt_target target = to(destination, vector);
    enum udmar_status status;

    storm->allowed[i][1] = ARRIVES(destination, vector);
    if (stepwise) {
        model_step_begin(storm->f.m, fire_all, storm);
    }
    status = udmar_interrupt_set(storm->interrupt[i], 0, &target, NULL);
    if (stepwise) {
        model_step_end(storm->f.m);
    }
    assert_int_equal(status, UDMAR_OK);
    storm->allowed[i][0] = storm->allowed[i][1];
    fire_one(storm, i);
}

static void every_message_arrives_at_the_old_or_the_new_target(void **state)
{
    static const char *const profiles[] = { "generic48", "noncoherent", "cm",
                                            "modern",    "generic48",   "noncoherent" };

    (void)state;
    for (unsigned p = 0; p < 6; p++) {
        struct storm storm;

        open_storm(&storm, profiles[p], p < 4 ? 0 : CAP_RWBF);
        model_set_hook(storm.f.m, fire_at_event, &storm);
        for (unsigned round = 1; round < 4; round++) {
            for (unsigned i = 0; i < SOURCES; i++) {
                retarget(&storm, i, round, false);
            }
        }
        model_set_hook(storm.f.m, NULL, NULL);
        close_storm(&storm);
    }
}

static void so_it_does_after_every_instruction_that_stores(void **state)
{
    struct storm storm;

    (void)state;
    open_storm(&storm, "generic48", 0);
    for (unsigned i = 0; i < SOURCES; i++) {
        retarget(&storm, i, 1, true);
    }
    close_storm(&storm);
}

/* ---- Posted ------------------------------------------------------------------------------------
 */

#define NOTIFY 0xe1

/* A descriptor that notifies processor 9; above 4 GiB, so that both halves of an entry name it. */
static uint64_t descriptor(struct fixture *f)
{
    uint64_t page = RAM_2 + 0x100000;

    model_reserve(f->m, page, 4096);

    model_publish64(f->m, page + 32, (uint64_t)NOTIFY << 16 | (uint64_t)9 << 40);
    return page;
}

static enum model_interrupt_result
sends_posted(struct fixture *f, const struct udmar_interrupt_message *message, uint8_t *out_vector)
{
    uint32_t destination = 0;
    enum model_interrupt_result result;

    result =
        model_interrupt(f->m, 0, NIC, message->address, message->data, out_vector, &destination);
    if (result == MODEL_INT_POSTED && *out_vector != 0) {
        assert_int_equal(destination, 9);
    }
    return result;
}

static void interrupts_are_posted_to_a_guest(void **state)
{
    struct udmar_interrupt_message message;
    struct udmar_interrupt_entry entry = { .index = 0 };
    struct udmar_interrupt *interrupt;
    struct fixture f;
    uint8_t vector;
    uint64_t page;

    (void)state;
    interrupt_machine_of(&f, NULL, "generic48", CAP_PI, 0);
    start_interrupts(&f);
    page = descriptor(&f);
    interrupt = allocate(&f, from_function(NIC), 1);
    assert_int_equal(udmar_interrupt_post(interrupt, 0, page, 0x85, false, &message), UDMAR_OK);
    assert_true(udmar_interrupt_next(f.instance, &entry));
    assert_true(entry.fields.posted && !entry.fields.urgent);
    assert_null(entry.fields.defect);
    assert_int_equal(entry.fields.descriptor, page);
    assert_int_equal(entry.fields.target.vector, 0x85);
    /* The first notifies, the next ones find that out-standing. */
    assert_int_equal(sends_posted(&f, &message, &vector), MODEL_INT_POSTED);
    assert_int_equal(vector, NOTIFY);
    assert_int_equal(sends_posted(&f, &message, &vector), MODEL_INT_POSTED);
    assert_int_equal(vector, 0);
    assert_int_equal(model_load64(f.m, page + 16), UINT64_C(1) << (0x85 - 128));
    /* Suppressed, but urgent. */
    model_publish64(f.m, page + 32, (uint64_t)NOTIFY << 16 | (uint64_t)9 << 40 | 2);
    assert_int_equal(sends_posted(&f, &message, &vector), MODEL_INT_POSTED);
    assert_int_equal(vector, 0);
    assert_int_equal(udmar_interrupt_post(interrupt, 0, page, 0x86, true, &message), UDMAR_OK);
    assert_int_equal(sends_posted(&f, &message, &vector), MODEL_INT_POSTED);
    assert_int_equal(vector, NOTIFY);
    assert_int_equal(fires(&f, DISK, &message), BLOCKED);
    /* And back. */
    message = set_to(interrupt, 0, 4, 0x51);
    assert_int_equal(fires(&f, NIC, &message), ARRIVES(4, 0x51));
    assert_int_equal(udmar_interrupt_free(interrupt), UDMAR_OK);
    fixture_close(&f);
}

static void bad_descriptors(void **state)
{
    struct udmar_interrupt_message message;
    struct udmar_interrupt *interrupt, *pin;
    struct fixture f;

    (void)state;
    interrupt_machine_of(&f, NULL, "generic48", CAP_PI, 0);
    start_interrupts(&f);
    interrupt = allocate(&f, from_function(NIC), 1);
    pin = allocate(&f, from_pin(IOAPIC_ID, 1), 1);
    message = set_to(interrupt, 0, 4, 0x51);
    assert_int_equal(udmar_interrupt_post(NULL, 0, 64, 0x20, false, NULL), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_interrupt_post(interrupt, 1, 64, 0x20, false, NULL), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_interrupt_post(interrupt, 0, 0, 0x20, false, NULL), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_interrupt_post(interrupt, 0, 32, 0x20, false, NULL), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_interrupt_post(interrupt, 0, UINT64_C(1) << 46, 0x20, false, NULL),
                     UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_interrupt_post(interrupt, 0, 64, 15, false, NULL), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_interrupt_post(pin, 0, 64, 0x20, false, NULL), UDMAR_ERR_ARGUMENT);
    assert_int_equal(fires(&f, NIC, &message), ARRIVES(4, 0x51));
    assert_int_equal(udmar_interrupt_free(interrupt), UDMAR_OK);
    assert_int_equal(udmar_interrupt_free(pin), UDMAR_OK);
    fixture_close(&f);
}

/*
 * Hardware that reads an entry in two halves, the low one first, with anything in between: what it
 * can have put together since the last invalidation is the old entry, the new one, or an absent
 * one.
 */
#define MOMENTS 64u
struct halves {
    struct fixture f;
    uint64_t words;          /* where the entry is */
    uint64_t at[MOMENTS][2]; /* what it said, one moment after the other */
    unsigned moments;
    uint64_t good[2][2]; /* the old entry, and the new one */
    bool whole;          /* written by CMPXCHG16B, for hardware that reads it as a whole */
    unsigned iec, wrong, absent;
};

static void judge(struct halves *h, uint64_t low, uint64_t high)
{
    bool good = (low & 1) == 0;

    h->absent += good;
    for (unsigned k = 0; k < 2; k++) {
        good = good || (low == h->good[k][0] && high == h->good[k][1]);
    }
    h->wrong += !good;
}

static void look_at_halves(void *context, struct model *m)
{
    struct halves *h = context;
    uint64_t *now;

    if (h->whole || h->iec != model_stats(h->f.u)->iec) {
        h->iec = model_stats(h->f.u)->iec;
        h->moments = 0;
    }
    assert_true(h->moments < MOMENTS);
    now = h->at[h->moments++];
    now[0] = model_load64(m, h->words);
    now[1] = model_load64(m, h->words + 8);
    for (unsigned i = 0; i < h->moments; i++) {
        judge(h, h->at[i][0], now[1]);
    }
}

static void posted_entries_are_never_half_new(void **state)
{
    (void)state;
    for (unsigned wide = 0; wide < 2; wide++) {
        struct udmar_interrupt_target target = to(4, 0x51);
        struct udmar_interrupt_message message;
        struct udmar_interrupt_entry entry = { .index = 0 };
        struct udmar_interrupt *interrupt;
        struct halves h = { .wrong = 0 };
        enum udmar_status posted, set;
        uint64_t page;

        interrupt_machine_of(&h.f, NULL, "generic48", CAP_PI, 0);
        h.f.ir.wide_exchange = wide != 0;
        h.whole = wide && sizeof(void *) == 8;
        fixture_create(&h.f);
        fixture_start(&h.f);
        page = descriptor(&h.f);
        interrupt = allocate(&h.f, from_function(NIC), 1);
        message = set_to(interrupt, 0, 4, 0x51);
        h.words = ((uint64_t)model_peek32(h.f.u, IRTA + 4) << 32 |
                   (model_peek32(h.f.u, IRTA) & ~UINT32_C(0xfff))) +
                  16 * message.index;
        assert_true(udmar_interrupt_next(h.f.instance, &entry));
        memcpy(h.good[0], entry.raw, sizeof(entry.raw));
        h.good[1][0] = UINT64_C(1) | 1 << 15 | 0x85 << 16 | (page & 0xffffffff) << 32;
        h.good[1][1] = h.good[0][1] | (page >> 32) << 32;
        assert_int_not_equal(h.good[1][1], h.good[0][1]);
        model_step_begin(h.f.m, look_at_halves, &h);
        posted = udmar_interrupt_post(interrupt, 0, page, 0x85, false, NULL);
        set = udmar_interrupt_set(interrupt, 0, &target, NULL);
        model_step_end(h.f.m);
        assert_int_equal(posted, UDMAR_OK);
        assert_int_equal(set, UDMAR_OK);
        assert_int_equal(h.wrong, 0);
        /* Without CMPXCHG16B there are moments without an entry, with it there are none. */
        assert_int_equal(h.absent == 0, h.whole);
        assert_int_equal(udmar_interrupt_free(interrupt), UDMAR_OK);
        fixture_close(&h.f);
    }
}

/* Without CMPXCHG16B and without an answer nothing has changed. */
static void a_post_that_times_out_changes_nothing(void **state)
{
    struct udmar_interrupt_message message;
    struct udmar_interrupt *interrupt;
    struct fixture f;

    (void)state;
    interrupt_machine_of(&f, NULL, "generic48", CAP_PI, 0);
    f.ir.wide_exchange = false;
    start_interrupts(&f);
    interrupt = allocate(&f, from_function(NIC), 1);
    message = set_to(interrupt, 0, 4, 0x51);
    model_hang_wait(f.u, 1, true);
    assert_int_equal(udmar_interrupt_post(interrupt, 0, descriptor(&f), 0x85, false, NULL),
                     UDMAR_ERR_TIMEOUT);
    model_release_waits(f.u);
    assert_int_equal(fires(&f, NIC, &message), ARRIVES(4, 0x51));
    assert_int_equal(udmar_interrupt_free(interrupt), UDMAR_OK);
    fixture_close(&f);
}

/* In caching mode the unit has the entry as an absent one. */
static void absence_is_forgotten_in_caching_mode(void **state)
{
    struct udmar_interrupt_message message;
    struct udmar_interrupt *interrupt;
    struct fixture f;

    (void)state;
    open_interrupts(&f, "cm");
    interrupt = allocate(&f, from_function(NIC), 1);
    model_interrupts_warm(f.u);
    message = set_to(interrupt, 0, 4, 0x51);
    assert_int_equal(fires(&f, NIC, &message), ARRIVES(4, 0x51));
    assert_int_equal(udmar_interrupt_free(interrupt), UDMAR_OK);
    fixture_close(&f);
}

/* ---- Stop and start ----------------------------------------------------------------------------
 */

static void stop_and_start_again(void **state)
{
    struct udmar_interrupt_message message;
    struct udmar_interrupt *interrupt, *early;
    struct fixture f;

    (void)state;
    interrupt_machine(&f, "generic48");
    fixture_create(&f);
    /* Before start there are entries, but nobody remaps. */
    early = allocate(&f, from_function(DISK), 1);
    message = set_to(early, 0, 2, 0x33);
    assert_false(message.remapped);
    fixture_start(&f);
    assert_int_equal(f.programs[1], 1);
    assert_int_equal(fires(&f, DISK, &message), ARRIVES(2, 0x33));
    interrupt = allocate(&f, from_function(NIC), 1);
    message = set_to(interrupt, 0, 3, 0x51);
    for (unsigned round = 0; round < 3; round++) {
        assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
        assert_int_equal(f.programs[0], round + 1);
        assert_int_equal(model_peek32(f.u, GSTS) & (IRE | CFI), 0);
        assert_int_equal(model_peek32(f.u, IRTA), 0);
        assert_int_equal(state_of(&f).units, 0);
        assert_int_equal(sends(&f, NIC, 0xfee00000, 0x41), COMPATIBLE);
        message = set_to(interrupt, 0, 3 + round, 0x51);
        assert_false(message.remapped);
        fixture_start(&f);
        assert_int_equal(f.programs[1], round + 2);
        assert_int_equal(state_of(&f).units, 1);
        assert_int_equal(fires(&f, NIC, &message), ARRIVES(3 + round, 0x51));
        assert_int_equal(sends(&f, NIC, 0xfee00000, 0x41), BLOCKED);
    }
    assert_int_equal(udmar_interrupt_free(interrupt), UDMAR_OK);
    assert_int_equal(udmar_interrupt_free(early), UDMAR_OK);
    fixture_close(&f);
}

/* At the time of the call both formats pass. */
static struct {
    struct fixture *f;
    struct udmar_interrupt *interrupt;
    uint64_t compatible, remapped;
} handing;

static void program_and_fire(void *host, bool remapped)
{
    struct udmar_interrupt_message message = set_to(handing.interrupt, 0, 5, 0x61);

    (void)host;
    assert_true(message.remapped);
    (void)remapped;
    handing.compatible = sends(handing.f, NIC, 0xfee00000, 0x41);
    handing.remapped = fires(handing.f, NIC, &message);
}

static void nothing_is_lost_while_the_host_writes_its_sources(void **state)
{
    struct fixture f;

    (void)state;
    interrupt_machine(&f, "generic48");
    f.ir.program = program_and_fire;
    fixture_create(&f);
    handing.f = &f;
    handing.interrupt = allocate(&f, from_function(NIC), 1);
    (void)set_to(handing.interrupt, 0, 5, 0x61);
    fixture_start(&f);
    assert_int_equal(handing.compatible, COMPATIBLE);
    assert_int_equal(handing.remapped, ARRIVES(5, 0x61));
    assert_int_equal(sends(&f, NIC, 0xfee00000, 0x41), BLOCKED);
    handing.compatible = 0;
    assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
    assert_int_equal(handing.compatible, COMPATIBLE);
    assert_int_equal(handing.remapped, ARRIVES(5, 0x61));
    assert_int_equal(udmar_interrupt_free(handing.interrupt), UDMAR_OK);
    fixture_close(&f);
}

/* ---- Several units -----------------------------------------------------------------------------
 */

static struct model_unit *second_unit(struct fixture *f, uint16_t segment, uint16_t rid,
                                      uint64_t ecap)
{
    const struct model_unit_config unit = {
        .profile = "generic48", .base = BASE_2, .segment = segment, .ecap_set = ecap
    };
    struct model_scope scope = fixture_endpoint(rid);
    struct model_unit *u = model_add_unit(f->m, &unit);

    model_add_unit_scope(u, &scope);
    return u;
}

static void units_of_a_segment_share_a_table(void **state)
{
    struct udmar_interrupt_message first, second;
    struct udmar_interrupt *a, *b;
    struct model_unit *u;
    struct fixture f;

    (void)state;
    interrupt_machine(&f, "generic48");
    u = second_unit(&f, 0, DISK, WITH_IR);
    start_interrupts(&f);
    assert_int_equal(state_of(&f).tables, 1);
    assert_int_equal(state_of(&f).units, 2);
    assert_int_equal(model_peek32(f.u, IRTA), model_peek32(u, IRTA));
    a = allocate(&f, from_function(NIC), 1);
    first = set_to(a, 0, 1, 0x41);
    b = allocate(&f, from_function(DISK), 1);
    second = set_to(b, 0, 2, 0x42);
    assert_int_not_equal(first.index, second.index);
    assert_int_equal(fires(&f, NIC, &first), ARRIVES(1, 0x41));
    assert_int_equal(fires(&f, DISK, &second), ARRIVES(2, 0x42));
    /* The other unit has the entry in its cache when it goes to somebody else. */
    assert_int_equal(fires(&f, DISK, &first), BLOCKED);
    model_interrupts_warm(u);
    assert_int_equal(udmar_interrupt_free(a), UDMAR_OK);
    assert_int_equal(model_interrupts_stale(u), 0);
    assert_int_equal(udmar_interrupt_free(b), UDMAR_OK);
    fixture_close(&f);
}

static void another_segment_has_a_table_of_its_own(void **state)
{
    struct model_unit *u;
    struct fixture f;

    (void)state;
    interrupt_machine(&f, "generic48");
    u = second_unit(&f, 1, DISK, WITH_IR);
    start_interrupts(&f);
    assert_int_equal(state_of(&f).tables, 2);
    assert_int_not_equal(model_peek32(f.u, IRTA), model_peek32(u, IRTA));
    fixture_close(&f);
}

static void a_unit_that_cannot_remap_is_named(void **state)
{
    struct udmar_interrupt_source source = from_function(DISK);
    struct udmar_interrupt_message message;
    struct udmar_interrupt *interrupt = NULL;
    struct fixture f;

    (void)state;
    interrupt_machine(&f, "generic48");
    (void)second_unit(&f, 0, DISK, 0);
    start_interrupts(&f);
    /* The include-all unit comes last. */
    assert_true(model_log_contains(f.m, "unit 0: interrupt remapping is refused: it has no "
                                        "interrupt remapping; its devices can forge"));
    assert_int_equal(udmar_interrupt_alloc(f.instance, &source, 1, &interrupt),
                     UDMAR_ERR_UNSUPPORTED);
    interrupt = allocate(&f, from_function(NIC), 1);
    message = set_to(interrupt, 0, 1, 0x41);
    assert_int_equal(fires(&f, NIC, &message), ARRIVES(1, 0x41));
    assert_int_equal(sends(&f, DISK, 0xfee00000, 0x41), COMPATIBLE);
    assert_int_equal(udmar_interrupt_free(interrupt), UDMAR_OK);
    fixture_close(&f);
}

static void broken_chipsets_are_refused(void **state)
{
    struct fixture f;

    (void)state;
    interrupt_machine(&f, "generic48");
    model_add_function(f.m, 0, 0, 0x8086, 0x3403, 0x060000);
    model_set_config(f.m, 0, 0, 8, 0x06000013);
    model_set_errata(f.u, MODEL_ERRATUM_NO_REMAPPING);
    start_interrupts(&f);
    assert_true(model_log_contains(f.m, "5500 errata 47 and 53"));
    assert_int_equal(state_of(&f).units, 0);
    fixture_close(&f);
}

/* ---- Units that do not answer ------------------------------------------------------------------
 */

static void a_hanging_unit_ends_in_a_timeout(void **state)
{
    struct udmar_interrupt_target target = to(9, 0x59);
    struct udmar_interrupt_message message;
    struct udmar_interrupt *interrupt, *gone;
    struct fixture f;
    uint64_t where;

    (void)state;
    open_interrupts(&f, "generic48");
    interrupt = allocate(&f, from_function(NIC), 1);
    gone = allocate(&f, from_function(NIC), 1);
    message = set_to(interrupt, 0, 3, 0x51);
    (void)set_to(gone, 0, 3, 0x52);
    model_interrupts_warm(f.u);
    model_hang_wait(f.u, 1, true);
    assert_int_equal(udmar_interrupt_set(interrupt, 0, &target, NULL), UDMAR_ERR_TIMEOUT);
    where = fires(&f, NIC, &message);
    assert_true(where == ARRIVES(3, 0x51) || where == ARRIVES(9, 0x59));
    assert_int_equal(udmar_interrupt_free(gone), UDMAR_ERR_TIMEOUT);
    assert_int_equal(udmar_interrupt_set(gone, 0, &target, NULL), UDMAR_ERR_ORDER);
    assert_int_equal(udmar_interrupt_free(gone), UDMAR_ERR_TIMEOUT);
    assert_int_equal(state_of(&f).used, 2);
    model_release_waits(f.u);
    assert_int_equal(udmar_interrupt_set(interrupt, 0, &target, NULL), UDMAR_OK);
    assert_int_equal(fires(&f, NIC, &message), ARRIVES(9, 0x59));
    assert_int_equal(udmar_interrupt_free(gone), UDMAR_OK);
    assert_int_equal(udmar_interrupt_free(interrupt), UDMAR_OK);
    fixture_close(&f);
}

static void what_could_not_be_freed_goes_after_stop(void **state)
{
    struct udmar_interrupt *kept, *freed;
    struct fixture f;

    (void)state;
    open_interrupts(&f, "generic48");
    kept = allocate(&f, from_function(NIC), 1);
    freed = allocate(&f, from_function(NIC), 2);
    (void)set_to(kept, 0, 3, 0x51);
    (void)set_to(freed, 1, 3, 0x52);
    model_hang_wait(f.u, 1, true);
    assert_int_equal(udmar_interrupt_free(kept), UDMAR_ERR_TIMEOUT);
    assert_int_equal(udmar_interrupt_free(freed), UDMAR_ERR_TIMEOUT);
    model_release_waits(f.u);
    assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
    assert_int_equal(udmar_interrupt_free(freed), UDMAR_OK);
    fixture_close(&f);
}

static void queue_errors_are_repaired(void **state)
{
    static const enum model_queue_error errors[] = { MODEL_QUEUE_IQE, MODEL_QUEUE_ITE,
                                                     MODEL_QUEUE_ICE };

    (void)state;
    for (unsigned e = 0; e < 3; e++) {
        for (unsigned at = 1; at <= 2; at++) {
            struct udmar_interrupt_message message;
            struct udmar_interrupt *interrupt;
            struct fixture f;

            open_interrupts(&f, "generic48");
            interrupt = allocate(&f, from_function(NIC), 1);
            message = set_to(interrupt, 0, 3, 0x51);
            model_interrupts_warm(f.u);
            model_inject_queue_error(f.u, at, errors[e], 0x1234, MODEL_NEVER);
            message = set_to(interrupt, 0, 4, 0x52);
            assert_int_equal(fires(&f, NIC, &message), ARRIVES(4, 0x52));
            assert_int_equal(model_interrupts_stale(f.u), 0);
            assert_int_equal(udmar_interrupt_free(interrupt), UDMAR_OK);
            fixture_close(&f);
        }
    }
}

/*
 * The queue dies: registers invalidate DMA's caches, but not interrupt entries. What is said is
 * that, unless the unit forgets them when it is given its table once more.
 */
static void a_dead_queue_is_said(void **state)
{
    static const char *const profiles[] = { "generic48", "modern" };

    (void)state;
    for (unsigned p = 0; p < 2; p++) {
        struct udmar_interrupt_target target = to(9, 0x59);
        enum udmar_status wanted = p == 0 ? UDMAR_ERR_QUEUE : UDMAR_OK, status = UDMAR_OK;
        struct udmar_interrupt_message message;
        struct udmar_interrupt *interrupt;
        struct fixture f;

        open_interrupts(&f, profiles[p]);
        interrupt = allocate(&f, from_function(NIC), 1);
        message = set_to(interrupt, 0, 3, 0x51);
        model_interrupts_warm(f.u);
        model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
        for (unsigned i = 0; i < 32 && udmar__uses_queue(fixture_unit(&f, 0)); i++) {
            status = udmar_interrupt_set(interrupt, 0, &target, NULL);
            assert_true(status == UDMAR_ERR_TIMEOUT || status == wanted);
        }
        assert_false(udmar__uses_queue(fixture_unit(&f, 0)));
        assert_int_equal(status, wanted);
        assert_int_equal(udmar_interrupt_set(interrupt, 0, &target, NULL), wanted);
        if (p == 1) {
            assert_int_equal(fires(&f, NIC, &message), ARRIVES(9, 0x59));
        }
        assert_int_equal(udmar_interrupt_free(interrupt), wanted);
        assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
        model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
        fixture_start(&f);
        fixture_close(&f);
    }
}

/* After a command that hangs the next one comes too early, whatever one does; nothing else may. */
static void forgive_haste(struct fixture *f)
{
    for (unsigned i = 0; i < model_violations(f->m); i++) {
        const char *text = model_violation_text(f->m, i);

        assert_true(strstr(text, "before the command before") != NULL ||
                    strstr(text, "more than one command at a time") != NULL ||
                    strstr(text, "queue disabled while descriptors wait") != NULL);
    }
    model_clear_violations(f->m);
}

static void a_unit_that_never_switches_is_left_out(void **state)
{
    (void)state;
    /* Each wait of a start in turn hangs for ever. */
    for (unsigned n = 1; n < 30; n++) {
        struct udmar_interrupt_message message;
        struct udmar_interrupt *interrupt;
        enum udmar_status status;
        struct fixture f;

        interrupt_machine(&f, "generic48");
        fixture_create(&f);
        interrupt = allocate(&f, from_function(NIC), 1);
        message = set_to(interrupt, 0, 3, 0x51);
        model_hang_wait(f.u, n, true);
        status = udmar_start(f.instance);
        if (model_waits_hung(f.u) == 0) {
            model_hang_wait(f.u, 0, false);
            assert_true(n > 8);
            assert_int_equal(udmar_interrupt_free(interrupt), UDMAR_OK);
            fixture_close(&f);
            return;
        }
        model_release_waits(f.u);
        if (status == UDMAR_OK) {
            /* The last of them is the switch for compatibility format. */
            assert_int_equal(udmar_stop(f.instance), UDMAR_OK);
        }
        fixture_start(&f);
        message = set_to(interrupt, 0, 4, 0x52);
        assert_true(message.remapped);
        assert_int_equal(fires(&f, NIC, &message), ARRIVES(4, 0x52));
        assert_int_equal(udmar_interrupt_free(interrupt), UDMAR_OK);
        forgive_haste(&f);
        fixture_close(&f);
    }
    fail();
}

static void a_unit_that_does_not_stop_keeps_its_table(void **state)
{
    (void)state;
    for (unsigned n = 1; n < 12; n++) {
        struct udmar_interrupt *interrupt;
        enum udmar_status status;
        struct fixture f;

        open_interrupts(&f, "generic48");
        interrupt = allocate(&f, from_function(NIC), 1);
        (void)set_to(interrupt, 0, 3, 0x51);
        model_hang_wait(f.u, n, true);
        status = udmar_stop(f.instance);
        if (model_waits_hung(f.u) == 0) {
            model_hang_wait(f.u, 0, false);
            assert_true(n > 4);
            assert_int_equal(status, UDMAR_OK);
            assert_int_equal(udmar_interrupt_free(interrupt), UDMAR_OK);
            fixture_close(&f);
            return;
        }
        /* Gone with what it may still read, or tried again and gone cleanly. */
        model_release_waits(f.u);
        if (n % 2 == 0) {
            fixture_start(&f);
            forgive_haste(&f);
            fixture_close(&f);
        } else {
            assert_int_equal(udmar_destroy(f.instance), UDMAR_OK);
            (void)sends(&f, NIC, 0xfee00010, 0);
            forgive_haste(&f);
            fixture_abandon(&f);
        }
    }
    fail();
}

static void out_of_memory_at_every_call(void **state)
{
    (void)state;
    for (unsigned n = 1; n < 200; n++) {
        struct udmar_interrupt_source source = from_function(NIC);
        struct udmar_interrupt *interrupt = NULL;
        enum udmar_status status;
        struct fixture f;
        bool all;

        interrupt_machine(&f, "generic48");
        model_fail_host_call(f.m, n, false);
        status = fixture_try_create(&f);
        if (status == UDMAR_OK) {
            status = udmar_start(f.instance);
        }
        if (status == UDMAR_OK) {
            status = udmar_interrupt_alloc(f.instance, &source, 1, &interrupt);
            assert_true(status == UDMAR_OK || status == UDMAR_ERR_MEMORY ||
                        (status == UDMAR_ERR_UNSUPPORTED && state_of(&f).refused != NULL) ||
                        status == UDMAR_ERR_UNSUPPORTED);
        }
        all = model_host_calls_failed(f.m) == 0;
        model_fail_host_call(f.m, 0, false);
        if (interrupt != NULL) {
            struct udmar_interrupt_message message = set_to(interrupt, 0, 3, 0x51);

            if (message.remapped) {
                assert_int_equal(fires(&f, NIC, &message), ARRIVES(3, 0x51));
            }
            assert_int_equal(udmar_interrupt_free(interrupt), UDMAR_OK);
        }
        fixture_close(&f);
        if (all) {
            assert_int_equal(status, UDMAR_OK);
            assert_true(n > 10);
            return;
        }
    }
    fail();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_arrives_at_the_old_or_the_new_target),
        cmocka_unit_test(so_it_does_after_every_instruction_that_stores),
        cmocka_unit_test(interrupts_are_posted_to_a_guest),
        cmocka_unit_test(bad_descriptors),
        cmocka_unit_test(posted_entries_are_never_half_new),
        cmocka_unit_test(a_post_that_times_out_changes_nothing),
        cmocka_unit_test(absence_is_forgotten_in_caching_mode),
        cmocka_unit_test(stop_and_start_again),
        cmocka_unit_test(nothing_is_lost_while_the_host_writes_its_sources),
        cmocka_unit_test(units_of_a_segment_share_a_table),
        cmocka_unit_test(another_segment_has_a_table_of_its_own),
        cmocka_unit_test(a_unit_that_cannot_remap_is_named),
        cmocka_unit_test(broken_chipsets_are_refused),
        cmocka_unit_test(a_hanging_unit_ends_in_a_timeout),
        cmocka_unit_test(what_could_not_be_freed_goes_after_stop),
        cmocka_unit_test(queue_errors_are_repaired),
        cmocka_unit_test(a_dead_queue_is_said),
        cmocka_unit_test(a_unit_that_never_switches_is_left_out),
        cmocka_unit_test(a_unit_that_does_not_stop_keeps_its_table),
        cmocka_unit_test(out_of_memory_at_every_call),
    };

    return cmocka_run_group_tests_name("remap_unit", tests, NULL, NULL);
}
