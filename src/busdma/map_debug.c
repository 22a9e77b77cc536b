/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The debug build (UDMAR_DEBUG_MAPS): each map remembers where in its driver it was made, loaded
 * and unloaded, and mistakes are logged with these places. They are return addresses: addr2line or
 * the kernel's debugger turns them into lines.
 */
#include "base/text.h"
#include "busdma/debug.h"

#ifdef UDMAR_DEBUG_MAPS

static unsigned long long place_number(const void *place)
{
    return (unsigned long long)(uintptr_t)place;
}

void udmar__debug_mistake(const struct udmar_dma_map *map, const void *caller, const char *what)
{
    const struct udmar_dma_tag *tag = map->tag;
    char label[64];

    /* A driver may unload what it never loaded; FreeBSD lets it, and there is nothing to find. */
    if (map->last_load == NULL) {
        return;
    }
    udmar__log(tag->device->instance->host, UDMAR_LOG_ERROR,
               "%s%s%s: %s at 0x%llx; map made at 0x%llx, last loaded at 0x%llx, last unloaded at "
               "0x%llx",
               udmar__device_label(tag->device, label), tag->name != NULL ? " tag " : "",
               tag->name != NULL ? tag->name : "", what, place_number(caller),
               place_number(map->created), place_number(map->last_load),
               place_number(map->last_unload));
}

static void name_map(const struct udmar_dma_map *map)
{
    char label[64];

    udmar__log(map->tag->device->instance->host, UDMAR_LOG_ERROR,
               "%s%s%s: a map is left, made at 0x%llx, last loaded at 0x%llx, last unloaded at "
               "0x%llx%s",
               udmar__device_label(map->tag->device, label), map->tag->name != NULL ? " tag " : "",
               map->tag->name != NULL ? map->tag->name : "", place_number(map->created),
               place_number(map->last_load), place_number(map->last_unload),
               udmar__is_loaded(map) ? ", still loaded" : "");
}

/* Under the instance's lock, like all changes of the list: log lines are allowed there. */
static void name_maps_of(struct udmar_device *device, const struct udmar_dma_tag *tag)
{
    struct udmar *instance = device->instance;
    uintptr_t state = udmar__lock(instance->host, &instance->lock);

    for (struct udmar_dma_map *map = device->maps; map != NULL; map = map->next_of_device) {
        if (tag == NULL || map->tag == tag) {
            name_map(map);
        }
    }
    udmar__unlock(instance->host, &instance->lock, state);
}

static void name_all(struct udmar_device *device)
{
    name_maps_of(device, NULL);
}

void udmar__debug_leaks(const struct udmar_dma_tag *tag, const void *caller)
{
    char label[64];

    udmar__log(tag->device->instance->host, UDMAR_LOG_ERROR,
               "%s: bus_dma_tag_destroy at 0x%llx of a tag that is in use",
               udmar__device_label(tag->device, label), place_number(caller));
    name_maps_of(tag->device, tag);
}

void udmar__debug_created(struct udmar_dma_map *map, const void *caller)
{
    struct udmar_device *device = map->tag->device;
    struct udmar *instance = device->instance;
    uintptr_t state = udmar__lock(instance->host, &instance->lock);

    map->created = caller;
    map->next_of_device = device->maps;
    device->maps = map;
    device->name_maps = name_all;
    udmar__unlock(instance->host, &instance->lock, state);
}

void udmar__debug_ended(struct udmar_dma_map *map)
{
    struct udmar_device *device = map->tag->device;
    struct udmar *instance = device->instance;
    struct udmar_dma_map **link = &device->maps;
    uintptr_t state = udmar__lock(instance->host, &instance->lock);

    while (*link != NULL && *link != map) {
        link = &(*link)->next_of_device;
    }
    if (*link != NULL) {
        *link = map->next_of_device;
    }
    udmar__unlock(instance->host, &instance->lock, state);
}

#endif
