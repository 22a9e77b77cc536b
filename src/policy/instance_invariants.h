/* SPDX-License-Identifier: BSD-2-Clause */
/* What is true of an instance between two calls (docs/DESIGN.md, section 20); for a debug build. */
#ifndef UDMAR_POLICY_INSTANCE_INVARIANTS_H
#define UDMAR_POLICY_INSTANCE_INVARIANTS_H

#include "policy/instance.h"

#ifdef UDMAR_DEBUG

/*
 * Null, or what is wrong, in words: units and their queues, groups, domains and all that
 * udmar__mapper_check() looks at. While no call is under way for the instance.
 */
const char *udmar__instance_check(struct udmar *instance);

#endif
#endif
