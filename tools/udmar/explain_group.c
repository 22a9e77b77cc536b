/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Faults into groups, and what belongs to a log: devices, ranges, scopes.
 *
 * Faults belong together when device, direction, reason and PASID are the same and the page is the
 * same or close to the run so far. A device that faults all over its address space gets one group
 * for the rest after a few runs: forty pages of addresses help nobody.
 */
#include "explain_read.h"

#include <stdlib.h>
#include <string.h>

enum {
    BUCKETS = 4096,
    RUNS = 6,                  /* kept apart for each device, direction and reason */
    GROUP_LIMIT = BUCKETS - 1, /* one bucket stays empty: searches end there */
    DEVICE_LIMIT = 4096,
    RANGE_LIMIT = 4096,
    NEAR_PAGES = 16, /* a run goes on across a gap of so many pages */
};

void log_init(struct log *log)
{
    *log = (struct log){ 0 };
    log->buckets = allocate(BUCKETS, sizeof(log->buckets[0]));
    log->groups = allocate(GROUP_LIMIT, sizeof(log->groups[0]));
    log->reader = allocate(1, sizeof(*log->reader));
}

void log_free(struct log *log)
{
    free(log->groups);
    free(log->notices);
    free(log->devices);
    free(log->ranges);
    free(log->buckets);
    free(log->reader);
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

/* ---- ranges and scopes ---------------------------------------------------------------------- */

struct log_range *log_range_add(struct log *log, enum range_kind kind, uint64_t first,
                                uint64_t last)
{
    if (last < first || log->range_count == RANGE_LIMIT)
        return NULL;
    /* Several boots in one log say the same again. */
    for (size_t i = 0; i < log->range_count; i++) {
        if (log->ranges[i].kind == kind && log->ranges[i].first == first &&
            log->ranges[i].last == last)
            return &log->ranges[i];
    }
    if (log->ranges == NULL)
        log->ranges = allocate(RANGE_LIMIT, sizeof(log->ranges[0]));
    log->ranges[log->range_count] =
        (struct log_range){ .kind = kind, .first = first, .last = last };
    return &log->ranges[log->range_count++];
}

void log_range_own(struct log_range *range, uint16_t segment, udmar_rid_t rid)
{
    if (range == NULL || range->owner_count == RANGE_OWNERS)
        return;
    for (unsigned i = 0; i < range->owner_count; i++) {
        if (range->owners[i] == rid)
            return;
    }
    range->segment = segment;
    range->owners[range->owner_count++] = rid;
}

void log_scope_add(struct log *log, uint8_t type, uint16_t segment, udmar_rid_t rid,
                   bool from_table)
{
    if (log->scope_count < SCOPE_LIMIT)
        log->scopes[log->scope_count++] = (struct log_scope){ type, segment, rid, from_table };
}

/* ---- groups --------------------------------------------------------------------------------- */

static bool same_kind(const struct log_fault *a, const struct log_fault *b)
{
    return a->fault.rid == b->fault.rid && a->fault.segment == b->fault.segment &&
           a->has_device == b->has_device && a->has_address == b->has_address &&
           a->reason == b->reason && strcmp(a->masked, b->masked) == 0 &&
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

/* A picture of a display takes between 1/144 and 1/23 of a second; one plane is read once in it. */
static void count_interval(struct log_group *group, const struct log_fault *fault)
{
    double seconds = fault->time.seconds - group->last.seconds;

    if (!fault->time.has_seconds || !group->last.has_seconds || seconds < 0 || seconds >= 1)
        return;
    group->intervals++;
    group->refreshes += seconds > 0.0068 && seconds < 0.0435;
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
    count_interval(group, fault);
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

void log_fault_settle(struct log *log)
{
    if (!log->has_pending)
        return;
    log->has_pending = false;
    group_fault(log, &log->pending);
}

void log_fault_add(struct log *log, const struct log_fault *fault)
{
    log_fault_settle(log);
    log->pending = *fault;
    log->has_pending = true;
    if (fault->reason >= 0 && fault->source != LOG_UDMAR)
        log_fault_settle(log);
}

bool log_reason_add(struct log *log, int reason)
{
    struct log_fault *pending = &log->pending;

    if (!log->has_pending || pending->reason >= 0)
        return false;
    pending->reason = reason;
    if (!pending->direction_known && (reason == 0x05 || reason == 0x06)) {
        pending->direction_known = true;
        pending->fault.access = reason == 0x06 ? UDMAR_FAULT_READ : UDMAR_FAULT_WRITE;
    }
    log_fault_settle(log);
    return true;
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
