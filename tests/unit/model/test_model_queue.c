/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hardware model itself, third part: the invalidation queue, fault records and events, PCI,
 * the DMAR table.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "bench.h"

#define RID UINT16_C(0x0010)
#define DID UINT16_C(7)
#define RW  UINT64_C(3)
#define QIE UINT32_C(0x04000000)

/* FSTS bits. */
#define PFO UINT32_C(1)
#define PPF UINT32_C(2)
#define IQE UINT32_C(0x10)
#define ICE UINT32_C(0x20)
#define ITE UINT32_C(0x40)

/* Descriptors. */
#define CONTEXT_GLOBAL UINT64_C(0x11)
#define IOTLB_GLOBAL   UINT64_C(0x12)
#define IOTLB_DOMAIN   (UINT64_C(0x22) | (uint64_t)DID << 16)
#define IOTLB_PAGE     (UINT64_C(0x32) | (uint64_t)DID << 16)

static void close_clean(struct bench *b)
{
    assert_true(bench_clean(b));
    bench_close(b);
}

/* One page of data mapped at 0x5000 for RID, translation on. */
struct scene {
    struct bench b;
    uint64_t top, data, leaf;
};

static void scene_open(struct scene *s, const char *profile)
{
    bench_open(&s->b, profile, NULL, NULL);
    s->top = model_page_alloc(s->b.m);
    s->data = model_page_alloc(s->b.m);
    s->leaf = bench_map(&s->b, s->top, 0x5000, 1, s->data | RW);
    bench_attach(&s->b, RID, s->top, DID);
    bench_translate(&s->b);
}

static bool reaches(struct scene *s, uint64_t iova)
{
    return bench_dma_write(&s->b, RID, iova, 1) == MODEL_OK;
}

static void drop_faults(struct bench *b)
{
    for (unsigned i = 0; i < 8; i++)
        bench_take_fault(b, i % ((model_unit_cap(b->u) >> 40 & 0xff) + 1));
    bench_acknowledge(b, PFO);
}

/* ---- Queue ----------------------------------------------------------------------------------- */

static void test_queue_runs(void **state)
{
    const struct model_invalidation *what;
    struct scene s;
    struct bench *b = &s.b;

    (void)state;
    scene_open(&s, "generic48");
    bench_queue_on(b);
    assert_true(reaches(&s, 0x5000));
    model_publish64(b->m, s.leaf, 0);
    model_clear_invalidation_log(b->u);
    bench_post(b, CONTEXT_GLOBAL, 0);
    bench_post(b, IOTLB_PAGE | 0xc0, 0x5040);
    assert_true(reaches(&s, 0x5000));
    bench_ring(b);
    assert_false(reaches(&s, 0x5000));
    bench_wait(b, 1, 0x12345678);
    assert_int_equal(bench_word(b, 1), 0x12345678);
    assert_int_equal(bench_read(b, 0x80), 3 * 16);
    assert_int_equal(model_invalidation_count(b->u), 3);
    what = model_invalidation_log(b->u, 1);
    assert_true(what->kind == MODEL_INV_IOTLB && what->granularity == MODEL_DEVICE_OR_PAGE);
    assert_true(what->address == 0x5000 && what->leaf_hint && what->did == DID);
    assert_true(what->drain_read && what->drain_write && !what->by_register);
    /* Round the ring, several times. */
    for (uint32_t i = 0; i < 1000; i++) {
        bench_submit(b, IOTLB_DOMAIN, 0);
        bench_wait(b, i % 16, i);
        assert_int_equal(bench_word(b, i % 16), i);
    }
    bench_command(b, QIE, false);
    assert_int_equal(bench_read(b, 0x80), 0);
    bench_queue_on(b);
    bench_wait(b, 0, 5);
    assert_int_equal(bench_word(b, 0), 5);
    bench_submit(b, IOTLB_GLOBAL, 0);
    bench_command(b, QIE, false);
    assert_true(bench_violated(b, "last descriptor was no wait"));
    bench_write(b, 0x88, 32);
    bench_command(b, QIE, true);
    assert_true(bench_violated(b, "tail that is not 0"));
    close_clean(b);
}

