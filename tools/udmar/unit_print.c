/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Units for people and for programs. Units with the same registers are shown once: a server has
 * eight that are all alike.
 */
#include "unit_report.h"

#include <inttypes.h>
#include <string.h>

/* What is on now, from GSTS [VTD 11.4.4]. */
static const struct {
    unsigned bit;
    const char *key, *name;
} states[] = {
    { 31, "translation", "translation" },
    { 26, "queue", "queue" },
    { 25, "interrupt-remapping", "interrupt remapping" },
};

enum { STATES = sizeof(states) / sizeof(states[0]) };

static bool is_same(const struct unit_registers *a, const struct unit_registers *b)
{
    return a->version == b->version && a->cap == b->cap && a->ecap == b->ecap &&
           a->has_status == b->has_status && a->status == b->status;
}

static bool was_shown(const struct unit_set *set, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (is_same(&set->units[i], &set->units[index]))
            return true;
    }
    return false;
}

/* "dmar0 at 0xfed90000, dmar1 at 0xfed91000". */
static void print_names(const struct unit_set *set, size_t index, FILE *out)
{
    const char *between = "";

    for (size_t i = index; i < set->count; i++) {
        const struct unit_registers *unit = &set->units[i];

        if (!is_same(&set->units[index], unit))
            continue;
        fprintf(out, "%s%s", between, style(STYLE_HEAD));
        print_text(out, unit->name, strlen(unit->name));
        fputs(style(STYLE_END), out);
        if (unit->has_address)
            fprintf(out, " at 0x%" PRIx64, unit->address);
        between = ", ";
    }
    fputc('\n', out);
}

static void print_features(const struct unit_report *report, FILE *out)
{
    char buffer[120];

    fprintf(out, "\n  What it has\n");
    for (unsigned i = 0; i < FEATURES; i++) {
        bool has = (report->features >> i & 1) != 0;
        const char *text = feature_text(report, (enum feature)i, buffer);

        if (feature_is_implied(~report->features, (enum feature)i))
            continue;
        fprintf(out, "    %-25s  %s%s%s", feature_name((enum feature)i),
                style(has ? STYLE_GOOD : STYLE_FAINT), has ? "yes" : "no", style(STYLE_END));
        fprintf(out, "%s%s\n", text[0] == '\0' ? "" : has ? "  " : "   ", text);
    }
}

static void print_uses(const struct unit_report *report, FILE *out)
{
    fprintf(out, "\n  What that is enough for\n");
    for (unsigned i = 0; i < USES; i++) {
        uint64_t missing = use_missing(report, (enum use)i);
        const char *between = "   lacks ";

        fprintf(out, "    %-38s  %s%s%s", use_name((enum use)i),
                style(missing == 0 ? STYLE_GOOD : STYLE_WARN), missing == 0 ? "yes" : "no",
                style(STYLE_END));
        for (unsigned bit = 0; bit < FEATURES; bit++) {
            if ((missing >> bit & 1) == 0 || feature_is_implied(missing, (enum feature)bit))
                continue;
            fprintf(out, "%s%s", between, feature_name((enum feature)bit));
            between = ", ";
        }
        fputc('\n', out);
        if (use_besides((enum use)i) != NULL)
            fprintf(out, "      %sbesides: %s%s\n", style(STYLE_FAINT), use_besides((enum use)i),
                    style(STYLE_END));
    }
}

static void print_places(const struct unit_report *report, FILE *out)
{
    const struct udmar_unit_facts *facts = &report->facts;

    fprintf(out, "\n  Where its registers are\n");
    fprintf(out, "    %-25s  %u at +0x%" PRIx32 "\n", "fault records", facts->fault_count,
            facts->fault_offset);
    fprintf(out, "    %-25s  +0x%" PRIx32 "\n", "IOTLB", facts->iotlb_offset);
    fprintf(out, "    %-25s  %" PRIu32 " bytes\n", "all in all", facts->window_size);
}

static void print_unit(const struct unit_set *set, size_t index, FILE *out)
{
    const struct unit_registers *unit = &set->units[index];
    struct unit_report report;

    unit_report_make(unit, &report);
    print_names(set, index, out);
    fprintf(out, "  version %u.%u%s  %scap 0x%" PRIx64 "  ecap 0x%" PRIx64 "%s\n",
            unit->version >> 4 & 15, unit->version & 15, unit->has_version ? "" : " (assumed)",
            style(STYLE_FAINT), unit->cap, unit->ecap, style(STYLE_END));
    if (unit->has_status) {
        fputs("  now:", out);
        for (size_t i = 0; i < STATES; i++)
            fprintf(out, "%s %s %s", i > 0 ? "," : "", states[i].name,
                    (unit->status >> states[i].bit & 1) != 0 ? "on" : "off");
        fputc('\n', out);
    }
    if (report.reason != NULL)
        fprintf(out, "  %snot usable%s: %s\n", style(STYLE_BAD), style(STYLE_END), report.reason);
    if (report.status != UDMAR_OK && report.status != UDMAR_ERR_UNSUPPORTED)
        return;
    print_features(&report, out);
    print_uses(&report, out);
    print_places(&report, out);
}

