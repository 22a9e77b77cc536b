/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Translation requests: a virtio disk with ATS, whose back end is this process (vhost.h), tells
 * what the unit answers, and with which size, and which invalidations reach the device. The library
 * leaves ATS off; here the device asks all the same, as a third look at its tables that no transfer
 * gives.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ability.h"
#include "qemu.h"
#include "raw.h"
#include "vhost.h"

enum { BUS = 9 };
#define PORT   UDMAR_RID(0, 0x18, 0)
#define DISK   UDMAR_RID(BUS, 0, 0)
#define WINDOW UINT64_C(0xea000000)
#define ECAM   UINT64_C(0xb0000000)
#define RINGS  UINT64_C(0x70000000) /* guest address of the device's queue: two pages */
#define AT     (LOW + MIB(20))      /* and where it lies */
#define IOVA   UINT64_C(0x40000000)
#define DID    5

/* Fields of virtio's common configuration [VIRTIO 4.1.4.3]. */
enum { FEATURE_SELECT = 8, FEATURES = 12, STATUS = 20, QUEUE_ENABLE = 28, QUEUE = 32 };
enum { ACKNOWLEDGED = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8 };

struct bench {
    struct vhost *v;
    struct testbed *b;
    struct qemu *e;
    struct raw raw;
    struct udmar_device *device; /* null: tables by hand */
};

/* ---- The device ------------------------------------------------------------------------------ */

static uint64_t common_configuration(struct qemu *e)
{
    unsigned at = pci_read(e, DISK, 0x34) & 0xff;

    while (at != 0) {
        uint32_t head = pci_read(e, DISK, at);

        if ((head & 0xff) == 9 && head >> 24 == 1) /* vendor's, common configuration */
            return WINDOW + pci_read(e, DISK, at + 8);
        at = head >> 8 & 0xff;
    }
    qemu_wrong("the disk has no common configuration");
}

/* ATS is in extended space, which ports do not reach. */
static void enable_ats(struct qemu *e)
{
    uint64_t space = ECAM + ((uint64_t)DISK << 12), at = 0x100;

    pci_write(e, 0, 0x64, 0);
    pci_write(e, 0, 0x60, (uint32_t)ECAM | 1);
    while (at != 0) {
        uint32_t head = qtest_read32(e->q, space + at);

        if ((head & 0xffff) == 0x0f) {
            qtest_write16(e->q, space + at + 6, 0x8000);
            return;
        }
        at = head >> 20;
    }
    qemu_wrong("the disk has no ATS");
}

static void start_device(struct bench *t)
{
    uint64_t at = common_configuration(t->e);
    static const uint64_t ring[] = { RINGS, RINGS + 2048, RINGS + PAGE };

    enable_ats(t->e);
    qtest_write32(t->e->q, at + STATUS, 0);
    qtest_write32(t->e->q, at + STATUS, ACKNOWLEDGED | DRIVER);
    qtest_write32(t->e->q, at + FEATURE_SELECT, 0);
    qtest_write32(t->e->q, at + FEATURES, 0);
    qtest_write32(t->e->q, at + FEATURE_SELECT, 1);
    qtest_write32(t->e->q, at + FEATURES, 3); /* version 1, behind a remapping unit */
    qtest_write32(t->e->q, at + STATUS, ACKNOWLEDGED | DRIVER | FEATURES_OK);
    assert_int_not_equal(qtest_read32(t->e->q, at + STATUS) & FEATURES_OK, 0);
    for (unsigned i = 0; i < 3; i++) {
        qtest_write32(t->e->q, at + QUEUE + 8 * i, (uint32_t)ring[i]);
        qtest_write32(t->e->q, at + QUEUE + 8 * i + 4, (uint32_t)(ring[i] >> 32));
    }
    qtest_write32(t->e->q, at + QUEUE_ENABLE, 1);
    qtest_write32(t->e->q, at + STATUS, ACKNOWLEDGED | DRIVER | FEATURES_OK | DRIVER_OK);
    (void)qtest_read32(t->e->q, at + STATUS);
    assert_true(vhost_ready(t->v));
}

