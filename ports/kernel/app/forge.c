/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Forged interrupts. A message is a write of four bytes to 0xFEExxxxx, so whatever writes to memory
 * can send one: edu's DMA does, and its MSI registers take any address as well.
 */
#include "forge.h"

#include "interrupts.h"

#define ARRIVAL        (DEVICE_PATIENCE / 100)
#define MESSAGE_BASE   0xfee00000u
#define MESSAGE_SIZE   4u
#define REASON_ABSENT  0x22
#define REASON_OLD     0x25
#define REASON_SENDER  0x26
#define QEMU_RECORDING 10 /* earlier series drop a blocked interrupt and keep no record */

void forge_rules(struct system *system, struct forge_rules *out)
{
    struct udmar_interrupt_state state;
    char word[8];
    uint64_t series = 0;

    udmar_interrupt_state(system->dmar, &state);
    if (cmdline_get("qemu", word, sizeof(word))) {
        (void)kparse_u64(word, &series);
    }
    *out = (struct forge_rules){
        .remapped = state.units > 0,
        .compatible = state.compatible,
        .verified = state.verified,
        .qemu = (unsigned)series,
    };
}

bool forge_is_recorded(const struct forge_rules *rules)
{
    return rules->qemu == 0 || rules->qemu >= QEMU_RECORDING;
}

/* ---- Who is to be interrupted ---- */

struct arrival {
    const struct irq *irq;
    unsigned before;
};

static bool came(void *arg)
{
    const struct arrival *arrival = arg;

    return irq_count(arrival->irq) != arrival->before;
}

static void nothing(void *arg)
{
    (void)arg;
}

/* Another function's interrupt; its ids are not those of a device behind a bridge. */
static const struct irq *other_interrupt(const struct unit_under_test *edu)
{
    uint16_t own = (uint16_t)(edu->pci->bus << 8 | edu->pci->devfn);

    for (const struct irq *irq = irq_next(NULL); irq != NULL; irq = irq_next(irq)) {
        const struct irq_source *source = irq_source(irq);

        if (source->kind == IRQ_PCI && source->rid >> 8 == 0 && source->rid != own) {
            return irq;
        }
    }
    return NULL;
}

static void does_not_apply(struct forge_outcome *outcome, const char *reason)
{
    ksnprintf(outcome->text, sizeof(outcome->text), "%s", reason);
    outcome->applies = false;
}

/* ---- The forgeries ---- */

/* Four bytes from the device's buffer to the address of a message. */
static bool write_message(struct unit_under_test *edu, uint64_t address, uint32_t data)
{
    return edu_fill(edu->driver, &data, sizeof(data), MESSAGE_SIZE) == DRIVER_OK &&
           edu_dma_raw(edu->driver, address, MESSAGE_SIZE, true) == DRIVER_OK;
}

static void old_format(struct system *system, struct unit_under_test *edu,
                       const struct forge_rules *rules, struct forge_outcome *outcome)
{
    const struct irq_request request = { .source.kind = IRQ_OWN, .handler = nothing };
    struct irq_message message;
    struct irq *own;

    (void)system;
    if (edu->mode == UDMAR_MODE_BLOCKED) {
        does_not_apply(outcome,
                       "a blocked device cannot even fetch the message that it would write");
        return;
    }
    own = irq_take(&request);
    if (own == NULL) {
        return;
    }
    irq_message(own, &message);
    ksnprintf(outcome->text, sizeof(outcome->text),
              "writes the message for the kernel's own vector 0x%x to 0x%llx", irq_vector(own),
              (unsigned long long)message.address);
    outcome->ran = write_message(edu, message.address, message.data);
    outcome->arrived = wait_until(came, &(struct arrival){ own, 0 }, ARRIVAL);
    outcome->must_stop = rules->remapped && !rules->compatible;
    outcome->passes_here = rules->qemu != 0;
    outcome->reason = REASON_OLD;
    irq_give(own);
}

static void of_another(struct system *system, struct unit_under_test *edu,
                       const struct forge_rules *rules, struct forge_outcome *outcome)
{
    const struct irq *other = other_interrupt(edu);
    struct irq_message message;
    struct arrival arrival;

    (void)system;
    if (other == NULL) {
        does_not_apply(outcome, "no other device has an interrupt");
        return;
    }
    arrival = (struct arrival){ other, irq_count(other) };
    irq_message(other, &message);
    ksnprintf(outcome->text, sizeof(outcome->text),
              "is given the interrupt message of 00:%02x.%u, and fires",
              PCI_DEVICE_OF(irq_source(other)->rid & 0xff),
              PCI_FUNCTION_OF(irq_source(other)->rid & 0xff));
    edu_interrupt_raw(edu->driver, message.address, message.data);
    outcome->ran = true;
    outcome->arrived = wait_until(came, &arrival, ARRIVAL);
    outcome->must_stop = rules->remapped && rules->verified;
    outcome->reason = REASON_SENDER;
}

