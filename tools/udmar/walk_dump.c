/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything that a root table leads to: contexts, and behind each the mapped ranges, merged.
 *
 * A hostile image can make every entry lead back to the same table. Depth is bounded by the levels;
 * a table that stands on its own path is not entered again; and there is a limit for table pages in
 * all and for lines, so that the rest of a maze ends as well.
 */
#include "walk_print.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <udmar/fault.h>

enum {
    ENTRIES = 512,
    LEVELS = 6,
    BROKEN_LINES = 10,  /* shown for each context */
    SEEN_TABLES = 4096, /* remembered, so that a shared table is shown once */
    TOTAL_LINES = 200000,
    TOTAL_CONTEXTS = 200000, /* one for each PASID: a maze can have millions */
};

enum { ACCESS_READ = 1, ACCESS_WRITE = 2, ACCESS_USER = 4 };

struct range {
    uint64_t iova, physical, size;
    unsigned access;   /* 1 read, 2 write */
    uint64_t pages[3]; /* of 4 KiB, 2 MiB, 1 GiB */
};

struct seen {
    uint64_t table;
    uint8_t levels;
    bool first;
    udmar_rid_t rid;
};

struct dump {
    FILE *out;
    struct json json;
    struct image *image;
    const struct walk_unit *unit;
    const struct dump_options *options;
    struct dump_totals totals;
    bool scalable;
    struct seen *seen;
    size_t seen_count;
    uint64_t lines; /* ranges shown in all */
    /* of the context at hand: */
    bool first; /* first-stage tables */
    struct range range;
    uint64_t ranges, bytes, hidden, broken;
    uint64_t path[LEVELS + 1];
};

/* ---- ranges --------------------------------------------------------------------------------- */

static void page_counts(const struct range *range, char *buffer, size_t size)
{
    static const char *const names[] = { "4 KiB", "2 MiB", "1 GiB" };
    size_t length = 0;

    buffer[0] = '\0';
    if (range->size == UDMAR_PAGE_SIZE)
        return; /* says nothing new */
    for (unsigned i = 3; i-- > 0;) {
        if (range->pages[i] != 0 && length < size)
            length += (size_t)snprintf(buffer + length, size - length, "%s%" PRIu64 " x %s",
                                       length > 0 ? ", " : "", range->pages[i], names[i]);
    }
}

static void show_range(struct dump *dump, const struct range *range)
{
    static const char *const access[] = { "none", "read", "write", "read-write" };
    char size[24], pages[80];

    if (dump->options->json) {
        json_object(&dump->json, NULL);
        json_hex(&dump->json, "iova", range->iova);
        json_hex(&dump->json, "physical", range->physical);
        json_hex(&dump->json, "size", range->size);
        json_string(&dump->json, "access", access[range->access & 3]);
        json_bool(&dump->json, "supervisor", (range->access & ACCESS_USER) == 0);
        json_number(&dump->json, "pages_4k", range->pages[0]);
        json_number(&dump->json, "pages_2m", range->pages[1]);
        json_number(&dump->json, "pages_1g", range->pages[2]);
        json_close(&dump->json);
        return;
    }
    page_counts(range, pages, sizeof(pages));
    fprintf(dump->out,
            "    0x%012" PRIx64 "-0x%012" PRIx64 " -> 0x%010" PRIx64 "  %9s  %s%s%s%s%s%s\n",
            range->iova, range->iova + (range->size - 1), range->physical,
            size_text(range->size, size), access[range->access & 3],
            (range->access & ACCESS_USER) == 0 ? ", for supervisors only" : "", style(STYLE_FAINT),
            pages[0] != '\0' ? "  " : "", pages, style(STYLE_END));
}

static void flush_range(struct dump *dump)
{
    struct range *range = &dump->range;

    if (range->size == 0)
        return;
    dump->ranges++;
    dump->bytes += range->size;
    if (dump->ranges <= dump->options->line_limit && dump->lines < TOTAL_LINES) {
        dump->lines++;
        show_range(dump, range);
    } else {
        dump->hidden++;
    }
    *range = (struct range){ 0 };
}

