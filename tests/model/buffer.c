/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ways by which the processor reaches memory: table pages, short mappings, drivers' buffers.
 *
 * Buffers live in a window of virtual addresses of their own. Its pages are mapped one by one to
 * frames of the memory file, so neighbours in the window need not be neighbours in memory, and the
 * page before and after each buffer is a hole that traps overruns.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "internal.h"

/* ---- Table pages ----------------------------------------------------------------------------- */

static uint64_t round_to_power(uint64_t value)
{
    uint64_t power = 1;

    while (power < value)
        power <<= 1;
    return power;
}

bool udmar_host_page_alloc(void *host, size_t count, udmar_paddr_t highest, bool mapped,
                           struct udmar_page *out_page)
{
    struct model *m = host;
    struct frame_wish wish = { .count = count, .highest = highest };
    size_t frame = NO_FRAME;

    host_enter(m, MODEL_EVENT_ALLOC);
    if (count < 1 || (count > 128 && count != 256))
        fatal(m, "host: page_alloc of %zu pages", count);
    else if (!call_fails(m, MODEL_CALL_PAGE_ALLOC)) {
        wish.align = round_to_power(count) * MODEL_PAGE;
        wish.high_first = m->config.prefer_high;
        frame = frames_take(m, &wish, FRAME_TABLE);
    }
    if (thread_state()->in_handler > 0)
        violation(m, "host: page_alloc from an interrupt handler");
    if (frame != NO_FRAME) {
        m->memory.block[frame] = (uint16_t)count;
        out_page->physical = frame_physical(m, frame);
        out_page->mapping =
            m->config.no_virtual && !mapped && count == 1 ? NULL : frame_pointer(m, frame);
    }
    leave(m);
    return frame != NO_FRAME;
}

bool udmar_host_page_alloc_near(void *host, size_t count, udmar_paddr_t highest, int domain,
                                struct udmar_page *out_page)
{
    struct model *m = host;
    bool found = udmar_host_page_alloc(host, count, highest, false, out_page);

    enter(m);
    m->near_domain = domain;
    leave(m);
    return found;
}

int model_near_domain(struct model *m)
{
    return m->near_domain;
}

void udmar_host_page_free(void *host, const struct udmar_page *page, size_t count)
{
    struct model *m = host;
    size_t frame;

    host_enter(m, MODEL_EVENT_ALLOC);
    frame = frame_of(m, page->physical);
    if (frame == NO_FRAME || (page->physical & PAGE_LOW) != 0)
        fatal(m, "host: page_free of %#llx, which is no page", (unsigned long long)page->physical);
    else if (m->memory.block[frame] == 0 || m->memory.state[frame] != FRAME_TABLE)
        fatal(m, "host: page_free of %#llx, which is not allocated",
              (unsigned long long)page->physical);
    else if (m->memory.block[frame] != count)
        fatal(m, "host: page_free of %zu pages, %u were allocated", count, m->memory.block[frame]);
    else if (page->mapping != NULL && page->mapping != frame_pointer(m, frame))
        fatal(m, "host: page_free with another virtual address");
    else
        frames_give_back(m, frame, count);
    if (thread_state()->in_handler > 0)
        violation(m, "host: page_free from an interrupt handler");
    leave(m);
}

size_t model_pages_in_use(struct model *m)
{
    size_t pages = 0;

    for (size_t frame = 0; frame < m->memory.total; frame++) {
        if (m->memory.state[frame] == FRAME_TABLE)
            pages++;
    }
    return pages;
}

/* ---- Short mappings -------------------------------------------------------------------------- */

static void *alias_map(struct model *m, size_t frame)
{
    void *at = mmap(NULL, MODEL_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, m->memory.fd,
                    (off_t)(frame * MODEL_PAGE));

    must(at != MAP_FAILED, "no address space for a page mapping");
    return at;
}

