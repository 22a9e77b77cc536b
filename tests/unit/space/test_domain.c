/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Domains: what their public functions refuse, what is reserved, and what remains true when memory
 * runs out or a unit does not answer.
 */
#include <string.h>

#include "space/domain.h"
#include "fixture/fixture.h"

#define MSI_FIRST     UINT64_C(0xfee00000)
#define MSI_LAST      UINT64_C(0xfeefffff)
/* Short deadlines: the model's clock goes a microsecond at a time. */
#define SHORT_TIMEOUT "hw.dmar.timeout=100000"

/* ---- Arguments ------------------------------------------------------------------------------- */

static void test_map_arguments(void **state)
{
    struct fixture f;
    struct udmar_domain_info info;
    struct udmar_domain *d;

    (void)state;
    fixture_open(&f, NULL);
    d = f.domain;
    udmar_domain_info(d, &info);
    assert_int_equal(info.levels, 3);
    assert_int_equal(info.end, GIB(512) - 1);
    assert_int_equal(udmar_domain_map(NULL, MIB(1), MIB(1), PAGE, 3), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_map(d, MIB(1) + 1, MIB(1), PAGE, 3), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_map(d, MIB(1), MIB(1) + 512, PAGE, 3), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_map(d, MIB(1), MIB(1), PAGE + 1, 3), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_map(d, MIB(1), MIB(1), 0, 3), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_map(d, MIB(1), MIB(1), PAGE, 0), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_map(d, MIB(1), MIB(1), PAGE, 4), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_map(d, MIB(1), MIB(1), PAGE, 7), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_map(d, info.end + 1, MIB(1), PAGE, 3), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_map(d, info.end + 1 - PAGE, MIB(1), 2 * PAGE, 3),
                     UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_map(d, MIB(1), MIB(1), UINT64_MAX - PAGE + 1, 3),
                     UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_map(d, 0 - PAGE, MIB(1), 2 * PAGE, 3), UDMAR_ERR_ARGUMENT);
    /* A physical address that no entry can hold. */
    assert_int_equal(udmar_domain_map(d, MIB(1), UINT64_C(1) << 52, PAGE, 3), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_map(d, MIB(1), (UINT64_C(1) << 52) - PAGE, 2 * PAGE, 3),
                     UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_map(d, MIB(1), 0 - PAGE, PAGE, 3), UDMAR_ERR_ARGUMENT);
    /* The last page there is. */
    assert_int_equal(udmar_domain_map(d, info.end + 1 - PAGE, MIB(1), PAGE, 3), UDMAR_OK);
    assert_true(can_read(&f, RID0, info.end));
    assert_false(can_read(&f, RID0, info.end + 1));
    assert_int_equal(udmar_domain_unmap(d, info.end + 1 - PAGE, PAGE), UDMAR_OK);
    fixture_close(&f);
}

static void test_unmap_arguments(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f, NULL);
    assert_int_equal(udmar_domain_unmap(NULL, MIB(1), PAGE), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_unmap(f.domain, MIB(1) + 8, PAGE), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_unmap(f.domain, MIB(1), 0), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_unmap(f.domain, MIB(1), 17), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_unmap(f.domain, GIB(512), PAGE), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_unmap(f.domain, GIB(512) - PAGE, 2 * PAGE), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_unmap(f.domain, GIB(8), GIB(504)), UDMAR_OK);
    fixture_close(&f);
}

