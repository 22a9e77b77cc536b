/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A walk for people: every entry with its fields, and at the end what a unit would answer.
 */
#include "walk_print.h"

#include <inttypes.h>
#include <string.h>

#include <udmar/fault.h>

const char *walk_mode_text(enum walk_mode mode)
{
    static const char *const texts[] = { "legacy mode", "scalable mode", "reserved mode",
                                         "abort-DMA mode" };

    return texts[mode];
}

const char *walk_mode_id(enum walk_mode mode)
{
    static const char *const ids[] = { "legacy", "scalable", "reserved", "abort" };

    return ids[mode];
}

static void print_heading(const struct walk *walk)
{
    const struct walk_request *request = &walk->request;
    char text[400];

    printf("%s%02x:%02x.%u%s  address 0x%" PRIx64, style(STYLE_NAME), UDMAR_RID_BUS(request->rid),
           UDMAR_RID_DEVICE(request->rid), UDMAR_RID_FUNCTION(request->rid), style(STYLE_END),
           request->iova);
    if (request->has_pasid)
        printf(", PASID %u", request->pasid);
    if (walk_is_interrupt(request))
        printf(", data 0x%" PRIx32 "\nIRTA 0x%" PRIx64 ": interrupt table at 0x%" PRIx64
               ", %u entries, %s ids\n",
               request->data, request->irta, WALK_ADDRESS(request->irta),
               IRTA_ENTRIES(request->irta), IRTA_EXTENDED(request->irta) ? "32-bit" : "8-bit");
    else
        printf("\nRTADDR 0x%" PRIx64 ": root table at 0x%" PRIx64 ", %s\n", request->root,
               WALK_ADDRESS(request->root), walk_mode_text(walk->mode));
    printf("image ");
    print_text(stdout, walk->image->name, strlen(walk->image->name));
    printf(" (%s)\n\n", image_describe(walk->image, text, sizeof(text)));
}

/* "bus 00", "00:03.0", "PASID 5", "level 3, index 1ff, 0xffffc0000000-0xffffffffffff". */
static void step_place(const struct walk *walk, const struct walk_step *step, char *buffer,
                       size_t size)
{
    udmar_rid_t rid = walk->request.rid;

    switch (step->kind) {
    case ENTRY_ROOT:
    case ENTRY_SCALABLE_ROOT:
        snprintf(buffer, size, "bus %02x", step->index);
        break;
    case ENTRY_CONTEXT:
    case ENTRY_SCALABLE_CONTEXT:
        snprintf(buffer, size, "%02x:%02x.%u", UDMAR_RID_BUS(rid), UDMAR_RID_DEVICE(rid),
                 UDMAR_RID_FUNCTION(rid));
        break;
    case ENTRY_PASID_DIRECTORY:
        snprintf(buffer, size, "PASIDs %u-%u", step->index * 64, step->index * 64 + 63);
        break;
    case ENTRY_PASID:
        snprintf(buffer, size, "PASID %u", walk->pasid);
        break;
    case ENTRY_INTERRUPT:
    case ENTRY_POSTED:
        snprintf(buffer, size, "index %u", step->index);
        break;
    default: {
        uint64_t last = (UINT64_C(1) << (3 + 9 * step->level)) - 1;

        snprintf(buffer, size, "level %u, index 0x%03x, for 0x%" PRIx64 "-0x%" PRIx64 "%s",
                 step->level, step->index, step->address & ~last, step->address | last,
                 step->nested         ? " (on the way to a first-stage table)"
                 : step->host_of_page ? " (of the page)"
                                      : "");
        break;
    }
    }
}

static void print_field(const struct field *field, const uint64_t *words)
{
    uint64_t value = field_value(field, words);
    const char *meaning = value < 9 ? field->meanings[value] : NULL;
    char number[24];

    if (field->quiet && value == 0)
        return;
    if (field->form == FORM_FLAG || field->form == FORM_NUMBER)
        snprintf(number, sizeof(number), "%" PRIu64, value);
    else
        snprintf(number, sizeof(number), "0x%" PRIx64, value);
    printf("    %-13s %-14s %s%s%s\n", field->name, number, field->what,
           meaning != NULL ? ": " : "", meaning != NULL ? meaning : "");
}

