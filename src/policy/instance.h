/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instance: units, devices, groups, faults.
 *
 * Functions that change the instance run one at a time (udmar.h); `lock` protects the lists only
 * against the fault interrupt and against readers.
 */
#ifndef UDMAR_POLICY_INSTANCE_H
#define UDMAR_POLICY_INSTANCE_H

#include <udmar/udmar.h>

#include "base/lock.h"
#include "interrupt/remap_table.h"
#include "interrupt/sender.h"
#include "mapping/mapper.h"
#include "unit/unit.h"

/* Requester ids that one device may send: a whole bus of them, two a bridge, and some to spare. */
#define UDMAR__IDS 336

struct udmar__ids {
    uint16_t segment;     /* in which they arrive: not always the device's own */
    udmar_rid_t governor; /* the function whose place in the machine they share */
    udmar_rid_t sent;     /* what its unit will see, as far as that is known */
    bool too_many;
    unsigned count;
    udmar_rid_t id[UDMAR__IDS];  /* ascending */
    struct udmar__sender sender; /* those of them that its unit sees: an interrupt's */
    udmar_rid_t
        first[UDMAR_DEVICE_IDS]; /* for people: from the function up, as far as there is room */
};

/* What the instance knows of a unit beyond the unit itself. */
struct udmar__unit_record {
    struct udmar__unit_record *next;
    struct udmar_unit *unit;
    struct udmar *instance;
    bool include_all;
    bool graphics_only;
    bool failed; /* left out after bring-up had begun; udmar__unit_record_failed() */
    unsigned quirks;
    udmar_paddr_t host_queue;         /* IQA of the queue to be given back at stop; 0: none */
    struct udmar__remap_table *remap; /* of its interrupts; null: it does not remap them */
};

/* Start changes it while faults are polled. */
static inline bool udmar__unit_record_failed(const struct udmar__unit_record *record)
{
    return __atomic_load_n(&record->failed, __ATOMIC_RELAXED);
}

/*
 * Devices of one unit that are connected by common requester ids: hardware cannot tell them apart,
 * so they share mode and domain. Two devices that have no id in common are in one group when a
 * third has ids of both.
 */
struct udmar__group {
    struct udmar__group *next;
    enum udmar_mode mode;
    /* Null: blocked. Blocked with one: the unit has not confirmed that it has forgotten it. */
    struct udmar_domain *domain;
    unsigned devices;
    bool chosen; /* at run time: tunables and firmware have said something else */
    /*
     * Its unit failed while nobody used the domain: drivers were given physical addresses since,
     * and as long as one of them is in use the contexts lead to `bypass`.
     */
    bool bypassed;
    struct udmar_domain *bypass; /* pass-through or identity; null: none yet, or impossible */
};

struct udmar_dma_tag;
struct udmar_dma_map;
struct udmar__bounce_zone;

struct udmar_device {
    struct udmar *instance;
    struct udmar_device *next;
    uint16_t segment;
    udmar_rid_t rid;
    char name[32];
    unsigned attach_refs; /* udmar_device_attach() calls not yet undone */
    bool keeps_context;   /* RMRRs: firmware may go on using it */
    bool in_doubt; /* firmware's table is damaged where it may name it: physical addresses only */
    bool leaving;  /* its ids are to have no context */
    bool unconfirmed; /* the unit has not confirmed what its contexts are to be */
    bool cut_off;     /* there was no memory for its contexts: they are absent */
    struct udmar__unit_record *unit_record; /* null: no unit */
    enum udmar_match match;
    struct udmar__group *group; /* null: unprotected */
    enum udmar_mode wanted;
    const char *reason;
    unsigned rmrrs;   /* that name it */
    bool apart;       /* its ids belong to groups that cannot become one: `ids` is what is left */
    bool domain_seen; /* atomic; udmar_device_domain() has given the domain out */
    struct udmar__ids ids;
    struct udmar_dma_tag *tag; /* the root tag, made by busdma on first use; freed with the last
                                  attach undone */
    size_t tag_size;
    unsigned refs;              /* tags and maps below the root tag; atomic */
    bool physical;              /* they give out physical addresses; decided with the first */
    bool subpage;               /* partial pages of its loads are bounced */
    struct udmar_dma_map *maps; /* [instance lock] in the debug build: those there are */
    void (*name_maps)(struct udmar_device *device); /* logs them; null but in the debug build */
    udmar_fault_callback *fault_callback;           /* [instance lock] */
    void *fault_argument;                           /* [instance lock] */
    uint64_t faults;                                /* [fault log lock] */
    uint64_t print_window_start;                    /* [fault log lock] */
    unsigned printed;                               /* [fault log lock] in this window */
    unsigned suppressed;                            /* [fault log lock] since the last line */
};

