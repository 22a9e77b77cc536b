/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command explain: where the log comes from, and which names devices get.
 */
#include "explain_text.h"
#include "pci.h"

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
    const char *lspci;
};

static void help(void)
{
    printf(
        "Usage: udmar explain [OPTION...] [FILE]\n"
        "Reads a kernel log (standard input without FILE) and explains its DMA faults and other\n"
        "messages about DMA remapping: which device, what it tried, why it was stopped, the\n"
        "likely causes, the likeliest first, and what to look at next. Knows the formats of\n"
        "Linux (old and new), Xen, FreeBSD and udmar; the more of the boot log there is, the\n"
        "better the causes (devices, drivers, memory map and RMRRs are taken from it).\n\n"
        "  -d, --dmesg        the log of the running kernel (may need root)\n"
        "  -l, --lspci=FILE   names of devices from the output of lspci (-nn is best)\n"
        "  -j, --json         as JSON (schema: explain.json)\n"
        "      --color=WHEN   auto, always or never\n"
        "  -h, --help         this text\n\n"
        "Examples:\n"
        "  dmesg | udmar explain\n"
        "  sudo udmar explain --dmesg\n"
        "  journalctl -k -b -1 | udmar explain       the boot before this one\n"
        "  xl dmesg | udmar explain\n"
        "  udmar explain --lspci=lspci.txt serial.log\n"
        "  udmar explain --json kern.log | jq '.faults[] | .device, .causes[0].cause'\n\n"
        "Exit status: 0 nothing found, 1 faults or messages that point to a problem, 2 wrong\n"
        "command line, 3 the log cannot be read.\n");
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

/* "VGA compatible controller [0300]: ..." of lspci -nn: the class stands in the name only. */
static uint32_t class_in_name(const char *name)
{
    const char *end = strstr(name, "]: ");
    uint64_t value;

    if (end == NULL || end - name < 5 || end[-5] != '[' || scan_hex(end - 4, &value) != end)
        return 0;
    return (uint32_t)value << 8;
}

/* What is known of devices besides the log: their names. */
static void add_machine(struct log *log, const struct pci_machine *machine)
{
    for (size_t i = 0; i < machine->count; i++) {
        const struct pci_function *function = &machine->functions[i];
        struct log_device *device = log_device_add(log, function->segment, function->rid);

        log->saw_pci = true;
        if (device == NULL)
            continue;
        if (function->has_ids) {
            device->has_ids = true;
            device->vendor = function->vendor;
            device->device = function->device;
            device->class_code = function->class_code;
        }
        pci_name(function, device->name, sizeof(device->name));
        if (device->class_code == 0)
            device->class_code = class_in_name(device->name);
    }
}

static bool add_devices(struct log *log, const struct options *options)
{
    struct pci_machine machine;

    if (options->lspci != NULL) {
        if (!pci_load_lspci(options->lspci, &machine))
            return false;
    } else if (!options->dmesg || !pci_from_sysfs("/sys", &machine)) {
        return true;
    }
    add_machine(log, &machine);
    pci_free(&machine);
    return true;
}

static int explain(const struct options *options, const char *name, const char *text, size_t size)
{
    struct log log;
    bool bad;

    log_init(&log);
    if (!add_devices(&log, options)) {
        log_free(&log);
        return STATUS_INPUT;
    }
    log_read(&log, text, size);
    log_sort(&log);
    if (options->json)
        explain_print_json(stdout, &log, name);
    else
        explain_print(stdout, &log, name);
    bad = log.faults > 0;
    for (size_t i = 0; i < log.notice_count; i++)
        bad |= log.notices[i].text->bad;
    log_free(&log);
    return bad ? STATUS_FINDINGS : STATUS_OK;
}

static int read_options(int argc, char **argv, struct options *options)
{
    static const struct option long_options[] = {
        { "dmesg", no_argument, NULL, 'd' }, { "lspci", required_argument, NULL, 'l' },
        { "json", no_argument, NULL, 'j' },  { "color", required_argument, NULL, 'C' },
        { "help", no_argument, NULL, 'h' },  { NULL, 0, NULL, 0 },
    };
    int option;

    optind = 1;
    while ((option = getopt_long(argc, argv, "dl:jh", long_options, NULL)) != -1) {
        switch (option) {
        case 'd':
            options->dmesg = true;
            break;
        case 'l':
            options->lspci = optarg;
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