void *udmar_host_page_map(void *host, udmar_paddr_t physical)
{
    struct model *m = host;
    struct thread_state *t = thread_state();
    void *address = NULL;
    size_t frame;

    host_enter(m, MODEL_EVENT_MAP);
    frame = frame_of(m, physical);
    if (frame == NO_FRAME || (physical & PAGE_LOW) != 0) {
        fatal(m, "host: page_map of %#llx, which is no page of memory",
              (unsigned long long)physical);
    } else if (t->maps == 6) {
        fatal(m, "host: more than six page mappings at a time");
    } else {
        if (m->memory.state[frame] == FRAME_FREED)
            violation(m, "host: page_map of the freed page %#llx", (unsigned long long)physical);
        address = m->config.alias_maps ? alias_map(m, frame) : frame_pointer(m, frame);
        t->map_stack[t->maps].m = m;
        t->map_stack[t->maps].address = address;
        t->map_stack[t->maps].frame = frame;
        t->maps++;
        m->memory.mappings++;
    }
    leave(m);
    return address;
}

void udmar_host_page_unmap(void *host, void *address)
{
    struct model *m = host;
    struct thread_state *t = thread_state();

    host_enter(m, MODEL_EVENT_UNMAP);
    if (t->maps == 0 || t->map_stack[t->maps - 1].address != address ||
        t->map_stack[t->maps - 1].m != m) {
        fatal(m, "host: page_unmap of %p, which was not mapped last", address);
    } else {
        t->maps--;
        m->memory.mappings--;
        if (m->config.alias_maps)
            munmap(address, MODEL_PAGE);
    }
    leave(m);
}

size_t map_stack_frame(const void *address)
{
    struct thread_state *t = thread_state();

    for (unsigned i = 0; i < t->maps; i++) {
        const uint8_t *start = t->map_stack[i].address;

        if ((const uint8_t *)address >= start && (const uint8_t *)address < start + MODEL_PAGE)
            return t->map_stack[i].frame;
    }
    return NO_FRAME;
}

/* The frame behind any address by which the processor may reach memory, or NO_FRAME. */
static size_t frame_behind(struct model *m, const void *address)
{
    const struct memory *mem = &m->memory;
    uintptr_t at = (uintptr_t)address;
    uintptr_t direct = (uintptr_t)mem->direct, window = (uintptr_t)mem->window;

    if (at >= direct && at - direct < mem->total * MODEL_PAGE)
        return (at - direct) / MODEL_PAGE;
    if (at >= window && at - window < mem->window_pages * MODEL_PAGE) {
        uint32_t slot =
            __atomic_load_n(&mem->slot_frame[(at - window) / MODEL_PAGE], __ATOMIC_ACQUIRE);

        return slot == 0 ? NO_FRAME : slot - 1;
    }
    return map_stack_frame(address);
}

void udmar_host_cache_flush(void *host, const void *address, size_t size)
{
    struct model *m = host;
    size_t offset = (uintptr_t)address % MODEL_PAGE;
    size_t frame;

    host_enter(m, MODEL_EVENT_FLUSH);
    frame = frame_behind(m, address);
    if (frame == NO_FRAME || size == 0 || offset + size > MODEL_PAGE) {
        fatal(m, "host: cache_flush of %p, %zu bytes: not inside one page", address, size);
    } else {
        for (size_t line = offset & ~(size_t)63; line < offset + size; line += 64)
            memory_publish_line(m, frame_pointer(m, frame) + line);
        m->memory.flushes++;
    }
    leave(m);
}

unsigned model_flushes(struct model *m)
{
    return m->memory.flushes;
}

/* ---- Buffers --------------------------------------------------------------------------------- */

/* First of @pages free window pages with a hole on either side; 0: none (page 0 stays a hole). */
static size_t slots_find(struct model *m, size_t pages)
{
    const struct memory *mem = &m->memory;
    size_t run = 0;

    for (size_t slot = 0; slot < mem->window_pages; slot++) {
        run = mem->slot_frame[slot] == 0 ? run + 1 : 0;
        if (run == pages + 2)
            return slot - pages;
    }
    return 0;
}

