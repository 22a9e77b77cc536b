/* SPDX-License-Identifier: BSD-2-Clause */
/* Tunables: names, values, defaults, and what is said about those that are wrong. */
#include "fixture/inside.h"

#include <stdio.h>
#include <string.h>

static struct udmar_tunables t;

static int fresh(void **state)
{
    (void)state;
    memset(&t, 0xff, sizeof(t));
    udmar_tunables_init(&t);
    return 0;
}

static void defaults(void **state)
{
    (void)state;
    assert_false(t.enable);
    assert_true(t.queue && t.pmr_disable && t.rmrr_enable && t.strict);
    assert_true(t.interrupts && !t.interrupt_compat && t.interrupt_verify);
    assert_int_equal(t.queue_size, 0);
    assert_int_equal(t.width, 0);
    assert_int_equal(t.timeout_ns, 1000000000);
    assert_int_equal(t.default_mode, UDMAR_MODE_TRANSLATE);
    assert_int_equal(t.device_count, 0);
}

static void switches(void **state)
{
    static const char *const names[] = { "hw.dmar.enable",      "hw.dmar.qi",
                                         "hw.dmar.pmr.disable", "hw.dmar.rmrr_enable",
                                         "hw.dmar.strict",      "hw.dmar.ir",
                                         "hw.dmar.ir.compat",   "hw.dmar.ir.verify" };
    static const char *const wrong[] = { "", "2", "-1", "yes", "01x", " 1", "1 ", "+1", "0x1" };
    bool *const targets[] = { &t.enable, &t.queue,      &t.pmr_disable,      &t.rmrr_enable,
                              &t.strict, &t.interrupts, &t.interrupt_compat, &t.interrupt_verify };

    (void)state;
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        for (unsigned value = 0; value < 2; value++) {
            assert_int_equal(udmar_tunables_set(&t, names[i], value ? "1" : "0"), UDMAR_OK);
            assert_int_equal(*targets[i], value);
        }
        for (unsigned w = 0; w < sizeof(wrong) / sizeof(wrong[0]); w++) {
            assert_int_equal(udmar_tunables_set(&t, names[i], wrong[w]), UDMAR_ERR_VALUE);
            assert_true(*targets[i]);
        }
    }
}

static void numbers(void **state)
{
    static const struct {
        const char *name, *value;
        bool good;
    } rows[] = {
        { "hw.dmar.qi_size", "0", true },
        { "hw.dmar.qi_size", "7", true },
        { "hw.dmar.qi_size", "8", false },
        { "hw.dmar.qi_size", "", false },
        { "hw.dmar.timeout", "1000", true },
        { "hw.dmar.timeout", "999", false },
        { "hw.dmar.timeout", "100000000000", true },
        { "hw.dmar.timeout", "100000000001", false },
        { "hw.dmar.timeout", "18446744073709551617000", false },
        { "hw.dmar.timeout", "99999999999999999999999", false },
        { "hw.dmar.width", "0", true },
        { "hw.dmar.width", "30", true },
        { "hw.dmar.width", "39", true },
        { "hw.dmar.width", "48", true },
        { "hw.dmar.width", "57", true },
        { "hw.dmar.width", "3", false },
        { "hw.dmar.width", "21", false },
        { "hw.dmar.width", "40", false },
        { "hw.dmar.width", "66", false },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct udmar_tunables before = t;

        assert_int_equal(udmar_tunables_set(&t, rows[i].name, rows[i].value),
                         rows[i].good ? UDMAR_OK : UDMAR_ERR_VALUE);
        if (!rows[i].good) {
            assert_memory_equal(&t, &before, sizeof(t));
        }
    }
    assert_int_equal(t.queue_size, 7);
    assert_int_equal(t.timeout_ns, UINT64_C(100000000000));
    assert_int_equal(t.width, 57);
}

static void modes(void **state)
{
    static const struct {
        const char *value;
        enum udmar_mode mode;
    } rows[] = {
        { "translate", UDMAR_MODE_TRANSLATE },     { "dmar", UDMAR_MODE_TRANSLATE },
        { "iommu", UDMAR_MODE_TRANSLATE },         { "identity", UDMAR_MODE_IDENTITY },
        { "passthrough", UDMAR_MODE_PASSTHROUGH }, { "bounce", UDMAR_MODE_BOUNCE },
        { "blocked", UDMAR_MODE_BLOCKED },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(udmar_tunables_set(&t, "hw.busdma.default", rows[i].value), UDMAR_OK);
        assert_int_equal(t.default_mode, rows[i].mode);
    }
    assert_int_equal(udmar_tunables_set(&t, "hw.busdma.default", "unprotected"), UDMAR_ERR_VALUE);
    assert_int_equal(udmar_tunables_set(&t, "hw.busdma.default", "Bounce"), UDMAR_ERR_VALUE);
    assert_int_equal(t.default_mode, UDMAR_MODE_BLOCKED);
    assert_string_equal(udmar_mode_string(UDMAR_MODE_TRANSLATE), "translate");
    assert_string_equal(udmar_mode_string(UDMAR_MODE_UNPROTECTED), "unprotected");
    assert_string_equal(udmar_mode_string((enum udmar_mode)0), "?");
}