static void test_looking_at_nothing(void **state)
{
    struct fixture f;
    struct udmar_walk_step steps[5];
    struct udmar_range_info range;
    uint64_t physical, page;
    unsigned access;

    (void)state;
    fixture_open(&f, NULL);
    assert_int_equal(udmar_domain_translate(NULL, 0, &physical, &access, &page),
                     UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_translate(f.domain, GIB(512), &physical, &access, &page),
                     UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_translate(f.domain, GIB(8), NULL, NULL, NULL),
                     UDMAR_ERR_NOT_FOUND);
    assert_int_equal(udmar_domain_translate(f.domain, GIB(8), NULL, NULL, &page),
                     UDMAR_ERR_NOT_FOUND);
    assert_int_equal(page, GIB(1));
    assert_int_equal(udmar_domain_walk(NULL, 0, steps), 0);
    assert_int_equal(udmar_domain_walk(f.domain, GIB(512), steps), 0);
    assert_int_equal(udmar_domain_walk(f.domain, GIB(9) + MIB(2) + PAGE, steps), 1);
    assert_int_equal(steps[0].level, 3);
    assert_int_equal(steps[0].index, 9);
    assert_int_equal(steps[0].entry, 0);
    assert_false(udmar_domain_next_range(NULL, 0, &range));
    fixture_close(&f);
}

static void test_walk_shows_every_level(void **state)
{
    const struct setup setup = { .profile = "five-level", .tunables = "hw.dmar.width=57" };
    struct udmar_walk_step steps[5];
    uint64_t iova = (UINT64_C(3) << 48) | GIB(512) | GIB(2) | MIB(4) | (5 * PAGE);
    struct fixture f;

    (void)state;
    fixture_open(&f, &setup);
    assert_int_equal(udmar_domain_map(f.domain, iova, MIB(7), PAGE, UDMAR_READ), UDMAR_OK);
    assert_int_equal(udmar_domain_walk(f.domain, iova, steps), 5);
    for (unsigned i = 0; i < 5; i++) {
        static const unsigned index[5] = { 3, 1, 2, 2, 5 };

        assert_int_equal(steps[i].level, 5 - i);
        assert_int_equal(steps[i].index, index[i]);
        if (i > 0)
            assert_int_equal(steps[i].table, steps[i - 1].entry & UINT64_C(0xffffffffff000));
    }
    assert_int_equal(steps[4].entry & ~UINT64_C(0x3ff0000000000000), MIB(7) | 1);
    assert_int_equal(udmar_domain_unmap(f.domain, iova, PAGE), UDMAR_OK);
    fixture_close(&f);
}

/* What the unit grants is what all levels grant: a table that something has damaged shows it. */
static void test_rights_of_all_levels(void **state)
{
    struct udmar_walk_step steps[5];
    uint64_t physical, page, entry;
    struct fixture f;
    unsigned access;

    (void)state;
    fixture_open(&f, NULL);
    assert_int_equal(udmar_domain_map(f.domain, GIB(8), MIB(4), PAGE, UDMAR_READ_WRITE), UDMAR_OK);
    assert_int_equal(udmar_domain_walk(f.domain, GIB(8), steps), 3);
    entry = model_load64(f.m, steps[1].table + steps[1].index * 8);
    model_publish64(f.m, steps[1].table + steps[1].index * 8, entry & ~UINT64_C(2));
    assert_int_equal(udmar_domain_translate(f.domain, GIB(8), &physical, &access, &page), UDMAR_OK);
    assert_int_equal(access, UDMAR_READ);
    assert_false(model_translate(f.m, 0, RID0, GIB(8), false).writable);
    model_publish64(f.m, steps[1].table + steps[1].index * 8, entry);
    assert_int_equal(udmar_domain_translate(f.domain, GIB(8), &physical, &access, &page), UDMAR_OK);
    assert_int_equal(access, UDMAR_READ_WRITE);
    assert_int_equal(udmar_domain_unmap(f.domain, GIB(8), PAGE), UDMAR_OK);
    fixture_close(&f);
}

/* ---- Guest addresses ------------------------------------------------------------------------- */

