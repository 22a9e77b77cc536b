/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NVMe and AHCI under translation: sectors written through busdma are in the image file, sectors
 * of the file are read back, and a transfer to a buffer that was unloaded is a fault. Both
 * controllers say that such a transfer went well: only the unit tells.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "disk.h"

#define IMAGE_SIZE MIB(8)
#define MAX_SIZE   (80 * PAGE)

struct variant {
    const struct disk_ops *ops;
    struct machine_options options;
    const char *tunables;
};

struct bench {
    struct testbed *b;
    const struct disk_ops *ops;
    struct disk disk;
    struct udmar_device *device;
    bus_dma_tag_t tag; /* of transfers */
    bus_dmamap_t map;
    bus_dma_segment_t segment[DISK_SEGMENTS];
    int segments;
    int image;
};

/* ---- Shared memory --------------------------------------------------------------------------- */

struct noted {
    bus_dma_segment_t *segment;
    int count, error;
};

static void note(void *argument, bus_dma_segment_t *segments, int count, int error)
{
    struct noted *noted = argument;

    noted->count = count;
    noted->error = error;
    if (count > 0)
        memcpy(noted->segment, segments, (size_t)count * sizeof(*segments));
}

void shared_alloc(struct shared *s, bus_dma_tag_t parent, size_t size, size_t alignment)
{
    bus_dma_segment_t segment = { 0, 0 };
    struct noted noted = { .segment = &segment };

    assert_int_equal(bus_dma_tag_create(parent, alignment, 0, BUS_SPACE_MAXADDR, BUS_SPACE_MAXADDR,
                                        NULL, NULL, size, 1, size, 0, NULL, NULL, &s->tag),
                     0);
    assert_int_equal(bus_dmamem_alloc(s->tag, &s->memory, BUS_DMA_ZERO, &s->map), 0);
    assert_int_equal(bus_dmamap_load(s->tag, s->map, s->memory, size, note, &noted, 0), 0);
    assert_int_equal(noted.error, 0);
    assert_int_equal(noted.count, 1);
    assert_int_equal(segment.ds_addr % alignment, 0);
    s->bus = segment.ds_addr;
}

void shared_free(struct shared *s)
{
    bus_dmamap_unload(s->tag, s->map);
    bus_dmamem_free(s->tag, s->memory, s->map);
    assert_int_equal(bus_dma_tag_destroy(s->tag), 0);
}

/* ---- Machine --------------------------------------------------------------------------------- */

static uint8_t pattern(uint64_t at)
{
    return (uint8_t)(at / SECTOR * 37 + at % SECTOR * 11 + 5) | 1;
}

