/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>

#include "bench.h"

#define ONE_SHOT UINT32_C(0x69000000)

void bench_open(struct bench *b, const char *profile, const struct model_config *machine,
                const struct model_unit_config *changes)
{
    struct model_unit_config config = { .base = 0 };

    *b = (struct bench){ .levels = 4 };
    if (changes != NULL)
        config = *changes;
    config.profile = profile;
    config.base = UINT64_C(0xfed91000);
    config.include_all = true;
    b->m = model_create(machine);
    b->u = model_add_unit(b->m, &config);
    if ((model_unit_cap(b->u) & UINT64_C(0x400)) == 0)
        b->levels = (model_unit_cap(b->u) & UINT64_C(0x200)) != 0 ? 3 : 2;
    b->window = 0x5000;
    b->registers = udmar_host_mmio_map(b->m, config.base, b->window);
    b->root = model_page_alloc(b->m);
    b->queue = model_page_alloc(b->m);
    b->status = model_page_alloc(b->m);
}

void bench_close(struct bench *b)
{
    if (b->registers != NULL)
        udmar_host_mmio_unmap(b->m, b->registers, b->window);
    model_destroy(b->m);
}

static void print_violations(struct bench *b)
{
    for (unsigned i = 0; i < model_violations(b->m); i++)
        fprintf(stderr, "violation: %s\n", model_violation_text(b->m, i));
}

bool bench_clean(struct bench *b)
{
    print_violations(b);
    return model_violations(b->m) == 0;
}

bool bench_violated(struct bench *b, const char *text)
{
    bool found = model_violation_contains(b->m, text);

    if (!found)
        print_violations(b);
    model_clear_violations(b->m);
    return found;
}

/* ---- Registers ------------------------------------------------------------------------------- */

uint32_t bench_read(struct bench *b, uint32_t offset)
{
    return udmar_host_mmio_read32(b->m, b->registers, offset);
}

uint64_t bench_read64(struct bench *b, uint32_t offset)
{
    uint32_t low = bench_read(b, offset);

    return low | (uint64_t)bench_read(b, offset + 4) << 32;
}

void bench_write(struct bench *b, uint32_t offset, uint32_t value)
{
    udmar_host_mmio_write32(b->m, b->registers, offset, value);
}

void bench_write64(struct bench *b, uint32_t offset, uint64_t value)
{
    bench_write(b, offset, (uint32_t)value);
    bench_write(b, offset + 4, (uint32_t)(value >> 32));
}

void bench_acknowledge(struct bench *b, uint32_t bits)
{
    (void)bench_read(b, 0x34);
    bench_write(b, 0x34, bits);
}

void bench_command(struct bench *b, uint32_t bit, bool on)
{
    uint32_t lasting = bench_read(b, 0x1c) & ~ONE_SHOT;

    bench_write(b, 0x18, on ? lasting | bit : lasting & ~bit);
}

void bench_translate(struct bench *b)
{
    bench_write64(b, 0x20, b->root);
    bench_command(b, UINT32_C(1) << 30, true);
    bench_context_flush(b, 1, 0, 0, 0);
    bench_iotlb_flush(b, 1, 0, 0, 0, false);
    bench_command(b, UINT32_C(1) << 31, true);
}

/* ---- Tables ---------------------------------------------------------------------------------- */

uint64_t bench_context_address(struct bench *b, uint16_t rid)
{
    uint64_t at = b->root + 16u * (rid >> 8);

    if ((model_load64(b->m, at) & 1) == 0)
        model_publish64(b->m, at, model_page_alloc(b->m) | 1);
    return (model_load64(b->m, at) & ~UINT64_C(0xfff)) + 16u * (rid & 0xff);
}

void bench_context(struct bench *b, uint16_t rid, uint64_t low, uint64_t high)
{
    uint64_t at = bench_context_address(b, rid);

    model_publish64(b->m, at + 8, high);
    model_publish64(b->m, at, low);
}

void bench_attach(struct bench *b, uint16_t rid, uint64_t top, uint16_t did)
{
    bench_context(b, rid, top | 1, (uint64_t)did << 8 | (b->levels - 2));
}

