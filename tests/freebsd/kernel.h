/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the FreeBSD port's busdma needs of a kernel, declared anew from the interface's facts:
 * names, types and values. Every header below include/ comes here.
 */
#ifndef UDMAR_TESTS_FREEBSD_KERNEL_H
#define UDMAR_TESTS_FREEBSD_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef unsigned int u_int;
typedef uint64_t vm_paddr_t;
typedef uintptr_t vm_offset_t;
typedef uint64_t bus_addr_t;
typedef uint64_t bus_size_t;
typedef struct device *device_t;
typedef void *eventhandler_tag;

#define ENOMEM      12
#define EBUSY       16
#define EINVAL      22
#define EFBIG       27
#define EINPROGRESS 36

#define PAGE_SHIFT 12
#define PAGE_SIZE  ((vm_offset_t)4096)
#define PAGE_MASK  (PAGE_SIZE - 1)

#define MIN(a, b)            ((a) < (b) ? (a) : (b))
#define MAX(a, b)            ((a) > (b) ? (a) : (b))
#define nitems(array)        (sizeof(array) / sizeof((array)[0]))
#define CTASSERT(condition)  _Static_assert(condition, #condition)
#define KERNEL_PANICKED()    false
#define MALLOC_DECLARE(type) extern struct malloc_type type[1]
#define TAILQ_HEAD(name, type) \
    struct name {              \
        struct type *first;    \
        struct type **end;     \
    }
#define TAILQ_ENTRY(type)     \
    struct {                  \
        struct type *next;    \
        struct type **before; \
    }
#define TAILQ_INIT(head)  ((head)->first = NULL, (head)->end = &(head)->first)
#define TAILQ_FIRST(head) ((head)->first)
#define TAILQ_EMPTY(head) ((head)->first == NULL)
#define TAILQ_INSERT_TAIL(head, item, field)                                               \
    ((item)->field.next = NULL, (item)->field.before = (head)->end, *(head)->end = (item), \
     (head)->end = &(item)->field.next)
#define TAILQ_REMOVE(head, item, field)                                                 \
    (*((item)->field.next != NULL ? &(item)->field.next->field.before : &(head)->end) = \
         (item)->field.before,                                                          \
     *(item)->field.before = (item)->field.next)
#define TAILQ_INSERT_HEAD(head, item, field)                                                       \
    ((item)->field.next = (head)->first,                                                           \
     *((head)->first != NULL ? &(head)->first->field.before : &(head)->end) = &(item)->field.next, \
     (head)->first = (item), (item)->field.before = &(head)->first)

struct malloc_type {
    const char *name;
};
#define M_NOWAIT 1
#define M_WAITOK 2
#define M_ZERO   0x100
MALLOC_DECLARE(M_DEVBUF);
void *kernel_malloc(size_t size, struct malloc_type *type, int flags);
void kernel_free(void *memory, struct malloc_type *type);
#define malloc kernel_malloc
#define free   kernel_free

struct mtx {
    int held;
};
#define MTX_DEF 0
void mtx_init(struct mtx *lock, const char *name, const char *type, int options);
void mtx_lock(struct mtx *lock);
void mtx_unlock(struct mtx *lock);
void mtx_destroy(struct mtx *lock);
struct sx {
    int unused;
};
struct callout {
    int unused;
};

typedef void task_fn_t(void *context, int pending);
struct task {
    task_fn_t *run;
    void *context;
    bool queued;
};
struct timeout_task {
    struct task task;
};
struct taskqueue;
void task_init(struct task *task, task_fn_t *run, void *context);
#define TASK_INIT(task, priority, run, context) task_init(task, run, context)
#define TIMEOUT_TASK_INIT(queue, timeout, priority, run, context) \
    task_init(&(timeout)->task, run, context)
int taskqueue_enqueue(struct taskqueue *queue, struct task *task);
int taskqueue_enqueue_timeout(struct taskqueue *queue, struct timeout_task *task, int ticks);
int taskqueue_cancel_timeout(struct taskqueue *queue, struct timeout_task *task, u_int *pending);
void taskqueue_drain(struct taskqueue *queue, struct task *task);
void taskqueue_drain_timeout(struct taskqueue *queue, struct timeout_task *task);

extern int cold, dumping, hz;
extern int64_t time_uptime;
extern char **kenvp;
int pause(const char *reason, int ticks);
int printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
int snprintf(char *buffer, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int kernel_tunable(const char *name, int *out_value);
#define TUNABLE_INT_FETCH(name, value) kernel_tunable(name, value)
struct devclass;
struct devclass *devclass_find(const char *name);

size_t strlen(const char *text);
size_t kernel_strlcpy(char *to, const char *from, size_t size);
#define strlcpy kernel_strlcpy
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t size);
char *strchr(const char *text, int character);

u_int atomic_fetchadd_int(volatile u_int *value, u_int add);
#define atomic_load_int(value)          __atomic_load_n(value, __ATOMIC_RELAXED)
#define atomic_add_int(value, add)      ((void)atomic_fetchadd_int(value, add))
#define atomic_subtract_int(value, sub) ((void)atomic_fetchadd_int(value, -(u_int)(sub)))

