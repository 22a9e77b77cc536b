/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices that want one address for each page of a buffer, and drivers that make such a list out of
 * the segments. FreeBSD's usb_busdma does it with tags of maxsegsz 4096 and KEEP_PG_OFFSET, NVMe
 * with a boundary of a page. The consumers here are our own; they assume of segments what those
 * assume, and the model's device finds the data through their lists.
 */
#include <string.h>

#include "fixture/fixture.h"

#define MOST_PAGES 40u

static struct loaded result;

/* What a driver knows of a loaded buffer: its offset in the first page, and each page's address. */
struct page_list {
    uint64_t page[MOST_PAGES];
    unsigned count;
    uint64_t offset;
};

/*
 * As usb_busdma: segments are walked in steps of a page from the first one's page on. A new segment
 * is taken to begin a new page of the list.
 */
static void usb_pages(struct page_list *list)
{
    const struct udmar_dma_segment *s = result.segment;
    int left = result.count;
    uint64_t offset = s->ds_addr % PAGE, into = 0;

    list->offset = offset;
    list->page[0] = s->ds_addr - offset;
    list->count = 1;
    for (;;) {
        into += PAGE;
        if (into >= s->ds_len + offset) {
            if (--left == 0)
                return;
            s++;
            into = 0;
            offset = 0;
        }
        assert_true(list->count < MOST_PAGES);
        list->page[list->count++] = (s->ds_addr + into) & ~(PAGE - 1);
    }
}

/* As NVMe's PRPs: one entry a segment, all but the first at the beginning of a page. */
static void prp_pages(struct page_list *list)
{
    list->offset = result.segment[0].ds_addr % PAGE;
    list->count = 0;
    for (int i = 0; i < result.count; i++) {
        uint64_t first = result.segment[i].ds_addr, end = first + result.segment[i].ds_len;

        assert_true(i == 0 || first % PAGE == 0);
        assert_true(i == result.count - 1 || end % PAGE == 0);
        assert_true(list->count < MOST_PAGES);
        list->page[list->count++] = first & ~(PAGE - 1);
    }
}

/* The device reads or writes the buffer through the list. */
static void transfer(struct fixture *f, const struct page_list *list, uint8_t *data, size_t size,
                     bool write)
{
    for (size_t done = 0; done < size;) {
        uint64_t at = list->offset + done;
        size_t here = (size_t)(PAGE - at % PAGE);
        enum model_result moved;

        here = here < size - done ? here : size - done;
        assert_true(at / PAGE < list->count);
        moved =
            model_dma(f->m, 0, RID0, list->page[at / PAGE] + at % PAGE, data + done, here, write);
        assert_true(moved == MODEL_OK || moved == MODEL_BYPASSED);
        done += here;
    }
}

static void check(struct fixture *f, struct udmar_dma_tag *tag, struct udmar_dma_map *map,
                  uint8_t *buffer, size_t size, void (*pages)(struct page_list *list))
{
    static uint8_t data[MOST_PAGES * 4096];
    struct page_list list;

    fill_pattern(buffer, size, (unsigned)size);
    result.calls = 0;
    assert_int_equal(udmar_dmamap_load(tag, map, buffer, size, note_loaded, &result, 0), 0);
    assert_int_equal(result.error, 0);
    assert_true(result.count > 0);
    pages(&list);
    udmar_dmamap_sync(tag, map, UDMAR_DMA_SYNC_PREREAD | UDMAR_DMA_SYNC_PREWRITE);
    transfer(f, &list, data, size, false);
    assert_memory_equal(data, buffer, size);
    fill_pattern(data, size, (unsigned)size + 77);
    transfer(f, &list, data, size, true);
    udmar_dmamap_sync(tag, map, UDMAR_DMA_SYNC_POSTREAD | UDMAR_DMA_SYNC_POSTWRITE);
    assert_memory_equal(data, buffer, size);
    udmar_dmamap_unload(tag, map);
}

