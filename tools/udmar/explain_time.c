/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stands in front of a message: the time as dmesg, syslog and journals write it, the host, the
 * level, "(XEN)".
 */
#include "explain_log.h"
#include "explain_scan.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void keep_text(struct log_time *time, const char *from, const char *to)
{
    size_t length = (size_t)(to - from);

    if (length >= sizeof(time->text))
        length = sizeof(time->text) - 1;
    memcpy(time->text, from, length);
    time->text[length] = '\0';
}

/* "[   12.345678]", "[   12.345678 <    0.000012>]": seconds since boot. What follows, or null. */
static const char *boot_seconds(const char *at, struct log_time *time)
{
    const char *number = at + 1 + strspn(at + 1, " "), *end;
    size_t length = strspn(number, "0123456789.");

    if (*at != '[' || length < 3 || length > 20 || memchr(number, '.', length) == NULL)
        return NULL;
    end = number + length + strspn(number + length, " ");
    if (*end == '<')
        end += strcspn(end, ">") + (strchr(end, '>') != NULL);
    if (*end != ']')
        return NULL;
    time->has_seconds = true;
    time->seconds = strtod(number, NULL);
    if (time->text[0] == '\0')
        keep_text(time, number, number + length);
    at = end + 1;
    /* The caller's id: "[   12.345678][    T1]". */
    if (*at == '[' && strchr(at, ']') != NULL && at[1 + strspn(at + 1, " ")] == 'T')
        at = strchr(at, ']') + 1;
    return at + strspn(at, " ");
}