static void test_alloc_iova_arguments(void **state)
{
    const struct udmar_iova_limits wrong[] = {
        { .offset = 4096 },       { .alignment = 3 * PAGE },
        { .boundary = 12345 },    { .exclude_first = GIB(2), .exclude_last = GIB(1) },
        { .lowest = UINT64_MAX },
    };
    struct fixture f;
    uint64_t iova;

    (void)state;
    fixture_open(&f, NULL);
    assert_int_equal(udmar_domain_alloc_iova(NULL, PAGE, NULL, &iova), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_alloc_iova(f.domain, PAGE, NULL, NULL), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_alloc_iova(f.domain, 0, NULL, &iova), UDMAR_ERR_ARGUMENT);
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(udmar_domain_alloc_iova(f.domain, PAGE, &wrong[i], &iova),
                         UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_alloc_iova(f.domain, UINT64_MAX, NULL, &iova), UDMAR_ERR_IOVA);
    assert_int_equal(udmar_domain_alloc_iova(f.domain, GIB(512), NULL, &iova), UDMAR_ERR_IOVA);
    fixture_close(&f);
}

static void test_alloc_and_free_iova(void **state)
{
    const struct udmar_iova_limits limits = { .lowest = GIB(3), .alignment = MIB(2), .offset = 24 };
    struct fixture f;
    uint64_t a, b;

    (void)state;
    fixture_open(&f, NULL);
    assert_int_equal(udmar_domain_alloc_iova(f.domain, 3 * PAGE, &limits, &a), UDMAR_OK);
    assert_int_equal(a, GIB(3) + 24);
    assert_int_equal(udmar_domain_alloc_iova(f.domain, PAGE - 24, &limits, &b), UDMAR_OK);
    assert_int_equal(b, GIB(3) + MIB(2) + 24);
    assert_int_equal(udmar_domain_free_iova(NULL, a), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_free_iova(f.domain, a + PAGE), UDMAR_ERR_NOT_FOUND);
    assert_int_equal(udmar_domain_free_iova(f.domain, 0), UDMAR_ERR_NOT_FOUND);
    assert_int_equal(udmar_domain_free_iova(f.domain, MSI_FIRST), UDMAR_ERR_NOT_FOUND);
    assert_int_equal(udmar_domain_free_iova(f.domain, a), UDMAR_OK);
    assert_int_equal(udmar_domain_free_iova(f.domain, a), UDMAR_ERR_NOT_FOUND);
    assert_int_equal(udmar_domain_free_iova(f.domain, b & ~(PAGE - 1)), UDMAR_OK);
    fixture_close(&f);
}

/* Addresses of a busdma load are not the caller's to free. */
static void test_free_iova_of_a_load(void **state)
{
    const struct setup setup = { .window_limit = PAGE };
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint64_t iova;
    void *buffer;

    (void)state;
    fixture_open(&f, &setup);
    tag = new_tag(&f, 0, NULL);
    map = new_map(tag);
    buffer = model_buffer_alloc(f.m, KIB(64), 0, 0);
    iova = load_one(tag, map, buffer, KIB(64));
    assert_int_equal(udmar_domain_free_iova(f.domain, iova), UDMAR_ERR_NOT_FOUND);
    udmar_dmamap_unload(tag, map);
    drop_map(tag, map);
    drop_tag(tag);
    model_buffer_free(f.m, buffer);
    fixture_close(&f);
}

static void expect_range(struct fixture *f, uint64_t from, uint64_t base, uint64_t size,
                         enum udmar_range_kind kind)
{
    struct udmar_range_info range;

    assert_true(udmar_domain_next_range(f->domain, from, &range));
    assert_int_equal(range.base, base);
    assert_int_equal(range.size, size);
    assert_int_equal(range.kind, kind);
}

static void test_reserved_ranges_are_listed(void **state)
{
    const struct setup setup = { .rmrr_base = MIB(8), .rmrr_limit = MIB(8) + KIB(64) - 1 };
    struct udmar_range_info range;
    struct fixture f;

    (void)state;
    fixture_open(&f, &setup);
    expect_range(&f, 0, 0, PAGE, UDMAR_RANGE_NULL);
    expect_range(&f, PAGE, MIB(8), KIB(64), UDMAR_RANGE_FIRMWARE);
    expect_range(&f, MIB(8) + KIB(63), MIB(8), KIB(64), UDMAR_RANGE_FIRMWARE);
    expect_range(&f, MIB(8) + KIB(64), MSI_FIRST, MIB(1), UDMAR_RANGE_RESERVED);
    assert_false(udmar_domain_next_range(f.domain, MSI_LAST + 1, &range));
    fixture_close(&f);
}

