/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the QEMU that is there can do. Versions name their properties differently, and none has all
 * of them: each process asks once, and never a version for what a question answers.
 */
#ifndef UDMAR_TESTS_ABILITY_H
#define UDMAR_TESTS_ABILITY_H

#include <stdbool.h>

/* The program: UDMAR_QEMU, else qemu-system-x86_64 from PATH. */
const char *qemu_program(void);

/* Null where it can be run, else why not. Asks all questions at once, so that processes forked
 * later know. */
const char *qemu_missing(void);

/* Major version. Only for what it does wrong, which no question answers. */
unsigned qemu_version(void);

/* Has intel-iommu this property? */
bool qemu_has(const char *property);

/* Is there a device of this type? */
bool qemu_has_device(const char *type);

/* Can its clock be moved from outside (accel=qtest)? Debian's 7.2 lacks that. */
bool qemu_clock_is_ours(void);

#endif
