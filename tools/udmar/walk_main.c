/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commands walk and dump: command lines and exit statuses.
 */
#include "walk_print.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { HOST_BITS = 52, LINE_LIMIT = 1000, TABLE_LIMIT = 1 << 20 };

struct options {
    struct image_layout layout;
    struct walk_unit unit;
    bool json, brief, has_pasid, has_irta, has_data;
    uint64_t pasid, irta, data;
    const char *access; /* "read", "write" or null */
    struct dump_options dump;
};

static void help_walk(void)
{
    printf(
        "Usage: udmar walk [OPTION...] IMAGE RTADDR DEVICE ADDRESS\n"
        "Follows one DMA address through root, context and page tables, field by field, and says\n"
        "where it ends, or where it stops and with which fault reason a unit would answer. With\n"
        "--irta a write to 0xfee00000-0xfeefffff is followed through the interrupt table.\n\n"
        "IMAGE    raw memory, an ELF core (QEMU dump-guest-memory, /proc/vmcore), or /dev/mem\n"
        "RTADDR   the unit's register at offset 0x20; its bits 11:10 choose the mode\n"
        "DEVICE   bus:device.function as the unit sees it (02:00.0), or a source id (0x0200)\n"
        "ADDRESS  what the device puts on the bus\n"
        "RTADDR and ADDRESS are hexadecimal, with or without 0x; other numbers are decimal unless\n"
        "they begin with 0x.\n\n");
    printf(
        "  -p, --pasid=N        the request carries this PASID (scalable mode)\n"
        "  -a, --access=WHAT    read or write: what the exit status is about (default: either)\n"
        "  -c, --cap=X          the unit's CAP register: checks widths and large pages, too\n"
        "  -e, --ecap=X         the unit's ECAP register: checks pass-through, snoop, RPS\n"
        "  -i, --irta=X         the unit's register at offset 0xb8: where the interrupt table is\n"
        "      --data=X         what is written to 0xfeexxxxx (hexadecimal; default 0)\n"
        "      --address-bits=N width of physical addresses (default 52)\n"
        "      --raw            IMAGE is raw memory, whatever it looks like\n"
        "      --base=N         physical address of a raw image's first byte\n"
        "      --map=P:O:S      physical address P is at file offset O for S bytes; may be\n"
        "                       given %d times\n"
        "  -b, --brief          entries without their fields\n"
        "  -j, --json           as JSON (schema: walk.json)\n"
        "      --color=WHEN     auto, always or never\n"
        "  -h, --help           this text\n\n",
        (int)IMAGE_LAYOUT_PARTS);
    printf("Examples:\n"
           "  (qemu) dump-guest-memory vm.elf\n"
           "  (qemu) xp /2wx 0xfed90020                 the lower word comes first\n"
           "  udmar walk vm.elf 0x102d6c000 00:03.0 0xfffff000\n"
           "  udmar walk --brief --access=write vm.elf 102d6c000 00:03.0 fffff000\n"
           "  sudo udmar walk /dev/mem 0x102d6c000 00:02.0 0x7cd80000\n"
           "  udmar walk --irta=0x1003f0f vm.elf 0x102d6c000 00:1f.2 0xfee00098   an interrupt\n\n"
           "Exit status: 0 the access gets through, 1 a fault, 2 wrong command line, 3 the image\n"
           "cannot be read or does not hold an entry.\n");
}

