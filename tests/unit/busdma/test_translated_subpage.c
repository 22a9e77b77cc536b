/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sub-page protection: a device that may reach a buffer reaches that buffer and not its neighbours
 * in the same pages.
 */
#include <string.h>

#include "fixture/load.h"

#define ASKED "hw.busdma.pci0:0:2:0.subpage=1"

static uint64_t active(struct fixture *f)
{
    struct udmar_bounce_zone_info zone = { 0 };

    assert_true(udmar_bounce_zone_info(f->instance, 0, &zone));
    assert_int_equal(zone.total_pages, zone.free_pages + zone.active_pages);
    return zone.active_pages;
}

/* Does the device find this byte anywhere in the pages around [iova, iova + length)? */
static bool finds(struct fixture *f, uint64_t iova, uint64_t length, uint8_t what)
{
    uint8_t page[4096];

    for (uint64_t at = iova & ~(PAGE - 1); at < iova + length; at += PAGE) {
        if (model_dma(f->m, 0, RID0, at, page, PAGE, false) == MODEL_OK &&
            memchr(page, what, PAGE) != NULL)
            return true;
    }
    return false;
}

static const struct {
    size_t offset, length;
    unsigned pages; /* that stand in */
} shapes[] = {
    { 0, 1, 1 },      { 100, 200, 1 },    { 0, 4096, 0 }, { 0, 8192, 0 },    { 4095, 2, 2 },
    { 100, 8192, 2 }, { 0, 8192 + 1, 1 }, { 1, 4095, 1 }, { 2048, 4096, 2 }, { 4000, 96, 1 },
};

static void test_neighbours_are_not_seen(void **state)
{
    (void)state;
    for (unsigned w = 0; w < 2; w++) {
        const struct setup setup = { .tunables = ASKED, .window_limit = w ? PAGE : 0 };
        struct fixture f;
        struct udmar_dma_tag *tag;
        struct udmar_dma_map *map;
        uint8_t *page;

        fixture_open(&f, &setup);
        tag = new_tag(&f, 0, NULL);
        map = new_map(tag);
        page = model_buffer_alloc(f.m, 4 * PAGE, MODEL_SCATTERED, 0);
        for (unsigned i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
            uint8_t *buffer = page + shapes[i].offset;
            size_t length = shapes[i].length;
            uint64_t iova;

            memset(page, 0xee, 4 * PAGE);
            memset(buffer, 0x11, length);
            iova = load_one(tag, map, buffer, length);
            assert_int_equal(iova & (PAGE - 1), shapes[i].offset);
            assert_int_equal(active(&f), shapes[i].pages);
            assert_false(finds(&f, iova, length, 0xee));
            udmar_dmamap_sync(tag, map, UDMAR_DMA_SYNC_PREWRITE);
            assert_false(finds(&f, iova, length, 0xee));
            assert_true(device_sees(&f, RID0, iova, buffer, length));
            /* It writes all that it can reach; only the buffer's bytes arrive. */
            for (uint64_t at = iova & ~(PAGE - 1); at < iova + length; at += PAGE) {
                uint8_t junk[4096];

                memset(junk, 0x77, sizeof(junk));
                assert_int_equal(model_dma(f.m, 0, RID0, at, junk, PAGE, true), MODEL_OK);
            }
            udmar_dmamap_sync(tag, map, UDMAR_DMA_SYNC_POSTREAD);
            udmar_dmamap_unload(tag, map);
            assert_false(can_read(&f, RID0, iova));
            for (size_t k = 0; k < 4 * PAGE; k++)
                assert_int_equal(
                    page[k], k >= shapes[i].offset && k < shapes[i].offset + length ? 0x77 : 0xee);
            assert_int_equal(active(&f), 0);
        }
        drop_map(tag, map);
        drop_tag(tag);
        model_buffer_free(f.m, page);
        fixture_close(&f);
    }
}

