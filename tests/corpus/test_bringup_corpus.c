/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every machine of the corpus comes up: one test point a table.
 *
 * For each: whatever the driver does, the devices that firmware named in RMRRs reach their memory
 * at any moment; a device that nobody attached reaches nothing; under each unit a device gets a
 * mapping and a load; all goes away again. No machine is excepted.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <udmar/busdma.h>
#include <udmar/udmar.h>

#include "firmware.h"

enum { TABLES = 1024, TABLE_MAX = 65536, PATH_MAX_ = 1024 };

struct session {
    struct firmware fw;
    struct udmar *d;
    struct udmar_config config;
    struct udmar_ram_range ram;
    const char *name;
    uint8_t table[TABLE_MAX];
    uint64_t page;
    unsigned moments; /* at which DMA was tried */
    char lost[128];   /* the first access that firmware's devices lost */
    struct udmar_device *device[FW_FUNCTIONS];
};

/* Folders of the corpus; a table's name begins with its folder's. */
static const char *const folders[] = { "dmar", "dmar-more" };
enum { FOLDERS = sizeof(folders) / sizeof(folders[0]) };

static char corpus[PATH_MAX_];
static struct session session;

/* ---- DMA of firmware's devices ---- */

static enum model_result dma(struct session *s, uint16_t segment, uint16_t rid, uint64_t at,
                             bool write)
{
    uint8_t byte = 0x5a;

    return model_dma(s->fw.m, segment, model_requester_id(s->fw.m, segment, rid), at, &byte, 1,
                     write);
}

static void try_rmrr(struct session *s, const struct fw_rmrr *rmrr, const char *when)
{
    uint64_t places[2] = { rmrr->base, rmrr->limit };

    for (unsigned i = 0; i < 2 * rmrr->count; i++) {
        uint16_t rid = rmrr->rid[i / 2];
        enum model_result result =
            dma(s, rmrr->segment, rid, places[i % 2], (s->moments + i) % 2 == 0);

        if (result == MODEL_BLOCKED && s->lost[0] == '\0')
            snprintf(s->lost, sizeof(s->lost), "%04x lost 0x%llx %s", rid,
                     (unsigned long long)places[i % 2], when);
    }
}

static void try_all(struct session *s, const char *when)
{
    /* One loss is enough: each is a fault that is logged. */
    for (unsigned i = 0; i < s->fw.rmrr_count && s->lost[0] == '\0'; i++)
        try_rmrr(s, &s->fw.rmrr[i], when);
    s->moments++;
}

static void hook(void *context, struct model *m, enum model_event event)
{
    static const char *const names[] = { "before a read",   "before a write", "after a write",
                                         "at a flush",      "while waiting",  "at a map",
                                         "at an unmap",     "at a lock",      "at a release",
                                         "at an allocation" };

    (void)m;
    try_all(context, names[event]);
}

/* ---- one machine ---- */

static size_t load(const char *name, uint8_t *bytes)
{
    char path[2 * PATH_MAX_];
    FILE *file;
    size_t size;

    snprintf(path, sizeof(path), "%s/%s", corpus, name);
    file = fopen(path, "rb");
    assert_non_null(file);
    size = fread(bytes, 1, TABLE_MAX, file);
    fclose(file);
    return size;
}

static void open_session(struct session *s, const char *name, const char *profile)
{
    const char *problem;

    memset(s, 0, sizeof(*s));
    s->name = name;
    s->config.table_size = load(name, s->table);
    s->config.table = s->table;
    problem = firmware_open(&s->fw, s->table, s->config.table_size, profile);
    if (problem != NULL)
        fail_msg("%s: %s", name, problem);
    s->ram = (struct udmar_ram_range){ UINT64_C(1) << 20, UINT64_C(16) << 20 };
    s->config.ram = &s->ram;
    s->config.ram_count = 1;
    s->config.direct_map = true;
    udmar_tunables_init(&s->config.tunables);
    s->config.tunables.enable = true;
    s->page = model_page_alloc(s->fw.m);
    model_set_hook(s->fw.m, hook, s);
}

