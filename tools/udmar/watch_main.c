/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command watch: faults as they come. Lines go to the reader of explain one by one, which sorts
 * them into groups of faults, notices and lines that it could not read. After each batch report()
 * compares the reader's counts with those that have been told: what is new is explained, what has
 * become more is counted.
 */
#include "explain_machine.h"
#include "explain_text.h"
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    QUIET_MS = 300,  /* no line for so long: what was held back is complete */
    COUNT_MS = 5000, /* between two lines that say no more than a count */
    LIST_MS = 500,   /* between two looks at the module's list */
    RECORD_MAX = 16 * 1024,
    PATH_LENGTH = 512,
};

struct options {
    bool json, only_new, list;
    const char *lspci, *table, *file, *root; /* root: this machine's files are below it */
};

struct watch {
    const struct options *options;
    struct log log;
    const char *name;      /* of what is read, for messages */
    bool records;          /* the log is one of records with a prefix, /dev/kmsg */
    char line[RECORD_MAX]; /* as far as it has come */
    size_t length;
    uint64_t *groups, *notices; /* of each in the log: its count when it was told last */
    size_t group_room, notice_room;
    uint64_t unread; /* how many of the log's unread lines have been told */
    uint64_t lost;   /* times the kernel had overwritten what was not read yet */
    int64_t told;    /* when counts were told, ms */
};

static volatile sig_atomic_t stopped;

static void stop(int number)
{
    (void)number;
    stopped = 1;
}

static void help(void)
{
    printf(
        "Usage: udmar watch [OPTION...] [FILE]\n"
        "Explains DMA faults as they come, each kind once, and then counts. Reads the kernel's\n"
        "log (/dev/kmsg, which may need root), from its oldest message on, until it is ended with\n"
        "control-C; or FILE up to its end, a file or a pipe, - is standard input.\n\n"
        "  -d, --debugfs      instead of the log read the list of faults that udmar's own Linux\n"
        "                     module keeps (/sys/kernel/debug/udmar/faults, needs root): it has\n"
        "                     those too that the log leaves out when there are many\n"
        "  -n, --new          nothing of what is in the log at the start\n"
        "  -l, --lspci=FILE   the machine's devices, from the output of lspci\n"
        "  -t, --table=FILE   the machine's DMAR table, in any form that udmar table reads\n"
        "  -j, --json         as JSON: one document after the other, each as of udmar explain,\n"
        "                     for what is new or has become more\n"
        "      --root=DIR     look for /dev/kmsg and /sys below DIR\n"
        "      --color=WHEN   auto, always or never\n"
        "  -h, --help         this text\n\n"
        "Examples:\n"
        "  sudo udmar watch --new\n"
        "  sudo udmar watch --debugfs\n"
        "  journalctl -kf | udmar watch -\n"
        "  sudo udmar watch --json | jq '.faults[] | .device, .count'\n\n"
        "Exit status: 0 nothing found, 1 as of udmar explain, 2 wrong command line,\n"
        "3 the log cannot be read.\n");
}

/* ---- telling --------------------------------------------------------------------------------- */

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/*
 * Explains one group or one notice (the other is null), or, with both null, the lines that could not
 * be read since the last time: as explain would, of a log that has nothing else.
 */
static void tell(struct watch *watch, struct log_group *group, struct log_notice *notice)
{
    static struct log part; /* too large for a stack */

    part = watch->log;
    part.groups = group;
    part.group_count = group != NULL;
    part.faults = group != NULL ? group->count : 0;
    part.notices = notice;
    part.notice_count = notice != NULL;
    part.unread = part.suppressed = part.overflows = part.statuses = part.dropped = 0;
    if (group == NULL && notice == NULL) {
        size_t old = watch->unread < UNREAD_KEPT ? (size_t)watch->unread : UNREAD_KEPT;

        part.unread = watch->log.unread - watch->unread;
        memmove(part.unread_lines, part.unread_lines + old,
                (UNREAD_KEPT - old) * sizeof(part.unread_lines[0]));
        if (part.unread > UNREAD_KEPT - old)
            part.unread = UNREAD_KEPT - old;
    }
    if (watch->options->json)
        explain_print_json(stdout, &part, watch->name);
    else
        explain_print(stdout, &part, watch->name);
}

static void tell_count(struct watch *watch, struct log_group *group)
{
    char device[24];

    if (watch->options->json) {
        tell(watch, group, NULL);
        return;
    }
    explain_device(&group->first, device);
    printf("%s%s%s again: %" PRIu64 " times so far, explained above (line %zu)\n",
           style(STYLE_NAME), device, style(STYLE_END), group->count, group->first.line);
}

static void grow(uint64_t **told, size_t *room, size_t count)
{
    if (count <= *room)
        return;
    *told = reallocate(*told, 2 * count, sizeof(**told));
    memset(*told + *room, 0, (2 * count - *room) * sizeof(**told));
    *room = 2 * count;
}

/*
 * Tells what is new in the log. @counts: also what has only become more. @silent: nothing, but
 * remember it as told.
 */
