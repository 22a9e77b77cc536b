/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The DMAR table, from where firmware gets it: QEMU's fw_cfg device has the ACPI tables in a file.
 * Its DMA interface puts the file into guest memory (big-endian fields, one command at a time).
 */
#include <string.h>

#include "qemu.h"

enum { DMA_PORT_HIGH = 0x514, DMA_PORT_LOW = 0x518 };
enum { KEY_DIRECTORY = 0x19 };
enum { COMMAND_ERROR = 1, COMMAND_READ = 2, COMMAND_SELECT = 8 };

#define COMMAND_AT LOW
#define DATA_AT    (LOW + PAGE)
#define DATA_SIZE  MIB(4)

static uint32_t swap32(uint32_t value)
{
    return __builtin_bswap32(value);
}

static void read_file(struct qemu *e, unsigned key, size_t length)
{
    uint32_t command[4] = { swap32((uint32_t)key << 16 | COMMAND_SELECT | COMMAND_READ),
                            swap32((uint32_t)length), swap32((uint32_t)(DATA_AT >> 32)),
                            swap32((uint32_t)DATA_AT) };
    volatile uint32_t *at = (volatile uint32_t *)(void *)qtest_memory(e->q, COMMAND_AT);

    memcpy((void *)(uintptr_t)at, command, sizeof(command));
    qtest_out32(e->q, DMA_PORT_HIGH, swap32((uint32_t)(COMMAND_AT >> 32)));
    qtest_out32(e->q, DMA_PORT_LOW, swap32((uint32_t)COMMAND_AT));
    for (unsigned i = 0; at[0] != 0; i++) {
        if ((swap32(at[0]) & COMMAND_ERROR) != 0 || i > 1000)
            qemu_wrong("fw_cfg refuses to read file %#x", key);
        (void)qtest_in32(e->q, 0xcfc); /* lets time go on */
    }
}

/* Directory: a count, then entries of 64 bytes: size, key, 16 bits nothing, name. */
static size_t find_file(struct qemu *e, const char *name, unsigned *out_key)
{
    const uint8_t *directory = qtest_memory(e->q, DATA_AT);
    uint32_t count, size;

    read_file(e, KEY_DIRECTORY, 4 + 64 * 64);
    memcpy(&count, directory, sizeof(count));
    for (uint32_t i = 0; i < swap32(count) && i < 64; i++) {
        const uint8_t *entry = directory + 4 + 64 * i;

        if (strncmp((const char *)entry + 8, name, 56) == 0) {
            memcpy(&size, entry, sizeof(size));
            *out_key = (unsigned)entry[4] << 8 | entry[5];
            return swap32(size);
        }
    }
    qemu_wrong("fw_cfg has no file %s", name);
}

size_t firmware_dmar(struct qemu *e, void *buffer, size_t size)
{
    uint8_t *tables = qtest_memory(e->q, DATA_AT);
    uint8_t *bytes = buffer;
    unsigned key = 0;
    size_t length = find_file(e, "etc/acpi/tables", &key);

    if (length > DATA_SIZE)
        qemu_wrong("QEMU has %zu bytes of ACPI tables", length);
    read_file(e, key, length);
    for (size_t at = 0; at + 48 <= length; at++) {
        uint32_t table_length;
        uint8_t sum = 0;

        memcpy(&table_length, tables + at + 4, sizeof(table_length));
        if (memcmp(tables + at, "DMAR", 4) != 0 || memcmp(tables + at + 10, "BOCHS ", 6) != 0)
            continue;
        if (table_length < 48 || table_length > length - at || table_length > size)
            qemu_wrong("QEMU's DMAR table has %u bytes", table_length);
        memcpy(bytes, tables + at, table_length);
        memset(tables, 0, length);
        /* Firmware's loader would put the checksum in. */
        bytes[9] = 0;
        for (uint32_t i = 0; i < table_length; i++)
            sum = (uint8_t)(sum + bytes[i]);
        bytes[9] = (uint8_t)-sum;
        return table_length;
    }
    qemu_wrong("QEMU has no DMAR table");
}
