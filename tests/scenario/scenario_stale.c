/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stale caches: an invalidation that is lost on its way must be seen, else nothing that the other
 * scenarios say about invalidation would be worth much. And hardware that refuses descriptors.
 */
#include "sabotage.h"

#define IOVA UINT64_C(0x40000000)
/* Its page number's low bits, the ones that QEMU compares, are like no other page's here. */
#define ODD  (IOVA + 0x5a * PAGE)

struct variant {
    struct machine_options options;
    const char *tunables;
};

static struct testbed *open_sabotaged(void **state)
{
    const struct variant *v = *state;
    struct testbed *b = bed_machine(&v->options);

    sabotage_install(b);
    bed_create(b, v->tunables);
    bed_start(b);
    for (unsigned i = 0; i < b->device_count; i++)
        bed_attach(b, i);
    return b;
}

/* Nothing is spoiled: the tap itself changes nothing. */
static void test_untouched(void **state)
{
    struct testbed *b = open_sabotaged(state);

    bed_map(b, 0, ODD, LOW, PAGE, UDMAR_READ_WRITE);
    bed_reaches(b, 0, ODD, LOW);
    bed_unmap(b, 0, ODD, PAGE);
    bed_stopped(b, 0, ODD, true, NOT_WRITABLE);
    assert_int_equal(sabotage_done(), 0);
    bed_close(b);
}

static void stale_after_unmap(void **state, uint64_t size, uint64_t at)
{
    struct testbed *b = open_sabotaged(state);

    bed_map(b, 0, IOVA, LOW, size, UDMAR_READ_WRITE);
    bed_reaches(b, 0, IOVA + at, LOW + at);
    sabotage_next(MISDIRECT_IOTLB, 1);
    bed_unmap(b, 0, IOVA, size);
    assert_int_equal(sabotage_done(), 1);
    /* The device goes on reaching memory that was taken from it: this is what must be seen. */
    bed_reaches(b, 0, IOVA + at, LOW + at);
    /* Another request, and it is over. */
    bed_map(b, 0, IOVA, HIGH, size, UDMAR_READ_WRITE);
    bed_unmap(b, 0, IOVA, size);
    bed_stopped(b, 0, IOVA + at, true, NOT_WRITABLE);
    bed_close_unclean(b);
}

static void test_lost_unmap(void **state)
{
    stale_after_unmap(state, PAGE, 128);
}

static void test_lost_unmap_2m(void **state)
{
    stale_after_unmap(state, MIB(2), 9 * PAGE);
}

/* Mapped again elsewhere, the device reaches the old page until the request arrives. */
static void test_lost_remap(void **state)
{
    struct testbed *b = open_sabotaged(state);

    bed_map(b, 0, IOVA, LOW, PAGE, UDMAR_READ_WRITE);
    bed_reaches(b, 0, IOVA, LOW);
    sabotage_next(MISDIRECT_IOTLB, 1);
    bed_unmap(b, 0, IOVA, PAGE);
    bed_map(b, 0, IOVA, HIGH, PAGE, UDMAR_READ_WRITE);
    assert_int_equal(sabotage_done(), 1);
    assert_true(bed_writes(b, 0, IOVA, LOW, 96));
    assert_false(bed_writes(b, 0, IOVA, HIGH, 96));
    bed_close_unclean(b);
}

/* A request that came too early, while the entry was there still: order matters. */
static void test_lost_context(void **state)
{
    struct testbed *b = open_sabotaged(state);

    bed_map(b, 0, IOVA, LOW, PAGE, UDMAR_READ_WRITE);
    bed_reaches(b, 0, IOVA, LOW);
    sabotage_next(MISDIRECT_CONTEXT, 100);
    bed_set_mode(b, 0, UDMAR_MODE_PASSTHROUGH);
    assert_true(sabotage_done() > 0);
    /* The unit has never heard of the new mode. */
    assert_false(bed_writes(b, 0, LOW + PAGE, LOW + PAGE, 96));
    bed_close_unclean(b);
}

