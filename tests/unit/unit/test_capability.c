/* SPDX-License-Identifier: BSD-2-Clause */
/* VER, CAP and ECAP decoded. */
#include "fixture/inside.h"

#include <string.h>

/* A sane unit: SAGAW 39 and 48, MGAW 48, FRO 0x1200, NFR 8, PSI with MAMV 18, IRO 0x500, QI. */
#define CAP                                                                        \
    (UINT64_C(6) | UINT64_C(6) << 8 | UINT64_C(47) << 16 | UINT64_C(0x120) << 24 | \
     UINT64_C(1) << 39 | UINT64_C(7) << 40 | UINT64_C(18) << 48)
#define ECAP (UINT64_C(0x50) << 8 | 3)

static enum udmar_status decode(uint32_t version, uint64_t cap, uint64_t ecap,
                                struct udmar_unit_facts *facts)
{
    const char *reason = "untouched";
    enum udmar_status status = udmar_unit_decode(version, cap, ecap, facts, &reason);

    assert_int_equal(reason == NULL, status == UDMAR_OK);
    assert_true(reason == NULL || strlen(reason) > 10);
    assert_int_equal(udmar_unit_decode(version, cap, ecap, facts, NULL), status);
    return status;
}

static void a_sane_unit(void **state)
{
    struct udmar_unit_facts f;

    (void)state;
    assert_int_equal(decode(0x10, CAP, ECAP, &f), UDMAR_OK);
    assert_int_equal(f.domain_ids, 65536);
    assert_int_equal(f.widths, UDMAR_WIDTH_39 | UDMAR_WIDTH_48);
    assert_int_equal(f.guest_width, 48);
    assert_int_equal(f.fault_offset, 0x1200);
    assert_int_equal(f.fault_count, 8);
    assert_int_equal(f.iotlb_offset, 0x500);
    assert_int_equal(f.window_size, 0x2000);
    assert_int_equal(f.max_mask, 18);
    assert_true(f.page_selective && f.queued && f.coherent && f.registers);
    assert_false(f.write_buffer || f.protected_low || f.protected_high || f.caching_mode);
    assert_false(f.pass_through || f.interrupt_remap || f.scalable || f.root_flushes);
}

