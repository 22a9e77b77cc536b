// SPDX-License-Identifier: BSD-2-Clause
/*
 * Guest addresses for a list of pieces, and back: the one way into the library while drivers run.
 * Everything here may run under spin locks and in interrupts.
 */
#include "port.h"

#include <linux/sizes.h>

static size_t pages_of(const struct port_piece *piece)
{
    return PAGE_ALIGN(offset_in_page(piece->physical) + piece->size);
}

static size_t span(const struct port_piece *pieces, unsigned count)
{
    size_t size = 0;

    for (unsigned i = 0; i < count; i++)
        size += pieces[i].skip + pages_of(&pieces[i]);
    return size;
}

/* Pieces that lie behind each other in memory as well become one call. */
static enum udmar_status map_pieces(struct udmar_domain *domain, udmar_iova_t at,
                                    const struct port_piece *pieces, unsigned count,
                                    unsigned access)
{
    enum udmar_status status = UDMAR_OK;
    udmar_paddr_t run = 0;
    size_t run_size = 0;

    for (unsigned i = 0; i < count && status == UDMAR_OK; i++) {
        phys_addr_t first = pieces[i].physical & PAGE_MASK;

        if (run_size != 0 && (pieces[i].skip != 0 || first != run + run_size)) {
            status = udmar_domain_map(domain, at, run, run_size, access);
            at += run_size;
            run_size = 0;
        }
        if (run_size == 0)
            run = first;
        at += pieces[i].skip;
        run_size += pages_of(&pieces[i]);
    }
    if (status == UDMAR_OK)
        status = udmar_domain_map(domain, at, run, run_size, access);
    return status;
}

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
        return -EIO;
    default:
        return -EINVAL;
    }
}

/* A buffer that lies on large pages in memory can be one entry if its guest address does too. */
static enum udmar_status reserve(struct udmar_domain *domain, const struct port_piece *pieces,
                                 size_t size, struct udmar_iova_limits *limits,
                                 udmar_iova_t *out_iova)
{
    enum udmar_status status;
    u64 alignment = limits->alignment;

    if (size >= SZ_2M && IS_ALIGNED(pieces[0].physical, SZ_2M) && alignment < SZ_2M) {
        limits->alignment = SZ_2M;
        status = udmar_domain_alloc_iova(domain, size, limits, out_iova);
        if (status == UDMAR_OK)
            return status;
        limits->alignment = alignment;
    }
    return udmar_domain_alloc_iova(domain, size, limits, out_iova);
}

int port_map(struct port_device *device, const struct port_piece *pieces, unsigned count,
             unsigned access, const struct port_limits *limits, dma_addr_t *out_iova)
{
    size_t size = span(pieces, count);
    struct udmar_iova_limits range = {
        .highest = limits->highest,
        .alignment = limits->alignment,
        .boundary = limits->boundary,
    };
    enum udmar_status status;
    udmar_iova_t iova;

    status = reserve(device->domain, pieces, size, &range, &iova);
    if (status == UDMAR_OK) {
        status = map_pieces(device->domain, iova, pieces, count, access);
        /* An address whose invalidation is not confirmed must not be given to anybody else. */
        if (status != UDMAR_OK && udmar_domain_unmap(device->domain, iova, size) == UDMAR_OK)
            (void)udmar_domain_free_iova(device->domain, iova);
    }
    if (status != UDMAR_OK) {
        port_count(device, failed, 1);
        return error_of(status);
    }
    port_count(device, maps, 1);
    port_count(device, pieces, count);
    *out_iova = iova + pieces[0].skip + offset_in_page(pieces[0].physical);
    return 0;
}

void port_unmap(struct port_device *device, dma_addr_t iova, size_t size)
{
    udmar_iova_t first = iova & PAGE_MASK;
    enum udmar_status status;

    status = udmar_domain_unmap(device->domain, first, PAGE_ALIGN(offset_in_page(iova) + size));
    if (status == UDMAR_OK)
        status = udmar_domain_free_iova(device->domain, first);
    port_count(device, unmaps, 1);
    if (unlikely(status != UDMAR_OK))
        dev_err_ratelimited(&device->pci->dev, "udmar: unmapping %zu bytes at %pad: %s\n", size,
                            &iova, udmar_status_string(status));
}
