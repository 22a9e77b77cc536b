/* SPDX-License-Identifier: BSD-2-Clause */
/* Stacks of blocks behind the magazines; reserve.h says what they are for. */
#include "mapping/reserve.h"

#include <udmar/host.h>

#include "base/bits.h"

static struct udmar__spill *pop_spill(struct udmar__reserve *reserve)
{
    struct udmar__spill *spill = reserve->top;

    reserve->top = spill->next;
    reserve->count--;
    return spill;
}

bool udmar__reserve_spill(void *host, struct udmar__reserve *reserve,
                          struct udmar__magazine *magazine, unsigned order)
{
    struct udmar__spill *spill;

    if ((reserve->count + 1) * (UDMAR__SPILL << order) > UDMAR__RESERVE_PAGES) {
        return false;
    }
    spill = udmar_host_alloc(host, sizeof(*spill));
    if (spill == NULL) {
        return false;
    }
    magazine->count -= UDMAR__SPILL;
    __builtin_memcpy(spill->page, &magazine->page[magazine->count], sizeof(spill->page));
    spill->next = reserve->top;
    reserve->top = spill;
    reserve->count++;
    return true;
}

bool udmar__reserve_refill(void *host, struct udmar__reserve *reserve,
                           struct udmar__magazine *magazine)
{
    struct udmar__spill *spill;

    if (reserve->top == NULL) {
        return false;
    }
    spill = pop_spill(reserve);
    reserve->lowest = (uint32_t)udmar__min(reserve->lowest, reserve->count);
    __builtin_memcpy(magazine->page, spill->page, sizeof(spill->page));
    magazine->count = UDMAR__SPILL;
    udmar_host_free(host, spill, sizeof(*spill));
    return true;
}

struct udmar__spill *udmar__reserve_trim(struct udmar__reserve *reserve, bool all)
{
    if (reserve->top == NULL || (!all && reserve->lowest == 0)) {
        reserve->lowest = reserve->count;
        return NULL;
    }
    reserve->lowest -= reserve->lowest != 0;
    return pop_spill(reserve);
}
