/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sequences of operations on the whole driver, on the model.
 *
 * Control block (8 bytes): profile, machine, driver's options, the unit's manners. Then operations:
 * a byte that chooses, and its arguments. After each one the model must have nothing to complain
 * of, and what devices reach must be what a plain dictionary says.
 */
#include "world.h"

#include <string.h>

#define OPERATIONS 160

typedef void operation_fn(struct world *w, struct input *in);

/* A status that only failing hardware or a failed host call explains. */
static bool hardware(enum udmar_status status)
{
    return status == UDMAR_ERR_TIMEOUT || status == UDMAR_ERR_QUEUE || status == UDMAR_ERR_REFUSED;
}

static bool excused(struct world *w, enum udmar_status status)
{
    w->shaky = w->shaky || hardware(status);
    return hardware(status) || ((status == UDMAR_ERR_MEMORY || status == UDMAR_ERR_IOVA) &&
                                model_host_calls_failed(w->m) != 0);
}

static struct dev *choose_dev(struct world *w, struct input *in)
{
    return &w->dev[take(in, 1) % DEVICES];
}

/* A run of pages: any start, lengths that large pages like as often as others. */
static void choose_run(struct input *in, unsigned *out_first, unsigned *out_count)
{
    static const uint16_t counts[] = { 1, 2, 3, 8, 64, 511, 512, 513, 1024, 1536, 2048 };
    unsigned where = (unsigned)take(in, 2), kind = (unsigned)take(in, 1);

    *out_first = (kind & 0x80 ? where & ~511u : where) % PAGES;
    *out_count = counts[(kind & 0x7f) % 11];
    if (*out_count > PAGES - *out_first)
        *out_count = PAGES - *out_first;
}

static bool any_mapped(const struct dev *dev, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        if (dev->page[i].access != 0)
            return true;
    }
    return false;
}

/* ---- addresses that the caller chooses ---- */

static void do_map(struct world *w, struct input *in)
{
    struct dev *dev = choose_dev(w, in);
    struct udmar_domain *domain = world_domain(dev);
    unsigned first, count, data = (unsigned)take(in, 2), access = 1 + (unsigned)take(in, 1) % 3;
    enum udmar_status status;

    choose_run(in, &first, &count);
    data = (access & 1 ? data & ~511u : data) % PAGES;
    if (domain == NULL || !dev->region || data + count > PAGES)
        return;
    status = udmar_domain_map(domain, IOVA_BASE + first * UINT64_C(4096),
                              DATA_BASE + data * UINT64_C(4096), count * UINT64_C(4096), access);
    if (any_mapped(dev, first, count)) {
        REQUIRE(status == UDMAR_ERR_EXISTS || excused(w, status));
        return;
    }
    REQUIRE(status == UDMAR_OK || excused(w, status));
    for (unsigned i = 0; i < count; i++) {
        struct page *page = &dev->page[first + i];

        if (status == UDMAR_OK) {
            page->data = (uint16_t)(data + i);
            page->access = (uint8_t)access;
        } else if (hardware(status)) {
            page->unconfirmed = true;
        }
    }
}

static void do_unmap(struct world *w, struct input *in)
{
    struct dev *dev = choose_dev(w, in);
    struct udmar_domain *domain = world_domain(dev);
    unsigned first, count;
    enum udmar_status status;

    choose_run(in, &first, &count);
    if (domain == NULL || !dev->region)
        return;
    status = udmar_domain_unmap(domain, IOVA_BASE + first * UINT64_C(4096), count * UINT64_C(4096));
    REQUIRE(status == UDMAR_OK || excused(w, status));
    if (status == UDMAR_ERR_MEMORY)
        return;
    for (unsigned i = first; i < first + count; i++) {
        dev->page[i].access = 0;
        dev->page[i].unconfirmed = status != UDMAR_OK || dev->page[i].unconfirmed;
    }
}

static void do_wrong_map(struct world *w, struct input *in)
{
    struct udmar_domain *domain = world_domain(choose_dev(w, in));
    uint64_t iova = take(in, 8), physical = take(in, 8), size = take(in, 8);
    unsigned access = (unsigned)take(in, 1);
    enum udmar_status status;

    /* Only what must be refused: the MSI window, or not whole pages. */
    if (((iova | physical | size) & 4095) == 0 && size != 0 && access >= 1 && access <= 3) {
        iova = 0xfee00000;
        size = 4096;
        physical = DATA_BASE;
    }
    if (domain == NULL)
        return;
    status = udmar_domain_map(domain, iova, physical, size, access);
    REQUIRE(status == UDMAR_ERR_ARGUMENT || status == UDMAR_ERR_EXISTS);
}