static void test_queue_modes(void **state)
{
    struct bench b;
    struct model_behaviour *knobs;

    (void)state;
    bench_open(&b, "generic48", NULL, NULL);
    knobs = model_behaviour(b.u);
    bench_queue_on(&b);
    knobs->queue_mode = MODEL_QUEUE_MANUAL;
    bench_wait(&b, 0, 1);
    bench_wait(&b, 1, 1);
    assert_int_equal(bench_word(&b, 0), 0);
    assert_int_equal(model_queue_step(b.u, 1), 1);
    assert_int_equal(bench_word(&b, 0), 1);
    assert_int_equal(bench_word(&b, 1), 0);
    assert_int_equal(model_queue_step(b.u, 9), 1);
    knobs->queue_mode = MODEL_QUEUE_DELAYED;
    knobs->queue_delay = 3;
    bench_wait(&b, 0, 2);
    udmar_host_time_ns(b.m);
    udmar_host_time_ns(b.m);
    assert_int_equal(bench_word(&b, 0), 1);
    udmar_host_time_ns(b.m);
    assert_int_equal(bench_word(&b, 0), 2);
    knobs->queue_mode = MODEL_QUEUE_TRICKLE;
    bench_wait(&b, 0, 3);
    bench_wait(&b, 1, 3);
    udmar_host_time_ns(b.m);
    assert_true(bench_word(&b, 0) == 3 && bench_word(&b, 1) == 1);
    udmar_host_time_ns(b.m);
    assert_int_equal(bench_word(&b, 1), 3);
    knobs->queue_mode = MODEL_QUEUE_DEAD;
    for (unsigned i = 0; i < 255; i++)
        bench_wait(&b, 0, 4);
    for (unsigned i = 0; i < 100; i++)
        udmar_host_time_ns(b.m);
    assert_int_equal(bench_word(&b, 0), 3);
    assert_true(bench_clean(&b));
    bench_wait(&b, 0, 4); /* the 256th: the ring has room for 255 */
    assert_true(bench_violated(&b, "overrun"));
    bench_close(&b);
}

/* Descriptors that must be refused, and with which IQERCD information. */
static const struct {
    uint64_t low, high;
    unsigned info;
} bad_descriptors[] = {
    { 0x00, 0, 3 },
    { 0x06, 0, 3 },
    { 0x0f, 0, 3 },
    { UINT64_C(0x200) | CONTEXT_GLOBAL, 0, 3 }, /* upper type bits */
    { 0x13, 0, 3 },                             /* device-TLB without DT */
    { 0x04, 0, 3 },                             /* IEC without IR */
    { 0x01, 0, 4 },                             /* granularity 0 */
    { 0x02, 0, 4 },
    { UINT64_C(0x40) | CONTEXT_GLOBAL, 0, 4 },
    { UINT64_C(0x4000000000000) | CONTEXT_GLOBAL, 0, 4 },
    { CONTEXT_GLOBAL, 1, 4 },
    { UINT64_C(0x100) | IOTLB_GLOBAL, 0, 4 },
    { UINT64_C(0x100000000) | IOTLB_GLOBAL, 0, 4 },
    { IOTLB_PAGE, 0x1080, 4 },
    { IOTLB_PAGE, 0x1013, 4 }, /* AM 19 > MAMV 18 */
    { 0x125, 0x100000, 4 },
    { 0xa5, 0x100000, 4 }, /* PD without PDS */
    { 0x25, 0x100001, 4 },
    { 0x25, UINT64_C(0x3f0000000000), 2 }, /* no memory to write to */
};