/* Where units differ, the machine as a whole can do only what all of them can. */
static void print_machine(const struct unit_set *set, FILE *out)
{
    uint64_t all = ~UINT64_C(0), any = 0;
    const char *between = " ";
    struct unit_report report;

    for (size_t i = 0; i < set->count; i++) {
        unit_report_make(&set->units[i], &report);
        all &= report.features;
        any |= report.features;
    }
    if (all == any)
        return;
    fprintf(out, "\n%sUnits differ%s: not every device has", style(STYLE_HEAD), style(STYLE_END));
    for (unsigned i = 0; i < FEATURES; i++) {
        if (((any & ~all) >> i & 1) == 0)
            continue;
        fprintf(out, "%s%s", between, feature_name((enum feature)i));
        between = ", ";
    }
    fputc('\n', out);
}

void unit_print(const struct unit_set *set, FILE *out)
{
    for (size_t i = 0; i < set->count; i++) {
        if (was_shown(set, i))
            continue;
        if (i > 0)
            fputc('\n', out);
        print_unit(set, i, out);
    }
    print_machine(set, out);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void json_numbers(const struct udmar_unit_facts *facts, struct json *json)
{
    json_object(json, "numbers");
    json_array(json, "table_widths");
    for (unsigned i = 0; i < 4; i++) {
        if ((facts->widths >> i & 1) != 0)
            json_number(json, NULL, 30 + 9 * i);
    }
    json_close(json);
    json_number(json, "guest_address_width", facts->guest_width);
    json_number(json, "domains", facts->domain_ids);
    json_number(json, "max_address_mask", facts->max_mask);
    json_number(json, "fault_records", facts->fault_count);
    json_number(json, "fault_offset", facts->fault_offset);
    json_number(json, "iotlb_offset", facts->iotlb_offset);
    json_number(json, "register_bytes", facts->window_size);
    json_close(json);
}

static void json_meaning(const struct unit_report *report, struct json *json)
{
    json_numbers(&report->facts, json);
    json_object(json, "features");
    for (unsigned i = 0; i < FEATURES; i++)
        json_bool(json, feature_key((enum feature)i), (report->features >> i & 1) != 0);
    json_close(json);
    json_object(json, "uses");
    for (unsigned i = 0; i < USES; i++) {
        uint64_t missing = use_missing(report, (enum use)i);

        json_object(json, use_key((enum use)i));
        json_bool(json, "possible", missing == 0);
        json_array(json, "missing");
        for (unsigned bit = 0; bit < FEATURES; bit++) {
            if ((missing >> bit & 1) != 0)
                json_string(json, NULL, feature_key((enum feature)bit));
        }
        json_close(json);
        if (use_besides((enum use)i) != NULL)
            json_string(json, "besides", use_besides((enum use)i));
        json_close(json);
    }
    json_close(json);
}

static void json_unit(const struct unit_registers *unit, struct json *json)
{
    struct unit_report report;

    unit_report_make(unit, &report);
    json_object(json, NULL);
    json_string(json, "name", unit->name);
    if (unit->has_address)
        json_hex(json, "address", unit->address);
    json_hex(json, "version", unit->version);
    json_hex(json, "cap", unit->cap);
    json_hex(json, "ecap", unit->ecap);
    if (unit->has_status) {
        json_object(json, "on");
        for (size_t i = 0; i < STATES; i++)
            json_bool(json, states[i].key, (unit->status >> states[i].bit & 1) != 0);
        json_close(json);
    }
    json_string(json, "status", udmar_status_string(report.status));
    if (report.reason != NULL)
        json_string(json, "reason", report.reason);
    if (report.status == UDMAR_OK || report.status == UDMAR_ERR_UNSUPPORTED)
        json_meaning(&report, json);
    json_close(json);
}

void unit_print_json(const struct unit_set *set, FILE *out)
{
    struct json json;

    json_begin(&json, out);
    json_object(&json, NULL);
    json_array(&json, "units");
    for (size_t i = 0; i < set->count; i++)
        json_unit(&set->units[i], &json);
    json_close(&json);
    json_close(&json);
}
