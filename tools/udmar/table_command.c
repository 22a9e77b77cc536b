/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * udmar table: options, and one view for each table of the input.
 */
#include "table_view.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct options {
    char **files; /* none: this machine's table */
    size_t file_count;
    const char *lspci; /* null: none given */
    const char *svg, *html;
    const char *sysfs;
    bool check, json, no_names;
};

static void help(void)
{
    printf(
        "Usage: udmar table [OPTION...] [FILE...]\n"
        "Shows what a DMAR table says: remapping units, the devices that each one governs,\n"
        "reserved memory, root ports.\n"
        "\n"
        "FILE is a raw table, several of them, acpixtract's output, or text: acpidump, hexdump,\n"
        "od, xxd, a C array or iasl's listing, also quoted, from a log, UTF-16 or HTML; - is\n"
        "standard input. Without it, this machine's table, which only root may read.\n"
        "\n"
        "  -c, --check        only what is wrong: where, what, and what comes of it\n"
        "  -j, --json         for programs; share/udmar/table.json is the schema\n"
        "  -l, --lspci=FILE   name devices, and find their units, from the output of lspci\n"
        "                     -xxxx or -t of the machine that the table is from\n"
        "  -n, --no-devices   do not look at this machine's devices\n"
        "  -s, --svg=FILE     write a picture; - is standard output\n"
        "      --html=FILE    write a page with tree, picture, findings and bytes side by side;\n"
        "                     a click on one marks the same in the others\n"
        "      --sysfs=DIR    a copy of /sys instead of /sys\n"
        "      --color=WHEN   auto, always, never\n"
        "  -h, --help         this text\n"
        "\n"
        "Examples:\n"
        "  sudo udmar table                       this machine\n"
        "  udmar table --check dmar.dat           what is wrong with a table somebody sent\n"
        "  udmar table -l lspci.txt acpidump.txt  with the devices of its machine\n"
        "  udmar table -s dmar.svg dmar.dat       as a picture\n"
        "  udmar table --html dmar.html mail.txt  as a page, from a mail with a dump in it\n"
        "  udmar table --json dmar.dat | jq '.tables[].findings'\n"
        "\n"
        "Exit status: 0 all is well, 1 --check found something, 2 wrong command line,\n"
        "3 input cannot be read or understood.\n");
}

enum { OPTION_COLOR = 256, OPTION_SYSFS, OPTION_HTML };

static bool is_stdout(const char *path)
{
    return path != NULL && strcmp(path, "-") == 0;
}

