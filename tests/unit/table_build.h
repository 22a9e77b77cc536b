/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the table layer share: tables made piece by piece, right or wrong on purpose,
 * the questions that are asked about them, and a small machine for paths to lead through.
 *
 *     struct build b;
 *
 *     build_begin(&b);
 *     add_drhd(&b, 0, 0, BASE_A);
 *     add_endpoint(&b, 2);
 *     table = build_finish(&b);
 */
#ifndef UDMAR_TESTS_TABLE_BUILD_H
#define UDMAR_TESTS_TABLE_BUILD_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <udmar/table.h>

#define BASE_A UINT64_C(0xfed90000)
#define BASE_B UINT64_C(0xfed91000)
#define BASE_C UINT64_C(0xfed92000)

/* ---- the builder ---- */

struct build {
    uint8_t bytes[4096];
    uint32_t length;
    uint32_t open; /* offset of the structure that scopes go to */
};

/* A header alone: addresses of 39 bits, interrupt remapping. */
void build_begin(struct build *b);

/* Puts length and checksum right; build_finish() opens the table, too, which has to work. */
void build_seal(struct build *b);
struct udmar_table build_finish(struct build *b);

/* For what the functions below do not make: bytes, a head, and the head's length put right. */
void build_put(struct build *b, uint64_t value, unsigned size);
uint32_t build_add(struct build *b, uint16_t type);
uint32_t build_grown(struct build *b);

/* Each appends a structure and returns its offset. */
uint32_t add_drhd(struct build *b, uint8_t flags, uint16_t segment, uint64_t base);
uint32_t add_rmrr(struct build *b, uint16_t segment, uint64_t base, uint64_t limit);
uint32_t add_list(struct build *b, uint16_t type, uint8_t flags, uint16_t segment);
uint32_t add_rhsa(struct build *b, uint64_t base, uint32_t proximity);
uint32_t add_andd(struct build *b, uint8_t number, const char *bytes, unsigned size);
uint32_t add_blob(struct build *b, uint16_t type, uint16_t length);

/* Each appends a scope to the last structure and returns the scope's offset in the table. */
uint32_t add_path(struct build *b, uint8_t type, uint8_t id, uint8_t bus, unsigned hops,
                  const uint8_t *path);
uint32_t add_scope(struct build *b, uint8_t type, uint8_t bus, uint8_t device, uint8_t function);
uint32_t add_endpoint(struct build *b, uint8_t device);

/* ---- what the tests ask ---- */

/* The iterator finds exactly the structures at these offsets. */
void expect_entries(const struct udmar_table *table, unsigned count, const uint32_t *offsets);
#define EXPECT_ENTRIES(table, ...)                                 \
    expect_entries(table, sizeof((uint32_t[]){ __VA_ARGS__ }) / 4, \
                   (const uint32_t[]){ __VA_ARGS__ })

struct udmar_entry entry_at(const struct udmar_table *table, uint32_t offset);

struct defects {
    unsigned count;
    struct udmar_defect list[16];
};
struct defects check_table(const struct udmar_table *table);
void expect_defect(const struct udmar_defect *defect, enum udmar_defect_kind kind, uint32_t offset,
                   uint16_t type, uint64_t value);
void expect_only(const struct udmar_table *table, enum udmar_defect_kind kind, uint32_t offset,
                 uint16_t type, uint64_t value);

void expect_unit(const struct udmar_table *table, const struct udmar_bus_reader *reader,
                 uint16_t segment, udmar_rid_t rid, uint64_t base, enum udmar_match match);
/* UDMAR_ERR_FIRMWARE; @base: of the DRHD that is named with it, 0: none. */
void expect_doubt(const struct udmar_table *table, const struct udmar_bus_reader *reader,
                  uint16_t segment, udmar_rid_t rid, uint64_t base, enum udmar_match match,
                  enum udmar_defect_kind kind);
void expect_no_unit(const struct udmar_table *table, const struct udmar_bus_reader *reader,
                    uint16_t segment, udmar_rid_t rid);

/* ---- a machine: bridges that a test can set up and renumber ---- */

/* A list of them ends with rid 0. */
struct bridge {
    uint16_t segment;
    udmar_rid_t rid;
    uint8_t secondary;
    uint8_t subordinate;
};

/* For struct udmar_bus_reader; the context is a list of bridges. */
bool read_bridge(void *context, uint16_t segment, udmar_rid_t rid, uint8_t *out_secondary,
                 uint8_t *out_subordinate);

extern struct bridge machine_bridges[];
extern const struct udmar_bus_reader machine_reader;

#endif
