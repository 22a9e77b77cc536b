/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of DMAR drivers that are no faults: found, counted, and given to a device. What they
 * mean is in explain_message.c.
 */
#include "explain_scan.h"
#include "explain_text.h"

#include <string.h>

enum { NOTICE_LIMIT = 500 };

static bool matches(const struct log *log, const struct notice_text *text, const char *low)
{
    for (size_t i = 0; i < 3 && text->needles[i] != NULL; i++) {
        if (!scan_has(low, text->needles[i]))
            return false;
    }
    return text->fits == NULL || text->fits(log, low);
}

static bool same_words(const struct log_notice *notice, const char *message)
{
    return strncmp(notice->words, message, sizeof(notice->words) - 1) == 0;
}

/* "SID af03" of an invalidation error; 0 means that the unit does not say. */
static bool source_of(const char *low, struct log_notice *notice)
{
    const char *at = scan_label(low, "sid");
    uint64_t value;

    if (at == NULL || scan_hex(at + strspn(at, " :=0x"), &value) == NULL || value == 0 ||
        value >= 0xffff)
        return false;
    notice->rid = (udmar_rid_t)value;
    return true;
}

static void find_device(const char *low, struct log_notice *notice)
{
    notice->has_device = scan_any_device(low, &notice->segment, &notice->rid) != NULL ||
                         (scan_has(low, "invalidation") && source_of(low, notice));
}

/*
 * "QI HEAD: Device-TLB Invalidation qw0 = 0xaf0300000003": the descriptor at which the queue
 * stands. Bits 47:32 are the device [VTD 6.5.2.5]; where the error register named none, this one
 * does.
 */
static bool queue_line(struct log *log, const char *low)
{
    enum { DEVICE_TLB = 3, DEVICE_TLB_PASID = 8 };
    const char *at = scan_label(low, "qw0");
    uint64_t value;

    if (!scan_has(low, "qi head:") && !scan_has(low, "qi prior:") && !scan_has(low, "qi tail:"))
        return false;
    if (at == NULL || scan_hex(at + strspn(at, " ="), &value) == NULL ||
        ((value & 0xf) != DEVICE_TLB && (value & 0xf) != DEVICE_TLB_PASID))
        return true;
    for (size_t i = log->notice_count; i > 0; i--) {
        struct log_notice *notice = &log->notices[i - 1];

        if (strncmp(notice->text->id, "device-tlb", 10) != 0)
            continue;
        if (!notice->has_device) {
            notice->has_device = true;
            notice->rid = (udmar_rid_t)(value >> 32);
        }
        return true;
    }
    return true;
}

/* A panic says what hung only in the lines of its call trace. */
static void trace_line(struct log *log, const char *low)
{
    for (size_t i = 0; i < notice_text_count; i++) {
        struct log_notice *last =
            log->notice_count > 0 ? &log->notices[log->notice_count - 1] : NULL;

        if (last == NULL || strcmp(last->text->id, "unit-hangs") != 0)
            return;
        if (strncmp(notice_texts[i].id, "unit-hangs-", 11) == 0 &&
            matches(log, &notice_texts[i], low)) {
            last->text = &notice_texts[i];
            return;
        }
    }
}

/* Most lines of a log have none of these words, one of which every known message has. */
static bool may_be_notice(const char *low)
{
    static const char *const words[] = {
        "dma",         "iommu",           "rmrr",     "vt-d",     "rhsa",   "scope",
        "acpi object", "invalid",         "status",   "timeout",  "panic",  "qi_",
        "qi ",         "buffer",          "agaw",     "remap",    "x2apic", "ioapic",
        "translation", "previous kernel", "graphics", "checksum", "amd-vi", "bios",
        "unmatched",   "overflow",
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strstr(low, words[i]) != NULL)
            return true;
    }
    return false;
}

static const struct notice_text *find_text(const struct log *log, const char *low)
{
    for (size_t i = 0; i < notice_text_count; i++) {
        if (strncmp(notice_texts[i].id, "unit-hangs-", 11) != 0 &&
            matches(log, &notice_texts[i], low))
            return &notice_texts[i];
    }
    return NULL;
}

static bool count_again(struct log *log, const struct notice_text *found,
                        const struct log_text *text)
{
    for (size_t i = 0; i < log->notice_count; i++) {
        struct log_notice *notice = &log->notices[i];

        if (notice->text != found || !same_words(notice, text->message))
            continue;
        notice->count++;
        notice->last = *text->time;
        return true;
    }
    return false;
}

bool line_notice(struct log *log, const struct log_text *text)
{
    const struct notice_text *found;
    struct log_notice *notice;

    if (!may_be_notice(text->low))
        return false;
    trace_line(log, text->low);
    if (queue_line(log, text->low))
        return true;
    found = find_text(log, text->low);
    if (found == NULL)
        return false;
    if (count_again(log, found, text))
        return true;
    if (log->notice_count == NOTICE_LIMIT) {
        log->dropped++;
        return true;
    }
    if (log->notices == NULL)
        log->notices = allocate(NOTICE_LIMIT, sizeof(log->notices[0]));
    notice = &log->notices[log->notice_count++];
    *notice = (struct log_notice){ .text = found, .line = text->line, .count = 1 };
    notice->first = notice->last = *text->time;
    find_device(text->low, notice);
    snprintf(notice->words, sizeof(notice->words), "%.*s", (int)sizeof(notice->words) - 1,
             text->message);
    return true;
}
