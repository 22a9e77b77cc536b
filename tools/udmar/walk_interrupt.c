/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a message to the interrupt that it raises [VTD 5.1]: a write of four bytes to 0xFEExxxxx
 * names an entry of the interrupt remapping table.
 */
#include "walk_path.h"

#include <inttypes.h>

/* Fields of a message in remappable format. */
enum { FORMAT_REMAPPABLE = 1 << 4, SUBHANDLE_VALID = 1 << 3 };

static uint32_t message_index(uint64_t address, uint32_t data)
{
    uint32_t handle = (uint32_t)(address >> 5 & 0x7fff) | (uint32_t)(address >> 2 & 1) << 15;

    return (address & SUBHANDLE_VALID) != 0 ? handle + (data & 0xffff) : handle;
}

/* The functions that SQ lets through: "2", "0/4", "1/3/5/7", "*". */
static void functions(unsigned sq, unsigned function, char buffer[12])
{
    static const char *const lists[2] = { "0/2/4/6", "1/3/5/7" };

    if (sq == 0)
        snprintf(buffer, 12, "%u", function);
    else if (sq == 1)
        snprintf(buffer, 12, "%u/%u", function & 3, function | 4);
    else
        snprintf(buffer, 12, "%s", sq == 2 ? lists[function & 1] : "*");
}

void interrupt_sender(const uint64_t *words, char *buffer, size_t size)
{
    udmar_rid_t sid = (udmar_rid_t)INTERRUPT_SID(words);
    char which[12];

    switch (INTERRUPT_SVT(words)) {
    case 0:
        snprintf(buffer, size, "from any device");
        break;
    case 1:
        functions(INTERRUPT_SQ(words), UDMAR_RID_FUNCTION(sid), which);
        snprintf(buffer, size, "from %02x:%02x.%s", UDMAR_RID_BUS(sid), UDMAR_RID_DEVICE(sid),
                 which);
        break;
    case 2:
        snprintf(buffer, size, "from buses %02x-%02x", sid >> 8, sid & 0xff);
        break;
    default:
        snprintf(buffer, size, "from a reserved SVT");
        break;
    }
}

void interrupt_target(const uint64_t *words, bool extended, char *buffer, size_t size)
{
    static const char *const modes[] = {
        "fixed", "lowest priority", "SMI", "reserved mode", "NMI", "INIT", "reserved mode", "ExtINT"
    };
    uint32_t destination = INTERRUPT_DST(words);

    if (INTERRUPT_POSTED(words)) {
        snprintf(buffer, size,
                 "the guest's vector 0x%02x, posted into the descriptor at 0x%" PRIx64 "%s",
                 INTERRUPT_VECTOR(words),
                 (words[1] & ~UINT64_C(0xffffffff)) | (words[0] >> 38 << 6 & UINT64_C(0xffffffff)),
                 (words[0] >> 14 & 1) != 0 ? ", urgent" : "");
        return;
    }
    snprintf(buffer, size, "vector 0x%02x to %s %" PRIu32 ", %s, %s", INTERRUPT_VECTOR(words),
             (words[0] >> 2 & 1) != 0 ? "the logical destination" : "processor",
             extended ? destination : destination >> 8 & 0xff,
             (words[0] >> 4 & 1) != 0 ? "level" : "edge", modes[INTERRUPT_DLM(words)]);
}

/* The bits of the source id that must be the entry's, by SQ. */
bool interrupt_allows(const uint64_t *words, udmar_rid_t rid)
{
    static const uint16_t masks[] = { 0xffff, 0xfffb, 0xfff9, 0xfff8 };
    unsigned sid = INTERRUPT_SID(words);

    if (INTERRUPT_SVT(words) == 1)
        return ((sid ^ rid) & masks[INTERRUPT_SQ(words)]) == 0;
    if (INTERRUPT_SVT(words) == 2)
        return rid >> 8 >= sid >> 8 && rid >> 8 <= (sid & 0xff);
    return true;
}

/* A message that names an entry of the table. */
static bool message_fits(struct walk *walk, uint32_t index)
{
    const struct walk_request *request = &walk->request;
    unsigned entries = IRTA_ENTRIES(request->irta);

    if ((request->iova & FORMAT_REMAPPABLE) == 0)
        return walk_fault(
            walk, 0x25, "a message in compatibility format: %s",
            IRTA_EXTENDED(request->irta)
                ? "with 32-bit ids it is always blocked"
                : "it is blocked, unless the unit was told to let it pass (GSTS bit 23, "
                  "CFIS)");
    if ((request->iova & SUBHANDLE_VALID) != 0 && request->data >> 16 != 0)
        return walk_fault(walk, 0x20, "bits 31:16 of the data are 0x%" PRIx32 ", not 0",
                          request->data >> 16);
    if (index >= entries)
        return walk_fault(walk, 0x21, "the message names entry %" PRIu32 ", the table has %u",
                          index, entries);
    return true;
}

void walk_interrupt(struct walk *walk)
{
    const struct walk_request *request = &walk->request;
    uint32_t index = message_index(request->iova, request->data);
    bool extended = IRTA_EXTENDED(request->irta);
    struct objection objection;
    struct walk_step *step;
    char sender[60];

    if (!message_fits(walk, index))
        return;
    step = walk_fetch(walk, ENTRY_INTERRUPT, WALK_ADDRESS(request->irta), index);
    if (step == NULL)
        return;
    if (INTERRUPT_POSTED(step->words))
        step->kind = ENTRY_POSTED;
    interrupt_sender(step->words, sender, sizeof(sender));
    if ((step->words[0] & 1) == 0) {
        walk_fault(walk, 0x22, "entry %" PRIu32 " is not present", index);
    } else if (!check_interrupt(walk->unit, step->words, extended, &objection)) {
        walk_fault(walk, objection.reason, "%s", objection.why);
    } else if (!interrupt_allows(step->words, request->rid)) {
        walk_fault(walk, 0x26, "entry %" PRIu32 " takes messages %s alone", index, sender);
    } else {
        walk->end = WALK_INTERRUPT;
        interrupt_target(step->words, extended, walk->why, sizeof(walk->why));
    }
}
