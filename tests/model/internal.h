/* SPDX-License-Identifier: BSD-2-Clause */
/* What the model's files share. Tests include model.h only. */
#ifndef UDMAR_TESTS_MODEL_INTERNAL_H
#define UDMAR_TESTS_MODEL_INTERNAL_H

#include <pthread.h>

#include "model.h"

#define BIT32(n)         (UINT32_C(1) << (n))
#define BIT64(n)         (UINT64_C(1) << (n))
#define FIELD(v, hi, lo) (((v) >> (lo)) & (((UINT64_C(2) << ((hi) - (lo))) - 1)))
#define PAGE_BITS        12u
#define PAGE_LOW         UINT64_C(0xfff)
#define FOUR_GIB         BIT64(32)

/* ---- Registers: offsets [VTD 10.4] ----------------------------------------------------------- */

enum {
    R_VER = 0x00,
    R_CAP = 0x08,
    R_ECAP = 0x10,
    R_GCMD = 0x18,
    R_GSTS = 0x1c,
    R_RTADDR = 0x20,
    R_CCMD = 0x28,
    R_FSTS = 0x34,
    R_FECTL = 0x38,
    R_FEDATA = 0x3c,
    R_FEADDR = 0x40,
    R_FEUADDR = 0x44,
    R_AFLOG = 0x58,
    R_PMEN = 0x64,
    R_PLMBASE = 0x68,
    R_PLMLIMIT = 0x6c,
    R_PHMBASE = 0x70,
    R_PHMLIMIT = 0x78,
    R_IQH = 0x80,
    R_IQT = 0x88,
    R_IQA = 0x90,
    R_ICS = 0x9c,
    R_IECTL = 0xa0,
    R_IEDATA = 0xa4,
    R_IEADDR = 0xa8,
    R_IEUADDR = 0xac,
    R_IQERCD = 0xb0,
    R_IRTA = 0xb8,
};

/* Capabilities. */
#define CAP_ND(c)    ((unsigned)FIELD(c, 2, 0))
#define CAP_AFL      BIT64(3)
#define CAP_RWBF     BIT64(4)
#define CAP_PLMR     BIT64(5)
#define CAP_PHMR     BIT64(6)
#define CAP_CM       BIT64(7)
#define CAP_MGAW(c)  ((unsigned)FIELD(c, 21, 16) + 1)
#define CAP_ZLR      BIT64(22)
#define CAP_FRO(c)   ((uint32_t)FIELD(c, 33, 24) * 16)
#define CAP_SLLPS(c) ((unsigned)FIELD(c, 37, 34))
#define CAP_PSI      BIT64(39)
#define CAP_NFR(c)   ((unsigned)FIELD(c, 47, 40) + 1)
#define CAP_MAMV(c)  ((unsigned)FIELD(c, 53, 48))
#define CAP_PI       BIT64(59)
#define CAP_ESIRTPS  BIT64(62)
#define CAP_ESRTPS   BIT64(63)
#define ECAP_C       BIT64(0)
#define ECAP_QI      BIT64(1)
#define ECAP_DT      BIT64(2)
#define ECAP_IR      BIT64(3)
#define ECAP_EIM     BIT64(4)
#define ECAP_CH      BIT64(5)
#define ECAP_PT      BIT64(6)
#define ECAP_SC      BIT64(7)
#define ECAP_IRO(e)  ((uint32_t)FIELD(e, 17, 8) * 16)
#define ECAP_MHMV(e) ((unsigned)FIELD(e, 23, 20))
#define ECAP_DIT     BIT64(41)
#define ECAP_PDS     BIT64(42)
#define ECAP_SMTS    BIT64(43)
#define ECAP_ADMS    BIT64(52)

/* GCMD and GSTS, same positions. */
#define G_TE       BIT32(31)
#define G_RTP      BIT32(30)
#define G_FL       BIT32(29)
#define G_AFL      BIT32(28)
#define G_WBF      BIT32(27)
#define G_QIE      BIT32(26)
#define G_IRE      BIT32(25)
#define G_IRTP     BIT32(24)
#define G_CFI      BIT32(23)
#define G_LASTING  (G_TE | G_AFL | G_QIE | G_IRE | G_CFI)
#define G_ONE_SHOT (G_RTP | G_FL | G_WBF | G_IRTP)

