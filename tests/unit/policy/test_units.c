/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the table to units: any number of them, some listed twice, some that cannot be, and what
 * their devices are told.
 */
#include "fixture/inside.h"

#include <stdlib.h>
#include <string.h>

/* A table of any size, made by hand. */
struct big {
    uint8_t *bytes;
    size_t size;
};

static void put(struct big *b, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        b->bytes[b->size++] = (uint8_t)(value >> (8 * i));
}

static void big_begin(struct big *b)
{
    b->bytes = calloc(1, 1 << 20);
    assert_non_null(b->bytes);
    b->size = 48;
    memcpy(b->bytes, "DMAR", 4);
    b->bytes[8] = 1;
    b->bytes[36] = 45;
}

static void big_drhd(struct big *b, unsigned flags, uint16_t segment, uint64_t base,
                     unsigned scopes)
{
    put(b, 0, 2);
    put(b, 16 + 8 * scopes, 2);
    put(b, flags, 2);
    put(b, segment, 2);
    put(b, base, 8);
}

static void big_scope(struct big *b, uint16_t rid)
{
    put(b, 0x0801, 6);
    b->bytes[b->size - 1] = (uint8_t)(rid >> 8);
    put(b, (unsigned)UDMAR_RID_DEVICE(rid) | (unsigned)UDMAR_RID_FUNCTION(rid) << 8, 2);
}

static void big_rmrr(struct big *b, uint64_t base, uint16_t rid)
{
    put(b, 1, 2);
    put(b, 32, 2);
    put(b, 0, 4);
    put(b, base, 8);
    put(b, base + 0xfff, 8);
    big_scope(b, rid);
}

static enum udmar_status big_create(struct fixture *f, struct big *b)
{
    uint8_t sum = 0;

    for (unsigned i = 0; i < 4; i++)
        b->bytes[4 + i] = (uint8_t)(b->size >> (8 * i));
    for (size_t i = 0; i < b->size; i++)
        sum = (uint8_t)(sum + b->bytes[i]);
    b->bytes[9] = (uint8_t)-sum;
    f->config.table = b->bytes;
    f->config.table_size = b->size;
    return udmar_create(f->m, &f->config, &f->instance);
}

static bool logged(struct fixture *f, enum udmar_log_level level, const char *text)
{
    for (unsigned i = 0; i < model_log_count(f->m); i++) {
        if (model_log_level(f->m, i) == level && strstr(model_log_text(f->m, i), text) != NULL)
            return true;
    }
    return false;
}

static bool nic_works(struct fixture *f)
{
    return fixture_map(f, IOVA, f->page) == UDMAR_OK && fixture_reaches(f, NIC, IOVA, f->page);
}

/* ---- Sizes that firmware chooses
 * ----------------------------------------------------------------- */

/* No request to the host grows with the table: the model ends the test at 65,537 bytes. */
static void thousands_of_structures(void **state)
{
    struct big b;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    big_begin(&b);
    for (unsigned i = 0; i < 1200; i++)
        big_drhd(&b, 0, 0, UINT64_C(0x100000000) + 0x1000 * i, 0);
    big_drhd(&b, 0, 0, BASE, 8000);
    for (unsigned i = 0; i < 7999; i++)
        big_scope(&b, (uint16_t)(0x1000 + i));
    big_scope(&b, NIC);
    for (unsigned i = 0; i < 1000; i++)
        big_rmrr(&b, 0x2000000 + 0x1000 * i, NIC);
    assert_int_equal(big_create(&f, &b), UDMAR_OK);
    assert_int_equal(udmar_unit_count(f.instance), 1);
    f.nic = fixture_attach(&f, NIC);
    fixture_start(&f);
    assert_int_equal(fixture_info(f.nic).rmrr_count, 1000);
    assert_int_equal(fixture_info(f.nic).mode, UDMAR_MODE_TRANSLATE);
    assert_true(nic_works(&f));
    fixture_close(&f);
    free(b.bytes);
}

/* Slots are a list: each unit has its index, and an index behind the last has none. */
static void many_units_have_their_index(void **state)
{
    enum { UNITS = 40 };
    struct udmar_unit_status s;
    struct fixture f;

    (void)state;
    fixture_empty(&f);
    for (unsigned i = 0; i < UNITS; i++)
        (void)model_add_unit(f.m, &(struct model_unit_config){ .base = BASE + 0x1000 * i,
                                                               .segment = (uint16_t)i,
                                                               .include_all = true });
    fixture_create(&f);
    fixture_start(&f);
    assert_int_equal(udmar_unit_count(f.instance), UNITS);
    for (unsigned i = 0; i < UNITS; i++) {
        assert_int_equal(udmar_unit_status(f.instance, i, &s), UDMAR_OK);
        assert_int_equal(s.index, i);
        assert_int_equal(s.base, BASE + 0x1000 * i);
        assert_true(s.translating);
    }
    assert_int_equal(udmar_unit_status(f.instance, UNITS, &s), UDMAR_ERR_ARGUMENT);
    fixture_close(&f);
}

