/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of functions: lspci's own words, the PCI id database where libpci is built in, numbers.
 */
#include "pci.h"

#include <stdlib.h>
#include <string.h>

/* What a device is for, by base class and subclass: enough to know whom a line is about. */
static const char *class_words(uint32_t class_code)
{
    switch (class_code >> 8) {
    case 0x0100:
        return "SCSI storage";
    case 0x0101:
        return "IDE storage";
    case 0x0104:
        return "RAID storage";
    case 0x0106:
        return "SATA storage";
    case 0x0107:
        return "SAS storage";
    case 0x0108:
        return "NVMe storage";
    case 0x0200:
        return "Ethernet";
    case 0x0280:
        return "network";
    case 0x0300:
        return "VGA display";
    case 0x0302:
        return "3D display";
    case 0x0380:
        return "display";
    case 0x0401:
    case 0x0403:
        return "audio";
    case 0x0600:
        return "host bridge";
    case 0x0601:
        return "ISA bridge";
    case 0x0604:
        return "PCI bridge";
    case 0x0780:
        return "communication";
    case 0x0c03:
        return "USB controller";
    case 0x0c05:
        return "SMBus";
    case 0x0c80:
        return "serial bus";
    default:
        return NULL;
    }
}

#ifdef HAVE_LIBPCI
#include <pci/pci.h>

/*
 * pci_init(), which would set these, also looks for a way to this machine's devices and ends the
 * program where there is none. Only names are wanted.
 */
static void be_quiet(char *format, ...)
{
    (void)format;
}

static void __attribute__((noreturn)) fail(char *format, ...)
{
    message("libpci fails: %s", format);
    exit(STATUS_INPUT);
}

static struct pci_access *open_database(void)
{
    struct pci_access *access = pci_alloc();

    if (access != NULL) {
        access->error = fail;
        access->warning = be_quiet;
        access->debug = be_quiet;
        /* udev's copy of the database is slower, and libpci leaks what it opens for it. */
        pci_set_param(access, "hwdb.disable", "1");
    }
    return access;
}

/* The database is loaded at the first question and kept until the program ends. */
static const char *database_name(const struct pci_function *function, char *buffer, size_t size)
{
    static struct pci_access *access;
    char class_name[80], device_name[160];

    if (access == NULL)
        access = open_database();
    if (access == NULL ||
        pci_lookup_name(access, device_name, sizeof(device_name),
                        PCI_LOOKUP_VENDOR | PCI_LOOKUP_DEVICE, function->vendor,
                        function->device) == NULL ||
        pci_lookup_name(access, class_name, sizeof(class_name), PCI_LOOKUP_CLASS,
                        (int)(function->class_code >> 8)) == NULL)
        return NULL;
    snprintf(buffer, size, "%s: %s", class_name, device_name);
    return buffer;
}
#else
static const char *database_name(const struct pci_function *function, char *buffer, size_t size)
{
    (void)function;
    (void)buffer;
    (void)size;
    return NULL;
}
#endif

const char *pci_name(const struct pci_function *function, char *buffer, size_t size)
{
    const char *words = class_words(function->class_code);

    if (function->name != NULL) {
        snprintf(buffer, size, "%s", function->name);
        return buffer;
    }
    if (!function->has_ids)
        snprintf(buffer, size, "%s", function->bridge ? "PCI bridge" : "");
    else if (database_name(function, buffer, size) == NULL)
        snprintf(buffer, size, "%s%s%04x:%04x", words != NULL ? words : "",
                 words != NULL ? ": " : "", function->vendor, function->device);
    return buffer;
}