static void print_step(const struct walk *walk, const struct walk_step *step, bool brief)
{
    const struct entry_shape *shape = &entry_shapes[step->kind];
    char place[140];

    step_place(walk, step, place, sizeof(place));
    printf("%s%s%s, %s\n", style(STYLE_HEAD), shape->name, style(STYLE_END), place);
    printf("    %sphysical 0x%" PRIx64 ", file offset 0x%" PRIx64 ":", style(STYLE_FAINT),
           step->physical, step->offset);
    for (unsigned i = 0; i < shape->words; i++) {
        if (i == 4)
            printf("\n       ");
        printf(" %016" PRIx64, step->words[i]);
    }
    printf("%s\n", style(STYLE_END));
    for (size_t i = 0; i < shape->field_count && !brief; i++)
        print_field(&shape->fields[i], step->words);
}

static void print_outcome(const struct walk *walk, const char *what,
                          const struct walk_outcome *outcome)
{
    if (outcome->allowed) {
        printf("    %-6s %sallowed%s\n", what, style(STYLE_GOOD), style(STYLE_END));
        return;
    }
    printf("    %-6s %sblocked, fault reason 0x%02x%s: %s\n", what, style(STYLE_BAD),
           outcome->reason, style(STYLE_END), udmar_fault_reason_string(outcome->reason));
    if (walk->end == WALK_TRANSLATED && outcome->step < walk->count)
        printf("           (by the level-%u entry at physical 0x%" PRIx64 ")\n",
               walk->steps[outcome->step].level, walk->steps[outcome->step].physical);
}

static void print_end(const struct walk *walk)
{
    char text[24];
    char described[400];
    uint64_t size = walk->end == WALK_TRANSLATED ? UINT64_C(1) << walk->shift : 0, offset;
    uint8_t byte;

    printf("%sresult%s\n", style(STYLE_HEAD), style(STYLE_END));
    switch (walk->end) {
    case WALK_TRANSLATED:
        printf("    0x%" PRIx64 " -> %sphysical 0x%" PRIx64 "%s, in a page of %s at 0x%" PRIx64
               "\n",
               walk->request.iova, style(STYLE_NAME), walk->physical, style(STYLE_END),
               size_text(size, text), walk->physical & ~(size - 1));
        break;
    case WALK_PASS_THROUGH:
        printf("    pass-through: 0x%" PRIx64 " reaches %sphysical 0x%" PRIx64 "%s\n",
               walk->request.iova, style(STYLE_NAME), walk->physical, style(STYLE_END));
        break;
    case WALK_NO_DATA:
        printf("    %sunknown:%s %s.\n    It holds: %s.\n"
               "    Either the image is not all of the memory, or the pointer above is wrong;\n"
               "    a unit that finds no memory there answers with a reason that says so.\n",
               style(STYLE_WARN), style(STYLE_END), walk->why,
               image_describe(walk->image, described, sizeof(described)));
        return;
    case WALK_FAULT:
        printf("    %sstops here:%s %s\n", style(STYLE_BAD), style(STYLE_END), walk->why);
        break;
    case WALK_INTERRUPT:
        printf("    raises %s%s%s\n", style(STYLE_NAME), walk->why, style(STYLE_END));
        break;
    }
    if (walk_is_interrupt(&walk->request)) {
        print_outcome(walk, "write", &walk->write);
        return;
    }
    if ((walk->end == WALK_TRANSLATED || walk->end == WALK_PASS_THROUGH) &&
        image_read(walk->image, walk->physical, &byte, 1, &offset))
        printf("    that byte is at file offset 0x%" PRIx64 " of the image\n", offset);
    print_outcome(walk, "read", &walk->read);
    print_outcome(walk, "write", &walk->write);
    if (walk->has_domain)
        printf("    domain %u\n", walk->domain);
    if (walk->request.iova >> 20 == 0xfee)
        printf("    (a 4-byte write to 0xfee00000-0xfeefffff is an interrupt and never comes "
               "here;\n    --irta follows it)\n");
}

void walk_print(const struct walk *walk, bool brief)
{
    print_heading(walk);
    for (size_t i = 0; i < walk->count; i++)
        print_step(walk, &walk->steps[i], brief);
    printf("%s", walk->count > 0 ? "\n" : "");
    print_end(walk);
}