static void device_addresses(void **state)
{
    static const char *const names[] = { "hw.busdma.pci65535:255:31:7",
                                         "hw.busdma.pci65535.255.31.7",
                                         "hw.busdma.pci65535:255.31:7" };
    static const char *const wrong[] = {
        "hw.busdma.pci65536:0:0:0", "hw.busdma.pci0:256:0:0", "hw.busdma.pci0:0:32:0",
        "hw.busdma.pci0:0:0:8",     "hw.busdma.pci0:0:0",     "hw.busdma.pci0:0:0:",
        "hw.busdma.pci:0:0:0",      "hw.busdma.pci0:0:0:0:0", "hw.busdma.pci0:0:0:0.bouncy",
        "hw.busdma.pci0:0:0:0x",    "hw.busdma.pci",          "hw.busdma.pci0:0:1f:0",
    };

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(udmar_tunables_set(&t, names[i], i == 1 ? "identity" : "bounce"),
                         UDMAR_OK);
        assert_int_equal(t.device_count, 1);
        assert_int_equal(t.devices[0].segment, 0xffff);
        assert_int_equal(t.devices[0].rid, 0xffff);
        assert_int_equal(t.devices[0].mode, i == 1 ? UDMAR_MODE_IDENTITY : UDMAR_MODE_BOUNCE);
    }
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(udmar_tunables_set(&t, wrong[i], "bounce"), UDMAR_ERR_NAME);
    }
    assert_int_equal(udmar_tunables_set(&t, names[0], "nothing"), UDMAR_ERR_VALUE);
    assert_int_equal(t.device_count, 1);
}

static void the_old_form(void **state)
{
    (void)state;
    assert_int_equal(udmar_tunables_set(&t, "hw.busdma.pci0:3:4:5.bounce", "1"), UDMAR_OK);
    assert_int_equal(t.devices[0].rid, UDMAR_RID(3, 4, 5));
    assert_int_equal(t.devices[0].mode, UDMAR_MODE_BOUNCE);
    assert_int_equal(udmar_tunables_set(&t, "hw.busdma.pci0.3.4.6.bounce", "1"), UDMAR_OK);
    assert_int_equal(t.device_count, 2);
    assert_int_equal(udmar_tunables_set(&t, "hw.busdma.pci0:3:4:5.bounce", "0"), UDMAR_ERR_VALUE);
    assert_int_equal(udmar_tunables_set(&t, "hw.busdma.pci0:3:4:5.bounce", "2"), UDMAR_ERR_VALUE);
}

static void room_for_64_devices(void **state)
{
    char name[64];

    (void)state;
    for (unsigned i = 0; i < 70; i++) {
        (void)snprintf(name, sizeof(name), "hw.busdma.pci0:%u:0:0", i);
        assert_int_equal(udmar_tunables_set(&t, name, "bounce"),
                         i < 64 ? UDMAR_OK : UDMAR_ERR_TOO_BIG);
    }
    assert_int_equal(t.device_count, 64);
    /* One that is known may still be changed. */
    assert_int_equal(udmar_tunables_set(&t, "hw.busdma.pci0:63:0:0", "blocked"), UDMAR_OK);
    assert_int_equal(t.devices[63].mode, UDMAR_MODE_BLOCKED);
}

static void unknown_names(void **state)
{
    static const char *const names[] = { "hw.dmar.",   "hw.dmar.enabled",    "hw.dmar.enabl",
                                         "hw.busdma.", "hw.busdma.defaults", "enable",
                                         "",           "HW.dmar.enable" };
    struct udmar_tunables before = t;

    (void)state;
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(udmar_tunables_set(&t, names[i], "1"), UDMAR_ERR_NAME);
    }
    assert_memory_equal(&t, &before, sizeof(t));
}

struct report {
    unsigned count;
    char name[8][160];
    char value[8][160];
    enum udmar_status status[8];
};

static void note(void *context, const char *name, const char *value, enum udmar_status status)
{
    struct report *f = context;

    (void)snprintf(f->name[f->count], sizeof(f->name[0]), "%s", name);
    (void)snprintf(f->value[f->count], sizeof(f->value[0]), "%s", value);
    f->status[f->count++] = status;
}