static void test_queue_refuses(void **state)
{
    struct bench b;

    (void)state;
    bench_open(&b, "generic48", NULL, NULL);
    bench_queue_on(&b);
    for (uint32_t i = 0; i < sizeof(bad_descriptors) / sizeof(bad_descriptors[0]); i++) {
        uint32_t head = b.tail;

        bench_submit(&b, bad_descriptors[i].low, bad_descriptors[i].high);
        bench_wait(&b, 0, i + 1);
        assert_int_equal(bench_read(&b, 0x34) & IQE, IQE);
        assert_int_equal(bench_read(&b, 0xb0) & 15, bad_descriptors[i].info);
        assert_int_equal(bench_read(&b, 0x80), head);
        assert_int_equal(bench_word(&b, 0), i);
        /* Mend the slot, clear the error, ring again. */
        model_store64(b.m, b.queue + head, IOTLB_GLOBAL);
        model_store64(b.m, b.queue + head + 8, 0);
        bench_ring(&b);
        assert_int_equal(bench_word(&b, 0), i); /* not while the error is shown */
        bench_acknowledge(&b, IQE);
        assert_int_equal(bench_word(&b, 0), i);
        bench_ring(&b);
        assert_int_equal(bench_word(&b, 0), i + 1);
    }
    model_behaviour(b.u)->queue_resumes_on_clear = true;
    bench_submit(&b, 0, 0);
    model_store64(b.m, b.queue + b.tail - 16, IOTLB_GLOBAL);
    bench_acknowledge(&b, IQE);
    assert_int_equal(bench_read(&b, 0x80), b.tail);
    bench_write(&b, 0x88, 4096);
    assert_int_equal(bench_read(&b, 0xb0) & 15, 1); /* bad tail */
    close_clean(&b);
}

static void test_queue_errors_injected(void **state)
{
    struct bench b;

    (void)state;
    bench_open(&b, "generic48", NULL, NULL);
    bench_queue_on(&b);
    model_behaviour(b.u)->queue_mode = MODEL_QUEUE_MANUAL;
    model_inject_queue_error(b.u, 2, MODEL_QUEUE_IQE, 0, 0);
    bench_submit(&b, IOTLB_GLOBAL, 0);
    bench_wait(&b, 0, 1);
    assert_int_equal(model_queue_step(b.u, 10), 1);
    assert_int_equal(bench_read(&b, 0x34) & IQE, IQE);
    bench_acknowledge(&b, IQE);
    bench_ring(&b);
    assert_int_equal(model_queue_step(b.u, 10), 1);
    assert_int_equal(bench_word(&b, 0), 1);
    /* ITE: of the three waits two have been fetched and are aborted. */
    model_inject_queue_error(b.u, 1, MODEL_QUEUE_ITE, 0x0300, 1);
    bench_wait(&b, 0, 2);
    bench_wait(&b, 1, 2);
    bench_wait(&b, 2, 2);
    assert_int_equal(model_queue_step(b.u, 10), 0);
    assert_int_equal(bench_read(&b, 0x34) & ITE, ITE);
    assert_int_equal(bench_read(&b, 0xb4), 0x0300);
    assert_int_equal(bench_read(&b, 0x80), b.tail - 16);
    assert_int_equal(model_queue_step(b.u, 10), 0); /* stands still */
    bench_acknowledge(&b, ITE);
    assert_int_equal(model_queue_step(b.u, 10), 1);
    assert_true(bench_word(&b, 0) == 1 && bench_word(&b, 1) == 0 && bench_word(&b, 2) == 2);
    assert_int_equal(model_stats(b.u)->queue_aborted, 2);
    model_inject_queue_error(b.u, 1, MODEL_QUEUE_ICE, 0x0400, 0);
    bench_wait(&b, 0, 3);
    assert_int_equal(model_queue_step(b.u, 10), 1);
    assert_int_equal(bench_read(&b, 0x34) & ICE, ICE);
    assert_int_equal(bench_read(&b, 0xb4) >> 16, 0x0400);
    assert_int_equal(bench_word(&b, 0), 3);
    bench_acknowledge(&b, ICE);
    assert_int_equal(bench_read(&b, 0x34), 0);
    close_clean(&b);
}

