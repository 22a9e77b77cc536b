/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hostile software model of VT-d hardware, and the host that udmar is tested on.
 *
 * `struct model` is a machine: physical memory, PCI functions, remapping units and a clock. It is
 * also the opaque host pointer of udmar/host.h: all udmar_host_*() functions are implemented here,
 * so driver and model link into one ordinary process.
 *
 * The model is an oracle. It is written from the hardware's description with its own constants and
 * shares no header with the driver but the host interface.
 *
 * A typical test:
 *
 *     struct model *m = model_create(NULL);
 *     struct model_unit *u = model_add_unit(m, &(struct model_unit_config){
 *         .profile = "generic48", .base = 0xfed91000, .include_all = true });
 *     model_add_function(m, 0, 0x0010, 0x8086, 0x10d3, 0x020000);
 *     ... start the driver with m as its host and model_dmar_build()'s table ...
 *     model_dma(m, 0, 0x0010, iova, buffer, sizeof(buffer), true);
 *     ... stop the driver ...
 *     assert_int_equal(model_violations(m), 0);
 *     assert_int_equal(model_leaks(m), 0);
 *     model_destroy(m);
 *
 * Where the architecture leaves hardware a choice, the model takes the one that hurts:
 * - Fresh pages are zero for the processor only. A unit with ECAP.C = 0 sees rubbish until
 *   udmar_host_cache_flush() has covered the line; one with RWBF until WBF or any invalidation.
 * - Cached entries stay until exactly the right invalidation: a context entry by (old domain id,
 *   source id), a leaf by a page mask that covers all of it (AM 9 for 2 MiB), a non-leaf by IH = 0
 *   or wider. With caching mode absence is cached, too: contexts under domain id 0.
 * - The page freed last is handed out next. Walking through a freed page is a violation.
 * - After IQE the queue needs the error cleared and then IQT written (see queue_resumes_on_clear).
 * - Interrupts reach a thread when it holds neither a host lock nor a page mapping.
 *
 * Threads: the functions may be called from several threads, except those that configure (create,
 * destroy, add, set). Interrupt handlers and hooks run without any of the model's locks held.
 *
 * Misuse of the host interface that makes going on pointless (double free, wrong size, wrong unlock
 * order) prints a line and aborts, see model_set_fatal(). What the driver does wrong to *hardware*
 * is a violation: it is recorded and the model does what hardware would probably do.
 */
#ifndef UDMAR_TESTS_MODEL_H
#define UDMAR_TESTS_MODEL_H

#include <udmar/host.h>

struct model;
struct model_unit;

/* ---- The machine ----------------------------------------------------------------------------- */

/* Zero means the default for each field. */
struct model_config {
    uint64_t low_base;    /* first arena; default 1 MiB */
    uint64_t low_size;    /* default 32 MiB */
    uint64_t high_base;   /* second arena; default 4 GiB + 16 MiB */
    uint64_t high_size;   /* default 32 MiB; MODEL_NO_HIGH for none */
    unsigned width;       /* host address width in bits; default 46 */
    bool no_virtual;      /* page_alloc leaves virtual null wherever the contract allows it */
    bool prefer_high;     /* page_alloc and buffers start above 4 GiB where @highest allows it */
    bool alias_maps;      /* page_map makes a fresh mapping each time: use after unmap crashes */
    bool hold_interrupts; /* interrupts wait for model_deliver_interrupts() */
    bool no_interrupts;   /* interrupt_alloc always fails */
    uint64_t time_step;   /* nanoseconds per clock or register read; default 1000 */
    uint32_t seed;        /* for everything that is scattered or evicted; default 1 */
};
#define MODEL_NO_HIGH UINT64_MAX

/* config null: all defaults. Never returns null. */
struct model *model_create(const struct model_config *config);

/* Frees the machine whatever is still allocated in it; check model_leaks() before. */
void model_destroy(struct model *m);

/*
 * The number of pages, allocations, page mappings, register mappings, locks, interrupts and
 * dmamem/driver buffers that were not given back; prints each to standard error.
 */
unsigned model_leaks(struct model *m);