/* Of what begins at the end of the space and reaches beyond it, the part that is inside. */
static void test_reserved_up_to_the_end(void **state)
{
    struct udmar_iova_limits last = { .lowest = 0 };
    struct udmar_domain_info info;
    struct fixture f;
    udmar_iova_t iova;

    (void)state;
    fixture_open(&f, NULL);
    udmar_domain_info(f.domain, &info);
    last.lowest = info.end + 1 - PAGE;
    assert_int_equal(udmar__domain_reserve(f.domain, info.end + 1, PAGE, UDMAR_RANGE_RESERVED),
                     UDMAR_OK);
    assert_int_equal(udmar_domain_alloc_iova(f.domain, PAGE, &last, &iova), UDMAR_OK);
    assert_int_equal(udmar_domain_free_iova(f.domain, iova), UDMAR_OK);
    assert_int_equal(udmar__domain_reserve(f.domain, last.lowest, 3 * PAGE, UDMAR_RANGE_RESERVED),
                     UDMAR_OK);
    expect_range(&f, last.lowest, last.lowest, PAGE, UDMAR_RANGE_RESERVED);
    assert_int_equal(udmar_domain_alloc_iova(f.domain, PAGE, &last, &iova), UDMAR_ERR_IOVA);
    fixture_close(&f);
}

static void test_reserved_ranges_cannot_be_mapped(void **state)
{
    const struct setup setup = { .rmrr_base = MIB(8), .rmrr_limit = MIB(8) + KIB(64) - 1 };
    static const uint64_t at[][2] = {
        { 0, MIB(16) },
        { MIB(8), PAGE },
        { MIB(8) + KIB(60), KIB(8) },
        { MSI_FIRST, PAGE },
        { MSI_LAST + 1 - PAGE, PAGE },
        { MSI_FIRST - MIB(2), MIB(4) },
    };
    struct fixture f;

    (void)state;
    fixture_open(&f, &setup);
    for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
        assert_int_equal(udmar_domain_map(f.domain, at[i][0], MIB(16), at[i][1], UDMAR_READ),
                         UDMAR_ERR_EXISTS);
        assert_int_equal(udmar_domain_unmap(f.domain, at[i][0], at[i][1]), UDMAR_ERR_ARGUMENT);
    }
    /* The RMRR works all the time. */
    assert_true(can_write(&f, RID0, MIB(8) + KIB(63)));
    assert_false(can_read(&f, RID0, MIB(8) + KIB(64)));
    assert_false(can_read(&f, RID1, MIB(8)));
    fixture_close(&f);
}

/* All of a small space is handed out: each address once, and no reserved one. */
static void test_reserved_ranges_are_never_handed_out(void **state)
{
    const struct setup setup = { .profile = "two-level",
                                 .rmrr_base = MIB(8),
                                 .rmrr_limit = MIB(9) - 1 };
    struct fixture f;
    uint64_t iova, sum = 0, at[2000];
    unsigned count = 0;

    (void)state;
    fixture_open(&f, &setup);
    while (udmar_domain_alloc_iova(f.domain, MIB(1), NULL, &iova) == UDMAR_OK) {
        assert_true(iova >= PAGE);
        assert_true(iova + MIB(1) <= MIB(8) || iova >= MIB(9));
        assert_true(iova + MIB(1) <= GIB(1));
        assert_true(count < 2000);
        at[count++] = iova;
        sum += MIB(1);
    }
    assert_int_equal(sum, GIB(1) - MIB(2));
    while (count > 0)
        assert_int_equal(udmar_domain_free_iova(f.domain, at[--count]), UDMAR_OK);
    fixture_close(&f);
}

