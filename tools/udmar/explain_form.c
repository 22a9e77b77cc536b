/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How operating systems write a DMA fault down.
 *
 * Where each form was taken from stands with its test, in tests/tools/explain_forms.py.
 */
#include "explain_form.h"
#include "explain_scan.h"

#include <string.h>

/* How the direction is written. */
enum direction {
    BY_WORDS,   /* "read", "write" */
    BY_BIT,     /* the label's number: bit 0 set is a read */
    BY_LETTER,  /* the address has another label for a write */
    BY_RECORD,  /* bits of the record's upper half, behind the label */
    BY_NOTHING, /* it is not written */
};

struct form {
    enum log_source source;
    const char *marks[3]; /* all of them are in the line */
    const char *device;   /* its label; null: the first address in the text behind the first mark */
    enum scan_notation notation;
    const char *address, *index, *reason; /* labels; null: the form has none */
    bool decimal_reason;                  /* without 0x */
    bool page;                            /* the address is the number of a page */
    enum direction direction;
    const char *direction_label; /* BY_LETTER: the label of the address of a write */
};

/* The more particular ones first. */
static const struct form forms[] = {
    { LOG_FREEBSD,
      { "fault acc", "sid" },
      "sid",
      NOTATION_RID,
      "addr",
      NULL,
      "reason",
      false,
      false,
      BY_BIT,
      "fault acc" },
    { LOG_OPENBSD,
      { "dmar:", "error at", "fr:" },
      "dmar:",
      NOTATION_HEX,
      "error at",
      NULL,
      "fr:",
      true,
      false,
      BY_WORDS,
      NULL },
    { LOG_ILLUMOS,
      { "fault event when translating" },
      "for pci",
      NOTATION_DECIMAL,
      "on address",
      "on index",
      NULL,
      false,
      false,
      BY_WORDS,
      NULL },
    { LOG_ESXI,
      { "iommu fault detected" },
      NULL,
      NOTATION_HEX,
      "ioaddr",
      NULL,
      NULL,
      false,
      false,
      BY_NOTHING,
      NULL },
    { LOG_MACOS,
      { "vtd[", "fault:" },
      "device",
      NOTATION_DECIMAL,
      "r:",
      NULL,
      "reason",
      false,
      false,
      BY_LETTER,
      "w:" },
    { LOG_GENODE,
      { "fault: hi=", "source=" },
      "source=",
      NOTATION_RID,
      "info=",
      NULL,
      "reason=",
      false,
      true,
      BY_RECORD,
      "hi=" },
    { LOG_NOVA,
      { "frr:", "fr:", "bdf:" },
      "bdf:",
      NOTATION_HEX,
      "fi:",
      NULL,
      "fr:",
      false,
      false,
      BY_NOTHING,
      NULL },
    { LOG_NOVA,
      { "frr:", "fr:", "src:" },
      "src:",
      NOTATION_HEX,
      "fi:",
      NULL,
      "fr:",
      false,
      false,
      BY_NOTHING,
      NULL },
    { LOG_QEMU,
      { "detected translation failure" },
      "dev=",
      NOTATION_HEX,
      "iova=",
      NULL,
      NULL,
      false,
      false,
      BY_NOTHING,
      NULL },
    { LOG_XEN,
      { "iommu fault:", "addr", "reason" },
      NULL,
      NOTATION_HEX,
      "addr",
      NULL,
      "reason",
      false,
      false,
      BY_WORDS,
      NULL },
    { LOG_LINUX,
      { "request device" },
      "request device",
      NOTATION_HEX,
      "fault addr*",
      "fault index",
      "fault reason",
      true,
      false,
      BY_WORDS,
      NULL },
    { LOG_LINUX,
      { "fault addr*", "dma" },
      NULL,
      NOTATION_HEX,
      "fault addr*",
      NULL,
      "fault reason",
      true,
      false,
      BY_WORDS,
      NULL },
    /* A line whose beginning was cut off. */
    { LOG_LINUX,
      { "fault addr*", "fault reason" },
      NULL,
      NOTATION_HEX,
      "fault addr*",
      NULL,
      "fault reason",
      true,
      false,
      BY_WORDS,
      NULL },
    { LOG_LINUX,
      { "fault index", "intr" },
      NULL,
      NOTATION_HEX,
      NULL,
      "fault index",
      "fault reason",
      true,
      false,
      BY_WORDS,
      NULL },
    { LOG_LINUX,
      { "dmar:", "[dma" },
      NULL,
      NOTATION_HEX,
      "addr",
      NULL,
      "fault reason",
      true,
      false,
      BY_WORDS,
      NULL },
};

