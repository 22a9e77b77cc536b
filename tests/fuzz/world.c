/* SPDX-License-Identifier: BSD-2-Clause */
#include "world.h"

#include "../unit/fixture/invariants.h"

#include <stdio.h>
#include <string.h>

#define UNIT_BASE UINT64_C(0xfed91000)
#define LOW_BASE  UINT64_C(0x00100000)
#define LOW_SIZE  UINT64_C(0x02000000)
#define HIGH_BASE UINT64_C(0x101000000)
#define HIGH_SIZE UINT64_C(0x00800000)

static const uint16_t rids[DEVICES] = { 0x0010, 0x0018, 0x0520 };

/* ---- the control block ---- */

static const char *profile_name(unsigned choice)
{
    unsigned count = 0;

    while (model_profile_at(count) != NULL)
        count++;
    return model_profile_at(choice % count)->name;
}

static void make_machine(struct world *w, struct input *in, struct udmar_config *config)
{
    unsigned profile = (unsigned)take(in, 1), flags = (unsigned)take(in, 1);
    struct model_config machine = { .low_base = LOW_BASE,
                                    .low_size = LOW_SIZE,
                                    .high_base = HIGH_BASE,
                                    .high_size = HIGH_SIZE,
                                    .no_virtual = flags & 1,
                                    .prefer_high = flags & 2,
                                    .alias_maps = flags & 4,
                                    .no_interrupts = flags & 16,
                                    .seed = 1 + (flags >> 6) };
    struct model_scope scope = model_scope(MODEL_SCOPE_ENDPOINT, rids[0]);

    w->m = model_create(&machine);
    /* Where mappings come and go, none of them lasts. */
    config->direct_map = !machine.alias_maps;
    model_reserve(w->m, DATA_BASE, PAGES * UINT64_C(4096));
    w->u = model_add_unit(w->m, &(struct model_unit_config){ .profile = profile_name(profile),
                                                             .base = UNIT_BASE,
                                                             .include_all = true });
    /* The third device sits behind a bridge that puts its own id in the place of the device's. */
    model_add_bridge(w->m, 0, 0x00e0, 5, 5, flags & 8 ? MODEL_PCIE_TO_PCI : MODEL_ROOT_PORT);
    for (unsigned i = 0; i < DEVICES; i++) {
        w->dev[i].rid = rids[i];
        model_add_function(w->m, 0, rids[i], 0x8086, 0x10d3, 0x020000);
    }
    if (flags & 32) {
        w->dev[0].rmrr = true;
        model_add_rmrr(w->m, 0, RMRR_BASE, RMRR_BASE + RMRR_SIZE - 1, &scope, 1);
    }
}

static void make_behaviour(struct world *w, struct input *in)
{
    static const enum model_queue_mode modes[] = { MODEL_QUEUE_IMMEDIATE, MODEL_QUEUE_IMMEDIATE,
                                                   MODEL_QUEUE_DELAYED, MODEL_QUEUE_TRICKLE };
    struct model_behaviour *b = model_behaviour(w->u);
    unsigned flags = (unsigned)take(in, 1);

    b->queue_mode = modes[flags & 3];
    b->queue_resumes_on_clear = flags & 4;
    b->merge_faults = flags & 8;
    b->prefetch = flags & 16;
    b->no_walk_caches = flags & 32;
    b->evict = flags & 64 ? 3 : 0;
    b->gsts_lag = (uint32_t)take(in, 1) % 64;
    b->invalidation_lag = (uint32_t)take(in, 1) % 64;
    b->queue_delay = (uint32_t)take(in, 1) % 64;
}