/* Memory: pages that a kernel maps somewhere, and none that it maps directly. */
struct pmap;
typedef struct pmap *pmap_t;
extern struct pmap *kernel_pmap;
vm_paddr_t pmap_kextract(vm_offset_t address);
vm_paddr_t pmap_extract(pmap_t pmap, vm_offset_t address);
struct vm_page {
    vm_paddr_t phys_addr;
};
typedef struct vm_page *vm_page_t;
#define VM_PAGE_TO_PHYS(page) ((page)->phys_addr)
#define VM_MIN_KERNEL_ADDRESS ((vm_offset_t)0x10000)
#define VIRT_IN_DMAP(address) ((address) == 1)
#define DMAP_TO_PHYS(address) ((vm_paddr_t)(address))

/* busdma(9), what drivers and back ends see. */
typedef struct bus_dma_tag *bus_dma_tag_t;
typedef struct bus_dmamap *bus_dmamap_t;
typedef int bus_dmasync_op_t;
typedef enum { BUS_DMA_LOCK = 1, BUS_DMA_UNLOCK = 2 } bus_dma_lock_op_t;
typedef struct bus_dma_segment {
    bus_addr_t ds_addr;
    bus_size_t ds_len;
} bus_dma_segment_t;
typedef int bus_dma_filter_t(void *argument, bus_addr_t address);
typedef void bus_dma_lock_t(void *argument, bus_dma_lock_op_t op);
typedef void bus_dmamap_callback_t(void *argument, bus_dma_segment_t *segs, int count, int error);
#define BUS_DMA_WAITOK         0
#define BUS_DMA_NOWAIT         0x1
#define BUS_DMA_ALLOCNOW       0x2
#define BUS_DMA_COHERENT       0x4
#define BUS_DMA_ZERO           0x8
#define BUS_DMA_NOWRITE        0x100
#define BUS_DMA_NOCACHE        0x200
#define BUS_DMA_KEEP_PG_OFFSET 0x400
#define BUS_SPACE_MAXADDR      0xffffffffffffffffull
#define BUS_SPACE_MAXSIZE      0xffffffffffffffffull
#define BUS_SPACE_UNRESTRICTED (~0)

struct memdesc {
    void *buffer; /* kernel memory, or... */
    struct iov {
        void *base;
        size_t length;
    } * list; /* ...a list of it */
    int count;
    size_t length;
};

struct bus_dma_tag_common {
    struct bus_dma_impl *impl;
    struct bus_dma_tag_common *parent;
    bus_size_t alignment;
    bus_addr_t boundary;
    bus_addr_t lowaddr;
    bus_addr_t highaddr;
    bus_dma_filter_t *filter;
    void *filterarg;
    bus_size_t maxsize;
    u_int nsegments;
    bus_size_t maxsegsz;
    int flags;
    bus_dma_lock_t *lockfunc;
    void *lockfuncarg;
    int ref_count;
    int domain;
};
struct bus_dma_impl {
    int (*tag_create)(bus_dma_tag_t, bus_size_t, bus_addr_t, bus_addr_t, bus_addr_t,
                      bus_dma_filter_t *, void *, bus_size_t, int, bus_size_t, int,
                      bus_dma_lock_t *, void *, bus_dma_tag_t *);
    int (*tag_destroy)(bus_dma_tag_t);
    int (*tag_set_domain)(bus_dma_tag_t);
    bool (*id_mapped)(bus_dma_tag_t, vm_paddr_t, bus_size_t);
    int (*map_create)(bus_dma_tag_t, int, bus_dmamap_t *);
    int (*map_destroy)(bus_dma_tag_t, bus_dmamap_t);
    int (*mem_alloc)(bus_dma_tag_t, void **, int, bus_dmamap_t *);
    void (*mem_free)(bus_dma_tag_t, void *, bus_dmamap_t);
    int (*load_ma)(bus_dma_tag_t, bus_dmamap_t, struct vm_page **, bus_size_t, int, int,
                   bus_dma_segment_t *, int *);
    int (*load_phys)(bus_dma_tag_t, bus_dmamap_t, vm_paddr_t, bus_size_t, int, bus_dma_segment_t *,
                     int *);
    int (*load_buffer)(bus_dma_tag_t, bus_dmamap_t, void *, bus_size_t, struct pmap *, int,
                       bus_dma_segment_t *, int *);
    void (*map_waitok)(bus_dma_tag_t, bus_dmamap_t, struct memdesc *, bus_dmamap_callback_t *,
                       void *);
    bus_dma_segment_t *(*map_complete)(bus_dma_tag_t, bus_dmamap_t, bus_dma_segment_t *, int, int);
    void (*map_unload)(bus_dma_tag_t, bus_dmamap_t);
    void (*map_sync)(bus_dma_tag_t, bus_dmamap_t, bus_dmasync_op_t);
};
int common_bus_dma_tag_create(struct bus_dma_tag_common *parent, bus_size_t alignment,
                              bus_addr_t boundary, bus_addr_t lowaddr, bus_addr_t highaddr,
                              bus_dma_filter_t *filter, void *filterarg, bus_size_t maxsize,
                              int nsegments, bus_size_t maxsegsz, int flags,
                              bus_dma_lock_t *lockfunc, void *lockfuncarg, size_t size,
                              void **out_tag);
void _busdma_dflt_lock(void *argument, bus_dma_lock_op_t op);
int bus_dmamap_load_mem(bus_dma_tag_t tag, bus_dmamap_t map, struct memdesc *memory,
                        bus_dmamap_callback_t *callback, void *argument, int flags);

#endif