/* What an earlier load has left in a page is not shown to the next device. */
static void test_used_pages_are_clean(void **state)
{
    const struct setup setup = { .tunables = "hw.busdma.subpage=1" };
    struct fixture f;
    struct udmar_dma_tag *tag, *other;
    struct udmar_dma_map *map, *second;
    uint8_t *secret, *small;
    uint64_t iova;
    uint8_t page[4096];

    (void)state;
    fixture_open(&f, &setup);
    tag = new_tag(&f, 0, NULL);
    map = new_map(tag);
    secret = model_buffer_alloc(f.m, 2000, 0, 0);
    small = model_buffer_alloc(f.m, 8, 0, 0);
    memset(secret, 0x99, 2000);
    (void)load_one(tag, map, secret, 2000);
    udmar_dmamap_sync(tag, map, UDMAR_DMA_SYNC_PREWRITE);
    udmar_dmamap_unload(tag, map);
    other = new_tag(&f, 1, NULL);
    second = new_map(other);
    for (unsigned i = 0; i < 4; i++) {
        iova = load_one(other, second, small, 8);
        assert_int_equal(model_dma(f.m, 0, RID1, iova & ~(PAGE - 1), page, PAGE, false), MODEL_OK);
        assert_null(memchr(page, 0x99, PAGE));
        udmar_dmamap_unload(other, second);
    }
    drop_map(tag, map);
    drop_map(other, second);
    drop_tag(tag);
    drop_tag(other);
    model_buffer_free(f.m, secret);
    model_buffer_free(f.m, small);
    fixture_close(&f);
}

static void test_nowrite_is_still_read_only(void **state)
{
    const struct setup setup = { .tunables = ASKED };
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint8_t *buffer, copy[300];
    uint64_t iova;

    (void)state;
    fixture_open(&f, &setup);
    tag = new_tag(&f, 0, NULL);
    map = new_map(tag);
    buffer = model_buffer_alloc(f.m, 300, 0, 50);
    fill_pattern(buffer, 300, 1);
    memcpy(copy, buffer, 300);
    assert_int_equal(load(tag, map, buffer, 300, UDMAR_DMA_NOWRITE), 0);
    iova = result.segment[0].ds_addr;
    assert_false(can_write(&f, RID0, iova));
    /* No PREWRITE, and yet POSTREAD copies nothing back over the data. */
    udmar_dmamap_sync(tag, map, UDMAR_DMA_SYNC_POSTREAD);
    assert_memory_equal(buffer, copy, 300);
    udmar_dmamap_unload(tag, map);
    drop_map(tag, map);
    drop_tag(tag);
    model_buffer_free(f.m, buffer);
    fixture_close(&f);
}

/* Who asks, who does not, and what is never copied. */
static void test_who_is_protected(void **state)
{
    const struct setup setup = { .tunables = ASKED };
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint8_t *buffer;
    void *memory;

    (void)state;
    fixture_open(&f, &setup);
    buffer = model_buffer_alloc(f.m, 300, 0, 50);
    /* Another device, until it is asked for at run time. */
    tag = new_tag(&f, 1, NULL);
    assert_int_equal(udmar_device_set_subpage(f.device[1], true), UDMAR_ERR_BUSY);
    map = new_map(tag);
    (void)load_one(tag, map, buffer, 300);
    assert_false(udmar_bounce_zone_info(f.instance, 0, &(struct udmar_bounce_zone_info){ 0 }));
    udmar_dmamap_unload(tag, map);
    drop_map(tag, map);
    drop_tag(tag);
    assert_int_equal(udmar_device_set_subpage(NULL, true), UDMAR_ERR_ARGUMENT);
    assert_int_equal(udmar_device_set_subpage(f.device[1], true), UDMAR_OK);
    tag = new_tag(&f, 1, NULL);
    map = new_map(tag);
    (void)load_one(tag, map, buffer, 300);
    assert_int_equal(active(&f), 1);
    udmar_dmamap_unload(tag, map);
    drop_map(tag, map);
    /* Memory of dmamem has its pages for itself. */
    assert_int_equal(udmar_dmamem_alloc(tag, &memory, 0, &map), 0);
    (void)load_one(tag, map, memory, 300);
    assert_int_equal(active(&f), 0);
    udmar_dmamap_unload(tag, map);
    udmar_dmamem_free(tag, memory, map);
    drop_tag(tag);
    /* The root tag's maps hold the zone themselves. */
    tag = udmar_device_dma_tag(f.device[0]);
    map = new_map(tag);
    (void)load_one(tag, map, buffer, 300);
    assert_int_equal(active(&f), 1);
    udmar_dmamap_unload(tag, map);
    drop_map(tag, map);
    assert_false(udmar_bounce_zone_info(f.instance, 0, &(struct udmar_bounce_zone_info){ 0 }));
    model_buffer_free(f.m, buffer);
    fixture_close(&f);
}

