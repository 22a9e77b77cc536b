/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page tables: second stage, first stage, and the first stage on top of the second
 * [VTD 3.6-3.8].
 */
#include "walk_path.h"

#include <inttypes.h>
#include <stdarg.h>

static unsigned level_shift(unsigned level)
{
    return 3 + 9 * level;
}

static unsigned level_index(uint64_t address, unsigned level)
{
    return (unsigned)(address >> level_shift(level)) & 511;
}

static bool denied(struct walk *walk, const struct walk_step *step, uint64_t address,
                   unsigned reason_read, unsigned reason_write)
{
    uint64_t size = UINT64_C(1) << level_shift(step->level);
    uint64_t base = address & ~(size - 1);
    char text[24];

    if (step->words[0] == 0)
        walk_fault(walk, reason_read,
                   "the level-%u entry is 0: nothing is mapped at 0x%" PRIx64 "-0x%" PRIx64 " (%s)",
                   step->level, base, base + (size - 1), size_text(size, text));
    else
        walk_fault(walk, reason_read,
                   "the level-%u entry 0x%" PRIx64 " lets nothing through: 0x%" PRIx64 "-0x%" PRIx64
                   " (%s) is not mapped",
                   step->level, step->words[0], base, base + (size - 1), size_text(size, text));
    walk->write.reason = (uint8_t)reason_write;
    return false;
}

bool walk_second(struct walk *walk, uint64_t table, unsigned levels, uint64_t address,
                 unsigned denied_read, unsigned denied_write, struct stage *out_stage)
{
    struct stage stage = { .read = true, .write = true };
    struct objection objection;

    for (unsigned level = levels; level > 0; level--) {
        struct walk_step *step =
            walk_fetch(walk, ENTRY_SECOND_TABLE, table, level_index(address, level));
        uint64_t entry;

        if (step == NULL)
            return false;
        step->level = level;
        step->address = address;
        entry = step->words[0];
        if (entry_is_page(entry, level))
            step->kind = ENTRY_SECOND_PAGE;
        if (stage.read && (entry & 1) == 0) {
            stage.read = false;
            stage.read_step = walk->count - 1;
        }
        if (stage.write && (entry & 2) == 0) {
            stage.write = false;
            stage.write_step = walk->count - 1;
        }
        if (!stage.read && !stage.write)
            return denied(walk, step, address, denied_read, denied_write);
        if (!check_second(walk->unit, entry, level, walk->mode == MODE_SCALABLE, &objection))
            return walk_fault(walk, objection.reason, "level %u: %s", level, objection.why);
        table = WALK_ADDRESS(entry);
        if (step->kind == ENTRY_SECOND_PAGE) {
            stage.shift = level_shift(level);
            stage.physical = (table >> stage.shift << stage.shift) |
                             (address & ((UINT64_C(1) << stage.shift) - 1));
            break;
        }
    }
    *out_stage = stage;
    return true;
}

/* Nested mode: where a first-stage table really lies. The steps are marked as a detour. */
static bool table_address(struct walk *walk, const uint64_t *words, uint64_t *table, bool top)
{
    size_t from = walk->count;
    struct stage stage;
    unsigned reason = top ? 0x75 : 0x76;
    bool done;

    if (PASID_PGTT(words) != PGTT_NESTED)
        return true;
    if (*table >> (30 + 9 * PASID_AW(words)) != 0)
        return walk_fault(walk, 0x74,
                          "the first-stage table at guest address 0x%" PRIx64
                          " is beyond the second stage's %u bits",
                          *table, 30 + 9 * PASID_AW(words));
    done = walk_second(walk, WALK_ADDRESS(words[0]), PASID_AW(words) + 2, *table, reason, reason,
                       &stage);
    for (size_t i = from; i < walk->count; i++)
        walk->steps[i].nested = true;
    if (!done)
        return false;
    if (!stage.read)
        return walk_fault(walk, reason,
                          "the second stage does not allow reads of the first-stage table at guest "
                          "address 0x%" PRIx64,
                          *table);
    *table = stage.physical;
    return true;
}

bool walk_first(struct walk *walk, const uint64_t *pasid_words, uint64_t address,
                struct stage *out_stage)
{
    struct stage stage = { .read = true, .write = true };
    unsigned levels = 4 + PASID_FSPM(pasid_words);
    unsigned sign = 11 + 9 * levels; /* the highest bit that is translated; those above equal it */
    uint64_t above = address >> sign;
    uint64_t table = WALK_ADDRESS(pasid_words[2]);
    struct objection objection;

    if (above != 0 && above != UINT64_MAX >> sign)
        return walk_fault(walk, 0x80, "bits 63:%u of the address are not all the same", sign);
    for (unsigned level = levels; level > 0; level--) {
        struct walk_step *step;
        uint64_t entry;

        if (!table_address(walk, pasid_words, &table, level == levels))
            return false;
        step = walk_fetch(walk, ENTRY_FIRST_TABLE, table, level_index(address, level));
        if (step == NULL)
            return false;
        step->level = level;
        step->address = address;
        entry = step->words[0];
        if (entry_is_page(entry, level))
            step->kind = ENTRY_FIRST_PAGE;
        if ((entry & 1) == 0)
            return denied(walk, step, address, 0x71, 0x71);
        if (!check_first(walk->unit, entry, level, &objection))
            return walk_fault(walk, objection.reason, "level %u: %s", level, objection.why);
        if ((entry & 4) == 0)
            return walk_fault(walk, 0x81,
                              "the level-%u entry is for supervisors only (US is 0); a device's "
                              "ordinary requests are user requests",
                              level);
        if (stage.write && (entry & 2) == 0) {
            stage.write = false;
            stage.write_step = walk->count - 1;
        }
        table = WALK_ADDRESS(entry);
        if (step->kind == ENTRY_FIRST_PAGE) {
            stage.shift = level_shift(level);
            stage.physical = (table >> stage.shift << stage.shift) |
                             (address & ((UINT64_C(1) << stage.shift) - 1));
            break;
        }
    }
    *out_stage = stage;
    return true;
}