static const size_t offsets[] = { 0, 1, 0x40, 0x7ff, 0x800, 0xc01, 0xff0, 0xfff };
static const size_t sizes[] = { 1,      0x200,  0x800,  0xfff,  0x1000, 0x1001,  0x1800,  0x2000,
                                0x2001, 0x2800, 0x3000, 0x4fff, 0x8000, 0x10000, 0x10800, 0x20000 };
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct udmar_dma_tag *usb_tag(struct fixture *f, size_t size)
{
    struct udmar_dma_tag *tag;

    assert_int_equal(
        udmar_dma_tag_create(udmar_device_dma_tag(f->device[0]), 1, 0, UINT32_MAX, UINT64_MAX, NULL,
                             NULL, size, size > 1 ? 2 + (int)(size / PAGE) : 1,
                             size > PAGE ? PAGE : size, UDMAR_DMA_KEEP_PG_OFFSET, NULL, NULL, &tag),
        0);
    return tag;
}

static struct udmar_dma_tag *prp_tag(struct fixture *f, size_t size)
{
    struct udmar_dma_tag *tag;

    assert_int_equal(udmar_dma_tag_create(udmar_device_dma_tag(f->device[0]), 4, PAGE, UINT64_MAX,
                                          UINT64_MAX, NULL, NULL, size,
                                          (int)((size + PAGE - 1) / PAGE) + 1, PAGE, 0, NULL, NULL,
                                          &tag),
                     0);
    return tag;
}

static void all_layouts(const struct setup *setup)
{
    static const unsigned kinds[] = { MODEL_SCATTERED | MODEL_HIGH, MODEL_SCATTERED | MODEL_LOW,
                                      MODEL_CONTIGUOUS | MODEL_HIGH, MODEL_CONTIGUOUS | MODEL_LOW };
    struct fixture f;

    fixture_open(&f, setup);
    for (unsigned i = 0; i < COUNT(sizes); i++) {
        struct udmar_dma_tag *usb = usb_tag(&f, sizes[i]), *prp = prp_tag(&f, sizes[i]);
        struct udmar_dma_map *usb_map = new_map(usb), *prp_map = new_map(prp);

        for (unsigned k = 0; k < COUNT(kinds) * COUNT(offsets); k++) {
            size_t offset = offsets[k % COUNT(offsets)];
            uint8_t *buffer = model_buffer_alloc(f.m, sizes[i], kinds[k / COUNT(offsets)], offset);

            check(&f, usb, usb_map, buffer, sizes[i], usb_pages);
            if (offset % 4 == 0)
                check(&f, prp, prp_map, buffer, sizes[i], prp_pages);
            model_buffer_free(f.m, buffer);
        }
        drop_map(usb, usb_map);
        drop_map(prp, prp_map);
        drop_tag(usb);
        drop_tag(prp);
    }
    fixture_close(&f);
}

static void test_translate(void **state)
{
    (void)state;
    all_layouts(NULL);
}

static void test_deferred(void **state)
{
    (void)state;
    all_layouts(&(struct setup){ .tunables = "hw.dmar.strict=0", .ticking = true });
}

static void test_without_windows(void **state)
{
    (void)state;
    all_layouts(&(struct setup){ .window_limit = 1 });
}

static void test_subpage(void **state)
{
    (void)state;
    all_layouts(&(struct setup){ .tunables = "hw.busdma.subpage=1" });
}

static void test_bounce(void **state)
{
    (void)state;
    all_layouts(&(struct setup){ .tunables = "hw.busdma.default=bounce" });
}

static void test_identity(void **state)
{
    (void)state;
    all_layouts(&(struct setup){ .tunables = "hw.busdma.default=identity" });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_translate),       cmocka_unit_test(test_deferred),
        cmocka_unit_test(test_without_windows), cmocka_unit_test(test_subpage),
        cmocka_unit_test(test_bounce),          cmocka_unit_test(test_identity),
    };

    return cmocka_run_group_tests_name("segments_page_lists", tests, NULL, NULL);
}
