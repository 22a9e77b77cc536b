/* SPDX-License-Identifier: BSD-2-Clause */
/* What is taken in a domain, range by range, for people. */
#include "mapping/arena.h"
#include "mapping/window.h"

static void describe_range(const struct udmar__range *range, struct udmar_range_info *out_range)
{
    *out_range = (struct udmar_range_info){
        .base = range->first << UDMAR_PAGE_SHIFT,
        .size = (range->last - range->first + 1) << UDMAR_PAGE_SHIFT,
        .kind = (enum udmar_range_kind)range->kind,
    };
    if (range->kind == UDMAR_RANGE_WINDOW) {
        udmar__window_loaded(range, &out_range->loaded_base, &out_range->loaded_size);
    }
}

/* What is mapped in an arena from @page on, or the window that stands there. */
static bool next_in_arena(struct udmar_domain *domain, const struct udmar__arena *arena,
                          uint64_t page, struct udmar_range_info *out_range)
    UDMAR_REQUIRES(domain->lock)
{
    struct udmar__range *window = udmar__iova_at_or_above(&udmar__mapper_of(domain)->blocks, page);
    uint64_t inside = udmar__block_first(arena, page);
    uint64_t end =
        window != NULL ? udmar__min(window->first, arena->range.last + 1) : arena->range.last + 1;

    for (uint64_t at = inside != UINT64_MAX ? inside : page; at < end; at++) {
        unsigned pages = UDMAR__BLOCK_PAGES(udmar__block_at(arena, at));

        /* A block may be larger than what it holds: its end is no part of that. */
        if (pages != 0 && at + pages > page) {
            *out_range = (struct udmar_range_info){
                .base = at << UDMAR_PAGE_SHIFT,
                .size = (uint64_t)pages << UDMAR_PAGE_SHIFT,
                .kind = UDMAR_RANGE_ALLOCATED,
            };
            return true;
        }
    }
    if (window == NULL || window->first > arena->range.last) {
        return false;
    }
    describe_range(window, out_range);
    return true;
}

bool udmar_domain_next_range(struct udmar_domain *domain, udmar_iova_t from,
                             struct udmar_range_info *out_range)
{
    uint64_t page = from >> UDMAR_PAGE_SHIFT;
    struct udmar__range *range;
    bool found = false;
    uintptr_t state;

    if (domain == NULL) {
        return false;
    }
    state = udmar__lock(domain->host, &domain->lock);
    range = udmar__iova_at_or_above(&domain->iova, page);
    for (; range != NULL && !found; range = udmar__iova_at_or_above(&domain->iova, page)) {
        if (range->kind == RANGE_ARENA) {
            found = next_in_arena(domain, (struct udmar__arena *)range,
                                  udmar__max(page, range->first), out_range);
        } else {
            describe_range(range, out_range);
            found = true;
        }
        page = range->last + 1;
    }
    udmar__unlock(domain->host, &domain->lock, state);
    return found;
}
