/* SPDX-License-Identifier: BSD-2-Clause */
/* What a device gets: modes and their changes at run time, domains that come and go, busdma. */
#include <string.h>

#include "testbed.h"

#define IOVA UINT64_C(0x40000000)
/* Its page number's low bits, the ones that QEMU compares, are like no other page's here. */
#define ODD  (IOVA + 0x5a * PAGE)

struct variant {
    struct machine_options options;
    const char *tunables;
};

static struct testbed *open_variant(void **state)
{
    const struct variant *v = *state;

    return bed_open(&v->options, v->tunables);
}

static enum udmar_mode mode_of(struct testbed *b, unsigned device)
{
    struct udmar_device_info info;

    udmar_device_info(b->device[device], &info);
    return info.mode;
}

static void reaches_memory(struct testbed *b, unsigned device)
{
    bed_reaches(b, device, LOW, LOW);
    bed_reaches(b, device, LOW_END - PAGE, LOW_END - PAGE);
    bed_reaches(b, device, HIGH + MIB(3) + 8, HIGH + MIB(3) + 8);
    bed_reaches(b, device, HIGH_END - PAGE, HIGH_END - PAGE);
}

static void test_passthrough(void **state)
{
    struct testbed *b = open_variant(state);

    assert_int_equal(mode_of(b, 0), UDMAR_MODE_PASSTHROUGH);
    reaches_memory(b, 0);
    if (!bed_deviates(b, PASS_THROUGH_UNLIMITED))
        bed_stopped(b, 0, UINT64_C(1) << 48, true, BEYOND_WIDTH);
    bed_close(b);
}

/* Physical addresses through a table: memory and nothing else. */
static void test_identity(void **state)
{
    struct testbed *b = open_variant(state);
    struct udmar_domain_info info;

    udmar_domain_info(bed_domain(b, 0), &info);
    assert_true(info.identity);
    reaches_memory(b, 0);
    bed_stopped(b, 0, RAM_HIGH_END, true, NOT_WRITABLE);
    bed_stopped(b, 0, MIB(100), false, NOT_READABLE);
    bed_stopped(b, 0, 0, true, NOT_WRITABLE);
    bed_close(b);
}

/* Identity is one domain for all, translate is one for each. */
static void test_sharing(void **state)
{
    struct testbed *b = open_variant(state);

    assert_ptr_not_equal(bed_domain(b, 0), bed_domain(b, 1));
    bed_map(b, 0, ODD, LOW, PAGE, UDMAR_READ_WRITE);
    bed_reaches(b, 0, ODD, LOW);
    bed_stopped(b, 1, ODD, true, NOT_WRITABLE);
    bed_map(b, 1, ODD, HIGH, PAGE, UDMAR_READ_WRITE);
    bed_reaches(b, 0, ODD, LOW);
    bed_reaches(b, 1, ODD, HIGH);
    bed_unmap(b, 0, ODD, PAGE);
    bed_stopped(b, 0, ODD, true, NOT_WRITABLE);
    bed_reaches(b, 1, ODD, HIGH);
    bed_set_mode(b, 0, UDMAR_MODE_IDENTITY);
    bed_set_mode(b, 1, UDMAR_MODE_IDENTITY);
    assert_ptr_equal(bed_domain(b, 0), bed_domain(b, 1));
    reaches_memory(b, 0);
    reaches_memory(b, 1);
    bed_set_mode(b, 0, UDMAR_MODE_TRANSLATE);
    bed_stopped(b, 0, LOW, true, NOT_WRITABLE);
    reaches_memory(b, 1);
    bed_close(b);
}

