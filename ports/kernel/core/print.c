/* SPDX-License-Identifier: BSD-2-Clause */
/* Formatted output. */
#include "console.h"
#include "irq.h"
#include "kprintf.h"
#include "kstring.h"

/* Where characters go: into a buffer that may be too small, or to the console when it is NULL. */
struct sink {
    char *buffer;
    size_t room;
    size_t count;
};

struct spec {
    bool left, zero, prefix, upper;
    char sign;
    int width;
    int precision; /* -1 when not given */
    int size;      /* bytes of the argument */
};

static void emit(struct sink *sink, char c)
{
    if (sink->buffer == NULL) {
        serial_putc(c);
    } else if (sink->count + 1 < sink->room) {
        sink->buffer[sink->count] = c;
    }
    sink->count++;
}

static void emit_repeated(struct sink *sink, char c, int times)
{
    for (; times > 0; times--) {
        emit(sink, c);
    }
}

/* `head` is sign or base prefix, which goes before zero padding and after blanks. */
static void emit_field(struct sink *sink, const struct spec *spec, const char *head,
                       const char *body, size_t length, bool zero_pad)
{
    size_t head_length = strlen(head);
    int padding = spec->width - (int)(head_length + length);

    if (!spec->left && !zero_pad) {
        emit_repeated(sink, ' ', padding);
    }
    for (size_t i = 0; i < head_length; i++) {
        emit(sink, head[i]);
    }
    if (!spec->left && zero_pad) {
        emit_repeated(sink, '0', padding);
    }
    for (size_t i = 0; i < length; i++) {
        emit(sink, body[i]);
    }
    if (spec->left) {
        emit_repeated(sink, ' ', padding);
    }
}

static void emit_number(struct sink *sink, const struct spec *spec, uint64_t value, unsigned base,
                        const char *head)
{
    const char *digits = spec->upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char text[64];
    size_t at = sizeof(text);
    int least = spec->precision < 0 ? 1 : spec->precision;

    if (least > (int)sizeof(text)) {
        least = sizeof(text);
    }
    while (value != 0 || (int)(sizeof(text) - at) < least) {
        text[--at] = digits[value % base];
        value /= base;
    }
    emit_field(sink, spec, head, text + at, sizeof(text) - at, spec->zero && spec->precision < 0);
}

static void emit_signed(struct sink *sink, const struct spec *spec, int64_t value)
{
    const char plus[2] = { spec->sign, '\0' };

    if (value < 0) {
        emit_number(sink, spec, -(uint64_t)value, 10, "-");
    } else {
        emit_number(sink, spec, (uint64_t)value, 10, plus);
    }
}

static void emit_string(struct sink *sink, const struct spec *spec, const char *text)
{
    size_t limit = spec->precision < 0 ? SIZE_MAX : (size_t)spec->precision;

    if (text == NULL) {
        text = "(null)";
    }
    emit_field(sink, spec, "", text, strnlen(text, limit), false);
}

static const char *parse_flags(const char *fmt, struct spec *spec)
{
    for (;; fmt++) {
        switch (*fmt) {
        case '-':
            spec->left = true;
            break;
        case '0':
            spec->zero = true;
            break;
        case '#':
            spec->prefix = true;
            break;
        case '+':
        case ' ':
            spec->sign = *fmt;
            break;
        default:
            return fmt;
        }
    }
}

static const char *parse_length(const char *fmt, struct spec *spec)
{
    spec->size = sizeof(int);
    switch (*fmt) {
    case 'h':
        spec->size = fmt[1] == 'h' ? 1 : 2;
        return fmt + (spec->size == 1 ? 2 : 1);
    case 'l':
        spec->size = fmt[1] == 'l' ? (int)sizeof(long long) : (int)sizeof(long);
        return fmt + (fmt[1] == 'l' ? 2 : 1);
    case 'z':
        spec->size = sizeof(size_t);
        return fmt + 1;
    case 't':
        spec->size = sizeof(ptrdiff_t);
        return fmt + 1;
    case 'j':
        spec->size = sizeof(intmax_t);
        return fmt + 1;
    default:
        return fmt;
    }
}

static const char *parse_number(const char *fmt, int *number)
{
    for (*number = 0; *fmt >= '0' && *fmt <= '9'; fmt++) {
        *number = *number < 100000 ? *number * 10 + (*fmt - '0') : *number;
    }
    return fmt;
}