static void test_bridge_apertures_are_reserved(void **state)
{
    struct fixture f;
    struct udmar_device *device;
    struct udmar_range_info range;
    uint16_t bridge = 0x00e0, behind = 0x0500;

    (void)state;
    fixture_open(&f, NULL);
    model_add_bridge(f.m, 0, bridge, 5, 5, MODEL_ROOT_PORT);
    model_set_bridge_window(f.m, 0, bridge, false, 0xc0000000, 0xc01fffff);
    model_set_bridge_window(f.m, 0, bridge, true, GIB(16), GIB(16) + MIB(64) - 1);
    model_add_function(f.m, 0, behind, 0x8086, 0x10d3, 0x020000);
    assert_int_equal(udmar_device_attach(f.instance, 0, behind, NULL, &device), UDMAR_OK);
    assert_true(udmar_domain_next_range(udmar_device_domain(device), PAGE, &range));
    assert_int_equal(range.base, 0xc0000000);
    assert_int_equal(range.size, MIB(2));
    assert_int_equal(range.kind, UDMAR_RANGE_RESERVED);
    assert_true(udmar_domain_next_range(udmar_device_domain(device), MSI_LAST + 1, &range));
    assert_int_equal(range.base, GIB(16));
    assert_int_equal(range.size, MIB(64));
    assert_int_equal(udmar_domain_map(udmar_device_domain(device), GIB(16), 0, PAGE, 3),
                     UDMAR_ERR_EXISTS);
    assert_int_equal(udmar_device_detach(device), UDMAR_OK);
    fixture_close(&f);
}

/* MGAW [VTD 10.4.2] may end before the tables do: addresses beyond it are refused by the unit. */
static void test_guest_addresses_narrower_than_the_tables(void **state)
{
    const struct setup setup = { .unit = { .cap_clear = UINT64_C(0x3f) << 16,
                                           .cap_set = UINT64_C(35) << 16 } };
    const struct udmar_iova_limits high = { .lowest = GIB(64) };
    struct udmar_domain_info info;
    struct fixture f;
    udmar_iova_t iova;

    (void)state;
    fixture_open(&f, &setup);
    udmar_domain_info(f.domain, &info);
    assert_int_equal(info.width, 39);
    assert_int_equal(info.end, GIB(64) - 1);
    assert_int_equal(udmar_domain_alloc_iova(f.domain, PAGE, &high, &iova), UDMAR_ERR_IOVA);
    assert_int_equal(udmar_domain_map(f.domain, GIB(64), MIB(4), PAGE, UDMAR_READ),
                     UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_domain_map(f.domain, GIB(64) - PAGE, MIB(4), PAGE, UDMAR_READ),
                     UDMAR_OK);
    assert_true(can_read(&f, RID0, GIB(64) - PAGE));
    assert_int_equal(udmar_domain_unmap(f.domain, GIB(64) - PAGE, PAGE), UDMAR_OK);
    fixture_close(&f);
}

static void test_info(void **state)
{
    const struct setup setup = { .profile = "five-level", .tunables = "hw.dmar.strict=0" };
    struct udmar_domain_info a, b;
    struct fixture f;

    (void)state;
    fixture_open(&f, &setup);
    udmar_domain_info(f.domain, &a);
    udmar_domain_info(udmar_device_domain(f.device[1]), &b);
    assert_int_equal(a.levels, 4);
    assert_int_equal(a.width, 48);
    assert_int_equal(a.end, (UINT64_C(1) << 48) - 1);
    assert_int_equal(a.superpages, UDMAR_SUPERPAGE_2M | UDMAR_SUPERPAGE_1G);
    assert_false(a.identity);
    assert_false(a.strict);
    assert_int_equal(a.table_pages, 1);
    assert_int_equal(a.ranges, 2);
    assert_int_equal(a.devices, 1);
    assert_int_not_equal(a.domain_id, 0);
    assert_int_not_equal(b.domain_id, 0);
    assert_int_not_equal(a.domain_id, b.domain_id);
    assert_int_equal(udmar_domain_map(f.domain, GIB(8), MIB(2), PAGE, UDMAR_WRITE), UDMAR_OK);
    udmar_domain_info(f.domain, &a);
    assert_int_equal(a.table_pages, 4);
    assert_int_equal(model_translate(f.m, 0, RID0, GIB(8), true).did, a.domain_id);
    assert_int_equal(udmar_domain_unmap(f.domain, GIB(8), PAGE), UDMAR_OK);
    fixture_close(&f);
}