static void test_device_tlb(void **state)
{
    struct scene s;
    struct bench *b = &s.b;
    const uint64_t request = UINT64_C(0x3) | (uint64_t)RID << 32;

    (void)state;
    scene_open(&s, "ats");
    model_add_function(b->m, 0, RID, 0x8086, 0x1234, 0x020000);
    model_set_ats(b->m, 0, RID, true);
    bench_queue_on(b);
    bench_submit(b, request, 0x5001);
    bench_wait(b, 0, 1);
    assert_int_equal(bench_word(b, 0), 1);
    bench_submit(b, UINT64_C(0x80000014), 0); /* IEC by index, 2^16 entries */
    assert_int_equal(bench_read(b, 0xb0) & 15, 4);
    model_store64(b->m, b->queue + b->tail - 16, UINT64_C(0x78000014));
    bench_acknowledge(b, IQE);
    bench_ring(b);
    assert_int_equal(model_stats(b->u)->iec, 1);
    /* A device that is not there, or does not do ATS, never answers. */
    model_set_ats(b->m, 0, RID, false);
    model_behaviour(b->u)->queue_mode = MODEL_QUEUE_MANUAL;
    bench_submit(b, request, 0x5001);
    bench_wait(b, 0, 2);
    assert_int_equal(model_queue_step(b->u, 9), 0);
    assert_int_equal(bench_read(b, 0x34), ITE);
    assert_int_equal(bench_read(b, 0xb4), RID);
    assert_int_equal(bench_word(b, 0), 1);
    assert_int_equal(bench_read(b, 0x80), b->tail);
    bench_acknowledge(b, ITE);
    bench_wait(b, 0, 3);
    model_queue_step(b->u, 1);
    assert_int_equal(bench_word(b, 0), 3);
    bench_submit(b, request | 0x1000, 0); /* PFSID without DIT */
    model_queue_step(b->u, 1);
    assert_int_equal(bench_read(b, 0x34), IQE);
    close_clean(b);
}

static void test_wide_descriptors(void **state)
{
    struct bench b;

    (void)state;
    bench_open(&b, "v6", NULL, NULL);
    bench_write64(&b, 0x88, 0);
    bench_write64(&b, 0x90, b.queue | 0x800);
    bench_command(&b, QIE, true);
    bench_post(&b, UINT64_C(0x900000025), b.status);
    bench_post(&b, 0, 0);
    bench_ring(&b);
    assert_int_equal(bench_word(&b, 0), 9);
    bench_post(&b, CONTEXT_GLOBAL, 0);
    bench_post(&b, 1, 0); /* reserved upper half */
    bench_ring(&b);
    assert_int_equal(bench_read(&b, 0xb0) & 15, 4);
    bench_acknowledge(&b, IQE);
    bench_write(&b, 0x88, 48); /* bit 4 */
    assert_int_equal(bench_read(&b, 0xb0) & 15, 6);
    close_clean(&b);
    bench_open(&b, "generic48", NULL, NULL);
    bench_write64(&b, 0x90, b.queue | 0x800);
    assert_true(bench_violated(&b, "256-bit"));
    close_clean(&b);
}

/* ---- Faults and events ----------------------------------------------------------------------- */

static unsigned handler_calls;

static void count_interrupt(void *argument)
{
    (void)argument;
    handler_calls++;
}

static void *arm(struct bench *b, uint32_t control, bool unmask)
{
    uint64_t address;
    uint32_t data;
    void *interrupt = udmar_host_interrupt_alloc(b->m, count_interrupt, NULL, &address, &data);

    handler_calls = 0;
    bench_write(b, control + 4, data);
    bench_write(b, control + 8, (uint32_t)address);
    bench_write(b, control + 12, (uint32_t)(address >> 32));
    if (unmask)
        bench_write(b, control, 0);
    return interrupt;
}

