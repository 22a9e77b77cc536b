/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of faults share: faults, interrupts that are held back, and is the unit silent? */
#ifndef UDMAR_TESTS_FAULT_SCENE_H
#define UDMAR_TESTS_FAULT_SCENE_H

#include "support.h"

static inline struct udmar_fault_counts counts(struct rig *r)
{
    struct udmar_fault_counts c;

    udmar_fault_counts(r->d, &c);
    return c;
}

static inline void inject(struct rig *r, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        model_inject_fault(r->u, NIC, 5, IOVA + 0x1000 * i, true);
    }
}

/* The unit must be ready to report: nothing pending, and the next fault makes an interrupt. */
static inline void assert_ready(struct rig *r)
{
    uint64_t total = counts(r).total;
    unsigned interrupts = model_interrupts(r->m);

    assert_int_equal(model_peek32(r->u, FSTS) & 0xff, 0);
    model_inject_fault(r->u, NIC, 6, 0x7000, false);
    (void)model_deliver_interrupts(r->m);
    assert_int_equal(counts(r).total, total + 1);
    assert_true(model_interrupts(r->m) > interrupts);
    assert_int_equal(model_peek32(r->u, FSTS) & 0xff, 0);
}

/* @records: 0: as many as the profile has. */
static inline void open_with_records(struct rig *r, const char *profile, unsigned records)
{
    const struct model_config machine = { .hold_interrupts = true };
    const struct model_unit_config unit = {
        .profile = profile,
        .base = BASE,
        .include_all = true,
        .cap_clear = records == 0 ? 0 : UINT64_C(0xff) << 40,
        .cap_set = records == 0 ? 0 : (uint64_t)(records - 1) << 40,
    };

    rig_machine_config(r, &machine, &unit);
    rig_create(r);
    rig_start(r);
    r->nic = rig_attach(r, NIC);
}

static inline void open_held(struct rig *r, const char *profile)
{
    open_with_records(r, profile, 0);
}

#endif
