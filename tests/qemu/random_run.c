/* SPDX-License-Identifier: BSD-2-Clause */
#include "random.h"

#include <udmar/stream.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEVICES    2
#define REGION     UINT64_C(0x40000000) /* of guest addresses that sequences map by hand */
#define PAGES      2048u                /* in it */
#define TARGETS    2048u                /* pages of memory: half of them low, half of them high */
#define BUFFERS    4u
#define BUFFER_MAX 40000u
#define SLOTS      6u
#define PAST       8u /* ranges that are gone, and worth a try */
#define NONE       UINT32_MAX

/* Memory: pages that are mapped by hand, then the buffers. Each has a copy in the dictionary. */
struct range {
    bool live;
    uint64_t iova, size;
    uint32_t target; /* alloc: first target page; load: buffer */
    uint32_t offset; /* load: first byte in the buffer */
    unsigned access;
};

struct device_state {
    enum udmar_mode mode; /* 0: detached */
    uint32_t target[PAGES];
    uint8_t access[PAGES];
};

struct run {
    struct testbed *bed[2];
    unsigned beds;
    struct random_progress *progress;
    const struct random_setup *setup;
    struct device_state device[DEVICES];
    struct range alloc[SLOTS], load[SLOTS], stream[SLOTS];
    uint64_t past[PAST];
    unsigned past_count;
    uint8_t *copy;                 /* of all target pages */
    uint8_t *buffer_copy[BUFFERS]; /* of the buffers */
    uint8_t *buffer[2][BUFFERS];   /* of each bed */
    struct udmar_dma_tag *tag[2];  /* of device 0 */
    struct udmar_dma_map *map[2][SLOTS];
};