static void make_tunables(struct world *w, struct input *in, struct udmar_config *config)
{
    static const uint64_t limits[] = { 0, 4096, 16384, UINT64_C(1) << 20 };
    static const enum udmar_mode modes[] = { UDMAR_MODE_TRANSLATE,   UDMAR_MODE_TRANSLATE,
                                             UDMAR_MODE_TRANSLATE,   UDMAR_MODE_IDENTITY,
                                             UDMAR_MODE_PASSTHROUGH, UDMAR_MODE_BOUNCE,
                                             UDMAR_MODE_BLOCKED,     UDMAR_MODE_TRANSLATE };
    unsigned flags = (unsigned)take(in, 1), more = (unsigned)take(in, 1);

    udmar_tunables_init(&config->tunables);
    config->tunables.enable = true;
    config->tunables.strict = w->strict = (flags & 1) == 0;
    config->tunables.queue = (flags & 2) == 0;
    config->tunables.queue_size = flags >> 2 & 1;
    config->direct_map = config->direct_map && (flags & 8) == 0;
    config->window_limit = limits[flags >> 4 & 3];
    config->tunables.default_mode = modes[more & 7];
    config->fault_log = more & 8 ? 16 : 0;
    config->tunables.width = more & 16 ? 48 : 0;
    config->ticking = more & 32;
    config->tunables.timeout_ns = 400000;
}

bool world_open(struct world *w, struct input *in)
{
    static const struct udmar_ram_range ram[] = { { LOW_BASE, LOW_SIZE },
                                                  { HIGH_BASE, HIGH_SIZE } };
    struct udmar_config config = { .ram = ram, .ram_count = 2, .table = w->table };

    memset(w, 0, sizeof(*w));
    make_machine(w, in, &config);
    make_tunables(w, in, &config);
    config.table_size = model_dmar_build(w->m, w->table, sizeof(w->table));
    REQUIRE(udmar_create(w->m, &config, &w->d) == UDMAR_OK);
    make_behaviour(w, in);
    REQUIRE(udmar_start(w->d) == UDMAR_OK);
    w->started = true;
    world_look(w);
    return true;
}

/* ---- the end ---- */

static void calm_down(struct world *w)
{
    *model_behaviour(w->u) = (struct model_behaviour){ .queue_mode = MODEL_QUEUE_IMMEDIATE };
    model_fail_host_call(w->m, 0, false);
    model_inject_queue_error(w->u, 0, MODEL_QUEUE_NO_ERROR, 0, 0);
    model_refuse_invalidations(w->u, 0);
    (void)model_queue_step(w->u, 4096);
    (void)udmar_fault_poll(w->d);
}

/* What a late unit refuses at first it has to do in the end: addresses that it has not confirmed
 * keep the device too. */
static bool tried_again(struct world *w, struct dev *dev)
{
    for (unsigned i = 0; i < 8 && w->shaky; i++) {
        world_release(w, dev);
        if (udmar_device_detach(dev->handle) == UDMAR_OK)
            return true;
    }
    return false;
}

static void detach(struct world *w, struct dev *dev)
{
    if (dev->attach_refs > 0)
        world_release(w, dev);
    while (dev->attach_refs > 0) {
        REQUIRE(udmar_device_detach(dev->handle) == UDMAR_OK || tried_again(w, dev));
        dev->attach_refs--;
    }
}

static void no_complaint(struct world *w)
{
    for (unsigned i = 0; i < model_violations(w->m); i++)
        fprintf(stderr, "violation: %s\n", model_violation_text(w->m, i));
    REQUIRE(model_violations(w->m) == 0);
    REQUIRE(model_stats(w->u)->dma_to_tables == 0 || w->bounced || w->shaky);
}

void world_close(struct world *w)
{
    unsigned leaks;

    calm_down(w);
    for (unsigned i = 0; i < SLOTS; i++)
        world_drop(w, &w->slot[i]);
    for (unsigned i = 0; i < DEVICES; i++)
        detach(w, &w->dev[i]);
    if (w->started)
        REQUIRE(udmar_stop(w->d) == UDMAR_OK || (w->shaky && udmar_stop(w->d) == UDMAR_OK));
    REQUIRE(udmar_destroy(w->d) == UDMAR_OK);
    for (unsigned i = 0; i < w->kept_count; i++)
        model_buffer_free(w->m, w->kept[i]);
    no_complaint(w);
    leaks = model_leaks(w->m);
    /* Tables that a unit has never confirmed to have forgotten are not given back. */
    REQUIRE(leaks == 0 || w->shaky);
    model_destroy(w->m);
}