static void slot_set(struct model *m, size_t slot, size_t frame)
{
    struct memory *mem = &m->memory;
    void *at = mmap(mem->window + slot * MODEL_PAGE, MODEL_PAGE, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_FIXED, mem->fd, (off_t)(frame * MODEL_PAGE));

    must(at != MAP_FAILED, "too many mappings for buffers");
    __atomic_store_n(&mem->slot_frame[slot], (uint32_t)frame + 1, __ATOMIC_RELEASE);
}

static void slots_clear(struct model *m, size_t slot)
{
    struct memory *mem = &m->memory;

    mem->slot_kind[slot] = SLOT_NONE;
    mem->slot_size[slot] = 0;
    for (; mem->slot_frame[slot] != 0; slot++) {
        size_t frame = mem->slot_frame[slot] - 1;
        void *at = mmap(mem->window + slot * MODEL_PAGE, MODEL_PAGE, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);

        must(at != MAP_FAILED, "cannot unmap a buffer");
        __atomic_store_n(&mem->slot_frame[slot], 0, __ATOMIC_RELEASE);
        frames_give_back(m, frame, 1);
    }
}

/* Maps @pages to the window, contiguous or not. Null: no memory. */
static uint8_t *slots_fill(struct model *m, size_t pages, const struct frame_wish *wish)
{
    size_t slot = slots_find(m, pages);
    size_t frame = NO_FRAME;

    if (slot == 0)
        return NULL;
    if (wish->count > 0) {
        frame = frames_take(m, wish, FRAME_BUFFER);
        if (frame == NO_FRAME)
            return NULL;
    }
    for (size_t i = 0; i < pages; i++) {
        size_t next = wish->count > 0 ? frame + i
                                      : frame_take_scattered(m, wish->lowest, wish->highest, frame);

        if (next == NO_FRAME) {
            slots_clear(m, slot);
            return NULL;
        }
        slot_set(m, slot + i, next);
        frame = wish->count > 0 ? frame : next;
    }
    return m->memory.window + slot * MODEL_PAGE;
}

static size_t slot_of(struct model *m, const void *address)
{
    uintptr_t offset = (uintptr_t)address - (uintptr_t)m->memory.window;

    return offset / MODEL_PAGE < m->memory.window_pages ? offset / MODEL_PAGE : 0;
}

void *model_buffer_alloc(struct model *m, size_t size, unsigned flags, size_t offset)
{
    size_t pages = (size + offset + MODEL_PAGE - 1) / MODEL_PAGE;
    struct frame_wish wish = { .align = MODEL_PAGE, .highest = UINT64_MAX };
    uint8_t *at;

    must(size > 0 && offset < MODEL_PAGE, "model_buffer_alloc: bad size or offset");
    enter(m);
    wish.count = (flags & MODEL_SCATTERED) != 0 ? 0 : pages;
    wish.lowest = (flags & MODEL_HIGH) != 0 ? FOUR_GIB : 0;
    wish.highest = (flags & MODEL_LOW) != 0 ? FOUR_GIB - 1 : UINT64_MAX;
    wish.high_first = m->config.prefer_high;
    at = slots_fill(m, pages, &wish);
    must(at != NULL, "model_buffer_alloc: simulated memory is used up");
    m->memory.slot_kind[slot_of(m, at)] = SLOT_BUFFER;
    m->memory.slot_size[slot_of(m, at)] = size;
    leave(m);
    return at + offset;
}

void model_buffer_free(struct model *m, void *buffer)
{
    size_t slot;

    enter(m);
    slot = slot_of(m, buffer);
    if (m->memory.slot_kind[slot] != SLOT_BUFFER)
        fatal(m, "model_buffer_free of %p, which is no buffer", buffer);
    else
        slots_clear(m, slot);
    leave(m);
}

bool model_dmamem_uncached(struct model *m)
{
    return m->dmamem_uncached;
}

