/* SPDX-License-Identifier: BSD-2-Clause */
#include "sabotage.h"

/* Registers [VTD 11.4]. */
enum { REG_IQT = 0x88, REG_IQA = 0x90, REG_IQA_HIGH = 0x94, IOTLB_REG_HIGH = 0xfc };
enum { TYPE_CONTEXT = 1, TYPE_IOTLB = 2, TYPE_WAIT = 5 };
#define GRANULARITY (UINT64_C(3) << 4)
#define OTHER_DID   (UINT64_C(0x100) << 16)
#define OTHER_SID   (UINT64_C(0xfff8) << 32)

static struct {
    struct testbed *bed;
    struct host_ops ops;
    uint64_t queue;      /* physical */
    uint32_t size, tail; /* bytes */
    enum sabotage kind;
    unsigned left, done;
} tap;

void sabotage_next(enum sabotage kind, unsigned times)
{
    tap.kind = kind;
    tap.left = times;
    tap.done = 0;
}

unsigned sabotage_done(void)
{
    return tap.done;
}

static bool wanted(enum sabotage kind)
{
    return tap.left > 0 && tap.kind == kind;
}

static void spoiled(void)
{
    tap.left--;
    tap.done++;
}

/* True where the descriptor was changed. */
static bool spoil_descriptor(volatile uint64_t *d)
{
    uint64_t low = d[0];
    unsigned type = low & 0xf;

    if (type == TYPE_IOTLB && wanted(MISDIRECT_IOTLB))
        /* A global request becomes one of a domain. */
        d[0] = ((low & GRANULARITY) == 0x10 ? (low & ~GRANULARITY) | 0x20 : low) ^ OTHER_DID;
    else if (type == TYPE_CONTEXT && wanted(MISDIRECT_CONTEXT))
        d[0] = (low & UINT64_C(0xffff0000)) | OTHER_SID | GRANULARITY | TYPE_CONTEXT;
    else if (type == TYPE_IOTLB && wanted(SPOIL_GRANULARITY))
        d[0] = low & ~GRANULARITY;
    else if (type == TYPE_IOTLB && wanted(SPOIL_TYPE))
        d[0] = (low & ~UINT64_C(0xf)) | 0xf;
    else if (type == TYPE_WAIT && wanted(SPOIL_WAIT))
        d[1] = UINT64_C(0xa0000000);
    else
        return false;
    return true;
}

static void queue_passes(uint32_t tail)
{
    for (; tap.tail != tail; tap.tail = (tap.tail + 16) % tap.size) {
        uint8_t *at = tap.bed->ops->memory(tap.bed->machine, tap.queue + tap.tail);

        if (spoil_descriptor((volatile uint64_t *)(void *)at))
            spoiled();
    }
}

static void tapped_write(void *host, void *registers, uint32_t offset, uint32_t value)
{
    if (offset == REG_IQA) {
        tap.queue = (tap.queue & ~UINT64_C(0xffffffff)) | (value & ~UINT32_C(0xfff));
        tap.size = UINT32_C(4096) << (value & 7);
        tap.tail = 0;
    } else if (offset == REG_IQA_HIGH) {
        tap.queue = (tap.queue & UINT64_C(0xffffffff)) | (uint64_t)value << 32;
    } else if (offset == REG_IQT && tap.queue != 0) {
        queue_passes(value);
    } else if (offset == IOTLB_REG_HIGH && wanted(MISDIRECT_IOTLB) && value >> 31 != 0) {
        value =
            ((value >> 28 & 3) == 1 ? (value & ~UINT32_C(0x30000000)) | 0x20000000 : value) ^ 0x100;
        spoiled();
    }
    tap.bed->ops->host->mmio_write32(host, registers, offset, value);
}

static void tapped_flush(void *host, const void *address, size_t size)
{
    if (wanted(DROP_FLUSH))
        spoiled();
    else
        tap.bed->ops->host->cache_flush(host, address, size);
}

void sabotage_install(struct testbed *b)
{
    tap.bed = b;
    tap.ops = *b->ops->host;
    tap.ops.mmio_write32 = tapped_write;
    tap.ops.cache_flush = tapped_flush;
    tap.queue = 0;
    b->host.ops = &tap.ops;
    sabotage_next(NO_SABOTAGE, 0);
}
