/* SPDX-License-Identifier: BSD-2-Clause */
/* Claims. */
#include "report.h"

#include "kernel.h"

static unsigned claims;
static unsigned failures;

static bool tap(void)
{
    return cmdline_get("tap", NULL, 0);
}

static void print_lines(const char *prefix, const char *format, va_list args)
{
    kputs(prefix);
    kvprintf(format, args);
    kputs("\n");
}

void report_chapter(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    kputs(tap() ? "" : "\n");
    print_lines(tap() ? "# == " : "== ", format, args);
    va_end(args);
}

void report_line(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_lines(tap() ? "#   " : "   ", format, args);
    va_end(args);
}

bool report_claim(bool held, const char *format, ...)
{
    char prefix[24];
    va_list args;

    claims++;
    failures += !held;
    if (tap()) {
        ksnprintf(prefix, sizeof(prefix), "%s %u - ", held ? "ok" : "not ok", claims);
    } else {
        ksnprintf(prefix, sizeof(prefix), "   [%s] ", held ? " ok " : "FAIL");
    }
    va_start(args, format);
    print_lines(prefix, format, args);
    va_end(args);
    return held;
}

unsigned report_claims(void)
{
    return claims;
}

unsigned report_end(void)
{
    if (tap()) {
        kprintf("1..%u\n", claims);
    }
    return failures;
}