/* From each mode to each other one; what the old one allowed ends with it. */
static void test_changes(void **state)
{
    static const enum udmar_mode modes[] = { UDMAR_MODE_TRANSLATE, UDMAR_MODE_IDENTITY,
                                             UDMAR_MODE_PASSTHROUGH, UDMAR_MODE_BLOCKED };
    struct testbed *b = open_variant(state);

    for (unsigned i = 0; i < 16; i++) {
        for (unsigned side = 0; side < 2; side++) {
            enum udmar_mode mode = modes[side == 0 ? i / 4 : i % 4];

            bed_set_mode(b, 0, mode);
            switch (mode) {
            case UDMAR_MODE_TRANSLATE:
                bed_stopped(b, 0, LOW, true, NOT_WRITABLE);
                bed_stopped(b, 0, HIGH, false, NOT_READABLE);
                bed_reaches_own(b, 0);
                break;
            case UDMAR_MODE_BLOCKED:
                bed_stopped(b, 0, LOW, true, CONTEXT_ABSENT);
                bed_stopped(b, 0, LOW, false, CONTEXT_ABSENT);
                break;
            default:
                reaches_memory(b, 0);
            }
        }
    }
    bed_close(b);
}

/* A domain id is used again: nothing that its first owner had cached may be left. */
static void test_domain_reuse(void **state)
{
    struct testbed *b = open_variant(state);

    for (unsigned i = 0; i < 10; i++) {
        uint64_t physical = LOW + i * PAGE;

        bed_map(b, 0, IOVA, physical, PAGE, UDMAR_READ_WRITE);
        bed_map(b, 0, IOVA + MIB(2), LOW + MIB(2), MIB(2), UDMAR_READ_WRITE);
        bed_reaches(b, 0, IOVA, physical);
        bed_reaches(b, 0, IOVA + MIB(2) + 17 * PAGE, LOW + MIB(2) + 17 * PAGE);
        /* Detached with the mappings still there. */
        bed_detach(b, 0);
        bed_stopped(b, 0, IOVA, true, CONTEXT_ABSENT);
        bed_stopped(b, 0, IOVA + MIB(2) + 17 * PAGE, false, CONTEXT_ABSENT);
        bed_attach(b, 0);
        bed_stopped(b, 0, IOVA, true, NOT_WRITABLE);
        bed_stopped(b, 0, IOVA + MIB(2) + 17 * PAGE, true, NOT_WRITABLE);
    }
    bed_close(b);
}

/* Two devices exchange their domain ids. */
static void test_domain_exchange(void **state)
{
    struct testbed *b = open_variant(state);

    bed_map(b, 0, ODD, LOW, PAGE, UDMAR_READ_WRITE);
    bed_map(b, 1, ODD, HIGH, PAGE, UDMAR_READ_WRITE);
    bed_reaches(b, 0, ODD, LOW);
    bed_reaches(b, 1, ODD, HIGH);
    bed_detach(b, 0);
    bed_detach(b, 1);
    bed_attach(b, 1);
    bed_attach(b, 0);
    bed_stopped(b, 0, ODD, true, NOT_WRITABLE);
    bed_stopped(b, 1, ODD, false, NOT_READABLE);
    bed_map(b, 1, ODD, LOW + PAGE, PAGE, UDMAR_READ_WRITE);
    bed_reaches(b, 1, ODD, LOW + PAGE);
    bed_stopped(b, 0, ODD, true, NOT_WRITABLE);
    bed_close(b);
}

/* Stop and start again: everything is as it was, but nothing old is reached in between. */
static void test_stop_and_start(void **state)
{
    struct testbed *b = open_variant(state);

    for (unsigned i = 0; i < 3; i++) {
        bed_map(b, 0, ODD, LOW + i * PAGE, PAGE, UDMAR_READ_WRITE);
        bed_reaches(b, 0, ODD, LOW + i * PAGE);
        bed_unmap(b, 0, ODD, PAGE);
        bed_stop(b);
        bed_start(b);
        bed_attach(b, 0);
        bed_stopped(b, 0, ODD, true, NOT_WRITABLE);
    }
    bed_close(b);
}

/* ---- busdma ---------------------------------------------------------------------------------- */

struct loaded {
    int calls, count, error;
    struct udmar_dma_segment segment;
};

static void note_loaded(void *argument, struct udmar_dma_segment *segments, int count, int error)
{
    struct loaded *loaded = argument;

    loaded->calls++;
    loaded->count = count;
    loaded->error = error;
    if (count > 0)
        loaded->segment = segments[0];
}

static struct udmar_dma_tag *make_tag(struct testbed *b, uint64_t maxsize, uint64_t lowaddr)
{
    struct udmar_dma_tag *tag = NULL;

