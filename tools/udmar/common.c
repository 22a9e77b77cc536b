/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages, memory, files and colour for all commands; text and JSON are in common_text.c.
 */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- messages ------------------------------------------------------------------------------- */

static const char *prefix = "udmar";

void message_prefix(const char *command)
{
    prefix = command;
}

static void message_list(const char *format, va_list arguments) PRINTF_LIKE(1, 0);

static void message_list(const char *format, va_list arguments)
{
    char text[600];
    int length = vsnprintf(text, sizeof(text), format, arguments);

    /* What was printed so far comes first where both go to one terminal or file. */
    fflush(stdout);
    if (length < 0)
        length = 0;
    if ((size_t)length >= sizeof(text))
        length = sizeof(text) - 1;
    fprintf(stderr, "%s: ", prefix);
    print_text(stderr, text, (size_t)length);
    fputc('\n', stderr);
}

void message(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    message_list(format, arguments);
    va_end(arguments);
}

int usage_error(const char *format, ...)
{
    va_list arguments;

    if (format != NULL) {
        va_start(arguments, format);
        message_list(format, arguments);
        va_end(arguments);
    }
    fprintf(stderr, "try '%s --help'\n", prefix);
    return STATUS_USAGE;
}

bool problem_set(struct problem *problem, size_t offset, const char *format, ...)
{
    va_list arguments;

    if (problem != NULL) {
        problem->offset = offset;
        va_start(arguments, format);
        vsnprintf(problem->text, sizeof(problem->text), format, arguments);
        va_end(arguments);
    }
    return false;
}

/* ---- memory --------------------------------------------------------------------------------- */

static void *not_null(void *memory)
{
    if (memory == NULL) {
        message("out of memory");
        exit(STATUS_INPUT);
    }
    return memory;
}

/* One element at least: null must mean that there is no memory, and nothing else. */
void *allocate(size_t count, size_t size)
{
    return not_null(calloc(count > 0 ? count : 1, size > 0 ? size : 1));
}

void *reallocate(void *old, size_t count, size_t size)
{
    return not_null(reallocarray(old, count > 0 ? count : 1, size > 0 ? size : 1));
}

/* ---- files ---------------------------------------------------------------------------------- */

/* Reads to the end; asking for the size first would be wrong for sysfs and pipes. */
static bool read_all(int descriptor, size_t limit, struct file *file)
{
    size_t room = 0;
    ssize_t got;

    for (;;) {
        if (room - file->size < 2) {
            room = room == 0 ? 16384 : 2 * room;
            file->bytes = reallocate(file->bytes, room, 1);
        }
        got = read(descriptor, file->bytes + file->size, room - file->size - 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            message("cannot read %s: %s", file->name, strerror(errno));
            return false;
        }
        if (got == 0)
            break;
        file->size += (size_t)got;
        if (file->size > limit) {
            message("%s is too big: the limit is %zu bytes", file->name, limit);
            return false;
        }
    }
    file->bytes[file->size] = 0;
    return true;
}

bool file_read(const char *path, size_t limit, struct file *out_file)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int descriptor = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    bool done;

    *out_file = (struct file){ .name = is_stdin ? "standard input" : path };
    if (descriptor < 0) {
        message("cannot open %s: %s", path, strerror(errno));
        return false;
    }
    done = read_all(descriptor, limit, out_file);
    if (!is_stdin)
        close(descriptor);
    if (!done)
        file_free(out_file);
    return done;
}

void file_free(struct file *file)
{
    free(file->bytes);
    *file = (struct file){ .name = file->name };
}

/* ---- colour --------------------------------------------------------------------------------- */

static bool colour;

void colour_auto(void)
{
    const char *no_color = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");

    colour = isatty(STDOUT_FILENO) && (no_color == NULL || no_color[0] == '\0') &&
             terminal != NULL && strcmp(terminal, "dumb") != 0;
}

bool colour_option(const char *when)
{
    if (strcmp(when, "auto") == 0)
        colour_auto();
    else if (strcmp(when, "always") == 0)
        colour = true;
    else if (strcmp(when, "never") == 0)
        colour = false;
    else
        return false;
    return true;
}

const char *style(enum style style)
{
    static const char *const sequences[] = {
        [STYLE_END] = "\033[0m",   [STYLE_HEAD] = "\033[1m",  [STYLE_NAME] = "\033[36m",
        [STYLE_FAINT] = "\033[2m", [STYLE_GOOD] = "\033[32m", [STYLE_WARN] = "\033[33m",
        [STYLE_BAD] = "\033[31m",
    };

    return colour ? sequences[style] : "";
}
