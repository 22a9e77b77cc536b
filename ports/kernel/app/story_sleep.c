/* SPDX-License-Identifier: BSD-2-Clause */
/* A night's sleep: the machine loses all registers, and goes on with every mapping that it had. */
#include "report.h"
#include "story.h"

static bool suspend_drivers(struct system *system)
{
    bool good = true;

    for (unsigned i = 0; i < system->disks; i++) {
        good &= system->disk[i].driver == NULL || ahci_suspend(system->disk[i].driver);
    }
    for (unsigned i = 0; i < system->nets; i++) {
        good &= system->net[i].driver == NULL || em_suspend(system->net[i].driver);
    }
    return good;
}

static bool resume_drivers(struct system *system)
{
    bool good = true;

    for (unsigned i = 0; i < system->disks; i++) {
        good &= system->disk[i].driver == NULL || ahci_resume(system->disk[i].driver);
    }
    for (unsigned i = 0; i < system->nets; i++) {
        good &= system->net[i].driver == NULL || em_resume(system->net[i].driver);
    }
    return good;
}

/* How many units translate, and how many remap interrupts; what their registers say. */
static unsigned count_units(struct system *system, unsigned *out_remapping)
{
    struct udmar_unit_status status;
    unsigned translating = 0;

    *out_remapping = 0;
    for (unsigned i = 0; udmar_unit_status(system->dmar, i, &status) == UDMAR_OK; i++) {
        translating += status.translating;
        *out_remapping += status.remaps;
    }
    return translating;
}

static void wake_up(struct system *system, unsigned translated, unsigned remapped)
{
    enum udmar_status status = UDMAR_OK;
    unsigned remapping;
    unsigned translating = count_units(system, &remapping);

    report_claim(translating == 0 && remapping == 0,
                 "after the sleep no unit translates, and none remaps interrupts");
    if (system->protected) {
        status = udmar_resume(system->dmar);
    }
    translating = count_units(system, &remapping);
    report_claim(status == UDMAR_OK && translating == translated && remapping == remapped,
                 "udmar_resume() says %s: units that translate %u, that remap interrupts %u",
                 udmar_status_string(status), translating, remapping);
    report_claim(irq_program_all(), "every interrupt source has its message again");
}

void story_sleep(struct system *system)
{
    const char *objection = sleep_objection();
    enum udmar_status status = UDMAR_OK;
    size_t before = kmalloc_in_use();
    unsigned remapped;
    unsigned translated = count_units(system, &remapped);
    bool slept;

    report_chapter("The machine sleeps");
    if (!report_claim(objection == NULL, "the machine can sleep%s%s", objection != NULL ? ": " : "",
                      objection != NULL ? objection : "")) {
        return;
    }
    report_claim(suspend_drivers(system), "drivers are quiet; their memory stays mapped");
    if (system->protected) {
        status = udmar_suspend(system->dmar, UDMAR_MEANWHILE_FAIL);
    }
    report_claim(status == UDMAR_OK, "udmar_suspend() says %s", udmar_status_string(status));
    slept = sleep_to_ram();
    report_claim(slept, "the machine has slept in S3, and the clock has woken it");
    if (slept) {
        wake_up(system, translated, remapped);
    } else if (system->protected) {
        (void)udmar_resume(system->dmar);
    }
    report_claim(resume_drivers(system), "drivers go on with the mappings that they had");
    report_claim(kmalloc_in_use() == before, "no memory is lost by it");
}