/* Host memory comes in pieces of at most 64 KiB; a ring has up to 4096 faults. */
#define UDMAR__FAULT_PIECE  256u
#define UDMAR__FAULT_PIECES 16u

struct udmar__fault_log {
    struct udmar__lock lock;
    struct udmar_fault *ring[UDMAR__FAULT_PIECES]; /* [lock] in pieces; the last may be short */
    unsigned size;                                 /* constant */
    uint64_t total;                                /* [lock] sequence number of the newest */
    uint64_t overflows;                            /* [lock] */
    uint64_t suppressed;                           /* [lock] */
    uint64_t stranger_window; /* [lock] rate limit for ids that nobody attached */
    unsigned stranger_printed;
};

/* Counters of struct udmar_dma_counts. */
#define UDMAR__DMA_COUNTS 11u

/* What busdma keeps with the instance. */
/* Loads that wait for guest addresses or memory: busdma/bounce/wait_space.c. */
struct udmar__wait_space {
    struct udmar_dma_map *waiting; /* [instance lock] oldest first */
    size_t hopeful;                /* atomic: loads that wait, or look once more before they do */
    size_t freed; /* [instance lock] how often there may have come something back */
    bool running; /* [instance lock] a thread tries them */
};

struct udmar__dma {
    struct udmar__bounce_zone *zones; /* [instance lock] */
    struct udmar__wait_space wait_space;
    size_t maps;                      /* atomic */
    size_t counts[UDMAR__DMA_COUNTS]; /* atomic */
    void (*wake)(void *argument);     /* null: who unloads runs deferred loads */
    void *wake_argument;
};

/* An I/O APIC or HPET that firmware's table names. */
struct udmar__line {
    uint8_t kind; /* enum udmar_interrupt_kind */
    uint8_t id;
    uint16_t segment;
    udmar_rid_t rid; /* what it sends; where `resolved` */
    bool resolved;
    struct udmar__unit_record *unit_record; /* null: its unit is not usable */
};

/* Interrupt remapping, as far as it is udmar's. */
struct udmar__interrupts {
    bool asked;          /* by the host, and no tunable is against it */
    bool extended;       /* destinations have 32 bits */
    const char *refused; /* why no unit remaps; null: nothing is wrong */
    void (*program)(void *host, bool remapped);
    struct udmar__remap_table *tables; /* constant from create to destroy */
    struct udmar__line *lines;         /* constant */
    unsigned line_count;
    unsigned line_room;
};

struct udmar {
    void *host;
    struct udmar__lock lock;
    struct udmar_table table;
    struct udmar_tunables tunables;
    bool direct_map;
    bool started;
    bool suspended;   /* its units sleep; started, too */
    bool unconfirmed; /* some device is */
    bool taking_over; /* faults read out now are firmware's; atomic */
    uint64_t window_limit;
    unsigned cpus;
    bool ticking;
    struct udmar_ram_range *ram;
    unsigned ram_count;
    unsigned quirks;
    struct udmar__unit_record *units; /* one allocation each: firmware may list any number */
    unsigned unit_count;
    struct udmar__unit_record *left_out; /* never used, but firmware may have left them on */
    bool keep_interrupts;                /* interrupt remapping is the host kernel's */
    struct udmar_device *devices;        /* [lock] */
    struct udmar__group *groups;
    struct udmar_domain *shared; /* identity and pass-through domains */
    struct udmar_domain *owned;  /* of udmar_domain_create() */
    struct udmar__fault_log faults;
    struct udmar__interrupts interrupts;
    struct udmar__dma dma;
};

