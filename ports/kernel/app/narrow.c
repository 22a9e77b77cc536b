/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device that reaches 28 address bits, and buffers above 4 GiB. Without translation busdma
 * copies; with translation the device is given low addresses and nothing is copied. Its driver is
 * the same.
 */
#include "report.h"
#include "story.h"

#define FOUR_GIB UINT64_C(0x100000000)

/* Lengths and offsets: within a page, across a border, all that the device takes. */
static const struct {
    size_t offset;
    size_t length;
} transfers[] = { { 0, 100 }, { 3000, 2500 }, { 1, EDU_BUFFER_SIZE } };

static uint64_t copies(struct system *system)
{
    struct udmar_bounce_zone_info zone;
    uint64_t sum = 0;

    for (unsigned i = 0; udmar_bounce_zone_info(system->dmar, i, &zone); i++) {
        sum += zone.total_bounced;
    }
    return sum;
}

static bool all_pages_above(const uint8_t *area, unsigned pages, uint64_t border)
{
    for (unsigned i = 0; i < pages; i++) {
        uint64_t physical = 0;

        if (!virt_to_phys(area + i * PAGE_SIZE, &physical) || physical < border) {
            return false;
        }
    }
    return true;
}

/* To the device from one buffer and back into another: what arrives has gone through it. */
static bool there_and_back(struct unit_under_test *unit, uint8_t *out, uint8_t *in)
{
    bool good = true;

    for (unsigned i = 0; i < sizeof(transfers) / sizeof(transfers[0]); i++) {
        size_t length = transfers[i].length;
        uint8_t *from = out + transfers[i].offset;
        uint8_t *to = in + transfers[i].offset;

        for (size_t n = 0; n < length; n++) {
            from[n] = (uint8_t)(n * 7 + n / 256 + i * 31 + 1);
        }
        memset(in, 0, 2 * PAGE_SIZE);
        good &= edu_copy_out(unit->driver, from, length) == DRIVER_OK;
        good &= edu_copy_in(unit->driver, to, length) == DRIVER_OK;
        good &= memcmp(from, to, length) == 0;
        /* Not a byte beside it. */
        for (size_t n = 0; n < 2 * PAGE_SIZE; n++) {
            good &= (n >= transfers[i].offset && n < transfers[i].offset + length) || in[n] == 0;
        }
    }
    return good;
}

void story_narrow(struct system *system)
{
    struct unit_under_test *unit = &system->narrow;
    uint8_t *out;
    uint8_t *in;
    uint64_t before = copies(system);
    uint64_t made;

    if (unit->pci == NULL) {
        return;
    }
    report_chapter("A device that reaches 256 MiB (%s)", udmar_mode_string(unit->mode));
    if (!report_claim(unit->driver != NULL, "%s: driver attached", unit->label)) {
        return;
    }
    out = vm_alloc_scattered(2 * PAGE_SIZE);
    in = vm_alloc_scattered(2 * PAGE_SIZE);
    if (!report_claim(out != NULL && in != NULL, "%s: buffers", unit->label)) {
        vm_free(out);
        vm_free(in);
        return;
    }
    if (page_total_count() > FOUR_GIB / PAGE_SIZE) {
        report_claim(all_pages_above(out, 2, FOUR_GIB) && all_pages_above(in, 2, FOUR_GIB),
                     "%s: its buffers lie above 4 GiB, where it does not reach", unit->label);
    }
    report_claim(there_and_back(unit, out, in), "%s: written to the device and read back, unharmed",
                 unit->label);
    made = copies(system) - before;
    if (unit->mode != UDMAR_MODE_TRANSLATE) {
        report_claim(made == 2 * sizeof(transfers) / sizeof(transfers[0]),
                     "%s: through pages that it reaches, %u transfers copied", unit->label,
                     (unsigned)made);
    } else if (cmdline_get("hw.busdma.subpage", NULL, 0)) {
        report_claim(made == 2 * sizeof(transfers) / sizeof(transfers[0]),
                     "%s: %u transfers copied, so that it sees no neighbours", unit->label,
                     (unsigned)made);
    } else {
        report_claim(made == 0, "%s: translated, nothing was copied", unit->label);
    }
    vm_free(out);
    vm_free(in);
}