static void command_line(void **state)
{
    struct report f = { 0 };

    (void)state;
    assert_int_equal(udmar_tunables_parse(&t,
                                          "  root=/dev/sda1\thw.dmar.enable=1 hw.dmar.qi=7 quiet "
                                          "hw.dmar.nothing=1 hw.dmar.strict hw.busdma.default=\n"
                                          "hw.busdma.pci0:1:2:3=bounce hw.dmar.width=a=b hw.dmar",
                                          note, &f),
                     5);
    assert_true(t.enable && t.queue && t.strict);
    assert_int_equal(t.device_count, 1);
    assert_int_equal(f.count, 5);
    assert_string_equal(f.name[0], "hw.dmar.qi");
    assert_string_equal(f.value[0], "7");
    assert_int_equal(f.status[0], UDMAR_ERR_VALUE);
    assert_string_equal(f.name[1], "hw.dmar.nothing");
    assert_int_equal(f.status[1], UDMAR_ERR_NAME);
    assert_string_equal(f.name[2], "hw.dmar.strict");
    assert_string_equal(f.value[2], "");
    assert_int_equal(f.status[2], UDMAR_ERR_VALUE);
    assert_int_equal(f.status[3], UDMAR_ERR_VALUE);
    assert_string_equal(f.value[4], "a=b");
    assert_int_equal(udmar_tunables_parse(&t, "", note, &f), 0);
    assert_int_equal(udmar_tunables_parse(&t, "hw.dmar.x=1", NULL, NULL), 1);
}

static void the_last_one_wins(void **state)
{
    (void)state;
    assert_int_equal(udmar_tunables_parse(&t,
                                          "hw.dmar.enable=1 hw.busdma.pci0:0:3:0=bounce "
                                          "hw.dmar.enable=0 hw.busdma.pci0.0.3.0=identity",
                                          NULL, NULL),
                     0);
    assert_false(t.enable);
    assert_int_equal(t.device_count, 1);
    assert_int_equal(t.devices[0].mode, UDMAR_MODE_IDENTITY);
}

static void words_that_are_too_long(void **state)
{
    char line[600];
    struct report f = { 0 };

    (void)state;
    /* 127 bytes are a number with many zeros, 128 are too many; a foreign word may be of any size.
     */
    for (unsigned length = 126; length < 130; length++) {
        memset(line, '0', sizeof(line));
        memcpy(line, "hw.dmar.enable=", 15);
        line[length - 1] = '1';
        line[length] = '\0';
        f.count = 0;
        udmar_tunables_init(&t);
        assert_int_equal(udmar_tunables_parse(&t, line, note, &f), length > 127);
        assert_int_equal(t.enable, length <= 127);
        assert_int_equal(f.count, length > 127);
        if (length > 127) {
            assert_int_equal(f.status[0], UDMAR_ERR_NAME);
            assert_int_equal(strlen(f.name[0]), 127);
        }
    }
    memset(line, 'x', sizeof(line));
    memcpy(line + 500, " hw.dmar.qi=0", 14);
    assert_int_equal(udmar_tunables_parse(&t, line, note, &f), 0);
    assert_false(t.queue);
}

#define TEST(name) cmocka_unit_test_setup(name, fresh)

/* One device, several words: each says its part, in whatever order, and the last word counts. */
static void words_for_one_device_add_up(void **state)
{
    (void)state;
    assert_int_equal(udmar_tunables_parse(&t,
                                          "hw.busdma.pci0:0:2:0=identity "
                                          "hw.busdma.pci0:0:2:0.subpage=1",
                                          NULL, NULL),
                     0);
    assert_int_equal(t.device_count, 1);
    assert_int_equal(t.devices[0].mode, UDMAR_MODE_IDENTITY);
    assert_true(t.devices[0].subpage_said && t.devices[0].subpage);
    assert_int_equal(udmar_tunables_parse(&t, "hw.busdma.pci0:0:2:0.subpage=0", NULL, NULL), 0);
    assert_true(t.devices[0].subpage_said && !t.devices[0].subpage);
    assert_int_equal(t.devices[0].mode, UDMAR_MODE_IDENTITY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(defaults),
        TEST(switches),
        TEST(numbers),
        TEST(modes),
        TEST(device_addresses),
        TEST(the_old_form),
        TEST(room_for_64_devices),
        TEST(unknown_names),
        TEST(command_line),
        TEST(the_last_one_wins),
        TEST(words_that_are_too_long),
        TEST(words_for_one_device_add_up),
    };

    return cmocka_run_group_tests_name("tunable", tests, NULL, NULL);
}