/* A tunable speaks of what it names: a mode, another device or segment says nothing of pages. */
static void test_who_is_meant(void **state)
{
    static const struct {
        const char *tunables;
        bool hides;
    } rows[] = {
        { "hw.busdma.subpage=1", true },
        { "hw.busdma.subpage=1 hw.busdma.pci0:0:2:0=translate", true },
        { "hw.busdma.subpage=1 hw.busdma.pci0:0:2:0.subpage=0", false },
        { "hw.busdma.subpage=1 hw.busdma.pci0:0:3:0.subpage=0", true },
        { "hw.busdma.subpage=1 hw.busdma.pci1:0:2:0.subpage=0", true },
        { "hw.busdma.pci0:0:2:0=translate", false },
        { "hw.busdma.pci0:0:2:0=translate hw.busdma.pci0:0:2:0.subpage=1", true },
        { "hw.busdma.pci0:0:3:0.subpage=1", false },
        { "hw.busdma.pci1:0:2:0.subpage=1", false },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct setup setup = { .tunables = rows[i].tunables };
        struct udmar_dma_tag *tag;
        struct udmar_dma_map *map;
        struct fixture f;
        uint8_t *buffer;
        uint64_t iova;

        fixture_open(&f, &setup);
        tag = new_tag(&f, 0, NULL);
        map = new_map(tag);
        buffer = model_buffer_alloc(f.m, 300, 0, 50);
        memset(buffer - 50, 0x99, 50);
        iova = load_one(tag, map, buffer, 300);
        assert_int_equal(finds(&f, iova, 300, 0x99), !rows[i].hides);
        udmar_dmamap_unload(tag, map);
        drop_map(tag, map);
        drop_tag(tag);
        model_buffer_free(f.m, buffer);
        fixture_close(&f);
    }
}

/* The map of memory hides nothing of that memory, but all else that is loaded into it. */
static void test_another_buffer_in_a_map_of_memory(void **state)
{
    static const struct limits limits = { .maxsize = 5000 };
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint8_t *buffer, *memory, page[4096];
    void *address;
    uint64_t iova;

    (void)state;
    fixture_open(&f, &(struct setup){ .tunables = ASKED });
    tag = new_tag(&f, 0, &limits);
    assert_int_equal(udmar_dmamem_alloc(tag, &address, 0, &map), 0);
    memory = address;
    fill_pattern(memory, 5000, 1);
    iova = load_one(tag, map, memory + 1000, 3000);
    assert_int_equal(active(&f), 0);
    assert_true(device_sees(&f, RID0, iova, memory + 1000, 3000));
    udmar_dmamap_unload(tag, map);
    buffer = model_buffer_alloc(f.m, 3 * PAGE, 0, 0);
    fill_pattern(buffer, 3 * PAGE, 9);
    iova = load_one(tag, map, buffer + 100, 200);
    assert_int_equal(active(&f), 1);
    udmar_dmamap_sync(tag, map, UDMAR_DMA_SYNC_PREWRITE);
    assert_int_equal(model_dma(f.m, 0, RID0, iova & ~(PAGE - 1), page, PAGE, false), MODEL_OK);
    for (unsigned i = 0; i < PAGE; i++)
        assert_int_equal(page[i], i >= 100 && i < 300 ? buffer[i] : 0);
    udmar_dmamap_unload(tag, map);
    /* What begins in it and ends behind it is not its own. */
    (void)load_one(tag, map, memory + 4096, 1000);
    assert_int_equal(active(&f), 1);
    udmar_dmamap_unload(tag, map);
    udmar_dmamem_free(tag, memory, map);
    drop_tag(tag);
    model_buffer_free(f.m, buffer);
    fixture_close(&f);
}

/* In deferred mode the device may reach a page after the unload: it must not be somebody's by then.
 */