/* With stores that nobody flushes, the unit walks rubbish or what was there before. */
static void test_lost_flush(void **state)
{
    struct testbed *b = open_sabotaged(state);
    uint8_t bytes[96] = { 1 };

    sabotage_next(DROP_FLUSH, 1000);
    bed_map(b, 0, IOVA, LOW, PAGE, UDMAR_READ_WRITE);
    assert_true(sabotage_done() > 0);
    bed_memory(b, LOW)[0] = 0;
    assert_int_equal(bed_dma(b, 0, IOVA, bytes, sizeof(bytes), true), DMA_BLOCKED);
    assert_int_equal(bed_memory(b, LOW)[0], 0);
    bed_close_unclean(b);
}

/* QEMU snoops, whatever it says: without hidden stores only the model sees that. */
static void test_lost_flush_snooped(void **state)
{
    struct testbed *b = open_sabotaged(state);
    bool blocked;

    sabotage_next(DROP_FLUSH, 1000);
    bed_map(b, 0, IOVA, LOW, PAGE, UDMAR_READ_WRITE);
    blocked = !bed_writes(b, 0, IOVA, LOW, 96);
    assert_true(blocked != bed_deviates(b, TABLES_SNOOPED));
    bed_close_unclean(b);
}

/* ---- Descriptors that the unit refuses ------------------------------------------------------- */

static void refused(void **state, enum sabotage kind)
{
    struct testbed *b = open_sabotaged(state);
    struct udmar_unit_status status;

    for (unsigned round = 1; round <= 3; round++) {
        bed_map(b, 0, ODD, LOW, PAGE, UDMAR_READ_WRITE);
        bed_reaches(b, 0, ODD, LOW);
        sabotage_next(kind, 1);
        bed_unmap(b, 0, ODD, PAGE);
        assert_int_equal(sabotage_done(), 1);
        bed_stopped(b, 0, ODD, true, NOT_WRITABLE);
        assert_int_equal(udmar_unit_status(b->instance, 0, &status), UDMAR_OK);
        assert_int_equal(status.queue_errors, round);
        assert_false(status.failed);
    }
    /* Service is normal again, also once around the queue. */
    for (unsigned i = 0; i < 200; i++) {
        bed_map(b, 0, ODD, LOW + i * PAGE, PAGE, UDMAR_READ_WRITE);
        if (i % 20 == 0)
            bed_reaches(b, 0, ODD, LOW + i * PAGE);
        bed_unmap(b, 0, ODD, PAGE);
    }
    bed_stopped(b, 0, ODD, false, NOT_READABLE);
    assert_int_equal(udmar_unit_status(b->instance, 0, &status), UDMAR_OK);
    assert_int_equal(status.queue_errors, 3);
    bed_close_unclean(b);
}

static void test_refused_granularity(void **state)
{
    refused(state, SPOIL_GRANULARITY);
}

static void test_refused_type(void **state)
{
    refused(state, SPOIL_TYPE);
}

static void test_refused_wait(void **state)
{
    refused(state, SPOIL_WAIT);
}

#define BOTH(text, function) \
    BED_TEST(text " (queue)", function, &queue), BED_TEST(text " (registers)", function, &registers)

int main(int argc, char **argv)
{
    static const struct variant queue = { { .width = 48 }, NULL },
                                registers = { { .width = 39 }, "hw.dmar.qi=0" },
                                hidden = { { .width = 48, .hidden_stores = true }, NULL };
    const struct CMUnitTest tests[] = {
        BOTH("nothing is spoiled", test_untouched),
        BOTH("a lost IOTLB request after unmap is seen", test_lost_unmap),
        BOTH("a lost IOTLB request of a large page is seen", test_lost_unmap_2m),
        BOTH("a lost IOTLB request between two mappings is seen", test_lost_remap),
        BED_TEST("a lost context request is seen", test_lost_context, &queue),
        BED_TEST("a lost cache flush is seen (hidden stores)", test_lost_flush, &hidden),
        BED_TEST("a lost cache flush (model decides)", test_lost_flush_snooped, &queue),
        BED_TEST("a descriptor with reserved granularity", test_refused_granularity, &queue),
        BED_TEST("a descriptor of a reserved type", test_refused_type, &queue),
        BED_TEST("a wait whose status cannot be written", test_refused_wait, &queue),
    };

    return bed_run(argc, argv, "stale", tests, sizeof(tests) / sizeof(tests[0]));
}
