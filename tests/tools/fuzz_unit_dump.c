/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as a register dump for `udmar unit`. */
#include "unit_report.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct problem problem;
    struct unit_set set;
    char *text = NULL;
    size_t length = 0;
    FILE *out;

    if (!unit_from_dump(data, size, &set, &problem))
        return 0;
    out = open_memstream(&text, &length);
    unit_print(&set, out);
    unit_print_json(&set, out);
    fclose(out);
    free(text);
    unit_free(&set);
    return 0;
}
