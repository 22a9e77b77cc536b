/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A log from its first to its last line, and faults into groups.
 *
 * Faults belong together when device, direction, reason and PASID are the same and the page is the
 * same or close to the run so far. A device that faults all over its address space gets one group
 * for the rest after a few runs: forty pages of addresses help nobody.
 */
#include "explain_log.h"

#include <stdlib.h>
#include <string.h>

enum {
    BUCKETS = 4096,
    RUNS = 6,                  /* kept apart for each device, direction and reason */
    GROUP_LIMIT = BUCKETS - 1, /* one bucket stays empty: searches end there */
    DEVICE_LIMIT = 4096,
    NEAR_PAGES = 16, /* a run goes on across a gap of so many pages */
};

void log_init(struct log *log)
{
    *log = (struct log){ 0 };
    log->buckets = allocate(BUCKETS, sizeof(log->buckets[0]));
    log->groups = allocate(GROUP_LIMIT, sizeof(log->groups[0]));
}

void log_free(struct log *log)
{
    free(log->groups);
    free(log->notices);
    free(log->devices);
    free(log->ranges);
    free(log->buckets);
    *log = (struct log){ 0 };
}

/* ---- devices -------------------------------------------------------------------------------- */

static struct log_device *find_device(const struct log *log, uint16_t segment, udmar_rid_t rid)
{
    for (size_t i = 0; i < log->device_count; i++) {
        if (log->devices[i].rid == rid && log->devices[i].segment == segment)
            return &log->devices[i];
    }
    return NULL;
}

const struct log_device *log_device_find(const struct log *log, uint16_t segment, udmar_rid_t rid)
{
    return find_device(log, segment, rid);
}

struct log_device *log_device_add(struct log *log, uint16_t segment, udmar_rid_t rid)
{
    struct log_device *device = find_device(log, segment, rid);

    if (device != NULL || log->device_count == DEVICE_LIMIT)
        return device;
    if (log->devices == NULL)
        log->devices = allocate(DEVICE_LIMIT, sizeof(log->devices[0]));
    device = &log->devices[log->device_count++];
    device->segment = segment;
    device->rid = rid;
    return device;
}

/* ---- groups --------------------------------------------------------------------------------- */

static bool same_kind(const struct log_fault *a, const struct log_fault *b)
{
    return a->fault.rid == b->fault.rid && a->fault.segment == b->fault.segment &&
           a->has_device == b->has_device && a->reason == b->reason &&
           a->fault.access == b->fault.access && a->direction_known == b->direction_known &&
           a->fault.has_pasid == b->fault.has_pasid && a->fault.pasid == b->fault.pasid &&
           a->fault.place == b->fault.place;
}

static unsigned bucket_of(const struct log_fault *fault)
{
    uint32_t hash = (uint32_t)fault->fault.segment << 16 | fault->fault.rid;

    hash = hash * 31u + (uint32_t)fault->reason * 8u + fault->fault.access;
    return (hash * 2654435761u) >> 20;
}

static bool belongs(const struct log_group *group, uint64_t address)
{
    uint64_t near =
        group->first.fault.access == UDMAR_FAULT_INTERRUPT ? 0 : NEAR_PAGES * UDMAR_PAGE_SIZE;

    if (group->scattered)
        return true;
    return (address >= group->low || group->low - address <= near) &&
           (address <= group->high || address - group->high <= near);
}

static void extend(struct log_group *group, const struct log_fault *fault, bool *moved)
{
    uint64_t address = fault->fault.address;

    *moved = address < group->low || address > group->high;
    if (address > group->high)
        group->high = address;
    if (address < group->low) {
        group->low = address;
        group->ascending = false;
    }
    group->pages += *moved;
    group->count++;
    if (fault->time.text[0] != '\0')
        group->last = fault->time;
}

static void group_fault(struct log *log, const struct log_fault *fault)
{
    unsigned bucket = bucket_of(fault);
    struct log_group *group = NULL, *last = NULL;
    unsigned runs = 0;
    bool moved;

    log->faults++;
    /* Open addressing over the groups; every group of a kind lies on the same probe path. */
    for (unsigned probe = 0; probe < BUCKETS; probe++) {
        uint32_t slot = log->buckets[(bucket + probe) % BUCKETS];

        if (slot == 0)
            break;
        if (!same_kind(&log->groups[slot - 1].first, fault))
            continue;
        last = &log->groups[slot - 1];
        runs++;
        if (belongs(last, fault->fault.address)) {
            group = last;
            break;
        }
    }
    if (group == NULL && runs >= RUNS) {
        group = last;
        group->scattered = true;
        group->ascending = false;
    }
    if (group != NULL) {
        extend(group, fault, &moved);
        log->open = group;
        return;
    }
    if (log->group_count == GROUP_LIMIT) {
        log->dropped++;
        return;
    }
    while (log->buckets[bucket % BUCKETS] != 0)
        bucket++;
    group = &log->groups[log->group_count++];
    log->buckets[bucket % BUCKETS] = (uint32_t)log->group_count;
    *group = (struct log_group){ .first = *fault, .last = fault->time, .count = 1, .pages = 1 };
    group->low = group->high = fault->fault.address;
    group->ascending = true;
    log->open = group;
}

void log_settle(struct log *log)
{
    if (!log->has_pending)
        return;
    log->has_pending = false;
    group_fault(log, &log->pending);
}

void log_fault_add(struct log *log, const struct log_fault *fault)
{
    log_settle(log);
    log->pending = *fault;
    log->has_pending = true;
    if (fault->reason >= 0 && fault->source != LOG_UDMAR)
        log_settle(log);
}

void log_reason_add(struct log *log, int reason)
{
    if (log->has_pending && log->pending.reason < 0) {
        log->pending.reason = reason;
        log_settle(log);
    }
}

static int compare_groups(const void *left, const void *right)
{
    const struct log_group *a = left, *b = right;
    uint64_t na = a->count + a->suppressed, nb = b->count + b->suppressed;

    if (na != nb)
        return na < nb ? 1 : -1;
    return (a->first.line > b->first.line) - (a->first.line < b->first.line);
}

void log_sort(struct log *log)
{
    log->open = NULL; /* pointed into the old order */
    qsort(log->groups, log->group_count, sizeof(log->groups[0]), compare_groups);
}

/* ---- the whole log -------------------------------------------------------------------------- */

static void read_line(struct log *log, const char *from, size_t length)
{
    char line[LINE_SIZE];
    struct log_time time;
    const char *message;

    if (length >= sizeof(line))
        length = sizeof(line) - 1;
    memcpy(line, from, length);
    line[length] = '\0';
    for (size_t i = 0; i < length; i++) {
        if (line[i] == '\0' || line[i] == '\t' || line[i] == '\r')
            line[i] = ' ';
    }
    message = line_time(line, &time);
    if (line_udmar(log, message, &time, log->lines) || line_fault(log, message, &time, log->lines))
        return;
    line_facts(log, message);
    line_notice(log, message, &time, log->lines);
}

void log_read(struct log *log, const char *text, size_t size)
{
    const char *at = text, *end = text + size;

    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t length = newline != NULL ? (size_t)(newline - at) : (size_t)(end - at);

        log->lines++;
        read_line(log, at, length);
        at += length + 1;
    }
    log_settle(log);
}
