/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer: any bytes as a kernel log, through everything up to the printed text and JSON; once as
 * a whole and once line by line, as a program that follows a log feeds it.
 */
#include "explain_text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t show(struct log *log, FILE *sink)
{
    uint64_t faults = log->faults;

    log_sort(log);
    explain_print(sink, log, "fuzz");
    explain_print_json(sink, log, "fuzz");
    log_free(log);
    return faults;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *at = (const char *)data, *end = at + size;
    static FILE *sink;
    uint64_t faults;
    struct log log;

    if (sink == NULL)
        sink = fopen("/dev/null", "w");
    log_init(&log);
    log_read(&log, at, size);
    faults = show(&log, sink);
    log_init(&log);
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((newline != NULL ? newline : end) - at);

        log_line(&log, at, length);
        at += length + 1;
    }
    log_settle(&log);
    /* UTF-16 is known only of a whole file. */
    if (show(&log, sink) != faults && memchr(data, 0, size) == NULL &&
        (size < 2 || (data[0] < 0xfe && data[1] < 0xfe)))
        abort();
    return 0;
}