static void open_machine(struct bench *t, unsigned width)
{
    char chardev[128];
    const char *const arguments[] = {
        "-chardev",
        chardev,
        "-device",
        "pcie-root-port,id=ats,bus=pcie.0,addr=18.0,chassis=9,slot=9",
        "-device",
        "vhost-user-blk-pci,chardev=disk,iommu_platform=on,ats=on,disable-legacy=on,"
        "num-queues=1,bus=ats,addr=0.0",
        NULL
    };
    struct machine_options options = { .width = width,
                                       .device_tlb = true,
                                       .qemu_arguments = arguments };

    memset(t, 0, sizeof(*t));
    t->v = vhost_open();
    snprintf(chardev, sizeof(chardev), "socket,id=disk,path=%s", vhost_path(t->v));
    t->b = bed_machine_on(&machine_qemu, &options);
    t->e = t->b->machine;
    t->e->more_bridge = PORT;
    t->e->more_bus = BUS;
    pci_bridge_set_up(t->e, PORT, BUS, WINDOW);
    pci_enable(t->e, DISK, 4, WINDOW);
}

/* Tables by hand, of a driver that uses ATS: TT = 1. */
static void open_by_hand(struct bench *t, unsigned levels, uint64_t *out_top)
{
    open_machine(t, levels == 3 ? 39 : 48);
    raw_open(&t->raw, t->b, levels);
    *out_top = raw_page(&t->raw);
    for (unsigned i = 0; i < 2; i++)
        (void)raw_map(&t->raw, *out_top, RINGS + i * PAGE, 1, (AT + i * PAGE) | 3);
    raw_context(&t->raw, DISK, *out_top | 1 << 2 | 1, DID << 8 | (levels - 2));
    raw_flush_all(&t->raw);
    start_device(t);
}

static void open_driven(struct bench *t, const char *tunables, unsigned width)
{
    open_machine(t, width);
    bed_create(t->b, tunables);
    bed_start(t->b);
    bed_attach(t->b, 0);
    assert_int_equal(udmar_device_attach(t->b->instance, 0, DISK, "disk", &t->device), UDMAR_OK);
    assert_int_equal(
        udmar_domain_map(udmar_device_domain(t->device), RINGS, AT, 2 * PAGE, UDMAR_READ_WRITE),
        UDMAR_OK);
    start_device(t);
}

static void close_bench(struct bench *t)
{
    if (t->device != NULL) {
        assert_int_equal(udmar_domain_unmap(udmar_device_domain(t->device), RINGS, 2 * PAGE),
                         UDMAR_OK);
        assert_int_equal(udmar_device_detach(t->device), UDMAR_OK);
        bed_close(t->b);
    } else {
        bed_close_unclean(t->b);
    }
    vhost_close(t->v);
}

/* ---- What the unit answers ------------------------------------------------------------------- */

/* The page of @size around @iova leads to the one around @physical, with these rights. */
static void expect(struct bench *t, uint64_t iova, uint64_t physical, uint64_t size,
                   unsigned access)
{
    for (unsigned write = 0; write < 2; write++) {
        struct vhost_translation is = { .size = 0 };
        bool allowed = (access & (unsigned)(write != 0 ? UDMAR_WRITE : UDMAR_READ)) != 0;

        assert_int_equal(vhost_translate(t->v, iova, write != 0, &is), allowed);
        if (!allowed)
            continue;
        assert_int_equal(is.iova, iova & ~(size - 1));
        assert_int_equal(is.physical, physical & ~(size - 1));
        assert_int_equal(is.size, size);
    }
}

static void expect_nothing(struct bench *t, uint64_t iova)
{
    expect(t, iova, 0, PAGE, 0);
}

static void forget_faults(struct bench *t)
{
    struct udmar_fault fault;

    if (t->device == NULL)
        (void)raw_take_fault(&t->raw);
    while (t->device != NULL && bed_take_fault(t->b, &fault)) {
    }
}

static void no_invalidation(struct bench *t)
{
    struct vhost_invalidation i;

    assert_false(vhost_take_invalidation(t->v, &i));
}

static void test_answers(void **state)
{
    static const unsigned access[] = { UDMAR_READ_WRITE, UDMAR_READ, UDMAR_WRITE };
    unsigned levels = (unsigned)(uintptr_t)*state;
    struct bench t;
    uint64_t top;

    open_by_hand(&t, levels, &top);
    for (unsigned i = 0; i < 3; i++) {
        (void)raw_map(&t.raw, top, IOVA + i * PAGE, 1, (HIGH + i * 3 * PAGE) | access[i]);
        (void)raw_map(&t.raw, top, IOVA + MIB(2) * (i + 1), 2,
                      (HIGH + MIB(2) * i) | access[i] | 1 << 7);
    }
    (void)raw_map(&t.raw, top, GIB(4), 3, GIB(1) | 3 | 1 << 7);
    for (unsigned i = 0; i < 3; i++) {
        expect(&t, IOVA + i * PAGE, HIGH + i * 3 * PAGE, PAGE, access[i]);
        expect(&t, IOVA + MIB(2) * (i + 1) + 5 * PAGE, HIGH + MIB(2) * i, MIB(2), access[i]);
        forget_faults(&t);
    }
    expect(&t, GIB(4) + MIB(700), GIB(1), GIB(1), UDMAR_READ_WRITE);
    expect_nothing(&t, IOVA + 3 * PAGE);
    expect_nothing(&t, GIB(12));
    close_bench(&t);
}

