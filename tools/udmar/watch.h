/* SPDX-License-Identifier: BSD-2-Clause */
/* Where watch reads faults from when it is not a log: the list that udmar's Linux module keeps. */
#ifndef UDMAR_TOOL_WATCH_H
#define UDMAR_TOOL_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Below /sys, or a copy of it. */
#define WATCH_LIST "kernel/debug/udmar/faults"

struct watch_list {
    const char *path;
    uint64_t last; /* number of the newest fault that has been taken */
    uint64_t lost; /* faults that were pushed out of the list before they were read */
};

/* A fault as the kernel log would have it, without an end of line. */
typedef void watch_take_t(void *context, const char *line, size_t length);

/*
 * Takes what has come since the last time. A list that begins anew (the module was loaded again) is
 * taken from its start. Returns false, with errno, when the file cannot be read.
 */
bool watch_list_read(struct watch_list *list, watch_take_t *take, void *context);

#endif