/* How many pages the driver holds from udmar_host_page_alloc(), and bytes from udmar_host_alloc().
 */
size_t model_pages_in_use(struct model *m);
size_t model_bytes_in_use(struct model *m);

/* The NUMA node that the last udmar_host_page_alloc_near() asked for. */
int model_near_domain(struct model *m);
/* Was the last dmamem_alloc asked for memory that is not cached? */
bool model_dmamem_uncached(struct model *m);

/* Rules broken towards the hardware (or the host contract), oldest first. Text: null past the end.
 */
unsigned model_violations(struct model *m);
const char *model_violation_text(struct model *m, unsigned index);
bool model_violation_contains(struct model *m, const char *text);
void model_clear_violations(struct model *m);

/* Called instead of abort() for fatal misuse; if it returns, the offending call does nothing. */
void model_set_fatal(struct model *m, void (*handler)(void *context, const char *text),
                     void *context);

/* The driver's log lines. All lines go to standard error too if UDMAR_TEST_VERBOSE is set. */
bool model_log_contains(struct model *m, const char *text);
unsigned model_log_count(struct model *m);
const char *model_log_text(struct model *m, unsigned index);
enum udmar_log_level model_log_level(struct model *m, unsigned index);
void model_clear_log(struct model *m);

/* The virtual clock, without making it advance; and a push forward. */
uint64_t model_time(struct model *m);
void model_advance_time(struct model *m, uint64_t nanoseconds);

/* Host calls that can fail, for fault injection. */
enum model_fallible {
    MODEL_CALL_PAGE_ALLOC = 1,
    MODEL_CALL_ALLOC = 2,
    MODEL_CALL_MMIO_MAP = 4,
    MODEL_CALL_LOCK_CREATE = 8,
    MODEL_CALL_INTERRUPT_ALLOC = 16,
    MODEL_CALL_DMAMEM_ALLOC = 32,
    MODEL_CALL_ANY = 63,
};

/*
 * Makes the n-th (1 = next) host call that can fail return null or false; with @persistent all
 * those that follow, too. n = 0 switches injection off. Counting begins with this call.
 * model_fail_host_calls_of() counts and fails only the kinds in @kinds (enum model_fallible).
 */
void model_fail_host_call(struct model *m, unsigned n, bool persistent);
void model_fail_host_calls_of(struct model *m, unsigned kinds, unsigned n, bool persistent);

/* Host calls that can fail since the last model_fail_host_call*() (or creation), and how many did.
 */
unsigned model_host_calls(struct model *m);
unsigned model_host_calls_failed(struct model *m);

/* Host calls at whose beginning the hook runs. */
enum model_event {
    MODEL_EVENT_READ,    /* register read */
    MODEL_EVENT_WRITE,   /* register write, before it takes effect */
    MODEL_EVENT_WRITTEN, /* after a register write */
    MODEL_EVENT_FLUSH,
    MODEL_EVENT_TIME,
    MODEL_EVENT_MAP, /* page_map */
    MODEL_EVENT_UNMAP,
    MODEL_EVENT_ACQUIRE,
    MODEL_EVENT_RELEASE,
    MODEL_EVENT_ALLOC, /* page_alloc, page_free, alloc, free */
};

/* The hook may call every function here; it is not called for what it causes itself. */
typedef void model_hook_fn(void *context, struct model *m, enum model_event event);
void model_set_hook(struct model *m, model_hook_fn *hook, void *context);

/* ---- Physical memory ------------------------------------------------------------------------- */

#define MODEL_PAGE 4096u

/* The processor's address of a byte of physical memory; null outside the arenas. */
void *model_pointer(struct model *m, uint64_t physical);

/* Copies as the processor sees it. False (nothing done) if not wholly inside one arena. */
bool model_memory_read(struct model *m, uint64_t physical, void *buffer, size_t length);
bool model_memory_write(struct model *m, uint64_t physical, const void *buffer, size_t length);

/*
 * 64-bit accesses for hand-made tables. model_store64 is a store of the processor: not yet visible
 * to a unit that does not snoop or that has a write buffer. model_publish64 stores and makes
 * visible to all units. model_load64 gives what the processor sees.
 */