/* ---- No memory ------------------------------------------------------------------------------- */

/* A device that touches everything all the time: what a table was linked for is soon cached. */
struct prober {
    uint64_t at[4];
};

static void probe(void *context, struct model *m, enum model_event event)
{
    const struct prober *prober = context;
    uint8_t byte;

    (void)event;
    for (unsigned i = 0; i < 4; i++)
        (void)model_dma(m, 0, RID0, prober->at[i], &byte, 1, false);
}

static void expect_unmapped(struct fixture *f, const struct prober *prober)
{
    for (unsigned i = 0; i < 4; i++)
        assert_false(can_read(f, RID0, prober->at[i]));
}

/* Maps with the n-th page refused, for each n until it works. */
static void map_without_memory(const char *profile, uint64_t iova, uint64_t size)
{
    /* Probing in the fault interrupt would cause faults for ever. */
    const struct setup setup = { .profile = profile, .machine = { .hold_interrupts = true } };
    const struct prober prober = { { iova, iova + size - 1, iova + size / 2,
                                     (iova + size - 1) & ~(GIB(1) - 1) } };
    enum udmar_status status = UDMAR_ERR_MEMORY;
    struct fixture f;
    unsigned n = 0;

    fixture_open(&f, &setup);
    while (status != UDMAR_OK) {
        size_t pages = model_pages_in_use(f.m);
        struct udmar_domain_info info;

        model_fail_host_calls_of(f.m, MODEL_CALL_PAGE_ALLOC, ++n, true);
        model_set_hook(f.m, probe, (void *)(uintptr_t)&prober);
        status = udmar_domain_map(f.domain, iova, MIB(16) + PAGE, size, UDMAR_READ);
        model_set_hook(f.m, NULL, NULL);
        model_fail_host_call(f.m, 0, false);
        if (status != UDMAR_OK) {
            assert_int_equal(status, UDMAR_ERR_MEMORY);
            expect_unmapped(&f, &prober);
            assert_int_equal(model_pages_in_use(f.m), pages);
            udmar_domain_info(f.domain, &info);
            assert_int_equal(info.table_pages, 1);
        }
    }
    assert_true(n > 2);
    assert_int_equal(udmar_domain_unmap(f.domain, iova, size), UDMAR_OK);
    expect_unmapped(&f, &prober);
    fixture_close(&f);
}

static void test_map_without_memory(void **state)
{
    static const char *const profiles[] = { "generic48", "noncoherent", "cm", "qemu39", "modern" };

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        map_without_memory(profiles[i], GIB(8), PAGE);
        map_without_memory(profiles[i], GIB(9) - PAGE, 2 * PAGE);
        map_without_memory(profiles[i], GIB(9) - MIB(2), MIB(4) + PAGE);
    }
}

