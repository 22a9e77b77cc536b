/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDMAR_ASSERT(condition): what can only be untrue by a mistake of the library's own. Never for
 * what callers, firmware or hardware do: that is an error with a status.
 *
 * Nothing in a release build; the condition is compiled and not evaluated. With -DUDMAR_DEBUG a
 * condition that is untrue logs one line, with null for the port's pointer, and traps. A port that
 * wants something else defines the macro itself (udmar/host.h).
 */
#ifndef UDMAR_BASE_ASSERT_H
#define UDMAR_BASE_ASSERT_H

#include <udmar/host.h>

#ifdef UDMAR_DEBUG
/* Logs the expression and where it stands, then traps. */
void udmar__assertion_failed(const char *expression, const char *file, unsigned line)
    __attribute__((noreturn, cold));
#endif

#ifndef UDMAR_ASSERT
#ifdef UDMAR_DEBUG
#define UDMAR_ASSERT(condition) \
    ((condition) ? (void)0 : udmar__assertion_failed(#condition, __FILE__, __LINE__))
#else
#define UDMAR_ASSERT(condition) ((void)sizeof(!(condition)))
#endif
#endif

#endif
