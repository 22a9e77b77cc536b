/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The explanation for people.
 */
#include "explain_text.h"
#include "pci.h"

#include <inttypes.h>
#include <string.h>

enum { WIDTH = 78, GROUPS_SHOWN = 50 };

const char *explain_source(enum log_source source)
{
    static const char *const names[LOG_SOURCES] = {
        [LOG_LINUX] = "linux", [LOG_XEN] = "xen",         [LOG_FREEBSD] = "freebsd",
        [LOG_UDMAR] = "udmar", [LOG_OPENBSD] = "openbsd", [LOG_ILLUMOS] = "illumos",
        [LOG_ESXI] = "esxi",   [LOG_MACOS] = "macos",     [LOG_GENODE] = "genode",
        [LOG_NOVA] = "nova",   [LOG_QEMU] = "qemu",       [LOG_OTHER] = "other",
    };

    return names[source];
}

void explain_device(const struct log_fault *fault, char buffer[24])
{
    const struct udmar_fault *f = &fault->fault;

    if (!fault->has_device)
        snprintf(buffer, 24, "unknown");
    else
        snprintf(buffer, 24, "%04x:%02x:%02x.%u", f->segment, UDMAR_RID_BUS(f->rid),
                 UDMAR_RID_DEVICE(f->rid), UDMAR_RID_FUNCTION(f->rid));
}

const char *explain_verb(const struct log_fault *fault)
{
    if (!fault->direction_known)
        return "access";
    switch (fault->fault.access) {
    case UDMAR_FAULT_READ:
        return "read from";
    case UDMAR_FAULT_PAGE_REQUEST:
        return "request the page";
    case UDMAR_FAULT_ATOMIC:
        return "do an atomic operation at";
    case UDMAR_FAULT_INTERRUPT:
        return "raise an interrupt";
    default:
        return "write to";
    }
}

const char *explain_class(uint32_t class_code)
{
    static const struct {
        uint16_t code;
        const char *name;
    } classes[] = {
        { 0x0100, "SCSI controller" },      { 0x0101, "IDE controller" },
        { 0x0104, "RAID controller" },      { 0x0106, "SATA controller" },
        { 0x0107, "SAS controller" },       { 0x0108, "NVMe controller" },
        { 0x0200, "Ethernet controller" },  { 0x0280, "network controller" },
        { 0x0300, "VGA controller" },       { 0x0302, "3D controller" },
        { 0x0380, "display controller" },   { 0x0401, "audio device" },
        { 0x0403, "audio device" },         { 0x0600, "host bridge" },
        { 0x0601, "ISA bridge" },           { 0x0604, "PCI bridge" },
        { 0x0780, "communication device" }, { 0x0c03, "USB controller" },
        { 0x0c05, "SMBus controller" },     { 0x0880, "system device" },
        { 0x1180, "signal processor" },     { 0x1200, "accelerator" },
        { 0x0b40, "co-processor" },         { 0x1080, "encryption controller" },
    };

    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (classes[i].code == class_code >> 8)
            return classes[i].name;
    }
    return "";
}

const char *explain_fill(const char *text, const char *device, char *buffer, size_t size)
{
    size_t length = 0;

    for (; *text != '\0' && length + 1 < size; text++) {
        if (*text == '@')
            length += (size_t)snprintf(buffer + length, size - length, "%s", device);
        else
            buffer[length++] = *text;
        if (length >= size)
            length = size - 1;
    }
    buffer[length] = '\0';
    return buffer;
}

/* Words under each other: the first line begins with head, the others with as many blanks. */
static void paragraph(FILE *out, const char *head, unsigned indent, const char *text)
{
    size_t column = indent;

    fprintf(out, "%*s%s", (int)(indent - strlen(head)), "", head);
    while (*text != '\0') {
        size_t word = strcspn(text, " ");

        if (column > indent && column + 1 + word > WIDTH) {
            fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            fputc(' ', out);
            column++;
        }
        print_text(out, text, word);
        column += word;
        text += word + strspn(text + word, " ");
    }
    fputc('\n', out);
}