static void attach_all(struct session *s)
{
    for (unsigned i = 0; i < s->fw.function_count; i++) {
        const struct fw_function *f = &s->fw.function[i];

        /* Strangers stay unattached: they stand for devices gone wild. */
        if (f->bridge || !f->named)
            continue;
        assert_int_equal(udmar_device_attach(s->d, f->segment, f->rid, "device", &s->device[i]),
                         UDMAR_OK);
    }
}

/* What the books say of each device is what its DMA meets. */
static void books_are_true(struct session *s)
{
    for (unsigned i = 0; i < s->fw.function_count; i++) {
        const struct fw_function *f = &s->fw.function[i];
        struct udmar_device_info info;

        if (s->device[i] == NULL)
            continue;
        udmar_device_info(s->device[i], &info);
        if (firmware_is_governed(&s->fw, f)) {
            assert_int_equal(info.mode, UDMAR_MODE_TRANSLATE);
        } else {
            assert_int_equal(info.mode, UDMAR_MODE_UNPROTECTED);
            assert_int_equal(dma(s, f->segment, f->rid, s->page, true), MODEL_BYPASSED);
        }
    }
}

/* Who is under a unit and was neither attached nor named in an RMRR reaches nothing. */
static void wild_devices_are_stopped(struct session *s)
{
    for (unsigned i = 0; i < s->fw.function_count; i++) {
        const struct fw_function *f = &s->fw.function[i];
        enum model_result wanted = MODEL_BLOCKED;

        if (f->bridge || firmware_is_rmrr_device(&s->fw, f))
            continue;
        if (!firmware_is_governed(&s->fw, f))
            wanted = MODEL_BYPASSED; /* nobody can stop it */
        assert_int_equal(dma(s, f->segment, f->rid, s->page, true), wanted);
        for (unsigned j = 0; j < s->fw.rmrr_count && wanted == MODEL_BLOCKED; j++)
            assert_int_equal(dma(s, f->segment, f->rid, s->fw.rmrr[j].base, true), wanted);
    }
}

/* Firmware's devices reach what they were given, and no more. */
static void rmrr_devices_are_kept_in(struct session *s)
{
    for (unsigned i = 0; i < s->fw.function_count; i++) {
        const struct fw_function *f = &s->fw.function[i];

        if (firmware_is_rmrr_device(&s->fw, f) && firmware_is_governed(&s->fw, f))
            assert_int_equal(dma(s, f->segment, f->rid, s->page, true), MODEL_BLOCKED);
    }
}

static void keep_segment(void *argument, struct udmar_dma_segment *segments, int count, int error)
{
    assert_int_equal(error, 0);
    assert_int_equal(count, 1);
    *(struct udmar_dma_segment *)argument = segments[0];
}

static void map_for(struct session *s, const struct fw_function *f, struct udmar_device *device)
{
    struct udmar_domain *domain = udmar_device_domain(device);
    uint64_t iova = 0;

    assert_int_equal(udmar_domain_alloc_iova(domain, 4096, NULL, &iova), UDMAR_OK);
    assert_int_equal(udmar_domain_map(domain, iova, s->page, 4096, UDMAR_READ_WRITE), UDMAR_OK);
    assert_int_equal(dma(s, f->segment, f->rid, iova, true), MODEL_OK);
    assert_int_equal(*(uint8_t *)model_pointer(s->fw.m, s->page), 0x5a);
    assert_int_equal(udmar_domain_unmap(domain, iova, 4096), UDMAR_OK);
    assert_int_equal(dma(s, f->segment, f->rid, iova, true), MODEL_BLOCKED);
    assert_int_equal(udmar_domain_free_iova(domain, iova), UDMAR_OK);
}

