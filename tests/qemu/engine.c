/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DMA by QEMU's devices.
 *
 * edu has a buffer of 4 KiB that it moves to or from any address, by a timer. e1000 sends to itself
 * (PHY loop-back): it reads a packet here and writes it there in one go, so one address is the
 * scenario's and the other one in scratch memory. Neither says whether memory answered: a read that
 * was blocked gives zeros.
 */
#include <string.h>
#include <time.h>

#include "qemu.h"

/* ---- The unit's fault record ----------------------------------------------------------------- */

/* What a driver reads after each transfer. The unit has one record. */
void engine_watch(struct qemu *e)
{
    uint64_t low = qtest_read64(e->q, UNIT_BASE + 0x08);
    uint64_t record = UNIT_BASE + (low >> 24 & 0x3ff) * 16;
    const uint64_t words[] = { UNIT_BASE + 0x30, record, record + 8 };

    qtest_watch(e->q, words, sizeof(words) / sizeof(words[0]));
}

/* FSTS.PPF: a record is pending; whoever asks for a transfer has cleared what was there before. */
static bool fault_pending(struct qemu *e)
{
    return (qtest_read32(e->q, UNIT_BASE + 0x34) & 2) != 0;
}

static void nap(long nanoseconds)
{
    (void)nanosleep(&(const struct timespec){ .tv_nsec = nanoseconds }, NULL);
}

/* ---- edu ------------------------------------------------------------------------------------- */

/* Source, destination, count and command are one behind the other. */
enum { EDU_SOURCE = 0x80, EDU_COMMAND = 0x98 };
enum { EDU_BUFFER = 0x40000, EDU_START = 1, EDU_TO_MEMORY = 2, EDU_MOST = 4095 };
enum { EDU_NAP_NS = 40000, EDU_TAKES_NS = 100000000 };

/* Done when it returns, where the clock is ours: as soon as somebody waits for an answer. */
static void edu_move(struct qemu *e, const struct qemu_device *d, uint64_t iova, size_t length,
                     bool to_memory)
{
    const uint64_t registers[] = { to_memory ? EDU_BUFFER : iova, to_memory ? iova : EDU_BUFFER,
                                   length, EDU_START | (to_memory ? EDU_TO_MEMORY : 0) };

    qtest_post_words(e->q, d->bar + EDU_SOURCE, registers);
    if (qtest_post_step(e->q, EDU_TAKES_NS))
        return;
    /* Each question keeps QEMU from its timers for a while. */
    for (unsigned i = 0; (qtest_read64(e->q, d->bar + EDU_COMMAND) & EDU_START) != 0; i++) {
        if (i > 100000)
            qemu_wrong("edu's DMA does not end");
        nap(EDU_NAP_NS);
    }
}

static enum dma_result edu_done(struct qemu *e, const struct qemu_device *d)
{
    uint64_t command;
    bool blocked;

    qtest_post_read64(e->q, d->bar + EDU_COMMAND, &command);
    blocked = fault_pending(e);
    if ((command & EDU_START) != 0)
        qemu_wrong("edu's DMA takes longer than it should");
    return blocked ? DMA_BLOCKED : DMA_DONE;
}

static enum dma_result edu_dma(struct qemu *e, struct qemu_device *d, uint64_t iova,
                               uint8_t *buffer, size_t length, bool write)
{
    uint8_t *scratch = qtest_memory(e->q, d->scratch);
    bool reachable = d->reach != UINT64_MAX;
    enum dma_result result;

    if (length > EDU_MOST)
        qemu_wrong("edu moves up to %d bytes", EDU_MOST);
    if (write) {
        /* Where scratch is out of reach it writes what it has, and nobody expects that to arrive.
         */
        memcpy(scratch, buffer, length);
        if (reachable)
            edu_move(e, d, d->reach, length, false);
        edu_move(e, d, iova, length, true);
        return edu_done(e, d);
    }
    edu_move(e, d, iova, length, false);
    if (!reachable) {
        memset(buffer, 0, length);
        return edu_done(e, d);
    }
    memset(scratch, 0xee, length);
    edu_move(e, d, d->reach, length, true);
    result = edu_done(e, d);
    memcpy(buffer, scratch, length);
    return result;
}

/* ---- e1000 ----------------------------------------------------------------------------------- */

enum {
    NIC_CTRL = 0x0000,
    NIC_STATUS = 0x0008,
    NIC_MDIC = 0x0020,
    NIC_RCTL = 0x0100,
    NIC_TCTL = 0x0400,
    NIC_RDBAL = 0x2800,
    NIC_RDBAH = 0x2804,
    NIC_RDLEN = 0x2808,
    NIC_RDH = 0x2810,
    NIC_RDT = 0x2818,
    NIC_TDBAL = 0x3800,
    NIC_TDBAH = 0x3804,
    NIC_TDLEN = 0x3808,
    NIC_TDH = 0x3810,
    NIC_TDT = 0x3818,
};

enum { NIC_TRIES = 1000, NIC_NAP_NS = 2000000, NIC_SLEEPS_NS = 1100000000 };

/* Scratch memory: two rings, a packet to send, a packet received. */
enum { RING = 32, TX_RING = 0, RX_RING = 0x400, TX_PACKET = 0x800, RX_PACKET = 0x1000 };

#define RCTL_ON       UINT32_C(0x0400801a) /* on, promiscuous, broadcast, no checksum of frames */
#define TCTL_ON       UINT32_C(0x00000002)
#define MDIC_LOOPBACK UINT32_C(0x04204140) /* write PHY control: loop-back */
#define TX_COMMAND    0x0bu                /* end of packet, insert checksum, report */

