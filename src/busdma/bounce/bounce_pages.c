/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which bytes of a load must lie elsewhere, and the list in which pages of a zone stand for them.
 *
 * A part is what a piece has in one page. It needs a page of its own when the device cannot reach
 * it, when a segment begins with it and the tag's alignment forbids its offset, or when the device
 * shall not see the rest of its page.
 *
 * Bytes that begin at a forbidden offset are forbidden in all pages that follow: either a segment
 * begins there, or the one before it ends at a length that is no multiple of the alignment. So a
 * run of pages that begins so stands in as a whole, moved down by the bytes that its offset has too
 * much, and each page of it takes as many bytes from the driver's next page. FreeBSD's lengths are
 * the same.
 */
#include "busdma/bounce/bounce.h"

#include "busdma/bounce/page_pool.h"
#include "busdma/bounce/piece_list.h"

/* No segment ends here: what follows begins a new one. */
#define NO_END UINT64_MAX

bool udmar__out_of_reach(const struct udmar_dma_tag *tag, udmar_paddr_t address, uint64_t length)
{
    udmar_paddr_t last = address + length - 1;

    return last > tag->lowaddr && address <= tag->highaddr;
}

bool udmar__tag_needs_zone(const struct udmar_dma_tag *tag)
{
    return tag->may_miss || tag->misaligned != 0 || tag->device->subpage;
}

/* Does a part at @address continue the segment that ends before @end? */
static bool joins_segment_end(const struct udmar_dma_tag *tag, uint64_t end, udmar_paddr_t address)
{
    if (end == NO_END) {
        return false;
    }
    return tag->backend->scatters ? ((end | address) & UDMAR_PAGE_MASK) == 0 : end == address;
}

static bool is_misaligned(const struct udmar_dma_tag *tag, uint64_t end, udmar_paddr_t address)
{
    return (address & tag->misaligned) != 0 && !joins_segment_end(tag, end, address);
}

static bool is_misplaced(const struct udmar_dma_map *map, uint64_t end, udmar_paddr_t address,
                         uint64_t length)
{
    const struct udmar_dma_tag *tag = map->tag;

    return (tag->may_miss && udmar__out_of_reach(tag, address, length)) ||
           is_misaligned(tag, end, address);
}

bool udmar__needs_bounce(const struct udmar_dma_map *map, const struct udmar__pieces *pieces)
{
    struct udmar__pieces rest = *pieces;
    udmar_paddr_t physical;
    uint64_t length;
    uint64_t end = NO_END;

    while (udmar__pieces_next(&rest, &physical, &length)) {
        if (physical > UINT64_MAX - length) {
            return false;
        }
        if (is_misplaced(map, end, physical, length) ||
            (map->isolates && ((physical | length) & UDMAR_PAGE_MASK) != 0)) {
            return true;
        }
        end = physical + length;
    }
    return false;
}

/* Bytes of the driver's that lie in one page. */
struct bytes {
    udmar_paddr_t address;
    uint32_t length;
};

/* What becomes of one part. */
struct part {
    struct bytes here;
    struct bytes more; /* of the next page, in the same page of the zone; length 0: none */
    bool moves;
    uint32_t offset; /* in its new page */
};

/* Walks a list part by part; counting and placing see the same. */
struct piece_walk {
    const struct udmar_dma_map *map;
    uint32_t entry;
    uint64_t done;  /* bytes of the entry */
    uint64_t taken; /* end of what was last, where the driver has it */
    uint64_t end;   /* the same as the device will see it */
    uint32_t shift; /* by how much the run of pages is moved down; 0: it is not */
};

static struct piece_walk walk_of(const struct udmar_dma_map *map)
{
    return (struct piece_walk){ .map = map, .taken = NO_END, .end = NO_END };
}

/* Is there something left that follows at a page border, or in the same piece? */
static bool continues_walk(const struct piece_walk *walk)
{
    const struct udmar__piece_list *given = &walk->map->client_pieces;

    return walk->entry < given->count &&
           (walk->done > 0 ||
            ((walk->taken | given->entries[walk->entry].address) & UDMAR_PAGE_MASK) == 0);
}

/* The next bytes, up to the end of their page and at most so many. */
static struct bytes take_bytes(struct piece_walk *walk, uint32_t most)
{
    const struct udmar_dma_physical *piece = &walk->map->client_pieces.entries[walk->entry];
    udmar_paddr_t address = piece->address + walk->done;
    uint64_t in_page = UDMAR_PAGE_SIZE - (address & UDMAR_PAGE_MASK);
    uint64_t length = udmar__min(piece->length - walk->done, udmar__min(in_page, most));

    walk->done += length;
    walk->taken = address + length;
    if (walk->done == piece->length) {
        walk->entry++;
        walk->done = 0;
    }
    return (struct bytes){ .address = address, .length = (uint32_t)length };
}