/* ---- What reaches the device ----------------------------------------------------------------- */

struct queue {
    uint64_t page;
    unsigned tail;
};

static void open_queue(struct bench *t, struct queue *queue)
{
    queue->page = raw_page(&t->raw);
    queue->tail = 0;
    t->b->ops->write(t->e, 0x88, 0);
    t->b->ops->write(t->e, 0x8c, 0);
    t->b->ops->write(t->e, 0x90, (uint32_t)queue->page);
    t->b->ops->write(t->e, 0x94, (uint32_t)(queue->page >> 32));
    t->b->ops->write(t->e, 0x18, UINT32_C(0x84000000)); /* translation stays on */
    assert_int_not_equal(t->b->ops->read(t->e, 0x1c) & UINT32_C(0x04000000), 0);
}

static void submit(struct bench *t, struct queue *queue, uint64_t low, uint64_t high)
{
    raw_store(&t->raw, queue->page + 16 * queue->tail, low);
    raw_store(&t->raw, queue->page + 16 * queue->tail + 8, high);
    queue->tail = (queue->tail + 1) % 256;
    t->b->ops->write(t->e, 0x88, queue->tail << 4);
    assert_int_equal(t->b->ops->read(t->e, 0x80), queue->tail << 4);
    assert_int_equal(t->b->ops->read(t->e, 0x34) & 0x70, 0); /* no queue error */
}

/* Type 3; @pages is a power of two, and a range of more than one is named by ones in its address.
 */
static void invalidate_device(struct bench *t, struct queue *queue, uint64_t iova, uint64_t pages)
{
    uint64_t low = UINT64_C(3) | (uint64_t)DISK << 32;

    submit(t, queue, low, pages == 1 ? iova : iova | ((pages / 2 - 1) * PAGE) | 1);
}

static void expect_invalidation(struct bench *t, uint64_t iova, uint64_t size)
{
    struct vhost_invalidation i;

    assert_true(vhost_take_invalidation(t->v, &i));
    assert_int_equal(i.iova, iova);
    assert_int_equal(i.size, size);
    no_invalidation(t);
}

static void test_invalidations(void **state)
{
    struct queue queue;
    struct bench t;
    uint64_t top;

    (void)state;
    open_by_hand(&t, 4, &top);
    (void)raw_map(&t.raw, top, IOVA, 1, LOW | 3);
    expect(&t, IOVA, LOW, PAGE, UDMAR_READ_WRITE);
    open_queue(&t, &queue);
    while (vhost_take_invalidation(t.v, &(struct vhost_invalidation){ 0 })) {
    }
    /* Of the unit's own caches the device hears nothing. */
    submit(&t, &queue, UINT64_C(2) | 3 << 4 | (uint64_t)DID << 16, IOVA);
    submit(&t, &queue, UINT64_C(2) | 2 << 4 | (uint64_t)DID << 16, 0);
    submit(&t, &queue, UINT64_C(2) | 1 << 4, 0);
    no_invalidation(&t);
    invalidate_device(&t, &queue, IOVA, 1);
    expect_invalidation(&t, IOVA, PAGE);
    invalidate_device(&t, &queue, IOVA, 2);
    expect_invalidation(&t, IOVA, 2 * PAGE);
    invalidate_device(&t, &queue, IOVA, 512);
    expect_invalidation(&t, IOVA, MIB(2));
    /* What the unit has cached is what it goes on answering. */
    (void)raw_map(&t.raw, top, IOVA, 1, HIGH | 3);
    expect(&t, IOVA, HIGH, PAGE, UDMAR_READ_WRITE);
    (void)raw_map(&t.raw, top, IOVA, 1, LOW | 3);
    expect(&t, IOVA, HIGH, PAGE, UDMAR_READ_WRITE);
    submit(&t, &queue, UINT64_C(2) | 3 << 4 | (uint64_t)DID << 16, IOVA);
    expect(&t, IOVA, LOW, PAGE, UDMAR_READ_WRITE);
    close_bench(&t);
}