/* va_list may be an array type, so it is passed around inside a structure. */
struct arguments {
    va_list list;
};

static const char *parse_spec(const char *fmt, struct spec *spec, struct arguments *args)
{
    *spec = (struct spec){ .precision = -1 };
    fmt = parse_flags(fmt, spec);
    if (*fmt == '*') {
        spec->width = va_arg(args->list, int);
        fmt++;
    } else {
        fmt = parse_number(fmt, &spec->width);
    }
    if (spec->width < 0) {
        spec->left = true;
        spec->width = -spec->width;
    }
    if (*fmt == '.') {
        fmt++;
        if (*fmt == '*') {
            spec->precision = va_arg(args->list, int);
            fmt++;
        } else {
            fmt = parse_number(fmt, &spec->precision);
        }
    }
    return parse_length(fmt, spec);
}

static uint64_t take_unsigned(const struct spec *spec, struct arguments *args)
{
    switch (spec->size) {
    case 8:
        return va_arg(args->list, unsigned long long);
    case 2:
        return (uint16_t)va_arg(args->list, unsigned);
    case 1:
        return (uint8_t)va_arg(args->list, unsigned);
    default:
        return va_arg(args->list, unsigned);
    }
}

static int64_t take_signed(const struct spec *spec, struct arguments *args)
{
    uint64_t value = take_unsigned(spec, args);

    switch (spec->size) {
    case 8:
        return (int64_t)value;
    case 2:
        return (int16_t)value;
    case 1:
        return (int8_t)value;
    default:
        return (int32_t)value;
    }
}

static void convert(struct sink *sink, struct spec *spec, char kind, struct arguments *args)
{
    char c;
    uint64_t value;

    switch (kind) {
    case 'd':
    case 'i':
        emit_signed(sink, spec, take_signed(spec, args));
        break;
    case 'u':
        emit_number(sink, spec, take_unsigned(spec, args), 10, "");
        break;
    case 'X':
    case 'x':
        spec->upper = kind == 'X';
        value = take_unsigned(spec, args);
        emit_number(sink, spec, value, 16, spec->prefix && value != 0 ? "0x" : "");
        break;
    case 'p':
        emit_number(sink, spec, (uintptr_t)va_arg(args->list, void *), 16, "0x");
        break;
    case 's':
        emit_string(sink, spec, va_arg(args->list, const char *));
        break;
    case 'c':
        c = (char)va_arg(args->list, int);
        emit_field(sink, spec, "", &c, 1, false);
        break;
    default:
        emit(sink, '%');
        emit(sink, kind);
        break;
    }
}

static void format(struct sink *sink, const char *fmt, struct arguments *args)
{
    while (*fmt != '\0') {
        struct spec spec;

        if (*fmt != '%') {
            emit(sink, *fmt++);
        } else if (fmt[1] == '%') {
            emit(sink, '%');
            fmt += 2;
        } else {
            fmt = parse_spec(fmt + 1, &spec, args);
            if (*fmt == '\0') {
                return;
            }
            convert(sink, &spec, *fmt++, args);
        }
    }
}

int kvsnprintf(char *buf, size_t size, const char *fmt, va_list args)
{
    char none;
    struct sink sink = { size > 0 ? buf : &none, size, 0 };
    struct arguments copy;

    va_copy(copy.list, args);
    format(&sink, fmt, &copy);
    va_end(copy.list);
    if (size > 0) {
        buf[sink.count < size ? sink.count : size - 1] = '\0';
    }
    return (int)sink.count;
}

int ksnprintf(char *buf, size_t size, const char *fmt, ...)
{
    va_list args;
    int length;

    va_start(args, fmt);
    length = kvsnprintf(buf, size, fmt, args);
    va_end(args);
    return length;
}

int kvprintf(const char *fmt, va_list args)
{
    struct sink sink = { NULL, 0, 0 };
    struct arguments copy;
    /* A handler's message must not land in the middle of a line being formatted. */
    uintptr_t irq = irq_save();

    va_copy(copy.list, args);
    format(&sink, fmt, &copy);
    va_end(copy.list);
    irq_restore(irq);
    return (int)sink.count;
}

int kprintf(const char *fmt, ...)
{
    va_list args;
    int length;

    va_start(args, fmt);
    length = kvprintf(fmt, args);
    va_end(args);
    return length;
}

void kputs(const char *text)
{
    kprintf("%s", text);
}
