/* SPDX-License-Identifier: BSD-2-Clause */
#include "udmar_port.h"

#include "frontend.h"

/* The real allocator; kernel.h gives its names to the kernel's. */
#undef malloc
#undef free
void *calloc(size_t count, size_t size);
void free(void *memory);

static struct udmar_softc softc;
static uint64_t (*find_physical)(void *context, const void *address);
static void *find_context;
static bool driver_locked;
static struct task *tasks[4];
static unsigned task_count;

int cold, dumping, hz = 100;
int64_t time_uptime = 1;
char *no_environment[] = { NULL };
char **kenvp = no_environment;
struct malloc_type M_DEVBUF[1] = { { "devbuf" } };
struct malloc_type M_UDMAR[1] = { { "udmar" } };
static int kernel_map;
struct pmap *kernel_pmap = (struct pmap *)&kernel_map;

/* ---- the kernel -------------------------------------------------------------------------------
 */

struct udmar_softc *udmar_port(void)
{
    return softc.queue != NULL ? &softc : NULL;
}

void *kernel_malloc(size_t size, struct malloc_type *type, int flags)
{
    (void)type;
    (void)flags;
    return calloc(1, size);
}

void kernel_free(void *memory, struct malloc_type *type)
{
    (void)type;
    free(memory);
}

void mtx_init(struct mtx *lock, const char *name, const char *type, int options)
{
    (void)name;
    (void)type;
    (void)options;
    lock->held = 0;
}

/* One thread: a lock that is taken twice would wait for ever. */
void mtx_lock(struct mtx *lock)
{
    if (lock->held++ != 0) {
        __builtin_trap();
    }
}

void mtx_unlock(struct mtx *lock)
{
    lock->held--;
}

void mtx_destroy(struct mtx *lock)
{
    if (lock->held != 0) {
        __builtin_trap();
    }
}

void task_init(struct task *task, task_fn_t *run, void *context)
{
    *task = (struct task){ run, context, false };
}

int taskqueue_enqueue(struct taskqueue *queue, struct task *task)
{
    (void)queue;
    if (!task->queued) {
        task->queued = true;
        tasks[task_count++] = task;
    }
    return 0;
}

int taskqueue_enqueue_timeout(struct taskqueue *queue, struct timeout_task *task, int ticks)
{
    (void)ticks;
    return taskqueue_enqueue(queue, &task->task);
}

int taskqueue_cancel_timeout(struct taskqueue *queue, struct timeout_task *task, u_int *pending)
{
    (void)queue;
    (void)task;
    (void)pending;
    return 0;
}

void taskqueue_drain(struct taskqueue *queue, struct task *task)
{
    (void)queue;
    (void)task;
}

void taskqueue_drain_timeout(struct taskqueue *queue, struct timeout_task *task)
{
    (void)queue;
    (void)task;
}

unsigned fe_run_tasks(void)
{
    unsigned count = task_count;

    task_count = 0;
    for (unsigned i = 0; i < count; i++) {
        tasks[i]->queued = false;
    }
    for (unsigned i = 0; i < count; i++) {
        tasks[i]->run(tasks[i]->context, 1);
    }
    return count;
}

void fe_pass_seconds(int seconds)
{
    time_uptime += seconds;
}

int pause(const char *reason, int ticks)
{
    (void)reason;
    (void)ticks;
    return 0;
}

u_int atomic_fetchadd_int(volatile u_int *value, u_int add)
{
    return __atomic_fetch_add(value, add, __ATOMIC_SEQ_CST);
}

vm_paddr_t pmap_kextract(vm_offset_t address)
{
    return find_physical(find_context, (const void *)address);
}

vm_paddr_t pmap_extract(pmap_t pmap, vm_offset_t address)
{
    (void)pmap;
    return pmap_kextract(address);
}

void _busdma_dflt_lock(void *argument, bus_dma_lock_op_t op)
{
    (void)argument;
    (void)op;
    __builtin_trap();
}

static void driver_lock(void *argument, bus_dma_lock_op_t op)
{
    (void)argument;
    driver_locked = op == BUS_DMA_LOCK;
}