/* ---- reasons -------------------------------------------------------------------------------- */

/*
 * The words of drivers/iommu/intel/dmar.c (Linux) and drivers/passthrough/vtd/iommu.c (Xen), which
 * are the same, and of immu_intrmap.c (illumos). The longer one first where one begins another.
 */
static const struct {
    const char *words;
    uint8_t code;
} reason_words[] = {
    { "sm: present bit in root entry", 0x39 },
    { "sm: present bit in context entry", 0x41 },
    { "sm: present bit in directory entry", 0x51 },
    { "sm: present bit in pa", 0x59 },
    { "sm: non zero reserved field set in root", 0x3a },
    { "sm: non zero reserved field set in the context", 0x42 },
    { "sm: non zero reserved field set in pasid directory", 0x52 },
    { "sm: non zero reserved field set in pasid table", 0x5a },
    { "sm: present bit in first level", 0x71 },
    { "sm: present bit in second level", 0x79 },
    { "sm: invalid context entry", 0x43 },
    { "present bit in root entry is clear", 0x01 },
    { "present bit in context entry is clear", 0x02 },
    { "invalid context entry", 0x03 },
    { "access beyond mgaw", 0x04 },
    { "pte write access is not set", 0x05 },
    { "pte read access is not set", 0x06 },
    { "next page table ptr is invalid", 0x07 },
    { "root table address invalid", 0x08 },
    { "context table ptr is invalid", 0x09 },
    { "non zero reserved fields in rtp", 0x0a },
    { "non zero reserved fields in ctp", 0x0b },
    { "non zero reserved fields in pte", 0x0c },
    { "pce for translation request specifies blocking", 0x0d },
    { "detected reserved fields in the decoded interrupt", 0x20 },
    { "interrupt index exceeded the interrupt remapping table", 0x21 },
    { "present field in the irte entry is clear", 0x22 },
    { "error accessing interrupt remapping table", 0x23 },
    { "detected reserved fields in the irte", 0x24 },
    { "blocked a compatibility format interrupt", 0x25 },
    { "blocked an interrupt request due to source id", 0x26 },
    { "present field in root entry is clear", 0x01 },
    { "present field in context entry is clear", 0x02 },
    { "detected invalid programming of a context entry", 0x03 },
    { "attempted to access an address beyond max support", 0x04 },
    { "write field in a page table entry is clear", 0x05 },
    { "read field in a page table entry is clear", 0x06 },
    { "access the next level page table resulted in error", 0x07 },
    { "access the root entry table resulted in error", 0x08 },
    { "access the context entry table resulted in error", 0x09 },
    { "not initialized to zero in a present root entry", 0x0a },
    { "not initialized to zero in a present context entry", 0x0b },
    { "not initialized to zero in a present page table entry", 0x0c },
};

int form_reason_of_words(const char *low)
{
    for (size_t i = 0; i < sizeof(reason_words) / sizeof(reason_words[0]); i++) {
        if (scan_has(low, reason_words[i].words))
            return reason_words[i].code;
    }
    return -1;
}

/*
 * Linux printed the code in decimal, with two digits, until it began to write 0x; 38 is 0x26. Xen
 * ("reason 26 - text", "fault reason 26h]") always means hexadecimal. Words cannot be taken for
 * something else, so they win.
 */
int form_reason(const char *low, const char *label, bool decimal)
{
    const char *at = scan_label(low, label), *end;
    int by_words = form_reason_of_words(low);
    struct scan_value value;
    uint64_t number;

    if (by_words >= 0 || at == NULL)
        return by_words;
    end = scan_value(at, &value);
    if (end == NULL || !value.known)
        return -1;
    number = value.number;
    if (decimal && !value.marked && *end != 'h') {
        at += strspn(at, " :=");
        if (scan_decimal(at, &number) == NULL)
            return -1;
    }
    return number <= 0xff ? (int)number : -1;
}

/* ---- fields --------------------------------------------------------------------------------- */

/* Where the reason begins: its words name the direction of the permission, too. */
static size_t before_reason(const char *low)
{
    const char *at = scan_label(low, "reason");

    return at != NULL ? (size_t)(at - low) : strlen(low);
}

static bool direction_of_words(const char *low, struct log_fault *fault)
{
    static const struct {
        const char *words;
        enum udmar_fault_access access;
    } verbs[] = {
        { "dma read", UDMAR_FAULT_READ },     { "dma write", UDMAR_FAULT_WRITE },
        { "dma atomic", UDMAR_FAULT_ATOMIC }, { "read", UDMAR_FAULT_READ },
        { "write", UDMAR_FAULT_WRITE },
    };
    char front[LINE_SIZE];
    size_t length = before_reason(low);

    snprintf(front, sizeof(front), "%.*s", (int)(length < sizeof(front) ? length : 0), low);
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (!scan_has(front, verbs[i].words))
            continue;
        fault->fault.access = (uint8_t)verbs[i].access;
        return true;
    }
    return false;
}