static void add_page(struct dump *dump, uint64_t iova, uint64_t physical, unsigned level,
                     unsigned access)
{
    struct range *range = &dump->range;
    uint64_t size = UINT64_C(1) << (3 + 9 * level);

    if (range->size == 0 || range->access != access || range->iova + range->size != iova ||
        range->physical + range->size != physical) {
        flush_range(dump);
        *range = (struct range){ .iova = iova, .physical = physical, .access = access };
    }
    range->size += size;
    range->pages[level - 1]++;
}

static void broken(struct dump *dump, unsigned reason, const char *format, ...) PRINTF_LIKE(3, 4);

/* Something a unit would not accept; reason 0: the image is to blame, not the table. */
static void broken(struct dump *dump, unsigned reason, const char *format, ...)
{
    va_list arguments;
    char text[240];

    flush_range(dump);
    dump->totals.broken++;
    if (dump->broken++ >= BROKEN_LINES)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (dump->options->json) {
        json_object(&dump->json, NULL);
        json_string(&dump->json, "problem", text);
        if (reason != 0)
            json_hex(&dump->json, "reason", reason);
        json_close(&dump->json);
    } else if (reason != 0) {
        fprintf(dump->out, "    %s%s%s\n        a unit answers with fault reason 0x%02x: %s\n",
                style(STYLE_BAD), text, style(STYLE_END), reason,
                udmar_fault_reason_string((uint8_t)reason));
    } else {
        fprintf(dump->out, "    %s%s%s\n", style(STYLE_WARN), text, style(STYLE_END));
    }
}

/* ---- page tables ---------------------------------------------------------------------------- */

static bool read_page(struct dump *dump, uint64_t physical, uint64_t words[ENTRIES])
{
    uint8_t bytes[8 * ENTRIES];

    if (dump->totals.tables >= dump->options->table_limit) {
        dump->totals.gave_up = true;
        return false;
    }
    dump->totals.tables++;
    if (!image_read(dump->image, physical, bytes, sizeof(bytes), NULL))
        return false;
    for (size_t i = 0; i < ENTRIES; i++)
        words[i] = load64(bytes + 8 * i);
    return true;
}

static bool on_path(const struct dump *dump, uint64_t table, unsigned level, unsigned levels)
{
    for (unsigned i = level; i <= levels; i++) {
        if (dump->path[i] == table)
            return true;
    }
    return false;
}

/* What an entry allows; 0: it is not present. The second stage knows no supervisors. */
static unsigned entry_access(const struct dump *dump, uint64_t entry)
{
    if (!dump->first)
        return second_present(entry) ? ((unsigned)entry & 3) | ACCESS_USER : 0;
    return (entry & 1) == 0 ? 0 : ACCESS_READ | ((unsigned)entry & (ACCESS_WRITE | ACCESS_USER));
}

static bool entry_check(struct dump *dump, uint64_t entry, unsigned level,
                        struct objection *objection)
{
    return dump->first ? check_first(dump->unit, entry, level, objection)
                       : check_second(dump->unit, entry, level, dump->scalable, objection);
}