static void each_flag_has_its_bit(void **state)
{
    static const struct {
        size_t offset;
        bool extended;
        unsigned bit;
    } flags[] = {
        { offsetof(struct udmar_unit_facts, write_buffer), false, 4 },
        { offsetof(struct udmar_unit_facts, protected_low), false, 5 },
        { offsetof(struct udmar_unit_facts, protected_high), false, 6 },
        { offsetof(struct udmar_unit_facts, caching_mode), false, 7 },
        { offsetof(struct udmar_unit_facts, zero_length_read), false, 22 },
        { offsetof(struct udmar_unit_facts, page_selective), false, 39 },
        { offsetof(struct udmar_unit_facts, drain_write), false, 54 },
        { offsetof(struct udmar_unit_facts, drain_read), false, 55 },
        { offsetof(struct udmar_unit_facts, posted), false, 59 },
        { offsetof(struct udmar_unit_facts, remap_flushes), false, 62 },
        { offsetof(struct udmar_unit_facts, root_flushes), false, 63 },
        { offsetof(struct udmar_unit_facts, coherent), true, 0 },
        { offsetof(struct udmar_unit_facts, queued), true, 1 },
        { offsetof(struct udmar_unit_facts, device_tlb), true, 2 },
        { offsetof(struct udmar_unit_facts, interrupt_remap), true, 3 },
        { offsetof(struct udmar_unit_facts, extended_ids), true, 4 },
        { offsetof(struct udmar_unit_facts, pass_through), true, 6 },
        { offsetof(struct udmar_unit_facts, snoop_control), true, 7 },
        { offsetof(struct udmar_unit_facts, scalable), true, 43 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        uint64_t bit = UINT64_C(1) << flags[i].bit;
        struct udmar_unit_facts f;

        (void)decode(0x10, flags[i].extended ? CAP : CAP | bit,
                     flags[i].extended ? ECAP | bit : ECAP, &f);
        assert_true(*(bool *)((char *)&f + flags[i].offset));
        (void)decode(0x10, flags[i].extended ? CAP : CAP & ~bit,
                     flags[i].extended ? ECAP & ~bit : ECAP, &f);
        assert_false(*(bool *)((char *)&f + flags[i].offset));
    }
}

static void nobody_answers(void **state)
{
    struct udmar_unit_facts f;

    (void)state;
    assert_int_equal(decode(UINT32_MAX, UINT64_MAX, UINT64_MAX, &f), UDMAR_ERR_ALL_ONES);
    assert_int_equal(decode(0x10, UINT64_MAX, ECAP, &f), UDMAR_ERR_ALL_ONES);
    assert_int_equal(decode(0x10, CAP, UINT64_MAX, &f), UDMAR_ERR_ALL_ONES);
    assert_int_equal(decode(UINT32_MAX, CAP, ECAP, &f), UDMAR_ERR_ALL_ONES);
    assert_int_equal(decode(0, 0, 0, &f), UDMAR_ERR_REGISTERS);
    assert_int_equal(decode(0x10, 0, ECAP, &f), UDMAR_ERR_REGISTERS);
}

static void domain_ids_by_nd(void **state)
{
    static const uint32_t counts[] = { 16, 64, 256, 1024, 4096, 16384, 65536 };
    struct udmar_unit_facts f;

    (void)state;
    for (unsigned nd = 0; nd < 7; nd++) {
        assert_int_equal(decode(0x10, (CAP & ~UINT64_C(7)) | nd, ECAP, &f), UDMAR_OK);
        assert_int_equal(f.domain_ids, counts[nd]);
    }
    assert_int_equal(decode(0x10, CAP | 7, ECAP, &f), UDMAR_ERR_REGISTERS);
}

static void no_table_width_is_unsupported(void **state)
{
    struct udmar_unit_facts f = { .version = 1 };

    (void)state;
    assert_int_equal(decode(0x10, CAP & ~(UINT64_C(31) << 8), ECAP, &f), UDMAR_ERR_UNSUPPORTED);
    assert_int_equal(f.version, 0x10);
    assert_int_equal(f.fault_count, 8);
    /* 64 bits in 6 levels were never built. */
    assert_int_equal(decode(0x10, (CAP & ~(UINT64_C(31) << 8)) | UINT64_C(1) << 12, ECAP, &f),
                     UDMAR_ERR_UNSUPPORTED);
}

/* Traps 7 and 8. */
static void fault_records_and_window(void **state)
{
    struct udmar_unit_facts f;

    (void)state;
    /* FRO has 10 bits, NFR is a count minus 1. */
    assert_int_equal(decode(0x10, CAP | UINT64_C(0x3ff) << 24 | UINT64_C(0xff) << 40, ECAP, &f),
                     UDMAR_OK);
    assert_int_equal(f.fault_offset, 0x3ff0);
    assert_int_equal(f.fault_count, 256);
    assert_int_equal(f.window_size, 0x5000);
    assert_int_equal(decode(0x10, CAP & ~(UINT64_C(0xff) << 40), ECAP, &f), UDMAR_OK);
    assert_int_equal(f.fault_count, 1);
    /* The IOTLB registers may be the last. */
    assert_int_equal(decode(0x10, CAP, UINT64_C(0x3ff) << 8 | 3, &f), UDMAR_OK);
    assert_int_equal(f.iotlb_offset, 0x3ff0);
    assert_int_equal(f.window_size, 0x4000);
    /* One page, to the last byte. */
    assert_int_equal(
        decode(0x10, (CAP & ~(UINT64_C(0x3ff) << 24)) | UINT64_C(0xf8) << 24, ECAP, &f), UDMAR_OK);
    assert_int_equal(f.window_size, 0x1000);
}

static void contradictions(void **state)
{
    struct udmar_unit_facts f;

    (void)state;
    /* MGAW below a page; records on top of the fixed registers, of the IOTLB registers. */
    assert_int_equal(decode(0x10, (CAP & ~(UINT64_C(63) << 16)) | UINT64_C(10) << 16, ECAP, &f),
                     UDMAR_ERR_REGISTERS);
    assert_int_equal(decode(0x10, CAP & ~(UINT64_C(0x3ff) << 24), ECAP, &f), UDMAR_ERR_REGISTERS);
    assert_int_equal(decode(0x10, CAP, 3, &f), UDMAR_ERR_REGISTERS);
    for (unsigned iro = 0x11f; iro < 0x12a; iro++) {
        assert_int_equal(decode(0x10, CAP, (uint64_t)iro << 8 | 3, &f),
                         iro < 0x120 || iro >= 0x128 ? UDMAR_OK : UDMAR_ERR_REGISTERS);
    }
    /* Interrupt remapping needs the queue: it is refused, and the unit translates. */
    assert_int_equal(decode(0x10, CAP, (ECAP | 8) & ~UINT64_C(2), &f), UDMAR_OK);
}

static void version_6_has_no_registers_for_invalidation(void **state)
{
    struct udmar_unit_facts f;

    (void)state;
    assert_int_equal(decode(0x5f, CAP, ECAP, &f), UDMAR_OK);
    assert_true(f.registers);
    assert_int_equal(decode(0x60, CAP, ECAP, &f), UDMAR_OK);
    assert_false(f.registers);
    assert_int_equal(decode(0x60, CAP, ECAP & ~UINT64_C(2), &f), UDMAR_ERR_REGISTERS);
    /* IRO means nothing there. */
    assert_int_equal(decode(0x60, CAP, 3, &f), UDMAR_OK);
    assert_int_equal(decode(0x60, CAP, UINT64_C(0x120) << 8 | 3, &f), UDMAR_OK);
}

static void every_profile_of_the_model(void **state)
{
    const struct model_profile *p;

    (void)state;
    for (unsigned i = 0; (p = model_profile_at(i)) != NULL; i++) {
        struct udmar_unit_facts f;

        assert_int_equal(decode(p->version, p->cap, p->ecap, &f), UDMAR_OK);
        assert_int_equal(f.cap, p->cap);
        assert_int_equal(f.ecap, p->ecap);
    }
}

static void arbitrary_numbers_do_no_harm(void **state)
{
    uint64_t x = 1;

    (void)state;
    for (unsigned i = 0; i < 200000; i++) {
        struct udmar_unit_facts f;
        uint64_t cap, ecap;

        x = x * UINT64_C(6364136223846793005) + 1442695040888963407u;
        cap = x ^ x >> 29;
        x = x * UINT64_C(6364136223846793005) + 1442695040888963407u;
        ecap = x ^ x >> 29;
        if (udmar_unit_decode((uint32_t)(x >> 40), cap, ecap, &f, NULL) == UDMAR_OK) {
            assert_in_range(f.window_size, 0x1000, 0x5000);
            assert_in_range(f.domain_ids, 16, 65536);
            assert_in_range(f.guest_width, 12, 64);
        }
    }
}

static void levels_of_a_width(void **state)
{
    (void)state;
    for (unsigned width = 0; width < 70; width++) {
        unsigned levels = width == 30 ? 2 : width == 39 ? 3 : width == 48 ? 4 : width == 57 ? 5 : 0;

        assert_int_equal(udmar_width_levels(width), levels);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sane_unit),
        cmocka_unit_test(each_flag_has_its_bit),
        cmocka_unit_test(nobody_answers),
        cmocka_unit_test(domain_ids_by_nd),
        cmocka_unit_test(no_table_width_is_unsupported),
        cmocka_unit_test(fault_records_and_window),
        cmocka_unit_test(contradictions),
        cmocka_unit_test(version_6_has_no_registers_for_invalidation),
        cmocka_unit_test(every_profile_of_the_model),
        cmocka_unit_test(arbitrary_numbers_do_no_harm),
        cmocka_unit_test(levels_of_a_width),
    };

    return cmocka_run_group_tests_name("capability", tests, NULL, NULL);
}
