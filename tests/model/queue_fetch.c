/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A queue that takes descriptors in long before it carries them out, and not in their order.
 *
 * The head register moves when a descriptor is fetched, so that head and tail meet says nothing
 * about completion. Up to the next wait, requests may be carried
 * out in any order.
 */
#include <string.h>

#include "internal.h"

#define TYPE(words) FIELD((words)[0], 3, 0)
#define D_WAIT      5

bool fetch_busy(const struct model_unit *u)
{
    return u->queue.fetched.count > 0 || u->queue.fetched.bad != 0;
}

/* IQE is raised only when what was fetched before has been carried out, the head at the culprit. */
void fetch_ahead(struct model_unit *u)
{
    struct fetched *f = &u->queue.fetched;
    uint32_t most = u->behaviour.queue_fetch < FETCH_MOST ? u->behaviour.queue_fetch : FETCH_MOST;

    while (f->count < most && f->bad == 0 && *reg(u, R_IQH) != *reg(u, R_IQT)) {
        uint64_t words[4] = { 0 };
        unsigned info = IQEI_FETCH;

        if (descriptor_read(u, *reg(u, R_IQH), words))
            info = descriptor_check(u, words);
        if (info != IQEI_NONE) {
            f->bad = info + 1;
            break;
        }
        memcpy(f->words[f->count++], words, sizeof(words));
        head_advance(u);
    }
}

/* A wait stays behind all that was before it; what is behind it stays there. */
static uint32_t choose(struct model_unit *u)
{
    const struct fetched *f = &u->queue.fetched;
    uint32_t free_to_go = 0;

    while (free_to_go < f->count && TYPE(f->words[free_to_go]) != D_WAIT)
        free_to_go++;
    if (!u->behaviour.queue_disorder || free_to_go == 0)
        return 0;
    return random32(u->m) % free_to_go;
}

void fetch_take(struct model_unit *u, uint64_t words[4])
{
    struct fetched *f = &u->queue.fetched;
    uint32_t chosen = choose(u);

    memcpy(words, f->words[chosen], sizeof(f->words[chosen]));
    f->count--;
    memmove(f->words[chosen], f->words[chosen + 1], (f->count - chosen) * sizeof(f->words[0]));
}