static void test_pages_come_back_when_the_unit_has_confirmed(void **state)
{
    const struct setup setup = { .tunables = ASKED " hw.dmar.strict=0 hw.dmar.timeout=100000" };
    struct udmar_bounce_zone_info zone;
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint8_t *buffer;
    uint64_t iova;

    (void)state;
    fixture_open(&f, &setup);
    tag = new_tag(&f, 0, NULL);
    map = new_map(tag);
    buffer = model_buffer_alloc(f.m, 2 * PAGE, 0, 0);
    iova = load_one(tag, map, buffer + 8, 100);
    assert_true(can_write(&f, RID0, iova));
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
    udmar_dmamap_unload(tag, map);
    assert_true(can_write(&f, RID0, iova));
    assert_int_equal(active(&f), 1);
    /* The map is out of use until then, for whatever buffer. */
    assert_int_equal(load(tag, map, buffer, PAGE, 0), UDMAR_ENOMEM);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    (void)model_queue_step(f.u, 4096);
    assert_int_equal(load(tag, map, buffer, PAGE, 0), 0);
    assert_int_equal(active(&f), 0);
    assert_true(device_stores(&f, RID0, result.segment[0].ds_addr, buffer, PAGE, 3));
    udmar_dmamap_sync(tag, map, UDMAR_DMA_SYNC_POSTREAD);
    udmar_dmamap_unload(tag, map);
    /* And when nobody waits for the answer: the page is given up, not reused. */
    iova = load_one(tag, map, buffer + 8, 100);
    assert_true(can_write(&f, RID0, iova));
    assert_true(udmar_bounce_zone_info(f.instance, 0, &zone));
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
    udmar_dmamap_unload(tag, map);
    model_clear_log(f.m);
    drop_map(tag, map);
    assert_true(model_log_contains(f.m, "1 bounce pages are given up"));
    assert_true(can_write(&f, RID0, iova));
    assert_int_equal(model_stats(f.u)->dma_to_freed, 0);
    {
        uint64_t before = zone.total_pages;

        assert_true(udmar_bounce_zone_info(f.instance, 0, &zone));
        assert_int_equal(zone.total_pages, before - 1);
        assert_int_equal(zone.active_pages, 0);
    }
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    (void)model_queue_step(f.u, 4096);
    drop_tag(tag);
    model_buffer_free(f.m, buffer);
    assert_int_equal(fixture_violations(&f), 0);
    f.forgive = true; /* the page is lost on purpose */
    fixture_close(&f);
}

/* The same for loads without a window, whose places rest until the next tick. */
static void test_pages_of_loads_without_a_window(void **state)
{
    static const uint64_t sizes[] = { 100, MIB(3) + 100 };

    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        const struct setup setup = {
            .tunables = ASKED " hw.dmar.strict=0 hw.dmar.timeout=100000",
            .window_limit = PAGE,
            .ticking = true,
        };
        const struct limits limits = { .maxsize = MIB(4) };
        struct fixture f;
        struct udmar_dma_tag *tag;
        struct udmar_dma_map *map;
        uint8_t *buffer;
        uint64_t iova;

        fixture_open(&f, &setup);
        tag = new_tag(&f, 0, &limits);
        map = new_map(tag);
        buffer = model_buffer_alloc(f.m, (size_t)sizes[n], MODEL_CONTIGUOUS, 8);
        iova = load_one(tag, map, buffer, sizes[n]);
        assert_true(can_write(&f, RID0, iova));
        udmar_dmamap_unload(tag, map);
        assert_int_equal(active(&f), 0);
        assert_false(can_write(&f, RID0, iova));
        /* No answer, no pages. */
        iova = load_one(tag, map, buffer, sizes[n]);
        assert_true(can_write(&f, RID0, iova));
        model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
        udmar_dmamap_unload(tag, map);
        assert_true(active(&f) > 0);
        assert_int_equal(load(tag, map, buffer, 100, 0), UDMAR_ENOMEM);
        model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
        (void)model_queue_step(f.u, 4096);
        assert_int_equal(load(tag, map, buffer, 100, 0), 0);
        assert_int_equal(active(&f), 1);
        udmar_dmamap_unload(tag, map);
        drop_map(tag, map);
        drop_tag(tag);
        model_buffer_free(f.m, buffer);
        fixture_close(&f);
    }
}

/* What a tag refuses is refused before an entry is live: the pages are free at once. */
static void test_pages_of_a_load_that_is_refused(void **state)
{
    (void)state;
    for (unsigned w = 0; w < 2; w++) {
        const struct setup setup = { .tunables = ASKED, .window_limit = w ? PAGE : 0 };
        const struct limits limits = { .maxsegsz = 64 };
        struct fixture f;
        struct udmar_dma_tag *tag;
        struct udmar_dma_map *map;
        uint8_t *buffer;
        uint64_t asked;

        fixture_open(&f, &setup);
        tag = new_tag(&f, 0, &limits);
        map = new_map(tag);
        buffer = model_buffer_alloc(f.m, 200, 0, 0);
        assert_int_equal(load(tag, map, buffer, 10, 0), 0);
        udmar_dmamap_unload(tag, map);
        asked = model_stats(f.u)->iotlb_page_hint + model_stats(f.u)->iotlb_domain;
        assert_int_equal(load(tag, map, buffer, 200, 0), 0);
        assert_int_equal(result.error, UDMAR_EFBIG);
        assert_int_equal(active(&f), 0);
        assert_int_equal(model_stats(f.u)->iotlb_page_hint + model_stats(f.u)->iotlb_domain, asked);
        drop_map(tag, map);
        drop_tag(tag);
        model_buffer_free(f.m, buffer);
        fixture_close(&f);
    }
}

