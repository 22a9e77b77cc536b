/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine as its firmware's DMAR table describes it: units with their scopes, every device that
 * the table names, bridges so that each path leads somewhere, and devices that nobody names.
 *
 * The table is read here byte by byte, not by the library.
 */
#ifndef UDMAR_TESTS_FIRMWARE_H
#define UDMAR_TESTS_FIRMWARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model.h"

#define FW_UNITS     16
#define FW_RMRRS     64
#define FW_FUNCTIONS 256
#define FW_IDS       32

struct fw_unit {
    uint64_t base; /* as the table states it */
    uint16_t segment;
    bool include_all;
    bool hidden;              /* nothing can be at such a base: the unit is somewhere else */
    bool idle;                /* it has no PCI function, only an IOAPIC or HPET */
    const uint8_t *structure; /* in the table */
    struct model_unit *unit;
};

struct fw_rmrr {
    uint16_t segment;
    uint64_t base, limit;
    unsigned count;
    uint16_t rid[FW_IDS]; /* of the devices that use it */
};

/* A function, found on the way of a path or at its end. */
struct fw_function {
    uint16_t segment;
    uint16_t rid;
    int parent; /* the bridge that it is behind, -1: on a root bus */
    uint8_t bus, devfn;
    bool bridge, named;
    uint8_t secondary, subordinate;
};

struct firmware {
    struct model *m;
    const uint8_t *table;
    size_t size;
    unsigned width; /* of host addresses, bits */
    unsigned unit_count, rmrr_count, function_count;
    unsigned hidden_count; /* of the units */
    struct fw_unit unit[FW_UNITS];
    struct fw_rmrr rmrr[FW_RMRRS];
    struct fw_function function[FW_FUNCTIONS];
};

/*
 * Builds the machine; @profile is that of every unit. Returns null, or what cannot be built and
 * why.
 */
const char *firmware_open(struct firmware *fw, const uint8_t *table, size_t size,
                          const char *profile);
void firmware_close(struct firmware *fw);

/* A device under this unit, with @rmrr_too also one that an RMRR names. -1: there is none. */
int firmware_device_of(const struct firmware *fw, const struct fw_unit *unit, bool rmrr_too);
bool firmware_is_rmrr_device(const struct firmware *fw, const struct fw_function *function);
/* Does hardware give the function to a unit that a driver can find? */
bool firmware_is_governed(const struct firmware *fw, const struct fw_function *function);

#endif
