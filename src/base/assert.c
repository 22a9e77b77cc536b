/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of a debug build that has found a mistake of its own. */
#include "base/assert.h"

#include "base/text.h"

#ifdef UDMAR_DEBUG

void udmar__assertion_failed(const char *expression, const char *file, unsigned line)
{
    udmar__log(NULL, UDMAR_LOG_ERROR, "%s:%u: not true: %s", file, line, expression);
    __builtin_trap();
}

#endif
