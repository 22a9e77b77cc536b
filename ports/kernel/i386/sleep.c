/* SPDX-License-Identifier: BSD-2-Clause */
/* The i386 image has no way back from real mode with PAE. */
#include "../core/internal.h"

const char *sleep_objection(void)
{
    return "the i386 image does not sleep";
}

bool sleep_to_ram(void)
{
    return false;
}