static void report(struct watch *watch, bool silent, bool counts)
{
    struct log *log = &watch->log;

    grow(&watch->groups, &watch->group_room, log->group_count);
    grow(&watch->notices, &watch->notice_room, log->notice_count);
    for (size_t i = 0; i < log->group_count; i++) {
        uint64_t told = watch->groups[i], count = log->groups[i].count;

        if (count == told || (told > 0 && !counts && !silent))
            continue;
        watch->groups[i] = count;
        if (silent)
            continue;
        if (told == 0)
            tell(watch, &log->groups[i], NULL);
        else
            tell_count(watch, &log->groups[i]);
    }
    for (size_t i = 0; i < log->notice_count; i++) {
        if (watch->notices[i] == 0 && !silent)
            tell(watch, NULL, &log->notices[i]);
        watch->notices[i] = log->notices[i].count;
    }
    if (log->unread > watch->unread && !silent && watch->unread < UNREAD_KEPT)
        tell(watch, NULL, NULL);
    watch->unread = log->unread;
    if (counts)
        watch->told = now_ms();
    fflush(stdout);
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* "6,339,5140900,-;message" of /dev/kmsg becomes "[    5.140900] message" as dmesg writes it. */
static void take_line(struct watch *watch, const char *line, size_t length)
{
    char text[RECORD_MAX + 32];
    unsigned level;
    uint64_t number, microseconds;
    int used = 0;
    const char *message = memchr(line, ';', length);

    snprintf(text, sizeof(text), "%.*s", (int)length, line);
    if (message != NULL &&
        sscanf(text, "%u,%" SCNu64 ",%" SCNu64 ",%n", &level, &number, &microseconds, &used) == 3 &&
        used > 0 && line + used <= message) {
        watch->records = true;
        length -= (size_t)(message + 1 - line);
        used = snprintf(text, sizeof(text), "[%5" PRIu64 ".%06" PRIu64 "] %.*s",
                        microseconds / 1000000, microseconds % 1000000, (int)length, message + 1);
        log_line(&watch->log, text, (size_t)used);
    } else if (!watch->records || length == 0 || line[0] != ' ') {
        log_line(&watch->log, line, length);
    }
    /* Of a record, lines that begin with a blank are names and values, no message. */
}

/* Cuts bytes into lines; one that is longer than the room for it is taken in parts. */
static void take_bytes(struct watch *watch, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != '\n' && watch->length < sizeof(watch->line)) {
            watch->line[watch->length++] = bytes[i];
            continue;
        }
        take_line(watch, watch->line, watch->length);
        watch->length = 0;
        if (bytes[i] != '\n')
            watch->line[watch->length++] = bytes[i];
    }
}

enum step { STEP_DATA, STEP_QUIET, STEP_END, STEP_FAILED };

/* Waits for bytes, but not for ever: a fault that is held back must be told. */
static enum step step(struct watch *watch, int descriptor)
{
    struct pollfd wait = { .fd = descriptor, .events = POLLIN };
    char bytes[RECORD_MAX];
    ssize_t got;
    int ready = poll(&wait, 1, QUIET_MS);

    if (ready == 0)
        return STEP_QUIET;
    if (ready < 0)
        return errno == EINTR ? STEP_QUIET : STEP_FAILED;
    got = read(descriptor, bytes, sizeof(bytes));
    if (got > 0) {
        take_bytes(watch, bytes, (size_t)got);
        return STEP_DATA;
    }
    if (got == 0)
        return STEP_END;
    if (errno == EPIPE) { /* /dev/kmsg: overwritten; the next read goes on behind it */
        watch->lost++;
        return STEP_DATA;
    }
    return errno == EINTR || errno == EAGAIN ? STEP_QUIET : STEP_FAILED;
}

/* A log up to its end, or until the program is ended. */
static int watch_log(struct watch *watch, int descriptor)
{
    bool old = watch->options->only_new;
    enum step last = STEP_DATA;

    while (!stopped && last != STEP_END && last != STEP_FAILED) {
        last = step(watch, descriptor);
        if (last == STEP_END && watch->length > 0)
            take_bytes(watch, "\n", 1);
        if (last != STEP_DATA)
            log_settle(&watch->log);
        report(watch, old, last == STEP_END || now_ms() - watch->told >= COUNT_MS);
        if (last == STEP_QUIET)
            old = false;
    }
    if (last == STEP_FAILED)
        message("cannot read %s: %s", watch->name, strerror(errno));
    log_settle(&watch->log);
    report(watch, old, true);
    if (watch->lost > 0)
        message("the kernel has overwritten messages before they were read, %" PRIu64 " times",
                watch->lost);
    return last == STEP_FAILED ? STATUS_INPUT : STATUS_OK;
}

static void take_fault(void *context, const char *line, size_t length)
{
    struct watch *watch = context;

    log_line(&watch->log, line, length);
    log_settle(&watch->log);
}