void world_look(struct world *w)
{
    struct udmar_unit_status status;

    no_complaint(w);
    REQUIRE(udmar_unit_status(w->d, 0, &status) == UDMAR_OK);
    /* An unload has no status that could say so. */
    w->shaky = w->shaky || status.timeouts != 0 || status.failed || model_stats(w->u)->refused != 0;
}

void world_check(struct world *w)
{
    REQUIRE(invariants_broken(w->d) == NULL);
    for (unsigned i = 0; i < SLOTS; i++)
        REQUIRE(w->slot[i].map == NULL || invariants_broken_of_map(w->slot[i].map) == NULL);
}

/* ---- devices ---- */

struct udmar_domain *world_domain(struct dev *dev)
{
    struct udmar_domain *domain = dev->handle == NULL ? NULL : udmar_device_domain(dev->handle);

    return domain != NULL && world_mode(dev) == UDMAR_MODE_TRANSLATE ? domain : NULL;
}

enum udmar_mode world_mode(const struct dev *dev)
{
    struct udmar_device_info info;

    if (dev->handle == NULL)
        return UDMAR_MODE_BLOCKED;
    udmar_device_info(dev->handle, &info);
    return info.mode;
}

void world_settle(struct world *w, struct dev *dev)
{
    struct udmar_iova_limits limits = { .lowest = IOVA_BASE,
                                        .highest = IOVA_BASE + PAGES * UINT64_C(4096) - 1 };
    uint64_t iova;

    (void)w;
    if (dev->region || world_domain(dev) == NULL)
        return;
    dev->region = udmar_domain_alloc_iova(world_domain(dev), PAGES * UINT64_C(4096), &limits,
                                          &iova) == UDMAR_OK;
    REQUIRE(!dev->region || iova == IOVA_BASE);
    dev->domain = world_domain(dev);
}

void world_release(struct world *w, struct dev *dev)
{
    enum udmar_status status;

    if (!dev->region)
        return;
    for (unsigned i = 0; i < STREAMS; i++) {
        if (dev->stream[i].count != 0)
            world_unmap_stream(w, dev, &dev->stream[i]);
    }
    status = udmar_domain_unmap(dev->domain, IOVA_BASE, PAGES * UINT64_C(4096));
    if (status == UDMAR_ERR_MEMORY)
        return;
    if (status != UDMAR_OK) {
        w->shaky = true;
        for (unsigned i = 0; i < PAGES; i++)
            dev->page[i] = (struct page){ .unconfirmed = true };
        return;
    }
    REQUIRE(udmar_domain_free_iova(dev->domain, IOVA_BASE) == UDMAR_OK);
    world_forget(dev);
}

void world_forget(struct dev *dev)
{
    memset(dev->page, 0, sizeof(dev->page));
    memset(dev->stream, 0, sizeof(dev->stream));
    dev->region = false;
}

/* ---- what is reached ---- */

static enum model_result dma(struct world *w, struct dev *dev, uint64_t at, uint8_t *byte,
                             bool write)
{
    return model_dma(w->m, 0, model_requester_id(w->m, 0, dev->rid), at, byte, 1, write);
}

static void must_reach(struct world *w, struct dev *dev, uint64_t at, uint64_t physical, bool write,
                       uint8_t value)
{
    uint8_t byte = value, there = (uint8_t)~value;

    REQUIRE(model_memory_write(w->m, physical, &there, 1));
    REQUIRE(dma(w, dev, at, &byte, write) == (w->started ? MODEL_OK : MODEL_BYPASSED));
    REQUIRE(model_memory_read(w->m, physical, &there, 1));
    REQUIRE(byte == there);
}

static void access_dictionary(struct world *w, struct dev *dev, unsigned index, bool write,
                              uint8_t value)
{
    const struct page *page = &dev->page[index];
    uint64_t at = IOVA_BASE + index * UINT64_C(4096) + value;
    uint64_t physical = DATA_BASE + page->data * UINT64_C(4096) + value;

    if (page->unconfirmed || dev->unconfirmed)
        return;
    if ((page->access & (write ? UDMAR_WRITE : UDMAR_READ)) != 0)
        must_reach(w, dev, at, physical, write, value);
    else
        REQUIRE(dma(w, dev, at, &value, write) == MODEL_BLOCKED);
}

