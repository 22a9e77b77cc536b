/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the root table pointer to the page tables, in legacy and in scalable mode [VTD 3.4].
 */
#include "walk_path.h"

#include <inttypes.h>
#include <stdarg.h>

struct walk_step *walk_fetch(struct walk *walk, enum entry_kind kind, uint64_t table,
                             unsigned index)
{
    const struct entry_shape *shape = &entry_shapes[kind];
    uint8_t bytes[8 * ENTRY_WORDS];
    struct walk_step *step;

    if (walk->count == WALK_STEPS) {
        walk_fault(walk, 0, "the walk is longer than any walk can be");
        return NULL;
    }
    step = &walk->steps[walk->count];
    *step = (struct walk_step){ .kind = kind, .index = index };
    step->physical = table + (uint64_t)index * 8 * shape->words;
    if (!image_read(walk->image, step->physical, bytes, (size_t)8 * shape->words, &step->offset)) {
        walk->end = WALK_NO_DATA;
        walk->missing = step->physical;
        walk->read.step = walk->write.step = walk->count;
        snprintf(walk->why, sizeof(walk->why),
                 "the image does not hold the %s at physical 0x%" PRIx64, shape->name,
                 step->physical);
        return NULL;
    }
    for (unsigned i = 0; i < shape->words; i++)
        step->words[i] = load64(bytes + (size_t)8 * i);
    walk->count++;
    return step;
}

bool walk_fault(struct walk *walk, unsigned reason, const char *format, ...)
{
    va_list arguments;

    walk->end = WALK_FAULT;
    walk->read = walk->write = (struct walk_outcome){
        .reason = (uint8_t)reason,
        .step = walk->count > 0 ? walk->count - 1 : 0,
    };
    va_start(arguments, format);
    vsnprintf(walk->why, sizeof(walk->why), format, arguments);
    va_end(arguments);
    return false;
}

/* What a stage allows becomes the outcome; reason codes for what it does not. */
static void settle(struct walk *walk, const struct stage *stage, unsigned read_reason,
                   unsigned write_reason)
{
    if (walk->read.allowed && !stage->read)
        walk->read = (struct walk_outcome){ false, (uint8_t)read_reason, stage->read_step };
    if (walk->write.allowed && !stage->write)
        walk->write = (struct walk_outcome){ false, (uint8_t)write_reason, stage->write_step };
    if (walk->shift == 0 || stage->shift < walk->shift)
        walk->shift = stage->shift;
    walk->physical = stage->physical;
    walk->end = WALK_TRANSLATED;
}

static void finish(struct walk *walk)
{
    unsigned reason = walk->mode == MODE_SCALABLE ? 0x87 : 0x0e;

    if (walk->physical >> 20 == 0xfee)
        walk_fault(walk, reason,
                   "the page leads to 0x%" PRIx64 ", inside the interrupt range "
                   "0xfee00000-0xfeefffff",
                   walk->physical);
}

static void pass_through(struct walk *walk)
{
    walk->end = WALK_PASS_THROUGH;
    walk->physical = walk->request.iova;
    if (walk->request.iova >> walk->unit->host_bits != 0)
        walk_fault(walk, walk->mode == MODE_SCALABLE ? 0x83 : 0x04,
                   "pass-through, but the address is beyond the machine's %u bits",
                   walk->unit->host_bits);
}

/* The first address that cannot be translated is 2^bits; CAP.MGAW may be less than the table. */
static unsigned input_bits(const struct walk_unit *unit, unsigned table_bits)
{
    unsigned guest = (unsigned)(unit->cap >> 16 & 63) + 1;

    return unit->has_cap && guest < table_bits ? guest : table_bits;
}