/* Returns -1 to go on, else the exit status. */
static int read_options(int argc, char **argv, struct options *options)
{
    static const struct option longs[] = {
        { "check", no_argument, NULL, 'c' },
        { "json", no_argument, NULL, 'j' },
        { "lspci", required_argument, NULL, 'l' },
        { "no-devices", no_argument, NULL, 'n' },
        { "svg", required_argument, NULL, 's' },
        { "html", required_argument, NULL, OPTION_HTML },
        { "sysfs", required_argument, NULL, OPTION_SYSFS },
        { "color", required_argument, NULL, OPTION_COLOR },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int option;

    while ((option = getopt_long(argc, argv, "cjl:ns:h", longs, NULL)) != -1) {
        switch (option) {
        case 'c':
            options->check = true;
            break;
        case 'j':
            options->json = true;
            break;
        case 'l':
            options->lspci = optarg;
            break;
        case 'n':
            options->no_names = true;
            break;
        case 's':
            options->svg = optarg;
            break;
        case OPTION_HTML:
            options->html = optarg;
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
    options->files = argv + optind;
    options->file_count = (size_t)(argc - optind);
    if (options->lspci != NULL && options->no_names)
        return usage_error("--lspci and --no-devices exclude each other");
    if (is_stdout(options->svg) + is_stdout(options->html) + options->json > 1)
        return usage_error("JSON, a picture and a page cannot both go to standard output");
    return -1;
}

static bool is_usable(const struct table_found *found)
{
    return found->status == UDMAR_OK || found->status == UDMAR_ERR_CHECKSUM;
}

/* One file for each table: the second and later ones get a number in front of the suffix. */
static bool write_file(const struct table_view *view, const char *path, size_t number,
                       void (*print)(const struct table_view *, FILE *))
{
    const char *dot = strrchr(path, '.');
    char name[4096];
    FILE *out;
    bool done;

    if (strcmp(path, "-") == 0) {
        print(view, stdout);
        return true;
    }
    if (dot == NULL || strchr(dot, '/') != NULL)
        dot = path + strlen(path);
    if (number == 0)
        snprintf(name, sizeof(name), "%s", path);
    else
        snprintf(name, sizeof(name), "%.*s-%zu%s", (int)(dot - path), path, number + 1, dot);
    out = fopen(name, "we");
    if (out == NULL) {
        message("cannot write %s: %s", name, strerror(errno));
        return false;
    }
    print(view, out);
    done = ferror(out) == 0;
    if (fclose(out) != 0 || !done) {
        message("cannot write %s: %s", name, strerror(errno));
        return false;
    }
    return true;
}

/* A heading where there are several files. */
static void print_file(const struct options *options, const char *name, size_t number)
{
    if (options->file_count < 2 || options->json || is_stdout(options->svg) ||
        is_stdout(options->html))
        return;
    printf("%s%s=== ", number > 0 ? "\n" : "", style(STYLE_HEAD));
    print_text(stdout, name, strlen(name));
    printf("%s\n", style(STYLE_END));
}

static void print_title(const struct table_view *view, size_t index, size_t count)
{
    const struct table_found *found = view->found;

    if (count < 2)
        return;
    printf("%s%s== table %zu of %zu, %s %zu of ", index > 0 ? "\n" : "", style(STYLE_FAINT),
           index + 1, count, found->from_text ? "line" : "offset", found->offset);
    print_text(stdout, view->source, strlen(view->source));
    printf("%s\n", style(STYLE_END));
}

/* One table. Returns an exit status. */
static int show(const struct options *options, const struct table_view *view, size_t index,
                size_t count, size_t *pictures, struct json *json)
{
    int status = options->check && view->finding_count > 0 ? STATUS_FINDINGS : STATUS_OK;
    char text[120];
    bool files_only = (options->svg != NULL || options->html != NULL) && !options->check;

    if (options->json) {
        table_print_json(view, json);
    } else if (options->check) {
        print_title(view, index, count);
        table_print_findings(view, stdout);
    }
    if (!is_usable(view->found)) {
        if (options->check)
            return status;
        message("%s: %s %zu: %s", view->source, view->found->from_text ? "line" : "offset",
                view->found->offset, table_status_text(view->found, text));
        return STATUS_INPUT;
    }
    if (!options->json && !options->check && !files_only) {
        print_title(view, index, count);
        table_print(view, stdout);
    }
    if ((options->svg != NULL && !write_file(view, options->svg, *pictures, table_print_svg)) ||
        (options->html != NULL && !write_file(view, options->html, *pictures, table_print_html)))
        return STATUS_INPUT;
    (*pictures)++;
    return status;
}

/* The tables of one file, in JSON an object of their own. */
static int show_set(const struct options *options, const char *source, const struct table_set *set,
                    const struct pci_machine *machine, size_t *pictures, struct json *json)
{
    int worst = STATUS_OK;

    if (options->json) {
        json_object(json, NULL);
        json_string(json, "source", source);
        json_array(json, "tables");
    }
    for (size_t i = 0; i < set->count; i++) {
        struct table_view view;
        int status;

        table_view_make(source, &set->tables[i], machine, &view);
        status = show(options, &view, i, set->count, pictures, json);
        table_view_free(&view);
        worst = status > worst ? status : worst;
    }
    if (options->json) {
        json_close(json);
        json_close(json);
    }
    return worst;
}

/* The most common trouble deserves the most helpful words. */
static bool load_own_table(const struct options *options, char *path, size_t size,
                           struct table_set *out_set)
{
    snprintf(path, size, "%s/firmware/acpi/tables/DMAR", options->sysfs);
    if (access(path, F_OK) != 0) {
        message("this machine has no DMAR table (%s): its firmware has no Intel VT-d, or VT-d is "
                "switched off in the firmware's setup",
                path);
        return false;
    }
    if (access(path, R_OK) != 0) {
        message("%s: %s; try again with sudo", path, strerror(errno));
        return false;
    }
    return tables_load(path, out_set);
}

static int show_own(const struct options *options, const struct pci_machine *machine)
{
    size_t pictures = 0;
    struct table_set set;
    struct json json;
    char path[4096];
    int status;

    if (!load_own_table(options, path, sizeof(path), &set))
        return STATUS_INPUT;
    json_begin(&json, stdout);
    status = show_set(options, path, &set, machine, &pictures, &json);
    tables_free(&set);
    return status;
}

/* One file after the other. One that cannot be read does not keep the others from being shown. */
static int show_files(const struct options *options, const struct pci_machine *machine)
{
    bool many = options->json && options->file_count > 1;
    int worst = STATUS_OK;
    size_t pictures = 0;
    struct json json;

    json_begin(&json, stdout);
    if (many) {
        json_object(&json, NULL);
        json_array(&json, "files");
    }
    for (size_t i = 0; i < options->file_count; i++) {
        struct table_set set;
        int status = STATUS_INPUT;

        print_file(options, options->files[i], i);
        if (tables_load(options->files[i], &set) || many) {
            int shown = show_set(options, options->files[i], &set, machine, &pictures, &json);

            status = set.count > 0 ? shown : STATUS_INPUT;
        }
        tables_free(&set);
        worst = status > worst ? status : worst;
    }
    if (many) {
        json_close(&json);
        json_close(&json);
    }
    return worst;
}

int command_table(int argc, char **argv)
{
    struct options options = { .sysfs = "/sys" };
    struct pci_machine machine = { 0 };
    bool known = false;
    int status = read_options(argc, argv, &options);

    if (status >= 0)
        return status;
    if (options.lspci != NULL) {
        if (!pci_load_lspci(options.lspci, &machine))
            return STATUS_INPUT;
        known = true;
    } else if (options.file_count == 0 && !options.no_names) {
        known = pci_from_sysfs(options.sysfs, &machine);
    }
    status = options.file_count > 0 ? show_files(&options, known ? &machine : NULL)
                                    : show_own(&options, known ? &machine : NULL);
    pci_free(&machine);
    return status;
}
