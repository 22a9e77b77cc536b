/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Simulated physical memory.
 *
 * One memory file holds all frames of both arenas, so that a frame can appear at several virtual
 * addresses: in the direct map, in a page mapping, in a buffer. Beside it lies the shadow: what a
 * unit reads that does not snoop the processor's caches. Lines reach it by a flush only.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

/* What tables hold that were never flushed: nothing that looks like an entry's good intentions. */
#define STALE_BYTE 0xa7
/* What freed pages hold. */
#define FREED_BYTE 0xdb

/* 64-bit accesses that stay whole on i386, too. */
typedef uint64_t __attribute__((aligned(8), may_alias)) whole_word;

uint64_t load_word(const uint8_t *address)
{
    return __atomic_load_n((const whole_word *)(const void *)address, __ATOMIC_ACQUIRE);
}

void store_word(uint8_t *address, uint64_t value)
{
    __atomic_store_n((whole_word *)(void *)address, value, __ATOMIC_RELEASE);
}

static void *map_anonymous(size_t size, int protection)
{
    void *at = mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    must(at != MAP_FAILED, "no address space for simulated memory");
    return at;
}

void memory_create(struct model *m, const struct model_config *config)
{
    struct memory *mem = &m->memory;
    uint64_t high = config->high_size == MODEL_NO_HIGH ? 0 : config->high_size;

    mem->base[0] = config->low_base;
    mem->base[1] = config->high_base;
    mem->frames[0] = (size_t)(config->low_size >> PAGE_BITS);
    mem->frames[1] = (size_t)(high >> PAGE_BITS);
    mem->total = mem->frames[0] + mem->frames[1];
    mem->fd = memfd_create("udmar-model", MFD_CLOEXEC);
    must(mem->fd >= 0, "memfd_create failed");
    must(ftruncate(mem->fd, (off_t)(mem->total * MODEL_PAGE)) == 0, "ftruncate failed");
    mem->direct =
        mmap(NULL, mem->total * MODEL_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, mem->fd, 0);
    must(mem->direct != MAP_FAILED, "no address space for simulated memory");
    mem->shadow = map_anonymous(mem->total * MODEL_PAGE, PROT_READ | PROT_WRITE);
    mem->state = zalloc(mem->total);
    mem->block = zalloc(mem->total * sizeof(*mem->block));
    mem->window_pages = mem->total + mem->total / 2;
    mem->window = map_anonymous(mem->window_pages * MODEL_PAGE, PROT_NONE);
    mem->slot_frame = zalloc(mem->window_pages * sizeof(*mem->slot_frame));
    mem->slot_size = zalloc(mem->window_pages * sizeof(*mem->slot_size));
    mem->slot_kind = zalloc(mem->window_pages);
    if (mem->base[0] == 0)
        mem->state[0] = FRAME_RESERVED; /* nobody is ever given page 0 */
}

void memory_destroy(struct model *m)
{
    struct memory *mem = &m->memory;

    munmap(mem->direct, mem->total * MODEL_PAGE);
    munmap(mem->shadow, mem->total * MODEL_PAGE);
    munmap(mem->window, mem->window_pages * MODEL_PAGE);
    close(mem->fd);
    free(mem->state);
    free(mem->block);
    free(mem->slot_frame);
    free(mem->slot_size);
    free(mem->slot_kind);
}

/* ---- Frames ---------------------------------------------------------------------------------- */

size_t frame_of(const struct model *m, uint64_t physical)
{
    const struct memory *mem = &m->memory;
    size_t first = 0;

    for (unsigned arena = 0; arena < 2; arena++) {
        uint64_t offset = physical - mem->base[arena];

        if (physical >= mem->base[arena] && (offset >> PAGE_BITS) < mem->frames[arena])
            return first + (size_t)(offset >> PAGE_BITS);
        first += mem->frames[arena];
    }
    return NO_FRAME;
}

uint64_t frame_physical(const struct model *m, size_t frame)
{
    const struct memory *mem = &m->memory;

    if (frame < mem->frames[0])
        return mem->base[0] + ((uint64_t)frame << PAGE_BITS);
    return mem->base[1] + ((uint64_t)(frame - mem->frames[0]) << PAGE_BITS);
}

uint8_t *frame_pointer(const struct model *m, size_t frame)
{
    return m->memory.direct + frame * MODEL_PAGE;
}

static bool frame_is_free(const struct memory *mem, size_t frame)
{
    return mem->state[frame] == FRAME_FREE || mem->state[frame] == FRAME_FREED;
}

/*
 * The processor has zeroed the frames, but its stores are in its caches still: memory holds
 * something that must not be taken for a table.
 */
