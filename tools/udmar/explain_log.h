/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel log, understood: faults in groups, messages of the DMAR driver, and what the log says of
 * the machine. Pure: text in, structures out, so a fuzzer can drive it.
 *
 * The way of a line: explain_read.c (bytes, journal records) -> explain_clean.c (colours, quote
 * marks)
 * -> explain_time.c (what stands in front) -> explain_join.c (wrapped lines) -> explain_form.c (is
 * it a fault?), explain_companion.c, explain_facts.c, explain_notice.c -> explain_group.c.
 */
#ifndef UDMAR_TOOL_EXPLAIN_LOG_H
#define UDMAR_TOOL_EXPLAIN_LOG_H

#include "common.h"

#include <udmar/fault.h>

/* Who wrote the line. The names are in explain_print.c. */
enum log_source {
    LOG_LINUX,
    LOG_XEN,
    LOG_FREEBSD,
    LOG_UDMAR,
    LOG_OPENBSD,
    LOG_ILLUMOS,
    LOG_ESXI,
    LOG_MACOS,
    LOG_GENODE,
    LOG_NOVA,
    LOG_QEMU,
    LOG_OTHER, /* a kernel that this tool does not know */
    LOG_SOURCES,
};

/* Lines are cut at this length; no message of a kernel comes near. */
enum { LINE_SIZE = 1024 };

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
    unsigned boot;
    struct log_time time;
    int unit;   /* -1: not said */
    int reason; /* -1: not said (yet) */
    bool has_device;
    bool has_address; /* of an access, or the index of an interrupt */
    bool direction_known;
    bool place_known;         /* our own format only */
    bool old_form;            /* Linux before 3.x: no "dmar:" in front */
    struct udmar_fault fault; /* segment, rid, access, address, PASID, place... */
    char label[40];           /* the log's own name for the device, or empty */
    char masked[24];          /* what stands in the place of an address that cannot be read */
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
    unsigned intervals;  /* between faults that came less than a second apart */
    unsigned refreshes;  /* of those, so long as a picture of a display takes */
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
    char name[100];     /* from a device list, not from the log */
    size_t driver_line; /* where its driver spoke first; 0: nowhere */
    bool from_list;     /* --lspci, or this machine */
    bool vfio;          /* given to a guest or a program, at some time */
    bool children;      /* platform devices hang below it */
    bool switched;      /* the kernel changed its domain while it ran */
    bool removed;       /* the log says that it went */
};

enum range_kind { RANGE_RAM, RANGE_RESERVED, RANGE_RMRR, RANGE_BAR };
enum { RANGE_OWNERS = 16 };

struct log_range {
    enum range_kind kind;
    bool from_table; /* of --table, not of the log */
    uint64_t first, last;
    unsigned owner_count; /* RMRR: the devices named; BAR: the device */
    udmar_rid_t owners[RANGE_OWNERS];
    uint16_t segment;
};

/* A scope of the DMAR table that is no PCI device. */
struct log_scope {
    uint8_t type; /* as in the table: 3 I/O APIC, 4 HPET, 5 ACPI device */
    uint16_t segment;
    udmar_rid_t rid;
    bool from_table;
};

#define LOG_VERSION(major, minor, patch) ((major) << 16 | (minor) << 8 | (patch))

/* What holds from one start of the system to the next. */
struct log_boot {
    bool has_version;
    uint32_t version; /* LOG_VERSION() of the kernel or of Xen */
    bool guest;       /* this system runs in a virtual machine */
    bool kdump;       /* translation was on when this kernel came */
    bool vmd;         /* its driver spoke */
    bool erratum;     /* the 5500 chipset whose interrupt remapping is broken */
    bool unmatched;   /* the kernel says that a driver unmaps what was never mapped */
    size_t resume_line;
};

enum { BOOT_LIMIT = 32, UNREAD_KEPT = 20, SCOPE_LIMIT = 256 };

/* A line that looks like a fault and could not be read. */
struct log_unread {
    size_t line;
    char words[160];
};

struct log_reader; /* explain_read.c: where reading stands */