/* ---- units.c ---- */
/* Makes the units that the table lists; @cpu: CPUID.1:EAX. */
enum udmar_status udmar__units_create(struct udmar *instance, uint32_t cpu);
void udmar__units_destroy(struct udmar *instance);
/* Null: no such index. */
struct udmar__unit_record *udmar__unit_at(const struct udmar *instance, unsigned index);
/* The unit of a DRHD, or null. */
struct udmar__unit_record *udmar__unit_of(const struct udmar *instance,
                                          const struct udmar_entry *drhd);
/* Is every unit usable that the table lists, as far as it can be read? */
bool udmar__units_complete(const struct udmar *instance);

/* ---- instance.c ---- */
/* Asks the units for all that rests in deferred mode; waits for nothing. */
void udmar__flush_deferred(struct udmar *instance);

/* ---- bringup.c ---- */
struct udmar__step {
    const char *name;
    enum udmar_status (*step)(struct udmar *instance, struct udmar__unit_record *record);
};
/*
 * Each step for all units, before the next one. A unit that fails is left out and logged, with what
 * its devices reach; returns the first such status.
 */
enum udmar_status udmar__take_steps(struct udmar *instance, const struct udmar__step *steps,
                                    unsigned count);
unsigned udmar__running_units(const struct udmar *instance);
/* Steps, some for start and resume alike. */
enum udmar_status udmar__stop_old_queue(struct udmar *instance, struct udmar__unit_record *record);
/* The ring that is there; registers take its place where it does not start. */
enum udmar_status udmar__switch_queue_on(struct udmar *instance, struct udmar__unit_record *record);
enum udmar_status udmar__hand_over_root(struct udmar *instance, struct udmar__unit_record *record);
enum udmar_status udmar__enable_unit(struct udmar *instance, struct udmar__unit_record *record);

/* ---- takeover.c ---- */
/* Display engines of some generations hang when a unit of theirs that drains is switched off. */
bool udmar__must_stay_on(const struct udmar__unit_record *record);
/* Steps of udmar_start(), each for one unit. */
enum udmar_status udmar__stop_foreign_translation(struct udmar *instance,
                                                  struct udmar__unit_record *record);
enum udmar_status udmar__stop_fault_log(struct udmar *instance, struct udmar__unit_record *record);
enum udmar_status udmar__open_protected_regions(struct udmar *instance,
                                                struct udmar__unit_record *record);
/* Units that are not used: what firmware has left on in them would block their devices' DMA. */
void udmar__take_over_left_out(struct udmar *instance);

/* ---- host_interrupts.c ---- */
/* Is interrupt remapping on, and the host's? Then the unit cannot do without a queue. */
bool udmar__interrupts_are_kept(const struct udmar__unit_record *record);
/* Remembers the host's queue before ours takes its place, and puts it back after ours is off. */
void udmar__note_host_queue(struct udmar__unit_record *record);
void udmar__give_back_host_queue(struct udmar__unit_record *record);
/* Switches interrupt remapping off that nobody says is the host's. */
enum udmar_status udmar__stop_interrupt_remapping(struct udmar *instance,
                                                  struct udmar__unit_record *record);
/* At stop: it may have been switched on since start, and goes off with our next command. */
void udmar__warn_of_interrupt_remapping(struct udmar__unit_record *record);