static void legacy(struct walk *walk)
{
    const struct walk_request *request = &walk->request;
    struct objection objection;
    struct walk_step *step;
    struct stage stage;
    unsigned width;

    step = walk_fetch(walk, ENTRY_ROOT, WALK_ADDRESS(request->root), UDMAR_RID_BUS(request->rid));
    if (step == NULL)
        return;
    if ((step->words[0] & 1) == 0) {
        walk_fault(walk, 0x01, "bus %02x has no context table", UDMAR_RID_BUS(request->rid));
        return;
    }
    if (!check_root(walk->unit, step->words, &objection)) {
        walk_fault(walk, objection.reason, "%s", objection.why);
        return;
    }
    step = walk_fetch(walk, ENTRY_CONTEXT, WALK_ADDRESS(step->words[0]),
                      UDMAR_RID_DEVFN(request->rid));
    if (step == NULL)
        return;
    if ((step->words[0] & 1) == 0) {
        walk_fault(walk, 0x02, "this function's context entry is not present");
        return;
    }
    walk->has_domain = true;
    walk->domain = CONTEXT_DID(step->words);
    if (!check_context(walk->unit, step->words, &objection)) {
        walk_fault(walk, objection.reason, "%s", objection.why);
        return;
    }
    if (CONTEXT_TT(step->words) == TT_PASS_THROUGH) {
        pass_through(walk);
        return;
    }
    width = 30 + 9 * CONTEXT_AW(step->words);
    if (request->iova >> input_bits(walk->unit, width) != 0) {
        walk_fault(walk, 0x04, "the address has more than the %u bits that can be translated",
                   input_bits(walk->unit, width));
        return;
    }
    if (walk_second(walk, WALK_ADDRESS(step->words[0]), CONTEXT_AW(step->words) + 2, request->iova,
                    0x06, 0x05, &stage)) {
        settle(walk, &stage, 0x06, 0x05);
        finish(walk);
    }
}

/* The PASID entry chosen: through the tables it names. */
static void translate_pasid(struct walk *walk, const uint64_t *words)
{
    unsigned type = PASID_PGTT(words);
    uint64_t address = walk->request.iova;
    struct stage stage;
    size_t from;

    if (type == PGTT_PASS_THROUGH) {
        pass_through(walk);
        return;
    }
    if (type == PGTT_FIRST || type == PGTT_NESTED) {
        if (!walk_first(walk, words, address, &stage))
            return;
        settle(walk, &stage, 0x86, 0x85);
        address = stage.physical;
    }
    if (type == PGTT_SECOND || type == PGTT_NESTED) {
        unsigned width = input_bits(walk->unit, 30 + 9 * PASID_AW(words));

        if (address >> width != 0) {
            walk_fault(walk, 0x84, "0x%" PRIx64 " is beyond the second stage's %u bits", address,
                       width);
            return;
        }
        from = walk->count;
        if (!walk_second(walk, WALK_ADDRESS(words[0]), PASID_AW(words) + 2, address, 0x79, 0x79,
                         &stage))
            return;
        for (size_t i = from; type == PGTT_NESTED && i < walk->count; i++)
            walk->steps[i].host_of_page = true;
        settle(walk, &stage, 0x79, 0x79);
    }
    finish(walk);
}

/* The PASID that counts, and whether the context entry lets it in. */
static bool choose_pasid(struct walk *walk, const uint64_t *context)
{
    unsigned bits = SCALABLE_PDTS(context) + 13;

    walk->pasid = walk->request.pasid;
    if (!walk->request.has_pasid) {
        /* Units without RPS (ECAP bit 49) use PASID 0 whatever the entry says. */
        walk->pasid = SCALABLE_RID(context);
        if (walk->unit->has_ecap && (walk->unit->ecap >> 49 & 1) == 0)
            walk->pasid = 0;
        return walk->pasid >> bits == 0 ||
               walk_fault(walk, 0x48, "RID_PASID %u needs more than the directory's %u bits",
                          walk->pasid, bits);
    }
    if (!SCALABLE_PASIDE(context))
        return walk_fault(walk, 0x45, "PASIDE is 0: requests with a PASID are refused");
    return walk->pasid >> bits == 0 ||
           walk_fault(walk, 0x46, "PASID %u needs more than the directory's %u bits", walk->pasid,
                      bits);
}

