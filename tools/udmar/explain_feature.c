/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is true of a group of faults: its reason, its address, its course. The device is in
 * explain_device.c.
 */
#include "explain_feature.h"

#include <string.h>

/* ---- the reason ----------------------------------------------------------------------------- */

/* [VTD appendix A] */
static const struct {
    uint8_t first, last;
    enum feature feature;
} reasons[] = {
    { 0x01, 0x01, R_NO_ROOT },    { 0x02, 0x02, R_NO_CONTEXT }, { 0x03, 0x03, R_BAD_ENTRY },
    { 0x04, 0x04, R_TOO_HIGH },   { 0x05, 0x06, R_UNMAPPED },   { 0x07, 0x09, R_TABLE_READ },
    { 0x0a, 0x0c, R_RESERVED },   { 0x0c, 0x0c, R_LEAF_BITS },  { 0x0d, 0x0d, R_ATS },
    { 0x0e, 0x0e, R_TO_MSI },     { 0x20, 0x2f, R_IR },         { 0x21, 0x22, R_IR_ABSENT },
    { 0x21, 0x21, R_IR_BEYOND },  { 0x27, 0x28, R_IR_POSTED },  { 0x23, 0x23, R_TABLE_READ },
    { 0x24, 0x24, R_RESERVED },   { 0x25, 0x25, R_IR_COMPAT },  { 0x26, 0x26, R_IR_SOURCE },
    { 0x27, 0x27, R_TABLE_READ }, { 0x28, 0x28, R_RESERVED },   { 0x30, 0x30, R_BAD_ENTRY },
    { 0x31, 0x31, R_PASID },      { 0x32, 0x32, R_ATS },        { 0x33, 0x33, R_ABORT },
    { 0x38, 0x38, R_TABLE_READ }, { 0x39, 0x39, R_NO_ROOT },    { 0x3a, 0x3a, R_RESERVED },
    { 0x40, 0x40, R_TABLE_READ }, { 0x41, 0x41, R_NO_CONTEXT }, { 0x42, 0x42, R_RESERVED },
    { 0x43, 0x43, R_BAD_ENTRY },  { 0x44, 0x44, R_ATS },        { 0x45, 0x46, R_PASID },
    { 0x47, 0x47, R_ATS },        { 0x48, 0x48, R_BAD_ENTRY },  { 0x50, 0x50, R_TABLE_READ },
    { 0x51, 0x51, R_PASID },      { 0x52, 0x52, R_RESERVED },   { 0x58, 0x58, R_TABLE_READ },
    { 0x59, 0x59, R_PASID },      { 0x5a, 0x5a, R_RESERVED },   { 0x5b, 0x5d, R_BAD_ENTRY },
    { 0x70, 0x70, R_TABLE_READ }, { 0x71, 0x71, R_UNMAPPED },   { 0x72, 0x72, R_RESERVED },
    { 0x72, 0x72, R_LEAF_BITS },  { 0x73, 0x73, R_TABLE_READ }, { 0x78, 0x78, R_TABLE_READ },
    { 0x79, 0x79, R_UNMAPPED },   { 0x7a, 0x7a, R_RESERVED },   { 0x7a, 0x7a, R_LEAF_BITS },
    { 0x7b, 0x7b, R_BAD_ENTRY },  { 0x80, 0x80, R_TOO_HIGH },   { 0x81, 0x82, R_UNMAPPED },
    { 0x83, 0x84, R_TOO_HIGH },   { 0x85, 0x86, R_UNMAPPED },   { 0x87, 0x87, R_TO_MSI },
};

static void of_reason(int reason, struct features *features)
{
    bool known = false;

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reason < reasons[i].first || reason > reasons[i].last)
            continue;
        features->has[reasons[i].feature] = known = true;
    }
    features->has[R_UNKNOWN] = !known;
}

/* ---- the address ---------------------------------------------------------------------------- */

static const struct log_range *find_range(const struct log *log, enum range_kind kind,
                                          uint64_t address)
{
    for (size_t i = 0; i < log->range_count; i++) {
        if (log->ranges[i].kind == kind && address >= log->ranges[i].first &&
            address <= log->ranges[i].last)
            return &log->ranges[i];
    }
    return NULL;
}

static bool owns(const struct log_range *range, uint16_t segment, udmar_rid_t rid)
{
    for (unsigned i = 0; i < range->owner_count; i++) {
        if (range->owners[i] == rid && range->segment == segment)
            return true;
    }
    return false;
}

/* The range names functions of the slot, and this one is not among them. */
static bool names_siblings(const struct log_range *range, const struct udmar_fault *fault)
{
    bool sibling = false;

    for (unsigned i = 0; i < range->owner_count; i++)
        sibling |= range->segment == fault->segment && (range->owners[i] ^ fault->rid) < 8;
    return sibling && !owns(range, fault->segment, fault->rid);
}

static void of_rmrr(const struct log *log, const struct udmar_fault *fault,
                    struct features *features)
{
    /* Firmware lays the buffers of one device side by side, and declares some of them. */
    const uint64_t near = UINT64_C(0x100000);
    const struct log_range *in = find_range(log, RANGE_RMRR, fault->address);

