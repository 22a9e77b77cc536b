/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What surrounds a fault in a log: the reason on a line of its own, counts of what was left out,
 * the walk that a kernel prints for the last one.
 */
#include "explain_form.h"
#include "explain_scan.h"

#include <string.h>

/* A reason whose fault was not there: the log begins or was cut in between. */
static void take_reason(struct log *log, const struct log_text *text, int reason)
{
    if (!log_reason_add(log, reason))
        log_unread_add(log, text);
}

/* "[VT-D]DMAR: reason 06 - text", "[VT-D]INTR-REMAP: reason 25 - text" */
static bool xen_reason(struct log *log, const struct log_text *text)
{
    if (strstr(text->low, "[vt-d]") == NULL ||
        (!scan_has(text->low, "dmar: reason") && !scan_has(text->low, "intr remap: reason")))
        return false;
    take_reason(log, text, form_reason(text->low, "reason", false));
    return true;
}

/* "DMAR:[fault reason 06] text", "INTR-REMAP:[] text": the second line of Linux before 4.x. */
static bool reason_line(struct log *log, const struct log_text *text)
{
    const char *low = text->low;
    bool named = strncmp(low, "dmar", 4) == 0 || strncmp(low, "intr", 4) == 0;
    int reason;

    if (xen_reason(log, text))
        return true;
    reason = form_reason(low, "fault reason", true);
    if (scan_has(low, "fault reason")) {
        take_reason(log, text, reason);
        return true;
    }
    return named && reason >= 0 && log_reason_add(log, reason);
}

/* "dmar_fault: 893 callbacks suppressed" */
static bool suppressed_line(struct log *log, const struct log_text *text)
{
    const char *at = scan_label(text->low, "dmar fault:");
    uint64_t number;

    if (at == NULL || strstr(at, "suppressed") == NULL)
        return false;
    if (scan_decimal(at + strspn(at, " "), &number) == NULL)
        return true;
    log->suppressed += number;
    if (log->open != NULL) {
        log->open->suppressed += number;
        if (text->time->text[0] != '\0')
            log->open->last = *text->time;
    }
    return true;
}

/* The fault status register: bit 0 overflow, bit 1 pending; the upper ones are notices. */
static bool status_line(struct log *log, const struct log_text *text)
{
    enum { OVERFLOW = 1, PENDING = 2, INVALIDATION = 0x70 };
    const char *at = scan_label(text->low, "handling fault status reg*");
    uint64_t number;

    if (at == NULL) {
        if (!scan_has(text->low, "fault overflow"))
            return false;
        log->overflows++;
        return true;
    }
    if (scan_hex(at + strspn(at, " :="), &number) == NULL)
        return true;
    log->overflows += number & OVERFLOW;
    log->statuses += (number & PENDING) != 0;
    return (number & INVALIDATION) == 0;
}

/* Linux 5.18 and later: "pte level: 3, pte value: 0x0" of the walk for the last fault. */
static bool linux_walk(struct log_group *group, const char *low)
{
    const char *at = strstr(low, "pte level: ");
    uint64_t level, entry;

    if (at == NULL || scan_decimal(at + 11, &level) == NULL || level < 1 || level > 5 ||
        (at = strstr(at, "pte value: ")) == NULL || scan_hex(at + 11, &entry) == NULL)
        return false;
    group->stop_level = (unsigned)level;
    group->stop_entry = entry;
    return true;
}

/* Xen's walk for the last fault: "l4[000] = 9c00000204f1b107". */
static bool xen_walk(struct log_group *group, const char *low)
{
    const char *at = low + strspn(low, " ");
    const char *value = strstr(at, "] = ");
    uint64_t level, entry;

    if (*at != 'l' || scan_decimal(at + 1, &level) == NULL || level < 1 || level > 5 ||
        at[2] != '[' || value == NULL || scan_hex(value + 4, &entry) == NULL)
        return false;
    group->stop_level = (unsigned)level;
    group->stop_entry = entry;
    return true;
}

bool line_companion(struct log *log, const struct log_text *text)
{
    const char *at = text->low + strspn(text->low, " ");

    if (reason_line(log, text) || suppressed_line(log, text) || status_line(log, text))
        return true;
    /* The walk is that of a fault whose reason may still be waiting. */
    if (strstr(at, "pte level: ") == NULL && (at[0] != 'l' || strspn(at + 1, "12345") != 1))
        return false;
    log_fault_settle(log);
    if (log->open == NULL)
        return false;
    if (log->open->first.source == LOG_XEN)
        return xen_walk(log->open, text->low);
    return linux_walk(log->open, text->low);
}
