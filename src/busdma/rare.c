/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads in which pages of a zone may have to stand in for the driver's. */
#include "base/text.h"
#include "busdma/internal.h"

static void give_pages_back(struct udmar_dma_map *map)
{
    map->rare = map->watched;
    udmar__quick_on(map);
    udmar__zone_give(map, true);
}

int udmar__load_with_pages(struct udmar_dma_map *map)
{
    struct udmar__source source;
    int error = udmar__stand_ins_place(map);

    if (error == 0) {
        source = (struct udmar__source){
            .host = map->tag->device->instance->host,
            .list = map->placed.entries,
            .remaining = map->placed.bytes,
        };
        error = udmar__load_source(map, &source);
    }
    udmar__zone_activate(map);
    if (error != 0) {
        /* Some of it may have been live already: as after an unload. */
        udmar__rare_unloaded(map);
    }
    return error;
}

/* What is in map->given, with @hides set. */
static int load_listed(struct udmar_dma_map *map)
{
    struct udmar__source source = {
        .host = map->tag->device->instance->host,
        .list = map->given.entries,
        .remaining = map->given.bytes,
    };
    uint32_t pages = 0;
    int error = 0;

    if (map->zone != NULL && udmar__needs_stand_ins(map, source)) {
        error = udmar__stand_ins_count(map, &pages);
    }
    if (error != 0) {
        return error;
    }
    if (pages == 0) {
        return udmar__load_source(map, &source);
    }
    error = udmar__zone_take(map->zone, map, pages);
    return error != 0 ? error : udmar__load_with_pages(map);
}

int udmar__load_given(struct udmar_dma_map *map)
{
    map->hides = map->subpage;
    return load_listed(map);
}

bool udmar__rare_clear(struct udmar_dma_map *map)
{
    if (map->bounces == NULL) {
        return true;
    }
    if (!map->tag->backend->settled(map)) {
        return false;
    }
    give_pages_back(map);
    udmar__deferred_kick(map->zone);
    return true;
}

int udmar__load_rare(struct udmar_dma_map *map, const struct udmar__source *source)
{
    struct udmar__source plain = *source;
    int error;

    if (!udmar__rare_clear(map)) {
        map->deferred.momentary = true;
        return UDMAR_ENOMEM;
    }
    map->hides = map->subpage && !udmar__map_owns(map, plain.buffer, plain.remaining);
    if (!udmar__needs_stand_ins(map, plain)) {
        return udmar__load_source(map, &plain);
    }
    udmar__list_clear(&map->given);
    error = udmar__list_source(&map->given, plain);
    return error != 0 ? error : load_listed(map);
}

void udmar__rare_release(struct udmar_dma_map *map)
{
    /* Translation in deferred mode waits here: the pages are not the driver's alone. */
    if (map->tag->backend->settled(map)) {
        give_pages_back(map);
    } else {
        map->rare = true;
        udmar__quick_off(map);
    }
}

void udmar__rare_unloaded(struct udmar_dma_map *map)
{
    struct udmar__zone *zone = map->zone;

    udmar__rare_release(map);
    /* Last: a callback may load the map again, or end it. */
    udmar__deferred_kick(zone);
}

void udmar__rare_end(struct udmar_dma_map *map)
{
    void *host = map->tag->device->instance->host;
    char label[64];

    if (!udmar__rare_clear(map)) {
        udmar__log(host, UDMAR_LOG_ERROR,
                   "%s: %u bounce pages are given up: the unit has not confirmed their unload",
                   udmar__device_label(map->tag->device, label), (unsigned)map->bounce_count);
        udmar__zone_abandon(map);
        udmar__deferred_kick(map->zone);
    }
    udmar__list_free(host, &map->given);
    udmar__list_free(host, &map->placed);
}