    if (in != NULL) {
        features->has[A_RMRR] = true;
        features->has[A_RMRR_OTHER] = in->owner_count > 0 && in->owner_count < RANGE_OWNERS &&
                                      !owns(in, fault->segment, fault->rid);
    }
    for (size_t i = 0; i < log->range_count; i++) {
        const struct log_range *range = &log->ranges[i];

        if (range->kind == RANGE_RMRR && fault->address + near >= range->first &&
            fault->address <= range->last + near && names_siblings(range, fault))
            features->has[A_RMRR_SIBLING] = true;
    }
}

/* Freed memory and fill values show in the upper half of the address that is made of them. */
static bool is_poison(uint64_t address)
{
    static const uint16_t patterns[] = { 0xdead, 0x6b6b, 0xbaad, 0x5a5a, 0xa5a5, 0xcccc };
    enum { NARROW = 3 }; /* the others are ordinary addresses below 4 GiB */
    size_t count = address >> 32 == 0 ? NARROW : sizeof(patterns) / sizeof(patterns[0]);
    uint64_t high = address >> 32 == 0 ? address >> 16 : address >> 48;

    if (address >= UINT64_C(0xfffffffffff00000))
        return true;
    for (size_t i = 0; i < count; i++) {
        if (high == patterns[i])
            return true;
    }
    return false;
}

static unsigned bit_length(uint64_t value)
{
    unsigned length = 0;

    for (; value != 0; value >>= 1)
        length++;
    return length;
}

/* Within a 64th of the end of 2^bits. */
static bool near_end(uint64_t address, unsigned bits)
{
    return bits >= 6 && bits < 64 && address >> bits == 0 && address >> (bits - 6) == 63;
}

/*
 * Linux hands DMA addresses out from the top: first below 4 GiB, then below the device's mask or
 * the unit's width. So an address that lies neither there nor there was not made by it: it is
 * physical, a guest's, or nonsense. What ends at an odd width was cut on its way.
 */
static void of_linux_address(uint64_t address, struct features *features)
{
    static const uint8_t widths[] = { 36, 39, 40, 42, 44, 45, 46, 47, 48, 52, 56, 57 };
    unsigned bits = bit_length(address);
    bool end = near_end(address, bits), usual = false;

    if (address >= 0xf0000000 && address <= 0xffffffff) {
        features->has[A_IOVA] = !features->has[A_MSI];
        return;
    }
    for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++)
        usual |= widths[i] == bits;
    features->has[A_TRUNCATED] = bits > 33 && end && !usual;
    features->has[A_KERNEL] = address >> 47 == 0x1ffff && !features->has[A_POISON];
    features->has[A_FOREIGN] = !(bits > 32 && end) && !features->has[A_KERNEL] &&
                               !features->has[A_POISON] && !features->has[A_MSI];
    /* Memory ends between 1.5 and 3.5 GiB on PCs; what firmware reserves is the end of it. */
    features->has[A_FIRMWARE] =
        features->has[A_FOREIGN] && address >= 0x60000000 && address < 0xe0000000;
}

static uint64_t end_of_ram(const struct log *log)
{
    uint64_t end = 0;

    for (size_t i = 0; i < log->range_count; i++) {
        if (log->ranges[i].kind == RANGE_RAM && log->ranges[i].last > end)
            end = log->ranges[i].last;
    }
    return end;
}

/*
 * Xen maps all memory for its first domain one to one; where not even a table of 1 GiB is, there is
 * no memory.
 */
static bool is_past_ram(const struct log *log, const struct log_group *group,
                        const struct features *features)
{
    uint64_t address = group->first.fault.address, end = end_of_ram(log);

    if (address >> 32 == 0 || (features->has[OS_LINUX] && !features->has[A_FOREIGN]))
        return false;
    if (features->has[OS_XEN] && group->stop_level >= 3 && group->stop_entry == 0)
        return true;
    return end != 0 && address > end;
}

static void of_memory(const struct log *log, const struct log_group *group,
                      struct features *features)
{
    const struct udmar_fault *fault = &group->first.fault;
    const struct log_range *bar = find_range(log, RANGE_BAR, fault->address);
    /* The number means something else: an address that was made, whatever lies there. */
    bool made = features->has[A_IOVA] || features->has[A_KERNEL];

    if (made && fault->address >> 32 == 0) {
        of_rmrr(log, fault, features);
        return;
    }
    features->has[A_RESERVED] = find_range(log, RANGE_RESERVED, fault->address) != NULL;
    features->has[A_RAM] = find_range(log, RANGE_RAM, fault->address) != NULL;
    features->has[A_BAR] = bar != NULL && !owns(bar, fault->segment, fault->rid);
    features->has[A_PAST_RAM] = !features->has[A_BAR] && is_past_ram(log, group, features);
    of_rmrr(log, fault, features);
}