static void do_iova(struct world *w, struct input *in)
{
    struct udmar_domain *domain = world_domain(choose_dev(w, in));
    uint64_t size = 1 + take(in, 3), iova = 0;
    struct udmar_iova_limits limits = { .alignment = UINT64_C(4096) << take(in, 1) % 10,
                                        .offset = (uint32_t)take(in, 2) % 4096,
                                        .highest = take(in, 1) & 1 ? 0x3fffffff : 0 };
    enum udmar_status status;

    if (domain == NULL)
        return;
    status = udmar_domain_alloc_iova(domain, size, &limits, &iova);
    REQUIRE(status == UDMAR_OK || status == UDMAR_ERR_IOVA || excused(w, status));
    if (status != UDMAR_OK)
        return;
    REQUIRE(iova % 4096 == limits.offset);
    REQUIRE((iova - limits.offset) % limits.alignment == 0);
    REQUIRE(iova >= 4096 && (limits.highest == 0 || iova + size - 1 <= limits.highest));
    REQUIRE(iova + size <= 0xfee00000 || iova > 0xfeefffff);
    REQUIRE(iova + size <= IOVA_BASE || iova >= IOVA_BASE + PAGES * UINT64_C(4096) ||
            !w->dev[0].region || !w->dev[1].region || !w->dev[2].region);
    REQUIRE(udmar_domain_free_iova(domain, iova) == UDMAR_OK);
}

static void do_ranges(struct world *w, struct input *in)
{
    struct udmar_domain *domain = world_domain(choose_dev(w, in));
    struct udmar_range_info range;
    uint64_t from = 0;

    while (domain != NULL && udmar_domain_next_range(domain, from, &range)) {
        REQUIRE(range.base >= from && range.size > 0);
        REQUIRE(range.base + range.size > from);
        from = range.base + range.size;
    }
}

/* ---- devices ---- */

static void do_attach(struct world *w, struct input *in)
{
    struct dev *dev = choose_dev(w, in);
    struct udmar_device *handle = NULL;
    enum udmar_status status = udmar_device_attach(w->d, 0, dev->rid, "dev", &handle);

    REQUIRE(status == UDMAR_OK || excused(w, status) || status == UDMAR_ERR_UNSUPPORTED ||
            status == UDMAR_ERR_DOMAIN_ID);
    if (status != UDMAR_OK) {
        dev->unconfirmed = dev->unconfirmed || (dev->handle == NULL && hardware(status));
        return;
    }
    REQUIRE(dev->handle == NULL || dev->handle == handle);
    dev->handle = handle;
    dev->attach_refs++;
    world_settle(w, dev);
}

/* Nothing moves a device out of its domain while a tag, a map or an address of ours is there. */
static bool is_in_use(const struct world *w, const struct dev *dev)
{
    if (dev->region)
        return true;
    for (unsigned i = 0; i < SLOTS; i++) {
        if (w->slot[i].dev == dev)
            return true;
    }
    return false;
}

static void do_detach(struct world *w, struct input *in)
{
    struct dev *dev = choose_dev(w, in);
    enum udmar_status status;

    if (dev->handle == NULL)
        return;
    status = udmar_device_detach(dev->handle);
    if (dev->attach_refs == 1 && is_in_use(w, dev)) {
        REQUIRE(status == UDMAR_ERR_BUSY);
        world_release(w, dev);
        return;
    }
    REQUIRE(status == UDMAR_OK || excused(w, status));
    if (status != UDMAR_OK) {
        dev->unconfirmed = true;
        return;
    }
    if (--dev->attach_refs > 0)
        return;
    dev->handle = NULL;
    world_forget(dev);
}

static void do_mode(struct world *w, struct input *in)
{
    struct dev *dev = choose_dev(w, in);
    enum udmar_mode mode = (enum udmar_mode)(take(in, 1) % 7);
    enum udmar_status status;

    if (dev->handle == NULL)
        return;
    status = udmar_device_set_mode(dev->handle, mode);
    if (mode < 1 || mode > 5) {
        REQUIRE(status == UDMAR_ERR_ARGUMENT);
        return;
    }
    if (is_in_use(w, dev)) {
        REQUIRE(status == UDMAR_ERR_BUSY || status == UDMAR_ERR_UNSUPPORTED);
        world_release(w, dev);
        return;
    }
    REQUIRE(status == UDMAR_OK || excused(w, status) || status == UDMAR_ERR_UNSUPPORTED ||
            status == UDMAR_ERR_DOMAIN_ID);
    if (hardware(status)) {
        dev->unconfirmed = true;
        return;
    }
    world_forget(dev);
    world_settle(w, dev);
}