/* FSTS. */
#define F_PFO     BIT32(0)
#define F_PPF     BIT32(1)
#define F_AFO     BIT32(2)
#define F_APF     BIT32(3)
#define F_IQE     BIT32(4)
#define F_ICE     BIT32(5)
#define F_ITE     BIT32(6)
#define F_PRO     BIT32(7) /* before revision 3.0 of the specification */
#define F_W1C     (F_PFO | F_AFO | F_APF | F_IQE | F_ICE | F_ITE | F_PRO)
#define F_PENDING (F_W1C | F_PPF)

/* Event control registers. */
#define E_MASK    BIT32(31)
#define E_PENDING BIT32(30)

/* IQERCD 3:0. */
enum {
    IQEI_NONE = 0,
    IQEI_TAIL = 1,
    IQEI_FETCH = 2,
    IQEI_TYPE = 3,
    IQEI_RESERVED = 4,
    IQEI_WIDTH = 5,
    IQEI_ALIGN = 6,
};

/* Fault reasons of legacy mode. */
enum {
    FR_ROOT_ABSENT = 0x01,
    FR_CONTEXT_ABSENT = 0x02,
    FR_CONTEXT_INVALID = 0x03,
    FR_BEYOND_WIDTH = 0x04,
    FR_WRITE = 0x05,
    FR_READ = 0x06,
    FR_TABLE_ACCESS = 0x07,
    FR_ROOT_ACCESS = 0x08,
    FR_CONTEXT_ACCESS = 0x09,
    FR_ROOT_RESERVED = 0x0a,
    FR_CONTEXT_RESERVED = 0x0b,
    FR_PAGING_RESERVED = 0x0c,
    FR_REQUEST_TYPE = 0x0d,
    FR_INTERRUPT_RANGE = 0x0e,
    FR_BAD_RTADDR = 0x30,
    FR_ABORT_MODE = 0x33,
};

/* ---- Memory ---------------------------------------------------------------------------------- */

enum frame_state {
    FRAME_FREE,
    FRAME_FREED, /* free again: hardware has no business here */
    FRAME_TABLE, /* from udmar_host_page_alloc() */
    FRAME_TEST,  /* from model_page_alloc() */
    FRAME_BUFFER,
    FRAME_RESERVED,
};

#define NO_FRAME SIZE_MAX

struct memory {
    int fd;
    size_t total;         /* frames in both arenas */
    uint64_t base[2];     /* physical */
    size_t frames[2];     /* the second arena's frames follow those of the first */
    size_t hint[2];       /* no free frame below this one, relative to the arena */
    uint8_t *direct;      /* what the processor sees */
    uint8_t *shadow;      /* what has reached memory: non-snooping units see this */
    uint8_t *state;       /* enum frame_state, by frame */
    uint16_t *block;      /* pages of the block that begins at this frame, else 0 */
    uint8_t *window;      /* virtual addresses of buffers; pages mapped one by one */
    size_t window_pages;  /* */
    uint32_t *slot_frame; /* by window page: frame + 1 */
    size_t *slot_size;    /* by first window page: bytes asked for */
    uint8_t *slot_kind;   /* by first window page: SLOT_... */
    unsigned mappings;    /* page_map() not undone */
    unsigned flushes;
    unsigned generation; /* frames that changed hands */
};

enum slot_kind { SLOT_NONE, SLOT_DMAMEM, SLOT_BUFFER };

/* What a request for frames must observe. */
struct frame_wish {
    size_t count;
    uint64_t align; /* bytes, physical */
    uint64_t lowest, highest;
    bool high_first;
};