void *udmar_host_dmamem_alloc(void *host, size_t size, size_t alignment, udmar_paddr_t highest,
                              bool contiguous, bool uncached)
{
    struct model *m = host;
    size_t pages = (size + MODEL_PAGE - 1) / MODEL_PAGE;
    struct frame_wish wish = { .align = alignment, .highest = highest };
    uint8_t *at = NULL;

    host_enter(m, MODEL_EVENT_ALLOC);
    m->dmamem_uncached = uncached;
    if (thread_state()->locks_held > 0 || thread_state()->in_handler > 0)
        violation(m, "host: dmamem_alloc with a lock held or from a handler");
    if (size == 0 || alignment == 0 || (alignment & (alignment - 1)) != 0) {
        fatal(m, "host: dmamem_alloc of %zu bytes aligned to %zu", size, alignment);
    } else if (!call_fails(m, MODEL_CALL_DMAMEM_ALLOC)) {
        wish.count = contiguous ? pages : 0;
        wish.align = alignment < MODEL_PAGE ? MODEL_PAGE : alignment;
        wish.high_first = m->config.prefer_high;
        at = slots_fill(m, pages, &wish);
    }
    if (at != NULL) {
        m->memory.slot_kind[slot_of(m, at)] = SLOT_DMAMEM;
        m->memory.slot_size[slot_of(m, at)] = size;
    }
    leave(m);
    return at;
}

void udmar_host_dmamem_free(void *host, void *memory, size_t size)
{
    struct model *m = host;
    size_t slot;

    host_enter(m, MODEL_EVENT_ALLOC);
    slot = slot_of(m, memory);
    if (m->memory.slot_kind[slot] != SLOT_DMAMEM || (uintptr_t)memory % MODEL_PAGE != 0)
        fatal(m, "host: dmamem_free of %p, which is not allocated", memory);
    else if (m->memory.slot_size[slot] != size)
        fatal(m, "host: dmamem_free of %zu bytes, %zu were allocated", size,
              m->memory.slot_size[slot]);
    else
        slots_clear(m, slot);
    leave(m);
}

udmar_paddr_t udmar_host_virtual_to_physical(void *host, const void *address, size_t *length)
{
    struct model *m = host;
    size_t frame = frame_behind(m, address);
    size_t wanted = *length;
    size_t run = MODEL_PAGE - (uintptr_t)address % MODEL_PAGE;
    uint64_t physical;

    if (wanted == 0)
        fatal(m, "host: virtual_to_physical of no bytes");
    if (frame == NO_FRAME) {
        /* Nobody may rely on it: nothing, or as it was. */
        if ((uintptr_t)address / MODEL_PAGE % 2 == 0)
            *length = 0;
        return UINT64_MAX;
    }
    physical = frame_physical(m, frame) + (uintptr_t)address % MODEL_PAGE;
    /* As far as pages are neighbours in memory, as a host with a direct map would answer. */
    while (run < wanted) {
        size_t next = frame_behind(m, (const uint8_t *)address + run);

        if (next == NO_FRAME || frame_physical(m, next) != physical + run)
            break;
        run += MODEL_PAGE;
    }
    *length = run < wanted ? run : wanted;
    return physical;
}

static unsigned leak_pages(struct model *m)
{
    unsigned leaks = 0;

    for (size_t frame = 0; frame < m->memory.total; frame++) {
        if (m->memory.block[frame] == 0)
            continue;
        fprintf(stderr, "leak: %u page(s) at %#llx\n", m->memory.block[frame],
                (unsigned long long)frame_physical(m, frame));
        leaks++;
    }
    return leaks;
}

unsigned buffer_leaks(struct model *m)
{
    unsigned leaks = leak_pages(m);

    for (size_t slot = 0; slot < m->memory.window_pages; slot++) {
        if (m->memory.slot_kind[slot] == SLOT_NONE)
            continue;
        fprintf(stderr, "leak: %s of %zu bytes\n",
                m->memory.slot_kind[slot] == SLOT_DMAMEM ? "dmamem" : "buffer",
                m->memory.slot_size[slot]);
        leaks++;
    }
    if (m->memory.mappings > 0)
        fprintf(stderr, "leak: %u page mapping(s)\n", m->memory.mappings);
    return leaks + m->memory.mappings;
}