static void do_stop_start(struct world *w, struct input *in)
{
    enum udmar_status status = w->started ? udmar_stop(w->d) : udmar_start(w->d);

    (void)in;
    if (w->started && status == UDMAR_OK) {
        w->started = false;
    } else if (!w->started && status == UDMAR_OK) {
        w->started = true;
    } else {
        REQUIRE(hardware(status) || status == UDMAR_ERR_NO_UNIT || status == UDMAR_ERR_ORDER);
        w->shaky = true;
        /* The address spaces of a unit's devices stay when it is left out, but nobody uses them. */
        for (unsigned i = 0; i < DEVICES && status == UDMAR_ERR_NO_UNIT; i++)
            w->dev[i].unconfirmed = true;
        return;
    }
    for (unsigned i = 0; i < DEVICES && w->started; i++)
        world_settle(w, &w->dev[i]);
}

/* ---- busdma ---- */

static void note(void *argument, struct udmar_dma_segment *segments, int count, int error)
{
    struct slot *slot = argument;

    slot->calls++;
    slot->error = error;
    slot->count = count;
    REQUIRE(count <= 64 && (error != 0 || count > 0));
    if (count > 0)
        memcpy(slot->segment, segments, (size_t)count * sizeof(*segments));
}

static void make_slot(struct world *w, struct slot *slot, struct input *in)
{
    static const uint64_t sizes[] = { 1, 2048, 4096, 5000, 16384, 65536, 200000, 65536 };
    struct dev *dev = choose_dev(w, in);
    unsigned flags = (unsigned)take(in, 1);
    int error;

    if (dev->handle == NULL || world_mode(dev) == UDMAR_MODE_UNPROTECTED)
        return;
    slot->dev = dev;
    slot->maxsize = sizes[flags & 7];
    slot->boundary = flags & 8 ? 65536 : 0;
    slot->maxsegsz = flags & 16 ? 8192 : UINT64_MAX;
    slot->lowaddr = flags & 32 ? 0x0fffffff : UINT64_MAX;
    error = udmar_dma_tag_create(udmar_device_dma_tag(dev->handle), 1, slot->boundary,
                                 slot->lowaddr, UINT64_MAX, NULL, NULL, slot->maxsize,
                                 flags & 64 ? 2 : 64, slot->maxsegsz, 0, NULL, NULL, &slot->tag);
    REQUIRE(error == 0 || error == UDMAR_ENOMEM || error == UDMAR_EINVAL);
    w->bounced = w->bounced || world_mode(dev) != UDMAR_MODE_TRANSLATE;
    if (error == 0)
        error = udmar_dmamap_create(slot->tag, 0, &slot->map);
    REQUIRE(error == 0 || error == UDMAR_ENOMEM || error == UDMAR_EINVAL);
    if (error != 0) {
        REQUIRE(slot->tag == NULL || udmar_dma_tag_destroy(slot->tag) == 0);
        memset(slot, 0, sizeof(*slot));
    }
}

static void check_segments(const struct slot *slot)
{
    uint64_t sum = 0;

    for (int i = 0; i < slot->count; i++) {
        uint64_t first = slot->segment[i].ds_addr, last = first + slot->segment[i].ds_len - 1;

        REQUIRE(slot->segment[i].ds_len > 0 && slot->segment[i].ds_len <= slot->maxsegsz);
        REQUIRE(last <= slot->lowaddr && last >= first);
        REQUIRE(slot->boundary == 0 || first / slot->boundary == last / slot->boundary);
        sum += slot->segment[i].ds_len;
    }
    REQUIRE(sum == slot->length);
}

