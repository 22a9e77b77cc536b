/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Static ACPI tables.  Nothing read from the firmware is believed before its length and checksum
 * have been looked at; what does not pass is reported and left out.
 */
#include "internal.h"

struct rsdp {
    char signature[8];
    uint8_t checksum;
    char oem[6];
    uint8_t revision;
    uint32_t rsdt;
    uint32_t length; /* from here on only with revision 2 and later */
    uint64_t xsdt;
    uint8_t extended_checksum, reserved[3];
} __attribute__((packed));

struct table_header {
    char signature[4];
    uint32_t length;
    uint8_t revision, checksum;
    char oem[6], oem_table[8];
    uint32_t oem_revision, creator, creator_revision;
} __attribute__((packed));

enum { RSDP_V1_SIZE = 20, TABLES_MAX = 64, BIOS_AREA = 0xe0000, BIOS_AREA_END = 0x100000 };

#define TABLE_SIZE_MAX (16u << 20)

static const struct table_header *tables[TABLES_MAX];
static unsigned table_count;

static bool sum_is_zero(const void *data, size_t size)
{
    const uint8_t *bytes = data;
    uint8_t sum = 0;

    for (size_t i = 0; i < size; i++) {
        sum = (uint8_t)(sum + bytes[i]);
    }
    return sum == 0;
}

/* The signature may be anything, so only printable characters of it are shown. */
static void report(const char *signature, uint64_t phys, const char *what)
{
    char name[5] = "....";

    for (unsigned i = 0; i < 4; i++) {
        if (signature[i] > ' ' && signature[i] < 0x7f) {
            name[i] = signature[i];
        }
    }
    kprintf("acpi: table %s at %#llx %s, ignored\n", name, (unsigned long long)phys, what);
}

static const struct table_header *table_map(uint64_t phys)
{
    struct table_header header;
    const struct table_header *table;

    if (phys == 0 || !phys_read(&header, phys, sizeof(header))) {
        kprintf("acpi: table at %#llx cannot be read, ignored\n", (unsigned long long)phys);
        return NULL;
    }
    if (header.length < sizeof(header) || header.length > TABLE_SIZE_MAX) {
        report(header.signature, phys, "has an impossible length");
        return NULL;
    }
    table = phys_map_permanent(phys, header.length);
    if (table == NULL) {
        report(header.signature, phys, "cannot be mapped");
        return NULL;
    }
    if (!sum_is_zero(table, header.length)) {
        report(header.signature, phys, "has a wrong checksum");
        return NULL;
    }
    return table;
}

static bool rsdp_valid(const struct rsdp *rsdp)
{
    return memcmp(rsdp->signature, "RSD PTR ", sizeof(rsdp->signature)) == 0 &&
           sum_is_zero(rsdp, RSDP_V1_SIZE) &&
           (rsdp->revision < 2 || sum_is_zero(rsdp, sizeof(*rsdp)));
}

static bool rsdp_find(struct rsdp *rsdp)
{
    uint64_t given = bootinfo_rsdp();

    if (given != 0 && phys_read(rsdp, given, sizeof(*rsdp)) && rsdp_valid(rsdp)) {
        return true;
    }
    for (uint64_t at = BIOS_AREA; at <= BIOS_AREA_END - sizeof(*rsdp); at += 16) {
        if (phys_read(rsdp, at, sizeof(*rsdp)) && rsdp_valid(rsdp)) {
            return true;
        }
    }
    return false;
}

static void table_add(uint64_t phys)
{
    const struct table_header *table = table_map(phys);

    if (table == NULL) {
        return;
    }
    if (table_count == TABLES_MAX) {
        report(table->signature, phys, "is one too many");
        return;
    }
    tables[table_count++] = table;
}

static void root_read(const struct table_header *root, size_t width)
{
    const uint8_t *entry = (const uint8_t *)(root + 1);
    size_t count = (root->length - sizeof(*root)) / width;

    for (size_t i = 0; i < count; i++, entry += width) {
        uint64_t phys = 0;

        memcpy(&phys, entry, width);
        table_add(phys);
    }
}

void acpi_init(void)
{
    struct rsdp rsdp;
    const struct table_header *root = NULL;

    if (!rsdp_find(&rsdp)) {
        kprintf("acpi: no RSDP, going on without tables\n");
        return;
    }
    if (rsdp.revision >= 2 && rsdp.xsdt != 0) {
        root = table_map(rsdp.xsdt);
    }
    if (root != NULL && memcmp(root->signature, "XSDT", 4) == 0) {
        root_read(root, sizeof(uint64_t));
        return;
    }
    root = table_map(rsdp.rsdt);
    if (root == NULL || memcmp(root->signature, "RSDT", 4) != 0) {
        kprintf("acpi: no usable RSDT or XSDT, going on without tables\n");
        return;
    }
    root_read(root, sizeof(uint32_t));
}

const void *acpi_table_at(unsigned index, size_t *size)
{
    if (index >= table_count) {
        return NULL;
    }
    if (size != NULL) {
        *size = tables[index]->length;
    }
    return tables[index];
}

const void *acpi_table(const char signature[4], size_t *size)
{
    for (unsigned i = 0; i < table_count; i++) {
        if (memcmp(tables[i]->signature, signature, 4) == 0) {
            return acpi_table_at(i, size);
        }
    }
    return NULL;
}
