/* SPDX-License-Identifier: BSD-2-Clause */
/* How many lines one cause may print. */
#ifndef UDMAR_BASE_RATE_H
#define UDMAR_BASE_RATE_H

#include <udmar/types.h>

/* Five lines in five seconds: enough to see a pattern, too few to drown a serial console. */
#define UDMAR__RATE_LINES  5u
#define UDMAR__RATE_WINDOW UINT64_C(5000000000)

/* May one more line be printed now? *start and *printed begin at zero. */
static inline bool udmar__rate_allows(uint64_t *start, unsigned *printed, uint64_t now)
{
    if (*printed == 0 || now - *start >= UDMAR__RATE_WINDOW) {
        *start = now;
        *printed = 0;
    }
    if (*printed == UDMAR__RATE_LINES) {
        return false;
    }
    ++*printed;
    return true;
}

#endif