static void load(struct world *w, struct slot *slot, struct input *in)
{
    unsigned flags = (unsigned)take(in, 1), where = flags & 1 ? MODEL_SCATTERED : MODEL_CONTIGUOUS;
    int error;

    slot->length = 1 + take(in, 3) % slot->maxsize;
    slot->read_only = flags & 2;
    where |= flags & 4 ? MODEL_LOW : 0;
    slot->buffer = model_buffer_alloc(w->m, (size_t)slot->length, where, take(in, 2) % 4096);
    slot->calls = 0;
    error = udmar_dmamap_load(slot->tag, slot->map, slot->buffer, slot->length, note, slot,
                              slot->read_only ? UDMAR_DMA_NOWRITE : 0);
    REQUIRE(slot->calls == 1);
    if (error != 0 || slot->error != 0) {
        REQUIRE(slot->error == UDMAR_EFBIG || slot->error == UDMAR_ENOMEM ||
                slot->error == UDMAR_EINVAL);
        w->kept[w->kept_count++] = slot->buffer;
        slot->buffer = NULL;
        return;
    }
    slot->loaded = true;
    check_segments(slot);
    REQUIRE(udmar_dmamap_load(slot->tag, slot->map, slot->buffer, slot->length, note, slot, 0) ==
                UDMAR_EBUSY &&
            slot->calls == 1);
}

static void do_slot(struct world *w, struct input *in)
{
    unsigned choice = (unsigned)take(in, 1);
    struct slot *slot = &w->slot[choice % SLOTS];

    if (slot->tag == NULL)
        make_slot(w, slot, in);
    else if (slot->loaded)
        world_unload(w, slot);
    else if (choice >= 224)
        world_drop(w, slot);
    else
        load(w, slot, in);
}

static void do_check_load(struct world *w, struct input *in)
{
    struct slot *slot = &w->slot[take(in, 1) % SLOTS];
    unsigned at = (unsigned)take(in, 3);

    if (slot->loaded)
        world_check_load(w, slot, at, (uint8_t)take(in, 1));
}

/* ---- streams ---- */

/* Anywhere in the dictionary's memory, whole pages or not, up to all of it. */
static bool choose_piece(struct input *in, struct udmar_dma_physical *out_piece)
{
    static const uint32_t pages[] = { 1, 1, 2, 3, 16, 100, 256, 257, 512, 512, 600, 2048 };
    unsigned where = (unsigned)take(in, 2), kind = (unsigned)take(in, 1);
    uint64_t first = (kind & 0x80 ? where & ~511u : where) % PAGES, end = PAGES * UINT64_C(4096);
    uint64_t offset = kind & 0x40 ? take(in, 2) % 4096 : 0;

    out_piece->address = first * 4096 + offset;
    out_piece->length = pages[(kind & 0x1f) % 12] * UINT64_C(4096);
    if (kind & 0x20)
        out_piece->length -= take(in, 2) % 4096;
    if (out_piece->length > end - out_piece->address)
        out_piece->length = end - out_piece->address;
    out_piece->address += DATA_BASE;
    return out_piece->length != 0;
}

static void map_stream(struct world *w, struct dev *dev, struct stream *stream, struct input *in)
{
    static const uint64_t highest[] = { UINT64_MAX, UINT32_MAX, 0x1fffffff, UINT64_MAX };
    unsigned flags = (unsigned)take(in, 1), count = 1 + flags % PIECES;
    uint64_t most = highest[flags >> 4 & 3];
    enum udmar_status status;

    for (unsigned i = 0; i < count; i++) {
        if (!choose_piece(in, &stream->piece[i]))
            return;
    }
    stream->access = 1 + (flags >> 2) % 3;
    status = udmar_stream_map(world_domain(dev), stream->piece, count, stream->access, most,
                              &stream->iova);
    REQUIRE(status == UDMAR_OK || excused(w, status));
    if (status != UDMAR_OK)
        return;
    stream->count = count;
    REQUIRE(stream->iova % 4096 == stream->piece[0].address % 4096);
    REQUIRE(stream->iova >= 4096 && stream->iova + stream->piece[0].length - 1 <= most);
    REQUIRE(stream->iova + stream->piece[0].length <= IOVA_BASE ||
            stream->iova >= IOVA_BASE + PAGES * UINT64_C(4096));
    world_check_stream(w, dev, stream, (unsigned)stream->piece[0].length - 1, flags & 64,
                       (uint8_t)flags);
}

static void do_stream(struct world *w, struct input *in)
{
    struct dev *dev = choose_dev(w, in);
    unsigned choice = (unsigned)take(in, 1);
    struct stream *stream = &dev->stream[choice % STREAMS];

    if (world_domain(dev) == NULL || !dev->region)
        return;
    if (stream->count == 0)
        map_stream(w, dev, stream, in);
    else if (choice & 128)
        world_check_stream(w, dev, stream, (unsigned)take(in, 3), choice & 64, (uint8_t)choice);
    else
        world_unmap_stream(w, dev, stream);
}

