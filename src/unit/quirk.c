/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chipsets and processors that do not do what their registers say. Rows are data from errata sheets
 * and from what other systems do (docs/CAVEATS.md says which of them were never seen by us).
 */
#include "unit/unit.h"

#define INTEL 0x8086u
#define ANY   0xffu

struct bridge_quirk {
    uint16_t device;         /* of the host bridge, 00:00.0 */
    uint8_t lowest_revision; /* inclusive */
    uint8_t highest_revision;
    uint8_t quirks;
};

static const struct bridge_quirk bridge_quirks[] = {
    /* 5400 memory controller hub, erratum 23: protected memory registers must not be used. */
    { 0x4001, 0x20, 0x20, QUIRK_NO_PROTECTED_REGIONS },
    { 0x4003, 0x20, 0x20, QUIRK_NO_PROTECTED_REGIONS },
    /* 5500, 5520 and X58, errata 47 and 53: interrupts get lost under remapping. */
    { 0x3403, 0, 0x13, QUIRK_NO_INTERRUPTS },
    { 0x3405, 0, 0x13, QUIRK_NO_INTERRUPTS },
    { 0x3405, 0x22, 0x22, QUIRK_NO_INTERRUPTS },
    { 0x3406, 0, 0x13, QUIRK_NO_INTERRUPTS },
    /* GM45 and G4x: the graphics unit is broken, and stores need a write-buffer flush. */
    { 0x2a40, 0, ANY, QUIRK_GRAPHICS_OFF | QUIRK_WRITE_BUFFER },
    { 0x2e00, 0, ANY, QUIRK_GRAPHICS_OFF | QUIRK_WRITE_BUFFER },
    { 0x2e10, 0, ANY, QUIRK_GRAPHICS_OFF | QUIRK_WRITE_BUFFER },
    { 0x2e20, 0, ANY, QUIRK_GRAPHICS_OFF | QUIRK_WRITE_BUFFER },
    { 0x2e30, 0, ANY, QUIRK_GRAPHICS_OFF | QUIRK_WRITE_BUFFER },
    { 0x2e40, 0, ANY, QUIRK_GRAPHICS_OFF | QUIRK_WRITE_BUFFER },
    { 0x2e90, 0, ANY, QUIRK_GRAPHICS_OFF | QUIRK_WRITE_BUFFER },
    /* QM57 and QS57: the graphics unit is broken. */
    { 0x0044, 0, ANY, QUIRK_GRAPHICS_OFF },
    /* Ironlake: graphics must be idle at an invalidation, so it cannot be put off. */
    { 0x0040, 0, ANY, QUIRK_GRAPHICS_STRICT },
    { 0x0062, 0, ANY, QUIRK_GRAPHICS_STRICT },
    { 0x006a, 0, ANY, QUIRK_GRAPHICS_STRICT },
};

/* Q35 and Broadwell graphics: the unit that serves it alone is broken. */
static const uint16_t broken_displays[] = {
    0x29b2, 0x1602, 0x1606, 0x160a, 0x160b, 0x160d, 0x160e, 0x1612, 0x1616,
    0x161a, 0x161b, 0x161d, 0x161e, 0x1622, 0x1626, 0x162a, 0x162b, 0x162d,
    0x162e, 0x1632, 0x1636, 0x163a, 0x163b, 0x163d, 0x163e,
};

/* High bytes of display ids whose engine hangs when translation is switched off under it. */
static const uint8_t keep_displays[] = { 0x45, 0x46, 0x4c, 0x4e, 0x8a, 0x98, 0x9a, 0xa7, 0x7d };

static unsigned display_quirks(uint16_t device)
{
    unsigned quirks = 0;

    for (size_t i = 0; i < sizeof(broken_displays) / sizeof(broken_displays[0]); i++) {
        if (broken_displays[i] == device) {
            quirks |= QUIRK_GRAPHICS_OFF;
        }
    }
    for (size_t i = 0; i < sizeof(keep_displays); i++) {
        if (keep_displays[i] == device >> 8) {
            quirks |= QUIRK_KEEP_ENABLED;
        }
    }
    return quirks;
}

static unsigned processor_quirks(uint32_t cpu)
{
    unsigned family = (cpu >> 8) & 0xf;
    unsigned model = ((cpu >> 4) & 0xf) | ((cpu >> 12) & 0xf0);
    unsigned stepping = cpu & 0xf;

    if (family != 6) {
        return 0;
    }
    /* Xeon E5 (Sandy Bridge EP) erratum BT176: large page-selective masks are not honoured. */
    if (model == 0x2d) {
        return QUIRK_NO_SUPERPAGES | (stepping == 6 ? QUIRK_MASK_9 : 0);
    }
    /* Sandy Bridge: superpages are advertised without a TLB for them. */
    return model == 0x2a ? QUIRK_NO_SUPERPAGES : 0;
}

unsigned udmar__quirks_find(uint32_t host_bridge, uint8_t revision, uint32_t display, uint32_t cpu)
{
    unsigned quirks = processor_quirks(cpu);

    if ((host_bridge & 0xffff) == INTEL) {
        for (size_t i = 0; i < sizeof(bridge_quirks) / sizeof(bridge_quirks[0]); i++) {
            const struct bridge_quirk *row = &bridge_quirks[i];

            if (row->device == host_bridge >> 16 && revision >= row->lowest_revision &&
                revision <= row->highest_revision) {
                quirks |= row->quirks;
            }
        }
    }
    if ((display & 0xffff) == INTEL) {
        quirks |= display_quirks((uint16_t)(display >> 16));
    }
    return quirks;
}

void udmar__quirks_apply(unsigned quirks, struct udmar_unit_facts *facts)
{
    if (quirks & QUIRK_NO_PROTECTED_REGIONS) {
        facts->protected_low = false;
        facts->protected_high = false;
    }
    if (quirks & QUIRK_WRITE_BUFFER) {
        facts->write_buffer = true;
    }
    if ((quirks & QUIRK_MASK_9) && facts->max_mask > 9) {
        facts->max_mask = 9;
    }
    if (quirks & QUIRK_NO_SUPERPAGES) {
        facts->superpages = 0;
    }
}

const char *udmar__quirk_name(unsigned bit)
{
    switch (bit) {
    case QUIRK_NO_PROTECTED_REGIONS:
        return "protected memory registers not used (5400 erratum 23)";
    case QUIRK_WRITE_BUFFER:
        return "write-buffer flush forced";
    case QUIRK_MASK_9:
        return "page-selective invalidation limited to 512 pages (E5 erratum BT176)";
    case QUIRK_NO_SUPERPAGES:
        return "superpages not used (Sandy Bridge)";
    case QUIRK_GRAPHICS_OFF:
        return "graphics-only unit left off";
    case QUIRK_GRAPHICS_STRICT:
        return "deferred invalidation refused (Ironlake)";
    case QUIRK_KEEP_ENABLED:
        return "translation of the graphics-only unit is never switched off";
    case QUIRK_NO_INTERRUPTS:
        return "interrupt remapping refused (5500 errata 47 and 53)";
    default:
        return "?";
    }
}
