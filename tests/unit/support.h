/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine with one unit, one driver instance and one network card, for tests of the unit and
 * policy layers. Tests look inside the instance where a rule cannot be seen from outside.
 */
#ifndef UDMAR_TESTS_SUPPORT_H
#define UDMAR_TESTS_SUPPORT_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <udmar/udmar.h>

#include "model.h"
#include "policy/instance.h"

/* Bits of GCMD, GSTS and FSTS as the specification has them; the driver's names are not used. */
#define TE  UINT32_C(0x80000000)
#define RTP UINT32_C(0x40000000)
#define QIE UINT32_C(0x04000000)
#define IRE UINT32_C(0x02000000)

#define GSTS  0x1cu
#define FSTS  0x34u
#define FECTL 0x38u
#define PMEN  0x64u

#define BASE   UINT64_C(0xfed91000)
#define BASE_2 UINT64_C(0xfed92000)
#define NIC    UINT16_C(0x0018) /* 00:03.0 */
#define DISK   UINT16_C(0x00fa) /* 00:1f.2, not attached unless a test does it */
#define IOVA   UINT64_C(0x10000000)
#define RAM_1  UINT64_C(0x100000)
#define RAM_2  UINT64_C(0x101000000)
#define RAM    (UINT64_C(32) << 20)

struct rig {
    struct model *m;
    struct model_unit *u; /* the first unit */
    struct udmar *d;
    struct udmar_config config;
    struct udmar_ram_range ram[2];
    struct udmar_device *nic;
    struct udmar_domain *own; /* of rig_own_domain() */
    uint64_t page;            /* of memory, a buffer for DMA */
    uint8_t table[4096];
};

/* Machine, unit (include-all), functions NIC and DISK; no instance yet. */
void rig_machine(struct rig *r, const char *profile);
void rig_machine_config(struct rig *r, const struct model_config *machine,
                        const struct model_unit_config *unit);
/* A machine without units, for tests that add their own. */
void rig_empty(struct rig *r);
/* Builds the table and creates the instance; must succeed. */
void rig_create(struct rig *r);
/* What udmar_create() says to the table as it is now. */
enum udmar_status rig_try_create(struct rig *r);
void rig_start(struct rig *r);
/* All of it: machine, instance, started, NIC attached. */
void rig_open(struct rig *r, const char *profile);
/* Stops what is started, detaches everything, destroys; must leave neither leaks nor violations. */
void rig_close(struct rig *r);
/* The same, but the instance alone; the machine stays. */
void rig_destroy(struct rig *r);
/* Ends the machine without looking for leaks or violations. */
void rig_abandon(struct rig *r);

/* Prints and forgets violations; how many there were. */
unsigned rig_violations(struct rig *r);
/* All violations contain @text, and there is at least one; forgets them. */
bool rig_violated_only(struct rig *r, const char *text);

/* Sets a tunable; must succeed. */
void rig_tune(struct rig *r, const char *name, const char *value);
struct udmar_unit *rig_unit(struct rig *r, unsigned index);
struct udmar_device *rig_attach(struct rig *r, uint16_t rid);

/* Puts the NIC into a domain of the test's own, where mappings outlive its stay. */
void rig_own_domain(struct rig *r);

/* One byte of DMA by a function, as its unit sees it after all bridges. */
enum model_result rig_write(struct rig *r, uint16_t rid, uint64_t iova);
enum model_result rig_read(struct rig *r, uint16_t rid, uint64_t iova);
bool rig_reaches(struct rig *r, uint16_t rid, uint64_t iova, uint64_t physical);
/* Maps one page for the NIC, read and write. */
enum udmar_status rig_map(struct rig *r, uint64_t iova, uint64_t physical);
enum udmar_status rig_unmap(struct rig *r, uint64_t iova);
struct udmar_device_info rig_info(struct udmar_device *device);

struct model_scope rig_endpoint(uint16_t rid);

#endif