uint64_t model_load64(struct model *m, uint64_t physical);
void model_store64(struct model *m, uint64_t physical, uint64_t value);
void model_publish64(struct model *m, uint64_t physical, uint64_t value);

/* A page of its own for hand-made tables; zero and visible. Given back by model_page_free(). */
uint64_t model_page_alloc(struct model *m);
void model_page_free(struct model *m, uint64_t physical);

/* Takes a range out of the allocators' hands (firmware memory). Parts outside are ignored. */
void model_reserve(struct model *m, uint64_t physical, uint64_t size);

/* udmar_host_cache_flush() calls so far. */
unsigned model_flushes(struct model *m);

enum model_buffer_flags {
    MODEL_CONTIGUOUS = 0,
    MODEL_SCATTERED = 1, /* no two neighbouring pages are physically neighbours */
    MODEL_HIGH = 2,      /* above 4 GiB */
    MODEL_LOW = 4,       /* below 4 GiB */
};

/*
 * A driver's buffer: virtually contiguous, starting @offset bytes into its first page. Filled with
 * zero bytes. @flags: enum model_buffer_flags. Never null. model_buffer_free() takes the same
 * pointer. udmar_host_virtual_to_physical() works on it.
 */
void *model_buffer_alloc(struct model *m, size_t size, unsigned flags, size_t offset);
void model_buffer_free(struct model *m, void *buffer);

/* ---- Units ----------------------------------------------------------------------------------- */

/*
 * Profiles: "qemu39", "qemu48", "generic48", "noncoherent", "rwbf" (registers only, write buffer),
 * "oldest" (rwbf and non-coherent), "cm", "five-level", "two-level", "small-nd", "bigwindow", "ats"
 * (generic48 with device-TLBs), "modern" (ESRTPS, ESIRTPS, drain, SC, version 5), "v6" (version 6:
 * no register-based invalidation).
 */
struct model_profile {
    const char *name;
    uint32_t version;
    uint64_t cap;
    uint64_t ecap;
};
const struct model_profile *model_profile(const char *name);  /* null: no such profile */
const struct model_profile *model_profile_at(unsigned index); /* null: past the last */

struct model_unit_config {
    const char *profile; /* null: "generic48" */
    uint16_t segment;
    uint64_t base;      /* register base; page-aligned */
    bool include_all;   /* INCLUDE_PCI_ALL in the DMAR table */
    uint8_t size_field; /* the DRHD's size byte */
    uint8_t version;    /* 0: the profile's */
    /* Changes to the profile: (value & ~clear) | set. */
    uint64_t cap_set, cap_clear;
    uint64_t ecap_set, ecap_clear;
};

/* What a unit does not do right, or must not be asked to do. */
enum model_erratum {
    MODEL_ERRATUM_NO_PROTECTED = 1, /* 5400 E23: protected memory registers must not be used */
    MODEL_ERRATUM_NO_REMAPPING = 2, /* 5500 E47, E53: interrupt remapping must not be used */
    MODEL_ERRATUM_MASK_9 = 4,       /* E5 BT176: page requests above AM 9 do nothing */
    MODEL_ERRATUM_NO_LARGE = 8,     /* Sandy Bridge: superpages shown, none to be used */
    MODEL_ERRATUM_QUEUE_FIRST = 16, /* X58: SRTP while a unit's queue is off kills CCMD for good */
    MODEL_ERRATUM_HIDDEN_BUFFER = 32, /* GM45: a write buffer though RWBF reads 0 */
};
void model_set_errata(struct model_unit *unit, unsigned errata);

/*
 * Whole machines as data: host bridge, processor, units with their errata, a few functions. Names:
 * "xeon5400", "xeon5500", "haswell", "sandybridge-ep", "gm45", "skylake", "xeon-scalable".
 */
