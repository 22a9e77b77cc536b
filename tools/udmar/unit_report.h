/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers of remapping units, wherever they come from, and what they mean.
 */
#ifndef UDMAR_TOOL_UNIT_REPORT_H
#define UDMAR_TOOL_UNIT_REPORT_H

#include "common.h"

#include <udmar/unit.h>

enum { UNITS_MAX = 1024 }; /* in one input */

struct unit_registers {
    char name[40];
    bool has_version, has_cap, has_ecap, has_address, has_status;
    uint32_t version;
    uint64_t cap, ecap;
    uint64_t address; /* of the registers */
    uint32_t status;  /* GSTS: what is switched on */
};

struct unit_set {
    struct unit_registers *units;
    size_t count;
};

/* Appends an empty unit. */
struct unit_registers *unit_add(struct unit_set *set, const char *name);
void unit_free(struct unit_set *set);

/*
 * Registers out of a dump: text of lines "offset: value" or "NAME offset value" (Linux's
 * iommu_regset), or the registers' bytes. False and a problem where a unit is not whole.
 */
bool unit_from_dump(const uint8_t *bytes, size_t size, struct unit_set *out_set,
                    struct problem *problem);

/* From @sysfs + "/class/iommu/dmar*". False after a message(). */
bool unit_from_sysfs(const char *sysfs, struct unit_set *out_set);

/* ---- meaning -------------------------------------------------------------------------------- */

enum feature {
    FEATURE_TRANSLATION,
    FEATURE_SUPERPAGE_2M,
    FEATURE_SUPERPAGE_1G,
    FEATURE_PASS_THROUGH,
    FEATURE_QUEUE,
    FEATURE_REGISTERS,
    FEATURE_PAGE_SELECTIVE,
    FEATURE_COHERENT,
    FEATURE_SNOOP,
    FEATURE_DRAIN,
    FEATURE_SELF_FLUSH,
    FEATURE_NO_WRITE_BUFFER,
    FEATURE_NO_CACHING_MODE,
    FEATURE_INTERRUPTS,
    FEATURE_EXTENDED_IDS,
    FEATURE_POSTED,
    FEATURE_PROTECTED,
    FEATURE_DEVICE_TLB,
    FEATURE_PAGE_REQUESTS,
    FEATURE_PASID,
    FEATURE_SCALABLE,
    FEATURE_FIRST_STAGE,
    FEATURE_SECOND_STAGE,
    FEATURE_NESTED,
    FEATURE_DIRTY,
    FEATURE_ABORT,
    FEATURE_COUNTERS,
    FEATURES,
};

enum use {
    USE_UDMAR,
    USE_ISOLATION,
    USE_GUESTS,
    USE_MANY_CPUS,
    USE_POSTED,
    USE_BIG_MAPPINGS,
    USE_IDENTITY,
    USE_SHARED_ADDRESSES,
    USE_VIRTUAL_UNIT,
    USE_MIGRATION,
    USES,
};

struct unit_report {
    const struct unit_registers *registers;
    struct udmar_unit_facts facts; /* all zero where nothing answers */
    enum udmar_status status;
    const char *reason; /* null, or what is wrong with the registers */
    uint64_t features;  /* bit n: enum feature n */
};

void unit_report_make(const struct unit_registers *registers, struct unit_report *out_report);

const char *feature_key(enum feature feature);  /* "superpage-2m": for programs */
const char *feature_name(enum feature feature); /* "2 MiB superpages": for people */

/* What having or not having it means here; buffer is used where numbers go in. */
const char *feature_text(const struct unit_report *report, enum feature feature, char buffer[120]);

const char *use_key(enum use use);
const char *use_name(enum use use);
/* What it takes outside of the unit; null: nothing. */
const char *use_besides(enum use use);

/* The features a use needs and the unit lacks, as a bit set; 0: it will do. */
uint64_t use_missing(const struct unit_report *report, enum use use);

/* Is there nothing to say about a feature, since scalable mode, which it is part of, is missing? */
bool feature_is_implied(uint64_t missing, enum feature feature);

/* The ways to show units. */
void unit_print(const struct unit_set *set, FILE *out);
void unit_print_json(const struct unit_set *set, FILE *out);

#endif