/* ---- interrupt_lines.c ---- */
/* Reads the scopes of I/O APICs and HPETs. UDMAR_ERR_MEMORY. */
enum udmar_status udmar__lines_create(struct udmar *instance);
void udmar__lines_destroy(struct udmar *instance);
/*
 * Null: no unit's scope names it. Of several scopes the one that is of most use: with a unit that
 * is usable, a path that leads to it, and interrupt remapping, in this order; else the first.
 */
const struct udmar__line *udmar__line_find(const struct udmar *instance, uint8_t kind, uint8_t id);
/* Do other usable units name it as well? Any of them may see its messages. */
bool udmar__line_has_units(const struct udmar *instance, const struct udmar__line *line);
/* The one that sends this id; null: none does. */
const struct udmar__line *udmar__line_sending(const struct udmar *instance, uint16_t segment,
                                              udmar_rid_t rid);

/* ---- interrupt_source.c ---- */
/* The ids that a source sends, and the unit that sees them. */
enum udmar_status udmar__source_find(struct udmar *instance,
                                     const struct udmar_interrupt_source *source,
                                     struct udmar__ids *out_ids,
                                     struct udmar__unit_record **out_record);

/* ---- interrupt_tables.c ---- */
/* Decides which units remap interrupts, and makes their tables. Nothing of hardware changes. */
void udmar__interrupts_create(struct udmar *instance, const struct udmar_interrupt_config *config);
void udmar__interrupts_destroy(struct udmar *instance);
/* The table that a unit was left with is readable memory of this machine. */
bool udmar__found_is_readable(const struct udmar *instance, uint64_t irta);

/* ---- interrupt_start.c ---- */
/* A step of udmar_start(), for one unit: remapping goes on, or firmware's goes off. */
enum udmar_status udmar__interrupts_start(struct udmar *instance,
                                          struct udmar__unit_record *record);
/* The table that it had is in force once more, whatever firmware has put into its place. */
enum udmar_status udmar__interrupts_resume(struct udmar *instance,
                                           struct udmar__unit_record *record);
/* Its last one: the host writes its sources, and compatibility format is blocked. */
void udmar__interrupts_hand_over(struct udmar *instance);
/* All units, before their queues go. */
enum udmar_status udmar__interrupts_stop(struct udmar *instance);
/* A unit is left out. */
void udmar__interrupts_give_up(struct udmar__unit_record *record);

/* ---- interrupt_look.c ---- */
/* The fault reason of interrupt requests that name no entry [VTD appendix A]. */
#define UDMAR__REASON_COMPATIBILITY 0x25u
/* Fills in who has sent a blocked interrupt request, and whose entry it named. */
void udmar__interrupts_identify(struct udmar *instance, struct udmar_unit *unit,
                                struct udmar_fault *fault);

/* ---- pci.c ---- */
#define PCI_IDS 0x00

/* Port types of the PCI Express capability. */
enum {
    UDMAR__PORT_NONE = -1, /* not PCI Express */
    UDMAR__PORT_TO_PCI = 7,
    UDMAR__PORT_FROM_PCI = 8,
};
uint32_t udmar__pci_config(struct udmar *instance, uint16_t segment, udmar_rid_t rid,
                           unsigned offset);
int udmar__pci_port_type(struct udmar *instance, uint16_t segment, udmar_rid_t rid);
/* How many bits of the function number, from the highest on, the device uses as it likes. */
unsigned udmar__pci_phantom_bits(struct udmar *instance, uint16_t segment, udmar_rid_t rid);
/* The physical function of a virtual one; false: it is none, and @out_physical stays. */
bool udmar__pci_physical_function(struct udmar *instance, uint16_t segment, udmar_rid_t rid,
                                  udmar_rid_t *out_physical);
/* A table's paths and bridges are read through this. */
struct udmar_bus_reader udmar__bus_reader(struct udmar *instance);

/* ---- requester_alias.c ---- */
/*
 * The requester ids of a function; UDMAR_ERR_TOO_BIG when its bridges form a loop or the port names
 * more ids than there is room for.
 */