static void do_tick(struct world *w, struct input *in)
{
    (void)in;
    udmar_tick(w->d);
}

/* ---- hardware ---- */

static void do_access(struct world *w, struct input *in)
{
    struct dev *dev = choose_dev(w, in);
    unsigned page = (unsigned)take(in, 2) % PAGES, value = (unsigned)take(in, 1);

    world_access(w, dev, page, value & 1, (uint8_t)value);
}

static void do_compare(struct world *w, struct input *in)
{
    struct dev *dev = choose_dev(w, in);
    unsigned first, count;

    choose_run(in, &first, &count);
    world_compare(w, dev, first, count);
}

static void do_manners(struct world *w, struct input *in)
{
    struct model_behaviour *b = model_behaviour(w->u);
    unsigned flags = (unsigned)take(in, 1);

    switch (flags % 6) {
    case 0:
        b->queue_mode = (enum model_queue_mode)(flags / 6 % 5);
        b->queue_mode = b->queue_mode == MODEL_QUEUE_MANUAL ? MODEL_QUEUE_DEAD : b->queue_mode;
        break;
    case 1:
        b->evict = flags / 6 % 8;
        b->prefetch = flags & 64;
        break;
    case 2:
        model_cache_drop_all(w->u);
        break;
    case 3:
        model_refuse_invalidations(w->u, flags / 6 % 4);
        break;
    case 4:
        /* Later than the driver waits, but not for ever: the register would stay busy. */
        b->invalidation_lag = flags & 128 ? 600 : flags;
        break;
    default:
        model_advance_time(w->m, 1000000000);
    }
}

static void do_queue_error(struct world *w, struct input *in)
{
    static const enum model_queue_error errors[] = { MODEL_QUEUE_IQE, MODEL_QUEUE_ITE,
                                                     MODEL_QUEUE_ICE };
    unsigned flags = (unsigned)take(in, 1);

    model_inject_queue_error(w->u, 1 + flags / 12, errors[flags % 3], w->dev[0].rid,
                             flags / 3 % 4 == 3 ? MODEL_NEVER : flags / 3 % 4);
}

static void do_faults(struct world *w, struct input *in)
{
    struct udmar_fault_counts counts;
    struct udmar_fault fault;
    uint64_t sequence = 0;
    char text[600];

    if (take(in, 1) & 1)
        model_inject_fault(w->u, (uint16_t)take(in, 2), (uint8_t)take(in, 1), take(in, 8), false);
    (void)udmar_fault_poll(w->d);
    udmar_fault_counts(w->d, &counts);
    /* All that the unit could record have been read out, in order. */
    REQUIRE(counts.total == model_stats(w->u)->faults || w->shaky);
    for (sequence = counts.dropped; udmar_fault_next(w->d, sequence, &fault);
         sequence = fault.sequence) {
        REQUIRE(fault.sequence == sequence + 1);
        REQUIRE((fault.address & 4095) == 0 || fault.access == UDMAR_FAULT_INTERRUPT);
    }
    REQUIRE(sequence == counts.total);
    if (counts.total != 0) {
        size_t length = udmar_fault_format(w->d, &fault, text, sizeof(text));

        REQUIRE(length == strlen(text));
    }
}

/* The next operation meets a host call that fails. */
static void do_fail(struct world *w, struct input *in)
{
    unsigned flags = (unsigned)take(in, 1);

    model_fail_host_call(w->m, 1 + flags % 16, flags & 128);
}

static operation_fn *const operations[] = {
    do_map,       do_unmap,  do_access,     do_slot,        do_check_load, do_map,    do_unmap,
    do_access,    do_slot,   do_check_load, do_compare,     do_attach,     do_detach, do_mode,
    do_iova,      do_ranges, do_manners,    do_queue_error, do_faults,     do_fail,   do_stop_start,
    do_wrong_map, do_access, do_attach,     do_stream,      do_stream,     do_stream, do_tick,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world w;
    struct input in = { data, size };

    if (!world_open(&w, &in))
        return 0;
    for (unsigned i = 0; i < OPERATIONS && in.left > 0; i++) {
        operation_fn *operation =
            operations[take(&in, 1) % (sizeof(operations) / sizeof(operations[0]))];

        operation(&w, &in);
        if (operation != do_fail)
            model_fail_host_call(w.m, 0, false);
        world_look(&w);
        if (i % 8 == 0)
            world_check(&w);
    }
    world_check(&w);
    world_close(&w);
    return 0;
}
