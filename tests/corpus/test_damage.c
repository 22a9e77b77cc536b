/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Damaged tables of sound machines.
 *
 * The machine is built from a table as firmware meant it; the driver gets a copy with one damage
 * that can be seen. Whatever it makes of that, what it says of each device has to be what hardware
 * does with the device's DMA: guest addresses only where the right unit translates them, and
 * physical addresses where it does not. Tables made here, and those of the corpus.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <udmar/udmar.h>

#include "../unit/fixture/table_build.h"
#include "firmware.h"

enum { TABLE_MAX = 65536, PATH_MAX_ = 1024 };

struct session {
    struct firmware fw; /* built from the sound table */
    struct udmar *d;
    struct udmar_config config;
    struct udmar_ram_range ram;
    uint8_t sound[TABLE_MAX], given[TABLE_MAX];
    size_t size;
    const char *what;       /* was done to the table */
    const uint8_t *damaged; /* the DRHD in the sound table; null: others may be lost with it */
    unsigned translated, physical;
    uint64_t page;
    struct udmar_device *device[FW_FUNCTIONS];
};

static struct session session;

/* ---- what hardware does ---- */

static enum model_result dma(struct session *s, const struct fw_function *f, uint64_t at)
{
    uint8_t byte = 0x5a;

    *(uint8_t *)model_pointer(s->fw.m, s->page) = 0;
    return model_dma(s->fw.m, f->segment, model_requester_id(s->fw.m, f->segment, f->rid), at,
                     &byte, 1, true);
}

static bool has_arrived(struct session *s)
{
    return *(uint8_t *)model_pointer(s->fw.m, s->page) == 0x5a;
}

static bool reaches_memory(struct session *s, const struct fw_function *f)
{
    enum model_result result = dma(s, f, s->page);

    return (result == MODEL_OK || result == MODEL_BYPASSED) && has_arrived(s);
}

static bool translates(struct session *s, const struct fw_function *f, struct udmar_device *device)
{
    struct udmar_domain *domain = udmar_device_domain(device);
    uint64_t iova = 0;
    bool works;

    if (reaches_memory(s, f))
        return false;
    assert_int_equal(udmar_domain_alloc_iova(domain, 4096, NULL, &iova), UDMAR_OK);
    assert_int_equal(udmar_domain_map(domain, iova, s->page, 4096, UDMAR_READ_WRITE), UDMAR_OK);
    works = dma(s, f, iova) == MODEL_OK && has_arrived(s);
    assert_int_equal(udmar_domain_unmap(domain, iova, 4096), UDMAR_OK);
    assert_int_equal(udmar_domain_free_iova(domain, iova), UDMAR_OK);
    return works;
}

/* ---- the driver ---- */

static void complain(const struct session *s, const struct fw_function *f, const char *what)
{
    fail_msg("%s: %04x:%04x %s", s->what, f->segment, f->rid, what);
}

/* Named by a unit that nothing has happened to: it must not lose its protection. */
static bool must_translate(const struct session *s, const struct fw_function *f)
{
    const struct model_unit *unit = model_unit_of(s->fw.m, f->segment, f->rid);

    for (unsigned i = 0; i < s->fw.unit_count && s->damaged != NULL; i++) {
        const struct fw_unit *u = &s->fw.unit[i];

        if (u->unit == unit)
            return u->structure != s->damaged && !u->include_all && !u->hidden;
    }
    return false;
}

static void check_physical(struct session *s, const struct fw_function *f,
                           struct udmar_device *device, const char *reason)
{
    if (!reaches_memory(s, f))
        complain(s, f, "is said to reach all memory");
    if (must_translate(s, f))
        complain(s, f, "has lost its protection");
    /* Nobody gives it guest addresses later. */
    assert_int_equal(udmar_device_set_mode(device, UDMAR_MODE_TRANSLATE), UDMAR_ERR_UNSUPPORTED);
    assert_true(strlen(reason) > 10);
    s->physical++;
}

static void check_device(struct session *s, const struct fw_function *f,
                         struct udmar_device *device)
{
    struct udmar_device_info info;