static void dump_table(struct dump *dump, uint64_t table, unsigned level, unsigned levels,
                       uint64_t base, unsigned access)
{
    uint64_t words[ENTRIES];
    unsigned shift = 3 + 9 * level;

    if (!read_page(dump, table, words)) {
        if (!dump->totals.gave_up)
            broken(dump, 0, "the image does not hold the level-%u table at physical 0x%" PRIx64,
                   level, table);
        return;
    }
    dump->path[level] = table;
    for (unsigned i = 0; i < ENTRIES && !dump->totals.gave_up; i++) {
        uint64_t entry = words[i], iova = base + ((uint64_t)i << shift);
        unsigned allowed = entry_access(dump, entry) & access;
        struct objection objection;

        /* The upper half of a first stage continues at the other end of the address space. */
        if (dump->first && level == levels && i >= ENTRIES / 2)
            iova |= UINT64_MAX << (shift + 9);
        if (entry_access(dump, entry) == 0)
            continue;
        if (!entry_check(dump, entry, level, &objection))
            broken(dump, objection.reason,
                   "0x%" PRIx64 ": level-%u entry 0x%" PRIx64 " at physical 0x%" PRIx64 ": %s",
                   iova, level, entry, table + 8 * (uint64_t)i, objection.why);
        else if (entry_is_page(entry, level) && (allowed & 3) != 0)
            add_page(dump, iova, WALK_ADDRESS(entry) >> shift << shift, level, allowed);
        else if (entry_is_page(entry, level))
            continue;
        else if (on_path(dump, WALK_ADDRESS(entry), level, levels))
            broken(dump, 0,
                   "0x%" PRIx64 ": level-%u entry at physical 0x%" PRIx64
                   " leads back to the table 0x%" PRIx64 " above it; not followed",
                   iova, level, table + 8 * (uint64_t)i, WALK_ADDRESS(entry));
        else
            dump_table(dump, WALK_ADDRESS(entry), level - 1, levels, iova, allowed);
    }
}

/* ---- contexts ------------------------------------------------------------------------------- */

static void name_device(char buffer[32], udmar_rid_t rid, bool has_pasid, uint32_t pasid)
{
    int length = snprintf(buffer, 32, "%02x:%02x.%u", UDMAR_RID_BUS(rid), UDMAR_RID_DEVICE(rid),
                          UDMAR_RID_FUNCTION(rid));

    if (has_pasid)
        snprintf(buffer + length, (size_t)(32 - length), " PASID %u", pasid);
}

struct context {
    udmar_rid_t rid;
    bool has_pasid;
    uint32_t pasid;
    uint64_t physical; /* of the entry that says so */
    const char *type;  /* "second-stage", "pass-through"... */
    bool parent;       /* not a context, but what stands above one and is broken */
    unsigned domain, levels;
    uint64_t table;
};

static void context_begin(struct dump *dump, const struct context *context)
{
    char name[32];

    if (++dump->totals.contexts >= TOTAL_CONTEXTS)
        dump->totals.gave_up = true;
    dump->ranges = dump->bytes = dump->hidden = dump->broken = 0;
    dump->range = (struct range){ 0 };
    memset(dump->path, 0xff, sizeof(dump->path));
    if (dump->options->json) {
        json_object(&dump->json, NULL);
        json_hex(&dump->json, "source", context->rid);
        if (context->has_pasid)
            json_number(&dump->json, "pasid", context->pasid);
        json_hex(&dump->json, "entry", context->physical);
        json_string(&dump->json, "type", context->type);
        json_number(&dump->json, "domain", context->domain);
        if (context->levels != 0) {
            json_number(&dump->json, "levels", context->levels);
            json_hex(&dump->json, "table", context->table);
        }
        json_array(&dump->json, "items");
        return;
    }
    name_device(name, context->rid, context->has_pasid, context->pasid);
    fprintf(dump->out, "%s%s%s  %s", style(STYLE_NAME), name, style(STYLE_END), context->type);
    if (!context->parent)
        fprintf(dump->out, ", domain %u", context->domain);
    if (context->levels != 0)
        fprintf(dump->out, ", %u bits (%u levels), table 0x%" PRIx64, 12 + 9 * context->levels,
                context->levels, context->table);
    fprintf(dump->out, "  %sentry at 0x%" PRIx64 "%s\n", style(STYLE_FAINT), context->physical,
            style(STYLE_END));
}