static void no_entry(struct system *system, struct unit_under_test *edu,
                     const struct forge_rules *rules, struct forge_outcome *outcome)
{
    unsigned strays = irq_stray_count();
    struct udmar_interrupt_state state;
    uint64_t address;
    uint32_t index;

    if (!rules->remapped) {
        does_not_apply(outcome, "without remapping no message names an entry");
        return;
    }
    udmar_interrupt_state(system->dmar, &state);
    /* Entries are given from the bottom; a message names the entry in address bits 19:5 and 2. */
    index = state.entries / (state.tables > 0 ? state.tables : 1) - 1;
    address = MESSAGE_BASE | (index & 0x7fff) << 5 | IRQ_ADDRESS_REMAPPABLE | index >> 15 << 2;
    ksnprintf(outcome->text, sizeof(outcome->text), "writes a message for entry %u to 0x%llx",
              index, (unsigned long long)address);
    outcome->ran = edu->mode == UDMAR_MODE_BLOCKED
                       ? edu_dma_raw(edu->driver, address, MESSAGE_SIZE, true) == DRIVER_OK
                       : write_message(edu, address, 0);
    udelay(ARRIVAL / NS_PER_US);
    outcome->arrived = irq_stray_count() != strays;
    outcome->must_stop = true;
    outcome->reason = REASON_ABSENT;
}

const struct forgery forgeries[] = {
    { "old-format", old_format },
    { "of-another", of_another },
    { "no-entry", no_entry },
};
const unsigned forgery_count = sizeof(forgeries) / sizeof(forgeries[0]);

/* ---- Faults ---- */

/* QEMU does not know who sent a message that came as DMA. */
static bool sender_fits(const struct unit_under_test *edu, const struct forge_rules *rules,
                        const struct forge_outcome *outcome)
{
    struct udmar_device_info info;

    if (rules->qemu != 0 && outcome->reason != REASON_SENDER) {
        return true;
    }
    udmar_device_info(edu->device, &info);
    for (unsigned i = 0; i < info.id_count && i < UDMAR_DEVICE_IDS; i++) {
        if (info.ids[i] == outcome->fault.rid) {
            return true;
        }
    }
    return outcome->fault.rid == info.rid;
}

void forge_run(const struct forgery *forgery, struct system *system, struct unit_under_test *edu,
               struct forge_outcome *outcome)
{
    struct forge_rules rules;
    struct udmar_fault_counts counts;

    forge_rules(system, &rules);
    udmar_fault_counts(system->dmar, &counts);
    memset(outcome, 0, sizeof(*outcome));
    outcome->applies = true;
    forgery->run(system, edu, &rules, outcome);
    if (!outcome->ran || !rules.remapped) {
        return;
    }
    (void)udmar_fault_poll(system->dmar);
    outcome->fault.sequence = counts.total;
    while (udmar_fault_next(system->dmar, outcome->fault.sequence, &outcome->fault)) {
        if (outcome->fault.access == UDMAR_FAULT_INTERRUPT) {
            outcome->faulted = true;
            outcome->named =
                outcome->fault.reason == outcome->reason && sender_fits(edu, &rules, outcome);
            return;
        }
    }
}

/* ---- Console ---- */

static int run_forge(int argc, char **argv)
{
    struct forge_outcome outcome;
    unsigned device = 0;
    uint64_t number;

    if (argc == 3 && kparse_u64(argv[2], &number)) {
        device = (unsigned)number;
    }
    for (unsigned i = 0; argc >= 2 && i < forgery_count; i++) {
        if (strcmp(argv[1], forgeries[i].name) == 0 && device < the_system.edus) {
            forge_run(&forgeries[i], &the_system, &the_system.edu[device], &outcome);
            kprintf("%s %s: %s\n", the_system.edu[device].label, outcome.text,
                    !outcome.applies  ? "(does not apply)"
                    : !outcome.ran    ? "could not be tried"
                    : outcome.arrived ? "the interrupt arrived"
                                      : "no interrupt arrived");
            return 0;
        }
    }
    kprintf("usage: forge <what> [edu number, 0 to %u]; what is one of", the_system.edus - 1);
    for (unsigned i = 0; i < forgery_count; i++) {
        kprintf(" %s", forgeries[i].name);
    }
    kprintf("\n");
    return 1;
}

void forge_register(void)
{
    static const struct console_command command = { "forge", "<what> [edu number]",
                                                    "has a rogue device forge an interrupt",
                                                    run_forge };

    console_register(&command);
}