enum udmar_status udmar__ids_collect(struct udmar *instance, uint16_t segment, udmar_rid_t rid,
                                     struct udmar__ids *out_ids);
bool udmar__ids_have(const struct udmar__ids *ids, uint16_t segment, udmar_rid_t id);
/* Have they an id in common? The lowest one. */
bool udmar__ids_meet(const struct udmar__ids *a, const struct udmar__ids *b, udmar_rid_t *out_id);
/* Takes away what the others have. */
void udmar__ids_without(struct udmar__ids *ids, const struct udmar__ids *others);

/* ---- group.c ---- */
/*
 * Makes the context of each of the device's ids lead where the group says: to its domain, to its
 * bypass, or nowhere, where no other device of the group sends the id. May be called at any
 * time. After an error the device is unconfirmed, and this is to be called again.
 */
enum udmar_status udmar__device_sync_contexts(struct udmar_device *device);
/* The unit's matter: it may answer another time. */
bool udmar__not_confirmed(enum udmar_status status);
/* Goes on with whatever was not confirmed, or had no memory; a device that has left is removed. */
enum udmar_status udmar__device_renew(struct udmar_device *device);
/* The same for all that are unconfirmed, a failed unit's devices excepted. */
void udmar__devices_retry_unconfirmed(struct udmar *instance);
/*
 * Puts the device into the group of those that send one of its ids, which may make one group of
 * several, and gives all its ids the group's domain. On failure none of its ids has a context that
 * it had not before; where the unit did not confirm that, the device is still in the group, and
 * leaving.
 */
enum udmar_status udmar__group_join(struct udmar_device *device);
/*
 * Blocks the ids that no other device of the group sends; the last one frees the domain. While the
 * unit has not confirmed it the device stays in the group, and leaving.
 */
enum udmar_status udmar__group_leave(struct udmar_device *device);
/* Takes an attempt to leave back: the contexts are again what they were. */
void udmar__group_stay(struct udmar_device *device);
/* Tags and maps of all its devices. */
unsigned udmar__group_refs(const struct udmar__group *group, const struct udmar *instance);
/* From now on, or until further notice, drivers get physical addresses; contexts are for later. */
void udmar__group_bypass(struct udmar_device *device);

/* ---- choice.c ---- */
/* The domain a mode needs for a device, made or found; null with UDMAR_OK for blocked. */
enum udmar_status udmar__mode_domain(struct udmar_device *device, enum udmar_mode *mode,
                                     struct udmar_domain **out_domain);
/* Keeps out of a domain the addresses that the bridges above the device take for themselves. */
enum udmar_status udmar__apertures_reserve(struct udmar_device *device,
                                           struct udmar_domain *domain);
/* Bits of guest addresses where nobody asks for more. */
#define UDMAR__DEFAULT_WIDTH 39u
/* What is wrong with a mode for a device with a unit; null: nothing. */
const char *udmar__mode_objection(const struct udmar_device *device, enum udmar_mode mode);
/* One user less; destroys it when it was the last, if it is nobody's own. */
void udmar__domain_unref(struct udmar *instance, struct udmar_domain *domain);

/* ---- move.c ---- */
/*
 * May the devices of a group that share its domain leave it? False: something of a caller would be
 * left behind.
 */
bool udmar__group_may_leave(const struct udmar_device *device);
/*
 * Puts all devices of a device's group from their domain into another one, null for none, and gives
 * the old one up. Takes over @domain, whose user count the caller has raised. After an error all
 * have what they had, or are blocked where that is impossible.
 */
enum udmar_status udmar__group_move(struct udmar_device *device, struct udmar_domain *domain,
                                    enum udmar_mode mode);
/* The device of the group after @previous (null: the first); null at the end. */
struct udmar_device *udmar__group_next(const struct udmar_device *device,
                                       const struct udmar_device *previous);