static void context_end(struct dump *dump, const struct context *context, const struct seen *same)
{
    char size[24];

    flush_range(dump);
    dump->totals.ranges += dump->ranges;
    dump->totals.bytes += dump->bytes;
    if (dump->options->json) {
        json_close(&dump->json);
        json_number(&dump->json, "range_count", dump->ranges);
        json_number(&dump->json, "hidden_ranges", dump->hidden);
        json_number(&dump->json, "problem_count", dump->broken);
        json_hex(&dump->json, "mapped", dump->bytes);
        if (same != NULL)
            json_hex(&dump->json, "same_as", same->rid);
        json_close(&dump->json);
        return;
    }
    if (dump->hidden != 0)
        fprintf(dump->out, "    ... and %" PRIu64 " more ranges (--limit shows more)\n",
                dump->hidden);
    if (dump->broken > BROKEN_LINES)
        fprintf(dump->out, "    ... and %" PRIu64 " more broken entries\n",
                dump->broken - BROKEN_LINES);
    if (same != NULL)
        fprintf(dump->out, "    the same table as %02x:%02x.%u: see there\n",
                UDMAR_RID_BUS(same->rid), UDMAR_RID_DEVICE(same->rid),
                UDMAR_RID_FUNCTION(same->rid));
    else if (context->levels != 0 && dump->ranges == 0 && dump->broken == 0)
        fprintf(dump->out, "    nothing is mapped\n");
    else if (context->levels != 0 && dump->ranges > 1)
        fprintf(dump->out, "    %" PRIu64 " ranges, %s\n", dump->ranges,
                size_text(dump->bytes, size));
}

static const struct seen *seen_before(struct dump *dump, const struct context *context, bool first)
{
    for (size_t i = 0; i < dump->seen_count; i++) {
        const struct seen *seen = &dump->seen[i];

        if (seen->table == context->table && seen->levels == context->levels &&
            seen->first == first)
            return seen;
    }
    if (dump->seen_count < SEEN_TABLES)
        dump->seen[dump->seen_count++] =
            (struct seen){ context->table, (uint8_t)context->levels, first, context->rid };
    return NULL;
}

/* A context whose tables are to be shown. levels 0: there are none. */
static void show_context(struct dump *dump, const struct context *context, bool first,
                         const struct objection *objection)
{
    const struct seen *same = NULL;

    context_begin(dump, context);
    dump->first = first;
    if (objection->reason != 0) {
        broken(dump, objection->reason, "broken entry: %s", objection->why);
    } else if (context->levels != 0) {
        same = seen_before(dump, context, first);
        if (same == NULL)
            dump_table(dump, context->table, context->levels, context->levels, 0,
                       ACCESS_READ | ACCESS_WRITE | ACCESS_USER);
    }
    context_end(dump, context, same);
}

static void legacy_context(struct dump *dump, udmar_rid_t rid, uint64_t physical,
                           const uint64_t *words)
{
    static const char *const types[] = { "second-stage", "second-stage with device TLB",
                                         "pass-through", "reserved type" };
    struct context context = { .rid = rid,
                               .physical = physical,
                               .type = types[CONTEXT_TT(words)],
                               .domain = CONTEXT_DID(words) };
    struct objection objection;

    if (CONTEXT_TT(words) < TT_PASS_THROUGH && CONTEXT_AW(words) <= 3) {
        context.levels = CONTEXT_AW(words) + 2;
        context.table = WALK_ADDRESS(words[0]);
    }
    check_context(dump->unit, words, &objection);
    show_context(dump, &context, false, &objection);
}

static void pasid_entry(struct dump *dump, udmar_rid_t rid, uint32_t pasid, uint64_t physical,
                        const uint64_t *words)
{
    static const char *const types[] = { "reserved type", "first-stage",
                                         "second-stage",  "nested (second stage shown)",
                                         "pass-through",  "reserved type",
                                         "reserved type", "reserved type" };
    struct context context = { .rid = rid,
                               .has_pasid = true,
                               .pasid = pasid,
                               .physical = physical,
                               .type = types[PASID_PGTT(words)],
                               .domain = PASID_DID(words) };
    unsigned type = PASID_PGTT(words);
    struct objection objection;

    if (type == PGTT_FIRST) {
        context.levels = 4 + (PASID_FSPM(words) & 1);
        context.table = WALK_ADDRESS(words[2]);
    } else if ((type == PGTT_SECOND || type == PGTT_NESTED) && PASID_AW(words) <= 3) {
        context.levels = PASID_AW(words) + 2;
        context.table = WALK_ADDRESS(words[0]);
    }
    check_pasid(dump->unit, words, &objection);
    show_context(dump, &context, type == PGTT_FIRST, &objection);
}

