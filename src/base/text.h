/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines for people, without a C library. */
#ifndef UDMAR_BASE_TEXT_H
#define UDMAR_BASE_TEXT_H

#include <stdarg.h>

#include <udmar/host.h>

/* The longest line that goes to the host, with its NUL (host.h promises 319 bytes). */
#define UDMAR__LINE 320

/* A buffer that is appended to and always NUL-terminated; what does not fit is cut. */
struct udmar__text {
    char *buffer;
    size_t size;
    size_t length;
};

void udmar__text_init(struct udmar__text *text, char *buffer, size_t size);

/*
 * Appends. Understood: %s %c %d %u %x %llu %llx %%, a width, and 0 before the width. Written like
 * printf so that compilers check the arguments.
 */
void udmar__text_add(struct udmar__text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void udmar__text_add_args(struct udmar__text *text, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* One line to the host's log; "udmar: " is put in front. */
void udmar__log(void *host, enum udmar_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

bool udmar__string_equal(const char *a, const char *b);

#endif
