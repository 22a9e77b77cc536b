/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The explanation as JSON; tools/udmar/schema/explain.json describes it.
 */
#include "explain_text.h"

#include <string.h>

static void json_time(struct json *json, const char *key, const struct log_time *time)
{
    if (time->text[0] != '\0')
        json_string(json, key, time->text);
}

static const char *access_id(const struct log_fault *fault)
{
    static const char *const ids[] = { "write", "read", "page-request", "atomic", "interrupt" };

    return fault->direction_known && fault->fault.access < 5 ? ids[fault->fault.access] : "unknown";
}

static void json_place(struct json *json, const struct log_fault *fault)
{
    static const char *const ids[] = { "unknown", "live", "gone", "reserved", "near", "nothing" };

    json_object(json, "mapping");
    json_string(json, "place", ids[fault->fault.place <= 5 ? fault->fault.place : 0]);
    if (fault->fault.near_size != 0) {
        json_hex(json, "base", fault->fault.near_base);
        json_hex(json, "size", fault->fault.near_size);
    }
    if (fault->fault.place == UDMAR_PLACE_ENDED)
        json_number(json, "unmaps_since", fault->fault.near_age);
    json_close(json);
}

static void json_causes(struct json *json, const struct log *log, const struct log_group *group,
                        const char *device)
{
    const struct cause *causes[CAUSE_LIMIT];
    size_t count = explain_causes(log, group, causes);
    char text[1000];

    if (!group->first.has_device)
        device = "the device";
    json_array(json, "causes");
    for (size_t i = 0; i < count; i++) {
        json_object(json, NULL);
        json_string(json, "id", causes[i]->id);
        json_string(json, "cause", explain_fill(causes[i]->cause, device, text, sizeof(text)));
        json_string(json, "evidence", explain_evidence(log, causes[i], text, sizeof(text)));
        json_string(json, "next", explain_next(log, group, causes[i], text, sizeof(text)));
        json_close(json);
    }
    json_close(json);
}

static void json_device(struct json *json, const struct log *log, const struct log_fault *fault)
{
    const struct log_device *device =
        fault->has_device ? log_device_find(log, fault->fault.segment, fault->fault.rid) : NULL;

    if (fault->label[0] != '\0')
        json_string(json, "label", fault->label);
    if (device == NULL)
        return;
    if (device->vendor != 0 || device->device != 0) {
        json_hex(json, "vendor_id", device->vendor);
        json_hex(json, "device_id", device->device);
        json_hex(json, "class", device->class_code);
    }
    if (device->driver[0] != '\0')
        json_string(json, "driver", device->driver);
    if (device->name[0] != '\0')
        json_string(json, "name", device->name);
}

static void json_group(struct json *json, const struct log *log, const struct log_group *group)
{
    const struct log_fault *first = &group->first;
    const char *place = explain_place(log, group);
    char device[24];

    explain_device(first, device);
    json_object(json, NULL);
    json_string(json, "format", explain_source(first->source));
    json_string(json, "device", device);
    json_device(json, log, first);
    json_string(json, "access", access_id(first));
    if (!first->has_address) {
        if (first->masked[0] != '\0')
            json_string(json, "unread_address", first->masked);
    } else if (first->fault.access == UDMAR_FAULT_INTERRUPT) {
        json_number(json, "interrupt_index", first->fault.address);
    } else {
        json_hex(json, "address", first->fault.address);
        json_hex(json, "lowest", group->low);
        json_hex(json, "highest", group->high | UDMAR_PAGE_MASK);
    }
    if (first->fault.has_pasid)
        json_number(json, "pasid", first->fault.pasid);
    if (first->unit >= 0)
        json_number(json, "unit", (uint64_t)first->unit);
    if (first->reason >= 0) {
        json_hex(json, "reason", (uint64_t)first->reason);
        json_string(json, "text", udmar_fault_reason_string((uint8_t)first->reason));
    }
    json_number(json, "count", group->count);
    json_number(json, "suppressed", group->suppressed);
    json_number(json, "pages", group->pages);
    json_string(json, "pattern",
                group->scattered                       ? "scattered"
                : group->pages > 1 && group->ascending ? "ascending"
                : group->pages > 1                     ? "mixed"
                                                       : "same-page");
    json_number(json, "line", first->line);
    json_time(json, "first", &first->time);
    json_time(json, "last", &group->last);
    if (place != NULL)
        json_string(json, "address_note", place);
    if (first->place_known)
        json_place(json, first);
    json_bool(json, "from_firmware", first->fault.from_firmware);
    json_causes(json, log, group, device);
    json_close(json);
}

static void json_notice(struct json *json, const struct log_notice *notice)
{
    char device[24];

    json_object(json, NULL);
    json_string(json, "id", notice->text->id);
    json_bool(json, "problem", notice->text->bad);
    json_string(json, "message", notice->words);
    if (notice->has_device) {
        snprintf(device, sizeof(device), "%04x:%02x:%02x.%u", notice->segment,
                 UDMAR_RID_BUS(notice->rid), UDMAR_RID_DEVICE(notice->rid),
                 UDMAR_RID_FUNCTION(notice->rid));
        json_string(json, "device", device);
    }
    json_number(json, "count", notice->count);
    json_number(json, "line", notice->line);
    json_time(json, "first", &notice->first);
    json_time(json, "last", &notice->last);
    json_string(json, "meaning", notice->text->meaning);
    json_string(json, "next", notice->text->next);
    json_close(json);
}

void explain_print_json(FILE *out, const struct log *log, const char *name)
{
    struct json json;

    json_begin(&json, out);
    json_object(&json, NULL);
    json_string(&json, "command", "explain");
    json_string(&json, "input", name);
    json_number(&json, "lines", log->lines);
    json_number(&json, "fault_count", log->faults);
    json_number(&json, "suppressed", log->suppressed);
    json_number(&json, "overflows", log->overflows);
    json_number(&json, "dropped", log->dropped);
    json_bool(&json, "faults_missing", explain_faults_missing(log));
    json_number(&json, "unread", log->unread);
    json_array(&json, "unread_lines");
    for (size_t i = 0; i < log->unread && i < UNREAD_KEPT; i++) {
        json_object(&json, NULL);
        json_number(&json, "line", log->unread_lines[i].line);
        json_string(&json, "text", log->unread_lines[i].words);
        json_close(&json);
    }
    json_close(&json);
    json_array(&json, "faults");
    for (size_t i = 0; i < log->group_count; i++)
        json_group(&json, log, &log->groups[i]);
    json_close(&json);
    json_array(&json, "messages");
    for (size_t i = 0; i < log->notice_count; i++)
        json_notice(&json, &log->notices[i]);
    json_close(&json);
    json_close(&json);
}
