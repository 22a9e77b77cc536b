/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Streams: transient mappings, at addresses of the library's choice.
 *
 * For kernels whose drivers have a DMA interface of their own (map a buffer, get an address, unmap
 * it), where no object lives from one mapping to the next. busdma.h is the interface for all
 * others. Addresses come from caches of the current CPU; mapping and unmapping up to 1 MiB takes no
 * lock that another CPU takes, but for the tail of the unit's queue.
 */
#ifndef UDMAR_STREAM_H
#define UDMAR_STREAM_H

#include <udmar/domain.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * udmar_stream_map - let the devices of a domain reach pieces of memory, in one range of addresses
 * @domain: of a translated device (udmar_device_domain()), with one unit.
 * @pieces, @count: in this order; not kept. A piece that begins at a page border behind one that
 *        ended at a page border follows it without a gap; every other piece begins in a page of its
 *        own, at the offset that it has in memory. So the address of each piece can be computed:
 *        udmar_stream_next().
 * @access: UDMAR_READ, UDMAR_WRITE or both.
 * @highest: last address that the device can emit; UINT64_MAX for no limit.
 * @out_iova: of the first piece's first byte.
 *
 * A range below 2 MiB is aligned to its size in pages rounded up to a power of two. A larger one
 * begins at the offset that the first piece has in its physical 2 MiB page, so that large pages fit
 * where memory has them, or anywhere where no such place is left. When it returns, devices can use
 * the mapping. Any context but the fault interrupt; spin locks may be held.
 *
 * Returns UDMAR_OK; UDMAR_ERR_ARGUMENT; UDMAR_ERR_MEMORY; UDMAR_ERR_IOVA (no room below @highest);
 * UDMAR_ERR_TIMEOUT, UDMAR_ERR_QUEUE or UDMAR_ERR_REFUSED (a unit did not invalidate: what a new
 * arena replaced, what an earlier unmap left unconfirmed, or the mapping in caching mode). On
 * failure nothing is mapped.
 */
enum udmar_status udmar_stream_map(struct udmar_domain *domain,
                                   const struct udmar_dma_physical *pieces, unsigned count,
                                   unsigned access, udmar_iova_t highest, udmar_iova_t *out_iova);

/* No address: udmar_stream_map_one() has mapped nothing. */
#define UDMAR_STREAM_NONE UINT64_MAX

/*
 * udmar_stream_map_one - udmar_stream_map() of one piece, which is what most mappings are
 * @physical, @length: of the piece. All else as there, and the same contexts.
 *
 * Up to 1 MiB it is a few stores into a block that the current CPU has. Returns the address of the
 * first byte; UDMAR_STREAM_NONE where udmar_stream_map() would return an error. Who wants to know
 * which calls that.
 */
udmar_iova_t udmar_stream_map_one(struct udmar_domain *domain, udmar_paddr_t physical,
                                  uint64_t length, unsigned access, udmar_iova_t highest);

/*
 * udmar_stream_next - where the piece after one lies
 * @iova, @length: of a piece. @address: physical, of the next one. Pure arithmetic.
 */
static inline udmar_iova_t udmar_stream_next(udmar_iova_t iova, uint64_t length,
                                             udmar_paddr_t address)
{
    udmar_iova_t end = iova + length;

    if (((end | address) & UDMAR_PAGE_MASK) == 0) {
        return end;
    }
    return ((end + UDMAR_PAGE_MASK) & ~UDMAR_PAGE_MASK) + (address & UDMAR_PAGE_MASK);
}

/*
 * udmar_stream_unmap - end a mapping
 * @iova: what udmar_stream_map() gave, or any address in that page.
 *
 * In strict mode no device can reach the memory any more when it returns UDMAR_OK. In deferred mode
 * that is so at the latest when the call after next of udmar_tick() has returned, not counting
 * calls that found the queue full, and the unit has worked off what it was given. The same contexts
 * as udmar_stream_map(). Returns UDMAR_OK; UDMAR_ERR_ARGUMENT (null); UDMAR_ERR_NOT_FOUND (no
 * stream begins there); UDMAR_ERR_TIMEOUT, UDMAR_ERR_QUEUE, UDMAR_ERR_REFUSED (the entries are
 * cleared, but the unit has not confirmed: devices may still reach the memory; the addresses are
 * not used again; the call may be repeated for a mapping of more than 8 MiB or on a host without a
 * direct map, and finds nothing for others).
 */
enum udmar_status udmar_stream_unmap(struct udmar_domain *domain, udmar_iova_t iova);

#ifdef __cplusplus
}
#endif

#endif