#define MODEL_CHIPSET_UNITS     4
#define MODEL_CHIPSET_FUNCTIONS 6
struct model_chipset {
    const char *name;
    uint16_t bridge; /* device id of 00:00.0 */
    uint8_t revision;
    uint32_t cpu; /* CPUID.1:EAX */
    struct {
        uint64_t base, cap, ecap; /* base 0: no more */
        uint8_t version, errata;
        uint16_t only; /* the one function that it governs; 0: all that are left */
    } unit[MODEL_CHIPSET_UNITS];
    struct {
        uint16_t rid, device; /* rid 0: no more */
        uint32_t class_code;
    } function[MODEL_CHIPSET_FUNCTIONS];
};
const struct model_chipset *model_chipset_at(unsigned index); /* null: past the last */
void model_add_chipset(struct model *m, const struct model_chipset *chipset);

/* Register window, reset state. Aborts on capabilities that contradict each other. */
struct model_unit *model_add_unit(struct model *m, const struct model_unit_config *config);

uint64_t model_unit_cap(const struct model_unit *unit);
uint64_t model_unit_ecap(const struct model_unit *unit);
uint64_t model_unit_base(const struct model_unit *unit);
struct model_unit *model_unit_at(struct model *m, unsigned index); /* null: past the last */

/* The unit that governs a function by the scopes given, or null. */
struct model_unit *model_unit_of(struct model *m, uint16_t segment, uint16_t rid);

enum model_queue_mode {
    MODEL_QUEUE_IMMEDIATE, /* executes in the write to IQT */
    MODEL_QUEUE_MANUAL,    /* executes in model_queue_step() */
    MODEL_QUEUE_DELAYED,   /* executes all after queue_delay clock calls */
    MODEL_QUEUE_TRICKLE,   /* executes one descriptor for each clock call */
    MODEL_QUEUE_DEAD,      /* never executes */
};
#define MODEL_NEVER UINT32_MAX

/* Knobs that may be turned at any time; all zero is the friendliest hardware. */
struct model_behaviour {
    uint32_t gsts_lag;         /* reads of GSTS (or PMEN) until a command shows; MODEL_NEVER */
    uint32_t invalidation_lag; /* reads until ICC, IVT are clear and the work done; MODEL_NEVER */
    enum model_queue_mode queue_mode;
    uint32_t queue_delay;        /* for MODEL_QUEUE_DELAYED */
    uint32_t queue_fetch;        /* descriptors taken in ahead, 0 to 64: IQH says nothing */
    bool queue_disorder;         /* what is taken in between two fences is done in any order */
    bool audit;                  /* count invalidations that removed nothing stale */
    bool queue_resumes_on_clear; /* clearing IQE suffices; false: IQT must be written again, too */
    bool merge_faults;           /* a fault of a source that has a record already adds none */
    bool prefetch;               /* each walk also caches the neighbours of what it reads */
    bool no_walk_caches;         /* no paging-structure caches */
    bool no_caches;              /* no caches at all */
    uint32_t evict;              /* 1 of n cache look-ups loses the entry; 0: never */
    bool no_compatible;          /* it has no switch for messages in compatibility format */
    bool transient_bit;          /* bit 62 of leaves, before edition 3.2; with device-TLBs only */
    bool all_ones;               /* dead: all registers read all ones, writes are lost */
};
struct model_behaviour *model_behaviour(struct model_unit *unit);

/*
 * State left by firmware: GSTS bits (as of the register), the root table in use and RTADDR.
 * model_poke32/peek32 write and read one register without side effects or checks.
 */
void model_firmware_state(struct model_unit *unit, uint32_t gsts, uint64_t rtaddr);
void model_poke32(struct model_unit *unit, uint32_t offset, uint32_t value);
uint32_t model_peek32(struct model_unit *unit, uint32_t offset);

/*
 * The unit was without power, or reset, as in S3: registers as after reset, caches and records
 * empty, no command under way. Memory stays.
 */
void model_lose_registers(struct model_unit *unit);

/* Makes all that the processor has stored visible to the unit, as a power cycle of caches would. */
void model_publish_all(struct model *m);