static void make_image(struct bench *t, char path[64])
{
    static uint8_t bytes[MIB(1)];

    snprintf(path, 64, "/tmp/udmar-disk-XXXXXX");
    t->image = mkstemp(path);
    assert_true(t->image >= 0);
    for (uint64_t at = 0; at < IMAGE_SIZE; at += sizeof(bytes)) {
        for (uint64_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = pattern(at + i);
        assert_int_equal(pwrite(t->image, bytes, sizeof(bytes), (off_t)at), sizeof(bytes));
    }
}

static void bench_open(struct bench *t, void **state)
{
    const struct variant *v = *state;
    struct machine_options options = v->options;
    char path[64], drive[128];
    const char *arguments[10] = { "-drive", drive };

    memset(t, 0, sizeof(*t));
    t->ops = v->ops;
    make_image(t, path);
    snprintf(drive, sizeof(drive), "file=%s,if=none,id=disk,format=raw", path);
    for (unsigned i = 0; v->ops->arguments[i] != NULL; i++)
        arguments[2 + i] = v->ops->arguments[i];
    options.qemu_arguments = arguments;
    t->b = bed_machine_on(&machine_qemu, &options);
    unlink(path);
    bed_create(t->b, v->tunables);
    bed_start(t->b);
    bed_attach(t->b, 0);
    assert_int_equal(udmar_device_attach(t->b->instance, 0, v->ops->rid, v->ops->name, &t->device),
                     UDMAR_OK);
    t->disk = (struct disk){ .e = t->b->machine,
                             .rid = v->ops->rid,
                             .registers = UINT64_C(0xe8000000),
                             .parent = udmar_device_dma_tag(t->device) };
    pci_enable(t->disk.e, t->disk.rid, v->ops->bar, t->disk.registers);
    t->ops->open(&t->disk);
    assert_int_equal(bus_dma_tag_create(t->disk.parent, v->ops->alignment, 0, BUS_SPACE_MAXADDR,
                                        BUS_SPACE_MAXADDR, NULL, NULL, MAX_SIZE, DISK_SEGMENTS,
                                        MIB(2), 0, NULL, NULL, &t->tag),
                     0);
    assert_int_equal(bus_dmamap_create(t->tag, 0, &t->map), 0);
}

static void bench_close(struct bench *t)
{
    assert_int_equal(bus_dmamap_destroy(t->tag, t->map), 0);
    assert_int_equal(bus_dma_tag_destroy(t->tag), 0);
    t->ops->close(&t->disk);
    assert_int_equal(udmar_device_detach(t->device), UDMAR_OK);
    close(t->image);
    bed_close(t->b);
}

static void load(struct bench *t, void *buffer, uint32_t bytes)
{
    struct noted noted = { .segment = t->segment };

    assert_int_equal(bus_dmamap_load(t->tag, t->map, buffer, bytes, note, &noted, 0), 0);
    assert_int_equal(noted.error, 0);
    t->segments = noted.count;
}

static void transfer(struct bench *t, bool write, uint64_t sector, void *buffer, uint32_t bytes)
{
    load(t, buffer, bytes);
    bus_dmamap_sync(t->tag, t->map, write ? BUS_DMASYNC_PREWRITE : BUS_DMASYNC_PREREAD);
    assert_true(t->ops->transfer(&t->disk, write, sector, bytes, t->segment, t->segments));
    bus_dmamap_sync(t->tag, t->map, write ? BUS_DMASYNC_POSTWRITE : BUS_DMASYNC_POSTREAD);
    bus_dmamap_unload(t->tag, t->map);
    bed_transactions++;
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static void one_size(struct bench *t, uint32_t bytes, size_t offset, bool scattered,
                     uint64_t sector)
{
    static uint8_t seen[MAX_SIZE];
    struct testbed *b = t->b;
    uint8_t *buffer = b->ops->buffer(b->machine, bytes, scattered, offset);

    assert_non_null(buffer);
    /* What the file has. */
    memset(buffer, 0, bytes);
    transfer(t, false, sector, buffer, bytes);
    for (uint32_t i = 0; i < bytes; i++)
        assert_int_equal(buffer[i], pattern(sector * SECTOR + i));
    /* Something else, into the file... */
    for (uint32_t i = 0; i < bytes; i++)
        buffer[i] = (uint8_t)bed_roll(b);
    transfer(t, true, sector, buffer, bytes);
    assert_int_equal(pread(t->image, seen, bytes, (off_t)(sector * SECTOR)), bytes);
    assert_memory_equal(buffer, seen, bytes);
    /* ...and back. */
    memset(buffer, 0, bytes);
    transfer(t, false, sector, buffer, bytes);
    assert_memory_equal(buffer, seen, bytes);
    bed_no_fault(b);
    b->ops->buffer_free(b->machine, buffer);
}

static void test_sizes(void **state)
{
    static const uint32_t sizes[] = { SECTOR, 4096, 8192, 12288, 65536, 64 * 4096 };
    static const size_t offsets[] = { 0, 512, 4, 3584 };
    uint64_t sector = 7;
    struct bench t;

    bench_open(&t, state);
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (unsigned j = 0; j < sizeof(offsets) / sizeof(offsets[0]); j++) {
            one_size(&t, sizes[i], offsets[j], (i + j) % 2 == 0, sector);
            sector += sizes[i] / SECTOR + 3;
        }
    }
    assert_true(sector * SECTOR < IMAGE_SIZE);
    bench_close(&t);
}

static bool untouched(const uint8_t *buffer, size_t size, uint8_t value)
{
    for (size_t i = 0; i < size; i++) {
        if (buffer[i] != value)
            return false;
    }
    return true;
}

/* The first fault is of the disk, at the buffer; there may be more of them behind it. */
static void expect_fault(struct bench *t, bool write)
{
    struct udmar_fault fault;

    assert_true(bed_take_fault(t->b, &fault));
    assert_int_equal(fault.rid, t->ops->rid);
    assert_ptr_equal(fault.device, t->device);
    assert_int_equal(fault.access, write ? UDMAR_FAULT_WRITE : UDMAR_FAULT_READ);
    assert_int_equal(fault.reason, write ? NOT_WRITABLE : NOT_READABLE);
    assert_int_equal(fault.address, t->segment[0].ds_addr & ~UDMAR_PAGE_MASK);
    assert_int_equal(fault.place, UDMAR_PLACE_ENDED);
    while (bed_take_fault(t->b, &fault))
        assert_int_equal(fault.rid, t->ops->rid);
}

/* The driver's classic mistake: the buffer is unloaded while the device still has its address. */
static void test_unloaded(void **state)
{
    struct bench t;
    uint32_t bytes = 4096;
    uint8_t *buffer, *before;

    bench_open(&t, state);
    buffer = t.b->ops->buffer(t.b->machine, bytes, false, 0);
    before = calloc(1, bytes);
    assert_non_null(before);
    /* Used once, so that the translation is cached. */
    transfer(&t, false, 100, buffer, bytes);
    for (unsigned round = 0; round < 3; round++) {
        load(&t, buffer, bytes);
        assert_true(t.ops->transfer(&t.disk, false, 100, bytes, t.segment, t.segments));
        bus_dmamap_unload(t.tag, t.map);
        bed_no_fault(t.b);
        memset(buffer, 0x42, bytes);
        (void)t.ops->transfer(&t.disk, false, 200, bytes, t.segment, t.segments);
        assert_true(untouched(buffer, bytes, 0x42));
        expect_fault(&t, true);
        /* Written to disk would be what somebody else keeps there now. */
        (void)t.ops->transfer(&t.disk, true, 300, bytes, t.segment, t.segments);
        expect_fault(&t, false);
        assert_int_equal(pread(t.image, before, bytes, 300 * SECTOR), bytes);
        assert_false(untouched(before, 16, 0x42));
    }
    /* The controller goes on working. */
    one_size(&t, 8192, 0, true, 1000);
    free(before);
    t.b->ops->buffer_free(t.b->machine, buffer);
    bench_close(&t);
}

#define VARIANT(...) (&(const struct variant){ __VA_ARGS__ })
#define DISK(name, ops)                                                           \
    BED_TEST(name ": transfers of every size (39 bits)", test_sizes,              \
             VARIANT(ops, { .width = 39 }, NULL)),                                \
        BED_TEST(name ": transfers of every size (48 bits)", test_sizes,          \
                 VARIANT(ops, { .width = 48 }, NULL)),                            \
        BED_TEST(name ": transfers of every size (registers)", test_sizes,        \
                 VARIANT(ops, { .width = 48 }, "hw.dmar.qi=0")),                  \
        BED_TEST(name ": transfers of every size (hidden stores)", test_sizes,    \
                 VARIANT(ops, { .width = 48, .hidden_stores = true }, NULL)),     \
        BED_TEST(name ": transfers of every size (caching mode)", test_sizes,     \
                 VARIANT(ops, { .width = 39, .caching_mode = true }, NULL)),      \
        BED_TEST(name ": transfers of every size (pass-through)", test_sizes,     \
                 VARIANT(ops, { .width = 48 }, "hw.busdma.default=passthrough")), \
        BED_TEST(name ": transfers of every size (identity)", test_sizes,         \
                 VARIANT(ops, { .width = 48 }, "hw.busdma.default=identity")),    \
        BED_TEST(name ": a buffer that was unloaded (queue)", test_unloaded,      \
                 VARIANT(ops, { .width = 48 }, NULL)),                            \
        BED_TEST(name ": a buffer that was unloaded (registers)", test_unloaded,  \
                 VARIANT(ops, { .width = 39 }, "hw.dmar.qi=0"))

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        DISK("NVMe", &disk_nvme),
        DISK("AHCI", &disk_ahci),
    };

    return bed_run(argc, argv, "disk", tests, sizeof(tests) / sizeof(tests[0]));
}