/* ---- devices.c ---- */
/* What the device has as things are. */
enum udmar_mode udmar__device_mode(const struct udmar_device *device);
/* The unit that governs it and works, or null. */
struct udmar_unit *udmar__device_unit(const struct udmar_device *device);
/* Says which mode it has. */
void udmar__device_announce(struct udmar_device *device);
enum udmar_status udmar__device_add(struct udmar *instance, uint16_t segment, udmar_rid_t rid,
                                    struct udmar_device **out_device);
void udmar__device_remove(struct udmar_device *device);
/* udmar_device_find() for those who have the lock. */
struct udmar_device *udmar__device_find_locked(struct udmar *instance, uint16_t segment,
                                               udmar_rid_t rid) UDMAR_REQUIRES(instance->lock);
/*
 * The unit has failed: its devices are unprotected until it starts. Drivers' devices keep domain
 * and contexts, which hold again when it does; those that firmware alone made known are forgotten.
 */
void udmar__devices_abandon(struct udmar__unit_record *record);
/*
 * All units get another chance: devices whose unit had failed get their mode back, or, where they
 * are in use with physical addresses, keep those.
 */
void udmar__devices_retry(struct udmar *instance);
/* Writes the contexts of a unit's devices; says which of them is cut off. */
enum udmar_status udmar__devices_sync_contexts(struct udmar__unit_record *record);
const char *udmar__device_label(const struct udmar_device *device, char buffer[64]);

/* ---- rmrr.c ---- */
/*
 * The whole pages of an RMRR as far as the machine has such addresses; false: it has none of them.
 */
bool udmar__rmrr_extent(const struct udmar *instance, const struct udmar_entry *entry,
                        udmar_paddr_t *out_first, udmar_paddr_t *out_last);
/*
 * Last address that the device's domain needs for RMRRs, 0: none; and how many name the device
 * itself.
 */
udmar_paddr_t udmar__rmrr_limit(struct udmar_device *device, unsigned *out_count);
/*
 * Reserves and maps in a domain the RMRRs of the device and of those who send the same ids.
 * UDMAR_ERR_RMRR: there is something else at their addresses.
 */
enum udmar_status udmar__rmrr_map(struct udmar_device *device, struct udmar_domain *domain);
typedef void udmar__rmrr_visit(struct udmar *instance, uint16_t segment, udmar_rid_t rid);
/* Calls @visit for every device that an RMRR names, one behind a bridge that it names included. */
void udmar__rmrr_visit_devices(struct udmar *instance, udmar__rmrr_visit *visit);

/* ---- identity.c ---- */
/* Is what is mapped in [base, base + size) mapped to itself, for reading and writing? */
bool udmar__identity_possible(struct udmar_domain *domain, udmar_paddr_t base, uint64_t size);
/*
 * Maps the parts of [base, base + size) to themselves that are not mapped yet, except for the MSI
 * window. UDMAR_ERR_UNSUPPORTED beyond the domain's end.
 */
enum udmar_status udmar__identity_map(struct udmar_domain *domain, udmar_paddr_t base,
                                      uint64_t size);
enum udmar_status udmar__identity_fill(struct udmar *instance, struct udmar_domain *domain);

/* ---- fault_log.c ---- */
enum udmar_status udmar__fault_log_create(struct udmar *instance, unsigned size);
void udmar__fault_log_destroy(struct udmar *instance);
/* The device goes: kept faults must not lead to it. */
void udmar__fault_log_forget(struct udmar *instance, const struct udmar_device *device);
/* Reads out one unit's records. */
unsigned udmar__fault_service(struct udmar *instance, struct udmar_unit *unit);

/* ---- fault_sentence.c ---- */
/* The two halves of udmar_fault_format(): the sentence, and the raw fields in brackets. */
size_t udmar__fault_sentence(const struct udmar *instance, const struct udmar_fault *fault,
                             char *buffer, size_t size);
size_t udmar__fault_fields(const struct udmar_fault *fault, char *buffer, size_t size);

#endif