struct model_unit_stats {
    unsigned gcmd_writes;
    unsigned srtp, sfl, wbf, sirtp; /* one-shot commands seen */
    unsigned te_on, te_off, qie_on, qie_off;
    unsigned register_reads, register_writes;
    unsigned absent_reads; /* reads of registers that this unit does not have */
    unsigned refused;      /* register-based invalidations, see model_refuse_invalidations() */
    unsigned iqt_writes;
    unsigned descriptors; /* executed */
    unsigned waits, wait_writes, wait_interrupts;
    unsigned context_global, context_domain, context_device;
    unsigned iotlb_global, iotlb_domain, iotlb_page, iotlb_page_hint; /* hint: IH = 1 */
    unsigned iec, device_tlb;
    unsigned by_register; /* invalidations of the above that came through registers */
    unsigned queue_errors, queue_aborted;       /* IQE raised; waits aborted by ITE */
    unsigned faults, faults_lost, faults_quiet; /* recorded; overflown; suppressed by FPD */
    unsigned faults_logged;                     /* in memory, by CAP.AFL */
    unsigned messages;                          /* event messages sent */
    unsigned walks, table_reads;                /* page walks; entries read from memory */
    unsigned iotlb_hits, iotlb_misses;
    unsigned dma_to_freed;      /* pages hit by DMA after they were given back */
    unsigned dma_to_tables;     /* writes that hit pages from udmar_host_page_alloc() */
    unsigned dma_outside;       /* translated to an address without memory */
    unsigned polls_under_lock;  /* clock calls with a lock held and the queue busy */
    unsigned audited, needless; /* invalidations with audit on; those that removed nothing stale */
    unsigned interrupts_remapped, interrupt_reads; /* requests let through; IRTEs read */
};
struct model_unit_stats *model_stats(struct model_unit *unit); /* may be reset to zero */

/* ---- Invalidation ---------------------------------------------------------------------------- */

enum model_invalidation_kind {
    MODEL_INV_CONTEXT = 1,
    MODEL_INV_IOTLB = 2,
    MODEL_INV_DEVICE = 3,
    MODEL_INV_IEC = 4,
    MODEL_INV_WAIT = 5,
};
enum model_granularity { MODEL_GLOBAL = 1, MODEL_DOMAIN = 2, MODEL_DEVICE_OR_PAGE = 3 };

struct model_invalidation {
    enum model_invalidation_kind kind;
    enum model_granularity granularity; /* context, IOTLB; IEC: 0 global, 1 index */
    bool by_register;
    uint16_t did, sid;
    uint8_t function_mask;
    uint64_t address; /* IOTLB page, device-TLB address, wait status address */
    uint8_t address_mask;
    bool leaf_hint, drain_read, drain_write;
    bool status_write, interrupt, fence; /* wait */
    uint32_t data;                       /* wait status data; IEC index */
};

/* Commands executed so far (the last 4096 are kept); index 0 is the oldest kept. */
unsigned model_invalidation_count(struct model_unit *unit);
const struct model_invalidation *model_invalidation_log(struct model_unit *unit, unsigned index);
void model_clear_invalidation_log(struct model_unit *unit);

/* Executes up to n descriptors whatever the queue mode; returns how many. */
unsigned model_queue_step(struct model_unit *unit, unsigned n);

enum model_queue_error {
    MODEL_QUEUE_NO_ERROR,
    MODEL_QUEUE_IQE, /* refuses the descriptor */
    MODEL_QUEUE_ITE, /* a device does not answer; waits already fetched are aborted */
    MODEL_QUEUE_ICE, /* bad completion; nothing stops */
};

/*
 * The n-th descriptor (1 = next) to be executed meets an error. @sid: reported in IQERCD.
 * For ITE, @fetched is how many descriptors behind it have been fetched already (waits among them
 * are aborted); MODEL_NEVER: all up to the tail.
 */
void model_inject_queue_error(struct model_unit *unit, unsigned n, enum model_queue_error error,
                              uint16_t sid, uint32_t fetched);

/*
 * Waits for hardware: commands of GCMD and PMEN, register-based invalidations, wait descriptors.
 * The n-th (1 = next) never comes to its end, with @persistent all those that follow neither, until
 * model_release_waits() lets everything go on. n = 0: none. Counting begins with this call.
 */