static void frames_hand_out(struct model *m, size_t frame, size_t count, enum frame_state state)
{
    struct memory *mem = &m->memory;

    mem->generation++;
    memset(mem->state + frame, (int)state, count);
    memset(frame_pointer(m, frame), 0, count * MODEL_PAGE);
    memset(mem->shadow + frame * MODEL_PAGE, STALE_BYTE, count * MODEL_PAGE);
    for (struct model_unit *u = m->units; u != NULL; u = u->next) {
        if (u->buffered != NULL)
            memset(u->buffered + frame * MODEL_PAGE, STALE_BYTE, count * MODEL_PAGE);
    }
}

static bool frames_fit(const struct model *m, size_t frame, const struct frame_wish *wish)
{
    uint64_t physical = frame_physical(m, frame);

    if ((physical & (wish->align - 1)) != 0 || physical < wish->lowest ||
        physical + wish->count * MODEL_PAGE - 1 > wish->highest)
        return false;
    for (size_t i = 0; i < wish->count; i++) {
        if (!frame_is_free(&m->memory, frame + i))
            return false;
    }
    return true;
}

static size_t arena_find(struct model *m, unsigned arena, const struct frame_wish *wish)
{
    struct memory *mem = &m->memory;
    size_t first = arena == 0 ? 0 : mem->frames[0];
    size_t at = mem->hint[arena];

    while (at < mem->frames[arena] && !frame_is_free(mem, first + at))
        at++;
    mem->hint[arena] = at;
    for (; at + wish->count <= mem->frames[arena]; at++) {
        if (frames_fit(m, first + at, wish))
            return first + at;
    }
    return NO_FRAME;
}

/* The lowest frames that fit: what was freed last is soon used again, as stale caches deserve. */
size_t frames_take(struct model *m, const struct frame_wish *wish, enum frame_state state)
{
    unsigned first = wish->high_first ? 1 : 0;
    size_t frame = arena_find(m, first, wish);

    if (frame == NO_FRAME)
        frame = arena_find(m, 1 - first, wish);
    if (frame != NO_FRAME)
        frames_hand_out(m, frame, wish->count, state);
    return frame;
}

static bool scattered_fits(const struct model *m, size_t frame, uint64_t lowest, uint64_t highest,
                           size_t apart_from)
{
    uint64_t physical = frame_physical(m, frame);

    return frame_is_free(&m->memory, frame) && physical >= lowest &&
           physical + PAGE_LOW <= highest && frame + 1 != apart_from && frame != apart_from + 1;
}

/* A frame from anywhere that is no neighbour of @apart_from. */
size_t frame_take_scattered(struct model *m, uint64_t lowest, uint64_t highest, size_t apart_from)
{
    size_t total = m->memory.total;
    size_t start = random32(m) % total;

    for (size_t i = 0; i < total; i++) {
        size_t frame = (start + i) % total;

        if (scattered_fits(m, frame, lowest, highest, apart_from)) {
            frames_hand_out(m, frame, 1, FRAME_BUFFER);
            return frame;
        }
    }
    return NO_FRAME;
}

void frames_give_back(struct model *m, size_t frame, size_t count)
{
    struct memory *mem = &m->memory;
    unsigned arena = frame < mem->frames[0] ? 0 : 1;
    size_t relative = arena == 0 ? frame : frame - mem->frames[0];

    mem->generation++;
    memset(mem->state + frame, FRAME_FREED, count);
    memset(frame_pointer(m, frame), FREED_BYTE, count * MODEL_PAGE);
    mem->block[frame] = 0;
    if (relative < mem->hint[arena])
        mem->hint[arena] = relative;
}

/* ---- Views ----------------------------------------------------------------------------------- */

static void copy_words(uint8_t *to, const uint8_t *from, size_t size)
{
    for (size_t i = 0; i < size; i += 8)
        store_word(to + i, load_word(from + i));
}

/* Brings a line of 64 bytes from the processor's caches to memory. */
void memory_publish_line(struct model *m, const uint8_t *address)
{
    size_t offset = (size_t)(address - m->memory.direct) & ~(size_t)63;

    copy_words(m->memory.shadow + offset, m->memory.direct + offset, 64);
}

/* Brings a frame to memory and through all write buffers. */
void frame_publish(struct model *m, size_t frame)
{
    size_t offset = frame * MODEL_PAGE;

    copy_words(m->memory.shadow + offset, m->memory.direct + offset, MODEL_PAGE);
    for (struct model_unit *u = m->units; u != NULL; u = u->next) {
        if (u->buffered != NULL)
            copy_words(u->buffered + offset, m->memory.direct + offset, MODEL_PAGE);
    }
}