static void help_dump(void)
{
    printf(
        "Usage: udmar dump [OPTION...] IMAGE RTADDR\n"
        "Everything that a root table lets devices reach: each context, and behind it the\n"
        "mapped ranges, merged where addresses on both sides continue. With --irta also who may\n"
        "raise which interrupt.\n\n"
        "IMAGE and RTADDR as for udmar walk.\n\n"
        "  -d, --device=DEVICE  only this device\n"
        "  -l, --limit=N        ranges that are shown for each context (default %d)\n"
        "      --tables=N       table pages that are read at most (default %d)\n"
        "  -i, --irta=X         the unit's register at offset 0xb8: the interrupt table, too\n"
        "  -c, --cap=X, -e, --ecap=X, --address-bits=N, --raw, --base=N, --map=P:O:S,\n"
        "  -j, --json, --color=WHEN, -h, --help     as for udmar walk\n\n"
        "Examples:\n"
        "  udmar dump vm.elf 0x102d6c000\n"
        "  udmar dump --device=00:03.0 --limit=100000 vm.elf 0x102d6c000\n"
        "  udmar dump --json vm.elf 0x102d6c000 | jq '.contexts[] | .source, .mapped'\n\n"
        "Exit status: 0 all is well, 1 there are entries that a unit would refuse, 2 wrong\n"
        "command line, 3 the image cannot be read or lacks tables.\n",
        (int)LINE_LIMIT, (int)TABLE_LIMIT);
}

/* "02:00.0", "0000:02:00.0", "0x0200". Segments have units of their own, so the segment is unused.
 */
static bool parse_device(const char *text, udmar_rid_t *out_rid)
{
    unsigned segment, bus, device, function;
    uint64_t number;
    char rest;

    if (strchr(text, ':') == NULL) {
        if (!parse_hex(text, &number) || number > UINT16_MAX)
            return false;
        *out_rid = (udmar_rid_t)number;
        return true;
    }
    if (strspn(text, "0123456789abcdefABCDEF:.") != strlen(text) || strlen(text) > 12)
        return false;
    if (sscanf(text, "%x:%x:%x.%x%c", &segment, &bus, &device, &function, &rest) != 4 &&
        sscanf(text, "%x:%x.%x%c", &bus, &device, &function, &rest) != 3)
        return false;
    if (bus > 255 || device > 31 || function > 7)
        return false;
    *out_rid = UDMAR_RID(bus, device, function);
    return true;
}

enum long_option {
    OPTION_RAW = 256,
    OPTION_BASE,
    OPTION_MAP,
    OPTION_BITS,
    OPTION_TABLES,
    OPTION_DATA,
    OPTION_COLOR
};