static void pasid_tables(struct walk *walk, const uint64_t *context)
{
    struct objection objection;
    struct walk_step *step =
        walk_fetch(walk, ENTRY_PASID_DIRECTORY, WALK_ADDRESS(context[0]), walk->pasid >> 6);

    if (step == NULL)
        return;
    if ((step->words[0] & 1) == 0) {
        walk_fault(walk, 0x51, "PASIDs %u-%u have no PASID table", walk->pasid & ~63u,
                   walk->pasid | 63u);
        return;
    }
    if (!check_directory(walk->unit, step->words[0], &objection)) {
        walk_fault(walk, objection.reason, "%s", objection.why);
        return;
    }
    step = walk_fetch(walk, ENTRY_PASID, WALK_ADDRESS(step->words[0]), walk->pasid & 63);
    if (step == NULL)
        return;
    if ((step->words[0] & 1) == 0) {
        walk_fault(walk, 0x59, "the entry of PASID %u is not present", walk->pasid);
        return;
    }
    walk->has_domain = true;
    walk->domain = PASID_DID(step->words);
    if (!check_pasid(walk->unit, step->words, &objection))
        walk_fault(walk, objection.reason, "%s", objection.why);
    else
        translate_pasid(walk, step->words);
}

static void scalable(struct walk *walk)
{
    const struct walk_request *request = &walk->request;
    unsigned devfn = UDMAR_RID_DEVFN(request->rid);
    struct objection objection;
    struct walk_step *step = walk_fetch(walk, ENTRY_SCALABLE_ROOT, WALK_ADDRESS(request->root),
                                        UDMAR_RID_BUS(request->rid));
    uint64_t half;

    if (step == NULL)
        return;
    half = step->words[devfn >> 7];
    if ((half & 1) == 0) {
        walk_fault(walk, 0x39, "bus %02x has no context table for devices %s",
                   UDMAR_RID_BUS(request->rid), devfn < 0x80 ? "00-0f" : "10-1f");
        return;
    }
    if (!check_scalable_root(walk->unit, half, &objection)) {
        walk_fault(walk, objection.reason, "%s", objection.why);
        return;
    }
    step = walk_fetch(walk, ENTRY_SCALABLE_CONTEXT, WALK_ADDRESS(half), devfn & 0x7f);
    if (step == NULL)
        return;
    if ((step->words[0] & 1) == 0) {
        walk_fault(walk, 0x41, "this function's context entry is not present");
        return;
    }
    if (!check_scalable_context(walk->unit, step->words, &objection)) {
        walk_fault(walk, objection.reason, "%s", objection.why);
        return;
    }
    if (choose_pasid(walk, step->words))
        pasid_tables(walk, step->words);
}

void walk_run(struct walk *walk, struct image *image, const struct walk_unit *unit,
              const struct walk_request *request)
{
    *walk = (struct walk){ .image = image, .unit = unit, .request = *request };
    walk->mode = walk_mode(request->root);
    walk->read.allowed = walk->write.allowed = true;
    if (walk_is_interrupt(request)) {
        walk_interrupt(walk);
        return;
    }
    switch (walk->mode) {
    case MODE_LEGACY:
        if (request->has_pasid)
            walk_fault(walk, 0x31, "RTADDR chooses legacy mode, where no request has a PASID");
        else
            legacy(walk);
        break;
    case MODE_SCALABLE:
        scalable(walk);
        break;
    case MODE_ABORT:
        walk_fault(walk, 0x33, "RTADDR bits 11:10 are 3: abort-DMA mode, everything is blocked");
        break;
    default:
        walk_fault(walk, 0x30,
                   "RTADDR bits 11:10 are 2: a reserved mode (extended mode, withdrawn)");
        break;
    }
}
