/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Table entries of VT-d: their fields as data, and what a unit objects to in them [VTD 9].
 *
 * The tool has its own view of the tables on purpose: it also reads what the library never writes
 * (other drivers' tables, scalable mode, first stage), and it is a second opinion on what it does.
 */
#ifndef UDMAR_TOOL_WALK_ENTRY_H
#define UDMAR_TOOL_WALK_ENTRY_H

#include "common.h"

enum entry_kind {
    ENTRY_ROOT,             /* legacy, 16 bytes */
    ENTRY_CONTEXT,          /* legacy, 16 bytes */
    ENTRY_SCALABLE_ROOT,    /* 16 bytes: two halves */
    ENTRY_SCALABLE_CONTEXT, /* 32 bytes */
    ENTRY_PASID_DIRECTORY,  /* 8 bytes */
    ENTRY_PASID,            /* 64 bytes */
    ENTRY_SECOND_TABLE,     /* second stage, leads to a table */
    ENTRY_SECOND_PAGE,      /* second stage, a page */
    ENTRY_FIRST_TABLE,
    ENTRY_FIRST_PAGE,
    ENTRY_INTERRUPT, /* of the interrupt remapping table, 16 bytes */
    ENTRY_POSTED,    /* the same, posted to a guest */
    ENTRY_KINDS,
};

enum { ENTRY_WORDS = 8 };

enum field_form {
    FORM_FLAG,   /* one bit, meanings[0] and [1] */
    FORM_NUMBER, /* decimal, with meanings where there are some */
    FORM_HEX,
    FORM_POINTER, /* an address: the field stays where it is in the word */
};

struct field {
    const char *name;
    uint8_t word, high, low;
    uint8_t form;            /* enum field_form */
    bool quiet;              /* not worth a line when it is 0 */
    const char *what;        /* what the field is about */
    const char *meanings[9]; /* by value; null: nothing to say */
};

struct entry_shape {
    const char *name; /* "context entry" */
    const char *id;   /* "context", for JSON */
    unsigned words;
    const struct field *fields;
    size_t field_count;
};

extern const struct entry_shape entry_shapes[ENTRY_KINDS];

uint64_t field_value(const struct field *field, const uint64_t *words);

/* What is known of the unit; without CAP and ECAP only what holds for every unit is checked. */
struct walk_unit {
    bool has_cap, has_ecap;
    uint64_t cap, ecap;
    unsigned host_bits; /* physical address width, 52 when unknown */
};

/*
 * What a unit would object to in a present entry: a fault reason, or 0. why (never null) gets a
 * clause that names the field and the value.
 */
struct objection {
    uint8_t reason;
    char why[120];
};

bool check_root(const struct walk_unit *unit, const uint64_t *words, struct objection *out);
bool check_context(const struct walk_unit *unit, const uint64_t *words, struct objection *out);
bool check_scalable_root(const struct walk_unit *unit, uint64_t half, struct objection *out);
bool check_scalable_context(const struct walk_unit *unit, const uint64_t *words,
                            struct objection *out);
bool check_directory(const struct walk_unit *unit, uint64_t word, struct objection *out);
bool check_pasid(const struct walk_unit *unit, const uint64_t *words, struct objection *out);

/* Page-table entries. scalable decides only which reason code it is. */
bool check_second(const struct walk_unit *unit, uint64_t entry, unsigned level, bool scalable,
                  struct objection *out);
bool check_first(const struct walk_unit *unit, uint64_t entry, unsigned level,
                 struct objection *out);

/* Present, remapped or posted; extended: the table has 32-bit APIC ids (IRTA.EIME). */
bool check_interrupt(const struct walk_unit *unit, const uint64_t *words, bool extended,
                     struct objection *out);

/* Fields that the walk itself needs. */
#define WALK_ADDRESS(word)     ((word)&UINT64_C(0x000ffffffffff000))
#define CONTEXT_TT(words)      ((unsigned)((words)[0] >> 2) & 3)
#define CONTEXT_AW(words)      ((unsigned)(words)[1] & 7)
#define CONTEXT_DID(words)     ((unsigned)((words)[1] >> 8) & 0xffff)
#define SCALABLE_PASIDE(words) (((words)[0] >> 3) & 1)
#define SCALABLE_PDTS(words)   ((unsigned)((words)[0] >> 9) & 7)
#define SCALABLE_RID(words)    ((uint32_t)(words)[1] & 0xfffff)
#define PASID_AW(words)        ((unsigned)((words)[0] >> 2) & 7)
#define PASID_PGTT(words)      ((unsigned)((words)[0] >> 6) & 7)
#define PASID_DID(words)       ((unsigned)(words)[1] & 0xffff)
#define PASID_FSPM(words)      ((unsigned)((words)[2] >> 2) & 3)

#define INTERRUPT_POSTED(words) (((words)[0] >> 15 & 1) != 0)
#define INTERRUPT_DLM(words)    ((unsigned)((words)[0] >> 5) & 7)
#define INTERRUPT_VECTOR(words) ((unsigned)((words)[0] >> 16) & 0xff)
#define INTERRUPT_DST(words)    ((uint32_t)((words)[0] >> 32))
#define INTERRUPT_SID(words)    ((unsigned)(words)[1] & 0xffff)
#define INTERRUPT_SQ(words)     ((unsigned)((words)[1] >> 16) & 3)
#define INTERRUPT_SVT(words)    ((unsigned)((words)[1] >> 18) & 3)

/* The register IRTA: where the table is and how many entries it has [VTD 11.4.14]. */
#define IRTA_ENTRIES(irta)  (2u << ((irta)&15))
#define IRTA_EXTENDED(irta) (((irta) >> 11 & 1) != 0)

enum { TT_UNTRANSLATED = 0, TT_ALL = 1, TT_PASS_THROUGH = 2 };
enum { PGTT_FIRST = 1, PGTT_SECOND = 2, PGTT_NESTED = 3, PGTT_PASS_THROUGH = 4 };

/* Whether an entry at this level ends the walk. */
static inline bool entry_is_page(uint64_t entry, unsigned level)
{
    return level == 1 || (level <= 3 && (entry >> 7 & 1) != 0);
}

static inline bool second_present(uint64_t entry)
{
    return (entry & 3) != 0;
}

#endif