void memory_create(struct model *m, const struct model_config *config);
void memory_destroy(struct model *m);
size_t frame_of(const struct model *m, uint64_t physical); /* NO_FRAME: outside */
uint64_t frame_physical(const struct model *m, size_t frame);
uint8_t *frame_pointer(const struct model *m, size_t frame);
size_t frames_take(struct model *m, const struct frame_wish *wish, enum frame_state state);
size_t frame_take_scattered(struct model *m, uint64_t lowest, uint64_t highest, size_t apart_from);
void frames_give_back(struct model *m, size_t frame, size_t count);
void frame_publish(struct model *m, size_t frame);
void memory_publish_line(struct model *m, const uint8_t *address);
uint64_t load_word(const uint8_t *address);
void store_word(uint8_t *address, uint64_t value);
size_t map_stack_frame(const void *address); /* of an alias mapping of this thread */
unsigned buffer_leaks(struct model *m);

/* ---- Machine --------------------------------------------------------------------------------- */

struct tracked {
    struct tracked *next;
    void *pointer;
    size_t size;
};
#define TRACK_BUCKETS 1024u

struct host_lock {
    struct host_lock *next;
    pthread_mutex_t mutex;
};

struct interrupt {
    struct interrupt *next;
    void (*handler)(void *argument);
    void *argument;
    uint64_t address;
    uint32_t data;
    bool pending;
    unsigned running;
};

struct function {
    struct function *next;
    uint16_t segment, rid;
    bool ats;
    bool bridge;
    enum model_bridge_kind kind;
    struct function *physical; /* of a virtual function */
    struct pci_alias {
        uint16_t segment, rid;
    } alias[MODEL_ALIASES];
    unsigned alias_count;
    uint32_t config[1024];
};

struct firmware_entry {
    struct firmware_entry *next;
    uint16_t type;
    size_t length;
    uint8_t bytes[];
};

struct text_list {
    char **text;
    uint8_t *level;
    unsigned count, room;
};

struct model {
    pthread_mutex_t lock; /* recursive; guards all of the model */
    pthread_cond_t handlers_done;
    struct model_config config;
    struct memory memory;
    struct model_unit *units;
    struct function *functions;
    struct firmware_entry *firmware;
    int near_domain;
    bool dmamem_uncached;
    uint8_t dmar_flags;
    unsigned dmar_width;

    struct tracked *tracked[TRACK_BUCKETS];
    unsigned tracked_count;
    size_t tracked_bytes;
    struct host_lock *locks;
    struct interrupt *interrupts;
    struct register_map *maps;
    uint32_t next_vector;
    unsigned interrupt_pending; /* atomic: some interrupt waits */
    unsigned interrupt_calls;

    uint64_t time; /* atomic */
    uint32_t random;
    unsigned fail_kinds, fail_at, fallible_calls, fallible_failed;
    bool fail_persistent;
    model_hook_fn *hook;
    void *hook_context;
    void (*fatal)(void *context, const char *text);
    void *fatal_context;
    bool verbose;
    struct text_list violations;
    struct text_list log;
};

/* A thread stands for a processor: what it holds decides whether interrupts reach it. */
struct thread_state {
    unsigned pauses; /* of single steps, see step.c */
    unsigned locks_held;
    void *lock_stack[16];
    unsigned in_handler;
    unsigned in_hook;
    unsigned maps;
    struct {
        struct model *m;
        void *address;
        size_t frame;
    } map_stack[6];
};
struct thread_state *thread_state(void);

