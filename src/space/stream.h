/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A mapping of the moment in a block of its own: what streams and busdma loads without a window
 * share. The host keeps tables mapped (domain->direct).
 */
#ifndef UDMAR_SPACE_STREAM_H
#define UDMAR_SPACE_STREAM_H

#include <udmar/stream.h>

#include "space/cache.h"

/* The entries of a block, from its first page on. */
static inline volatile uint64_t *udmar__block_slots(const struct udmar__arena *arena, uint32_t page)
{
    return arena->entries + page % UDMAR__ARENA_PAGES;
}

/*
 * The first @pages entries of a block have been written: makes them visible. On failure they are
 * taken back, and the block as well.
 */
enum udmar_status udmar__block_publish(struct udmar_domain *domain, struct udmar__arena *arena,
                                       uint32_t page, unsigned pages);
/*
 * Ends what is mapped in a block and gives the block back. After a failure the block is lost:
 * devices may still reach the memory.
 */
enum udmar_status udmar__block_unmap(struct udmar_domain *domain, struct udmar__arena *arena,
                                     uint32_t page);

#endif
