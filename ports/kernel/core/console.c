/* SPDX-License-Identifier: BSD-2-Clause */
/* Command interpreter and the commands every image has. */
#include "internal.h"

enum { COMMANDS_MAX = 64, LINE_SIZE = 256, WORDS_MAX = 24 };

static const struct console_command *commands[COMMANDS_MAX];
static unsigned command_count;

static const struct console_command *command_find(const char *name)
{
    for (unsigned i = 0; i < command_count; i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            return commands[i];
        }
    }
    return NULL;
}

void console_register(const struct console_command *command)
{
    if (command_find(command->name) != NULL || command_count == COMMANDS_MAX) {
        panic("console: cannot register command %s", command->name);
    }
    commands[command_count++] = command;
}

int console_run_line(char *line)
{
    char *words[WORDS_MAX + 1];
    int count = ksplit(line, words, WORDS_MAX);
    const struct console_command *command;

    if (count < 0) {
        kprintf("more than %d words, or a quote is not closed\n", WORDS_MAX);
        return -1;
    }
    if (count == 0 || words[0][0] == '#') {
        return 0;
    }
    words[count] = NULL;
    command = command_find(words[0]);
    if (command == NULL) {
        kprintf("%s: no such command, try help\n", words[0]);
        return -1;
    }
    return command->run(count, words);
}

_Noreturn void console_loop(void)
{
    static char line[LINE_SIZE];

    for (;;) {
        int result;

        kputs("udmar> ");
        console_readline(line, sizeof(line));
        result = console_run_line(line);
        if (result > 0) {
            kprintf("result %d\n", result);
        }
    }
}

/* ---- built-in commands ---- */

static int run_help(int argc, char **argv)
{
    for (unsigned i = 0; i < command_count; i++) {
        const struct console_command *command = commands[i];
        int room = 30 - (int)strlen(command->name);

        if (argc < 2 || strcmp(argv[1], command->name) == 0) {
            kprintf("  %s %-*s %s\n", command->name, room, command->usage, command->help);
        }
    }
    return 0;
}

static void print_bars(struct pci_device *dev)
{
    for (unsigned bar = 0; bar < 6; bar++) {
        uint64_t base, size;
        bool io;

        if (pci_bar(dev, bar, &base, &size, &io)) {
            kprintf("  BAR%u %s %#llx size %#llx\n", bar, io ? "i/o" : "memory",
                    (unsigned long long)base, (unsigned long long)size);
        }
    }
}

static int run_pci(int argc, char **argv)
{
    struct pci_device *dev;

    if (argc < 2) {
        pci_print_tree();
        return 0;
    }
    dev = pci_find_name(argv[1]);
    if (dev == NULL) {
        kprintf("pci: no device %s\n", argv[1]);
        return 1;
    }
    kprintf("%s %s\n", dev->name, pci_describe(dev));
    print_bars(dev);
    kprintf("  command %#06x, MSI %s, MSI-X %s\n", pci_dev_read16(dev, PCI_COMMAND),
            pci_capability(dev, PCI_CAP_MSI) != 0 ? "yes" : "no",
            pci_capability(dev, PCI_CAP_MSIX) != 0 ? "yes" : "no");
    return 0;
}

static int run_mem(int argc, char **argv)
{
    uint64_t base, end;

    (void)argc;
    (void)argv;
    for (unsigned i = 0; ram_range(i, &base, &end); i++) {
        kprintf("  RAM 0x%010llx..0x%010llx %llu KiB\n", (unsigned long long)base,
                (unsigned long long)end, (unsigned long long)(end - base) / 1024);
    }
    kprintf("  pages %llu, free %llu; heap in use %zu bytes\n",
            (unsigned long long)page_total_count(), (unsigned long long)page_free_count(),
            kmalloc_in_use());
    return 0;
}

static int run_exit(int argc, char **argv)
{
    uint64_t code = 0;

    if (argc > 2 || (argc == 2 && (!kparse_u64(argv[1], &code) || code > EXIT_OTHER))) {
        kprintf("usage: exit [0..%d]\n", EXIT_OTHER);
        return 1;
    }
    kernel_exit((int)code);
}

static const struct console_command builtins[] = {
    { "help", "[command]", "this list", run_help },
    { "pci", "[device]", "PCI devices, or one in detail", run_pci },
    { "mem", "", "RAM and what is free of it", run_mem },
    { "exit", "[code]", "end the kernel", run_exit },
};

void console_builtins_init(void)
{
    for (unsigned i = 0; i < sizeof(builtins) / sizeof(builtins[0]); i++) {
        console_register(&builtins[i]);
    }
}