    assert_int_equal(udmar_dma_tag_create(udmar_device_dma_tag(b->device[0]), 1, 0, lowaddr,
                                          UINT64_MAX, NULL, NULL, maxsize, 64, UINT64_MAX, 0, NULL,
                                          NULL, &tag),
                     0);
    return tag;
}

static uint64_t load(struct udmar_dma_tag *tag, struct udmar_dma_map *map, void *buffer,
                     size_t size, int flags)
{
    struct loaded loaded = { .calls = 0 };

    assert_int_equal(udmar_dmamap_load(tag, map, buffer, size, note_loaded, &loaded, flags), 0);
    assert_int_equal(loaded.calls, 1);
    assert_int_equal(loaded.error, 0);
    assert_int_equal(loaded.count, 1);
    assert_int_equal(loaded.segment.ds_len, size);
    return loaded.segment.ds_addr;
}

/* The device writes into and reads from all of a buffer, whatever pages it is made of. */
static void move(struct testbed *b, uint64_t iova, uint8_t *buffer, size_t size, bool write)
{
    uint8_t bytes[1024];

    for (size_t at = 0; at < size; at += sizeof(bytes)) {
        size_t part = size - at < sizeof(bytes) ? size - at : sizeof(bytes);

        for (size_t i = 0; i < part; i++)
            (write ? bytes : buffer + at)[i] = (uint8_t)(bed_roll(b) | 1);
        if (write)
            memset(buffer + at, 0, part);
        assert_int_equal(bed_dma(b, 0, iova + at, bytes, part, write), DMA_DONE);
        assert_memory_equal(buffer + at, bytes, part);
    }
    bed_no_fault(b);
}

static void test_loads(void **state)
{
    static const size_t sizes[] = { 100, 4096, 5000, 20000, 65536 };
    struct testbed *b = open_variant(state);
    struct udmar_dma_tag *tag = make_tag(b, 65536, UINT64_MAX);
    struct udmar_dma_map *map = NULL;

    assert_int_equal(udmar_dmamap_create(tag, 0, &map), 0);
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint8_t *buffer = b->ops->buffer(b->machine, sizes[i], i % 2 == 0, i * 24);
        uint64_t iova;

        assert_non_null(buffer);
        iova = load(tag, map, buffer, sizes[i], 0);
        move(b, iova, buffer, sizes[i], true);
        move(b, iova, buffer, sizes[i], false);
        udmar_dmamap_unload(tag, map);
        bed_stopped(b, 0, iova, true, NOT_WRITABLE);
        bed_stopped(b, 0, iova + sizes[i] - 96, false, NOT_READABLE);
        /* For reading only; the pages are cold again. */
        iova = load(tag, map, buffer, sizes[i], UDMAR_DMA_NOWRITE);
        bed_stopped(b, 0, iova, true, NOT_WRITABLE);
        move(b, iova, buffer, sizes[i], false);
        udmar_dmamap_unload(tag, map);
        b->ops->buffer_free(b->machine, buffer);
    }
    assert_int_equal(udmar_dmamap_destroy(tag, map), 0);
    assert_int_equal(udmar_dma_tag_destroy(tag), 0);
    bed_close(b);
}