static void load_for(struct session *s, const struct fw_function *f, struct udmar_device *device)
{
    uint8_t *buffer = model_buffer_alloc(s->fw.m, 10000, MODEL_SCATTERED, 100);
    struct udmar_dma_segment segment;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;

    assert_int_equal(udmar_dma_tag_create(udmar_device_dma_tag(device), 1, 0, UINT32_MAX,
                                          UINT64_MAX, NULL, NULL, 65536, 1, 65536, 0, NULL, NULL,
                                          &tag),
                     0);
    assert_int_equal(udmar_dmamap_create(tag, 0, &map), 0);
    assert_int_equal(udmar_dmamap_load(tag, map, buffer, 10000, keep_segment, &segment, 0), 0);
    assert_int_equal(dma(s, f->segment, f->rid, segment.ds_addr + 9999, true), MODEL_OK);
    assert_int_equal(buffer[9999], 0x5a);
    udmar_dmamap_unload(tag, map);
    assert_int_equal(dma(s, f->segment, f->rid, segment.ds_addr + 9999, true), MODEL_BLOCKED);
    assert_int_equal(udmar_dmamap_destroy(tag, map), 0);
    assert_int_equal(udmar_dma_tag_destroy(tag), 0);
    model_buffer_free(s->fw.m, buffer);
}

/* Under each unit, for a device of its own if it has one, and for one of firmware's. */
static void devices_can_be_used(struct session *s)
{
    for (unsigned i = 0; i < 2 * s->fw.unit_count; i++) {
        int which = firmware_device_of(&s->fw, &s->fw.unit[i / 2], i % 2 == 1);
        struct udmar_device *device = NULL;
        const struct fw_function *f;

        if (which < 0 || s->fw.unit[i / 2].hidden)
            continue;
        f = &s->fw.function[which];
        assert_int_equal(udmar_device_attach(s->d, f->segment, f->rid, "used", &device), UDMAR_OK);
        map_for(s, f, device);
        load_for(s, f, device);
        assert_int_equal(udmar_device_detach(device), UDMAR_OK);
    }
}

/* A unit without a device would be brought up for nobody: only those that can have none have none.
 */
static void every_unit_is_used(struct session *s)
{
    unsigned index = 0;

    for (unsigned i = 0; i < s->fw.unit_count; i++) {
        struct udmar_unit_status status;

        assert_int_equal(firmware_device_of(&s->fw, &s->fw.unit[i], true) >= 0,
                         !s->fw.unit[i].idle);
        if (s->fw.unit[i].hidden)
            continue;
        assert_int_equal(udmar_unit_status(s->d, index++, &status), UDMAR_OK);
        assert_true(status.translating);
        assert_int_equal(status.base, s->fw.unit[i].base);
    }
}

static void close_session(struct session *s)
{
    for (unsigned i = 0; i < s->fw.function_count; i++) {
        if (s->device[i] != NULL)
            assert_int_equal(udmar_device_detach(s->device[i]), UDMAR_OK);
    }
    assert_int_equal(udmar_stop(s->d), UDMAR_OK);
    assert_int_equal(udmar_destroy(s->d), UDMAR_OK);
    model_set_hook(s->fw.m, NULL, NULL);
    model_page_free(s->fw.m, s->page);
    for (unsigned i = 0; i < model_violations(s->fw.m); i++)
        print_message("violation: %s\n", model_violation_text(s->fw.m, i));
    assert_int_equal(model_violations(s->fw.m), 0);
    assert_int_equal(model_leaks(s->fw.m), 0);
    firmware_close(&s->fw);
}

static void bring_up(const char *name, const char *profile, bool attach_first)
{
    struct session *s = &session;

    open_session(s, name, profile);
    assert_int_equal(udmar_create(s->fw.m, &s->config, &s->d), UDMAR_OK);
    assert_int_equal(udmar_unit_count(s->d), s->fw.unit_count - s->fw.hidden_count);
    if (attach_first)
        attach_all(s);
    assert_int_equal(udmar_start(s->d), UDMAR_OK);
    wild_devices_are_stopped(s);
    rmrr_devices_are_kept_in(s);
    if (!attach_first)
        attach_all(s);
    every_unit_is_used(s);
    books_are_true(s);
    devices_can_be_used(s);
    if (s->lost[0] != '\0')
        fail_msg("%s (%s): %s", name, profile, s->lost);
    close_session(s);
    if (s->lost[0] != '\0')
        fail_msg("%s (%s): at the end %s", name, profile, s->lost);
    assert_true(s->moments > 100);
}