/* ---- One unit, several structures
 * ---------------------------------------------------------------- */

static void structures_of_one_unit_are_one_unit(void **state)
{
    struct udmar_unit_status s;
    struct big b;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    big_begin(&b);
    big_drhd(&b, 0, 0, BASE, 1);
    big_scope(&b, DISK);
    big_drhd(&b, 0, 0, BASE, 1);
    big_scope(&b, NIC);
    big_drhd(&b, 1, 0, BASE, 0);
    assert_int_equal(big_create(&f, &b), UDMAR_OK);
    assert_int_equal(udmar_unit_count(f.instance), 1);
    assert_int_equal(udmar_unit_status(f.instance, 0, &s), UDMAR_OK);
    assert_true(s.include_all);
    fixture_start(&f);
    f.nic = fixture_attach(&f, NIC);
    assert_int_equal(fixture_info(f.nic).match, UDMAR_MATCH_EXACT);
    assert_true(nic_works(&f));
    assert_int_equal(fixture_info(fixture_attach(&f, DISK)).match, UDMAR_MATCH_EXACT);
    assert_int_equal(fixture_info(fixture_attach(&f, 0x0028)).match, UDMAR_MATCH_INCLUDE_ALL);
    assert_int_equal(model_stats(f.u)->te_on, 1);
    fixture_close(&f);
    free(b.bytes);
}

/* Is a display's unit one for graphics alone? All structures of the unit have a say. */
static void other_structure_makes_it_more_than_graphics(void **state)
{
    static const struct {
        uint16_t second; /* what the second structure names; 0: everything else */
        bool left_out;
    } cases[] = { { 0x0010, true }, { NIC, false }, { 0, false } };

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct big b;
        struct fixture f;

        fixture_machine(&f, "generic48");
        (void)model_add_unit(f.m, &(struct model_unit_config){ .base = BASE_2 });
        model_add_function(f.m, 0, 0, 0x8086, 0x0044, 0x060000);
        big_begin(&b);
        big_drhd(&b, 0, 0, BASE_2, 1);
        big_scope(&b, 0x0010);
        big_drhd(&b, cases[i].second == 0, 0, BASE_2, cases[i].second != 0);
        if (cases[i].second != 0)
            big_scope(&b, cases[i].second);
        big_drhd(&b, 0, 0, BASE, 1);
        big_scope(&b, DISK);
        assert_int_equal(big_create(&f, &b), UDMAR_OK);
        assert_int_equal(udmar_unit_count(f.instance), cases[i].left_out ? 1 : 2);
        fixture_close(&f);
        free(b.bytes);
    }
}

static void registers_of_two_segments_are_one_segments(void **state)
{
    struct udmar_device *other;
    struct big b;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    big_begin(&b);
    big_drhd(&b, 1, 0, BASE, 0);
    big_drhd(&b, 1, 1, BASE, 0);
    assert_int_equal(big_create(&f, &b), UDMAR_OK);
    assert_int_equal(udmar_unit_count(f.instance), 1);
    fixture_start(&f);
    f.nic = fixture_attach(&f, NIC);
    assert_true(nic_works(&f));
    assert_int_equal(udmar_device_attach(f.instance, 1, NIC, "other", &other), UDMAR_OK);
    assert_int_equal(fixture_info(other).mode, UDMAR_MODE_UNPROTECTED);
    assert_int_equal(udmar_device_set_mode(other, UDMAR_MODE_TRANSLATE), UDMAR_ERR_UNSUPPORTED);
    assert_true(logged(&f, UDMAR_LOG_ERROR, "one of another segment"));
    fixture_close(&f);
    free(b.bytes);
}

/* ---- Units that cannot be
 * ------------------------------------------------------------------------ */

static void devices_of_an_impossible_unit_are_told(void **state)
{
    static const uint64_t bases[] = { 0, BASE_2 + 0x10, UINT64_C(1) << 60 };

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct udmar_device *disk;
        struct big b;
        struct fixture f;

        fixture_machine(&f, "generic48");
        big_begin(&b);
        big_drhd(&b, 0, 0, bases[i], 1);
        big_scope(&b, DISK);
        big_drhd(&b, 1, 0, BASE, 0);
        assert_int_equal(big_create(&f, &b), UDMAR_OK);
        assert_true(logged(&f, UDMAR_LOG_ERROR, "devices that it governs are not translated"));
        fixture_start(&f);
        disk = fixture_attach(&f, DISK);
        assert_int_equal(fixture_info(disk).mode, UDMAR_MODE_UNPROTECTED);
        assert_int_equal(fixture_info(disk).unit, -1);
        assert_string_equal(fixture_info(disk).reason,
                            "the register base that firmware states for its unit cannot be true");
        assert_true(logged(&f, UDMAR_LOG_ERROR, "not protected: the register base"));
        assert_false(model_log_contains(f.m, "names no unit"));
        f.nic = fixture_attach(&f, NIC);
        assert_true(nic_works(&f));
        fixture_close(&f);
        free(b.bytes);
    }
}