/* An entry above the page tables that cannot be followed. */
static void broken_parent(struct dump *dump, udmar_rid_t rid, uint64_t physical, const char *type,
                          const struct objection *objection)
{
    struct context context = { .rid = rid, .physical = physical, .type = type, .parent = true };

    show_context(dump, &context, false, objection);
}

static void missing_parent(struct dump *dump, udmar_rid_t rid, uint64_t physical, const char *type)
{
    struct context context = { .rid = rid, .physical = physical, .type = type, .parent = true };

    context_begin(dump, &context);
    if (!dump->totals.gave_up)
        broken(dump, 0, "the image does not hold the table at physical 0x%" PRIx64, physical);
    context_end(dump, &context, NULL);
}

static bool wanted(const struct dump *dump, udmar_rid_t rid)
{
    return !dump->options->has_rid || dump->options->rid == rid;
}

static void scalable_context(struct dump *dump, udmar_rid_t rid, uint64_t physical,
                             const uint64_t *words)
{
    uint64_t directory[ENTRIES], table[ENTRIES];
    uint32_t entries = 1u << (SCALABLE_PDTS(words) + 7);
    struct objection objection;

    if (!check_scalable_context(dump->unit, words, &objection)) {
        broken_parent(dump, rid, physical, "scalable context", &objection);
        return;
    }
    for (uint32_t i = 0; i < entries && !dump->totals.gave_up; i++) {
        uint64_t at = WALK_ADDRESS(words[0]) + 8 * (uint64_t)i;

        if (i % ENTRIES == 0 && !read_page(dump, at, directory)) {
            missing_parent(dump, rid, at, "PASID directory");
            continue;
        }
        if ((directory[i % ENTRIES] & 1) == 0)
            continue;
        if (!check_directory(dump->unit, directory[i % ENTRIES], &objection)) {
            broken_parent(dump, rid, at, "PASID directory entry", &objection);
            continue;
        }
        if (!read_page(dump, WALK_ADDRESS(directory[i % ENTRIES]), table)) {
            missing_parent(dump, rid, WALK_ADDRESS(directory[i % ENTRIES]), "PASID table");
            continue;
        }
        for (uint32_t j = 0; j < 64 && !dump->totals.gave_up; j++) {
            if ((table[8 * j] & 1) != 0)
                pasid_entry(dump, rid, i * 64 + j, WALK_ADDRESS(directory[i % ENTRIES]) + 64 * j,
                            &table[8 * j]);
        }
    }
}

static void context_table(struct dump *dump, unsigned bus, unsigned half, uint64_t table)
{
    uint64_t words[ENTRIES];
    unsigned step = dump->scalable ? 4 : 2;

    if (!read_page(dump, table, words)) {
        missing_parent(dump, (udmar_rid_t)(bus << 8 | half << 7), table, "context table");
        return;
    }
    for (unsigned i = 0; i < ENTRIES / step && !dump->totals.gave_up; i++) {
        udmar_rid_t rid = (udmar_rid_t)(bus << 8 | (dump->scalable ? half << 7 | i : i));

        if ((words[i * step] & 1) == 0 || !wanted(dump, rid))
            continue;
        if (dump->scalable)
            scalable_context(dump, rid, table + 32 * (uint64_t)i, &words[i * step]);
        else
            legacy_context(dump, rid, table + 16 * (uint64_t)i, &words[i * step]);
    }
}