/* No unit can be found: the driver says why, and the machine runs without remapping. */
static bool comes_up_without_units(const char *name)
{
    struct session *s = &session;
    bool without;

    open_session(s, name, "generic48");
    without = s->fw.hidden_count == s->fw.unit_count;
    if (without) {
        assert_int_equal(udmar_create(s->fw.m, &s->config, &s->d), UDMAR_ERR_NO_UNIT);
        assert_true(model_log_contains(s->fw.m, "register base cannot be true"));
        s->config.tunables.enable = false;
        assert_int_equal(udmar_create(s->fw.m, &s->config, &s->d), UDMAR_OK);
        attach_all(s);
        assert_int_equal(udmar_start(s->d), UDMAR_ERR_DISABLED);
        wild_devices_are_stopped(s);
        books_are_true(s);
        for (unsigned i = 0; i < s->fw.function_count; i++) {
            if (s->device[i] != NULL)
                assert_int_equal(udmar_device_detach(s->device[i]), UDMAR_OK);
        }
        assert_int_equal(udmar_destroy(s->d), UDMAR_OK);
    }
    model_set_hook(s->fw.m, NULL, NULL);
    model_page_free(s->fw.m, s->page);
    assert_int_equal(model_leaks(s->fw.m), 0);
    firmware_close(&s->fw);
    return without;
}

static void machine_comes_up(void **state)
{
    const char *name = *state;

    if (comes_up_without_units(name))
        return;
    bring_up(name, "generic48", true);
    bring_up(name, "generic48", false);
    bring_up(name, "oldest", true);
    bring_up(name, "modern", false);
}

/* ---- the corpus ---- */

static void find_corpus(void)
{
    const char *given = getenv("UDMAR_CORPUS");
    const char *root = getenv("UDMAR_SOURCE_ROOT");

    if (given != NULL)
        snprintf(corpus, sizeof(corpus), "%s", given);
    else
        snprintf(corpus, sizeof(corpus), "%s/../shared/corpus", root != NULL ? root : ".");
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct CMUnitTest *)a)->name, ((const struct CMUnitTest *)b)->name);
}

static bool is_table(const char *name)
{
    const char *end = strrchr(name, '.');

    return end != NULL && strcmp(end, ".dat") == 0;
}

/* Adds the tables of a folder, which need not be there. */
static size_t list_folder(const char *folder, struct CMUnitTest *tests, size_t count)
{
    char path[2 * PATH_MAX_];
    struct dirent *item;
    DIR *directory;

    snprintf(path, sizeof(path), "%s/%s", corpus, folder);
    directory = opendir(path);
    while (directory != NULL && count < TABLES && (item = readdir(directory)) != NULL) {
        char *name;

        if (!is_table(item->d_name))
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, item->d_name);
        name = strdup(path);
        tests[count++] = (struct CMUnitTest){ name, machine_comes_up, NULL, NULL, name };
    }
    if (directory != NULL)
        closedir(directory);
    return count;
}

int main(void)
{
    static struct CMUnitTest tests[TABLES];
    size_t count = 0;

    find_corpus();
    for (unsigned i = 0; i < FOLDERS; i++)
        count = list_folder(folders[i], tests, count);
    if (count == 0) {
        printf("1..1\nok 1 - real tables # SKIP %s has none\n", corpus);
        return 0;
    }
    qsort(tests, count, sizeof(tests[0]), by_name);
    return _cmocka_run_group_tests("corpus bring-up", tests, count, NULL, NULL);
}
