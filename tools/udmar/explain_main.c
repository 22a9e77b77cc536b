/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command explain: where the log comes from, and which names devices get.
 */
#include "explain_machine.h"
#include "explain_text.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#ifdef __linux__
#include <sys/klog.h>
#elif defined(__FreeBSD__)
#include <sys/types.h>
#include <sys/sysctl.h>
#endif

enum { LOG_LIMIT = 4 * FILE_LIMIT };

struct options {
    bool json, dmesg;
    const char *lspci, *table;
};

static void help(void)
{
    printf(
        "Usage: udmar explain [OPTION...] [FILE]\n"
        "Reads a kernel log (standard input without FILE) and explains its DMA faults and other\n"
        "messages about DMA remapping: which device, what it tried, why it was stopped, the\n"
        "likely causes, the likeliest first, from what each is concluded, and what to look at\n"
        "next. Knows the formats of Linux (2.6 to today), Xen, FreeBSD, OpenBSD, illumos, ESXi,\n"
        "macOS, Genode, NOVA, QEMU and udmar, out of dmesg, syslog, journals (also as JSON),\n"
        "serial consoles, mails and forums. The more of the boot log there is, the better the\n"
        "causes (devices, drivers, memory map and RMRRs are taken from it).\n\n"
        "  -d, --dmesg        the log of the running kernel (may need root)\n"
        "  -l, --lspci=FILE   the machine's devices, from the output of lspci (-nn is best)\n"
        "  -t, --table=FILE   the machine's DMAR table, in any form that udmar table reads\n"
        "  -j, --json         as JSON (schema: explain.json)\n"
        "      --color=WHEN   auto, always or never\n"
        "  -h, --help         this text\n\n"
        "Examples:\n"
        "  dmesg | udmar explain\n"
        "  sudo udmar explain --dmesg --table=/sys/firmware/acpi/tables/DMAR\n"
        "  journalctl -k -b -1 | udmar explain       the boot before this one\n"
        "  xl dmesg | udmar explain\n"
        "  udmar explain --lspci=lspci.txt --table=dmar.dat serial.log\n"
        "  udmar explain --json kern.log | jq '.faults[] | .device, .causes[0].cause'\n\n"
        "Exit status: 0 nothing found, 1 faults, messages that point to a problem, or lines that\n"
        "look like a fault and cannot be read, 2 wrong command line, 3 the log cannot be read.\n");
}

#ifdef __linux__
static bool read_kernel_log(char **text, size_t *size)
{
    enum { READ_ALL = 3, BUFFER_SIZE = 10 }; /* see syslog(2) */
    int room = klogctl(BUFFER_SIZE, NULL, 0), got = -1;

    *text = NULL;
    if (room > 0) {
        *text = allocate((size_t)room, 1);
        got = klogctl(READ_ALL, *text, room);
    }
    *size = got > 0 ? (size_t)got : 0;
    return got >= 0;
}
#elif defined(__FreeBSD__)
static bool read_kernel_log(char **text, size_t *size)
{
    *text = NULL;
    if (sysctlbyname("kern.msgbuf", NULL, size, NULL, 0) != 0)
        return false;
    *text = allocate(*size, 1);
    return sysctlbyname("kern.msgbuf", *text, size, NULL, 0) == 0;
}
#else
static bool read_kernel_log(char **text, size_t *size)
{
    *text = NULL;
    *size = 0;
    errno = ENOSYS;
    return false;
}
#endif

/* Devices and tables come first: what a log says of them is then known to belong to them. */
static bool add_table(struct log *log, const char *path, const struct pci_machine *machine)
{
    struct table_set set;

    if (!tables_load(path, &set))
        return false;
    for (size_t i = 0; i < set.count; i++)
        machine_add_table(log, &set.tables[i], machine);
    tables_free(&set);
    if (!log->has_table)
        message("%s: no DMAR table in it that can be used", path);
    return log->has_table;
}

static bool add_machine(struct log *log, const struct options *options)
{
    struct pci_machine machine = { 0 };
    bool has_devices = false, good = true;

    if (options->lspci != NULL) {
        if (!pci_load_lspci(options->lspci, &machine))
            return false;
        has_devices = true;
    } else if (options->dmesg) {
        has_devices = pci_from_sysfs("/sys", &machine);
    }
    if (has_devices)
        machine_add_devices(log, &machine);
    if (options->table != NULL)
        good = add_table(log, options->table, has_devices ? &machine : NULL);
    pci_free(&machine);
    return good;
}

static int explain(const struct options *options, const char *name, const char *text, size_t size)
{
    struct log log;
    bool bad;

    log_init(&log);
    if (!add_machine(&log, options)) {
        log_free(&log);
        return STATUS_INPUT;
    }
    log_read(&log, text, size);
    log_sort(&log);
    if (options->json)
        explain_print_json(stdout, &log, name);
    else
        explain_print(stdout, &log, name);
    bad = explain_findings(&log);
    log_free(&log);
    return bad ? STATUS_FINDINGS : STATUS_OK;
}

static int read_options(int argc, char **argv, struct options *options)
{
    static const struct option long_options[] = {
        { "dmesg", no_argument, NULL, 'd' },
        { "lspci", required_argument, NULL, 'l' },
        { "table", required_argument, NULL, 't' },
        { "json", no_argument, NULL, 'j' },
        { "color", required_argument, NULL, 'C' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int option;

    optind = 1;
    while ((option = getopt_long(argc, argv, "dl:t:jh", long_options, NULL)) != -1) {
        switch (option) {
        case 'd':
            options->dmesg = true;
            break;
        case 'l':
            options->lspci = optarg;
            break;
        case 't':
            options->table = optarg;
            break;
        case 'j':
            options->json = true;
            break;
        case 'C':
            if (!colour_option(optarg))
                return usage_error("--color needs auto, always or never, not '%s'", optarg);
            break;
        case 'h':
            help();
            return STATUS_OK;
        default:
            return usage_error(NULL);
        }
    }
    if (argc - optind > 1)
        return usage_error("one FILE at a time");
    if (options->dmesg && argc != optind)
        return usage_error("--dmesg and FILE exclude each other");
    return -1;
}

int command_explain(int argc, char **argv)
{
    struct options options = { 0 };
    struct file file;
    char *text;
    size_t size;
    int status = read_options(argc, argv, &options);

    if (status >= 0)
        return status;
    if (options.dmesg) {
        if (!read_kernel_log(&text, &size)) {
            message("cannot read the kernel log: %s (try as root, or dmesg | udmar explain)",
                    strerror(errno));
            free(text);
            return STATUS_INPUT;
        }
        status = explain(&options, "kernel log", text, size);
        free(text);
        return status;
    }
    if (!file_read(optind < argc ? argv[optind] : "-", LOG_LIMIT, &file))
        return STATUS_INPUT;
    status = explain(&options, file.name, (const char *)file.bytes, file.size);
    file_free(&file);
    return status;
}