/* "8086:0412, VGA controller, driver i915" */
static void describe(const struct log *log, const struct log_fault *fault, char *buffer,
                     size_t size)
{
    const struct log_device *device =
        fault->has_device ? log_device_find(log, fault->fault.segment, fault->fault.rid) : NULL;
    const char *kind = device != NULL ? explain_class(device->class_code) : "";
    bool has_numbers = device != NULL && (device->vendor != 0 || device->device != 0);
    size_t length = 0;

    buffer[0] = '\0';
    if (device != NULL && device->name[0] != '\0')
        length += (size_t)snprintf(buffer, size, "%s", device->name);
    else if (has_numbers)
        length += (size_t)snprintf(buffer, size, "%s%s%04x:%04x", kind, kind[0] != '\0' ? " " : "",
                                   device->vendor, device->device);
    if (device != NULL && device->driver[0] != '\0' && length < size)
        length += (size_t)snprintf(buffer + length, size - length, "%sdriver %s",
                                   length > 0 ? ", " : "", device->driver);
    else if (fault->label[0] != '\0' && length < size)
        length += (size_t)snprintf(buffer + length, size - length, "%s%s", length > 0 ? ", " : "",
                                   fault->label);
    if (length == 0 && device == NULL && fault->has_device && log->saw_pci)
        snprintf(buffer, size, "a device that the log does not list");
    else if (length == 0 && fault->has_device && fault->fault.segment == 0 &&
             fault->fault.rid == UDMAR_RID(0, 2, 0))
        snprintf(buffer, size, "where Intel's integrated graphics is");
}

static void print_when(FILE *out, const struct log_group *group)
{
    const struct log_time *first = &group->first.time, *last = &group->last;
    double seconds = last->seconds - first->seconds;

    fprintf(out, "    %sline %zu", style(STYLE_FAINT), group->first.line);
    if (first->text[0] != '\0') {
        fprintf(out, ", ");
        print_text(out, first->text, strlen(first->text));
    }
    if (group->count > 1 && last->text[0] != '\0' && strcmp(last->text, first->text) != 0) {
        fprintf(out, " to ");
        print_text(out, last->text, strlen(last->text));
    }
    /* Shorter bursts say nothing about a rate. */
    if (group->count > 1 && first->has_seconds && last->has_seconds && seconds >= 1 &&
        (double)(group->count + group->suppressed) >= seconds)
        fprintf(out, " (%.0f a second)", (double)(group->count + group->suppressed) / seconds);
    fprintf(out, "%s\n", style(STYLE_END));
}

/* What stands behind the verb. A message in compatibility format names no entry. */
static void object_of(const struct log_group *group, char *buffer, size_t size)
{
    enum { COMPATIBILITY = 0x25 };
    const struct udmar_fault *fault = &group->first.fault;

    if (fault->access == UDMAR_FAULT_INTERRUPT && group->first.direction_known) {
        buffer[0] = '\0';
        if (group->first.has_address && group->first.reason != COMPATIBILITY)
            snprintf(buffer, size, " through entry %" PRIu64, fault->address);
    } else if (!group->first.has_address && group->first.masked[0] != '\0') {
        snprintf(buffer, size, " an address that cannot be read (\"%s\")", group->first.masked);
    } else if (!group->first.has_address) {
        snprintf(buffer, size, " an address that the log does not show");
    } else if (group->low == group->high) {
        snprintf(buffer, size, " 0x%" PRIx64, fault->address);
    } else {
        snprintf(buffer, size, " 0x%" PRIx64 "-0x%" PRIx64, group->low,
                 group->high | UDMAR_PAGE_MASK);
    }
}

/* The sentence: who tried what, and why it was stopped. */
static void sentence(const struct log_group *group, const char *device, char *buffer, size_t size)
{
    const struct udmar_fault *fault = &group->first.fault;
    char object[80], pasid[32] = "";

    object_of(group, object, sizeof(object));
    if (fault->has_pasid)
        snprintf(pasid, sizeof(pasid), " with PASID %u", fault->pasid);
    if (group->first.reason < 0)
        snprintf(buffer, size,
                 "Device %s tried to %s%s%s and was stopped. The log does not say "
                 "why.",
                 device, explain_verb(&group->first), object, pasid);
    else
        snprintf(buffer, size,
                 "Device %s tried to %s%s%s and was stopped: %s (fault reason "
                 "0x%02x).",
                 device, explain_verb(&group->first), object, pasid,
                 udmar_fault_reason_string((uint8_t)group->first.reason), group->first.reason);
}