void model_hang_wait(struct model_unit *unit, unsigned n, bool persistent);
void model_release_waits(struct model_unit *unit);
unsigned model_waits(struct model_unit *unit);
unsigned model_waits_hung(struct model_unit *unit);

/* The next n register-based invalidations are refused (CAIG or IAIG 0). */
void model_refuse_invalidations(struct model_unit *unit, unsigned n);

/* Entries now cached. */
enum model_cache { MODEL_CACHE_CONTEXT, MODEL_CACHE_IOTLB, MODEL_CACHE_WALK };
unsigned model_cache_count(struct model_unit *unit, enum model_cache which);
void model_cache_drop_all(struct model_unit *unit);

/*
 * Hardware may cache what is present at any moment: this makes it cache all of it, as it stands in
 * memory now (at most some 16,000 leaves). Entries that are cached already stay as they are.
 */
void model_cache_warm(struct model_unit *unit);

/*
 * Cached entries that say something else than memory does now. While no call into the library is
 * going on, and nothing is deferred, there must not be any: each one is an invalidation that was
 * needed and not made. Prints the first few if UDMAR_TEST_VERBOSE is set.
 */
unsigned model_cache_stale(struct model_unit *unit);

/* ---- DMA ------------------------------------------------------------------------------------- */

enum model_result {
    MODEL_OK,          /* translated (or passed through) and done */
    MODEL_BYPASSED,    /* no translation in force; done with @iova as physical address */
    MODEL_BLOCKED,     /* a fault; reason 1... is in the fault record unless suppressed */
    MODEL_BLOCKED_PMR, /* hit a protected memory region; no record */
    MODEL_NO_MEMORY,   /* allowed, but nothing is there: reads give ones, writes are lost */
    MODEL_INTERRUPT,   /* a 4-byte write to 0xFEExxxxx: an interrupt message, not memory */
};

/*
 * A device transaction, cut at page boundaries; stops at the first page that is not OK or
 * BYPASSED. @rid is the requester id that the unit sees, see model_requester_id().
 */
enum model_result model_dma(struct model *m, uint16_t segment, uint16_t rid, uint64_t iova,
                            void *buffer, size_t length, bool write);

/*
 * The same for a request that the device has translated itself, with ATS: @physical is where it
 * wants to go, and nothing but the context entry is asked (TT = 1: let through).
 */
enum model_result model_dma_translated(struct model *m, uint16_t segment, uint16_t rid,
                                       uint64_t physical, void *buffer, size_t length, bool write);

struct model_translation {
    enum model_result result; /* OK, BYPASSED or BLOCKED */
    uint8_t reason;           /* fault reason code where BLOCKED, else 0 */
    bool no_report;           /* FPD */
    uint64_t physical;
    bool readable, writable; /* of the whole walk */
    uint64_t leaf_size;      /* bytes of the leaf; 0 for pass-through and bypass */
    uint16_t did;
    bool pass_through;
};

/*
 * What a request would meet, without touching caches, records or statistics: from tables in memory
 * alone (as the unit sees memory), or with what is cached.
 */
struct model_translation model_translate(struct model *m, uint16_t segment, uint16_t rid,
                                         uint64_t iova, bool write);
struct model_translation model_translate_cached(struct model *m, uint16_t segment, uint16_t rid,
                                                uint64_t iova, bool write);

/* Calls @visit for each leaf of a function's page tree in memory, lowest address first. */
typedef void model_leaf_fn(void *context, uint64_t iova, uint64_t size, uint64_t physical,
                           bool readable, bool writable);
void model_visit_leaves(struct model *m, uint16_t segment, uint16_t rid, model_leaf_fn *visit,
                        void *context);

/* The page tree of a function, counted from memory. leaves[n]: leaf entries at level n. */
struct model_tree {
    bool valid; /* the context entry is present and names a tree */
    unsigned levels;
    uint64_t root; /* the top table */
    uint64_t leaves[7];
    uint64_t tables; /* all levels, the top one too */
    uint64_t empty_tables;
};
struct model_tree model_count_tree(struct model *m, uint16_t segment, uint16_t rid);

