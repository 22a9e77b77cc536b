/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Translation left on by somebody else: an instance is forgotten while it runs, as a crash or a
 * firmware that does not clean up would do, and another one takes the unit over.
 */
#include "testbed.h"

#define IOVA UINT64_C(0x40000000)

struct variant {
    struct machine_options options;
    const char *before, *after;
};

static void test_takeover(void **state)
{
    const struct variant *v = *state;
    struct testbed *b = bed_open(&v->options, v->before);

    bed_map(b, 0, IOVA, LOW, PAGE, UDMAR_READ_WRITE);
    bed_reaches(b, 0, IOVA, LOW);
    bed_forget(b);

    bed_create(b, v->after);
    assert_true(bed_writes(b, 0, IOVA, LOW, 96)); /* still on: the old tables are in force */
    bed_start(b);
    bed_stopped(b, 0, IOVA, true, ROOT_ABSENT); /* nobody is attached yet */
    bed_attach(b, 0);
    bed_stopped(b, 0, IOVA, true, NOT_WRITABLE);
    bed_map(b, 0, IOVA, HIGH, PAGE, UDMAR_READ_WRITE);
    bed_reaches(b, 0, IOVA, HIGH);
    bed_unmap(b, 0, IOVA, PAGE);
    bed_stopped(b, 0, IOVA, false, NOT_READABLE);
    for (unsigned i = 0; i < 300; i++) {
        bed_map(b, 0, IOVA, LOW + i * PAGE, PAGE, UDMAR_READ_WRITE);
        bed_unmap(b, 0, IOVA, PAGE);
    }
    bed_reaches_own(b, 0);
    bed_close_unclean(b);
}

/* A fault that was there before is labelled, and does not keep later ones away. */
static void test_old_fault(void **state)
{
    const struct variant *v = *state;
    struct testbed *b = bed_open(&v->options, v->before);
    struct udmar_fault fault;
    uint8_t bytes[96] = { 1 };

    (void)bed_dma(b, 0, IOVA, bytes, sizeof(bytes), true);
    bed_forget(b);
    bed_create(b, v->after);
    bed_start(b);
    assert_true(bed_take_fault(b, &fault));
    assert_true(fault.from_firmware);
    assert_int_equal(fault.rid, bed_source(b, 0));
    assert_int_equal(fault.address, IOVA);
    bed_no_fault(b);
    bed_attach(b, 0);
    bed_stopped(b, 0, IOVA + PAGE, true, NOT_WRITABLE);
    bed_close_unclean(b);
}

/* Handed over in order: stopped, destroyed, and a new instance begins. */
static void test_in_order(void **state)
{
    const struct variant *v = *state;
    struct testbed *b = bed_open(&v->options, v->before);

    bed_reaches_own(b, 0);
    bed_destroy(b);
    assert_true(bed_writes(b, 0, LOW, LOW, 96)); /* no translation: physical addresses */
    bed_create(b, v->after);
    bed_start(b);
    bed_attach(b, 0);
    bed_stopped(b, 0, LOW, true, NOT_WRITABLE);
    bed_reaches_own(b, 0);
    bed_close(b);
}

#define VARIANT(...) (&(const struct variant){ __VA_ARGS__ })
#define EACH(text, function)                                                          \
    BED_TEST(text ": queue, queue", function, VARIANT({ .width = 48 }, NULL, NULL)),  \
        BED_TEST(text ": queue, registers", function,                                 \
                 VARIANT({ .width = 48 }, NULL, "hw.dmar.qi=0")),                     \
        BED_TEST(text ": registers, queue", function,                                 \
                 VARIANT({ .width = 39 }, "hw.dmar.qi=0", NULL)),                     \
        BED_TEST(text ": registers, registers", function,                             \
                 VARIANT({ .width = 39 }, "hw.dmar.qi=0", "hw.dmar.qi=0")),           \
        BED_TEST(text ": another queue size", function,                               \
                 VARIANT({ .width = 48 }, "hw.dmar.qi_size=3", "hw.dmar.qi_size=1")), \
        BED_TEST(text ": another width", function,                                    \
                 VARIANT({ .width = 48 }, "hw.dmar.width=39", "hw.dmar.width=48")),   \
        BED_TEST(text ": caching mode", function,                                     \
                 VARIANT({ .width = 48, .caching_mode = true }, NULL, NULL))

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        EACH("taken over", test_takeover),
        EACH("an old fault", test_old_fault),
        EACH("handed over", test_in_order),
    };

    return bed_run(argc, argv, "takeover", tests, sizeof(tests) / sizeof(tests[0]));
}