static void test_split_without_memory(void **state)
{
    struct fixture f;
    enum udmar_status status = UDMAR_ERR_MEMORY;

    (void)state;
    fixture_open(&f, NULL);
    assert_int_equal(udmar_domain_map(f.domain, GIB(8), GIB(64), GIB(1), 3), UDMAR_OK);
    for (unsigned n = 1; status != UDMAR_OK; n++) {
        for (uint64_t at = 0; at < GIB(1); at += MIB(2) - PAGE)
            assert_int_equal(model_translate_cached(f.m, 0, RID0, GIB(8) + at, true).physical,
                             GIB(64) + at);
        model_fail_host_calls_of(f.m, MODEL_CALL_PAGE_ALLOC, n, false);
        status = udmar_domain_unmap(f.domain, GIB(8) + MIB(3), MIB(512));
        assert_true(status == UDMAR_OK || status == UDMAR_ERR_MEMORY);
        model_fail_host_call(f.m, 0, false);
    }
    assert_false(can_read(&f, RID0, GIB(8) + MIB(3)));
    assert_int_equal(udmar_domain_unmap(f.domain, GIB(8), GIB(1)), UDMAR_OK);
    fixture_close(&f);
}

static void test_alloc_iova_without_memory(void **state)
{
    struct fixture f;
    uint64_t iova;

    (void)state;
    fixture_open(&f, NULL);
    model_fail_host_call(f.m, 1, false);
    assert_int_equal(udmar_domain_alloc_iova(f.domain, PAGE, NULL, &iova), UDMAR_ERR_MEMORY);
    model_fail_host_call(f.m, 0, false);
    assert_int_equal(udmar_domain_alloc_iova(f.domain, PAGE, NULL, &iova), UDMAR_OK);
    assert_int_equal(udmar_domain_free_iova(f.domain, iova), UDMAR_OK);
    fixture_close(&f);
}

/* ---- No answer ------------------------------------------------------------------------------- */

static void test_unmap_that_is_not_answered(void **state)
{
    const struct setup setup = { .tunables = SHORT_TIMEOUT };
    struct fixture f;
    struct udmar_domain_info info;
    size_t pages;

    (void)state;
    fixture_open(&f, &setup);
    assert_int_equal(udmar_domain_map(f.domain, GIB(8), MIB(2), PAGE, 3), UDMAR_OK);
    assert_true(can_read(&f, RID0, GIB(8)));
    pages = model_pages_in_use(f.m);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
    assert_int_equal(udmar_domain_unmap(f.domain, GIB(8), PAGE), UDMAR_ERR_TIMEOUT);
    /* The device still reaches it through what is cached, and so no table may be given away. */
    assert_true(can_read(&f, RID0, GIB(8)));
    assert_int_equal(model_pages_in_use(f.m), pages);
    /* Asking again must not say that all is well when it is not. */
    assert_int_equal(udmar_domain_unmap(f.domain, GIB(8), PAGE), UDMAR_ERR_TIMEOUT);
    assert_int_equal(udmar_domain_unmap(f.domain, GIB(8), PAGE), UDMAR_ERR_TIMEOUT);
    assert_int_equal(model_pages_in_use(f.m), pages);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    assert_int_equal(udmar_domain_unmap(f.domain, GIB(8), PAGE), UDMAR_OK);
    assert_false(can_read(&f, RID0, GIB(8)));
    udmar_domain_info(f.domain, &info);
    assert_int_equal(info.table_pages, 1);
    assert_int_equal(udmar_domain_map(f.domain, GIB(8), MIB(4), PAGE, 3), UDMAR_OK);
    assert_true(can_read(&f, RID0, GIB(8)));
    assert_int_equal(udmar_domain_unmap(f.domain, GIB(8), PAGE), UDMAR_OK);
    fixture_close(&f);
}

static void test_late_answer_is_waited_for(void **state)
{
    static const enum model_queue_mode modes[] = { MODEL_QUEUE_DELAYED, MODEL_QUEUE_TRICKLE };
    struct fixture f;

    (void)state;
    fixture_open(&f, NULL);
    for (unsigned i = 0; i < 2; i++) {
        model_behaviour(f.u)->queue_mode = modes[i];
        model_behaviour(f.u)->queue_delay = 300;
        for (unsigned round = 0; round < 20; round++) {
            assert_int_equal(udmar_domain_map(f.domain, GIB(8), MIB(2), MIB(4), 3), UDMAR_OK);
            assert_true(can_read(&f, RID0, GIB(8) + MIB(3)));
            assert_int_equal(udmar_domain_unmap(f.domain, GIB(8) + MIB(1), MIB(3)), UDMAR_OK);
            assert_false(can_read(&f, RID0, GIB(8) + MIB(3)));
            assert_true(can_read(&f, RID0, GIB(8)));
            assert_int_equal(udmar_domain_unmap(f.domain, GIB(8), MIB(1)), UDMAR_OK);
            assert_false(can_read(&f, RID0, GIB(8)));
        }
    }
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    fixture_close(&f);
}

