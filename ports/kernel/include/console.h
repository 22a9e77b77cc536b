/* SPDX-License-Identifier: BSD-2-Clause */
/* Serial console and its command interpreter. */
#ifndef KERNEL_CONSOLE_H
#define KERNEL_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

/* A character that has arrived, or -1. */
int serial_getc(void);
void serial_putc(char c);

struct irq;
/* Makes the port raise its interrupt now, as it does when it has sent a character. The interrupt,
 * or NULL when the port has none. */
const struct irq *serial_raise(void);

/*
 * A line with echo, backspace, ^U (drop the line) and ^C (returns an empty line), without its line
 * end.  Waits for as long as the user takes, idling the processor.  Returns its length.
 */
int console_readline(char *buf, size_t size);

/*
 * A command.  argv[0] is its name; argc counts it; argv[argc] is NULL.  run returns 0 for success;
 * it prints its own messages.  Words may be quoted with "".
 */
struct console_command {
    const char *name;
    const char *usage; /* arguments only, "" for none: "<device> [count]" */
    const char *help;  /* one line */
    int (*run)(int argc, char **argv);
};

/* The command must stay where it is.  Panics when the name is taken or the table (64) is full. */
void console_register(const struct console_command *command);

/* Runs one line (modified in place).  The command's result, 0 for an empty line or one beginning
 * with #, -1 for an unknown command or a line that cannot be split. */
int console_run_line(char *line);

/* Reads and runs lines at the prompt `udmar> ` for ever; the command `exit [code]` ends the kernel.
 * Built-in commands: help, pci, mem, exit. */
_Noreturn void console_loop(void);

#endif
