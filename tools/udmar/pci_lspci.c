/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The output of lspci: a line for each function, then hex dumps of its configuration space (-x to
 * -xxxx) or words about it (-v). Lines of a tree (-t) may come before or after.
 */
#include "pci_internal.h"

#include <stdlib.h>
#include <string.h>

/* 256 bytes of each function are looked at; -xxxx prints 4096. */
enum { CONFIG_SIZE = 256 };

struct lspci_reader {
    struct pci_machine *machine;
    bool open;   /* lines of a function are being read: the last one in machine */
    size_t size; /* of config so far */
    uint8_t config[CONFIG_SIZE];
    struct pci_tree tree;
};

int pci_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads from @least to @most digits. Returns how many there are, 0 if not enough. */
static unsigned hex_field(const char *text, size_t length, unsigned least, unsigned most,
                          uint32_t *out_value)
{
    unsigned count = 0;

    *out_value = 0;
    while (count < length && count < most && pci_digit(text[count]) >= 0)
        *out_value = *out_value << 4 | (uint32_t)pci_digit(text[count++]);
    return count >= least ? count : 0;
}

/* "00:1f.2 " or "0000:00:1f.2 ". Returns its length with the blank, 0 for something else. */
static size_t address_field(const char *line, size_t length, uint32_t *out_segment,
                            udmar_rid_t *out_rid)
{
    uint32_t part[4] = { 0 }; /* segment, bus, device, function */
    size_t at = hex_field(line, length, 4, 8, &part[0]);
    unsigned count;

    if (at > 0 && (at >= length || line[at++] != ':'))
        return 0;
    /* Without a segment the first digits are the bus. */
    if (at == 0)
        part[0] = 0;
    for (unsigned i = 1; i < 4; i++) {
        count = hex_field(line + at, length - at, i == 3 ? 1 : 2, i == 3 ? 1 : 2, &part[i]);
        at += count;
        if (count == 0 || at >= length || line[at++] != ":. "[i - 1])
            return 0;
    }
    if (part[2] > 31 || part[3] > 7)
        return 0;
    *out_segment = part[0];
    *out_rid = UDMAR_RID(part[1], part[2], part[3]);
    return at;
}

/* Cuts " (rev 05)" and " (prog-if 30 [XHCI])" off. */
static size_t without_notes(const char *text, size_t length)
{
    const char *note;

    note = memmem(text, length, " (prog-if", 9);
    if (note == NULL)
        note = memmem(text, length, " (rev ", 6);
    return note != NULL ? (size_t)(note - text) : length;
}

/* "[8086:10d3]" at the end of a line of -nn. */
static void take_bracketed_ids(struct pci_function *function, const char *text, size_t length)
{
    uint32_t vendor, device;

    if (length < 11 || text[length - 1] != ']' || text[length - 11] != '[')
        return;
    text += length - 10;
    if (hex_field(text, 4, 4, 4, &vendor) == 4 && text[4] == ':' &&
        hex_field(text + 5, 4, 4, 4, &device) == 4) {
        function->has_ids = true;
        function->vendor = (uint16_t)vendor;
        function->device = (uint16_t)device;
    }
}

/* "0200: 8086:10d3" of -n. Returns false for words. */
static bool take_numeric_ids(struct pci_function *function, const char *text, size_t length)
{
    uint32_t class_code, vendor, device;

    if (length < 15 || hex_field(text, 4, 4, 4, &class_code) != 4 || text[4] != ':' ||
        text[5] != ' ' || hex_field(text + 6, 4, 4, 4, &vendor) != 4 || text[10] != ':' ||
        hex_field(text + 11, 4, 4, 4, &device) != 4)
        return false;
    function->class_code = class_code << 8;
    function->has_ids = true;
    function->vendor = (uint16_t)vendor;
    function->device = (uint16_t)device;
    return true;
}

static void begin_function(struct lspci_reader *reader, uint32_t segment, udmar_rid_t rid,
                           const char *text, size_t length)
{
    struct pci_function *function;

    reader->size = 0;
    /* Functions behind VMD have segments above 0xffff, which no DMAR table can name. */
    reader->open = segment <= 0xffff;
    if (!reader->open)
        return;
    function = pci_add(reader->machine, (uint16_t)segment, rid);
    length = without_notes(text, length);
    if (take_numeric_ids(function, text, length))
        return;
    take_bracketed_ids(function, text, length);
    if (length > 0)
        function->name = strndup(text, length);
}

