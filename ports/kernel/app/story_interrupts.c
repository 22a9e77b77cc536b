/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupts: every kind of source once, and a device that forges them. */
#include "forge.h"
#include "interrupts.h"
#include "report.h"
#include "story.h"

#define SHOTS 3u
#define WAIT  (DEVICE_PATIENCE / 4)

static void describe_state(const struct udmar_interrupt_state *state)
{
    if (state->units == 0) {
        report_line("remapping is off%s%s: any device can raise any interrupt",
                    state->refused != NULL ? ": " : "",
                    state->refused != NULL ? state->refused : "");
        return;
    }
    report_line("remapped by %u unit%s, %u entries, %u in use; processors have %u-bit ids%s",
                state->units, state->units == 1 ? "" : "s", state->entries, state->used,
                state->extended ? 32 : 8,
                state->compatible ? "; messages in compatibility format pass" : "");
}

/* ---- Every kind of source ---- */

struct shot {
    const struct irq *irq;
    unsigned wanted;
};

static bool all_came(void *arg)
{
    const struct shot *shot = arg;

    return irq_count(shot->irq) >= shot->wanted;
}

/* Each shot is waited for: a second one before the first has been taken would be one interrupt. */
static void claim_shots(const struct irq *irq, void (*fire)(void *arg), void *arg, const char *what)
{
    const struct irq_source *source = irq_source(irq);
    unsigned before = irq_count(irq);
    unsigned came;

    for (unsigned i = 1; i <= SHOTS; i++) {
        struct shot shot = { irq, before + i };

        fire(arg);
        (void)wait_until(all_came, &shot, WAIT);
    }
    came = irq_count(irq) - before;
    if (source->kind == IRQ_PCI) {
        report_claim(came == SHOTS, "%s, MSI: %u of %u interrupts came", what, came, SHOTS);
    } else {
        report_claim(came == SHOTS, "%s %u: %u of %u interrupts came", what, source->line, came,
                     SHOTS);
    }
}

static void nothing(void *arg)
{
    (void)arg;
}

static void fire_serial(void *arg)
{
    (void)arg;
    serial_raise();
}

static void fire_hpet(void *arg)
{
    (void)arg;
    hpet_fire(NS_PER_MS);
}

static void fire_edu(void *arg)
{
    edu_interrupt(arg);
}

static void try_drivers(const struct unit_under_test *list, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const struct irq *irq = list[i].pci->irq;

        if (list[i].driver != NULL && irq != NULL && list[i].mode != UDMAR_MODE_BLOCKED) {
            report_claim(irq_count(irq) > 0, "%s: its interrupts came while it worked (%u)",
                         list[i].label, irq_count(irq));
        }
    }
}

static void try_pins(void)
{
    const struct irq *serial = serial_raise();
    struct irq *hpet = hpet_take(false, nothing, NULL);

    if (serial != NULL) {
        claim_shots(serial, fire_serial, NULL, "serial port, I/O APIC pin");
    }
    if (hpet != NULL) {
        claim_shots(hpet, fire_hpet, NULL, "HPET, I/O APIC pin");
        hpet_give(hpet);
    }
}

/* Whether a scope of firmware's table names an HPET, so that its messages have a sender. */
static bool hpet_is_named(void)
{
    enum { SCOPE_HPET = 4 };
    size_t size;
    const void *bytes = acpi_table("DMAR", &size);
    struct udmar_entry entry = { .offset = 0 };
    struct udmar_table table;
    bool named = false;

    if (bytes == NULL || udmar_table_open(bytes, size, &table) != UDMAR_OK) {
        return false;
    }
    while (udmar_table_next(&table, &entry)) {
        struct udmar_scope scope = { .offset = 0 };

        while (udmar_entry_next_scope(&table, &entry, &scope)) {
            named |= scope.type == SCOPE_HPET;
        }
    }
    return named;
}

static void try_hpet_message(bool remapped)
{
    struct irq *hpet = hpet_take(true, nothing, NULL);

    if (remapped && !hpet_is_named()) {
        report_claim(hpet == NULL, "HPET, messages: refused, firmware does not say what it sends");
    } else if (report_claim(hpet != NULL, "HPET: a timer can send messages")) {
        claim_shots(hpet, fire_hpet, NULL, "HPET, message of timer");
    }
    if (hpet != NULL) {
        hpet_give(hpet);
    }
}

