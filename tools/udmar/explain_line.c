/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines of kernel logs: the time in front, and the faults of Linux, Xen and FreeBSD.
 */
#include "explain_log.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *scan_hex(const char *text, uint64_t *value)
{
    const char *at = text;
    unsigned digits = 0;

    if (at[0] == '0' && (at[1] | 0x20) == 'x')
        at += 2;
    for (*value = 0; isxdigit((unsigned char)*at); at++, digits++) {
        int digit = tolower((unsigned char)*at);

        *value = *value << 4 | (uint64_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
    }
    return digits > 0 && digits <= 16 ? at : NULL;
}

const char *scan_decimal(const char *text, uint64_t *value)
{
    unsigned digits = 0;

    for (*value = 0; isdigit((unsigned char)*text); text++, digits++)
        *value = *value * 10 + (uint64_t)(*text - '0');
    return digits > 0 && digits <= 18 ? text : NULL;
}

const char *scan_device(const char *text, uint16_t *segment, udmar_rid_t *rid)
{
    uint64_t part[4] = { 0 };
    const char *at = scan_hex(text, &part[1]);

    if (at == NULL || *at != ':' || (at = scan_hex(at + 1, &part[2])) == NULL)
        return NULL;
    if (*at == ':') {
        part[0] = part[1];
        part[1] = part[2];
        if ((at = scan_hex(at + 1, &part[2])) == NULL)
            return NULL;
    }
    if (*at != '.' || (at = scan_hex(at + 1, &part[3])) == NULL)
        return NULL;
    if (part[0] > 0xffff || part[1] > 0xff || part[2] > 0x1f || part[3] > 7)
        return NULL;
    *segment = (uint16_t)part[0];
    *rid = UDMAR_RID(part[1], part[2], part[3]);
    return at;
}

/* ---- time ----------------------------------------------------------------------------------- */

static void keep_text(struct log_time *time, const char *from, const char *to)
{
    size_t length = (size_t)(to - from);

    if (length >= sizeof(time->text))
        length = sizeof(time->text) - 1;
    memcpy(time->text, from, length);
    time->text[length] = '\0';
}

/* "[   12.345678]": seconds since boot. Returns what follows, or null. */
static const char *boot_seconds(const char *at, struct log_time *time)
{
    const char *number = at + 1 + strspn(at + 1, " ");
    size_t length = strspn(number, "0123456789.");

    if (*at != '[' || number[length] != ']' || length < 3 || length > 20 ||
        memchr(number, '.', length) == NULL)
        return NULL;
    time->has_seconds = true;
    time->seconds = strtod(number, NULL);
    keep_text(time, number, number + length);
    at = number + length + 1;
    /* The caller's id: "[   12.345678][    T1]". */
    if (*at == '[' && strchr(at, ']') != NULL)
        at = strchr(at, ']') + 1;
    return at + strspn(at, " ");
}

/* "3,123,12345678,-;text", a record of /dev/kmsg: microseconds. */
static const char *kmsg_record(const char *line, struct log_time *time)
{
    uint64_t number;
    const char *at = scan_decimal(line, &number);

    if (at == NULL || *at != ',' || (at = scan_decimal(at + 1, &number)) == NULL || *at != ',' ||
        (at = scan_decimal(at + 1, &number)) == NULL || *at != ',' || strchr(at, ';') == NULL)
        return NULL;
    time->has_seconds = true;
    time->seconds = (double)number / 1e6;
    snprintf(time->text, sizeof(time->text), "%" PRIu64 ".%06" PRIu64, number / 1000000,
             number % 1000000);
    return strchr(at, ';') + 1;
}

static bool is_month_or_day(const char *text)
{
    static const char names[] =
        "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec Mon Tue Wed Thu Fri Sat Sun ";
    char name[5] = { 0 };

    memcpy(name, text, strnlen(text, 4));
    return strlen(name) == 4 && name[3] == ' ' && isupper((unsigned char)name[0]) &&
           strstr(names, name) != NULL;
}

/* The wall clock in front of a syslog, journal or dmesg -T line. */
static const char *wall_clock(const char *line, struct log_time *time)
{
    const char *at = line;
    size_t length;

    if (at[0] == '[' && is_month_or_day(at + 1) && strchr(at, ']') != NULL) {
        keep_text(time, at + 1, strchr(at, ']'));
        at = strchr(at, ']') + 1;
        return at + strspn(at, " ");
    }
    if (is_month_or_day(at) && strlen(at) > 15 && at[9] == ':' && at[12] == ':') {
        keep_text(time, at, at + 15);
        return at + 15 + strspn(at + 15, " ");
    }
    length = strcspn(at, " ");
    if (length >= 19 && at[4] == '-' && at[7] == '-' && (at[10] == 'T' || at[10] == 't')) {
        keep_text(time, at, at + (length < 26 ? length : 26));
        return at + length + strspn(at + length, " ");
    }
    return line;
}

const char *line_time(const char *line, struct log_time *time)
{
    const char *at = line, *found;

    *time = (struct log_time){ 0 };
    if (at[0] == '<' && isdigit((unsigned char)at[1]) && strchr(at, '>') != NULL)
        at = strchr(at, '>') + 1;
    if ((found = kmsg_record(at, time)) != NULL)
        return found;
    at = wall_clock(at, time);
    if (strncmp(at, "(XEN) ", 6) == 0) {
        found = boot_seconds(at + 6, time);
        if (found == NULL && at[6] == '[' && isdigit((unsigned char)at[7]) &&
            strchr(at, ']') != NULL) {
            keep_text(time, at + 7, strchr(at, ']'));
            found = strchr(at, ']') + 1 + strspn(strchr(at, ']') + 1, " ");
        }
        return found != NULL ? found : at + 6;
    }
    if ((found = boot_seconds(at, time)) != NULL)
        return found;
    /* "host kernel: [   12.345678] text" or "host kernel: text" */
    found = strstr(at, "kernel: ");
    if (found != NULL && found - at < 80) {
        at = found + 8;
        /* With a wall clock on the line, that is the time people look for. */
        struct log_time boot = { 0 };
        found = boot_seconds(at, &boot);
        if (found != NULL) {
            time->has_seconds = true;
            time->seconds = boot.seconds;
            if (time->text[0] == '\0')
                memcpy(time->text, boot.text, sizeof(time->text));
            at = found;
        }
    }
    return at;
}

/* ---- faults --------------------------------------------------------------------------------- */

static void begin(struct log_fault *fault, enum log_source source, const struct log_time *time,
                  size_t number)
{
    *fault = (struct log_fault){ .source = source, .line = number, .time = *time };
    fault->unit = -1;
    fault->reason = -1;
}

/*
 * "fault reason 06]", "fault reason 0x26]": Linux printed the code in decimal, with two digits,
 * until it began to write 0x; 38 is 0x26. Xen ("reason 26 - text", "fault reason 26h]") always
 * means hexadecimal.
 */
static int scan_reason(const char *text, bool linux_kernel)
{
    bool marked = text[0] == '0' && (text[1] | 0x20) == 'x';
    uint64_t value;
    const char *end = scan_hex(text, &value);

    if (linux_kernel && !marked && end != NULL && *end != 'h')
        end = scan_decimal(text, &value);
    return end != NULL && value <= 0xff ? (int)value : -1;
}

/* "PASID 0x5", "PASID 5", "PASID ffffffff" (none), "NO_PASID": all hexadecimal. */
static void scan_pasid(const char *text, struct udmar_fault *fault)
{
    const char *at = strstr(text, "PASID ");
    uint64_t value;

    if (at == NULL || (at > text && at[-1] == '_') || scan_hex(at + 6, &value) == NULL)
        return;
    if (value <= 0xfffff) {
        fault->has_pasid = true;
        fault->pasid = (uint32_t)value;
    }
}

/*
 * Linux and Xen share the shape: "[DMA Write] Request device [02:00.0] fault addr X", or
 * "INTR-REMAP: Request device [[02:00.0] fault index X".
 */
static bool request_line(struct log *log, const char *message, const struct log_time *time,
                         size_t number)
{
    bool xen = strstr(message, "[VT-D]") != NULL;
    const char *at = strstr(message, "equest device ["), *reason;
    struct log_fault fault;

    if (at == NULL)
        at = strstr(message, "equest Device [");
    if (at == NULL)
        return false;
    begin(&fault, xen ? LOG_XEN : LOG_LINUX, time, number);
    at += 15 + strspn(at + 15, "[ ");
    at = scan_device(at, &fault.fault.segment, &fault.fault.rid);
    if (at == NULL)
        return false;
    fault.has_device = true;
    fault.direction_known = true;
    if (strstr(message, "INTR-REMAP") != NULL && (at = strstr(at, "fault index ")) != NULL) {
        fault.fault.access = UDMAR_FAULT_INTERRUPT;
        at += 12;
    } else {
        at = strstr(message, "fault addr ");
        if (at == NULL)
            return false;
        at += 11;
        if (strstr(message, "[DMA Read") != NULL)
            fault.fault.access = UDMAR_FAULT_READ;
        else if (strstr(message, "[DMA Write") != NULL)
            fault.fault.access = UDMAR_FAULT_WRITE;
        else if (strstr(message, "[DMA Atomic") != NULL)
            fault.fault.access = UDMAR_FAULT_ATOMIC;
        else
            fault.direction_known = false;
    }
    if (scan_hex(at, &fault.fault.address) == NULL)
        return false;
    if (fault.fault.access != UDMAR_FAULT_INTERRUPT)
        fault.fault.address &= ~UDMAR_PAGE_MASK;
    scan_pasid(message, &fault.fault);
    reason = strstr(at, "[fault reason ");
    if (reason != NULL)
        fault.reason = scan_reason(reason + 14, true);
    log_fault_add(log, &fault);
    return true;
}

/* "DMAR0: ahci0: pci0:31:2 sid fa fault acc 1 adt 0x0 reason 0x6 addr 12345000" */
static bool freebsd_line(struct log *log, const char *message, const struct log_time *time,
                         size_t number)
{
    const char *at = strstr(message, " fault acc "), *sid = strstr(message, "sid ");
    const char *name = strstr(message, "DMAR"), *pci;
    struct log_fault fault;
    uint64_t unit, source, access, reason;

    if (at == NULL || sid == NULL || sid > at || name == NULL || name > sid)
        return false;
    begin(&fault, LOG_FREEBSD, time, number);
    if (scan_decimal(name + 4, &unit) != NULL && unit < 1000)
        fault.unit = (int)unit;
    if (scan_hex(sid + 4, &source) == NULL || source > 0xffff || scan_hex(at + 11, &access) == NULL)
        return false;
    fault.has_device = true;
    fault.direction_known = true;
    fault.fault.rid = (udmar_rid_t)source;
    fault.fault.access = (access & 1) != 0 ? UDMAR_FAULT_READ : UDMAR_FAULT_WRITE;
    at = strstr(at, "reason ");
    if (at != NULL && scan_hex(at + 7, &reason) != NULL && reason <= 0xff)
        fault.reason = (int)reason;
    at = at != NULL ? strstr(at, "addr ") : NULL;
    if (at == NULL || scan_hex(at + 5, &fault.fault.address) == NULL)
        return false;
    if ((fault.reason & ~0xf) == 0x20) {
        fault.fault.access = UDMAR_FAULT_INTERRUPT;
        fault.fault.address >>= 48;
    } else {
        fault.fault.address &= ~UDMAR_PAGE_MASK;
    }
    /* The name of the driver stands between the unit and "pci". */
    name = strchr(name, ':');
    pci = name != NULL ? strstr(name, ": pci") : NULL;
    if (pci != NULL && pci < sid && pci - name > 2 && pci - name < (long)sizeof(fault.label)) {
        memcpy(fault.label, name + 2, (size_t)(pci - name - 2));
        fault.label[pci - name - 2] = '\0';
    }
    log_fault_add(log, &fault);
    return true;
}

/* Xen's walk for the last fault: "l4[000] = 9c00000204f1b107". */
static bool xen_table_line(struct log_group *group, const char *message)
{
    const char *at = message + strspn(message, " ");
    const char *value = strstr(at, "] = ");
    uint64_t level, entry;

    if (*at != 'l' || scan_decimal(at + 1, &level) == NULL || level < 1 || level > 5 ||
        at[2] != '[' || value == NULL || scan_hex(value + 4, &entry) == NULL)
        return false;
    group->stop_level = (unsigned)level;
    group->stop_entry = entry;
    return true;
}

/* The second line of a fault, and what else surrounds one. */
static bool companion_line(struct log *log, const char *message, const struct log_time *time)
{
    const char *at;
    uint64_t number, level;

    if ((at = strstr(message, "[fault reason ")) != NULL) {
        log_reason_add(log, scan_reason(at + 14, true));
        return true;
    }
    if (strstr(message, "[VT-D]") != NULL && (at = strstr(message, ": reason ")) != NULL) {
        log_reason_add(log, scan_reason(at + 9, false));
        return true;
    }
    if ((at = strstr(message, "dmar_fault: ")) != NULL && strstr(at, "suppressed") != NULL) {
        if (scan_decimal(at + 12, &number) != NULL) {
            log->suppressed += number;
            if (log->open != NULL) {
                log->open->suppressed += number;
                log->open->last = time->text[0] != '\0' ? *time : log->open->last;
            }
        }
        return true;
    }
    if ((at = strstr(message, "handling fault status reg ")) != NULL) {
        if (scan_hex(at + 26, &number) != NULL)
            log->overflows += number & 1;
        return true;
    }
    if (strstr(message, "Fault Overflow") != NULL) {
        log->overflows++;
        return true;
    }
    /* Linux 5.18 and later: "pte level: 3, pte value: 0x0" of the walk for the last fault. */
    if ((at = strstr(message, "pte level: ")) != NULL && log->open != NULL &&
        scan_decimal(at + 11, &level) != NULL && level >= 1 && level <= 5 &&
        (at = strstr(at, "pte value: ")) != NULL && scan_hex(at + 11, &number) != NULL) {
        log->open->stop_level = (unsigned)level;
        log->open->stop_entry = number;
        return true;
    }
    if (log->open != NULL && log->open->first.source == LOG_XEN)
        return xen_table_line(log->open, message);
    return false;
}

bool line_fault(struct log *log, const char *message, const struct log_time *time, size_t number)
{
    return request_line(log, message, time, number) || freebsd_line(log, message, time, number) ||
           companion_line(log, message, time);
}