/* A context entry, decoded; present: P is set and nothing is wrong with it. */
struct model_context {
    bool present, pass_through;
    unsigned levels; /* of its tables */
    uint16_t did;
    uint64_t top; /* the top table; 0 for pass-through */
};
/* The entry of a requester id under the root table at @root, as the unit sees memory. */
struct model_context model_context_in_memory(struct model_unit *unit, uint64_t root, uint16_t rid);
/* The present entry that the unit has cached; false: none. */
bool model_context_cached(struct model_unit *unit, uint16_t rid, struct model_context *out);
/* The requester ids with a present entry; at most @room are written, all are counted. */
unsigned model_contexts(struct model_unit *unit, uint64_t root, uint16_t *rids, unsigned room);
/* The root table in use: what RTADDR was at the last SRTP. */
uint64_t model_root(struct model_unit *unit);

/* ---- Single steps ---------------------------------------------------------------------------- */

/*
 * From begin to end this thread runs in single steps (trap flag). After each instruction of the
 * library the tables in memory are compared with what they were; @step is called after each change,
 * and after each call of a host function. So the library is watched as it was compiled, and on i386
 * between the two halves of a 64-bit store. @step may call the functions of this header. One thread
 * at a time, x86 only.
 */
typedef void model_step_fn(void *context, struct model *m);
void model_step_begin(struct model *m, model_step_fn *step, void *context);
void model_step_end(struct model *m);

struct model_step_counts {
    uint64_t instructions;
    uint64_t stores; /* changes of a table */
    uint64_t calls;  /* host functions entered and left again */
};
struct model_step_counts model_step_counts(void);

/* ---- Interrupt remapping --------------------------------------------------------------------- */

enum model_interrupt_result {
    MODEL_INT_REMAPPED,      /* by the table */
    MODEL_INT_COMPATIBILITY, /* let through as it is */
    MODEL_INT_BLOCKED,       /* a fault is recorded unless the entry forbids it */
    MODEL_INT_POSTED,        /* into a descriptor; the vector is the notification's, 0: none */
};

/*
 * A device's interrupt message: a 4-byte write to 0xFEExxxxx. @out_vector and @out_destination
 * where it is remapped. Entries are cached until an interrupt-entry invalidation covers them.
 */
enum model_interrupt_result model_interrupt(struct model *m, uint16_t segment, uint16_t rid,
                                            uint64_t address, uint32_t data, uint8_t *out_vector,
                                            uint32_t *out_destination);

/*
 * Cached entries that say something else than memory does now: as model_cache_stale(). And as
 * model_cache_warm(): hardware caches at any moment what is present, in caching mode also what is
 * not.
 */
unsigned model_interrupts_stale(struct model_unit *unit);
void model_interrupts_warm(struct model_unit *unit);

/* ---- Faults and interrupts ------------------------------------------------------------------- */

/* A fault out of nowhere, as if a device had caused it; obeys overflow and merging. */
void model_inject_fault(struct model_unit *unit, uint16_t sid, uint8_t reason, uint64_t address,
                        bool write);

/* Errata BJ124, BV100, HSD40: overflow is shown though nothing has been recorded. */
void model_inject_overflow(struct model_unit *unit);

/* Erratum BV30: a fault event with nothing behind it. */
void model_inject_event(struct model_unit *unit);

/* Runs handlers of interrupts held back. Returns how many. */
unsigned model_deliver_interrupts(struct model *m);

/* Interrupts whose handlers have been called so far. */
unsigned model_interrupts(struct model *m);

/* ---- PCI ------------------------------------------------------------------------------------- */

/* @class_code: class, subclass, interface as in config offset 0x0b..0x09, for example 0x020000. */
void model_add_function(struct model *m, uint16_t segment, uint16_t rid, uint16_t vendor,
                        uint16_t device, uint32_t class_code);