/* "[Nov30 18:08]" and "[  +0.000012]" of dmesg -e, "[<    0.000012>]". */
static const char *relative_time(const char *at, struct log_time *time)
{
    const char *end = *at == '[' ? strchr(at, ']') : NULL, *inside;
    bool clock;

    if (end == NULL || end - at > 24 || end - at < 6)
        return NULL;
    inside = at + 1 + strspn(at + 1, " ");
    clock = isupper((unsigned char)inside[0]) && isdigit((unsigned char)inside[3]);
    if (!clock &&
        !((inside[0] == '+' || inside[0] == '<') && strspn(inside + 1, " 0123456789.") >= 3))
        return NULL;
    keep_text(time, inside, end);
    return end + 1 + strspn(end + 1, " ");
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

/* "2026-11-30T18:08:04.123456+00:00", "2026-11-30 18:08:04": its length, or 0. */
static size_t iso_length(const char *at)
{
    size_t length;

    if (strspn(at, "0123456789") != 4 || strlen(at) < 19 || at[4] != '-' || at[7] != '-' ||
        (at[10] != 'T' && at[10] != 't' && at[10] != ' ') || at[13] != ':' || at[16] != ':')
        return 0;
    length = 19 + strspn(at + 19, ".,0123456789");
    if (at[length] == '+' || at[length] == '-')
        length += 1 + strspn(at + length + 1, "0123456789:");
    return at[length] == 'Z' ? length + 1 : length;
}

/* "Nov 22 12:00:01", with a part of a second, a year, a day of the week in front: its length. */
static size_t syslog_length(const char *at)
{
    size_t day = 0, length;

    if (is_month_or_day(at) && isalpha((unsigned char)at[4]) && is_month_or_day(at + 4))
        day = 4;
    if (!is_month_or_day(at + day) || strlen(at + day) < 15 || at[day + 9] != ':' ||
        at[day + 12] != ':')
        return 0;
    length = day + 15;
    length += strspn(at + length, ".0123456789");
    /* A year is four figures, and no figure of the next word. */
    if (at[length] == ' ' && strspn(at + length + 1, "0123456789") == 4 && at[length + 5] == ' ' &&
        day > 0)
        length += 5;
    return length;
}

/* The wall clock in front of a syslog, journal or dmesg -T line; the line itself without one. */
static const char *wall_clock(const char *line, struct log_time *time)
{
    const char *at = line;
    size_t length;

    if (at[0] == '[' && (is_month_or_day(at + 1) || iso_length(at + 1) > 0) &&
        strchr(at, ']') != NULL) {
        keep_text(time, at + 1, strchr(at, ']'));
        at = strchr(at, ']') + 1;
        return at + strspn(at, " ");
    }
    /* journalctl -o short-full: "Mon 2026-11-30 18:08:04 UTC" */
    if (is_month_or_day(at) && iso_length(at + 4) > 0)
        at += 4;
    length = iso_length(at);
    if (length == 0)
        length = syslog_length(at);
    /* journalctl -o short-unix */
    if (length == 0 && strspn(at, "0123456789") == 10 && at[10] == '.' &&
        strspn(at + 11, "0123456789") == 6 && at[17] == ' ')
        length = 17;
    if (length == 0)
        return line;
    keep_text(time, at, at + length);
    at += length;
    return at + strspn(at, " ");
}

/* "kern  :err   : " of dmesg -x, "<4>" of a console. */
static const char *level(const char *at)
{
    static const char *const facilities[] = { "kern", "user", "daemon", "syslog" };

    if (at[0] == '<' && isdigit((unsigned char)at[1]) && strchr(at, '>') != NULL)
        return strchr(at, '>') + 1;
    for (size_t i = 0; i < sizeof(facilities) / sizeof(facilities[0]); i++) {
        size_t length = strlen(facilities[i]);
        const char *colon = at + length + strspn(at + length, " ");

        if (strncmp(at, facilities[i], length) != 0 || *colon != ':')
            continue;
        colon++;
        colon += strspn(colon, "abcdefghijklmnopqrstuvwxyz ");
        if (*colon == ':')
            return colon + 1 + strspn(colon + 1, " ");
    }
    return at;
}

/* "host kernel: ", "kernel[0]: ", "kernel (Sandbox): ": what follows, or null. */
static const char *kernel_word(const char *at)
{
    const char *found = strstr(at, "kernel"), *end;

    if (found == NULL || found - at > 80)
        return NULL;
    end = found + 6;
    if (*end == '[')
        end += strcspn(end, "]") + (strchr(end, ']') != NULL);
    return end[0] == ':' && (end[1] == ' ' || end[1] == '\0') ? end + 1 + (end[1] == ' ') : NULL;
}

/* "[   12.345678]" behind a host name or whatever else a tool has put in front. */
static const char *later_seconds(const char *at, struct log_time *time)
{
    enum { FRONT = 100 };

    for (size_t i = 0; i < FRONT && at[i] != '\0'; i++) {
        const char *found = at[i] == '[' ? boot_seconds(at + i, time) : NULL;

        if (found != NULL)
            return found;
    }
    return NULL;
}

/* How messages begin that this tool cares for, where no time shows it. */
static bool known_start(const char *message)
{
    static const char *const starts[] = {
        "DMAR",  "dmar",    "DRHD",         "INTR-REMAP",    "[VT-D]",    "iommu",
        "IOMMU", "pci ",    "vtd[",         "(XEN)",         "BIOS-e820", "@BlueScreen",
        "fri",   "DMAR-IR", "Kernel panic", "Linux version", "vfio-pci",
    };

    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        if (strncmp(message, starts[i], strlen(starts[i])) == 0)
            return true;
    }
    return false;
}

static const char *xen_mark(const char *at, struct line_head *head)
{
    const char *found = strstr(at, "(XEN)");

    if (found == NULL || found - at > 80)
        return NULL;
    head->xen = true;
    found += 5 + strspn(found + 5, " ");
    return found;
}

void line_head(const char *line, struct line_head *out_head)
{
    struct line_head *head = out_head;
    const char *at = level(line), *found;

    *head = (struct line_head){ .message = line };
    if ((found = kmsg_record(at, &head->time)) != NULL) {
        head->message = found;
        head->starts = true;
        return;
    }
    at = wall_clock(at, &head->time);
    at = level(at);
    if ((found = xen_mark(at, head)) != NULL)
        at = wall_clock(found, &head->time);
    found = boot_seconds(at, &head->time);
    if (found == NULL)
        found = relative_time(at, &head->time);
    if (found == NULL && !head->xen && (found = kernel_word(at)) != NULL) {
        const char *seconds;

        found += strspn(found, " ");
        seconds = boot_seconds(found, &head->time);
        head->starts = true;
        at = seconds != NULL ? seconds : found;
        found = NULL;
    }
    if (found == NULL && !head->starts && !head->xen)
        found = later_seconds(at, &head->time);
    if (found != NULL)
        at = found;
    head->message = level(at);
    head->starts |= head->xen || head->time.text[0] != '\0' || head->time.has_seconds ||
                    known_start(head->message);
}
