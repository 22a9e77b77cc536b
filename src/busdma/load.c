/* SPDX-License-Identifier: BSD-2-Clause */
/* Load, sync, unload: what a driver calls, before it reaches a back end. */
#include "busdma/internal.h"

static int finish(struct udmar_dma_map *map, int error, udmar_dma_callback_t *callback,
                  void *callback_argument)
{
    if (error != 0) {
        callback(callback_argument, map->segments, 0, error);
        /* busdma(9): too many segments is the callback's news alone. */
        return error == UDMAR_EFBIG ? 0 : error;
    }
    callback(callback_argument, map->segments, (int)map->count, 0);
    return 0;
}

static int load(struct udmar_dma_map *map, struct udmar__source *source,
                udmar_dma_callback_t *callback, void *callback_argument, int flags)
{
    int error = UDMAR_EINVAL;

    if (source->remaining != 0 && source->remaining <= map->tag->maxsize) {
        map->count = 0;
        map->read_only = (flags & UDMAR_DMA_NOWRITE) != 0;
        error = map->tag->backend->load(map, source, map->read_only);
        map->loaded = error == 0;
    }
    return finish(map, error, callback, callback_argument);
}

int udmar_dmamap_load(struct udmar_dma_tag *tag, struct udmar_dma_map *map, void *buffer,
                      udmar_bus_size_t length, udmar_dma_callback_t *callback,
                      void *callback_argument, int flags)
{
    struct udmar__source source;

    if (tag == NULL || map == NULL || callback == NULL || map->tag != tag) {
        return UDMAR_EINVAL;
    }
    if (map->loaded) {
        return UDMAR_EBUSY;
    }
    if (buffer == NULL || length > UINTPTR_MAX - (uintptr_t)buffer) {
        return finish(map, UDMAR_EINVAL, callback, callback_argument);
    }
    source = (struct udmar__source){
        .host = tag->device->instance->host,
        .buffer = buffer,
        .remaining = length,
    };
    return load(map, &source, callback, callback_argument, flags);
}

/* No entry of a page table holds more, and no processor has it. */
#define PHYSICAL_END (UINT64_C(1) << 52)

/* The bytes of a list, or 0 when a piece lies in no memory or they do not add up to a number. */
static uint64_t list_bytes(const struct udmar_dma_physical *list, unsigned count)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < count; i++) {
        if (list[i].length == 0) {
            continue;
        }
        if (list[i].length > PHYSICAL_END || list[i].address > PHYSICAL_END - list[i].length ||
            list[i].length > UINT64_MAX - total) {
            return 0;
        }
        total += list[i].length;
    }
    return total;
}

int udmar_dmamap_load_physical(struct udmar_dma_tag *tag, struct udmar_dma_map *map,
                               const struct udmar_dma_physical *list, unsigned count,
                               udmar_dma_callback_t *callback, void *callback_argument, int flags)
{
    struct udmar__source source;

    if (tag == NULL || map == NULL || callback == NULL || map->tag != tag) {
        return UDMAR_EINVAL;
    }
    if (map->loaded) {
        return UDMAR_EBUSY;
    }
    source = (struct udmar__source){
        .host = tag->device->instance->host,
        .list = list,
        .remaining = list == NULL ? 0 : list_bytes(list, count),
    };
    return load(map, &source, callback, callback_argument, flags);
}

void udmar_dmamap_sync(struct udmar_dma_tag *tag, struct udmar_dma_map *map, int op)
{
    if (tag == NULL || map == NULL || !map->loaded) {
        return;
    }
    map->tag->backend->sync(map, op);
}

void udmar_dmamap_unload(struct udmar_dma_tag *tag, struct udmar_dma_map *map)
{
    if (tag == NULL || map == NULL || !map->loaded) {
        return;
    }
    map->tag->backend->unload(map);
    map->loaded = false;
    map->count = 0;
}