/* A load or a stream may have any place. */
static bool has_place(const struct world *w, const struct dev *dev)
{
    bool has = w->unloaded;

    for (unsigned i = 0; i < SLOTS; i++)
        has = has || w->slot[i].tag != NULL;
    for (unsigned i = 0; i < STREAMS; i++)
        has = has || dev->stream[i].count != 0;
    return has;
}

void world_access(struct world *w, struct dev *dev, unsigned page, bool write, uint8_t value)
{
    uint64_t physical = DATA_BASE + page * UINT64_C(4096) + value;
    uint8_t byte = value;
    enum model_result result;

    if (!w->started) {
        must_reach(w, dev, physical, physical, write, value);
        return;
    }
    if (dev->unconfirmed)
        return;
    switch (world_mode(dev)) {
    case UDMAR_MODE_TRANSLATE:
        access_dictionary(w, dev, page, write, value);
        result = dma(w, dev, physical, &byte, write);
        /* Memory by its physical address: blocked but by accident of a load that has that place. */
        REQUIRE(result == MODEL_BLOCKED || w->shaky || has_place(w, dev));
        break;
    case UDMAR_MODE_BLOCKED:
        if (dev->rmrr && dev->handle == NULL)
            break; /* its context is kept, with what was mapped */
        REQUIRE(dma(w, dev, physical, &byte, write) == MODEL_BLOCKED);
        REQUIRE(dma(w, dev, IOVA_BASE, &byte, write) == MODEL_BLOCKED);
        break;
    case UDMAR_MODE_UNPROTECTED:
        REQUIRE(w->shaky);
        break;
    default:
        must_reach(w, dev, physical, physical, write, value);
    }
    if (dev->rmrr && world_mode(dev) != UDMAR_MODE_BLOCKED)
        must_reach(w, dev, RMRR_BASE + page, RMRR_BASE + page, write, value);
}

void world_compare(struct world *w, struct dev *dev, unsigned first, unsigned count)
{
    struct udmar_domain *domain = world_domain(dev);

    (void)w;
    for (unsigned i = first; domain != NULL && i < first + count && i < PAGES; i++) {
        uint64_t at = IOVA_BASE + i * UINT64_C(4096) + i, physical = 0, size = 0;
        struct udmar_walk_step steps[5];
        unsigned access = 0;
        enum udmar_status status = udmar_domain_translate(domain, at, &physical, &access, &size);

        REQUIRE(status == (dev->page[i].access == 0 ? UDMAR_ERR_NOT_FOUND : UDMAR_OK));
        REQUIRE(access == dev->page[i].access);
        REQUIRE(access == 0 || physical == DATA_BASE + dev->page[i].data * UINT64_C(4096) + i);
        REQUIRE(size >= 4096 && (size & (size - 1)) == 0);
        REQUIRE(udmar_domain_walk(domain, at, steps) >= 1);
    }
}

/* ---- loads ---- */

void world_check_load(struct world *w, struct slot *slot, unsigned at, uint8_t value)
{
    struct dev *dev = slot->dev;
    uint64_t place = at % slot->length, skipped = 0;
    uint8_t byte = 0;
    int i = 0;

    if (!w->started || dev->unconfirmed || world_mode(dev) == UDMAR_MODE_BLOCKED)
        return;
    while (place - skipped >= slot->segment[i].ds_len)
        skipped += slot->segment[i++].ds_len;
    slot->buffer[place] = value;
    udmar_dmamap_sync(slot->tag, slot->map, UDMAR_DMA_SYNC_PREREAD | UDMAR_DMA_SYNC_PREWRITE);
    REQUIRE(dma(w, dev, slot->segment[i].ds_addr + place - skipped, &byte, false) == MODEL_OK);
    REQUIRE(byte == value);
    byte = (uint8_t)~value;
    if (slot->read_only && world_mode(dev) == UDMAR_MODE_TRANSLATE) {
        REQUIRE(dma(w, dev, slot->segment[i].ds_addr + place - skipped, &byte, true) ==
                MODEL_BLOCKED);
    } else if (!slot->read_only) {
        REQUIRE(dma(w, dev, slot->segment[i].ds_addr + place - skipped, &byte, true) == MODEL_OK);
        udmar_dmamap_sync(slot->tag, slot->map, UDMAR_DMA_SYNC_POSTREAD);
        REQUIRE(slot->buffer[place] == byte);
    }
}