static bool read_direction(const struct form *form, const char *low, struct log_fault *fault)
{
    const char *at = form->direction_label != NULL ? scan_label(low, form->direction_label) : NULL;
    struct udmar_fault decoded;
    uint64_t raw[2] = { 0 };

    switch (form->direction) {
    case BY_WORDS:
        return direction_of_words(low, fault);
    case BY_BIT:
        if (at == NULL || scan_hex(at + strspn(at, " "), &raw[0]) == NULL)
            return false;
        fault->fault.access = raw[0] & 1 ? UDMAR_FAULT_READ : UDMAR_FAULT_WRITE;
        return true;
    case BY_LETTER:
        fault->fault.access = at != NULL ? UDMAR_FAULT_WRITE : UDMAR_FAULT_READ;
        return at != NULL || scan_has(low, form->address);
    case BY_RECORD:
        if (at == NULL || scan_hex(at, &raw[1]) == NULL)
            return false;
        udmar_fault_decode(raw, &decoded);
        fault->fault.access = decoded.access;
        return true;
    default:
        return false;
    }
}

static bool read_device(const struct form *form, const char *low, struct log_fault *fault)
{
    const char *at;
    bool known = false;

    if (form->device == NULL) {
        at = scan_label(low, form->marks[0]);
        fault->has_device = scan_any_device(form->source == LOG_LINUX || at == NULL ? low : at,
                                            &fault->fault.segment, &fault->fault.rid) != NULL;
        return fault->has_device;
    }
    at = scan_label(low, form->device);
    if (at == NULL ||
        scan_place(at, form->notation, &fault->fault.segment, &fault->fault.rid, &known) == NULL)
        return false;
    fault->has_device = known;
    if (!known)
        fault->fault.rid = 0;
    return true;
}

/*
 * The address or the index. Digits right behind it are the rest of it, in a line that was joined at
 * the wrong place: that reading is refused, for join_line() to try the other.
 */
static bool read_number(const char *low, const char *label, struct log_fault *fault)
{
    const char *at = label != NULL ? scan_label(low, label) : NULL;
    struct scan_value value, rest;

    if (at == NULL || (at = scan_value(at, &value)) == NULL)
        return false;
    if (*at == ' ' && scan_value(at, &rest) != NULL && !rest.marked)
        return false;
    fault->has_address = value.known;
    fault->fault.address = value.number;
    if (!value.known)
        memcpy(fault->masked, value.words, sizeof(fault->masked));
    return true;
}

/* "PASID 0x5", "PASID 5", "PASID ffffffff" (none), "NO_PASID": all hexadecimal. */
static void read_pasid(const char *low, struct udmar_fault *fault)
{
    const char *at = scan_label(low, "pasid");
    struct scan_value value;

    if (scan_has(low, "no pasid") || at == NULL || scan_value(at, &value) == NULL || !value.known ||
        value.number > 0xfffff)
        return;
    fault->has_pasid = true;
    fault->pasid = (uint32_t)value.number;
}

/* FreeBSD: the driver's name stands between the unit and "pci"; "dmar0: ahci0: pci0:31:2 sid". */
static void read_label(const char *low, struct log_fault *fault)
{
    const char *name = scan_label(low, "dmar"), *pci;
    uint64_t unit;

    if (name == NULL)
        return;
    if (scan_decimal(name, &unit) != NULL && unit < 1000)
        fault->unit = (int)unit;
    name = strchr(name, ':');
    pci = name != NULL ? strstr(name, ": pci") : NULL;
    if (pci != NULL && pci - name > 2 && pci - name < (long)sizeof(fault->label))
        snprintf(fault->label, sizeof(fault->label), "%.*s", (int)(pci - name - 2), name + 2);
}

/* macOS writes bus, device and function in decimal: the words stay beside the address. */
static void keep_words(const struct form *form, const char *low, struct log_fault *fault)
{
    const char *at = scan_label(low, form->device);

    if (at == NULL)
        return;
    at += strspn(at, " ");
    snprintf(fault->label, sizeof(fault->label), "%.*s", (int)strcspn(at, " "), at);
}

/* ---- a whole fault -------------------------------------------------------------------------- */