/* Limits as FreeBSD merges them: the parent's window and boundary, not its alignment. */
int common_bus_dma_tag_create(struct bus_dma_tag_common *parent, bus_size_t alignment,
                              bus_addr_t boundary, bus_addr_t lowaddr, bus_addr_t highaddr,
                              bus_dma_filter_t *filter, void *filterarg, bus_size_t maxsize,
                              int nsegments, bus_size_t maxsegsz, int flags,
                              bus_dma_lock_t *lockfunc, void *lockfuncarg, size_t size,
                              void **out_tag)
{
    struct bus_dma_tag_common *tag = maxsegsz == 0 ? NULL : calloc(1, size);

    if (tag == NULL) {
        return maxsegsz == 0 ? EINVAL : ENOMEM;
    }
    *tag = (struct bus_dma_tag_common){
        .alignment = alignment,
        .boundary = boundary,
        .lowaddr = lowaddr | PAGE_MASK,
        .highaddr = highaddr | PAGE_MASK,
        .filter = filter,
        .filterarg = filterarg,
        .maxsize = maxsize,
        .nsegments = (u_int)nsegments,
        .maxsegsz = maxsegsz,
        .flags = flags,
        .lockfunc = lockfunc != NULL ? lockfunc : _busdma_dflt_lock,
        .lockfuncarg = lockfuncarg,
        .ref_count = 1,
    };
    if (parent != NULL) {
        tag->impl = parent->impl;
        tag->parent = parent->parent;
        tag->lowaddr = MIN(parent->lowaddr, tag->lowaddr);
        parent->ref_count++;
    }
    *out_tag = tag;
    return 0;
}

/* ---- the front end ----------------------------------------------------------------------------
 */

static struct bus_dma_impl *impl(struct fe_tag *tag)
{
    return ((struct bus_dma_tag_common *)tag)->impl;
}

#define TAG(tag) ((bus_dma_tag_t)(tag))
#define MAP(map) ((bus_dmamap_t)(map))

void fe_open(uint64_t (*physical)(void *context, const void *address), void *context)
{
    find_physical = physical;
    find_context = context;
    softc.queue = (struct taskqueue *)&softc;
    task_count = 0;
    udmar_waiting_start(&softc);
}

void fe_close(void)
{
    udmar_waiting_stop(&softc);
    softc.queue = NULL;
}

struct fe_tag *fe_root(struct udmar_device *device)
{
    return (struct fe_tag *)udmar_root_tag(device);
}

void fe_root_end(struct fe_tag *root)
{
    if (((struct bus_dma_tag_common *)root)->ref_count != 1) {
        __builtin_trap();
    }
    free(root);
}

int fe_tag_create(struct fe_tag *parent, uint64_t maxsize, int nsegments, uint64_t maxsegsz,
                  bool locked, struct fe_tag **out_tag)
{
    return impl(parent)->tag_create(TAG(parent), 1, 0, BUS_SPACE_MAXADDR, BUS_SPACE_MAXADDR, NULL,
                                    NULL, maxsize, nsegments, maxsegsz, 0,
                                    locked ? driver_lock : NULL, NULL, (bus_dma_tag_t *)out_tag);
}

int fe_tag_destroy(struct fe_tag *tag)
{
    return impl(tag)->tag_destroy(TAG(tag));
}

int fe_map_create(struct fe_tag *tag, struct fe_map **out_map)
{
    return impl(tag)->map_create(TAG(tag), 0, (bus_dmamap_t *)out_map);
}

int fe_map_destroy(struct fe_tag *tag, struct fe_map *map)
{
    return impl(tag)->map_destroy(TAG(tag), MAP(map));
}

int fe_mem_alloc(struct fe_tag *tag, void **out_address, struct fe_map **out_map)
{
    return impl(tag)->mem_alloc(TAG(tag), out_address, BUS_DMA_WAITOK, (bus_dmamap_t *)out_map);
}

void fe_mem_free(struct fe_tag *tag, void *address, struct fe_map *map)
{
    impl(tag)->mem_free(TAG(tag), address, MAP(map));
}