static void nic_set_ring(struct qemu *e, const struct qemu_device *d, unsigned low, uint64_t at)
{
    qtest_post32(e->q, d->bar + low, (uint32_t)at);
    qtest_post32(e->q, d->bar + low + 4, (uint32_t)(at >> 32));
    qtest_post32(e->q, d->bar + low + 8, RING * 16);
    qtest_post32(e->q, d->bar + low + 16, 0);
    qtest_write32(e->q, d->bar + low + 24, 0);
}

static void nic_open(struct qemu *e, const struct qemu_device *d)
{
    qtest_write32(e->q, d->bar + NIC_CTRL, 0x40); /* link up */
    qtest_write32(e->q, d->bar + NIC_MDIC, MDIC_LOOPBACK);
    qtest_write32(e->q, d->bar + NIC_RCTL, RCTL_ON);
}

static void put_descriptor(struct qemu *e, uint64_t at, uint64_t address, uint64_t rest)
{
    volatile uint64_t *words = (volatile uint64_t *)(void *)qtest_memory(e->q, at);

    words[1] = rest;
    words[0] = address;
}

/* Sends @length bytes from @from and receives them at @to; both as the device sees memory. */
static bool nic_try(struct qemu *e, struct qemu_device *d, uint64_t from, uint64_t to,
                    size_t length, unsigned patience, bool *out_blocked)
{
    uint64_t tx = d->scratch + TX_RING + 16 * d->tx, rx = d->scratch + RX_RING + 16 * d->rx;
    volatile uint8_t *done = qtest_memory(e->q, rx + 12);

    put_descriptor(e, rx, to, 0);
    put_descriptor(e, tx, from, length | (uint64_t)TX_COMMAND << 24);
    d->tx = (d->tx + 1) % RING;
    d->rx = (d->rx + 1) % RING;
    qtest_post32(e->q, d->bar + NIC_RDT, d->rx);
    qtest_post32(e->q, d->bar + NIC_TDT, d->tx);
    /* One question, whose answer comes when the packet has gone through. */
    *out_blocked = fault_pending(e);
    for (unsigned i = 0; (*done & 1) == 0; i++) {
        if (i >= patience)
            return false;
        *out_blocked = fault_pending(e);
    }
    return true;
}

static enum dma_result nic_move(struct qemu *e, struct qemu_device *d, uint64_t from, uint64_t to,
                                size_t length)
{
    bool blocked;

    if (!nic_try(e, d, from, to, length, 1000, &blocked))
        qemu_wrong("e1000 does not receive what it sends (status %#x)",
                   qtest_read32(e->q, d->bar + NIC_STATUS));
    return blocked ? DMA_BLOCKED : DMA_DONE;
}

static void nic_set_rings(struct qemu *e, struct qemu_device *d)
{
    qtest_write32(e->q, d->bar + NIC_TCTL, 0);
    nic_set_ring(e, d, NIC_TDBAL, d->reach + TX_RING);
    nic_set_ring(e, d, NIC_RDBAL, d->reach + RX_RING);
    d->tx = 0;
    d->rx = 0;
    memset(qtest_memory(e->q, d->scratch), 0, TX_PACKET);
    qtest_write32(e->q, d->bar + NIC_TCTL, TCTL_ON);
}

/* The receiver sleeps for a (virtual) second after it has been switched on, and drops packets. */
static void nic_wake(struct qemu *e, struct qemu_device *d)
{
    for (unsigned i = 0; i < NIC_TRIES; i++) {
        bool awake, blocked;

        nic_set_rings(e, d);
        awake = nic_try(e, d, d->reach + TX_PACKET, d->reach + RX_PACKET, 60, 5, &blocked);
        nic_set_rings(e, d);
        if (awake)
            return;
        if (!qtest_post_step(e->q, NIC_SLEEPS_NS))
            nap(NIC_NAP_NS);
    }
    qemu_wrong("e1000 does not wake up");
}

static enum dma_result nic_dma(struct qemu *e, struct qemu_device *d, uint64_t iova,
                               uint8_t *buffer, size_t length, bool write)
{
    enum dma_result result;

    if (length < 60 || length > 1500)
        qemu_wrong("e1000 moves 60 to 1500 bytes");
    if (d->reach == UINT64_MAX)
        qemu_wrong("e1000 needs scratch memory that it reaches");
    if (write) {
        memcpy(qtest_memory(e->q, d->scratch + TX_PACKET), buffer, length);
        return nic_move(e, d, d->reach + TX_PACKET, iova, length);
    }
    memset(qtest_memory(e->q, d->scratch + RX_PACKET), 0xee, length);
    result = nic_move(e, d, iova, d->reach + RX_PACKET, length);
    memcpy(buffer, qtest_memory(e->q, d->scratch + RX_PACKET), length);
    return result;
}

/* ---- Either ---------------------------------------------------------------------------------- */

void engine_open(struct qemu *e, struct qemu_device *d)
{
    if (d->kind.engine == E1000)
        nic_open(e, d);
}

void engine_reach(struct qemu *e, struct qemu_device *d, uint64_t iova)
{
    d->reach = iova;
    if (d->kind.engine == E1000 && iova != UINT64_MAX)
        nic_wake(e, d);
}

static bool all_zero(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

enum dma_result engine_dma(struct qemu *e, struct qemu_device *d, uint64_t iova, void *buffer,
                           size_t length, bool write)
{
    enum dma_result result = d->kind.engine == E1000 ? nic_dma(e, d, iova, buffer, length, write)
                                                     : edu_dma(e, d, iova, buffer, length, write);

    if (!write && result == DMA_DONE && all_zero(buffer, length))
        return DMA_BLOCKED;
    return result;
}