/* In caching mode a map needs the unit as well: without an answer nothing is mapped. */
static void test_map_that_is_not_answered_in_caching_mode(void **state)
{
    const struct setup setup = { .profile = "cm", .tunables = SHORT_TIMEOUT };
    struct fixture f;

    (void)state;
    fixture_open(&f, &setup);
    assert_false(can_read(&f, RID0, GIB(8)));
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
    assert_int_equal(udmar_domain_map(f.domain, GIB(8), MIB(2), PAGE, 3), UDMAR_ERR_TIMEOUT);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    assert_int_equal(model_translate(f.m, 0, RID0, GIB(8), false).result, MODEL_BLOCKED);
    assert_int_equal(udmar_domain_map(f.domain, GIB(8), MIB(2), PAGE, 3), UDMAR_OK);
    assert_true(can_read(&f, RID0, GIB(8)));
    assert_int_equal(udmar_domain_unmap(f.domain, GIB(8), PAGE), UDMAR_OK);
    assert_false(can_read(&f, RID0, GIB(8)));
    fixture_close(&f);
}

/* Caching mode remembers absence: each map must be seen although it was tried before. */
static void test_absence_is_forgotten_in_caching_mode(void **state)
{
    const struct setup setup = { .profile = "cm" };
    struct fixture f;

    (void)state;
    fixture_open(&f, &setup);
    for (uint64_t size = PAGE; size <= MIB(4); size *= 4) {
        assert_false(can_read(&f, RID0, GIB(8)));
        assert_false(can_read(&f, RID0, GIB(8) + size - 1));
        assert_int_equal(udmar_domain_map(f.domain, GIB(8), MIB(2), size, 3), UDMAR_OK);
        assert_true(can_read(&f, RID0, GIB(8)));
        assert_true(can_read(&f, RID0, GIB(8) + size - 1));
        assert_int_equal(udmar_domain_unmap(f.domain, GIB(8), size), UDMAR_OK);
    }
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map_arguments),
        cmocka_unit_test(test_unmap_arguments),
        cmocka_unit_test(test_looking_at_nothing),
        cmocka_unit_test(test_walk_shows_every_level),
        cmocka_unit_test(test_rights_of_all_levels),
        cmocka_unit_test(test_alloc_iova_arguments),
        cmocka_unit_test(test_alloc_and_free_iova),
        cmocka_unit_test(test_free_iova_of_a_load),
        cmocka_unit_test(test_reserved_ranges_are_listed),
        cmocka_unit_test(test_reserved_up_to_the_end),
        cmocka_unit_test(test_reserved_ranges_cannot_be_mapped),
        cmocka_unit_test(test_reserved_ranges_are_never_handed_out),
        cmocka_unit_test(test_bridge_apertures_are_reserved),
        cmocka_unit_test(test_info),
        cmocka_unit_test(test_guest_addresses_narrower_than_the_tables),
        cmocka_unit_test(test_map_without_memory),
        cmocka_unit_test(test_split_without_memory),
        cmocka_unit_test(test_alloc_iova_without_memory),
        cmocka_unit_test(test_unmap_that_is_not_answered),
        cmocka_unit_test(test_late_answer_is_waited_for),
        cmocka_unit_test(test_map_that_is_not_answered_in_caching_mode),
        cmocka_unit_test(test_absence_is_forgotten_in_caching_mode),
    };

    return cmocka_run_group_tests_name("domain", tests, NULL, NULL);
}
