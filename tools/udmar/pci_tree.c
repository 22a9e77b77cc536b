/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines of `lspci -t`:
 *
 *   -+-[0000:40]---00.0
 *    \-[0000:00]-+-00.0
 *                +-01.0-[01]----00.0
 *                \-1c.0-[02-04]--+-00.0
 *                                \-01.0-[03]--
 *
 * A '+' inside a line opens a branch in its column, for the bus that the line has come to; a line
 * that begins with '+' or '\' goes on with the branch of that column.
 */
#include "pci_internal.h"

#include <stdlib.h>
#include <string.h>

/* Where a line has come to. */
struct cursor {
    const char *line;
    size_t length, at;
    uint16_t segment;
    uint8_t bus;
    bool placed; /* segment and bus are known */
    bool skip;
    bool behind_function; /* a bracket here belongs to the function added last */
};

static size_t indent(const char *line, size_t length)
{
    size_t at = 0;

    while (at < length && (line[at] == ' ' || line[at] == '|'))
        at++;
    return at;
}

bool pci_tree_is_line(const char *line, size_t length)
{
    size_t at = indent(line, length);

    if (at + 1 >= length)
        return false;
    if (at == 0)
        return line[0] == '-' && (line[1] == '[' || line[1] == '+');
    return (line[at] == '+' || line[at] == '\\') && line[at + 1] == '-';
}

/* Reads hex digits; false when there are none, or more than @most. */
static bool hex(struct cursor *cursor, unsigned most, uint32_t *out_value)
{
    unsigned count = 0;

    *out_value = 0;
    while (cursor->at < cursor->length && pci_digit(cursor->line[cursor->at]) >= 0) {
        if (++count > most)
            return false;
        *out_value = *out_value << 4 | (uint32_t)pci_digit(cursor->line[cursor->at++]);
    }
    return count > 0;
}

static bool is_at(const struct cursor *cursor, char c)
{
    return cursor->at < cursor->length && cursor->line[cursor->at] == c;
}

/* "[0000:00]", "[01]", "[02-04]". */
static bool take_buses(struct cursor *cursor, struct pci_machine *machine)
{
    uint32_t segment = cursor->segment, first, last;
    bool has_segment;

    cursor->at++;
    if (!hex(cursor, 8, &first))
        return false;
    has_segment = is_at(cursor, ':');
    if (has_segment) {
        cursor->at++;
        segment = first;
        if (!hex(cursor, 2, &first))
            return false;
    }
    last = first;
    if (is_at(cursor, '-')) {
        cursor->at++;
        if (!hex(cursor, 2, &last))
            return false;
    }
    if (!is_at(cursor, ']') || first > 0xff || (!has_segment && !cursor->behind_function))
        return false;
    cursor->at++;
    if (!has_segment && !cursor->skip) {
        struct pci_function *bridge = &machine->functions[machine->count - 1];

        bridge->bridge = true;
        bridge->secondary = (uint8_t)first;
        bridge->subordinate = (uint8_t)last;
    }
    cursor->skip = segment > 0xffff;
    cursor->segment = (uint16_t)segment;
    cursor->bus = (uint8_t)first;
    cursor->placed = true;
    cursor->behind_function = false;
    return true;
}

/* "1c.0", and with -v two blanks and a name, which ends the line. */
static bool take_function(struct cursor *cursor, struct pci_machine *machine)
{
    uint32_t device, number;
    struct pci_function *function;

    if (!cursor->placed || !hex(cursor, 2, &device) || !is_at(cursor, '.'))
        return false;
    cursor->at++;
    if (!hex(cursor, 1, &number) || device > 31 || number > 7)
        return false;
    cursor->behind_function = true;
    if (cursor->skip)
        return true;
    function = pci_add(machine, cursor->segment, UDMAR_RID(cursor->bus, device, number));
    if (cursor->length - cursor->at > 2 && cursor->line[cursor->at] == ' ') {
        function->name = strndup(cursor->line + cursor->at + 2, cursor->length - cursor->at - 2);
        cursor->at = cursor->length;
    }
    return true;
}

/* A line that goes on with a branch drops those that hang further right. */
static bool resume(struct pci_tree *tree, struct cursor *cursor)
{
    const struct pci_branch *branch;

    while (tree->count > 0 && tree->branches[tree->count - 1].column > cursor->at)
        tree->count--;
    if (tree->count == 0 || tree->branches[tree->count - 1].column != cursor->at)
        return false;
    branch = &tree->branches[tree->count - 1];
    cursor->segment = branch->segment;
    cursor->bus = branch->bus;
    cursor->skip = branch->skip;
    /* Branches of the outermost level lead to host bridges, which say where they are. */
    cursor->placed = cursor->at > 1;
    return true;
}

static void open_branch(struct pci_tree *tree, const struct cursor *cursor)
{
    tree->branches = reallocate(tree->branches, tree->count + 1, sizeof(*tree->branches));
    tree->branches[tree->count++] = (struct pci_branch){
        .column = (unsigned)cursor->at,
        .segment = cursor->segment,
        .bus = cursor->bus,
        .skip = cursor->skip,
    };
}

void pci_tree_line(struct pci_tree *tree, const char *line, size_t length,
                   struct pci_machine *machine)
{
    struct cursor cursor = { .line = line, .length = length };
    bool sound = true;

    cursor.at = indent(line, length);
    if (cursor.at == 0)
        tree->count = 0;
    else if (!resume(tree, &cursor))
        return;
    else
        cursor.at++;
    while (sound && cursor.at < length) {
        if (line[cursor.at] == '-') {
            cursor.at++;
        } else if (line[cursor.at] == '+') {
            open_branch(tree, &cursor);
            cursor.at++;
        } else if (line[cursor.at] == '[') {
            sound = take_buses(&cursor, machine);
        } else {
            sound = take_function(&cursor, machine);
        }
    }
}

void pci_tree_free(struct pci_tree *tree)
{
    free(tree->branches);
    *tree = (struct pci_tree){ 0 };
}
