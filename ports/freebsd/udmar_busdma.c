/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 14 operations that FreeBSD's busdma front end calls, on the library's busdma.
 *
 * The front end has looked at the driver's arguments, merges the limits of parent tags, and loads
 * mbuf chains, uio and memory descriptors piece by piece: each piece gets its segments at once.
 * Every library tag stands directly below the device's root tag, since the limits are merged
 * already.
 */
#include "udmar_port.h"

#include <vm/vm.h>
#include <vm/vm_page.h>
#include <vm/pmap.h>

#include <machine/atomic.h>
#include <machine/vmparam.h>

#define TAG_FLAGS    (BUS_DMA_ALLOCNOW | BUS_DMA_COHERENT | BUS_DMA_KEEP_PG_OFFSET)
#define MEMORY_TRIES 50 /* of 20 ms each, where a driver may wait for bus_dmamem_alloc() */

static struct bus_dma_impl operations;

static struct udmar_tag *tag_of(bus_dma_tag_t dmat)
{
    return (struct udmar_tag *)dmat;
}

static struct udmar_map *map_of(bus_dmamap_t map)
{
    return (struct udmar_map *)map;
}

/* ---- tags -------------------------------------------------------------------------------------
 */

struct udmar_tag *udmar_root_tag(struct udmar_device *device)
{
    struct udmar_dma_tag *limits = udmar_device_dma_tag(device);
    void *memory;

    if (limits == NULL ||
        common_bus_dma_tag_create(NULL, 1, 0, BUS_SPACE_MAXADDR, BUS_SPACE_MAXADDR, NULL, NULL,
                                  BUS_SPACE_MAXSIZE, BUS_SPACE_UNRESTRICTED, BUS_SPACE_MAXSIZE, 0,
                                  NULL, NULL, sizeof(struct udmar_tag), &memory) != 0) {
        return NULL;
    }
    struct udmar_tag *tag = memory;

    tag->common.impl = &operations;
    tag->device = device;
    tag->limits = limits;
    return tag;
}

/* Children hold their parent, and the front end's common part reads nothing of it later. */
static void release(struct udmar_tag *tag)
{
    while (tag != NULL &&
           atomic_fetchadd_int((volatile u_int *)&tag->common.ref_count, (u_int)-1) == 1) {
        struct udmar_tag *parent = tag->parent;

        udmar_dma_tag_destroy(tag->limits);
        free(tag, M_DEVBUF);
        tag = parent;
    }
}

static int make_limits(struct udmar_tag *tag)
{
    const struct bus_dma_tag_common *common = &tag->common;

    return udmar_dma_tag_create(udmar_device_dma_tag(tag->device), common->alignment,
                                common->boundary, common->lowaddr, common->highaddr, NULL, NULL,
                                common->maxsize, (int)common->nsegments, common->maxsegsz,
                                common->flags & TAG_FLAGS, NULL, NULL, &tag->limits);
}

/*
 * A filter could only allow single addresses of a window that is closed to the device, and guest
 * addresses are taken outside of it: it need not be asked.
 */
static int tag_create(bus_dma_tag_t parent, bus_size_t alignment, bus_addr_t boundary,
                      bus_addr_t lowaddr, bus_addr_t highaddr, bus_dma_filter_t *filter,
                      void *filter_argument, bus_size_t maxsize, int nsegments, bus_size_t maxsegsz,
                      int flags, bus_dma_lock_t *lockfunc, void *lock_argument, bus_dma_tag_t *dmat)
{
    struct udmar_tag *above = tag_of(parent);
    void *memory;
    int error;

    *dmat = NULL;
    error = common_bus_dma_tag_create(&above->common, alignment, boundary, lowaddr, highaddr,
                                      filter, filter_argument, maxsize, nsegments, maxsegsz, flags,
                                      lockfunc, lock_argument, sizeof(struct udmar_tag), &memory);
    if (error != 0) {
        return error;
    }
    struct udmar_tag *tag = memory;

    tag->parent = above; /* which the common part has counted */
    tag->device = above->device;
    error = make_limits(tag);
    if (error != 0) {
        release(tag);
        return error;
    }
    *dmat = (bus_dma_tag_t)tag;
    return 0;
}