static void root_table(struct dump *dump, uint64_t root)
{
    uint64_t words[ENTRIES];
    struct objection objection;

    if (!read_page(dump, WALK_ADDRESS(root), words)) {
        dump->totals.no_root = true;
        return;
    }
    for (unsigned bus = 0; bus < 256 && !dump->totals.gave_up; bus++) {
        const uint64_t *entry = &words[2 * bus];

        if (dump->options->has_rid && UDMAR_RID_BUS(dump->options->rid) != bus)
            continue;
        for (unsigned half = 0; half < (dump->scalable ? 2u : 1u); half++) {
            bool good = dump->scalable ? check_scalable_root(dump->unit, entry[half], &objection)
                                       : check_root(dump->unit, entry, &objection);

            if ((entry[half] & 1) == 0)
                continue;
            if (good)
                context_table(dump, bus, half, WALK_ADDRESS(entry[half]));
            else
                broken_parent(dump, (udmar_rid_t)(bus << 8 | half << 7),
                              WALK_ADDRESS(root) + 16 * (uint64_t)bus, "root entry", &objection);
        }
    }
}

static void dump_heading(struct dump *dump, uint64_t root)
{
    char text[400];

    if (dump->options->json) {
        json_begin(&dump->json, dump->out);
        json_object(&dump->json, NULL);
        json_string(&dump->json, "command", "dump");
        walk_json_image(&dump->json, dump->image);
        json_hex(&dump->json, "rtaddr", root);
        json_string(&dump->json, "mode", walk_mode_id(walk_mode(root)));
        json_array(&dump->json, "contexts");
        return;
    }
    fprintf(dump->out, "RTADDR 0x%" PRIx64 ": root table at 0x%" PRIx64 ", %s\nimage ", root,
            WALK_ADDRESS(root), walk_mode_text(walk_mode(root)));
    print_text(dump->out, dump->image->name, strlen(dump->image->name));
    fprintf(dump->out, " (%s)\n\n", image_describe(dump->image, text, sizeof(text)));
}

static void dump_summary(struct dump *dump)
{
    const struct dump_totals *totals = &dump->totals;
    char size[24];

    if (dump->options->json)
        json_close(&dump->json);
    if (dump->options->has_irta)
        dump_interrupts(dump->out, dump->options->json ? &dump->json : NULL, dump->image,
                        dump->unit, dump->options, &dump->totals);
    if (dump->options->json) {
        json_object(&dump->json, "totals");
        json_number(&dump->json, "contexts", totals->contexts);
        json_number(&dump->json, "ranges", totals->ranges);
        json_hex(&dump->json, "mapped", totals->bytes);
        if (dump->options->has_irta)
            json_number(&dump->json, "interrupts", totals->interrupts);
        json_number(&dump->json, "problems", totals->broken);
        json_number(&dump->json, "tables_read", totals->tables);
        json_bool(&dump->json, "complete", !totals->gave_up && !totals->no_root);
        json_close(&dump->json);
        json_close(&dump->json);
        return;
    }
    fprintf(dump->out, "%s%" PRIu64 " context%s, %" PRIu64 " range%s, %s mapped",
            totals->contexts != 0 || dump->options->has_irta ? "\n" : "", totals->contexts,
            totals->contexts == 1 ? "" : "s", totals->ranges, totals->ranges == 1 ? "" : "s",
            size_text(totals->bytes, size));
    if (dump->options->has_irta)
        fprintf(dump->out, ", %" PRIu64 " interrupt%s", totals->interrupts,
                totals->interrupts == 1 ? "" : "s");
    if (totals->broken != 0)
        fprintf(dump->out, ", %s%" PRIu64 " broken or missing entr%s%s", style(STYLE_BAD),
                totals->broken, totals->broken == 1 ? "y" : "ies", style(STYLE_END));
    fprintf(dump->out, "\n");
}

void dump_run(FILE *out, struct image *image, const struct walk_unit *unit, uint64_t root,
              const struct dump_options *options, struct dump_totals *out_totals)
{
    struct dump dump = { .out = out, .image = image, .unit = unit, .options = options };

    dump.scalable = walk_mode(root) == MODE_SCALABLE;
    dump.seen = allocate(SEEN_TABLES, sizeof(dump.seen[0]));
    dump_heading(&dump, root);
    if (walk_mode(root) == MODE_LEGACY || walk_mode(root) == MODE_SCALABLE)
        root_table(&dump, root);
    dump_summary(&dump);
    free(dump.seen);
    *out_totals = dump.totals;
}