static _Noreturn void wrong(struct run *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static _Noreturn void wrong(struct run *r, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(r->progress->complaint, sizeof(r->progress->complaint), format, arguments);
    va_end(arguments);
    fprintf(stderr, "# operation %u: %s\n", r->progress->at, r->progress->complaint);
    exit(1);
}

static const char *name_of(struct run *r, unsigned bed)
{
    return r->bed[bed]->ops->name;
}

/* All beds must answer what the dictionary says. */
static void must_answer(struct run *r, const char *what, unsigned bed, int got, int expected)
{
    if (got != expected)
        wrong(r, "%s: %s answers %d, the dictionary %d", what, name_of(r, bed), got, expected);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static uint64_t physical_of(uint32_t target)
{
    return target < TARGETS / 2 ? LOW + target * PAGE : HIGH + (target - TARGETS / 2) * PAGE;
}

/* A byte of memory: in a target page, or in a buffer. */
struct place_of_byte {
    uint32_t target; /* NONE: buffer */
    uint32_t buffer, offset;
};

static uint8_t *in_copy(struct run *r, struct place_of_byte at)
{
    return at.target != NONE ? r->copy + at.target * PAGE + at.offset
                             : r->buffer_copy[at.buffer] + at.offset;
}

static uint8_t *in_bed(struct run *r, unsigned bed, struct place_of_byte at)
{
    return at.target != NONE ? bed_memory(r->bed[bed], physical_of(at.target)) + at.offset
                             : r->buffer[bed][at.buffer] + at.offset;
}

static void compare_memory(struct run *r)
{
    for (unsigned bed = 0; bed < r->beds; bed++) {
        for (uint32_t t = 0; t < TARGETS; t++) {
            if (memcmp(bed_memory(r->bed[bed], physical_of(t)), r->copy + t * PAGE, PAGE) != 0)
                wrong(r, "memory of %s at %#llx is not what the dictionary has", name_of(r, bed),
                      (unsigned long long)physical_of(t));
        }
        for (unsigned i = 0; i < BUFFERS; i++) {
            if (memcmp(r->buffer[bed][i], r->buffer_copy[i], BUFFER_MAX) != 0)
                wrong(r, "buffer %u of %s is not what the dictionary has", i, name_of(r, bed));
        }
    }
}

/* ---- The dictionary -------------------------------------------------------------------------- */

struct verdict {
    bool allowed;
    bool present; /* but without the permission: see NO_FAULT_ON_CACHED_PERMISSION */
    unsigned reason;
    struct place_of_byte at;
};

static bool in_range(const struct range *range, uint64_t iova)
{
    return range->live && iova >= (range->iova & ~UDMAR_PAGE_MASK) &&
           iova < ((range->iova + range->size + UDMAR_PAGE_MASK) & ~UDMAR_PAGE_MASK);
}

/* Where a page of guest addresses of a translated device leads; access 0: nowhere. */
static unsigned look_up(struct run *r, unsigned device, uint64_t iova, struct place_of_byte *out_at)
{
    const struct device_state *d = &r->device[device];
    uint64_t page = (iova - REGION) / PAGE;

    *out_at = (struct place_of_byte){ .target = NONE };
    if (iova >= REGION && page < PAGES) {
        out_at->target = d->target[page];
        out_at->offset = (uint32_t)(iova % PAGE);
        return d->access[page];
    }
    for (unsigned i = 0; device == 0 && i < SLOTS; i++) {
        if (in_range(&r->alloc[i], iova)) {
            out_at->target = r->alloc[i].target + (uint32_t)((iova - r->alloc[i].iova) / PAGE);
            out_at->offset = (uint32_t)(iova % PAGE);
            return r->alloc[i].access;
        }
        if (in_range(&r->stream[i], iova)) {
            uint64_t first = r->stream[i].iova / PAGE;

            out_at->target = r->stream[i].target + (uint32_t)(iova / PAGE - first);
            out_at->offset = (uint32_t)(iova % PAGE);
            return r->stream[i].access;
        }
        if (in_range(&r->load[i], iova)) {
            out_at->buffer = r->load[i].target;
            out_at->offset = (uint32_t)(iova - r->load[i].iova) + r->load[i].offset;
            return r->load[i].access;
        }
    }
    return 0;
}

static bool find_target(uint64_t physical, struct place_of_byte *out_at)
{
    uint64_t low = (physical - LOW) / PAGE, high = (physical - HIGH) / PAGE;

    *out_at = (struct place_of_byte){ .offset = (uint32_t)(physical % PAGE) };
    if (physical >= LOW && low < TARGETS / 2)
        out_at->target = (uint32_t)low;
    else if (physical >= HIGH && high < TARGETS / 2)
        out_at->target = TARGETS / 2 + (uint32_t)high;
    else
        return false;
    return true;
}

static struct verdict judge(struct run *r, unsigned device, uint64_t iova, bool write)
{
    struct verdict v = { .reason = write ? NOT_WRITABLE : NOT_READABLE };
    unsigned access;

    switch (r->device[device].mode) {
    case UDMAR_MODE_TRANSLATE:
        if (iova >> r->setup->width != 0) {
            v.reason = BEYOND_WIDTH;
            return v;
        }
        access = look_up(r, device, iova, &v.at);
        v.present = access != 0;
        v.allowed = (access & (unsigned)(write ? UDMAR_WRITE : UDMAR_READ)) != 0;
        return v;
    case UDMAR_MODE_IDENTITY:
    case UDMAR_MODE_PASSTHROUGH:
        v.allowed = find_target(iova, &v.at);
        return v;
    default:
        v.reason = CONTEXT_ABSENT;
        return v;
    }
}

static bool translated(struct run *r, unsigned device)
{
    return r->device[device].mode == UDMAR_MODE_TRANSLATE;
}

/* ---- Mappings -------------------------------------------------------------------------------- */

static void map(struct run *r, unsigned device, uint32_t page, uint32_t pages, uint32_t target,
                unsigned access)
{
    struct device_state *d = &r->device[device];
    int expected = UDMAR_OK;

    if (!translated(r, device))
        return;
    for (uint32_t i = 0; i < pages; i++) {
        if (d->access[page + i] != 0)
            expected = UDMAR_ERR_EXISTS;
    }
    for (unsigned bed = 0; bed < r->beds; bed++)
        must_answer(r, "map", bed,
                    (int)udmar_domain_map(bed_domain(r->bed[bed], device), REGION + page * PAGE,
                                          physical_of(target), pages * PAGE, access),
                    expected);
    for (uint32_t i = 0; expected == UDMAR_OK && i < pages; i++) {
        d->access[page + i] = (uint8_t)access;
        d->target[page + i] = target + i;
    }
}

static void do_map(struct run *r, const uint32_t n[5])
{
    uint32_t pages = n[2] % 8 == 0 ? n[2] / 8 % 100 + 1 : n[2] / 8 % 8 + 1;
    uint32_t target = n[3] % (TARGETS / 2 - pages);

    target += n[3] / TARGETS % 2 * (TARGETS / 2);
    map(r, n[0] % DEVICES, n[1] % (PAGES - pages), pages, target, n[4] % 3 + 1);
}

static void do_map_2m(struct run *r, const uint32_t n[5])
{
    map(r, n[0] % DEVICES, n[1] % (PAGES / 512) * 512, 512, n[2] % (TARGETS / 512) * 512,
        n[3] % 3 + 1);
}

static void do_unmap(struct run *r, const uint32_t n[5])
{
    unsigned device = n[0] % DEVICES;
    uint32_t pages = n[2] % 4 == 0 ? n[2] / 4 % 600 + 1 : n[2] / 4 % 8 + 1;
    uint32_t page = n[1] % (PAGES - pages);

    if (!translated(r, device))
        return;
    for (unsigned bed = 0; bed < r->beds; bed++)
        must_answer(r, "unmap", bed,
                    (int)udmar_domain_unmap(bed_domain(r->bed[bed], device), REGION + page * PAGE,
                                            pages * PAGE),
                    UDMAR_OK);
    memset(r->device[device].access + page, 0, pages);
}

static void remember(struct run *r, uint64_t iova)
{
    r->past[r->past_count++ % PAST] = iova;
}

static void must_be_free(struct run *r, unsigned bed, uint64_t iova, uint64_t size)
{
    struct place_of_byte at;

    for (uint64_t page = iova & ~UDMAR_PAGE_MASK; page < iova + size; page += PAGE) {
        if (look_up(r, 0, page, &at) != 0)
            wrong(r, "%s hands out %#llx, which is in use", name_of(r, bed),
                  (unsigned long long)iova);
    }
}

static void do_alloc(struct run *r, const uint32_t n[5])
{
    struct range *a = &r->alloc[n[0] % SLOTS];
    uint32_t pages = n[1] % 20 + 1;

    if (a->live)
        return;
    a->target = n[2] % (TARGETS / 2 - pages);
    a->access = n[3] % 3 + 1;
    a->size = pages * PAGE;
    for (unsigned bed = 0; bed < r->beds; bed++) {
        struct udmar_domain *domain = bed_domain(r->bed[bed], 0);
        uint64_t iova = 0;

        must_answer(r, "alloc", bed, (int)udmar_domain_alloc_iova(domain, a->size, NULL, &iova),
                    UDMAR_OK);
        if (bed == 0)
            a->iova = iova;
        else if (iova != a->iova)
            wrong(r, "alloc: %#llx and %#llx", (unsigned long long)a->iova,
                  (unsigned long long)iova);
        must_be_free(r, bed, iova, a->size);
        must_answer(r, "map", bed,
                    (int)udmar_domain_map(domain, iova, physical_of(a->target), a->size, a->access),
                    UDMAR_OK);
    }
    a->live = true;
}

static void do_free(struct run *r, const uint32_t n[5])
{
    struct range *a = &r->alloc[n[0] % SLOTS];

    if (!a->live)
        return;
    for (unsigned bed = 0; bed < r->beds; bed++) {
        struct udmar_domain *domain = bed_domain(r->bed[bed], 0);

        must_answer(r, "unmap", bed, (int)udmar_domain_unmap(domain, a->iova, a->size), UDMAR_OK);
        must_answer(r, "free", bed, (int)udmar_domain_free_iova(domain, a->iova), UDMAR_OK);
    }
    a->live = false;
    remember(r, a->iova);
}

/* ---- busdma ---------------------------------------------------------------------------------- */

struct loaded {
    int count, error;
    struct udmar_dma_segment segment;
};

static void note_loaded(void *argument, struct udmar_dma_segment *segments, int count, int error)
{
    struct loaded *loaded = argument;

    loaded->count = count;
    loaded->error = error;
    if (count > 0)
        loaded->segment = segments[0];
}

static void do_load(struct run *r, const uint32_t n[5])
{
    struct range *l = &r->load[n[0] % SLOTS];
    bool only_read = n[3] % 3 == 0;

    if (l->live)
        return;
    l->target = n[4] % BUFFERS;
    l->offset = n[1] % (BUFFER_MAX - 1);
    l->size = n[2] % (BUFFER_MAX - l->offset) + 1;
    l->access = only_read ? UDMAR_READ : UDMAR_READ_WRITE;
    for (unsigned bed = 0; bed < r->beds; bed++) {
        struct loaded loaded = { .count = 0 };

        must_answer(r, "load", bed,
                    udmar_dmamap_load(r->tag[bed], r->map[bed][n[0] % SLOTS],
                                      r->buffer[bed][l->target] + l->offset, l->size, note_loaded,
                                      &loaded, only_read ? UDMAR_DMA_NOWRITE : 0),
                    0);
        if (loaded.count != 1 || loaded.error != 0 || loaded.segment.ds_len != l->size)
            wrong(r, "load on %s: %d segments, error %d", name_of(r, bed), loaded.count,
                  loaded.error);
        if (bed == 0)
            l->iova = loaded.segment.ds_addr;
        else if (l->iova != loaded.segment.ds_addr)
            wrong(r, "load: %#llx and %#llx", (unsigned long long)l->iova,
                  (unsigned long long)loaded.segment.ds_addr);
        must_be_free(r, bed, l->iova, l->size);
    }
    l->live = true;
}

static void do_unload(struct run *r, const uint32_t n[5])
{
    struct range *l = &r->load[n[0] % SLOTS];

    if (!l->live)
        return;
    for (unsigned bed = 0; bed < r->beds; bed++)
        udmar_dmamap_unload(r->tag[bed], r->map[bed][n[0] % SLOTS]);
    l->live = false;
    remember(r, l->iova);
}

/* ---- Streams --------------------------------------------------------------------------------- */

static void do_stream(struct run *r, const uint32_t n[5])
{
    static const uint32_t most[] = { 1, 1, 4, 40, 256, 700 };
    struct range *a = &r->stream[n[0] % SLOTS];
    uint32_t pages = n[1] / 6 % most[n[1] % 6] + 1, cut = n[3] % 3 == 0 ? n[3] / 3 % 2000 : 0;
    struct udmar_dma_physical piece;

    if (a->live)
        return;
    a->target = n[2] % (TARGETS / 2 - pages) + n[2] / TARGETS % 2 * (TARGETS / 2);
    a->access = n[4] % 3 + 1;
    a->size = pages * PAGE - 2 * cut;
    piece.address = physical_of(a->target) + cut;
    piece.length = a->size;
    for (unsigned bed = 0; bed < r->beds; bed++) {
        udmar_iova_t iova = 0;

        must_answer(r, "stream", bed,
                    (int)udmar_stream_map(bed_domain(r->bed[bed], 0), &piece, 1, a->access,
                                          n[4] / 3 % 2 == 0 ? UINT64_MAX : UINT32_MAX, &iova),
                    UDMAR_OK);
        if (bed == 0)
            a->iova = iova;
        else if (iova != a->iova)
            wrong(r, "stream: %#llx and %#llx", (unsigned long long)a->iova,
                  (unsigned long long)iova);
        must_be_free(r, bed, iova, a->size);
    }
    a->live = true;
}

static void do_end(struct run *r, const uint32_t n[5])
{
    struct range *a = &r->stream[n[0] % SLOTS];

    if (!a->live)
        return;
    for (unsigned bed = 0; bed < r->beds; bed++)
        must_answer(r, "end of stream", bed,
                    (int)udmar_stream_unmap(bed_domain(r->bed[bed], 0), a->iova), UDMAR_OK);
    a->live = false;
    remember(r, a->iova);
}

/* ---- Device 1 comes, goes and changes -------------------------------------------------------- */

static void do_attach(struct run *r)
{
    struct device_state *d = &r->device[1];
    bool attach = d->mode == 0;

    for (unsigned bed = 0; bed < r->beds; bed++) {
        if (attach)
            bed_attach(r->bed[bed], 1);
        else
            bed_detach(r->bed[bed], 1);
    }
    memset(d->access, 0, sizeof(d->access));
    d->mode = attach ? UDMAR_MODE_TRANSLATE : 0;
}

static void do_mode(struct run *r, const uint32_t n[5])
{
    static const enum udmar_mode modes[] = { UDMAR_MODE_TRANSLATE, UDMAR_MODE_IDENTITY,
                                             UDMAR_MODE_PASSTHROUGH, UDMAR_MODE_BLOCKED };
    struct device_state *d = &r->device[1];
    enum udmar_mode mode = modes[n[0] % 4];

    if (d->mode == 0 || d->mode == mode)
        return;
    for (unsigned bed = 0; bed < r->beds; bed++)
        bed_set_mode(r->bed[bed], 1, mode);
    memset(d->access, 0, sizeof(d->access));
    d->mode = mode;
}

/* ---- DMA ------------------------------------------------------------------------------------- */

/* Somewhere interesting: what is mapped, what was, what never was. */
static uint64_t choose_iova(struct run *r, unsigned device, const uint32_t n[5])
{
    const struct range *range = NULL;
    uint32_t pick = n[1] % 16, rest = n[1] / 16;

    if (r->device[device].mode == UDMAR_MODE_IDENTITY ||
        r->device[device].mode == UDMAR_MODE_PASSTHROUGH)
        return physical_of(rest % TARGETS / 2 * 2) + n[2] % 4000; /* never across a border */
    if (device == 0 && pick < 3)
        range = &r->alloc[rest % SLOTS];
    else if (device == 0 && pick < 5)
        range = &r->load[rest % SLOTS];
    else if (device == 0 && pick < 7)
        range = &r->stream[rest % SLOTS];
    if (range != NULL && range->live)
        return range->iova + n[2] % range->size;
    if (pick == 7 && r->past_count >= PAST)
        return r->past[rest % PAST] + n[2] % (2 * PAGE);
    if (pick == 8)
        return (UINT64_C(1) << r->setup->width) + (uint64_t)rest * 977 * PAGE + n[2] % 4000;
    if (pick == 9)
        return GIB(8) + (uint64_t)rest % 1000 * PAGE + n[2] % PAGE;
    /* Pages by hand; mostly near a few ones, so that caches have something to remember. */
    if (pick < 14)
        rest %= 64;
    return REGION + rest % (PAGES - 2) * PAGE + n[2] % PAGE;
}

struct outcome {
    bool must_fault, may_fault;
    uint64_t page[2]; /* that may be named by the fault */
    unsigned pages, reason;
};

/* What the dictionary says; a write changes its memory. */
static struct outcome foretell(struct run *r, unsigned device, uint64_t iova, const uint8_t *bytes,
                               size_t length, bool write)
{
    struct outcome o = { .pages = 0 };

    for (size_t done = 0; done < length;) {
        size_t left = (size_t)(PAGE - (iova + done) % PAGE);
        size_t part = length - done < left ? length - done : left;
        struct verdict v = judge(r, device, iova + done, write);

        if (v.allowed && write) {
            memcpy(in_copy(r, v.at), bytes + done, part);
        } else if (!v.allowed) {
            o.may_fault = true;
            o.must_fault = o.must_fault || !v.present;
            o.reason = v.reason;
            o.page[o.pages++] = (iova + done) & ~UDMAR_PAGE_MASK;
        }
        done += part;
    }
    return o;
}

static void check_fault(struct run *r, unsigned bed, unsigned device, const struct outcome *o,
                        bool write)
{
    struct testbed *b = r->bed[bed];
    struct udmar_fault fault;
    bool known;

    if (!bed_take_fault(b, &fault)) {
        if (o->must_fault || (o->may_fault && !bed_deviates(b, NO_FAULT_ON_CACHED_PERMISSION)))
            wrong(r, "%s: no fault at %#llx, reason %u was expected", name_of(r, bed),
                  (unsigned long long)o->page[0], o->reason);
        return;
    }
    r->progress->faults++;
    known = o->may_fault && fault.address == o->page[0];
    /* A first page that QEMU stops silently leaves the record to the second one. */
    if (o->pages == 2 && fault.address == o->page[1] &&
        bed_deviates(b, NO_FAULT_ON_CACHED_PERMISSION))
        known = true;
    if (!known || fault.reason != o->reason || fault.rid != bed_source(b, device) ||
        fault.access != (write ? UDMAR_FAULT_WRITE : UDMAR_FAULT_READ) || fault.overflow)
        wrong(r, "%s: fault of %04x at %#llx, reason %u, %s; expected: %s at %#llx, reason %u",
              name_of(r, bed), fault.rid, (unsigned long long)fault.address, fault.reason,
              fault.access == UDMAR_FAULT_READ ? "read" : "write", o->may_fault ? "fault" : "none",
              (unsigned long long)o->page[0], o->reason);
    if (bed_take_fault(b, &fault))
        wrong(r, "%s: a second fault at %#llx", name_of(r, bed), (unsigned long long)fault.address);
}

/* Every page that was named: allowed or not, all machines have the same there as the copy. */
static void check_bytes(struct run *r, unsigned bed, unsigned device, uint64_t iova,
                        const uint8_t *bytes, size_t length, bool write)
{
    for (size_t done = 0; done < length;) {
        size_t left = (size_t)(PAGE - (iova + done) % PAGE);
        size_t part = length - done < left ? length - done : left;
        struct verdict v = judge(r, device, iova + done, write);

        if ((v.allowed || v.present) && memcmp(in_bed(r, bed, v.at), in_copy(r, v.at), part) != 0)
            wrong(r, "%s: memory behind %#llx is not what it should be", name_of(r, bed),
                  (unsigned long long)(iova + done));
        if (v.allowed && !write && memcmp(bytes + done, in_copy(r, v.at), part) != 0)
            wrong(r, "%s: the device read something else at %#llx", name_of(r, bed),
                  (unsigned long long)(iova + done));
        done += part;
    }
}

static void do_dma(struct run *r, const uint32_t n[5])
{
    unsigned device = n[0] % DEVICES;
    bool nic = r->bed[0]->options.device[device].engine == E1000, write = n[4] % 2 == 1;
    uint64_t iova = choose_iova(r, device, n);
    size_t length = nic ? 60 + n[3] % 1200 : 1 + n[3] % 4095;
    uint8_t bytes[4096], sent[4096];
    struct outcome o;

    if (r->device[device].mode == UDMAR_MODE_IDENTITY ||
        r->device[device].mode == UDMAR_MODE_PASSTHROUGH)
        length = length < PAGE - iova % PAGE ? length : (size_t)(PAGE - iova % PAGE);
    for (size_t i = 0; i < length; i++)
        sent[i] = (uint8_t)(bed_roll(r->bed[0]) | 1);
    /* A device that cannot be told what to write has whatever it had. */
    if (write && (r->device[device].mode == 0 || r->device[device].mode == UDMAR_MODE_BLOCKED))
        memset(sent, 1, length);
    o = foretell(r, device, iova, sent, length, write);
    for (unsigned bed = 0; bed < r->beds; bed++) {
        enum dma_result result;

        memcpy(bytes, sent, length);
        result = bed_dma(r->bed[bed], device, iova, bytes, length, write);
        if (!o.may_fault && result != DMA_DONE)
            wrong(r, "%s: a %s at %#llx was stopped that is allowed", name_of(r, bed),
                  write ? "write" : "read", (unsigned long long)iova);
        check_fault(r, bed, device, &o, write);
        check_bytes(r, bed, device, iova, bytes, length, write);
    }
    r->progress->transactions++;
}

/* ---- The whole ------------------------------------------------------------------------------- */

static void do_op(struct run *r, const struct random_op *op)
{
    const uint32_t *n = op->number;

    switch (op->kind) {
    case OP_MAP:
        do_map(r, n);
        break;
    case OP_MAP_2M:
        do_map_2m(r, n);
        break;
    case OP_UNMAP:
        do_unmap(r, n);
        break;
    case OP_ALLOC:
        do_alloc(r, n);
        break;
    case OP_FREE:
        do_free(r, n);
        break;
    case OP_LOAD:
        do_load(r, n);
        break;
    case OP_UNLOAD:
        do_unload(r, n);
        break;
    case OP_ATTACH:
        do_attach(r);
        break;
    case OP_MODE:
        do_mode(r, n);
        break;
    case OP_STREAM:
        do_stream(r, n);
        break;
    case OP_END:
        do_end(r, n);
        break;
    default:
        do_dma(r, n);
    }
}

static struct testbed *open_bed(const struct machine_ops *ops, const struct random_setup *s)
{
    struct machine_options options = {
        .width = s->width,
        .caching_mode = s->caching,
        .hidden_stores = s->hidden,
        .device_count = DEVICES,
        .device = { { ON_ROOT, s->nic ? E1000 : EDU, 0 }, { (enum place)s->place, EDU, 0 } },
    };
    struct udmar_iova_limits region = { .lowest = REGION, .highest = REGION + PAGES * PAGE - 1 };
    struct testbed *b = bed_machine_on(ops, &options);
    char tunables[64];
    uint64_t iova;

    snprintf(tunables, sizeof(tunables), "hw.dmar.qi=%d hw.dmar.strict=%d", !s->registers,
             !s->lazy);
    bed_create(b, tunables);
    bed_start(b);
    for (unsigned i = 0; i < DEVICES; i++)
        bed_attach(b, i);
    /* Nobody else gets addresses of the region. */
    assert_int_equal(udmar_domain_alloc_iova(bed_domain(b, 0), PAGES * PAGE, &region, &iova),
                     UDMAR_OK);
    return b;
}

static void open_busdma(struct run *r, unsigned bed)
{
    const uint64_t maxsizes[] = { BUFFER_MAX, MIB(4), MIB(64) };
    struct testbed *b = r->bed[bed];

    assert_int_equal(udmar_dma_tag_create(udmar_device_dma_tag(b->device[0]), 1, 0, UINT64_MAX,
                                          UINT64_MAX, NULL, NULL, maxsizes[r->setup->tag % 3], 1,
                                          UINT64_MAX, 0, NULL, NULL, &r->tag[bed]),
                     0);
    for (unsigned i = 0; i < SLOTS; i++)
        assert_int_equal(udmar_dmamap_create(r->tag[bed], 0, &r->map[bed][i]), 0);
    for (unsigned i = 0; i < BUFFERS; i++) {
        /* Guard pages' worth of the last page is part of the mapping, so it is part of the copy. */
        r->buffer[bed][i] = b->ops->buffer(b->machine, BUFFER_MAX + 2 * PAGE, i % 2 == 0, 0);
        assert_non_null(r->buffer[bed][i]);
    }
}

static void close_bed(struct run *r, unsigned bed)
{
    struct testbed *b = r->bed[bed];

    for (unsigned i = 0; i < SLOTS; i++) {
        udmar_dmamap_unload(r->tag[bed], r->map[bed][i]);
        assert_int_equal(udmar_dmamap_destroy(r->tag[bed], r->map[bed][i]), 0);
    }
    assert_int_equal(udmar_dma_tag_destroy(r->tag[bed]), 0);
    for (unsigned i = 0; i < SLOTS; i++) {
        if (r->stream[i].live)
            assert_int_equal(udmar_stream_unmap(bed_domain(b, 0), r->stream[i].iova), UDMAR_OK);
    }
    for (unsigned i = 0; i < BUFFERS; i++)
        b->ops->buffer_free(b->machine, r->buffer[bed][i]);
    bed_close(b);
}

void random_run(const struct machine_ops *qemu, const struct random_setup *setup,
                const struct random_op *ops, unsigned count, struct random_progress *progress)
{
    struct run *r = calloc(1, sizeof(*r));

    assert_non_null(r);
    r->setup = setup;
    r->progress = progress;
    r->beds = qemu != NULL ? 2 : 1;
    r->copy = calloc(TARGETS, PAGE);
    assert_non_null(r->copy);
    for (unsigned i = 0; i < BUFFERS; i++)
        r->buffer_copy[i] = calloc(1, BUFFER_MAX + 2 * PAGE);
    for (unsigned i = 0; i < DEVICES; i++)
        r->device[i].mode = UDMAR_MODE_TRANSLATE;
    for (unsigned bed = 0; bed < r->beds; bed++) {
        r->bed[bed] = open_bed(bed == 0 ? &machine_model : qemu, setup);
        open_busdma(r, bed);
    }
    /* Memory that is not zero: zeros are what a read brings that was stopped. */
    memset(r->copy, 0x99, TARGETS * PAGE);
    for (unsigned bed = 0; bed < r->beds; bed++) {
        for (uint32_t t = 0; t < TARGETS; t++)
            memset(bed_memory(r->bed[bed], physical_of(t)), 0x99, PAGE);
        for (unsigned i = 0; i < BUFFERS; i++) {
            memset(r->buffer_copy[i], 0x99, BUFFER_MAX + 2 * PAGE);
            memset(r->buffer[bed][i], 0x99, BUFFER_MAX + 2 * PAGE);
        }
    }
    for (unsigned i = 0; i < count; i++) {
        progress->at = i;
        do_op(r, &ops[i]);
        if (i % 512 == 511)
            compare_memory(r);
    }
    progress->at = count;
    compare_memory(r);
    for (unsigned bed = 0; bed < r->beds; bed++)
        close_bed(r, bed);
    for (unsigned i = 0; i < BUFFERS; i++)
        free(r->buffer_copy[i]);
    free(r->copy);
    free(r);
    progress->done = true;
}