enum model_bridge_kind {
    MODEL_ROOT_PORT,
    MODEL_UPSTREAM,
    MODEL_DOWNSTREAM,
    MODEL_PCIE_TO_PCI,
    MODEL_PCI_TO_PCI,
    MODEL_PCI_TO_PCIE,
    MODEL_BUGGY_PCIE_TO_PCI, /* 1b21:1080, a PCIe-to-PCI bridge without its PCIe capability */
};
void model_add_bridge(struct model *m, uint16_t segment, uint16_t rid, uint8_t secondary,
                      uint8_t subordinate, enum model_bridge_kind kind);

/* Any dword of a function's configuration space (0x000..0xffc). */
void model_set_config(struct model *m, uint16_t segment, uint16_t rid, unsigned offset,
                      uint32_t value);
uint32_t model_get_config(struct model *m, uint16_t segment, uint16_t rid, unsigned offset);

/* Gives an endpoint the PCIe capability with this port type (0 endpoint, 9 integrated, ...). */
void model_set_pcie(struct model *m, uint16_t segment, uint16_t rid, unsigned port_type);

/*
 * Gives a PCIe function the SR-IOV capability and adds @count virtual functions at @first from its
 * own id and every @stride after that. They read all ones where a vendor would be.
 */
void model_set_sriov(struct model *m, uint16_t segment, uint16_t rid, uint16_t first,
                     uint16_t stride, uint16_t count);

/* What udmar_host_pci_alias() answers for a function, at most MODEL_ALIASES times for each. */
#define MODEL_ALIASES 4
void model_add_alias(struct model *m, uint16_t segment, uint16_t rid, uint16_t alias_segment,
                     uint16_t alias_rid);

/* Forwarding windows of a bridge; limit is inclusive, base > limit closes the window. */
void model_set_bridge_window(struct model *m, uint16_t segment, uint16_t rid, bool prefetchable,
                             uint64_t base, uint64_t limit);

/* The device's ATS is on: it answers device-TLB invalidations. */
void model_set_ats(struct model *m, uint16_t segment, uint16_t rid, bool on);

/* The requester id with which the unit sees requests of a function, after all bridges. */
uint16_t model_requester_id(struct model *m, uint16_t segment, uint16_t rid);

/* ---- The DMAR table -------------------------------------------------------------------------- */

enum model_scope_type {
    MODEL_SCOPE_ENDPOINT = 1,
    MODEL_SCOPE_BRIDGE = 2,
    MODEL_SCOPE_IOAPIC = 3,
    MODEL_SCOPE_HPET = 4,
    MODEL_SCOPE_NAMESPACE = 5,
};

/* A path of @hops (1..4) device/function pairs, each as devfn = device << 3 | function. */
struct model_scope {
    enum model_scope_type type;
    uint8_t enumeration_id;
    uint8_t start_bus;
    uint8_t hops;
    uint8_t devfn[4];
};

/* The usual one: function @rid on a root bus (endpoint) or bridge @rid on a root bus. */
struct model_scope model_scope(enum model_scope_type type, uint16_t rid);

void model_add_unit_scope(struct model_unit *unit, const struct model_scope *scope);

/*
 * @limit is inclusive. The part inside the arenas is taken out of the allocators' hands, unless it
 * is of 1 GiB or more.
 */
void model_add_rmrr(struct model *m, uint16_t segment, uint64_t base, uint64_t limit,
                    const struct model_scope *scopes, unsigned scope_count);
void model_add_atsr(struct model *m, uint16_t segment, bool all_ports,
                    const struct model_scope *scopes, unsigned scope_count);
void model_add_andd(struct model *m, uint8_t number, const char *path);
void model_add_rhsa(struct model *m, uint64_t unit_base, uint32_t proximity);
void model_add_raw_structure(struct model *m, const void *bytes, size_t length);

/* Header flags byte and host address width (bits; 0: the machine's). */
void model_set_dmar_header(struct model *m, uint8_t flags, unsigned width);

/*
 * Writes the table, checksum right, and returns its length. Types ascend; units in the order in
 * which they were added, those with include_all last. Aborts if @size does not suffice.
 */
size_t model_dmar_build(struct model *m, void *buffer, size_t size);

#endif