static void test_fault_ring(void **state)
{
    struct bench b;

    (void)state;
    bench_open(&b, "generic48", NULL, NULL); /* 8 records */
    for (uint16_t i = 0; i < 5; i++)
        model_inject_fault(b.u, i, 5, UINT64_C(0x123000) + 0x1000 * i + 0x234, true);
    assert_int_equal(bench_read(&b, 0x34), PPF);
    assert_true(bench_read64(&b, 0x1200) == 0x123000);
    assert_true(bench_read64(&b, 0x1218) == (UINT64_C(0x80000005) << 32 | 1));
    assert_int_equal(bench_take_fault(&b, 0), 5);
    assert_int_equal(bench_take_fault(&b, 1), 5);
    assert_int_equal(bench_read(&b, 0x34), PPF); /* it rose with record 0, and stays */
    for (uint16_t i = 5; i < 10; i++)
        model_inject_fault(b.u, i, 6, 0, false);
    assert_int_equal(bench_read(&b, 0x34), PPF);
    assert_int_equal(bench_read(&b, 0x120c), 0xc0000006); /* wrapped to record 0, a read */
    model_inject_fault(b.u, 10, 6, 0, false);
    assert_int_equal(bench_read(&b, 0x34), PFO | PPF);
    assert_int_equal(bench_take_fault(&b, 2), 5);
    model_inject_fault(b.u, 11, 6, 0, false); /* nothing more while PFO stands */
    assert_int_equal(bench_read(&b, 0x122c) >> 31, 0);
    bench_acknowledge(&b, PFO);
    model_inject_fault(b.u, 12, 6, 0, false);
    assert_int_equal(bench_read(&b, 0x1228), 12);
    assert_int_equal(bench_read(&b, 0x34), PPF);
    assert_int_equal(model_stats(b.u)->faults_lost, 2);
    bench_write(&b, 0x120c, 0xc0000006);
    assert_true(bench_violated(&b, "only F may be written"));
    bench_write(&b, 0x1208, 0);
    assert_true(bench_violated(&b, "read-only fault record"));
    drop_faults(&b);
    assert_int_equal(bench_read(&b, 0x34), 0);
    model_behaviour(b.u)->merge_faults = true;
    model_inject_fault(b.u, 1, 5, 0, true);
    model_inject_fault(b.u, 1, 5, 0x1000, true);
    assert_int_equal(bench_read(&b, 0x34), PPF | 3 << 8); /* and rises anew with the next */
    assert_int_equal(model_stats(b.u)->faults, 12);
    close_clean(&b);
}

static void test_fault_event(void **state)
{
    struct bench b;
    void *interrupt, *lock;
    uintptr_t saved;

    (void)state;
    bench_open(&b, "generic48", NULL, NULL);
    model_inject_fault(b.u, 1, 5, 0, true);
    assert_int_equal(bench_read(&b, 0x38), 0xc0000000); /* masked, pending */
    interrupt = arm(&b, 0x38, true);
    assert_int_equal(handler_calls, 1); /* sent when unmasked */
    assert_int_equal(bench_read(&b, 0x38), 0);
    model_inject_fault(b.u, 2, 5, 0, true);
    bench_take_fault(&b, 0);
    model_inject_fault(b.u, 3, 5, 0, true);
    assert_int_equal(handler_calls, 1); /* something was pending all the time */
    bench_take_fault(&b, 1);
    bench_take_fault(&b, 2);
    model_inject_fault(b.u, 4, 5, 0, true);
    assert_int_equal(handler_calls, 2);
    drop_faults(&b);
    /* A processor that holds a lock takes the interrupt after it. */
    lock = udmar_host_lock_create(b.m);
    saved = udmar_host_lock_acquire(b.m, lock);
    model_inject_fault(b.u, 5, 5, 0, true);
    assert_int_equal(handler_calls, 2);
    udmar_host_lock_release(b.m, lock, saved);
    assert_int_equal(handler_calls, 3);
    udmar_host_lock_destroy(b.m, lock);
    drop_faults(&b);
    /* Masked and cleared: nothing is left to send. */
    bench_write(&b, 0x38, 0x80000000);
    model_inject_fault(b.u, 6, 5, 0, true);
    drop_faults(&b);
    assert_int_equal(bench_read(&b, 0x38), 0x80000000);
    bench_write(&b, 0x38, 0);
    assert_int_equal(handler_calls, 3);
    bench_write(&b, 0x3c, 0x30); /* another vector */
    model_inject_fault(b.u, 8, 5, 0, true);
    assert_true(bench_violated(&b, "nobody has asked for"));
    drop_faults(&b);
    udmar_host_interrupt_free(b.m, interrupt);
    model_inject_fault(b.u, 7, 5, 0, true);
    assert_true(bench_violated(&b, "nobody has asked for"));
    assert_int_equal(model_interrupts(b.m), 3);
    close_clean(&b);
}

