/* SPDX-License-Identifier: BSD-2-Clause */
/* A machine on which an earlier kernel has left interrupt remapping on. */
#ifndef UDMAR_TESTS_FOUND_SCENE_H
#define UDMAR_TESTS_FOUND_SCENE_H

#include "interrupt_scene.h"

/* A table of an earlier kernel: @count_log2 is what IRTA says, plus 1. */
struct earlier {
    struct scene s;
    struct model_unit *u;
    uint64_t table;
    uint64_t queue;
    uint64_t irta;
    unsigned lost, fired;
    uint64_t message[2]; /* address of the message that fires, and where it must arrive */
};

static inline uint64_t check_id(uint16_t rid)
{
    return rid | UINT64_C(1) << 18;
}

static inline uint64_t aims(uint8_t destination, uint8_t vector)
{
    return UINT64_C(1) | (uint64_t)vector << 16 | (uint64_t)destination << 40;
}

static inline void put(struct earlier *e, uint32_t index, uint64_t low, uint64_t high)
{
    model_publish64(e->s.r.m, e->table + 16 * index, low);
    model_publish64(e->s.r.m, e->table + 16 * index + 8, high);
}

/* Queue and remapping on, with the table of @irta_low (size and EIME). */
static inline void leave_on(struct earlier *e, struct model_unit *u, uint64_t table,
                            uint64_t irta_low)
{
    e->irta = table | irta_low;
    model_poke32(u, 0x90, (uint32_t)e->queue);
    model_poke32(u, 0x94, (uint32_t)(e->queue >> 32));
    model_poke32(u, IRTA, (uint32_t)e->irta);
    model_poke32(u, IRTA + 4, (uint32_t)(e->irta >> 32));
    model_firmware_state(u, QIE | IRE | IRTP, 0);
}

/* The machine, and 256 entries of which none is present. */
static inline void earlier_machine(struct earlier *e, uint64_t ecap)
{
    memset(e, 0, sizeof(*e));
    scene_machine_of(&e->s, NULL, "generic48", CAP_PI, ecap);
    e->queue = model_page_alloc(e->s.r.m);
    e->table = model_page_alloc(e->s.r.m);
}

static inline void earlier_close(struct earlier *e)
{
    model_page_free(e->s.r.m, e->queue);
    model_page_free(e->s.r.m, e->table);
    scene_close(&e->s);
}

static inline uint64_t old_message(uint32_t index)
{
    return UINT64_C(0xfee00010) | (uint64_t)(index & 0x7fff) << 5 | (uint64_t)(index >> 15) << 2;
}

#endif
