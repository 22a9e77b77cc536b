/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads on the bounce path; bounce.h says what it is. */
#include "base/text.h"
#include "busdma/bounce/bounce.h"
#include "busdma/bounce/page_pool.h"
#include "busdma/bounce/piece_list.h"
#include "busdma/bounce/wait.h"
#include "busdma/load.h"

static void give_pages_back(struct udmar_dma_map *map)
{
    udmar__bounce_zone_give(map, true);
    udmar__map_refresh(map);
}

int udmar__bounce_load_with_pages(struct udmar_dma_map *map)
{
    struct udmar__pieces pieces;
    int error = udmar__bounce_lay_out(map);

    if (error == 0) {
        error = udmar__piece_list_measure(map, &map->bounced_pieces, &pieces);
    }
    if (error == 0) {
        error = udmar__load_pieces(map, &pieces);
    }
    udmar__bounce_zone_activate(map);
    if (error != 0) {
        /* Some of it may have been live already: as after an unload. */
        udmar__bounce_unloaded(map);
    }
    return error;
}

/* What is in map->client_pieces, with @isolates set. */
static int load_listed(struct udmar_dma_map *map)
{
    struct udmar__pieces pieces;
    uint32_t pages = 0;
    int error = udmar__piece_list_measure(map, &map->client_pieces, &pieces);

    if (error == 0 && map->zone != NULL && udmar__needs_bounce(map, &pieces)) {
        error = udmar__bounce_count_pages(map, &pages);
    }
    if (error != 0) {
        return error;
    }
    if (pages == 0) {
        return udmar__load_pieces(map, &pieces);
    }
    error = udmar__bounce_zone_take(map->zone, map, pages);
    return error != 0 ? error : udmar__bounce_load_with_pages(map);
}

int udmar__bounce_load_client(struct udmar_dma_map *map, bool isolates)
{
    map->isolates = isolates;
    return load_listed(map);
}

/*
 * Pages of a piece that has failed, which a unit has not confirmed, stay until the unload is
 * confirmed. They stand for nothing.
 */
static void empty_pages(struct udmar_dma_map *map)
{
    for (struct udmar__bounce_page *bounce = map->bounces; bounce != NULL; bounce = bounce->next) {
        bounce->length = 0;
        bounce->next_length = 0;
    }
}

/* In front of those that the map has now; their order does not matter once they are loaded. */
static void join_pages(struct udmar_dma_map *map, struct udmar__bounce_page *others, uint32_t count)
{
    struct udmar__bounce_page **end = &map->bounces;

    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = others;
    map->bounce_count += count;
}

int udmar__bounce_add_client(struct udmar_dma_map *map, bool isolates)
{
    struct udmar__bounce_page *others = map->bounces;
    uint32_t count = map->bounce_count;
    int error;

    map->bounces = NULL;
    map->bounce_count = 0;
    error = udmar__bounce_load_client(map, isolates);
    if (error != 0) {
        empty_pages(map);
    }
    join_pages(map, others, count);
    return error;
}

bool udmar__bounce_reclaim(struct udmar_dma_map *map)
{
    if (map->bounces == NULL) {
        return true;
    }
    if (!map->tag->backend->is_flushed(map)) {
        return false;
    }
    give_pages_back(map);
    udmar__waiting_kick(map->zone);
    return true;
}

int udmar__bounce_load(struct udmar_dma_map *map, const struct udmar__pieces *pieces)
{
    int error;

    if (!udmar__bounce_reclaim(map)) {
        map->wait.momentary = true;
        return UDMAR_ENOMEM;
    }
    map->isolates = map->subpage && !udmar__map_owns(map, pieces->buffer, pieces->bytes);
    if (!udmar__needs_bounce(map, pieces)) {
        return udmar__load_pieces(map, pieces);
    }
    udmar__piece_list_clear(&map->client_pieces);
    error = udmar__piece_list_copy(&map->client_pieces, pieces);
    return error != 0 ? error : load_listed(map);
}

void udmar__bounce_release(struct udmar_dma_map *map)
{
    /* Translation in deferred mode waits here: the pages are not the driver's alone. */
    if (map->tag->backend->is_flushed(map)) {
        give_pages_back(map);
    } else {
        udmar__map_refresh(map);
    }
}

void udmar__bounce_unloaded(struct udmar_dma_map *map)
{
    struct udmar__bounce_zone *zone = map->zone;

    udmar__bounce_release(map);
    /* Last: a callback may load the map again, or end it. */
    udmar__waiting_kick(zone);
}

void udmar__bounce_end(struct udmar_dma_map *map)
{
    void *host = map->tag->device->instance->host;
    char label[64];

    if (!udmar__bounce_reclaim(map)) {
        udmar__log(host, UDMAR_LOG_ERROR,
                   "%s: %u bounce pages are given up: the unit has not confirmed their unload",
                   udmar__device_label(map->tag->device, label), (unsigned)map->bounce_count);
        udmar__bounce_zone_abandon(map);
        udmar__waiting_kick(map->zone);
    }
    udmar__piece_list_free(host, &map->client_pieces);
    udmar__piece_list_free(host, &map->bounced_pieces);
}