static const struct option long_options[] = {
    { "pasid", required_argument, NULL, 'p' },
    { "access", required_argument, NULL, 'a' },
    { "cap", required_argument, NULL, 'c' },
    { "ecap", required_argument, NULL, 'e' },
    { "irta", required_argument, NULL, 'i' },
    { "data", required_argument, NULL, OPTION_DATA },
    { "address-bits", required_argument, NULL, OPTION_BITS },
    { "raw", no_argument, NULL, OPTION_RAW },
    { "base", required_argument, NULL, OPTION_BASE },
    { "map", required_argument, NULL, OPTION_MAP },
    { "brief", no_argument, NULL, 'b' },
    { "device", required_argument, NULL, 'd' },
    { "limit", required_argument, NULL, 'l' },
    { "tables", required_argument, NULL, OPTION_TABLES },
    { "json", no_argument, NULL, 'j' },
    { "color", required_argument, NULL, OPTION_COLOR },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

static bool number_option(const char *name, const char *text, uint64_t least, uint64_t most,
                          uint64_t *out_value)
{
    if (parse_number(text, out_value) && *out_value >= least && *out_value <= most)
        return true;
    message("--%s needs a number from %" PRIu64 " to %" PRIu64 ", not '%s'", name, least, most,
            text);
    return false;
}

static bool register_option(const char *name, const char *text, bool *has, uint64_t *value)
{
    *has = parse_hex(text, value);
    if (!*has)
        message("--%s needs a hexadecimal register value, not '%s'", name, text);
    return *has;
}

/* Options of one command that the other one does not have. */
static bool belongs(int option, bool dump)
{
    if (option >= OPTION_RAW)
        return option != (dump ? OPTION_DATA : OPTION_TABLES);
    return strchr(dump ? "pab" : "dl", option) == NULL;
}

static bool image_option(struct options *options, int option)
{
    switch (option) {
    case OPTION_RAW:
        options->layout.raw = true;
        return true;
    case OPTION_BASE:
        options->layout.raw = true;
        return number_option("base", optarg, 0, UINT64_MAX, &options->layout.base);
    case OPTION_MAP:
        if (image_layout_add(&options->layout, optarg))
            return true;
        message("--map needs PHYSICAL:OFFSET:SIZE, at most %d times, not '%s'",
                (int)IMAGE_LAYOUT_PARTS, optarg);
        return false;
    default:
        if (colour_option(optarg))
            return true;
        message("--color needs auto, always or never, not '%s'", optarg);
        return false;
    }
}

static bool set_option(struct options *options, int option)
{
    uint64_t number;

    switch (option) {
    case 'p':
        options->has_pasid = true;
        return number_option("pasid", optarg, 0, 0xfffff, &options->pasid);
    case 'a':
        options->access = optarg;
        if (strcmp(optarg, "read") == 0 || strcmp(optarg, "write") == 0)
            return true;
        message("--access needs read or write, not '%s'", optarg);
        return false;
    case 'c':
        return register_option("cap", optarg, &options->unit.has_cap, &options->unit.cap);
    case 'e':
        return register_option("ecap", optarg, &options->unit.has_ecap, &options->unit.ecap);
    case 'i':
        if (!register_option("irta", optarg, &options->has_irta, &options->irta))
            return false;
        options->dump.has_irta = true;
        options->dump.irta = options->irta;
        return true;
    case OPTION_DATA:
        options->has_data = parse_hex(optarg, &options->data) && options->data <= UINT32_MAX;
        if (!options->has_data)
            message("--data needs a hexadecimal value of 32 bits, not '%s'", optarg);
        return options->has_data;
    case OPTION_BITS:
        if (!number_option("address-bits", optarg, 32, HOST_BITS, &number))
            return false;
        options->unit.host_bits = (unsigned)number;
        return true;
    case 'b':
        options->brief = true;
        return true;
    case 'd':
        options->dump.has_rid = parse_device(optarg, &options->dump.rid);
        if (!options->dump.has_rid)
            message("--device needs bus:device.function, not '%s'", optarg);
        return options->dump.has_rid;
    case 'l':
        return number_option("limit", optarg, 0, UINT32_MAX, &options->dump.line_limit);
    case OPTION_TABLES:
        return number_option("tables", optarg, 1, UINT32_MAX, &options->dump.table_limit);
    case 'j':
        options->json = options->dump.json = true;
        return true;
    default:
        return image_option(options, option);
    }
}

/* Returns the exit status, or -1 to go on. */
static int read_options(int argc, char **argv, bool dump, struct options *options)
{
    int option;

    *options = (struct options){
        .unit.host_bits = HOST_BITS,
        .dump = { .line_limit = LINE_LIMIT, .table_limit = TABLE_LIMIT },
    };
    optind = 1;
    while ((option = getopt_long(argc, argv, "p:a:c:e:i:bd:l:jh", long_options, NULL)) != -1) {
        if (option == '?')
            return usage_error(NULL);
        if (option == 'h') {
            dump ? help_dump() : help_walk();
            return STATUS_OK;
        }
        if (option < 256 && !belongs(option, dump))
            return usage_error("-%c is an option of udmar %s", option, dump ? "walk" : "dump");
        if (!belongs(option, dump))
            return usage_error(dump ? "--data is an option of udmar walk"
                                    : "--tables is an option of udmar dump");
        if (!set_option(options, option))
            return usage_error(NULL);
    }
    if (argc - optind != (dump ? 2 : 4))
        return usage_error(dump ? "needs IMAGE and RTADDR"
                                : "needs IMAGE, RTADDR, DEVICE and ADDRESS");
    return -1;
}

static bool parse_root(const char *text, uint64_t *out_root)
{
    if (parse_hex(text, out_root) && *out_root >> HOST_BITS == 0)
        return true;
    message("RTADDR is a hexadecimal register value of %d bits, not '%s'", (int)HOST_BITS, text);
    return false;
}

static void read_trouble(const struct image *image)
{
    if (image->read_error != 0)
        message("cannot read %s: %s%s", image->name, strerror(image->read_error),
                strcmp(image->kind, "memory device") == 0
                    ? " (kernels with CONFIG_STRICT_DEVMEM keep RAM out of /dev/mem; boot with "
                      "iomem=relaxed, or use a crash dump)"
                    : "");
    if (image->cut != 0)
        message("%s is shorter than its headers say: %zu part%s cut off", image->name, image->cut,
                image->cut == 1 ? " is" : "s are");
}

static int walk_status(const struct walk *walk, const char *access)
{
    bool good;

    if (walk->end == WALK_NO_DATA)
        return STATUS_INPUT;
    if (walk_is_interrupt(&walk->request))
        good = walk->write.allowed && (access == NULL || access[0] == 'w');
    else if (access == NULL)
        good = walk->read.allowed || walk->write.allowed;
    else
        good = access[0] == 'r' ? walk->read.allowed : walk->write.allowed;
    return good ? STATUS_OK : STATUS_FINDINGS;
}

int command_walk(int argc, char **argv)
{
    static struct walk walk;
    struct walk_request request = { 0 };
    struct options options;
    struct image image;
    int status = read_options(argc, argv, false, &options);

    if (status >= 0)
        return status;
    argv += optind;
    if (!parse_root(argv[1], &request.root))
        return usage_error(NULL);
    if (!parse_device(argv[2], &request.rid))
        return usage_error("DEVICE is bus:device.function (02:00.0), not '%s'", argv[2]);
    if (!parse_hex(argv[3], &request.iova))
        return usage_error("ADDRESS is a hexadecimal number, not '%s'", argv[3]);
    request.has_pasid = options.has_pasid;
    request.pasid = (uint32_t)options.pasid;
    request.has_irta = options.has_irta;
    request.irta = options.irta;
    request.data = (uint32_t)options.data;
    if (options.has_data && !walk_is_interrupt(&request))
        return usage_error("--data needs --irta and an ADDRESS from 0xfee00000 to 0xfeefffff");
    if (!image_open(argv[0], &options.layout, &image))
        return STATUS_INPUT;
    walk_run(&walk, &image, &options.unit, &request);
    if (options.json)
        walk_print_json(&walk, stdout);
    else
        walk_print(&walk, options.brief);
    read_trouble(&image);
    image_close(&image);
    return walk_status(&walk, options.access);
}

int command_dump(int argc, char **argv)
{
    struct dump_totals totals;
    struct options options;
    struct image image;
    uint64_t root;
    int status = read_options(argc, argv, true, &options);

    if (status >= 0)
        return status;
    argv += optind;
    if (!parse_root(argv[1], &root))
        return usage_error(NULL);
    if (!image_open(argv[0], &options.layout, &image))
        return STATUS_INPUT;
    dump_run(stdout, &image, &options.unit, root, &options.dump, &totals);
    read_trouble(&image);
    image_close(&image);
    if (walk_mode(root) == MODE_RESERVED || walk_mode(root) == MODE_ABORT) {
        message("RTADDR bits 11:10 choose %s: there are no tables",
                walk_mode_text(walk_mode(root)));
        return STATUS_FINDINGS;
    }
    if (totals.no_root) {
        message("the image does not hold the root table at physical 0x%" PRIx64,
                WALK_ADDRESS(root));
        return STATUS_INPUT;
    }
    if (totals.no_interrupts) {
        message("the image does not hold all of the interrupt table at physical 0x%" PRIx64,
                WALK_ADDRESS(options.irta));
        return STATUS_INPUT;
    }
    if (totals.gave_up) {
        message("gave up after %" PRIu64 " tables and %" PRIu64 " contexts: the tables are a maze, "
                "or --tables is too low",
                totals.tables, totals.contexts);
        return STATUS_INPUT;
    }
    return totals.broken != 0 ? STATUS_FINDINGS : STATUS_OK;
}