static int tag_destroy(bus_dma_tag_t dmat)
{
    struct udmar_tag *tag = tag_of(dmat);

    if (tag == NULL) {
        return 0;
    }
    if (atomic_load_int(&tag->maps) != 0) {
        return EBUSY;
    }
    release(tag);
    return 0;
}

/* A preference, and for bounce pages only: what is in use already keeps its own. */
static int tag_set_domain(bus_dma_tag_t dmat)
{
    struct udmar_tag *tag = tag_of(dmat);

    (void)udmar_dma_tag_set_numa_node(tag->limits, tag->common.domain);
    return 0;
}

static bool id_mapped(bus_dma_tag_t dmat, vm_paddr_t address, bus_size_t length)
{
    return udmar_dma_id_mapped(tag_of(dmat)->limits, address, length);
}

/* ---- maps and memory --------------------------------------------------------------------------
 */

static int map_create(bus_dma_tag_t dmat, int flags, bus_dmamap_t *out_map)
{
    struct udmar_tag *tag = tag_of(dmat);
    struct udmar_map *map = malloc(sizeof(*map), M_UDMAR, M_NOWAIT | M_ZERO);
    int error = ENOMEM;

    *out_map = NULL;
    if (map != NULL) {
        error = udmar_dmamap_create(tag->limits, flags & BUS_DMA_NOWAIT, &map->library);
    }
    if (error != 0) {
        free(map, M_UDMAR);
        return error;
    }
    map->tag = tag;
    atomic_add_int(&tag->maps, 1);
    *out_map = (bus_dmamap_t)map;
    return 0;
}

static int map_destroy(bus_dma_tag_t dmat, bus_dmamap_t handle)
{
    struct udmar_map *map = map_of(handle);
    int error;

    if (map == NULL) {
        return 0;
    }
    if (map->wait != UDMAR_NOT_WAITING) {
        return EBUSY;
    }
    error = udmar_dmamap_destroy(map->tag->limits, map->library);
    if (error == 0) {
        atomic_subtract_int(&map->tag->maps, 1);
        free(map, M_UDMAR);
        udmar_wait_wake();
    }
    return error;
}

/* The library asks for memory without waiting; a driver that may wait tries again for a second. */
static int allocate(struct udmar_tag *tag, struct udmar_map *map, int flags)
{
    int error = udmar_dmamem_alloc(tag->limits, &map->memory, flags, &map->library);

    if ((flags & BUS_DMA_NOWAIT) != 0 || cold) {
        return error;
    }
    for (int i = 0; i < MEMORY_TRIES && error == ENOMEM; i++) {
        pause("udmarm", MAX(hz / 50, 1));
        error = udmar_dmamem_alloc(tag->limits, &map->memory, flags, &map->library);
    }
    return error;
}

static int mem_alloc(bus_dma_tag_t dmat, void **out_address, int flags, bus_dmamap_t *out_map)
{
    struct udmar_tag *tag = tag_of(dmat);
    struct udmar_map *map = malloc(sizeof(*map), M_UDMAR, M_NOWAIT | M_ZERO);
    int error = ENOMEM;

    *out_address = NULL;
    *out_map = NULL;
    if (map != NULL) {
        error = allocate(
            tag, map, flags & (BUS_DMA_NOWAIT | BUS_DMA_ZERO | BUS_DMA_COHERENT | BUS_DMA_NOCACHE));
    }
    if (error != 0) {
        free(map, M_UDMAR);
        return error;
    }
    map->tag = tag;
    atomic_add_int(&tag->maps, 1);
    *out_address = map->memory;
    *out_map = (bus_dmamap_t)map;
    return 0;
}

static void mem_free(bus_dma_tag_t dmat, void *address, bus_dmamap_t handle)
{
    struct udmar_map *map = map_of(handle);

    if (map == NULL || map->memory == NULL || map->memory != address) {
        printf("udmar: bus_dmamem_free(%p): not the memory of this map, ignored\n", address);
        return;
    }
    udmar_dmamem_free(map->tag->limits, address, map->library);
    atomic_subtract_int(&map->tag->maps, 1);
    free(map, M_UDMAR);
    udmar_wait_wake();
}