static void test_completion_event(void **state)
{
    const struct model_config config = { .hold_interrupts = true };
    struct bench b;

    (void)state;
    bench_open(&b, "generic48", &config, NULL);
    bench_queue_on(&b);
    arm(&b, 0xa0, true);
    bench_submit(&b, 0x15, 0);
    assert_int_equal(bench_read(&b, 0x9c), 1);
    assert_int_equal(handler_calls, 0);
    assert_int_equal(model_deliver_interrupts(b.m), 1);
    assert_int_equal(handler_calls, 1);
    bench_submit(&b, 0x15, 0); /* IWC still set */
    assert_int_equal(model_deliver_interrupts(b.m), 0);
    bench_write(&b, 0x9c, 1);
    bench_submit(&b, 0x15, 0);
    assert_int_equal(model_deliver_interrupts(b.m), 1);
    assert_int_equal(model_leaks(b.m), 2);
    close_clean(&b);
}

/* ---- PCI and firmware ------------------------------------------------------------------------ */

static void test_pci(void **state)
{
    struct model *m = model_create(NULL);
    uint16_t bridge = 0;
    unsigned at;

    (void)state;
    model_add_bridge(m, 1, 0x00e0, 1, 4, MODEL_ROOT_PORT);
    model_add_bridge(m, 1, 0x0100, 2, 3, MODEL_PCIE_TO_PCI);
    model_add_bridge(m, 1, 0x0208, 3, 3, MODEL_PCI_TO_PCI);
    model_add_bridge(m, 1, 0x00f0, 5, 5, MODEL_PCI_TO_PCI);
    model_add_bridge(m, 1, 0x0108, 4, 4, MODEL_BUGGY_PCIE_TO_PCI);
    model_add_function(m, 1, 0x0300, 0x8086, 0x100e, 0x020000);
    assert_int_equal(udmar_host_pci_read32(m, 1, 0x0300, 0), 0x100e8086);
    assert_int_equal(udmar_host_pci_read32(m, 1, 0x0300, 8) >> 8, 0x020000);
    assert_int_equal(udmar_host_pci_read32(m, 0, 0x0300, 0), UINT32_MAX);
    assert_int_equal(udmar_host_pci_read32(m, 1, 0x0100, 0x18), 0x030201);
    assert_int_equal(udmar_host_pci_read32(m, 1, 0x0100, 0x0c) >> 16, 1);
    at = udmar_host_pci_read32(m, 1, 0x0100, 0x34);
    at = udmar_host_pci_read32(m, 1, 0x0100, at) >> 8 & 0xff;
    assert_int_equal(udmar_host_pci_read32(m, 1, 0x0100, at) & 0xff, 0x10);
    assert_int_equal(udmar_host_pci_read32(m, 1, 0x0100, at) >> 20 & 15, 7);
    assert_int_equal(udmar_host_pci_read32(m, 1, 0x0208, 4) >> 20 & 1, 0);
    model_set_bridge_window(m, 1, 0x00e0, true, UINT64_C(0x2f0000000), UINT64_C(0x2ffffffff));
    assert_int_equal(udmar_host_pci_read32(m, 1, 0x00e0, 0x24), 0xfff1f001);
    assert_int_equal(udmar_host_pci_read32(m, 1, 0x00e0, 0x28), 2);
    assert_true(udmar_host_pci_bridge(m, 1, 3, &bridge));
    assert_int_equal(bridge, 0x0208);
    assert_false(udmar_host_pci_bridge(m, 1, 0, &bridge));
    assert_int_equal(model_requester_id(m, 1, 0x0300), 0x0200);
    assert_int_equal(model_requester_id(m, 1, 0x0100), 0x0100);
    assert_int_equal(model_requester_id(m, 1, 0x0520), 0x00f0);
    assert_int_equal(model_requester_id(m, 1, 0x0408), 0x0400);
    model_destroy(m);
}