/* Maps with page tables of their own at level 2, or (beyond any window) a range for each load. */
static void large_load(struct testbed *b, uint64_t maxsize, bool scattered)
{
    struct udmar_dma_tag *tag = make_tag(b, maxsize, UINT64_MAX);
    size_t size = scattered ? KIB(900) + 123 : MIB(3) + 12345;
    uint8_t *buffer = b->ops->buffer(b->machine, size, scattered, 0);
    struct udmar_dma_map *map = NULL;
    uint64_t iova, middle = size / 2;

    assert_non_null(buffer);
    assert_int_equal(udmar_dmamap_create(tag, 0, &map), 0);
    for (unsigned i = 0; i < 3; i++) {
        iova = load(tag, map, buffer, size, 0);
        move(b, iova + 100, buffer + 100, 2000, true);
        move(b, iova + middle - 500, buffer + middle - 500, 1000, true);
        move(b, iova + size - 1500, buffer + size - 1500, 1500, false);
        udmar_dmamap_unload(tag, map);
        bed_stopped(b, 0, iova, true, NOT_WRITABLE);
        bed_stopped(b, 0, iova + middle, false, NOT_READABLE);
        bed_stopped(b, 0, iova + size - 100, false, NOT_READABLE);
        iova = load(tag, map, buffer, size, UDMAR_DMA_NOWRITE);
        bed_stopped(b, 0, iova, true, NOT_WRITABLE);
        bed_stopped(b, 0, iova + middle, true, NOT_WRITABLE);
        bed_stopped(b, 0, iova + size - 100, true, NOT_WRITABLE);
        move(b, iova + middle, buffer + middle, 1000, false);
        udmar_dmamap_unload(tag, map);
        bed_stopped(b, 0, iova + middle, false, NOT_READABLE);
    }
    b->ops->buffer_free(b->machine, buffer);
    assert_int_equal(udmar_dmamap_destroy(tag, map), 0);
    assert_int_equal(udmar_dma_tag_destroy(tag), 0);
}

static void test_large_loads(void **state)
{
    struct testbed *b = open_variant(state);

    large_load(b, MIB(4), false);
    large_load(b, MIB(4), true);
    large_load(b, MIB(64), false);
    large_load(b, MIB(64), true);
    bed_close(b);
}

/* dmamem: scattered pages, one range for the device. */
static void test_dmamem(void **state)
{
    struct testbed *b = open_variant(state);
    struct udmar_dma_tag *tag = make_tag(b, 40000, UINT64_MAX);
    struct udmar_dma_map *map = NULL;
    void *memory = NULL;
    uint64_t iova;

    assert_int_equal(udmar_dmamem_alloc(tag, &memory, 0, &map), 0);
    iova = load(tag, map, memory, 40000, 0);
    move(b, iova, memory, 40000, true);
    move(b, iova, memory, 40000, false);
    udmar_dmamap_unload(tag, map);
    bed_stopped(b, 0, iova + 39000, true, NOT_WRITABLE);
    udmar_dmamem_free(tag, memory, map);
    assert_int_equal(udmar_dma_tag_destroy(tag), 0);
    bed_close(b);
}

/* Bounced: the device cannot reach the buffer, so it gets other pages, and sync copies. */
static void test_bounce(void **state)
{
    struct testbed *b = open_variant(state);
    struct udmar_dma_tag *tag = make_tag(b, 4096, UINT32_MAX);
    struct udmar_dma_map *map = NULL;
    uint8_t *buffer = b->ops->buffer(b->machine, 4000, false, 0), bytes[96];
    uint64_t address;

    assert_int_equal(mode_of(b, 0), UDMAR_MODE_BOUNCE);
    assert_non_null(buffer);
    assert_int_equal(udmar_dmamap_create(tag, 0, &map), 0);
    memset(buffer, 0x3c, 4000);
    address = load(tag, map, buffer, 4000, 0);
    assert_true(address < UINT32_MAX);
    udmar_dmamap_sync(tag, map, UDMAR_DMA_SYNC_PREWRITE);
    assert_int_equal(bed_dma(b, 0, address + 1000, bytes, sizeof(bytes), false), DMA_DONE);
    for (unsigned i = 0; i < sizeof(bytes); i++)
        assert_int_equal(bytes[i], 0x3c);
    udmar_dmamap_sync(tag, map, UDMAR_DMA_SYNC_POSTWRITE);
    udmar_dmamap_sync(tag, map, UDMAR_DMA_SYNC_PREREAD);
    memset(bytes, 0x77, sizeof(bytes));
    assert_int_equal(bed_dma(b, 0, address + 2000, bytes, sizeof(bytes), true), DMA_DONE);
    assert_int_equal(buffer[2000], 0x3c);
    udmar_dmamap_sync(tag, map, UDMAR_DMA_SYNC_POSTREAD);
    assert_memory_equal(buffer + 2000, bytes, sizeof(bytes));
    assert_int_equal(buffer[2096], 0x3c);
    udmar_dmamap_unload(tag, map);
    bed_no_fault(b);
    b->ops->buffer_free(b->machine, buffer);
    assert_int_equal(udmar_dmamap_destroy(tag, map), 0);
    assert_int_equal(udmar_dma_tag_destroy(tag), 0);
    bed_close(b);
}