    udmar_device_info(device, &info);
    switch (info.mode) {
    case UDMAR_MODE_TRANSLATE:
        if (!translates(s, f, device))
            complain(s, f, "is said to be translated");
        s->translated++;
        break;
    case UDMAR_MODE_PASSTHROUGH:
    case UDMAR_MODE_UNPROTECTED:
        check_physical(s, f, device, info.reason);
        break;
    default:
        complain(s, f, "has an odd mode");
    }
}

static void with_driver(struct session *s)
{
    assert_int_equal(udmar_start(s->d), UDMAR_OK);
    for (unsigned i = 0; i < s->fw.function_count; i++) {
        const struct fw_function *f = &s->fw.function[i];

        s->device[i] = NULL;
        if (f->bridge)
            continue;
        assert_int_equal(udmar_device_attach(s->d, f->segment, f->rid, NULL, &s->device[i]),
                         UDMAR_OK);
        check_device(s, f, s->device[i]);
    }
    for (unsigned i = 0; i < s->fw.function_count; i++) {
        if (s->device[i] != NULL)
            assert_int_equal(udmar_device_detach(s->device[i]), UDMAR_OK);
    }
    assert_int_equal(udmar_stop(s->d), UDMAR_OK);
    assert_int_equal(udmar_destroy(s->d), UDMAR_OK);
}

static void seal(uint8_t *table, size_t size)
{
    uint8_t sum = 0;

    table[9] = 0;
    for (size_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + table[i]);
    table[9] = (uint8_t)-sum;
}

/* Seals the damaged table, and brings the machine up with it. */
static void bring_up(struct session *s)
{
    const char *problem = firmware_open(&s->fw, s->sound, s->size, "generic48");
    enum udmar_status status;

    if (problem != NULL)
        fail_msg("%s", problem);
    seal(s->given, s->size);
    s->ram = (struct udmar_ram_range){ UINT64_C(1) << 20, UINT64_C(16) << 20 };
    s->config = (struct udmar_config){
        .table = s->given, .table_size = s->size, .ram = &s->ram, .ram_count = 1, .direct_map = true
    };
    udmar_tunables_init(&s->config.tunables);
    s->config.tunables.enable = true;
    s->page = model_page_alloc(s->fw.m);
    status = udmar_create(s->fw.m, &s->config, &s->d);
    if (status == UDMAR_OK)
        with_driver(s);
    else
        assert_int_equal(status, UDMAR_ERR_NO_UNIT);
    model_page_free(s->fw.m, s->page);
    for (unsigned i = 0; i < model_violations(s->fw.m); i++)
        print_message("%s: violation: %s\n", s->what, model_violation_text(s->fw.m, i));
    assert_int_equal(model_violations(s->fw.m), 0);
    assert_int_equal(model_leaks(s->fw.m), 0);
    firmware_close(&s->fw);
}

/* ---- damages ---- */

static uint32_t seed = 1;

static uint32_t roll(uint32_t sides)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)(((uint64_t)seed * sides) >> 32);
}