/* How the faults are spread, where the address lies, what was mapped nearby. */
static void details(const struct log *log, const struct log_group *group, char *buffer, size_t size)
{
    const struct udmar_fault *fault = &group->first.fault;
    const char *place = explain_place(log, group);
    size_t length = 0;
    char text[24];

    buffer[0] = '\0';
    if (group->scattered)
        length += (size_t)snprintf(buffer + length, size - length,
                                   "The addresses are scattered over many pages. ");
    else if (group->pages > 1)
        length += (size_t)snprintf(buffer + length, size - length, "%" PRIu64 " pages%s. ",
                                   group->pages, group->ascending ? ", one after the other" : "");
    if (place != NULL && length < size)
        length += (size_t)snprintf(buffer + length, size - length, "The address: %s. ", place);
    if (group->stop_level != NO_LEVEL && length < size)
        length += (size_t)snprintf(
            buffer + length, size - length,
            "By the table dump in the log the walk ends at level %u, entry 0x%" PRIx64 "%s%s%s. ",
            group->stop_level, group->stop_entry,
            group->stop_entry == 0 && group->stop_level > 1 ? ": nothing near it is mapped (" : "",
            group->stop_entry == 0 && group->stop_level > 1
                ? size_text(UINT64_C(1) << (3 + 9 * group->stop_level), text)
                : "",
            group->stop_entry == 0 && group->stop_level > 1 ? ")" : "");
    if (group->first.place_known && fault->near_size != 0 && length < size)
        snprintf(buffer + length, size - length, "%s 0x%" PRIx64 "-0x%" PRIx64 " (%s). ",
                 fault->place == UDMAR_PLACE_LIVE       ? "It lies in the live mapping"
                 : fault->place == UDMAR_PLACE_ENDED    ? "It lies in the former mapping"
                 : fault->place == UDMAR_PLACE_RESERVED ? "It lies in the reserved range"
                                                        : "The nearest mapping is",
                 fault->near_base, fault->near_base + (fault->near_size - 1),
                 size_text(fault->near_size, text));
}

static void print_causes(FILE *out, const struct log *log, const struct log_group *group,
                         const char *device)
{
    const struct cause *causes[CAUSE_LIMIT];
    size_t count = explain_causes(log, group, causes);
    char text[1000], head[16];

    if (count == 0) {
        paragraph(out, "", 4,
                  "Why: not known. What the log shows fits nothing that this tool knows.");
        return;
    }
    if (!group->first.has_device)
        device = "the device";
    fprintf(out, "    %s%s%s\n", style(STYLE_HEAD),
            count == 1 ? "Likely cause:" : "Likely causes, the likeliest first:", style(STYLE_END));
    for (size_t i = 0; i < count; i++) {
        snprintf(head, sizeof(head), "%c) ", (int)('a' + i));
        paragraph(out, head, 7, explain_fill(causes[i]->cause, device, text, sizeof(text)));
        if (explain_evidence(log, causes[i], text, sizeof(text))[0] != '\0') {
            fputs(style(STYLE_FAINT), out);
            paragraph(out, "by: ", 11, text);
            fputs(style(STYLE_END), out);
        }
        paragraph(out, "-> ", 10, explain_next(log, group, causes[i], text, sizeof(text)));
    }
}

static void print_group(FILE *out, const struct log *log, const struct log_group *group,
                        size_t number)
{
    char device[24], text[800];

    explain_device(&group->first, device);
    describe(log, &group->first, text, sizeof(text));
    fprintf(out, "%s%zu. %s%s", style(STYLE_NAME), number, device, style(STYLE_END));
    if (text[0] != '\0') {
        fprintf(out, "  (");
        print_text(out, text, strlen(text));
        fputc(')', out);
    }
    if (group->count > 1 || group->suppressed > 0)
        fprintf(out, "  %s%" PRIu64 " time%s%s", style(STYLE_BAD), group->count,
                group->count == 1 ? "" : "s", style(STYLE_END));
    if (group->suppressed > 0)
        fprintf(out, ", and %" PRIu64 " more messages left out by the kernel", group->suppressed);
    fputc('\n', out);
    print_when(out, group);
    sentence(group, device, text, sizeof(text));
    paragraph(out, "", 4, text);
    details(log, group, text, sizeof(text));
    if (text[0] != '\0')
        paragraph(out, "", 4, text);
    print_causes(out, log, group, device);
    fputc('\n', out);
}

static void print_notice(FILE *out, const struct log_notice *notice)
{
    char device[16];

    fprintf(out, "%s* ", style(notice->text->bad ? STYLE_WARN : STYLE_NAME));
    print_text(out, notice->words, strlen(notice->words));
    fprintf(out, "%s\n    %sline %zu", style(STYLE_END), style(STYLE_FAINT), notice->line);
    if (notice->first.text[0] != '\0') {
        fprintf(out, ", ");
        print_text(out, notice->first.text, strlen(notice->first.text));
    }
    if (notice->count > 1)
        fprintf(out, ", %" PRIu64 " times", notice->count);
    if (notice->has_device)
        fprintf(out, ", device %s", pci_address(notice->segment, notice->rid, device));
    fprintf(out, "%s\n", style(STYLE_END));
    paragraph(out, "", 4, notice->text->meaning);
    paragraph(out, "-> ", 7, notice->text->next);
    fputc('\n', out);
}