/* ---- loads ------------------------------------------------------------------------------------
 */

/* A piece, looked at page by page: what is physically contiguous is told as one run. */
struct walk {
    /* Looks one page up; 0: nothing is mapped there. Null: it is contiguous from `physical` on. */
    vm_paddr_t (*page)(const struct walk *walk, bus_size_t at);
    union {
        vm_paddr_t physical;
        vm_offset_t address;
        vm_page_t *pages;
    };
    pmap_t pmap;
    bus_size_t offset; /* of the first byte in its page */
    bus_size_t at;     /* bytes told */
    bus_size_t length;
    vm_paddr_t ahead; /* of the byte at `at`, if it has been looked up */
};

static vm_paddr_t kernel_page(const struct walk *walk, bus_size_t at)
{
    return pmap_kextract(walk->address + at);
}

static vm_paddr_t user_page(const struct walk *walk, bus_size_t at)
{
    return pmap_extract(walk->pmap, walk->address + at);
}

static vm_paddr_t listed_page(const struct walk *walk, bus_size_t at)
{
    bus_size_t byte = walk->offset + at;

    return VM_PAGE_TO_PHYS(walk->pages[byte >> PAGE_SHIFT]) + (byte & PAGE_MASK);
}

/* Each page is looked up once: the one that ends a run begins the next. */
static bool next_run(void *context, struct udmar_dma_piece *out_piece)
{
    struct walk *walk = context;
    bus_size_t left = walk->length - walk->at;
    bus_size_t run = PAGE_SIZE - ((walk->offset + walk->at) & PAGE_MASK);
    vm_paddr_t first;

    if (left == 0) {
        return false;
    }
    first = walk->ahead != 0 ? walk->ahead : walk->page(walk, walk->at);
    walk->ahead = 0;
    while (run < left) {
        walk->ahead = walk->page(walk, walk->at + run);
        if (walk->ahead != first + run) {
            break;
        }
        run += PAGE_SIZE;
    }
    run = MIN(run, left);
    walk->at += run;
    /* What is not mapped goes as the null pointer, which the library refuses. */
    *out_piece =
        (struct udmar_dma_piece){ .physical = first, .length = run, .is_physical = first != 0 };
    return true;
}

/* One contiguous range, without a look at its pages. */
static bool whole_run(void *context, struct udmar_dma_piece *out_piece)
{
    struct walk *walk = context;

    if (walk->at == walk->length) {
        return false;
    }
    walk->at = walk->length;
    *out_piece = (struct udmar_dma_piece){ .physical = walk->physical,
                                           .length = walk->length,
                                           .is_physical = true };
    return true;
}

static int load(bus_dma_tag_t dmat, bus_dmamap_t handle, struct walk *walk, int flags,
                bus_dma_segment_t *segs, int *last)
{
    struct udmar_tag *tag = tag_of(dmat);
    struct udmar_map *map = map_of(handle);
    int error;

    if (map == NULL) {
        return EINVAL;
    }
    if (walk->length == 0) {
        return 0;
    }
    error = udmar_dmamap_add(tag->limits, map->library, walk->page == NULL ? whole_run : next_run,
                             walk, (struct udmar_dma_segment *)segs, last, flags & BUS_DMA_NOWRITE);
    if (error == 0) {
        map->is_loaded = true;
    } else if (error == ENOMEM && (flags & BUS_DMA_NOWAIT) == 0) {
        if (map->is_loaded) {
            udmar_dmamap_unload(tag->limits, map->library);
            map->is_loaded = false;
        }
        error = udmar_wait_for_memory(tag, map);
    }
    return error;
}

static int load_phys(bus_dma_tag_t dmat, bus_dmamap_t map, vm_paddr_t address, bus_size_t length,
                     int flags, bus_dma_segment_t *segs, int *segp)
{
    struct walk walk = { .physical = address, .length = length };

    return load(dmat, map, &walk, flags, segs, segp);
}

static int load_ma(bus_dma_tag_t dmat, bus_dmamap_t map, struct vm_page **pages, bus_size_t length,
                   int offset, int flags, bus_dma_segment_t *segs, int *segp)
{
    struct walk walk = {
        .page = listed_page, .pages = pages, .offset = (bus_size_t)offset, .length = length
    };

    return load(dmat, map, &walk, flags, segs, segp);
}

