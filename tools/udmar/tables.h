/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DMAR tables out of files, whatever the file is.
 *
 * Understood: raw tables, one or several behind each other, alone or among other ACPI tables (as
 * acpixtract writes them, or `cat /sys/firmware/acpi/tables/...`), and dumps as text (hexdump.h).
 */
#ifndef UDMAR_TOOL_TABLES_H
#define UDMAR_TOOL_TABLES_H

#include "common.h"

#include <udmar/table.h>

/* This machine's table. Only root may read it. */
#define TABLE_DEFAULT "/sys/firmware/acpi/tables/DMAR"

/* One DMAR table found in a file. */
struct table_found {
    struct udmar_table table; /* opened; all zero where status says that it cannot be */
    enum udmar_status status; /* UDMAR_OK, or what udmar_table_open() says; CHECKSUM is usable */
    uint8_t *bytes;           /* owned here */
    size_t size;
    size_t offset; /* in the file: bytes, or the line number (from 1) for text */
    bool from_text;
};

struct table_set {
    struct table_found *tables;
    size_t count;
};

enum { TABLES_MAX = 4096 }; /* in one file */

/*
 * Finds the tables in a file's bytes. Returns false and a problem when there is none at all.
 */
bool tables_find(const uint8_t *bytes, size_t size, struct table_set *out_set,
                 struct problem *problem);

/*
 * file_read() and tables_find(), with a message() for what goes wrong; false then.
 */
bool tables_load(const char *path, struct table_set *out_set);

void tables_free(struct table_set *set);

/* Why a table found is not sound: "the length field says 100 bytes, 64 are there". */
const char *table_status_text(const struct table_found *found, char buffer[120]);

#endif