static void test_dmar(void **state)
{
    struct model *m = model_create(NULL);
    struct model_scope scope = model_scope(MODEL_SCOPE_ENDPOINT, 0x0010);
    struct model_unit_config config = { .base = 0xfed91000, .include_all = true };
    struct model_unit *rest = model_add_unit(m, &config), *graphics;
    uint8_t bytes[512];
    uint8_t sum = 0;
    size_t length;

    (void)state;
    config = (struct model_unit_config){ .base = 0xfed90000 };
    graphics = model_add_unit(m, &config);
    model_add_unit_scope(graphics, &scope);
    model_add_bridge(m, 0, 0x00e0, 2, 3, MODEL_ROOT_PORT);
    scope = model_scope(MODEL_SCOPE_BRIDGE, 0x00e0);
    model_add_unit_scope(graphics, &scope);
    model_add_andd(m, 1, "\\_SB.X");
    model_add_rmrr(m, 0, 0x200000, 0x2fffff, &scope, 1);
    length = model_dmar_build(m, bytes, sizeof(bytes));
    assert_int_equal(length, 48 + (16 + 16) + 16 + (24 + 8) + (8 + 7));
    for (size_t i = 0; i < length; i++)
        sum = (uint8_t)(sum + bytes[i]);
    assert_int_equal(sum, 0);
    assert_memory_equal(bytes, "DMAR", 4);
    assert_int_equal(bytes[36], 45);
    assert_int_equal(bytes[48 + 4], 0);       /* the unit with scopes first */
    assert_int_equal(bytes[48 + 32 + 4], 1);  /* INCLUDE_PCI_ALL last */
    assert_int_equal(bytes[48 + 16 + 6], 2);  /* device */
    assert_int_equal(bytes[48 + 32 + 16], 1); /* then the RMRR */
    assert_ptr_equal(model_unit_of(m, 0, 0x0010), graphics);
    assert_ptr_equal(model_unit_of(m, 0, 0x0318), graphics);
    assert_ptr_equal(model_unit_of(m, 0, 0x0018), rest);
    assert_null(model_unit_of(m, 1, 0x0010));
    assert_ptr_equal(model_unit_at(m, 1), graphics);
    assert_null(model_unit_at(m, 2));
    model_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queue_runs),
        cmocka_unit_test(test_queue_modes),
        cmocka_unit_test(test_queue_refuses),
        cmocka_unit_test(test_queue_errors_injected),
        cmocka_unit_test(test_device_tlb),
        cmocka_unit_test(test_wide_descriptors),
        cmocka_unit_test(test_fault_ring),
        cmocka_unit_test(test_fault_event),
        cmocka_unit_test(test_completion_event),
        cmocka_unit_test(test_pci),
        cmocka_unit_test(test_dmar),
    };

    return cmocka_run_group_tests_name("model_queue", tests, NULL, NULL);
}
