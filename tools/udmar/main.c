/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * udmar: which command, and what it all is.
 */
#include "common.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>

#include <udmar/version.h>

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} commands[] = {
    { "table", command_table, "what the firmware's DMAR table says, and what is wrong with it" },
    { "unit", command_unit, "what a remapping unit can and cannot do" },
    { "explain", command_explain, "what a DMA fault means, in one sentence" },
    { "watch", command_watch, "the same for faults as they come" },
    { "walk", command_walk, "follow an address through the tables of a memory image" },
    { "dump", command_dump, "everything that the tables of a memory image map" },
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void help(void)
{
    printf("Usage: udmar COMMAND [OPTION...] [ARGUMENT...]\n"
           "Makes Intel VT-d (DMA remapping) readable.\n\n"
           "Commands:\n");
    for (size_t i = 0; i < COMMANDS; i++)
        printf("  %-9s%s\n", commands[i].name, commands[i].summary);
    printf("\n"
           "  udmar COMMAND --help   options and examples of a command\n"
           "  udmar --version        the version\n"
           "\n"
           "Examples:\n"
           "  sudo udmar table                this machine's DMAR table, with device names\n"
           "  udmar table --check dmar.dat    what is wrong with a table somebody sent\n"
           "  udmar unit                      what this machine's units can do\n"
           "\n"
           "Exit status: 0 all is well, 1 there are findings, 2 wrong command line,\n"
           "3 input cannot be read or understood, or output cannot be written.\n");
}

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

static int run(const struct command *command, int argc, char **argv)
{
    static char prefix[32];

    snprintf(prefix, sizeof(prefix), "udmar %s", command->name);
    message_prefix(prefix);
    argv[0] = prefix; /* getopt_long begins its messages with it */
    return command->run(argc, argv);
}

static int dispatch(int argc, char **argv)
{
    static char help_option[] = "--help";
    const struct command *command;

    if (argc < 2)
        return usage_error("no command");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        (strcmp(argv[1], "help") == 0 && argc == 2)) {
        help();
        return STATUS_OK;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        printf("udmar %s\n", UDMAR_VERSION_STRING);
        return STATUS_OK;
    }
    if (strcmp(argv[1], "help") == 0) {
        char *arguments[] = { argv[2], help_option, NULL };

        command = find(argv[2]);
        return command != NULL ? run(command, 2, arguments) : usage_error("no command %s", argv[2]);
    }
    command = find(argv[1]);
    if (command == NULL)
        return usage_error(argv[1][0] == '-' ? "no option %s" : "no command %s", argv[1]);
    return run(command, argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    int status;

    message_prefix("udmar");
    colour_auto();
    status = dispatch(argc, argv);
    errno = 0;
    if (fflush(stdout) != 0 || ferror(stdout)) {
        message("cannot write the output: %s", strerror(errno != 0 ? errno : EIO));
        return STATUS_INPUT;
    }
    return status;
}