/* The module's list, again and again until the program is ended. */
static int watch_faults(struct watch *watch, struct watch_list *list)
{
    bool old = watch->options->only_new, missing = false;

    if (!watch_list_read(list, take_fault, watch)) {
        message("cannot read %s: %s (is udmar's module loaded, debugfs mounted, and are you root?)",
                list->path, strerror(errno));
        return STATUS_INPUT;
    }
    while (true) {
        report(watch, old, stopped || now_ms() - watch->told >= COUNT_MS);
        old = false;
        if (stopped)
            break;
        poll(NULL, 0, LIST_MS);
        if (watch_list_read(list, take_fault, watch)) {
            missing = false;
        } else if (!missing) {
            message("%s is gone (%s), and is waited for", list->path, strerror(errno));
            missing = true;
        }
    }
    if (list->lost > 0)
        message("the module's list was too short for %" PRIu64 " faults", list->lost);
    return STATUS_OK;
}

/* ---- the command ----------------------------------------------------------------------------- */

/* What is known of the machine, before the first line. */
static bool add_machine(struct watch *watch)
{
    const struct options *options = watch->options;
    struct pci_machine machine = { 0 };
    struct table_set set;
    char sys[PATH_LENGTH];
    bool known;

    snprintf(sys, sizeof(sys), "%s/sys", options->root);
    known = options->lspci != NULL ? pci_load_lspci(options->lspci, &machine)
                                   : options->file == NULL && pci_from_sysfs(sys, &machine);

    if (options->lspci != NULL && !known)
        return false;
    if (known)
        machine_add_devices(&watch->log, &machine);
    if (options->table != NULL) {
        if (!tables_load(options->table, &set)) {
            pci_free(&machine);
            return false;
        }
        for (size_t i = 0; i < set.count; i++)
            machine_add_table(&watch->log, &set.tables[i], known ? &machine : NULL);
        tables_free(&set);
    }
    pci_free(&machine);
    return true;
}

static int read_options(int argc, char **argv, struct options *options)
{
    static const struct option long_options[] = {
        { "new", no_argument, NULL, 'n' },
        { "debugfs", no_argument, NULL, 'd' },
        { "root", required_argument, NULL, 'R' },
        { "lspci", required_argument, NULL, 'l' },
        { "table", required_argument, NULL, 't' },
        { "json", no_argument, NULL, 'j' },
        { "color", required_argument, NULL, 'C' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int option;

    while ((option = getopt_long(argc, argv, "ndl:t:jh", long_options, NULL)) != -1) {
        if (option == 'n') {
            options->only_new = true;
        } else if (option == 'd') {
            options->list = true;
        } else if (option == 'R') {
            if (strlen(optarg) > PATH_LENGTH - 64)
                return usage_error("--root: the path is too long");
            options->root = optarg;
        } else if (option == 'l') {
            options->lspci = optarg;
        } else if (option == 't') {
            options->table = optarg;
        } else if (option == 'j') {
            options->json = true;
        } else if (option == 'C') {
            if (!colour_option(optarg))
                return usage_error("--color takes auto, always or never, not %s", optarg);
        } else if (option == 'h') {
            help();
            return STATUS_OK;
        } else {
            return usage_error(NULL);
        }
    }
    if (argc - optind > 1)
        return usage_error("one FILE at a time");
    options->file = optind < argc ? argv[optind] : NULL;
    if (options->list && options->file != NULL)
        return usage_error("--debugfs takes no FILE");
    return -1;
}

/* Opens the log and reads it. */
static int run_log(struct watch *watch)
{
    char kmsg[PATH_LENGTH];
    int descriptor = STDIN_FILENO, status;

    snprintf(kmsg, sizeof(kmsg), "%s/dev/kmsg", watch->options->root);
    watch->name = watch->options->file == NULL ? kmsg : watch->options->file;
    if (strcmp(watch->name, "-") == 0)
        watch->name = "standard input";
    else
        descriptor = open(watch->name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (descriptor < 0) {
        message("cannot open %s: %s", watch->name, strerror(errno));
        return STATUS_INPUT;
    }
    status = add_machine(watch) ? watch_log(watch, descriptor) : STATUS_INPUT;
    if (descriptor != STDIN_FILENO)
        close(descriptor);
    return status;
}

static int run_list(struct watch *watch)
{
    char path[PATH_LENGTH];
    struct watch_list list = { .path = path };

    snprintf(path, sizeof(path), "%s/sys/" WATCH_LIST, watch->options->root);
    watch->name = path;
    return add_machine(watch) ? watch_faults(watch, &list) : STATUS_INPUT;
}

int command_watch(int argc, char **argv)
{
    static struct watch watch; /* too large for a stack */
    struct options options = { .root = "" };
    struct sigaction action = { .sa_handler = stop };
    int status = read_options(argc, argv, &options);

    if (status >= 0)
        return status;
    watch.options = &options;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    log_init(&watch.log);
    watch.told = now_ms();
    status = options.list ? run_list(&watch) : run_log(&watch);
    if (status == STATUS_OK && explain_findings(&watch.log))
        status = STATUS_FINDINGS;
    log_free(&watch.log);
    free(watch.groups);
    free(watch.notices);
    return status;
}