/* A load that fails after its entries were live ends like an unload: confirmed, or not at all. */
static void test_pages_of_a_load_that_failed(void **state)
{
    (void)state;
    for (unsigned w = 0; w < 2; w++) {
        const struct setup setup = {
            .profile = "cm",
            .tunables = ASKED " hw.dmar.timeout=100000",
            .window_limit = w ? PAGE : 0,
        };
        struct fixture f;
        struct udmar_dma_tag *tag;
        struct udmar_dma_map *map;
        uint8_t *buffer;

        fixture_open(&f, &setup);
        tag = new_tag(&f, 0, NULL);
        map = new_map(tag);
        buffer = model_buffer_alloc(f.m, 200, 0, 0);
        model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
        assert_int_equal(load(tag, map, buffer, 200, 0), UDMAR_ENOMEM);
        assert_int_equal(active(&f), 1);
        assert_int_equal(load(tag, map, buffer, 10, 0), UDMAR_ENOMEM);
        model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
        (void)model_queue_step(f.u, 4096);
        if (w == 0) {
            assert_int_equal(load(tag, map, buffer, 10, 0), 0);
            udmar_dmamap_unload(tag, map);
            assert_int_equal(active(&f), 0);
        }
        drop_map(tag, map);
        drop_tag(tag);
        model_buffer_free(f.m, buffer);
        assert_int_equal(fixture_violations(&f), 0);
        f.forgive = w != 0; /* the page is lost on purpose */
        fixture_close(&f);
    }
}

/*
 * A device that is not protected, a page all the same (the alignment), and an unload that the unit
 * did not confirm: what comes next has nothing to do with that page.
 */
static void test_a_page_that_is_left_is_not_the_next_loads(void **state)
{
    const struct setup setup = { .tunables = "hw.dmar.timeout=100000" };
    const struct limits limits = { .alignment = 64 };
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint8_t *old, *buffer;
    uint64_t iova;

    (void)state;
    fixture_open(&f, &setup);
    tag = new_tag(&f, 0, &limits);
    map = new_map(tag);
    old = model_buffer_alloc(f.m, 100, 0, 8);
    buffer = model_buffer_alloc(f.m, 100, 0, 0);
    (void)load_one(tag, map, old, 100);
    assert_int_equal(active(&f), 1);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_DEAD;
    udmar_dmamap_unload(tag, map);
    assert_int_equal(active(&f), 1);
    model_behaviour(f.u)->queue_mode = MODEL_QUEUE_IMMEDIATE;
    (void)model_queue_step(f.u, 4096);
    memset(old, 0x5a, 100);
    iova = load_one(tag, map, buffer, 100);
    assert_int_equal(active(&f), 0);
    assert_true(can_write(&f, RID0, iova));
    udmar_dmamap_sync(tag, map, UDMAR_DMA_SYNC_POSTREAD);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(old[i], 0x5a);
    udmar_dmamap_unload(tag, map);
    drop_map(tag, map);
    drop_tag(tag);
    model_buffer_free(f.m, old);
    model_buffer_free(f.m, buffer);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_neighbours_are_not_seen),
        cmocka_unit_test(test_used_pages_are_clean),
        cmocka_unit_test(test_nowrite_is_still_read_only),
        cmocka_unit_test(test_who_is_protected),
        cmocka_unit_test(test_who_is_meant),
        cmocka_unit_test(test_another_buffer_in_a_map_of_memory),
        cmocka_unit_test(test_pages_come_back_when_the_unit_has_confirmed),
        cmocka_unit_test(test_pages_of_loads_without_a_window),
        cmocka_unit_test(test_pages_of_a_load_that_is_refused),
        cmocka_unit_test(test_pages_of_a_load_that_failed),
        cmocka_unit_test(test_a_page_that_is_left_is_not_the_next_loads),
    };

    return cmocka_run_group_tests_name("translated_subpage", tests, NULL, NULL);
}
