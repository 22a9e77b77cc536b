/* SPDX-License-Identifier: BSD-2-Clause */
/* A small formatter: inttypes.h and stdio.h are not there in a freestanding program. */
#include "base/text.h"

#include "base/bits.h"

static void put_char(struct udmar__text *text, char c)
{
    if (text->length + 1 < text->size) {
        text->buffer[text->length++] = c;
        text->buffer[text->length] = '\0';
    }
}

static void put_string(struct udmar__text *text, const char *string)
{
    for (; *string != '\0'; string++) {
        put_char(text, *string);
    }
}

static void put_number(struct udmar__text *text, uint64_t value, unsigned base, unsigned width,
                       char pad)
{
    char digits[24];
    unsigned count = 0;

    do {
        uint64_t digit;

        value = udmar__divide(value, base, &digit);
        digits[count++] = "0123456789abcdef"[digit];
    } while (value != 0);
    for (unsigned i = count; i < width; i++) {
        put_char(text, pad);
    }
    while (count > 0) {
        put_char(text, digits[--count]);
    }
}

void udmar__text_init(struct udmar__text *text, char *buffer, size_t size)
{
    text->buffer = buffer;
    text->size = size;
    text->length = 0;
    buffer[0] = '\0';
}

void udmar__text_add_args(struct udmar__text *text, const char *format, va_list args)
{
    for (; *format != '\0'; format++) {
        char pad = ' ';
        unsigned width = 0;
        bool wide = false;
        int number;

        if (*format != '%') {
            put_char(text, *format);
            continue;
        }
        format++;
        if (*format == '0') {
            pad = '0';
            format++;
        }
        for (; *format >= '0' && *format <= '9'; format++) {
            width = width * 10 + (unsigned)(*format - '0');
        }
        for (; *format == 'l'; format++) {
            wide = true;
        }
        switch (*format) {
        case 's':
            put_string(text, va_arg(args, const char *));
            break;
        case 'c':
            put_char(text, (char)va_arg(args, int));
            break;
        case 'd':
            number = va_arg(args, int);
            if (number < 0) {
                put_char(text, '-');
            }
            put_number(text, number < 0 ? 0u - (unsigned)number : (unsigned)number, 10, width, pad);
            break;
        case 'u':
        case 'x':
            put_number(text,
                       wide ? va_arg(args, unsigned long long) : (unsigned)va_arg(args, unsigned),
                       *format == 'u' ? 10 : 16, width, pad);
            break;
        case '\0':
            return;
        default:
            put_char(text, *format);
        }
    }
}

void udmar__text_add(struct udmar__text *text, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    udmar__text_add_args(text, format, args);
    va_end(args);
}

void udmar__log(void *host, enum udmar_log_level level, const char *format, ...)
{
    char line[UDMAR__LINE];
    struct udmar__text text;
    va_list args;

    udmar__text_init(&text, line, sizeof(line));
    put_string(&text, "udmar: ");
    va_start(args, format);
    udmar__text_add_args(&text, format, args);
    va_end(args);
    udmar_host_log(host, level, line);
}

bool udmar__string_equal(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}
