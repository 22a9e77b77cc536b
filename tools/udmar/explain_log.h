/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel log, understood: faults in groups, messages of the DMAR driver, and what the log says of
 * the machine. Pure: text in, structures out, so a fuzzer can drive it.
 */
#ifndef UDMAR_TOOL_EXPLAIN_LOG_H
#define UDMAR_TOOL_EXPLAIN_LOG_H

#include "common.h"

#include <udmar/fault.h>

enum log_source { LOG_LINUX, LOG_XEN, LOG_FREEBSD, LOG_UDMAR };

/* When a line was written, as far as it says so. */
struct log_time {
    char text[32]; /* "1.234567", "Nov 22 12:00:01"; empty: it does not say */
    bool has_seconds;
    double seconds;
};

/* A fault, from one line or from the two that belong together. */
struct log_fault {
    enum log_source source;
    size_t line; /* number of the line, from 1 */
    struct log_time time;
    int unit;   /* -1: not said */
    int reason; /* -1: not said (yet) */
    bool has_device;
    bool direction_known;
    bool place_known;         /* our own format only */
    struct udmar_fault fault; /* segment, rid, access, address, PASID, place... */
    char label[40];           /* the log's own name for the device, or empty */
};

enum { NO_LEVEL = 0 };

/* Faults of one device, one direction, one reason, and one page or a run of pages. */
struct log_group {
    struct log_fault first;
    struct log_time last;
    uint64_t count;
    uint64_t suppressed; /* messages that the kernel left out behind these */
    uint64_t low, high;  /* pages */
    uint64_t pages;      /* how often the page changed, plus one */
    bool ascending;      /* every change was upwards */
    bool scattered;      /* more runs than are worth keeping apart */
    unsigned stop_level; /* from a table dump in the log; NO_LEVEL: none */
    uint64_t stop_entry;
};

/* A message that is no fault; what it means is in the table of explain_notice.c. */
struct log_notice {
    const struct notice_text *text;
    size_t line;
    uint64_t count;
    struct log_time first, last;
    bool has_device;
    uint16_t segment;
    udmar_rid_t rid;
    char words[220]; /* the message, cut */
};

struct log_device {
    uint16_t segment;
    udmar_rid_t rid;
    bool has_ids;
    uint16_t vendor, device;
    uint32_t class_code;
    char driver[24];
    char name[100]; /* from a device list, not from the log */
};

enum range_kind { RANGE_RAM, RANGE_RESERVED, RANGE_RMRR };

struct log_range {
    enum range_kind kind;
    uint64_t first, last;
};

struct log {
    struct log_group *groups;
    size_t group_count;
    struct log_notice *notices;
    size_t notice_count;
    struct log_device *devices; /* in the order in which they appear */
    size_t device_count;
    struct log_range *ranges;
    size_t range_count;
    size_t lines;
    uint64_t faults;
    uint64_t suppressed;
    uint64_t overflows; /* times a unit said that it lost faults */
    uint64_t dropped;   /* groups or notices beyond the limit */
    bool saw_pci;       /* the log lists PCI devices */
    bool kdump;         /* translation was on when this kernel came */
    /* while reading: */
    struct log_group *open; /* the group of the last fault */
    bool has_pending;       /* a fault whose second line may still come */
    struct log_fault pending;
    uint32_t *buckets; /* group index + 1 by key */
};

/* Reads a whole log. Add devices from elsewhere with log_device_add() before or after. */
void log_read(struct log *log, const char *text, size_t size);
void log_init(struct log *log);
void log_free(struct log *log);

/* The device, made if it is new; null when there are too many. */
struct log_device *log_device_add(struct log *log, uint16_t segment, udmar_rid_t rid);
const struct log_device *log_device_find(const struct log *log, uint16_t segment, udmar_rid_t rid);

/* Takes a fault; one without a reason, or of our own format, waits for its second line. */
void log_fault_add(struct log *log, const struct log_fault *fault);

/* A reason that came on a line of its own. */
void log_reason_add(struct log *log, int reason);

/* Puts the fault that waits into its group. */
void log_settle(struct log *log);

/* Sorts the groups: most faults first. */
void log_sort(struct log *log);

/* ---- between the files ---------------------------------------------------------------------- */

/* Lines are cut at this length; no message of a kernel comes near. */
enum { LINE_SIZE = 1024 };

/* The time at the start of a line. Returns where the message begins. */
const char *line_time(const char *line, struct log_time *time);

/* A fault or a part of one. False: the line is something else. */
bool line_fault(struct log *log, const char *message, const struct log_time *time, size_t number);

/* Our own format. */
bool line_udmar(struct log *log, const char *message, const struct log_time *time, size_t number);

/* What the line says of the machine: devices, drivers, memory, RMRRs. */
void line_facts(struct log *log, const char *message);

/* A message that the notice table knows. */
void line_notice(struct log *log, const char *message, const struct log_time *time, size_t number);

/*
 * "0000:02:00.0", "02:00.0", "0x02:0x00.0" at the start of text. Returns what follows it, or null.
 */
const char *scan_device(const char *text, uint16_t *segment, udmar_rid_t *rid);

/* A hexadecimal number, 0x or not. Returns what follows it, or null. */
const char *scan_hex(const char *text, uint64_t *value);
const char *scan_decimal(const char *text, uint64_t *value);

#endif