void enter(struct model *m);
void leave(struct model *m); /* may run interrupt handlers */
void host_enter(struct model *m, enum model_event event);
void run_hook(struct model *m, enum model_event event);
bool call_fails(struct model *m, enum model_fallible kind);
void violation(struct model *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
void fatal(struct model *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
void must(bool truth, const char *what); /* the test's own mistakes */
void *zalloc(size_t size);               /* never null */
uint32_t random32(struct model *m);
void advance(struct model *m, uint64_t nanoseconds);
void text_append(struct text_list *list, uint8_t level, const char *text);
bool text_contains(const struct text_list *list, const char *text);
void text_clear(struct text_list *list);
void send_message(struct model *m, const char *what, uint64_t address, uint32_t data);

/* ---- Units ----------------------------------------------------------------------------------- */

struct register_map {
    struct register_map *next;
    struct model_unit *unit; /* null: nothing answers there */
    uint64_t physical;
    size_t size;
};

struct cache_entry {
    struct cache_entry *next;
    uint16_t tag;  /* context cache: source id; the others: domain id */
    uint8_t level; /* context cache: 0; leaf level, or level of the entry that is cached */
    uint64_t key;  /* page number at that level */
    uint16_t did;
    bool present; /* false: a cached "not present" (caching mode) */
    bool readable, writable;
    bool fpd;
    uint8_t reason; /* of a cached fault */
    uint8_t tt, aw;
    uint64_t value; /* physical page, next table, or top table */
};

struct cache {
    struct cache_entry **buckets;
    size_t bucket_count, count;
};

/* Descriptors that hardware has taken in and not carried out; see queue_fetch.c. */
#define FETCH_MOST 64u
struct fetched {
    uint64_t words[FETCH_MOST][4];
    uint32_t count;
    unsigned bad; /* IQEI_... of the descriptor at which fetching stopped, plus 1; 0: none */
};

struct queue {
    struct fetched fetched;
    bool stalled; /* at a wait that is made to hang */
    uint64_t base;
    uint32_t entries, entry_size;
    bool last_was_wait;
    bool needs_tail; /* after IQE: IQT has to be written before anything goes on */
    uint32_t delay_left;
    unsigned inject_at; /* 1 = next descriptor; 0: none */
    enum model_queue_error inject;
    uint16_t inject_sid;
    uint32_t inject_fetched;
};

struct scope_node {
    struct scope_node *next;
    struct model_scope scope;
};

#define INVALIDATION_LOG 4096u

struct model_unit {
    struct model_unit *next;
    struct model *m;
    uint16_t segment;
    uint64_t base;
    bool include_all;
    uint8_t size_field;
    uint32_t version;
    uint64_t cap, ecap;
    struct scope_node *scopes;

    size_t window; /* bytes of registers, whole pages */
    uint32_t *regs;
    uint8_t *index; /* by dword: number of the register's description, see registers.c */
    unsigned maps;

    /* A command that has been given and does not show yet. */
    bool command_pending;
    uint32_t command;
    uint32_t command_reads;
    bool context_pending, iotlb_pending, protect_pending;
    uint32_t context_reads, iotlb_reads, protect_reads;
    bool context_low_written, root_low_written;
    unsigned refuse;
    uint64_t root; /* latched by SRTP */
    bool root_needs_context, root_needs_iotlb;

    uint8_t *buffered; /* RWBF: what has left the write buffer; null without */
    struct queue queue;
    struct cache context_cache, iotlb, walk_cache;
    unsigned log_next;   /* entry of the in-memory fault log that the next fault goes to */
    unsigned fault_next; /* record that the next fault goes to */
    struct model_behaviour behaviour;
    struct model_unit_stats stats;
    unsigned errata;      /* enum model_erratum */
    bool contexts_dead;   /* MODEL_ERRATUM_QUEUE_FIRST has struck */
    uint32_t status_seen; /* bits of FSTS that software has read since they rose */
    struct {
        unsigned at, seen, failed;
        bool persistent;
        bool command, protect; /* hangs now */
    } waits;
    struct remap *remap; /* null until interrupt remapping is used */
    struct model_invalidation *log;
    uint64_t log_total;
};

/* registers.c */
uint32_t unit_read(struct model_unit *u, uint32_t offset);
void unit_write(struct model_unit *u, uint32_t offset, uint32_t value);
uint32_t *reg(struct model_unit *u, uint32_t offset);
uint64_t reg64(struct model_unit *u, uint32_t offset);
void set_reg64(struct model_unit *u, uint32_t offset, uint64_t value);
void unit_destroy(struct model_unit *u);
uint64_t width_mask(const struct model *m); /* address bits that exist */

/* command.c */
void command_write(struct model_unit *u, uint32_t value);
void command_poll(struct model_unit *u);
void protect_write(struct model_unit *u, uint32_t value);
void protect_poll(struct model_unit *u);
void context_command(struct model_unit *u);
void context_poll(struct model_unit *u);
void iotlb_command(struct model_unit *u);
void iotlb_poll(struct model_unit *u);

bool wait_hangs(struct model_unit *u);
bool in_scalable_mode(const struct model_unit *u);

/* fault.c */
void fault_record(struct model_unit *u, uint16_t sid, uint8_t reason, uint64_t address, bool write);
void status_raise(struct model_unit *u, uint32_t bits);
void status_write(struct model_unit *u, uint32_t value);
void record_write(struct model_unit *u, uint32_t offset, uint32_t value);
void control_write(struct model_unit *u, uint32_t control, uint32_t value);
void completion_event(struct model_unit *u);
void status_refresh(struct model_unit *u);

/* walk.c */
struct request {
    uint16_t rid;
    uint64_t iova;
    bool write;
    bool zero_length;
    bool translated; /* by the device's own cache, with ATS */
    bool use_caches, fill;
};
struct model_translation unit_translate(struct model_unit *u, const struct request *request);
bool unit_load(struct model_unit *u, uint64_t physical, uint64_t *out_value);
void write_buffer_flush(struct model_unit *u);
unsigned level_shift(unsigned level);
bool in_interrupt_range(uint64_t address);

/* A context entry as the hardware understands it; reason 0: usable. */
struct context {
    uint8_t reason;
    bool fpd;
    uint8_t tt, aw;
    uint16_t did;
    uint64_t top;
};
struct context read_context(struct model_unit *u, uint16_t rid);
bool entry_is_leaf(uint64_t entry, unsigned level);
uint64_t entry_target(uint64_t entry);
void cache_context(struct model_unit *u, uint16_t rid, const struct context *c);
void cache_below(struct model_unit *u, const struct context *c, unsigned *limit);

/* stale.c */
unsigned stale_count(struct model_unit *u);

/* step.c */
void step_pause(void);
void step_resume(void);

/* remap.c */
struct remap;
void remap_set_table(struct model_unit *u);
void remap_table_given(struct model_unit *u);
void remap_enabled(struct model_unit *u);
void remap_invalidate(struct model_unit *u, const struct model_invalidation *what);
void remap_drop(struct model_unit *u);
void remap_destroy(struct model_unit *u);

/* cache.c */
struct cache_entry *cache_find(struct cache *c, uint16_t tag, uint8_t level, uint64_t key);
struct cache_entry *cache_add(struct cache *c, uint16_t tag, uint8_t level, uint64_t key);
void cache_clear(struct cache *c);
void cache_free(struct cache *c);
bool invalidation_apply(struct model_unit *u, const struct model_invalidation *what);
void invalidation_note(struct model_unit *u, const struct model_invalidation *what);
void caches_drop(struct model_unit *u);

/* queue_fetch.c */
bool fetch_busy(const struct model_unit *u);
void fetch_ahead(struct model_unit *u);
void fetch_take(struct model_unit *u, uint64_t words[4]);

/* queue.c */
bool descriptor_read(struct model_unit *u, uint32_t head, uint64_t words[4]);
unsigned descriptor_check(struct model_unit *u, const uint64_t words[4]);
void head_advance(struct model_unit *u);
void queue_kick(struct model_unit *u);
void queue_enable(struct model_unit *u);
void queue_disable(struct model_unit *u);
void queue_tail_written(struct model_unit *u, uint32_t old_tail);
void queue_errors_cleared(struct model_unit *u, uint32_t cleared);
void queue_tick(struct model_unit *u);
bool queue_busy(struct model_unit *u);

/* pci.c */
struct function *function_find(struct model *m, uint16_t segment, uint16_t rid);
struct function *bridge_to(struct model *m, uint16_t segment, uint8_t bus);
unsigned scope_covers(struct model *m, uint16_t segment, const struct model_scope *scope,
                      uint16_t rid);
void functions_destroy(struct model *m);

/* dmar.c */
void firmware_destroy(struct model *m);

#endif
