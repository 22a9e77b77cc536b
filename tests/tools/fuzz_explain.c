/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer: any bytes as a kernel log, through everything up to the printed text and JSON.
 */
#include "explain_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *sink;
    struct log log;

    if (sink == NULL)
        sink = fopen("/dev/null", "w");
    log_init(&log);
    log_read(&log, (const char *)data, size);
    log_sort(&log);
    explain_print(sink, &log, "fuzz");
    explain_print_json(sink, &log, "fuzz");
    log_free(&log);
    return 0;
}