/* ---- Under the driver ------------------------------------------------------------------------ */

enum { PAGES = 1536 };

struct plan {
    uint64_t physical[PAGES];
    unsigned access[PAGES]; /* 0: not mapped */
};

static void change(struct bench *t, struct plan *plan)
{
    struct udmar_domain *domain = udmar_device_domain(t->device);
    unsigned large = bed_roll(t->b) % 4 == 0, pages = large ? 512 : bed_roll(t->b) % 20 + 1;
    unsigned first = large ? bed_roll(t->b) % 3 * 512 : bed_roll(t->b) % (PAGES - pages);
    unsigned access = bed_roll(t->b) % 3 + 1;
    uint64_t physical =
        HIGH + MIB(2) * (bed_roll(t->b) % 4) + (large ? 0 : bed_roll(t->b) % 300 * PAGE);

    assert_int_equal(udmar_domain_unmap(domain, IOVA + first * PAGE, pages * PAGE), UDMAR_OK);
    for (unsigned i = 0; i < pages; i++)
        plan->access[first + i] = 0;
    if (bed_roll(t->b) % 3 == 0)
        return;
    assert_int_equal(udmar_domain_map(domain, IOVA + first * PAGE, physical, pages * PAGE, access),
                     UDMAR_OK);
    for (unsigned i = 0; i < pages; i++) {
        plan->access[first + i] = access;
        plan->physical[first + i] = physical + i * PAGE;
    }
}

/* A page that the driver has made part of a large one is answered as a large one; both are right.
 */
static void look(struct bench *t, const struct plan *plan, unsigned page)
{
    bool write = bed_roll(t->b) % 2 != 0;
    bool allowed = (plan->access[page] & (unsigned)(write ? UDMAR_WRITE : UDMAR_READ)) != 0;
    uint64_t iova = IOVA + page * PAGE + bed_roll(t->b) % PAGE;
    struct vhost_translation is = { .size = 0 };

    assert_int_equal(vhost_translate(t->v, iova, write, &is), allowed);
    if (!allowed) {
        forget_faults(t);
        return;
    }
    assert_true(is.size == PAGE || is.size == MIB(2));
    assert_int_equal(is.iova % is.size, 0);
    for (uint64_t at = is.iova; at < is.iova + is.size; at += PAGE) {
        unsigned other = (unsigned)((at - IOVA) / PAGE);

        assert_true(other < PAGES);
        assert_int_equal(plan->access[other], plan->access[page]);
        assert_int_equal(plan->physical[other], is.physical + (at - is.iova));
    }
}

static void test_driven(void **state)
{
    const char *tunables = *state;
    static struct plan plan;
    struct bench t;

    memset(&plan, 0, sizeof(plan));
    open_driven(&t, tunables, 48);
    for (unsigned i = 0; i < 400; i++) {
        change(&t, &plan);
        for (unsigned j = 0; j < 6; j++)
            look(&t, &plan, bed_roll(t.b) % PAGES);
    }
    /* The library has no use for ATS, and tells no device anything. */
    no_invalidation(&t);
    assert_int_equal(udmar_domain_unmap(udmar_device_domain(t.device), IOVA, PAGES * PAGE),
                     UDMAR_OK);
    for (unsigned page = 0; page < PAGES; page += 97)
        expect_nothing(&t, IOVA + page * PAGE);
    forget_faults(&t);
    close_bench(&t);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        BED_TEST("by hand: size of an answer, and what is refused (39 bits)", test_answers, 3),
        BED_TEST("by hand: size of an answer, and what is refused (48 bits)", test_answers, 4),
        BED_TEST("by hand: device-TLB invalidations arrive, others do not", test_invalidations, 0),
        BED_TEST("under the driver, queue", test_driven, "hw.dmar.qi=1"),
        BED_TEST("under the driver, registers", test_driven, "hw.dmar.qi=0"),
    };

    if (qemu_missing() == NULL && !qemu_has_device("vhost-user-blk-pci")) {
        printf("1..0 # SKIP this QEMU has no vhost-user-blk-pci\n");
        return 0;
    }
    return bed_run(argc, argv, "ats", tests, sizeof(tests) / sizeof(tests[0]));
}
