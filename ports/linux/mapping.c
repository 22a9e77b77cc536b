// SPDX-License-Identifier: BSD-2-Clause
/*
 * Guest addresses for a list of pieces, and back: the one way into the library while drivers run.
 * Everything here may run under spin locks and in interrupts.
 *
 * Nearly all is a stream. What its alignment does not satisfy, and lists with gaps, go into a range
 * that is reserved and filled by hand.
 */
#include "port.h"

#include <linux/sizes.h>

#include <udmar/stream.h>

static int error_of(enum udmar_status status)
{
    switch (status) {
    case UDMAR_OK:
        return 0;
    case UDMAR_ERR_MEMORY:
    case UDMAR_ERR_IOVA:
        return -ENOMEM;
    case UDMAR_ERR_TIMEOUT:
    case UDMAR_ERR_QUEUE:
    case UDMAR_ERR_REFUSED:
    case UDMAR_ERR_SUSPENDED:
        return -EIO;
    default:
        return -EINVAL;
    }
}

/* ---- a range by hand ------------------------------------------------------------------------- */

/* Pieces that lie behind each other in memory as well become one call. */
static enum udmar_status fill(struct udmar_domain *domain, udmar_iova_t range,
                              const struct udmar_dma_physical *pieces, unsigned count,
                              unsigned access, u64 boundary_mask)
{
    enum udmar_status status = UDMAR_OK;
    u64 run = 0, run_at = 0, run_size = 0, at = 0;

    for (unsigned i = 0; i < count && status == UDMAR_OK; i++) {
        u64 first = pieces[i].address & PAGE_MASK;

        at = port_place(at, &pieces[i], boundary_mask);
        if (run_size != 0 && (at != run_at + run_size || first != run + run_size)) {
            status = udmar_domain_map(domain, range + run_at, run, run_size, access);
            run_size = 0;
        }
        if (run_size == 0) {
            run = first;
            run_at = at;
        }
        run_size += port_pages(&pieces[i]);
        at += port_pages(&pieces[i]);
    }
    if (status == UDMAR_OK) {
        status = udmar_domain_map(domain, range + run_at, run, run_size, access);
    }
    return status;
}

static enum udmar_status map_by_hand(struct udmar_domain *domain,
                                     const struct udmar_dma_physical *pieces, unsigned count,
                                     u64 size, unsigned access, const struct port_limits *limits,
                                     udmar_iova_t *out_iova)
{
    struct udmar_iova_limits range = {
        .highest = limits->highest,
        .alignment = limits->alignment,
        .boundary = limits->boundary_mask + 1,
    };
    enum udmar_status status;
    udmar_iova_t iova;

    /* What does not fit between two borders begins on one: that is where places count from. */
    if (size - 1 > limits->boundary_mask) {
        range.alignment = max(range.alignment, limits->boundary_mask + 1);
    }
    status = udmar_domain_alloc_iova(domain, size, &range, &iova);
    if (status != UDMAR_OK) {
        return status;
    }
    *out_iova = iova + offset_in_page(pieces[0].address);
    status = fill(domain, iova, pieces, count, access, limits->boundary_mask);
    /* An address whose invalidation is not confirmed must not be given to anybody else. */
    if (status != UDMAR_OK && udmar_domain_unmap(domain, iova, size) == UDMAR_OK) {
        (void)udmar_domain_free_iova(domain, iova);
    }
    return status;
}

/* ---- both ------------------------------------------------------------------------------------ */

static u64 measure(const struct udmar_dma_physical *pieces, unsigned count, u64 boundary_mask,
                   bool *out_gaps)
{
    u64 at = 0;

    *out_gaps = false;
    for (unsigned i = 0; i < count; i++) {
        u64 place = port_place(at, &pieces[i], boundary_mask);

        *out_gaps |= place != at;
        at = place + port_pages(&pieces[i]);
    }
    return at;
}

static bool satisfies(udmar_iova_t iova, u64 size, const struct port_limits *limits)
{
    u64 first = iova & PAGE_MASK, last = first + size - 1;

    if (size - 1 > limits->boundary_mask) {
        return (first & limits->boundary_mask) == 0;
    }
    return (limits->alignment == 0 || IS_ALIGNED(first, limits->alignment)) &&
           ((first ^ last) & ~limits->boundary_mask) == 0;
}

int port_map(struct port_device *device, const struct udmar_dma_physical *pieces, unsigned count,
             u64 whole, unsigned access, const struct port_limits *limits, dma_addr_t *out_iova)
{
    struct udmar_domain *domain = device->domain;
    enum udmar_status status = UDMAR_ERR_UNSUPPORTED;
    bool gaps = false;
    u64 size = whole;
    udmar_iova_t iova;

    if (size == 0 || size - 1 > limits->boundary_mask) {
        size = measure(pieces, count, limits->boundary_mask, &gaps);
    }
    if (likely(!gaps)) {
        status = udmar_stream_map(domain, pieces, count, access, limits->highest, &iova);
        if (status == UDMAR_OK && unlikely(!satisfies(iova, size, limits))) {
            (void)udmar_stream_unmap(domain, iova);
            status = UDMAR_ERR_UNSUPPORTED;
        }
    }
    if (unlikely(status == UDMAR_ERR_UNSUPPORTED)) {
        status = map_by_hand(domain, pieces, count, size, access, limits, &iova);
    }
    if (unlikely(status != UDMAR_OK)) {
        port_count(device, failed, 1);
        return error_of(status);
    }
    port_count(device, maps, 1);
    if (count > 1) {
        port_count(device, further, count - 1);
    }
    *out_iova = iova;
    return 0;
}

static enum udmar_status unmap_by_hand(struct udmar_domain *domain, udmar_iova_t iova, u64 size)
{
    u64 first = iova & PAGE_MASK;
    enum udmar_status status =
        udmar_domain_unmap(domain, first, PAGE_ALIGN(offset_in_page(iova) + size));

    return status == UDMAR_OK ? udmar_domain_free_iova(domain, first) : status;
}

void port_unmap_other(struct port_device *device, dma_addr_t iova, size_t size,
                      enum udmar_status status)
{
    if (status == UDMAR_ERR_NOT_FOUND) {
        status = unmap_by_hand(device->domain, iova, size);
    }
    if (status == UDMAR_ERR_NOT_FOUND || status == UDMAR_ERR_ARGUMENT) {
        /* It was no mapping: it must not make up for one that is left behind. */
        port_count(device, unmaps, -1);
    }
    if (status != UDMAR_OK) {
        dev_err_ratelimited(&device->pci->dev, "udmar: unmapping %zu bytes at %pad: %s\n", size,
                            &iova, udmar_status_string(status));
    }
}