struct log {
    struct log_group *groups;
    size_t group_count;
    struct log_notice *notices;
    size_t notice_count;
    struct log_device *devices; /* in the order in which they appear */
    size_t device_count;
    struct log_range *ranges;
    size_t range_count;
    struct log_scope scopes[SCOPE_LIMIT];
    size_t scope_count;
    struct log_boot boots[BOOT_LIMIT];
    unsigned boot; /* the one that is being read */
    struct log_unread unread_lines[UNREAD_KEPT];
    uint64_t unread;
    size_t lines;
    uint64_t faults;
    uint64_t suppressed;
    uint64_t overflows; /* times a unit said that it lost faults */
    uint64_t statuses;  /* times a kernel said that faults are pending */
    uint64_t dropped;   /* groups or notices beyond the limit */
    bool saw_pci;       /* the log lists PCI devices */
    bool has_table;     /* facts of --table are in */
    /* while reading: */
    struct log_group *open; /* the group of the last fault */
    bool has_pending;       /* a fault whose second line may still come */
    struct log_fault pending;
    uint32_t *buckets; /* group index + 1 by key */
    struct log_reader *reader;
};

void log_init(struct log *log);
void log_free(struct log *log);

/* Reads a whole log, whatever its encoding. Add devices from elsewhere before or after. */
void log_read(struct log *log, const char *text, size_t size);

/*
 * Reads one more line, without its newline. What cannot be told before the next line comes is held
 * back; log_settle() says that none will come soon.
 */
void log_line(struct log *log, const char *line, size_t length);
void log_settle(struct log *log);

/* Sorts the groups: most faults first. After it nothing more may be read. */
void log_sort(struct log *log);

/* The device, made if it is new; null when there are too many. */
struct log_device *log_device_add(struct log *log, uint16_t segment, udmar_rid_t rid);
const struct log_device *log_device_find(const struct log *log, uint16_t segment, udmar_rid_t rid);

/* A new range; null when there are too many or its bounds make no sense. */
struct log_range *log_range_add(struct log *log, enum range_kind kind, uint64_t first,
                                uint64_t last);
void log_range_own(struct log_range *range, uint16_t segment, udmar_rid_t rid);
void log_scope_add(struct log *log, uint8_t type, uint16_t segment, udmar_rid_t rid,
                   bool from_table);

/* ---- between the files ---------------------------------------------------------------------- */

/* One line of a log, ready to be understood. */
struct log_text {
    const char *message; /* behind time and host */
    const char *low;     /* the same in lower case */
    const struct log_time *time;
    size_t line;
};

/* What stands in front of a message. */
struct line_head {
    struct log_time time;
    const char *message;
    bool starts; /* it shows that a new message begins here */
    bool xen;    /* "(XEN)" */
};

/* Colours, quote marks, entities away, in place. True: the next line goes on in the same word. */
bool clean_line(char *line);

void line_head(const char *line, struct line_head *out_head);

/* A cleaned line: joined with the ones before it, or on its own. */
void join_line(struct log *log, const char *line, size_t number);
void join_settle(struct log *log);

/* Takes a fault; one without a reason, or of our own format, waits for its second line. */
void log_fault_add(struct log *log, const struct log_fault *fault);

/* A reason that came on a line of its own. False: no fault waits for one. */
bool log_reason_add(struct log *log, int reason);

/* Puts the fault that waits into its group. */
void log_fault_settle(struct log *log);

/* A line that looks like a fault, and is none that can be read. */
void log_unread_add(struct log *log, const struct log_text *text);

/* A part of a fault, or what surrounds one. */
bool line_companion(struct log *log, const struct log_text *text);

/* Our own format. */
bool line_udmar(struct log *log, const struct log_text *text);

/* What the line says of the machine: devices, drivers, memory, RMRRs; of the system that runs. */
void line_facts(struct log *log, const struct log_text *text);
void line_system(struct log *log, const struct log_text *text);

/* A message that the notice table knows. */
bool line_notice(struct log *log, const struct log_text *text);

#endif