static void put(uint8_t *at, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

enum damage {
    BASE_ZERO,
    BASE_UNALIGNED,
    BASE_TOO_HIGH,
    UNIT_SHORT,
    UNIT_WITHOUT_ITS_SCOPES,
    UNIT_PAST_THE_END,
    SCOPE_SHORT, /* from here on the unit needs a scope */
    SCOPE_ODD,
    SCOPE_LONG,
    SCOPE_TYPE,
    SCOPE_DEVICE, /* from here on the scope is about DMA */
    SCOPE_FUNCTION,
    DAMAGES
};

static const char *const damage_names[DAMAGES] = {
    "base 0",
    "base not aligned",
    "base too high",
    "unit shorter than its fixed part",
    "unit that ends before its scopes",
    "unit that passes the end",
    "scope too short",
    "scope of odd length",
    "scope too long",
    "scope of unknown type",
    "scope with a device above 31",
    "scope with a function above 7",
};

static void damage_unit(uint8_t *drhd, enum damage damage)
{
    switch (damage) {
    case BASE_ZERO:
        put(drhd + 8, 0, 8);
        break;
    case BASE_UNALIGNED:
        put(drhd + 8, 0xfed90001 + roll(0xffe), 8);
        break;
    case BASE_TOO_HIGH:
        put(drhd + 8, UINT64_C(0xffff000000000000), 8);
        break;
    case UNIT_SHORT:
        put(drhd + 2, roll(16), 2);
        break;
    case UNIT_WITHOUT_ITS_SCOPES:
        put(drhd + 2, 16, 2);
        break;
    default:
        put(drhd + 2, 0x8000 + roll(0x8000), 2);
        break;
    }
}

static void damage_scope(uint8_t *scope, enum damage damage)
{
    uint8_t *pair = scope + 6 + 2 * roll((scope[1] - 6u) / 2);

    switch (damage) {
    case SCOPE_SHORT:
        scope[1] = (uint8_t)roll(8);
        break;
    case SCOPE_ODD:
        scope[1] |= 1;
        break;
    case SCOPE_LONG:
        scope[1] = (uint8_t)(scope[1] + 2 + 2 * roll(100));
        break;
    case SCOPE_TYPE:
        scope[0] = (uint8_t)(roll(3) == 0 ? 0 : 6 + roll(250));
        break;
    case SCOPE_DEVICE:
        pair[0] = (uint8_t)(32 + roll(224));
        break;
    default:
        pair[1] = (uint8_t)(8 + roll(248));
        break;
    }
}

static unsigned length_of(const uint8_t *structure)
{
    return structure[2] | (unsigned)structure[3] << 8;
}

static uint8_t *drhd_at(struct session *s, unsigned index)
{
    for (size_t at = 48; at + 4 <= s->size; at += length_of(s->given + at)) {
        if (s->given[at] == 0 && s->given[at + 1] == 0 && index-- == 0)
            return s->given + at;
    }
    return NULL;
}

static uint8_t *scope_at(uint8_t *drhd, unsigned index)
{
    for (unsigned at = 16; at < length_of(drhd); at += drhd[at + 1]) {
        if (index-- == 0)
            return drhd + at;
    }
    return NULL;
}

/* False: there is nothing that the damage could be done to. */
static bool damage_table(struct session *s, enum damage damage, unsigned unit, unsigned index)
{
    uint8_t *drhd, *scope;

    memcpy(s->given, s->sound, s->size);
    drhd = drhd_at(s, unit);
    scope = drhd == NULL ? NULL : scope_at(drhd, index);
    if (drhd == NULL || (scope == NULL && (damage >= UNIT_WITHOUT_ITS_SCOPES || index > 0)))
        return false;
    if (damage >= SCOPE_DEVICE && (scope[0] == 3 || scope[0] == 4))
        return false;
    s->what = damage_names[damage];
    s->damaged = s->sound + (drhd - s->given);
    if (damage >= UNIT_SHORT && damage <= UNIT_PAST_THE_END)
        s->damaged = NULL;
    if (damage < SCOPE_SHORT)
        damage_unit(drhd, damage);
    else
        damage_scope(scope, damage);
    return true;
}

/* ---- tables made here ---- */

static void build_desktop(struct build *b)
{
    build_begin(b);
    add_drhd(b, 0, 0, BASE_A);
    add_endpoint(b, 2);
    add_drhd(b, 0, 0, BASE_B);
    add_scope(b, UDMAR_SCOPE_BRIDGE, 0, 1, 0);
    add_scope(b, UDMAR_SCOPE_ENDPOINT, 0, 0x14, 0);
    add_scope(b, UDMAR_SCOPE_IOAPIC, 0xf0, 0x1f, 0);
    add_drhd(b, 1, 0, BASE_C);
    add_scope(b, UDMAR_SCOPE_IOAPIC, 0xf0, 0x1e, 7);
    add_rmrr(b, 0, 0x200000, 0x20ffff);
    add_endpoint(b, 2);
    add_rmrr(b, 0, 0x210000, 0x21ffff);
    add_scope(b, UDMAR_SCOPE_ENDPOINT, 0, 0x14, 0);
}

/* No unit takes the rest, and a second segment has a unit of its own. */
static void build_server(struct build *b)
{
    const uint8_t path[4] = { 5, 0, 0, 0 };

    build_begin(b);
    add_drhd(b, 0, 0, BASE_A);
    add_path(b, UDMAR_SCOPE_ENDPOINT, 0, 0, 2, path);
    add_scope(b, UDMAR_SCOPE_ENDPOINT, 0, 4, 0);
    add_drhd(b, 0, 0, BASE_B);
    add_scope(b, UDMAR_SCOPE_BRIDGE, 0, 3, 0);
    add_drhd(b, 1, 1, BASE_C);
}

static void use_built(struct session *s, void (*build)(struct build *))
{
    struct build b;

    build(&b);
    build_seal(&b);
    memset(s, 0, sizeof(*s));
    memcpy(s->sound, b.bytes, b.length);
    memcpy(s->given, b.bytes, b.length);
    s->size = b.length;
}

static void every_damage_of(void (*build)(struct build *))
{
    struct session *s = &session;

    use_built(s, build);
    for (unsigned i = 0; i < DAMAGES * 4 * 4; i++) {
        if (damage_table(s, (enum damage)(i / 16), i / 4 % 4, i % 4))
            bring_up(s);
    }
    assert_true(s->translated > 20 && s->physical > 20);
}

static void desktop_with_each_damage(void **state)
{
    (void)state;
    every_damage_of(build_desktop);
}

static void server_with_each_damage(void **state)
{
    (void)state;
    every_damage_of(build_server);
}

/* Nothing is lost where nothing is damaged. */
static void sound_table_translates_everything(void **state)
{
    struct session *s = &session;

    (void)state;
    use_built(s, build_desktop);
    s->what = "nothing";
    bring_up(s);
    assert_true(s->translated > 4);
    assert_int_equal(s->physical, 0);
}

/* ---- the corpus ---- */

static bool use_file(struct session *s, const char *path)
{
    FILE *file = fopen(path, "rb");

    memset(s, 0, sizeof(*s));
    if (file == NULL)
        return false;
    s->size = fread(s->sound, 1, sizeof(s->sound), file);
    fclose(file);
    return true;
}

static unsigned damage_folder(const char *folder)
{
    struct session *s = &session;
    DIR *directory = opendir(folder);
    char path[2 * PATH_MAX_];
    unsigned bring_ups = 0;
    struct dirent *item;

    while (directory != NULL && (item = readdir(directory)) != NULL) {
        const char *end = strrchr(item->d_name, '.');

        snprintf(path, sizeof(path), "%s/%s", folder, item->d_name);
        if (end == NULL || strcmp(end, ".dat") != 0 || !use_file(s, path))
            continue;
        for (unsigned i = 0; i < 8; i++) {
            if (damage_table(s, (enum damage)roll(DAMAGES), roll(3), roll(3))) {
                bring_up(s);
                bring_ups++;
            }
        }
    }
    if (directory != NULL)
        closedir(directory);
    return bring_ups;
}

static void real_tables_with_random_damage(void **state)
{
    static const char *const folders[] = { "dmar", "dmar-more" };
    const char *given = getenv("UDMAR_CORPUS"), *root = getenv("UDMAR_SOURCE_ROOT");
    char folder[PATH_MAX_];
    unsigned bring_ups = 0;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        if (given != NULL)
            snprintf(folder, sizeof(folder), "%s/%s", given, folders[i]);
        else
            snprintf(folder, sizeof(folder), "%s/../shared/corpus/%s", root != NULL ? root : ".",
                     folders[i]);
        bring_ups += damage_folder(folder);
    }
    print_message("# %u times a real table with a damage\n", bring_ups);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_table_translates_everything),
        cmocka_unit_test(desktop_with_each_damage),
        cmocka_unit_test(server_with_each_damage),
        cmocka_unit_test(real_tables_with_random_damage),
    };

    return cmocka_run_group_tests_name("damaged tables", tests, NULL, NULL);
}
