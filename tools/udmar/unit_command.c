/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * udmar unit: options, and where registers come from.
 */
#include "unit_report.h"

#include <getopt.h>
#include <string.h>

struct options {
    const char *file, *sysfs;
    bool has_version, has_cap, has_ecap, json;
    uint64_t version, cap, ecap;
};

static void help(void)
{
    printf("Usage: udmar unit [OPTION...] [FILE]\n"
           "       udmar unit --cap=HEX --ecap=HEX [--version=HEX]\n"
           "Says what remapping units can and cannot do, and what that is enough for.\n"
           "\n"
           "Without arguments, the units that Linux shows in /sys/class/iommu/dmar*. FILE is a\n"
           "register dump: text with lines \"offset: value\", Linux's iommu_regset, or the\n"
           "registers' bytes (0x18 at least); - is standard input.\n"
           "\n"
           "      --cap=HEX      the register CAP, offset 0x08\n"
           "      --ecap=HEX     the register ECAP, offset 0x10\n"
           "      --version=HEX  the register VER, offset 0x00; 10 when not given\n"
           "  -j, --json         for programs; share/udmar/unit.json is the schema\n"
           "      --sysfs=DIR    a copy of /sys instead of /sys\n"
           "      --color=WHEN   auto, always, never\n"
           "  -h, --help         this text\n"
           "\n"
           "Examples:\n"
           "  udmar unit                                     this machine\n"
           "  udmar unit --cap d2008c40660462 --ecap f050da  from a boot log\n"
           "  sudo cat /sys/kernel/debug/iommu/intel/iommu_regset | udmar unit -\n"
           "\n"
           "Exit status: 0 all is well, 1 a unit cannot be used, 2 wrong command line,\n"
           "3 input cannot be read or understood.\n");
}

enum { OPTION_COLOR = 256, OPTION_SYSFS, OPTION_CAP, OPTION_ECAP, OPTION_VERSION };

static bool take_register(const char *text, uint64_t limit, bool *out_given, uint64_t *out_value)
{
    *out_given = true;
    return parse_hex(text, out_value) && *out_value <= limit;
}

/* Options that go together. */
static int check_options(int argc, char **argv, struct options *options)
{
    if (argc - optind > 1)
        return usage_error("one FILE at a time, not %d", argc - optind);
    options->file = optind < argc ? argv[optind] : NULL;
    if (options->has_cap != options->has_ecap)
        return usage_error("--cap and --ecap go together");
    if (options->has_version && !options->has_cap)
        return usage_error("--version goes with --cap and --ecap");
    if (options->has_cap && options->file != NULL)
        return usage_error("either registers or a FILE");
    return -1;
}

/* Returns -1 to go on, else the exit status. */
static int read_options(int argc, char **argv, struct options *options)
{
    static const struct option longs[] = {
        { "cap", required_argument, NULL, OPTION_CAP },
        { "ecap", required_argument, NULL, OPTION_ECAP },
        { "version", required_argument, NULL, OPTION_VERSION },
        { "json", no_argument, NULL, 'j' },
        { "sysfs", required_argument, NULL, OPTION_SYSFS },
        { "color", required_argument, NULL, OPTION_COLOR },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int option;

    while ((option = getopt_long(argc, argv, "jh", longs, NULL)) != -1) {
        switch (option) {
        case OPTION_CAP:
            if (!take_register(optarg, UINT64_MAX, &options->has_cap, &options->cap))
                return usage_error("--cap: %s is no hexadecimal number of 64 bits", optarg);
            break;
        case OPTION_ECAP:
            if (!take_register(optarg, UINT64_MAX, &options->has_ecap, &options->ecap))
                return usage_error("--ecap: %s is no hexadecimal number of 64 bits", optarg);
            break;
        case OPTION_VERSION:
            if (!take_register(optarg, UINT32_MAX, &options->has_version, &options->version))
                return usage_error("--version: %s is no hexadecimal number of 32 bits", optarg);
            break;
        case 'j':
            options->json = true;
            break;
        case OPTION_SYSFS:
            options->sysfs = optarg;
            break;
        case OPTION_COLOR:
            if (!colour_option(optarg))
                return usage_error("--color takes auto, always or never, not %s", optarg);
            break;
        case 'h':
            help();
            return STATUS_OK;
        default:
            return usage_error(NULL);
        }
    }
    return check_options(argc, argv, options);
}

static bool load_dump(const char *path, struct unit_set *out_set)
{
    struct problem problem;
    struct file file;
    bool sound;

    if (!file_read(path, FILE_LIMIT, &file))
        return false;
    sound = unit_from_dump(file.bytes, file.size, out_set, &problem);
    if (!sound)
        message("%s: %s", file.name, problem.text);
    file_free(&file);
    return sound;
}

static bool load(const struct options *options, struct unit_set *out_set)
{
    struct unit_registers *unit;

    *out_set = (struct unit_set){ 0 };
    if (options->file != NULL)
        return load_dump(options->file, out_set);
    if (!options->has_cap)
        return unit_from_sysfs(options->sysfs, out_set);
    unit = unit_add(out_set, "unit");
    unit->has_cap = unit->has_ecap = true;
    unit->has_version = options->has_version;
    unit->version = options->has_version ? (uint32_t)options->version : 0x10;
    unit->cap = options->cap;
    unit->ecap = options->ecap;
    return true;
}

int command_unit(int argc, char **argv)
{
    struct options options = { .sysfs = "/sys" };
    int status = read_options(argc, argv, &options);
    struct unit_set set;

    if (status >= 0)
        return status;
    if (!load(&options, &set))
        return STATUS_INPUT;
    if (options.json)
        unit_print_json(&set, stdout);
    else
        unit_print(&set, stdout);
    status = STATUS_OK;
    for (size_t i = 0; i < set.count; i++) {
        struct unit_report report;

        unit_report_make(&set.units[i], &report);
        if (report.status != UDMAR_OK)
            status = STATUS_FINDINGS;
    }
    unit_free(&set);
    return status;
}