uint64_t bench_map(struct bench *b, uint64_t top, uint64_t iova, unsigned level, uint64_t entry)
{
    uint64_t table = top;

    for (unsigned at = b->levels;; at--) {
        uint64_t slot = table + 8 * ((iova >> (12 + 9 * (at - 1))) & 511);

        if (at == level) {
            model_publish64(b->m, slot, entry);
            return slot;
        }
        if ((model_load64(b->m, slot) & 3) == 0)
            model_publish64(b->m, slot, model_page_alloc(b->m) | 3);
        table = model_load64(b->m, slot) & UINT64_C(0xffffffffff000);
    }
}

/* ---- Invalidation by registers --------------------------------------------------------------- */

unsigned bench_context_flush(struct bench *b, unsigned granularity, uint16_t did, uint16_t sid,
                             unsigned function_mask)
{
    bench_write(b, 0x28, did | (uint32_t)sid << 16);
    bench_write(b, 0x2c, UINT32_C(1) << 31 | granularity << 29 | function_mask);
    for (unsigned i = 0; i < 100; i++) {
        uint32_t high = bench_read(b, 0x2c);

        if (high >> 31 == 0)
            return (high >> 27) & 3;
    }
    return 0xff;
}

unsigned bench_iotlb_flush(struct bench *b, unsigned granularity, uint16_t did, uint64_t address,
                           unsigned am, bool hint)
{
    uint32_t iro = (uint32_t)((model_unit_ecap(b->u) >> 8) & 0x3ff) * 16;

    if (granularity == 3)
        bench_write64(b, iro, (address & ~UINT64_C(0xfff)) | am | (hint ? 0x40 : 0));
    bench_write(b, iro + 8, 0);
    bench_write(b, iro + 12, UINT32_C(1) << 31 | granularity << 28 | did);
    for (unsigned i = 0; i < 100; i++) {
        uint32_t high = bench_read(b, iro + 12);

        if (high >> 31 == 0)
            return (high >> 25) & 3;
    }
    return 0xff;
}

/* ---- Queue ----------------------------------------------------------------------------------- */

void bench_queue_on(struct bench *b)
{
    b->tail = 0;
    bench_write64(b, 0x88, 0);
    bench_write64(b, 0x90, b->queue);
    bench_command(b, UINT32_C(1) << 26, true);
}

void bench_post(struct bench *b, uint64_t low, uint64_t high)
{
    model_store64(b->m, b->queue + b->tail, low);
    model_store64(b->m, b->queue + b->tail + 8, high);
    b->tail = (b->tail + 16) % 4096;
}

void bench_ring(struct bench *b)
{
    bench_write(b, 0x88, b->tail);
    bench_write(b, 0x8c, 0);
}

void bench_submit(struct bench *b, uint64_t low, uint64_t high)
{
    bench_post(b, low, high);
    bench_ring(b);
}

void bench_wait(struct bench *b, unsigned word, uint32_t value)
{
    bench_submit(b, UINT64_C(0x25) | (uint64_t)value << 32, b->status + 4 * word);
}

uint32_t bench_word(struct bench *b, unsigned word)
{
    uint32_t value = 0;

    model_memory_read(b->m, b->status + 4 * word, &value, sizeof(value));
    return value;
}

/* ---- DMA and faults -------------------------------------------------------------------------- */

enum model_result bench_dma_read(struct bench *b, uint16_t rid, uint64_t iova, uint8_t *out)
{
    uint8_t byte = 0;
    enum model_result result = model_dma(b->m, 0, rid, iova, &byte, 1, false);

    if (out != NULL)
        *out = byte;
    return result;
}

enum model_result bench_dma_write(struct bench *b, uint16_t rid, uint64_t iova, uint8_t value)
{
    return model_dma(b->m, 0, rid, iova, &value, 1, true);
}

unsigned bench_take_fault(struct bench *b, unsigned record)
{
    uint32_t at = (uint32_t)((model_unit_cap(b->u) >> 24) & 0x3ff) * 16 + 16 * record + 12;
    uint32_t high = bench_read(b, at);

    if (high >> 31 == 0)
        return 0;
    bench_write(b, at, UINT32_C(1) << 31);
    return high & 0xff;
}