static void try_messages(struct system *system, bool remapped)
{
    for (unsigned i = 0; i < system->edus; i++) {
        struct unit_under_test *edu = &system->edu[i];

        if (edu->driver != NULL && pci_enable_msi(edu->pci, nothing, NULL)) {
            claim_shots(edu->pci->irq, fire_edu, edu->driver, edu->label);
            report_claim((interrupts_index(edu->pci->irq) != UINT32_MAX) == remapped, "%s: %s",
                         edu->label,
                         remapped ? "through an entry of its own" : "straight to the processor");
            pci_disable_msi(edu->pci);
        }
    }
    if (cmdline_get("hpet", NULL, 0)) {
        try_hpet_message(remapped);
    }
}

/* What leads to a device's own entry, and to nobody else's. */
static void check_entries(bool remapped)
{
    unsigned sources = 0;
    unsigned through = 0;
    bool twice = false;

    for (const struct irq *irq = irq_next(NULL); irq != NULL; irq = irq_next(irq)) {
        uint32_t index = interrupts_index(irq);

        sources += irq_source(irq)->kind != IRQ_OWN;
        through += index != UINT32_MAX;
        for (const struct irq *other = irq_next(irq); other != NULL; other = irq_next(other)) {
            twice |= index != UINT32_MAX && interrupts_index(other) == index;
        }
    }
    report_claim(through == (remapped ? sources : 0) && !twice,
                 remapped ? "%u of %u sources have an entry each"
                          : "%u of %u sources have an entry",
                 through, sources);
}

/* 32-bit ids are used where the processor asks for them and every unit can. */
static void check_width(struct system *system, const struct udmar_interrupt_state *state)
{
    struct udmar_unit_status unit;
    bool all = true;

    for (unsigned i = 0; udmar_unit_status(system->dmar, i, &unit) == UDMAR_OK; i++) {
        all &= unit.failed || unit.facts.extended_ids;
    }
    report_claim(state->extended == (lapic_is_x2() && all),
                 "processors are in %s mode, and entries name them with %u bits",
                 lapic_is_x2() ? "x2APIC" : "xAPIC", state->extended ? 32 : 8);
}

void story_interrupts(struct system *system)
{
    struct udmar_interrupt_state state;
    bool remapped;

    udmar_interrupt_state(system->dmar, &state);
    remapped = state.units > 0;
    report_chapter("Interrupts");
    describe_state(&state);
    if (remapped) {
        check_width(system, &state);
    }
    try_drivers(system->disk, system->disks);
    try_drivers(system->net, system->nets);
    try_pins();
    try_messages(system, remapped);
    check_entries(remapped);
}

/* ---- Forged ones ---- */

static void describe_fault(struct system *system, const struct forge_outcome *outcome)
{
    char sentence[400];

    if (outcome->faulted) {
        udmar_fault_format(system->dmar, &outcome->fault, sentence, sizeof(sentence));
        report_line("   the API returned: %s", sentence);
    }
}

static void judge(struct system *system, const struct forge_rules *rules,
                  const struct forgery *forgery, const struct forge_outcome *outcome)
{
    if (!outcome->ran) {
        report_claim(false, "the forgery could be tried (%s)", forgery->name);
        return;
    }
    describe_fault(system, outcome);
    if (!outcome->must_stop) {
        report_claim(outcome->arrived, "it SUCCEEDS: the interrupt arrived, %s (%s)",
                     rules->remapped ? "as a tunable allows" : "nothing stands in its way",
                     forgery->name);
    } else if (outcome->arrived && outcome->passes_here) {
        report_line("   it ARRIVED: QEMU lets the old format pass, whatever the unit is told.");
        report_line("   It has been told to block it; hardware does, with fault reason 0x%02x (%s)",
                    outcome->reason, forgery->name);
    } else {
        report_claim(!outcome->arrived, "stopped: no interrupt arrived (%s)", forgery->name);
        if (forge_is_recorded(rules)) {
            report_claim(outcome->named, "the fault names what was tried (%s)", forgery->name);
        } else {
            report_line("   QEMU %u keeps no record of it; later ones and hardware do, with fault "
                        "reason 0x%02x",
                        rules->qemu, outcome->reason);
        }
    }
}

void story_forgeries(struct system *system)
{
    struct forge_rules rules;

    forge_rules(system, &rules);
    for (unsigned e = 0; e < system->edus; e++) {
        struct unit_under_test *edu = &system->edu[e];

        if (edu->driver == NULL) {
            continue;
        }
        report_chapter("%s forges interrupts (remapping is %s)", edu->label,
                       rules.remapped ? "on" : "off");
        for (unsigned i = 0; i < forgery_count; i++) {
            struct forge_outcome outcome;

            forge_run(&forgeries[i], system, edu, &outcome);
            if (outcome.applies) {
                report_line("%s %s", edu->label, outcome.text);
                judge(system, &rules, &forgeries[i], &outcome);
            }
        }
    }
}
