/* SPDX-License-Identifier: BSD-2-Clause */
/* Domain ids: each unit has a set of its own, and tags its caches with them [VTD 6.2]. */
#include "unit/unit.h"

static size_t map_size(const struct udmar_unit *unit)
{
    return (unit->facts.domain_ids + 63) / 64 * 8;
}

bool udmar__domain_ids_create(struct udmar_unit *unit)
{
    unit->domain_id_map = udmar_host_alloc(unit->host, map_size(unit));
    if (unit->domain_id_map == NULL) {
        return false;
    }
    /* Id 0 tags not-present entries where CM is set [VTD 6.1]; leaving it out always is simpler. */
    unit->domain_id_map[0] = 1;
    return true;
}

void udmar__domain_ids_destroy(struct udmar_unit *unit)
{
    if (unit->domain_id_map != NULL) {
        udmar_host_free(unit->host, unit->domain_id_map, map_size(unit));
    }
}

bool udmar__domain_id_take(struct udmar_unit *unit, uint16_t *out_id)
{
    uintptr_t state = udmar__lock(unit->host, &unit->lock);
    bool found = false;

    for (uint32_t word = 0; word < (unit->facts.domain_ids + 63) / 64 && !found; word++) {
        uint64_t free = ~unit->domain_id_map[word];
        uint32_t id = word * 64 + (free == 0 ? 0 : udmar__log2(free & (~free + 1)));

        if (free != 0 && id < unit->facts.domain_ids) {
            unit->domain_id_map[word] |= free & (~free + 1);
            *out_id = (uint16_t)id;
            found = true;
        }
    }
    udmar__unlock(unit->host, &unit->lock, state);
    return found;
}

void udmar__domain_id_give(struct udmar_unit *unit, uint16_t id)
{
    uintptr_t state = udmar__lock(unit->host, &unit->lock);

    UDMAR_ASSERT(id != 0 && (unit->domain_id_map[id / 64] >> id % 64 & 1) != 0);
    unit->domain_id_map[id / 64] &= ~(UINT64_C(1) << (id % 64));
    udmar__unlock(unit->host, &unit->lock, state);
}
