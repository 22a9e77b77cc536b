/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the fuzz targets share: taking an input apart, saying what is wrong, and a plain second
 * opinion on tables.
 *
 * A target takes its decisions from the front of the input (the control block), so that a change of
 * one byte there changes the case and not the meaning of all that follows.
 */
#ifndef UDMAR_TESTS_FUZZ_H
#define UDMAR_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include <udmar/table.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Says which rule is broken, where, and aborts: libFuzzer keeps the input. */
_Noreturn void fuzz_broken(const char *rule, const char *file, int line);
#define REQUIRE(rule) ((rule) ? (void)0 : fuzz_broken(#rule, __FILE__, __LINE__))

/* Past the end an input reads as zeros. */
struct input {
    const uint8_t *data;
    size_t left;
};
uint64_t take(struct input *in, unsigned bytes); /* 1 to 8, little-endian */
/* A copy that is exactly as long as what it holds, so that a step outside is seen. */
uint8_t *copy_of(const uint8_t *data, size_t size);

/* ---- a machine for paths to lead through ---- */

#define BRIDGES 8
struct bridges {
    unsigned count;
    struct {
        uint16_t segment;
        udmar_rid_t rid;
        uint8_t secondary, subordinate;
    } at[BRIDGES];
};
/* Five bytes a bridge, after their number. */
void take_bridges(struct input *in, struct bridges *out_bridges);
struct udmar_bus_reader bridges_reader(struct bridges *bridges);

/* ---- the second opinion ---- */

/* The requester id that a scope's bytes lead to, -1 where they lead nowhere. */
long naive_resolve(const uint8_t *scope, uint16_t segment, const struct bridges *bridges);
/* How well the scopes in [from, to) fit a function. */
enum udmar_match naive_match(const uint8_t *from, const uint8_t *to, uint16_t segment,
                             const struct bridges *bridges, udmar_rid_t rid,
                             unsigned *out_distance);
/* Iterators, matching and the search for a unit against what the bytes say. */
void naive_compare(const struct udmar_table *table, struct bridges *bridges, uint16_t segment,
                   udmar_rid_t rid);

#endif