int fe_load_chain(struct fe_tag *tag, struct fe_map *map, const struct fe_piece *pieces, int count,
                  struct fe_segment *segments, int *out_count)
{
    int error = 0;

    *out_count = -1;
    for (int i = 0; i < count && error == 0; i++) {
        if (pieces[i].length > 0) {
            error = impl(tag)->load_buffer(TAG(tag), MAP(map), pieces[i].base, pieces[i].length,
                                           kernel_pmap, BUS_DMA_NOWAIT,
                                           (bus_dma_segment_t *)segments, out_count);
        }
    }
    ++*out_count;
    impl(tag)->map_complete(TAG(tag), MAP(map), (bus_dma_segment_t *)segments, *out_count, error);
    return error;
}

int fe_load_more(struct fe_tag *tag, struct fe_map *map, uint64_t physical, size_t length,
                 struct fe_segment *out_segment)
{
    int last = -1;

    return impl(tag)->load_phys(TAG(tag), MAP(map), physical, length, BUS_DMA_NOWAIT,
                                (bus_dma_segment_t *)out_segment, &last);
}

int fe_load_pages(struct fe_tag *tag, struct fe_map *map, const uint64_t *pages, size_t offset,
                  size_t length, struct fe_segment *segments, int *out_count)
{
    struct vm_page page[64];
    struct vm_page *list[64];
    int error;

    for (size_t i = 0; i < 64 && i * PAGE_SIZE < offset + length; i++) {
        page[i].phys_addr = pages[i];
        list[i] = &page[i];
    }
    *out_count = -1;
    error = impl(tag)->load_ma(TAG(tag), MAP(map), list, length, (int)offset, BUS_DMA_NOWAIT,
                               (bus_dma_segment_t *)segments, out_count);
    ++*out_count;
    impl(tag)->map_complete(TAG(tag), MAP(map), (bus_dma_segment_t *)segments, *out_count, error);
    return error;
}

int bus_dmamap_load_mem(bus_dma_tag_t tag, bus_dmamap_t map, struct memdesc *memory,
                        bus_dmamap_callback_t *callback, void *argument, int flags)
{
    struct bus_dma_impl *operations = ((struct bus_dma_tag_common *)tag)->impl;
    bus_dma_segment_t *segments;
    int last = -1;
    int error = 0;

    if ((flags & BUS_DMA_NOWAIT) == 0) {
        operations->map_waitok(tag, map, memory, callback, argument);
    }
    for (int i = 0; i < memory->count && error == 0; i++) {
        error = operations->load_buffer(tag, map, memory->list[i].base, memory->list[i].length,
                                        kernel_pmap, flags, NULL, &last);
    }
    if (error == EINPROGRESS) {
        return error;
    }
    segments = operations->map_complete(tag, map, NULL, last + 1, error);
    callback(argument, segments, error != 0 ? 0 : last + 1, error);
    return error == ENOMEM ? error : 0;
}

static void note(void *argument, bus_dma_segment_t *segments, int count, int error)
{
    struct fe_result *result = argument;

    result->calls++;
    result->error = error;
    result->count = count;
    result->locked = driver_locked;
    for (int i = 0; i < count && i < 16; i++) {
        result->segments[i] = (struct fe_segment){ segments[i].ds_addr, segments[i].ds_len };
    }
}

int fe_load_waiting(struct fe_tag *tag, struct fe_map *map, const struct fe_piece *pieces,
                    int count, struct fe_result *result)
{
    struct memdesc memory = { .list = (struct iov *)(uintptr_t)pieces, .count = count };

    return bus_dmamap_load_mem(TAG(tag), MAP(map), &memory, note, result, BUS_DMA_WAITOK);
}

void fe_unload(struct fe_tag *tag, struct fe_map *map)
{
    impl(tag)->map_unload(TAG(tag), MAP(map));
}

void fe_sync(struct fe_tag *tag, struct fe_map *map, int op)
{
    impl(tag)->map_sync(TAG(tag), MAP(map), op);
}

bool fe_id_mapped(struct fe_tag *tag, uint64_t physical, size_t length)
{
    return impl(tag)->id_mapped(TAG(tag), physical, length);
}