/* An address that was masked, and still begins like a pointer: "ffff88W". */
static void of_masked(const char *words, struct features *features)
{
    features->has[A_HIDDEN] = true;
    if (strncmp(words, "0x", 2) == 0)
        words += 2;
    features->has[A_KERNEL] = strncmp(words, "ffff8", 5) == 0 || strncmp(words, "ffff9", 5) == 0;
}

static void of_address(const struct log *log, const struct log_group *group,
                       struct features *features)
{
    const struct udmar_fault *fault = &group->first.fault;
    uint64_t address = fault->address;

    if (fault->access == UDMAR_FAULT_INTERRUPT)
        return;
    if (!group->first.has_address) {
        of_masked(group->first.masked, features);
        return;
    }
    features->has[A_ZERO] = address == 0 && group->low == group->high;
    features->has[A_LOW] = address < 0x100000;
    features->has[A_MSI] = address >> 20 == 0xfee;
    features->has[A_POISON] = is_poison(address);
    features->has[A_LARGE] = address != 0 && (address & 0x1fffff) == 0;
    features->has[A_ROUND] =
        address >= 0x100000 && address < 0x80000000 && (address & (address - 1)) == 0;
    features->has[A_GPU_END] = near_end(address, 39);
    features->has[A_USER] = !fault->has_pasid && address >> 40 == 0x7f;
    if (features->has[OS_LINUX])
        of_linux_address(address, features);
    of_memory(log, group, features);
}

/* ---- the course ----------------------------------------------------------------------------- */

static bool is_shared(const struct log *log, const struct log_group *group)
{
    for (size_t i = 0; i < log->group_count; i++) {
        const struct log_group *other = &log->groups[i];

        if (other->first.fault.rid != group->first.fault.rid && other->first.has_address &&
            other->low <= group->high && group->low <= other->high)
            return true;
    }
    return false;
}

static void of_course(const struct log *log, const struct log_group *group,
                      struct features *features)
{
    const struct log_fault *first = &group->first;
    const struct log_boot *boot = &log->boots[first->boot];

    features->has[S_STORM] = group->count + group->suppressed >= 10;
    features->has[S_ASCENDING] = group->ascending && group->pages >= 4;
    features->has[S_EARLY] |= first->time.has_seconds && first->time.seconds < 10;
    features->has[S_LATE] = first->time.has_seconds && first->time.seconds >= 60;
    features->has[S_REFRESH] = group->refreshes >= 2 && group->refreshes * 2 >= group->intervals;
    features->has[S_SHARED] = first->has_address && first->fault.address != 0 &&
                              first->fault.access != UDMAR_FAULT_INTERRUPT && is_shared(log, group);
    features->has[S_KDUMP] = boot->kdump;
    features->has[S_RESUME] = boot->resume_line != 0 && boot->resume_line <= first->line &&
                              first->line - boot->resume_line < 60;
    features->has[S_OLD] = first->old_form;
    features->has[S_UNMATCHED] = boot->unmatched;
    features->has[OS_GUEST] = boot->guest;
}

static void of_place(const struct udmar_fault *fault, struct features *features)
{
    features->has[P_LIVE] = fault->place == UDMAR_PLACE_LIVE;
    features->has[P_GONE] = fault->place == UDMAR_PLACE_ENDED;
    features->has[P_NOTHING] = fault->place == UDMAR_PLACE_NOTHING;
    features->has[P_RESERVED] = fault->place == UDMAR_PLACE_RESERVED;
    features->has[S_BEHIND] =
        fault->place == UDMAR_PLACE_NEAR &&
        fault->address - (fault->near_base + fault->near_size) < 2 * UDMAR_PAGE_SIZE;
}

static void of_system(enum log_source source, struct features *features)
{
    static const enum feature systems[LOG_SOURCES] = {
        [LOG_LINUX] = OS_LINUX,     [LOG_XEN] = OS_XEN,       [LOG_FREEBSD] = OS_FREEBSD,
        [LOG_UDMAR] = FEATURE_NONE, [LOG_OPENBSD] = OS_OTHER, [LOG_ILLUMOS] = OS_OTHER,
        [LOG_ESXI] = OS_ESXI,       [LOG_MACOS] = OS_MACOS,   [LOG_GENODE] = OS_OTHER,
        [LOG_NOVA] = OS_OTHER,      [LOG_QEMU] = OS_QEMU,     [LOG_OTHER] = OS_OTHER,
    };

    features->has[systems[source]] = true;
    features->has[FEATURE_NONE] = false;
}

void features_of(const struct log *log, const struct log_group *group,
                 struct features *out_features)
{
    const struct udmar_fault *fault = &group->first.fault;
    struct features *features = out_features;

    *features = (struct features){ .has = { false } };
    of_system(group->first.source, features);
    of_reason(group->first.reason, features);
    features->has[IS_READ] = group->first.direction_known && fault->access == UDMAR_FAULT_READ;
    features->has[IS_WRITE] = group->first.direction_known && fault->access == UDMAR_FAULT_WRITE;
    of_address(log, group, features);
    features_of_device(log, group, features);
    of_course(log, group, features);
    if (group->first.place_known)
        of_place(fault, features);
    features->has[FIRMWARE] = fault->from_firmware;
}