void world_unload(struct world *w, struct slot *slot)
{
    bool translated = world_mode(slot->dev) == UDMAR_MODE_TRANSLATE;
    uint8_t byte = 0;

    udmar_dmamap_unload(slot->tag, slot->map);
    slot->loaded = false;
    world_look(w);
    w->unloaded = w->unloaded || !w->strict;
    for (int i = 0; w->started && translated && w->strict && !w->shaky && i < slot->count; i++) {
        uint64_t last = slot->segment[i].ds_addr + slot->segment[i].ds_len - 1;

        REQUIRE(dma(w, slot->dev, slot->segment[i].ds_addr, &byte, false) == MODEL_BLOCKED);
        REQUIRE(dma(w, slot->dev, last, &byte, false) == MODEL_BLOCKED);
    }
    if (w->strict && !w->shaky)
        model_buffer_free(w->m, slot->buffer);
    else
        w->kept[w->kept_count++] = slot->buffer;
    slot->buffer = NULL;
}

void world_drop(struct world *w, struct slot *slot)
{
    if (slot->tag == NULL)
        return;
    if (slot->loaded)
        world_unload(w, slot);
    if (slot->map != NULL)
        REQUIRE(udmar_dmamap_destroy(slot->tag, slot->map) == 0);
    REQUIRE(udmar_dma_tag_destroy(slot->tag) == 0);
    memset(slot, 0, sizeof(*slot));
}

/* ---- streams ---- */

void world_check_stream(struct world *w, struct dev *dev, const struct stream *stream, unsigned at,
                        bool write, uint8_t value)
{
    bool allowed = (stream->access & (write ? UDMAR_WRITE : UDMAR_READ)) != 0;
    uint64_t iova = stream->iova;

    if (!w->started || dev->unconfirmed || world_domain(dev) == NULL)
        return;
    for (unsigned i = 0; i < stream->count; i++) {
        const struct udmar_dma_physical *piece = &stream->piece[i];
        uint64_t place = at % piece->length;

        if (i > 0)
            iova = udmar_stream_next(iova, stream->piece[i - 1].length, piece->address);
        if (allowed)
            must_reach(w, dev, iova + place, piece->address + place, write, value);
        else
            REQUIRE(dma(w, dev, iova + place, &value, write) == MODEL_BLOCKED);
    }
}

/* It needs nothing of the host: only hardware can fail. */
void world_unmap_stream(struct world *w, struct dev *dev, struct stream *stream)
{
    struct udmar_domain *domain = dev->domain;
    enum udmar_status status = udmar_stream_unmap(domain, stream->iova);
    uint64_t iova = stream->iova;
    uint8_t byte = 0;

    REQUIRE(status == UDMAR_OK || status == UDMAR_ERR_TIMEOUT || status == UDMAR_ERR_QUEUE ||
            status == UDMAR_ERR_REFUSED);
    w->shaky = w->shaky || status != UDMAR_OK;
    w->unloaded = w->unloaded || !w->strict;
    world_look(w);
    for (unsigned i = 0; w->started && w->strict && !w->shaky && i < stream->count; i++) {
        uint64_t last = stream->piece[i].length - 1;

        if (i > 0)
            iova = udmar_stream_next(iova, stream->piece[i - 1].length, stream->piece[i].address);
        REQUIRE(dma(w, dev, iova, &byte, false) == MODEL_BLOCKED);
        REQUIRE(dma(w, dev, iova + last, &byte, true) == MODEL_BLOCKED);
    }
    /* What is in a range of the tree may be ended again when it was not confirmed. */
    if (status == UDMAR_OK)
        REQUIRE(udmar_stream_unmap(domain, stream->iova) == UDMAR_ERR_NOT_FOUND);
    memset(stream, 0, sizeof(*stream));
}
