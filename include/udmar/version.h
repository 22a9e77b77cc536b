/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The version of these headers and of the library that belongs to them. The build, the packages and
 * the release script read it here. CHANGES.md says what each version keeps compatible.
 */
#ifndef UDMAR_VERSION_H
#define UDMAR_VERSION_H

#define UDMAR_VERSION_MAJOR 0
#define UDMAR_VERSION_MINOR 1
#define UDMAR_VERSION_PATCH 0

/* One number that grows with each version: #if UDMAR_VERSION >= UDMAR_VERSION_NUMBER(0, 2, 0). */
#define UDMAR_VERSION_NUMBER(major, minor, patch) ((major)*1000000 + (minor)*1000 + (patch))
#define UDMAR_VERSION \
    UDMAR_VERSION_NUMBER(UDMAR_VERSION_MAJOR, UDMAR_VERSION_MINOR, UDMAR_VERSION_PATCH)

/* "0.1.0" */
#define UDMAR_VERSION_STRING                  \
    UDMAR_VERSION_QUOTE_(UDMAR_VERSION_MAJOR) \
    "." UDMAR_VERSION_QUOTE_(UDMAR_VERSION_MINOR) "." UDMAR_VERSION_QUOTE_(UDMAR_VERSION_PATCH)
#define UDMAR_VERSION_QUOTE_(number)  UDMAR_VERSION_QUOTE2_(number)
#define UDMAR_VERSION_QUOTE2_(number) #number

#endif
