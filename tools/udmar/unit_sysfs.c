/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The units of this machine, as Linux shows them in /sys/class/iommu.
 */
#include "unit_report.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

enum { ATTRIBUTE_LIMIT = 4096 };

/* Reads a one-line file into a string without the newline; false after a message(). */
static bool read_attribute(const char *folder, const char *unit, const char *name, char *buffer,
                           size_t size)
{
    char path[4096];
    struct file file;

    snprintf(path, sizeof(path), "%s/%s/intel-iommu/%s", folder, unit, name);
    if (!file_read(path, ATTRIBUTE_LIMIT, &file))
        return false;
    snprintf(buffer, size, "%.*s", (int)strcspn((const char *)file.bytes, "\n"),
             (const char *)file.bytes);
    file_free(&file);
    return true;
}

static bool read_hex(const char *folder, const char *unit, const char *name, uint64_t *out_value)
{
    char text[64];

    if (!read_attribute(folder, unit, name, text, sizeof(text)))
        return false;
    if (!parse_hex(text, out_value)) {
        message("%s/%s/intel-iommu/%s: %s is no hexadecimal number", folder, unit, name, text);
        return false;
    }
    return true;
}

/* "1:0": major, minor. */
static bool read_version(const char *folder, const char *name, uint32_t *out_version)
{
    unsigned major, minor;
    char text[64];

    if (!read_attribute(folder, name, "version", text, sizeof(text)))
        return false;
    if (sscanf(text, "%u:%u", &major, &minor) != 2 || major > 15 || minor > 15) {
        message("%s/%s/intel-iommu/version: %s is no version", folder, name, text);
        return false;
    }
    *out_version = major << 4 | minor;
    return true;
}

static bool read_unit(const char *folder, const char *name, struct unit_set *set)
{
    struct unit_registers *unit = unit_add(set, name);

    unit->has_version = unit->has_cap = unit->has_ecap = unit->has_address = true;
    return read_version(folder, name, &unit->version) &&
           read_hex(folder, name, "cap", &unit->cap) &&
           read_hex(folder, name, "ecap", &unit->ecap) &&
           read_hex(folder, name, "address", &unit->address);
}

static int is_unit(const struct dirent *entry)
{
    return strncmp(entry->d_name, "dmar", 4) == 0;
}

bool unit_from_sysfs(const char *sysfs, struct unit_set *out_set)
{
    struct dirent **entries;
    char folder[4096];
    bool sound = true;
    int count;

    *out_set = (struct unit_set){ 0 };
    snprintf(folder, sizeof(folder), "%s/class/iommu", sysfs);
    /* By number: dmar10 comes after dmar2. */
    count = scandir(folder, &entries, is_unit, versionsort);
    if (count < 0)
        count = 0;
    for (int i = 0; i < count; i++) {
        sound = sound && i < UNITS_MAX && read_unit(folder, entries[i]->d_name, out_set);
        free(entries[i]);
    }
    if (count > 0)
        free(entries);
    if (count == 0) {
        message("Linux shows no remapping unit here (%s/dmar*): no VT-d, or not switched on "
                "(in the firmware's setup; intel_iommu=on)",
                folder);
        sound = false;
    }
    if (!sound)
        unit_free(out_set);
    return sound;
}
