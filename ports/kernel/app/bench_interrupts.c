/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an entry of the interrupt remapping table costs: allocate, set, another target while it is
 * live, and free; and beside that what the unit's invalidation of one entry costs alone, which the
 * last two contain.
 */
#include "bench.h"
#include "bench_stats.h"
#include "interrupts.h"

#define ROUNDS 1001u

enum step { ALLOCATE, SET, RETARGET, INVALIDATE, FREE, STEPS };

static const char *const names[STEPS] = { "allocate", "set", "re-target", "invalidate", "free" };

struct interrupt_stamps {
    uint64_t at[STEPS + 1];
};

static struct interrupt_stamps samples[ROUNDS];
static uint32_t values[ROUNDS];

static struct udmar_interrupt_target target(unsigned round)
{
    return (struct udmar_interrupt_target){ .destination = lapic_id(),
                                            .vector = (uint8_t)(0x80 + round % 64) };
}

static bool measure_one(struct udmar *dmar, const struct udmar_interrupt_source *source,
                        unsigned round, struct interrupt_stamps *stamps)
{
    const struct udmar_interrupt_target first = target(round);
    const struct udmar_interrupt_target second = target(round + 1);
    struct udmar_interrupt *interrupt = NULL;
    struct udmar_interrupt_message message = { .index = 0 };
    bool good;

    stamps->at[0] = bench_stamp();
    good = udmar_interrupt_alloc(dmar, source, 1, &interrupt) == UDMAR_OK;
    stamps->at[1] = bench_stamp();
    good &= udmar_interrupt_set(interrupt, 0, &first, &message) == UDMAR_OK;
    stamps->at[2] = bench_stamp();
    good &= udmar_interrupt_set(interrupt, 0, &second, &message) == UDMAR_OK;
    stamps->at[3] = bench_stamp();
    good &= udmar_unit_invalidate_interrupts(dmar, 0, message.index, 0) == UDMAR_OK;
    stamps->at[4] = bench_stamp();
    good &= udmar_interrupt_free(interrupt) == UDMAR_OK;
    stamps->at[5] = bench_stamp();
    return good && message.remapped;
}

static bool measure(struct udmar *dmar, const struct udmar_interrupt_source *source, unsigned live)
{
    const struct bench_row row = { "\"entry\"", "interrupts", live };
    struct bench_scale scale;
    uintptr_t state = irq_save();
    bool good = true;

    for (unsigned i = 0; i < ROUNDS && good; i++) {
        good = measure_one(dmar, source, i, &samples[i]);
    }
    irq_restore(state);
    bench_calibrate(&scale);
    for (unsigned step = 0; step < STEPS && good; step++) {
        for (unsigned i = 0; i < ROUNDS; i++) {
            values[i] = (uint32_t)(samples[i].at[step + 1] - samples[i].at[step]) - scale.overhead;
        }
        bench_print(&row, names[step], values, ROUNDS, &scale);
    }
    return good;
}

bool bench_interrupts(struct system *system)
{
    enum { OTHERS = 200 };
    static struct udmar_interrupt *others[OTHERS];
    const struct pci_device *pci = system->edu[0].pci;
    const struct udmar_interrupt_source source = {
        .kind = UDMAR_INTERRUPT_PCI,
        .segment = pci->segment,
        .rid = (udmar_rid_t)(pci->bus << 8 | pci->devfn),
    };
    bool good = measure(system->dmar, &source, 0);
    unsigned made = 0;

    while (good && made < OTHERS) {
        good = udmar_interrupt_alloc(system->dmar, &source, 1, &others[made]) == UDMAR_OK;
        made += good;
    }
    good = good && measure(system->dmar, &source, OTHERS);
    while (made > 0) {
        good &= udmar_interrupt_free(others[--made]) == UDMAR_OK;
    }
    if (!good) {
        kprintf("interrupts: could not be measured\n");
    }
    return good;
}
