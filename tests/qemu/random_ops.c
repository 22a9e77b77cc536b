/* SPDX-License-Identifier: BSD-2-Clause */
#include "random.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[OP_KINDS] = {
    "map",    "map2m",  "unmap", "alloc", "free",   "load",
    "unload", "attach", "mode",  "dma",   "stream", "end"
};
/* Of 100. Most of the time devices work. */
static const unsigned weights[OP_KINDS] = { 12, 2, 8, 3, 3, 6, 5, 3, 3, 44, 6, 5 };

static uint32_t roll(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static uint32_t start_of(uint32_t seed)
{
    uint32_t state = seed * UINT32_C(2654435761) + 1;

    state = state == 0 ? 1 : state;
    for (unsigned i = 0; i < 8; i++)
        (void)roll(&state);
    return state;
}

struct random_setup random_setup_of(uint32_t seed)
{
    uint32_t state = start_of(seed);
    struct random_setup s = { .seed = seed };

    s.width = roll(&state) % 2 == 0 ? 39 : 48;
    s.caching = roll(&state) % 4 == 0;
    s.registers = roll(&state) % 3 == 0;
    s.hidden = roll(&state) % 2;
    s.nic = roll(&state) % 4 != 0;
    s.place = roll(&state) % 4;
    s.tag = roll(&state) % 3;
    s.lazy = roll(&state) % 2;
    return s;
}

void random_make(const struct random_setup *setup, struct random_op *ops, unsigned count)
{
    uint32_t state = start_of(setup->seed ^ UINT32_C(0x9e3779b9));

    for (unsigned i = 0; i < count; i++) {
        unsigned pick = roll(&state) % 100, kind = 0;

        while (pick >= weights[kind])
            pick -= weights[kind++];
        ops[i].kind = (enum random_kind)kind;
        for (unsigned n = 0; n < 5; n++)
            ops[i].number[n] = roll(&state) >> 4;
    }
}

static void write_op(FILE *file, const struct random_op *op)
{
    fprintf(file, "%s", names[op->kind]);
    for (unsigned n = 0; n < 5; n++)
        fprintf(file, " %" PRIu32, op->number[n]);
    fputc('\n', file);
}

void random_print(const struct random_op *op)
{
    printf("#   ");
    write_op(stdout, op);
}

bool random_save(const char *path, const struct random_setup *s, const struct random_op *ops,
                 unsigned count)
{
    FILE *file = fopen(path, "w");

    if (file == NULL)
        return false;
    fprintf(file, "setup %u %u %u %u %u %u %u %u %" PRIu32 "\n", s->width, s->caching, s->registers,
            s->hidden, s->nic, s->place, s->tag, s->lazy, s->seed);
    for (unsigned i = 0; i < count; i++)
        write_op(file, &ops[i]);
    return fclose(file) == 0;
}

static bool read_op(const char *line, struct random_op *out_op)
{
    uint32_t *n = out_op->number;
    char name[16];

    if (sscanf(line, "%15s %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32, name, &n[0],
               &n[1], &n[2], &n[3], &n[4]) != 6)
        return false;
    for (unsigned kind = 0; kind < OP_KINDS; kind++) {
        if (strcmp(name, names[kind]) == 0) {
            out_op->kind = (enum random_kind)kind;
            return true;
        }
    }
    return false;
}

struct random_op *random_load(const char *path, struct random_setup *s, unsigned *out_count)
{
    struct random_op *ops = NULL;
    FILE *file = fopen(path, "r");
    unsigned count = 0, room = 0;
    char line[160];
    bool good;

    if (file == NULL)
        return NULL;
    good = fgets(line, sizeof(line), file) != NULL &&
           sscanf(line, "setup %u %u %u %u %u %u %u %u %" SCNu32, &s->width, &s->caching,
                  &s->registers, &s->hidden, &s->nic, &s->place, &s->tag, &s->lazy, &s->seed) == 9;
    while (good && fgets(line, sizeof(line), file) != NULL) {
        if (count == room) {
            room = room == 0 ? 64 : 2 * room;
            ops = realloc(ops, room * sizeof(*ops));
            if (ops == NULL)
                abort();
        }
        good = read_op(line, &ops[count++]);
    }
    fclose(file);
    if (!good) {
        free(ops);
        return NULL;
    }
    *out_count = count;
    return ops;
}