/* A write buffer empties: what has reached it so far becomes visible to the unit [VTD 6.8]. */
void write_buffer_flush(struct model_unit *u)
{
    struct memory *mem = &u->m->memory;
    const uint8_t *source = (u->ecap & ECAP_C) != 0 ? mem->direct : mem->shadow;

    if (u->buffered == NULL)
        return;
    for (size_t frame = 0; frame < mem->total; frame++) {
        if (mem->state[frame] == FRAME_TABLE || mem->state[frame] == FRAME_TEST)
            copy_words(u->buffered + frame * MODEL_PAGE, source + frame * MODEL_PAGE, MODEL_PAGE);
    }
}

/* Reads a table entry as the unit sees memory. False: nothing answers at that address. */
bool unit_load(struct model_unit *u, uint64_t physical, uint64_t *out_value)
{
    struct memory *mem = &u->m->memory;
    size_t frame = frame_of(u->m, physical);
    const uint8_t *view = (u->ecap & ECAP_C) != 0 ? mem->direct : mem->shadow;

    if (frame == NO_FRAME)
        return false;
    if (u->buffered != NULL)
        view = u->buffered;
    *out_value = load_word(view + frame * MODEL_PAGE + (physical & PAGE_LOW & ~UINT64_C(7)));
    return true;
}

/* ---- For tests ------------------------------------------------------------------------------- */

void *model_pointer(struct model *m, uint64_t physical)
{
    size_t frame = frame_of(m, physical);

    return frame == NO_FRAME ? NULL : frame_pointer(m, frame) + (physical & PAGE_LOW);
}

static uint8_t *range_pointer(struct model *m, uint64_t physical, size_t length)
{
    size_t first = frame_of(m, physical);
    size_t last = frame_of(m, physical + (length == 0 ? 0 : length - 1));

    if (first == NO_FRAME || last == NO_FRAME ||
        last - first != (((physical & PAGE_LOW) + (length == 0 ? 0 : length - 1)) >> PAGE_BITS))
        return NULL;
    return frame_pointer(m, first) + (physical & PAGE_LOW);
}

bool model_memory_read(struct model *m, uint64_t physical, void *buffer, size_t length)
{
    const uint8_t *at = range_pointer(m, physical, length);

    if (at != NULL && length > 0)
        memcpy(buffer, at, length);
    return at != NULL;
}

bool model_memory_write(struct model *m, uint64_t physical, const void *buffer, size_t length)
{
    uint8_t *at = range_pointer(m, physical, length);

    if (at != NULL && length > 0)
        memcpy(at, buffer, length);
    return at != NULL;
}

uint64_t model_load64(struct model *m, uint64_t physical)
{
    const uint8_t *at = model_pointer(m, physical);

    must(at != NULL && (physical & 7) == 0, "model_load64: bad address");
    return load_word(at);
}

void model_store64(struct model *m, uint64_t physical, uint64_t value)
{
    uint8_t *at = model_pointer(m, physical);

    must(at != NULL && (physical & 7) == 0, "model_store64: bad address");
    store_word(at, value);
}

void model_publish64(struct model *m, uint64_t physical, uint64_t value)
{
    size_t offset = frame_of(m, physical) * MODEL_PAGE + (size_t)(physical & PAGE_LOW);

    model_store64(m, physical, value);
    store_word(m->memory.shadow + offset, value);
    for (struct model_unit *u = m->units; u != NULL; u = u->next) {
        if (u->buffered != NULL)
            store_word(u->buffered + offset, value);
    }
}

void model_publish_all(struct model *m)
{
    enter(m);
    for (size_t frame = 0; frame < m->memory.total; frame++) {
        if (m->memory.state[frame] != FRAME_FREE)
            frame_publish(m, frame);
    }
    leave(m);
}

uint64_t model_page_alloc(struct model *m)
{
    const struct frame_wish wish = { .count = 1, .align = MODEL_PAGE, .highest = UINT64_MAX };
    size_t frame;

    enter(m);
    frame = frames_take(m, &wish, FRAME_TEST);
    must(frame != NO_FRAME, "model_page_alloc: simulated memory is used up");
    frame_publish(m, frame);
    leave(m);
    return frame_physical(m, frame);
}

void model_page_free(struct model *m, uint64_t physical)
{
    size_t frame = frame_of(m, physical);

    enter(m);
    must(frame != NO_FRAME && m->memory.state[frame] == FRAME_TEST, "model_page_free: not a page");
    frames_give_back(m, frame, 1);
    leave(m);
}

void model_reserve(struct model *m, uint64_t physical, uint64_t size)
{
    uint64_t first = physical & ~PAGE_LOW;
    uint64_t last = physical + size - 1;

    enter(m);
    for (size_t frame = 0; frame < m->memory.total; frame++) {
        uint64_t at = frame_physical(m, frame);

        if (at >= first && at <= last && frame_is_free(&m->memory, frame))
            m->memory.state[frame] = FRAME_RESERVED;
    }
    leave(m);
}