static void end_function(struct lspci_reader *reader)
{
    if (reader->open && reader->size > 0)
        pci_read_config(&reader->machine->functions[reader->machine->count - 1], reader->config,
                        reader->size);
    reader->open = false;
    reader->size = 0;
}

/* "10: 00 00 ..."; lines that do not follow on are none of ours. */
static void take_hex_line(struct lspci_reader *reader, const char *line, size_t length)
{
    uint32_t offset, value;
    size_t at = hex_field(line, length, 2, 3, &offset);

    if (at == 0 || at >= length || line[at] != ':' || offset != reader->size)
        return;
    at++;
    while (length - at >= 3 && line[at] == ' ' && reader->size < CONFIG_SIZE &&
           hex_field(line + at + 1, 2, 2, 2, &value) == 2) {
        reader->config[reader->size++] = (uint8_t)value;
        at += 3;
    }
}

/* Decimal or hexadecimal: lspci prints bus numbers as two hex digits. */
static bool number_after(const char *line, size_t length, const char *word, uint8_t *out_value)
{
    const char *at = memmem(line, length, word, strlen(word));
    uint32_t value;

    if (at == NULL)
        return false;
    at += strlen(word);
    if (hex_field(at, length - (size_t)(at - line), 2, 2, &value) != 2)
        return false;
    *out_value = (uint8_t)value;
    return true;
}

/* "\tBus: primary=00, secondary=01, subordinate=02, sec-latency=0" of -v. */
static void take_words(struct lspci_reader *reader, const char *line, size_t length)
{
    struct pci_function *function = &reader->machine->functions[reader->machine->count - 1];

    /* An empty file may have no bytes at all, not even an address. */
    if (line == NULL)
        return;
    if (memmem(line, length, "Bus: primary=", 13) != NULL &&
        number_after(line, length, "secondary=", &function->secondary) &&
        number_after(line, length, "subordinate=", &function->subordinate))
        function->bridge = true;
    if (memmem(line, length, "Express", 7) != NULL && memmem(line, length, "Root Port", 9) != NULL)
        function->root_port = true;
}

static void take_line(struct lspci_reader *reader, const char *line, size_t length)
{
    uint32_t segment;
    udmar_rid_t rid;
    size_t at;

    if (length > 0 && line[length - 1] == '\r')
        length--;
    at = address_field(line, length, &segment, &rid);
    if (at > 0) {
        end_function(reader);
        begin_function(reader, segment, rid, line + at, length - at);
    } else if (pci_tree_is_line(line, length)) {
        end_function(reader);
        pci_tree_line(&reader->tree, line, length, reader->machine);
    } else if (reader->open && length > 0 && (line[0] == '\t' || line[0] == ' ')) {
        take_words(reader, line, length);
    } else if (reader->open) {
        take_hex_line(reader, line, length);
    }
}

bool pci_from_lspci(const uint8_t *bytes, size_t size, struct pci_machine *out_machine,
                    struct problem *problem)
{
    struct lspci_reader reader = { .machine = out_machine };
    const char *at = (const char *)bytes, *end = at + size;

    *out_machine = (struct pci_machine){ 0 };
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline != NULL ? newline : end;

        take_line(&reader, at, (size_t)(stop - at));
        at = stop + 1;
    }
    end_function(&reader);
    pci_tree_free(&reader.tree);
    pci_finish(out_machine);
    if (out_machine->count == 0)
        return problem_set(problem, 0, "no PCI function in it: give it lspci's output (-xxxx, -t)");
    return true;
}

bool pci_load_lspci(const char *path, struct pci_machine *out_machine)
{
    struct problem problem;
    struct file file;
    bool sound;

    *out_machine = (struct pci_machine){ 0 };
    if (!file_read(path, FILE_LIMIT, &file))
        return false;
    sound = pci_from_lspci(file.bytes, file.size, out_machine, &problem);
    if (!sound)
        message("%s: %s", file.name, problem.text);
    file_free(&file);
    return sound;
}