/* No tunable makes guest addresses of what may be another unit's. */
static void doubtful_devices_get_physical_addresses(void **state)
{
    static const struct {
        const char *value;
        enum udmar_mode mode;
    } cases[] = {
        { "translate", UDMAR_MODE_PASSTHROUGH },   { "identity", UDMAR_MODE_PASSTHROUGH },
        { "blocked", UDMAR_MODE_PASSTHROUGH },     { "bounce", UDMAR_MODE_BOUNCE },
        { "passthrough", UDMAR_MODE_PASSTHROUGH },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct big b;
        struct fixture f;

        fixture_machine(&f, "generic48");
        big_begin(&b);
        big_drhd(&b, 0, 0, BASE_2, 1);
        big_scope(&b, DISK);
        b.bytes[b.size - 2] = 0xff;
        big_drhd(&b, 1, 0, BASE, 0);
        fixture_tune(&f, "hw.busdma.default", cases[i].value);
        assert_int_equal(big_create(&f, &b), UDMAR_OK);
        fixture_start(&f);
        f.nic = fixture_attach(&f, NIC);
        assert_int_equal(fixture_info(f.nic).mode, cases[i].mode);
        assert_int_equal(fixture_info(f.nic).unit, 0);
        assert_int_equal(fixture_write(&f, NIC, f.page), MODEL_OK);
        assert_true(logged(&f, UDMAR_LOG_ERROR, "a damaged structure of firmware's table may"));
        assert_int_equal(udmar_device_set_mode(f.nic, UDMAR_MODE_TRANSLATE), UDMAR_ERR_UNSUPPORTED);
        assert_int_equal(udmar_device_set_mode(f.nic, UDMAR_MODE_IDENTITY), UDMAR_ERR_UNSUPPORTED);
        assert_int_equal(udmar_device_set_mode(f.nic, UDMAR_MODE_BLOCKED), UDMAR_ERR_UNSUPPORTED);
        assert_int_equal(udmar_device_set_mode(f.nic, UDMAR_MODE_BOUNCE), UDMAR_OK);
        assert_int_equal(fixture_write(&f, NIC, f.page), MODEL_OK);
        fixture_close(&f);
        free(b.bytes);
    }
}

/* Its registers are known, so what firmware left on in it is looked at. */
static void unit_with_a_damaged_list_is_switched_off(void **state)
{
    const struct model_scope scope = fixture_endpoint(DISK);
    struct model_unit *u;
    struct big b;
    struct fixture f;

    (void)state;
    fixture_machine(&f, "generic48");
    u = model_add_unit(f.m, &(struct model_unit_config){ .base = BASE_2 });
    model_add_unit_scope(u, &scope);
    model_firmware_state(u, TE | RTP, model_page_alloc(f.m));
    big_begin(&b);
    big_drhd(&b, 0, 0, BASE_2, 1);
    big_scope(&b, DISK);
    b.bytes[b.size - 7] = 6;
    big_drhd(&b, 1, 0, BASE, 0);
    assert_int_equal(big_create(&f, &b), UDMAR_OK);
    assert_int_equal(udmar_unit_count(f.instance), 1);
    assert_int_equal(fixture_write(&f, DISK, f.page), MODEL_BLOCKED);
    fixture_start(&f);
    assert_int_equal(model_peek32(u, GSTS) & TE, 0);
    assert_int_equal(fixture_info(fixture_attach(&f, DISK)).mode, UDMAR_MODE_PASSTHROUGH);
    assert_int_equal(fixture_write(&f, DISK, f.page), MODEL_BYPASSED);
    fixture_close(&f);
    free(b.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thousands_of_structures),
        cmocka_unit_test(many_units_have_their_index),
        cmocka_unit_test(structures_of_one_unit_are_one_unit),
        cmocka_unit_test(other_structure_makes_it_more_than_graphics),
        cmocka_unit_test(registers_of_two_segments_are_one_segments),
        cmocka_unit_test(devices_of_an_impossible_unit_are_told),
        cmocka_unit_test(doubtful_devices_get_physical_addresses),
        cmocka_unit_test(unit_with_a_damaged_list_is_switched_off),
    };

    return cmocka_run_group_tests_name("units", tests, NULL, NULL);
}