static int load_buffer(bus_dma_tag_t dmat, bus_dmamap_t map, void *buffer, bus_size_t length,
                       struct pmap *pmap, int flags, bus_dma_segment_t *segs, int *segp)
{
    vm_offset_t address = (vm_offset_t)buffer;
    struct walk walk = { .address = address, .offset = address & PAGE_MASK, .length = length };

    if (pmap != kernel_pmap) {
        walk.pmap = pmap;
        walk.page = user_page;
    } else if (VIRT_IN_DMAP(address)) {
        walk.physical = DMAP_TO_PHYS(address);
    } else if (address >= VM_MIN_KERNEL_ADDRESS) {
        walk.page = kernel_page;
    } else {
        return length == 0 ? 0 : EINVAL;
    }
    return load(dmat, map, &walk, flags, segs, segp);
}

/* What a load that waits will need when it is run again. */
static void map_waitok(bus_dma_tag_t dmat, bus_dmamap_t handle, struct memdesc *memory,
                       bus_dmamap_callback_t *callback, void *callback_argument)
{
    struct udmar_map *map = map_of(handle);

    map->load_tag = tag_of(dmat);
    if (memory != &map->load_memory) {
        map->load_memory = *memory;
    }
    map->callback = callback;
    map->callback_argument = callback_argument;
}

static void undo(struct udmar_tag *tag, struct udmar_map *map)
{
    if (map->is_loaded) {
        map->is_loaded = false;
        udmar_dmamap_unload(tag->limits, map->library);
        udmar_wait_wake();
    }
}

/* Also after an error in the middle: the driver will not unload what it was never told of. */
static bus_dma_segment_t *map_complete(bus_dma_tag_t dmat, bus_dmamap_t handle,
                                       bus_dma_segment_t *segs, int nsegs, int error)
{
    struct udmar_map *map = map_of(handle);
    int count;

    if (map == NULL) {
        return segs;
    }
    if (map->wait != UDMAR_NOT_WAITING) {
        udmar_wait_ends(map);
    }
    if (error != 0) {
        undo(tag_of(dmat), map);
    }
    return segs != NULL ? segs : (bus_dma_segment_t *)udmar_dmamap_segments(map->library, &count);
}

static void map_unload(bus_dma_tag_t dmat, bus_dmamap_t handle)
{
    struct udmar_map *map = map_of(handle);

    if (map->wait != UDMAR_NOT_WAITING) {
        udmar_wait_cancel(map);
    }
    undo(tag_of(dmat), map);
}

static void map_sync(bus_dma_tag_t dmat, bus_dmamap_t handle, bus_dmasync_op_t op)
{
    struct udmar_map *map = map_of(handle);

    if (map->is_loaded) {
        udmar_dmamap_sync(tag_of(dmat)->limits, map->library, (int)op);
    }
}

static struct bus_dma_impl operations = {
    .tag_create = tag_create,
    .tag_destroy = tag_destroy,
    .tag_set_domain = tag_set_domain,
    .id_mapped = id_mapped,
    .map_create = map_create,
    .map_destroy = map_destroy,
    .mem_alloc = mem_alloc,
    .mem_free = mem_free,
    .load_ma = load_ma,
    .load_phys = load_phys,
    .load_buffer = load_buffer,
    .map_waitok = map_waitok,
    .map_complete = map_complete,
    .map_unload = map_unload,
    .map_sync = map_sync,
};

/* The front end's segments are the library's. */
CTASSERT(sizeof(bus_dma_segment_t) == sizeof(struct udmar_dma_segment));
CTASSERT(offsetof(bus_dma_segment_t, ds_len) == offsetof(struct udmar_dma_segment, ds_len));
CTASSERT(offsetof(struct udmar_tag, common) == 0);
CTASSERT(EINPROGRESS == UDMAR_EINPROGRESS && EFBIG == UDMAR_EFBIG && EBUSY == UDMAR_EBUSY);
CTASSERT(BUS_DMA_NOWRITE == UDMAR_DMA_NOWRITE && BUS_DMA_NOWAIT == UDMAR_DMA_NOWAIT);