/* What could not be read is shown: it may be the fault that matters. */
static void print_unread(FILE *out, const struct log *log)
{
    if (log->unread == 0)
        return;
    fprintf(out, "%s%" PRIu64 " line%s like a fault and cannot be read:%s\n", style(STYLE_WARN),
            log->unread, log->unread == 1 ? " looks" : "s look", style(STYLE_END));
    for (size_t i = 0; i < log->unread && i < UNREAD_KEPT; i++) {
        fprintf(out, "    line %zu: ", log->unread_lines[i].line);
        print_text(out, log->unread_lines[i].words, strlen(log->unread_lines[i].words));
        fputc('\n', out);
    }
    if (log->unread > UNREAD_KEPT)
        fprintf(out, "    ... and %" PRIu64 " more\n", log->unread - UNREAD_KEPT);
    fputc('\n', out);
}

bool explain_faults_missing(const struct log *log)
{
    return log->statuses > 0 && log->faults == 0 && log->unread == 0;
}

bool explain_findings(const struct log *log)
{
    bool bad = log->faults > 0 || log->unread > 0 || explain_faults_missing(log);

    for (size_t i = 0; i < log->notice_count; i++)
        bad |= log->notices[i].text->bad;
    return bad;
}

static uint64_t count_devices(const struct log *log)
{
    uint64_t count = 0;

    for (size_t i = 0; i < log->group_count; i++) {
        size_t before = 0;

        while (before < i &&
               (log->groups[before].first.fault.rid != log->groups[i].first.fault.rid ||
                log->groups[before].first.fault.segment != log->groups[i].first.fault.segment))
            before++;
        count += before == i;
    }
    return count;
}

/* How many of the faults are interrupts; what was only counted is taken for DMA. */
static uint64_t count_interrupts(const struct log *log)
{
    uint64_t count = 0;

    for (size_t i = 0; i < log->group_count; i++) {
        const struct log_fault *fault = &log->groups[i].first;

        if (fault->fault.access == UDMAR_FAULT_INTERRUPT)
            count += log->groups[i].count;
    }
    return count;
}

/* "3 DMA faults", "2 blocked interrupts", "1 DMA fault and 2 blocked interrupts". */
static void print_faults(FILE *out, const struct log *log)
{
    uint64_t interrupts = count_interrupts(log);
    uint64_t dma = log->faults - interrupts;

    if (dma != 0)
        fprintf(out, "%" PRIu64 " DMA fault%s", dma, dma == 1 ? "" : "s");
    if (dma != 0 && interrupts != 0)
        fprintf(out, " and ");
    if (interrupts != 0)
        fprintf(out, "%" PRIu64 " blocked interrupt%s", interrupts, interrupts == 1 ? "" : "s");
}

void explain_print(FILE *out, const struct log *log, const char *name)
{
    uint64_t devices = count_devices(log);

    print_text(out, name, strlen(name));
    fprintf(out, ": %zu line%s, ", log->lines, log->lines == 1 ? "" : "s");
    if (log->faults == 0) {
        fprintf(out, "%sno DMA faults%s", style(STYLE_GOOD), style(STYLE_END));
    } else {
        fprintf(out, "%s", style(STYLE_BAD));
        print_faults(out, log);
        fprintf(out, "%s of %" PRIu64 " device%s in %zu group%s", style(STYLE_END), devices,
                devices == 1 ? "" : "s", log->group_count, log->group_count == 1 ? "" : "s");
    }
    if (log->notice_count > 0)
        fprintf(out, ", %zu other DMAR message%s", log->notice_count,
                log->notice_count == 1 ? "" : "s");
    fprintf(out, "\n");
    if (log->suppressed > 0)
        fprintf(out, "The kernel left out %" PRIu64 " messages.\n", log->suppressed);
    if (log->overflows > 0)
        fprintf(out,
                "Units said %" PRIu64
                " time%s that they lost faults: there were more than these.\n",
                log->overflows, log->overflows == 1 ? "" : "s");
    if (explain_faults_missing(log))
        fprintf(out,
                "The kernel says %" PRIu64 " time%s that faults are pending, but the lines that "
                "describe them are missing.\n",
                log->statuses, log->statuses == 1 ? "" : "s");
    fputc('\n', out);
    print_unread(out, log);
    for (size_t i = 0; i < log->group_count && i < GROUPS_SHOWN; i++)
        print_group(out, log, &log->groups[i], i + 1);
    if (log->group_count > GROUPS_SHOWN)
        fprintf(out, "... and %zu more groups (--json shows all)\n\n",
                log->group_count - GROUPS_SHOWN);
    for (size_t i = 0; i < log->notice_count && i < GROUPS_SHOWN; i++)
        print_notice(out, &log->notices[i]);
    if (log->dropped > 0)
        fprintf(out, "%" PRIu64 " faults or messages beyond the limits were only counted.\n",
                log->dropped);
}