#define VARIANT(...) (&(const struct variant){ __VA_ARGS__ })
#define TWO                                                                                    \
    {                                                                                          \
        .width = 48, .device_count = 2, .device = { { ON_ROOT, EDU, 0 }, { ON_ROOT, EDU, 0 } } \
    }
#define NIC                                                                 \
    {                                                                       \
        .width = 48, .device_count = 1, .device = { { ON_ROOT, E1000, 0 } } \
    }

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        BED_TEST("pass-through", test_passthrough,
                 VARIANT({ .width = 48 }, "hw.busdma.default=passthrough")),
        BED_TEST("identity (39 bits)", test_identity,
                 VARIANT({ .width = 39 }, "hw.busdma.default=identity")),
        BED_TEST("identity (48 bits)", test_identity,
                 VARIANT({ .width = 48 }, "hw.busdma.default=identity")),
        BED_TEST("identity (hidden stores)", test_identity,
                 VARIANT({ .width = 48, .hidden_stores = true }, "hw.busdma.default=identity")),
        BED_TEST("identity where pass-through cannot be", test_identity,
                 VARIANT({ .width = 48, .no_pass_through = true }, "hw.busdma.default=identity")),
        BED_TEST("domains apart and shared", test_sharing, VARIANT(TWO, NULL)),
        BED_TEST("domains apart and shared (registers)", test_sharing,
                 VARIANT(TWO, "hw.dmar.qi=0")),
        BED_TEST("each mode to each other one", test_changes, VARIANT({ .width = 48 }, NULL)),
        BED_TEST("each mode to each other one (registers)", test_changes,
                 VARIANT({ .width = 39 }, "hw.dmar.qi=0")),
        BED_TEST("each mode to each other one (caching mode)", test_changes,
                 VARIANT({ .width = 39, .caching_mode = true }, NULL)),
        BED_TEST("a domain id used again", test_domain_reuse, VARIANT({ .width = 48 }, NULL)),
        BED_TEST("a domain id used again (registers)", test_domain_reuse,
                 VARIANT({ .width = 48 }, "hw.dmar.qi=0")),
        BED_TEST("a domain id used again (hidden stores)", test_domain_reuse,
                 VARIANT({ .width = 48, .hidden_stores = true }, NULL)),
        BED_TEST("domain ids exchanged", test_domain_exchange, VARIANT(TWO, NULL)),
        BED_TEST("stop and start", test_stop_and_start, VARIANT({ .width = 48 }, NULL)),
        BED_TEST("stop and start (registers)", test_stop_and_start,
                 VARIANT({ .width = 48 }, "hw.dmar.qi=0")),
        BED_TEST("loads of every kind (edu)", test_loads, VARIANT({ .width = 48 }, NULL)),
        BED_TEST("loads of every kind (e1000)", test_loads, VARIANT(NIC, NULL)),
        BED_TEST("loads of every kind (registers)", test_loads,
                 VARIANT({ .width = 39 }, "hw.dmar.qi=0")),
        /* Both units work a request off at once, so that deferred is as good as strict here. */
        BED_TEST("loads of every kind (deferred)", test_loads,
                 VARIANT({ .width = 48 }, "hw.dmar.strict=0")),
        BED_TEST("loads of every kind (hidden stores)", test_loads,
                 VARIANT({ .width = 39, .hidden_stores = true }, NULL)),
        BED_TEST("large loads", test_large_loads, VARIANT({ .width = 48 }, NULL)),
        BED_TEST("large loads (hidden stores)", test_large_loads,
                 VARIANT({ .width = 39, .hidden_stores = true }, NULL)),
        BED_TEST("dmamem", test_dmamem, VARIANT({ .width = 48 }, NULL)),
        BED_TEST("bounce", test_bounce, VARIANT({ .width = 48 }, "hw.busdma.default=bounce")),
    };

    return bed_run(argc, argv, "mode", tests, sizeof(tests) / sizeof(tests[0]));
}