static bool next_part(struct piece_walk *walk, struct part *out_part)
{
    const struct udmar_dma_map *map = walk->map;
    bool follows = continues_walk(walk);
    struct bytes here;

    if (walk->entry == map->client_pieces.count) {
        return false;
    }
    here = take_bytes(walk, UDMAR_PAGE_SIZE);
    if (!follows || walk->shift == 0) {
        walk->shift = is_misaligned(map->tag, walk->end, here.address)
                          ? (uint32_t)(here.address & map->tag->misaligned & UDMAR_PAGE_MASK)
                          : 0;
    }
    *out_part = (struct part){
        .here = here,
        .moves = walk->shift != 0 || is_misplaced(map, walk->end, here.address, here.length) ||
                 (map->isolates && here.length != UDMAR_PAGE_SIZE),
        .offset = (uint32_t)(here.address & UDMAR_PAGE_MASK) - walk->shift,
    };
    if (walk->shift != 0 && continues_walk(walk)) {
        out_part->more = take_bytes(walk, walk->shift);
    }
    walk->end = walk->taken;
    if (out_part->moves) {
        /* Side by side in guest addresses; in memory two pages are neighbours by chance only. */
        walk->end = map->tag->backend->scatters
                        ? (uint64_t)out_part->offset + here.length + out_part->more.length
                        : NO_END;
    }
    return true;
}

int udmar__bounce_count_pages(struct udmar_dma_map *map, uint32_t *out_pages)
{
    struct piece_walk walk = walk_of(map);
    bool keeps = (map->tag->flags & UDMAR_DMA_KEEP_PG_OFFSET) != 0;
    struct part part;
    uint32_t pages = 0;

    while (next_part(&walk, &part)) {
        if (!part.moves) {
            continue;
        }
        if (keeps && part.offset != (part.here.address & UDMAR_PAGE_MASK)) {
            return UDMAR_EINVAL;
        }
        if (++pages > UDMAR__BOUNCE_ZONE_MOST) {
            return UDMAR_ENOMEM;
        }
    }
    *out_pages = pages;
    return 0;
}

/*
 * A page that others have used shall not show the device, which cannot see memory, what is in it.
 */
static void wipe_page(const struct udmar_dma_map *map, const struct udmar__bounce_page *bounce)
{
    void *host = map->tag->device->instance->host;

    if (map->tag->backend->scatters) {
        void *bytes = udmar_host_page_map(host, bounce->page.physical);

        __builtin_memset(bytes, 0, UDMAR_PAGE_SIZE);
        udmar_host_page_unmap(host, bytes);
    }
}

int udmar__bounce_lay_out(struct udmar_dma_map *map)
{
    void *host = map->tag->device->instance->host;
    struct piece_walk walk = walk_of(map);
    struct udmar__bounce_page *bounce = map->bounces;
    bool joinable = false; /* the last entry is the driver's own memory */
    struct part part;
    int error = 0;

    udmar__piece_list_clear(&map->bounced_pieces);
    while (error == 0 && next_part(&walk, &part)) {
        if (!part.moves) {
            error = udmar__piece_list_add(host, &map->bounced_pieces, part.here.address,
                                          part.here.length, joinable);
        } else {
            bounce->client = part.here.address;
            bounce->length = part.here.length;
            bounce->next_client = part.more.address;
            bounce->next_length = part.more.length;
            bounce->offset = part.offset;
            bounce->read_only = map->read_only;
            wipe_page(map, bounce);
            error = udmar__piece_list_add(host, &map->bounced_pieces,
                                          bounce->page.physical + part.offset,
                                          part.here.length + part.more.length, false);
            bounce = bounce->next;
        }
        joinable = !part.moves;
    }
    return error;
}

/* ---- Copies ---- */

static void copy_bytes(void *host, udmar_paddr_t to, udmar_paddr_t from, uint32_t length)
{
    uint8_t *target;
    const uint8_t *origin;

    if (length == 0) {
        return;
    }
    target = udmar_host_page_map(host, udmar__align_down(to, UDMAR_PAGE_SIZE));
    origin = udmar_host_page_map(host, udmar__align_down(from, UDMAR_PAGE_SIZE));
    __builtin_memcpy(target + (to & UDMAR_PAGE_MASK), origin + (from & UDMAR_PAGE_MASK), length);
    udmar_host_page_unmap(host, (void *)(uintptr_t)origin);
    udmar_host_page_unmap(host, target);
}

static void copy_out(void *host, const struct udmar__bounce_page *bounce)
{
    udmar_paddr_t page = bounce->page.physical + bounce->offset;

    copy_bytes(host, page, bounce->client, bounce->length);
    copy_bytes(host, page + bounce->length, bounce->next_client, bounce->next_length);
}

static void copy_back(void *host, const struct udmar__bounce_page *bounce)
{
    udmar_paddr_t page = bounce->page.physical + bounce->offset;

    copy_bytes(host, bounce->client, page, bounce->length);
    copy_bytes(host, bounce->next_client, page + bounce->length, bounce->next_length);
}

void udmar__bounce_copy(struct udmar_dma_map *map, int op)
{
    void *host = map->tag->device->instance->host;
    bool out = (op & UDMAR_DMA_SYNC_PREWRITE) != 0;
    bool copied = false;
    uintptr_t state;

    for (struct udmar__bounce_page *bounce = map->bounces; bounce != NULL; bounce = bounce->next) {
        /* What the device may only read it has not changed. */
        bool back = (op & UDMAR_DMA_SYNC_POSTREAD) != 0 && !bounce->read_only;

        if (out) {
            copy_out(host, bounce);
        }
        if (back) {
            copy_back(host, bounce);
        }
        copied |= out || back;
    }
    if (copied) {
        state = udmar__lock(host, &map->zone->lock);
        map->zone->bounced++;
        udmar__unlock(host, &map->zone->lock, state);
    }
}