/* What one field says of another: a reason of its direction, an index of an interrupt. */
static void conclude(struct log_fault *fault, bool has_index)
{
    bool interrupt = fault->reason >= 0x20 && fault->reason <= 0x2f;

    if (has_index || interrupt) {
        fault->fault.access = UDMAR_FAULT_INTERRUPT;
        fault->direction_known = true;
        /* A raw record holds the index in its upper bits. */
        if (!has_index)
            fault->fault.address >>= 48;
        return;
    }
    if (!fault->direction_known && (fault->reason == 0x05 || fault->reason == 0x06)) {
        fault->fault.access = fault->reason == 0x06 ? UDMAR_FAULT_READ : UDMAR_FAULT_WRITE;
        fault->direction_known = true;
    }
    fault->fault.address &= ~UDMAR_PAGE_MASK;
}

static bool has_marks(const struct form *form, const char *low)
{
    for (size_t i = 0; i < 3 && form->marks[i] != NULL; i++) {
        if (!scan_has(low, form->marks[i]))
            return false;
    }
    return true;
}

static bool ends_in_number(const char *low)
{
    size_t length = strlen(low);

    while (length > 0 && low[length - 1] != ' ' && low[length - 1] != ':')
        length--;
    return strcspn(low + length, "0123456789") < strlen(low + length) &&
           strpbrk(low + length, "])") == NULL;
}

static void read_fields(const struct form *form, const char *low, struct form_match *match)
{
    struct log_fault *fault = &match->fault;
    bool has_device = read_device(form, low, fault);
    bool has_index = read_number(low, form->index, fault);
    bool has_address =
        has_index || read_number(low, form->address, fault) ||
        (form->direction == BY_LETTER && read_number(low, form->direction_label, fault));

    fault->reason = form->reason != NULL ? form_reason(low, form->reason, form->decimal_reason)
                                         : form_reason_of_words(low);
    fault->direction_known = read_direction(form, low, fault);
    if (form->page)
        fault->fault.address <<= 12;
    read_pasid(low, &fault->fault);
    match->fields = 1u + has_device + 2u * has_address + fault->direction_known +
                    2u * (fault->reason >= 0) + (form_reason_of_words(low) >= 0);
    /* Figures at the very end may go on in the next line. */
    match->complete = has_device && has_address && !ends_in_number(low) &&
                      (fault->reason > 0 || (form->reason == NULL && form->source != LOG_ILLUMOS));
    conclude(fault, has_index);
    if (form->source == LOG_FREEBSD)
        read_label(low, fault);
    if (form->source == LOG_MACOS)
        keep_words(form, low, fault);
}

/*
 * A system that this tool does not know, in whatever words: one for the unit, one for the fault, a
 * device, an address and a direction.
 */
static bool read_any(const char *low, struct form_match *match)
{
    static const char *const units[] = { "iommu", "dmar", "vt d", "vtd", "dma remap*" };
    static const char *const faults[] = { "fault*",   "refused",   "blocked",    "denied",
                                          "rejected", "violation", "not mapped", "unmapped" };
    static const char *const labels[] = { "addr*", "iova", "gpa", "at", "to", "from" };
    struct log_fault *fault = &match->fault;
    bool unit = false, word = false, address = false;

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        unit |= scan_has(low, units[i]);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        word |= scan_has(low, faults[i]);
    if (!unit || !word || scan_any_device(low, &fault->fault.segment, &fault->fault.rid) == NULL ||
        !direction_of_words(low, fault))
        return false;
    for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]) && !address; i++)
        address = read_number(low, labels[i], fault);
    if (!address)
        return false;
    fault->source = LOG_OTHER;
    fault->has_device = fault->direction_known = true;
    fault->reason = form_reason(low, "reason", false);
    match->fields = 8;
    match->complete = true;
    conclude(fault, false);
    return true;
}

/* Most lines of a log have none of these words, and are done with at once. */
static bool may_be_fault(const char *low)
{
    static const char *const words[] = { "fault", "dma", "frr:", "iommu", "vt-d", "vtd" };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strstr(low, words[i]) != NULL)
            return true;
    }
    return false;
}

bool form_read(const char *low, bool xen, struct form_match *out_match)
{
    *out_match = (struct form_match){ .fault = { .unit = -1, .reason = -1 } };
    if (!may_be_fault(low))
        return false;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (!has_marks(&forms[i], low))
            continue;
        out_match->fault.source = forms[i].source;
        if (forms[i].source == LOG_LINUX && (xen || strstr(low, "[vt-d]") != NULL))
            out_match->fault.source = LOG_XEN;
        read_fields(&forms[i], low, out_match);
        if (out_match->fault.source == LOG_LINUX && strncmp(low, "intr-remap", 10) == 0)
            out_match->fault.old_form = true;
        return true;
    }
    return read_any(low, out_match);
}
