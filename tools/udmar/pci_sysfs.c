/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The functions of this machine, from sysfs.
 */
#include "pci_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { CONFIG_SIZE = 256 };

/* Others than root get the first 64 bytes, which is enough for all but root ports. */
static void read_function(int folder, const char *name, struct pci_machine *machine)
{
    unsigned segment, bus, device, function;
    uint8_t config[CONFIG_SIZE];
    char path[300], behind;
    ssize_t size;
    int descriptor;

    if (sscanf(name, "%x:%x:%x.%x%c", &segment, &bus, &device, &function, &behind) != 4 ||
        segment > 0xffff || bus > 0xff || device > 31 || function > 7)
        return;
    snprintf(path, sizeof(path), "%s/config", name);
    descriptor = openat(folder, path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return;
    size = read(descriptor, config, sizeof(config));
    close(descriptor);
    if (size > 0)
        pci_read_config(pci_add(machine, (uint16_t)segment, UDMAR_RID(bus, device, function)),
                        config, (size_t)size);
}

bool pci_from_sysfs(const char *sysfs, struct pci_machine *out_machine)
{
    char path[4096];
    struct dirent *entry;
    DIR *folder;

    *out_machine = (struct pci_machine){ 0 };
    snprintf(path, sizeof(path), "%s/bus/pci/devices", sysfs);
    folder = opendir(path);
    if (folder == NULL)
        return false;
    while ((entry = readdir(folder)) != NULL)
        read_function(dirfd(folder), entry->d_name, out_machine);
    closedir(folder);
    pci_finish(out_machine);
    return out_machine->count > 0;
}
