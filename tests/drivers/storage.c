/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>

#include "storage.h"

static const struct hba_driver *under_test;

/* ---- Requests -------------------------------------------------------------------------------- */

static uint64_t physical(struct request *r, const void *at)
{
    return physical_of(&r->hba->s->f, at);
}

static void make_pages(struct request *r, uint8_t *at, size_t length)
{
    uint8_t *page = at - ((uintptr_t)at & (PAGE - 1));
    int count = 0;

    for (; page < at + length; page += PAGE) {
        assert_true(count < MAX_SEGS);
        r->page[count].phys_addr = physical(r, page);
        r->pages[count] = &r->page[count];
        count++;
    }
    r->bio.bio_flags = BIO_UNMAPPED;
    r->bio.bio_ma = r->pages;
    r->bio.bio_ma_n = count;
    r->bio.bio_ma_offset = (int)((uintptr_t)at & (PAGE - 1));
}

static void make_plist(struct request *r, uint8_t *at, size_t length)
{
    int count = 0;

    while (length > 0) {
        size_t part = (size_t)(PAGE - ((uintptr_t)at & (PAGE - 1)));

        part = part < length ? part : length;
        assert_true(count < MAX_SEGS);
        r->list[count++] = (bus_dma_segment_t){ physical(r, at), part };
        at += part;
        length -= part;
    }
    r->memory = memdesc_plist(r->list, count);
    r->entries = count;
}

static void make_vlist(struct request *r)
{
    for (unsigned i = 0; i < r->payload.count; i++) {
        struct chunk *chunk = &r->payload.chunk[i];

        r->list[i] = (bus_dma_segment_t){ (uintptr_t)chunk->at, chunk->length };
        r->vector[i] = (struct udmar_iovec){ chunk->at, chunk->length };
    }
    r->memory = memdesc_vlist(r->list, (int)r->payload.count);
    r->entries = (int)r->payload.count;
    r->uio = (struct uio){ r->vector, (int)r->payload.count, r->payload.length };
}

/* The forms in which upper layers describe the payload. */
static void describe(struct request *r)
{
    struct chunk *first = &r->payload.chunk[0];

    memset(&r->bio, 0, sizeof(r->bio));
    r->bio.bio_data = first->at;
    r->bio.bio_bcount = r->length;
    if (r->kind == KIND_PAGES)
        make_pages(r, first->at, r->length);
    if (r->kind == KIND_PHYSICAL)
        r->memory = memdesc_paddr(physical(r, first->at), r->length);
    if (r->kind == KIND_PLIST)
        make_plist(r, first->at, r->length);
    if (r->kind == KIND_VLIST || r->kind == KIND_UIO)
        make_vlist(r);
}

/* Pieces with gaps; each begins and ends where lists of real upper layers do. */
static void scatter(struct request *r, size_t offset)
{
    struct scene *s = r->hba->s;
    unsigned pieces = 1 + dice(s, 5);
    size_t unit = r->hba->driver->unit > 4 ? r->hba->driver->unit : 4;
    size_t left = r->length;

    for (unsigned i = 0; left > 0; i++) {
        size_t part = left;

        if (i + 1 < pieces && left > 2 * unit) {
            part = (1 + dice(s, (uint32_t)(left / unit - 1))) * unit;
            part = part < left ? part : left;
        }
        payload_add(&r->payload, offset, part);
        offset += (part + 3) / 4 * 4 + 64 * dice(s, 4);
        left -= part;
    }
}

/* Picks kind, place and bytes of a request of @length bytes. */
static void request_make(struct request *r, size_t offset, size_t length, enum kind kind)
{
    struct scene *s = r->hba->s;

    /* A list has a page more for each of its pieces. */
    if ((kind == KIND_VLIST || kind == KIND_UIO) && length + 6 * PAGE > r->hba->driver->maxio)
        kind = (r->hba->driver->kinds & OF(KIND_BIO)) != 0 ? KIND_BIO : KIND_BUFFER;
    r->in = dice(s, 2) == 0;
    r->length = length;
    r->kind = kind;
    r->error = -1;
    r->completions = 0;
    r->nsegs = 0;
    payload_clear(&r->payload, &r->area);
    if (kind == KIND_VLIST || kind == KIND_UIO)
        scatter(r, offset);
    else
        payload_add(&r->payload, offset, length);
    payload_fill(s, &r->payload);
    describe(r);
    wire_start(s, &r->wire, r->in);
    r->expected = r->in && dice(s, 8) == 0 ? dice(s, (uint32_t)length) : length;
}

static enum kind any_kind(struct hba *hba)
{
    enum kind kind;

    do {
        kind = (enum kind)dice(hba->s, KINDS);
    } while ((hba->driver->kinds & OF(kind)) == 0);
    return kind;
}

/* File systems, swap, and what goes through pass-through devices with any length. */
static size_t any_length(struct hba *hba)
{
    const struct hba_driver *d = hba->driver;
    static const size_t commands[] = { 8, 18, 36, 96, 252, 255, 512, 1024 };
    size_t length;

    switch (dice(hba->s, 6)) {
    case 0:
        length = commands[dice(hba->s, 8)];
        break;
    case 1:
        length = 4096u * (1 + dice(hba->s, 4));
        break;
    case 2:
        length = d->maxio;
        break;
    case 3:
        length = 1 + dice(hba->s, 9000);
        break;
    default:
        length = 512 * (1 + dice(hba->s, (uint32_t)(d->maxio / 512)));
        break;
    }
    length = length / d->unit * d->unit;
    return length == 0 ? d->unit : length > d->maxio ? d->maxio : length;
}

/* Offsets from page-aligned (most) over sectors and malloc()'s to anything. */
static size_t any_offset(struct hba *hba)
{
    static const unsigned steps[] = { 4096, 4096, 512, 64, 16, 4, 2, 1 };
    unsigned step = steps[dice(hba->s, 8)];
    size_t offset = dice(hba->s, 4096 / step) * step;

    return PAGE + offset / hba->driver->address * hba->driver->address;
}

/* ---- For drivers ----------------------------------------------------------------------------- */

/* The payload as a memory descriptor. */
static struct memdesc memory_of(struct request *r)
{
    switch (r->kind) {
    case KIND_BUFFER:
        return memdesc_vaddr(r->payload.chunk[0].at, r->length);
    case KIND_BIO:
    case KIND_PAGES:
        return memdesc_bio(&r->bio);
    case KIND_UIO:
        return memdesc_uio(&r->uio);
    default:
        return r->memory;
    }
}

int request_load_mem(struct request *r, bus_dma_tag_t tag, bus_dmamap_callback_t *callback,
                     void *arg, int flags)
{
    r->memory = memory_of(r);
    return bus_dmamap_load_mem(tag, r->map, &r->memory, callback, arg, flags);
}

int request_load(struct request *r, bus_dma_tag_t tag, bus_dmamap_callback_t *callback, void *arg,
                 int flags)
{
    return bus_dmamap_load(tag, r->map, r->payload.chunk[0].at, r->length, callback, arg, flags);
}

int request_load_bio(struct request *r, bus_dma_tag_t tag, bus_dmamap_callback_t *callback,
                     void *arg, int flags)
{
    return bus_dmamap_load_bio(tag, r->map, &r->bio, callback, arg, flags);
}

/* What CAM's data_ptr is for each kind. */
static void *ccb_data(struct request *r, uint32_t *out_type)
{
    switch (r->kind) {
    case KIND_VLIST:
        *out_type = CAM_DATA_SG;
        return r->list;
    case KIND_PLIST:
        *out_type = CAM_DATA_SG_PADDR;
        return r->list;
    case KIND_PHYSICAL:
        *out_type = CAM_DATA_PADDR;
        return (void *)(uintptr_t)r->memory.u.md_paddr;
    case KIND_BIO:
    case KIND_PAGES:
        *out_type = CAM_DATA_BIO;
        return &r->bio;
    default:
        *out_type = CAM_DATA_VADDR;
        return r->payload.chunk[0].at;
    }
}

int request_load_ccb(struct request *r, bus_dma_tag_t tag, uint32_t function,
                     bus_dmamap_callback_t *callback, void *arg, int flags)
{
    uint32_t type, way = r->in ? CAM_DIR_IN : CAM_DIR_OUT;
    void *data = ccb_data(r, &type);

    memset(&r->ccb, 0, sizeof(r->ccb));
    r->ccb.ccb_h.func_code = function;
    r->ccb.ccb_h.flags = type | way;
    if (function == XPT_ATA_IO) {
        r->ccb.ataio.data_ptr = data;
        r->ccb.ataio.dxfer_len = (uint32_t)r->length;
    } else {
        r->ccb.csio.data_ptr = data;
        r->ccb.csio.dxfer_len = (uint32_t)r->length;
        r->ccb.csio.sglist_cnt = (uint16_t)r->entries;
    }
    return bus_dmamap_load_ccb(tag, r->map, &r->ccb, callback, arg, flags);
}

void request_loaded(struct request *r, const bus_dma_segment_t *segs, int nsegs)
{
    assert_true(nsegs <= MAX_SEGS);
    r->nsegs = nsegs;
    memcpy(r->segs, segs, (size_t)nsegs * sizeof(*segs));
    segments_obey(r->hba->s, &r->hba->data.limits, segs, nsegs, r->length);
}

void request_runs(struct request *r)
{
    assert_int_equal(r->completions, 0);
    r->state = RUNNING;
}

void request_done(struct request *r, int error)
{
    assert_int_equal(r->completions, 0);
    r->completions++;
    r->error = error;
    r->state = DONE;
}

void request_unloaded(struct request *r)
{
    unreachable(r->hba->s, r->segs, r->nsegs);
    r->nsegs = 0;
}

int hba_maps_new(struct hba *hba, bus_dma_tag_t tag, int flags)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        int error = bus_dmamap_create(tag, flags, &hba->request[i].map);

        if (error != 0) {
            hba->request[i].map = NULL;
            return error;
        }
    }
    return 0;
}

void hba_maps_end(struct hba *hba, bus_dma_tag_t tag)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        if (hba->request[i].map != NULL)
            assert_int_equal(bus_dmamap_destroy(tag, hba->request[i].map), 0);
        hba->request[i].map = NULL;
    }
}

/* ---- The life of a request ------------------------------------------------------------------- */

static void lock(struct hba *hba)
{
    udmar_mtx_lock(&hba->s->mutex);
}

static void unlock(struct hba *hba)
{
    udmar_mtx_unlock(&hba->s->mutex);
    scene_thread(hba->s);
}

static void request_free(struct request *r)
{
    assert_int_equal(r->state, DONE);
    assert_int_equal(r->completions, 1);
    if (r->error == 0 && r->in) {
        payload_received(&r->payload, r->wire.bytes, r->expected);
    } else if (r->error == 0) {
        assert_int_equal(r->wire.moved, r->length);
        payload_equals(&r->payload, r->wire.bytes, r->length);
    }
    area_check(&r->area);
    payload_drop(&r->payload);
    r->state = FREE;
}

static void request_start(struct request *r)
{
    r->hba->starts++;
    r->state = WAITING;
    lock(r->hba);
    r->hba->driver->start(r);
    unlock(r->hba);
}

/* The device executes it, and the interrupt comes. */
static void request_run(struct request *r)
{
    struct hba *hba = r->hba;

    assert_int_equal(r->state, RUNNING);
    device_trespasses(hba->s, r->segs, r->nsegs, r->in);
    hba->driver->run(r);
    assert_int_equal(r->wire.moved, r->expected);
    lock(hba);
    hba->driver->finish(r);
    unlock(hba);
    assert_int_equal(r->state, DONE);
}

static struct request *in_state(struct hba *hba, enum state state)
{
    unsigned first = dice(hba->s, SLOTS);

    for (unsigned i = 0; i < SLOTS; i++) {
        struct request *r = &hba->request[(first + i) % SLOTS];

        if (r->state == state)
            return r;
    }
    return NULL;
}

static void run_all(struct hba *hba)
{
    struct request *r;

    while ((r = in_state(hba, RUNNING)) != NULL)
        request_run(r);
}

/*
 * Runs what runs until nothing does. Then nothing waits for bounce pages; what waits for the host's
 * memory is served when there is some; and nothing may be left.
 */
static void drain(struct hba *hba)
{
    run_all(hba);
    if (waiting_for_pages(hba->s) != 0)
        fail_msg("%s, %s: a request waits for bounce pages that are free", hba->driver->name,
                 mode_name(hba->s->mode));
    memory_back(hba->s);
    scene_tick(hba->s);
    run_all(hba);
    for (unsigned i = 0; i < SLOTS; i++) {
        struct request *r = &hba->request[i];

        if (r->state == WAITING)
            fail_msg("%s, %s: a request waits for ever", hba->driver->name,
                     mode_name(hba->s->mode));
        if (r->state == DONE)
            request_free(r);
    }
}

void hba_open(struct hba *hba, struct scene *s, const struct hba_driver *driver)
{
    memset(hba, 0, sizeof(*hba));
    hba->s = s;
    hba->driver = driver;
    hba->softc = calloc(1, driver->softc);
    assert_non_null(hba->softc);
    for (unsigned i = 0; i < SLOTS; i++) {
        struct request *r = &hba->request[i];

        r->hba = hba;
        r->slot = i;
    }
}

static void memory_new(struct hba *hba)
{
    static const unsigned places[] = { MODEL_SCATTERED | MODEL_HIGH, MODEL_SCATTERED | MODEL_LOW,
                                       MODEL_CONTIGUOUS | MODEL_HIGH, MODEL_CONTIGUOUS };
    size_t size = (hba->driver->maxio + 8 * PAGE + PAGE - 1) & ~(PAGE - 1);

    for (unsigned i = 0; i < SLOTS; i++) {
        /* A range of physical memory is one. */
        unsigned place = (hba->driver->kinds & OF(KIND_PHYSICAL)) != 0 && i % 4 == 3
                             ? MODEL_CONTIGUOUS
                             : places[i % 4];

        area_new(hba->s, &hba->request[i].area, size, place);
        wire_new(&hba->request[i].wire, hba->driver->maxio + 2 * PAGE);
    }
}

static void memory_end(struct hba *hba)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        area_end(hba->s, &hba->request[i].area);
        wire_end(&hba->request[i].wire);
    }
}

void hba_close(struct hba *hba)
{
    hba->driver->detach(hba);
    free(hba->softc);
}

static void up(struct hba *hba, struct scene *s)
{
    hba_open(hba, s, under_test);
    memory_new(hba);
    assert_int_equal(hba->driver->attach(hba), 0);
}

static void down(struct hba *hba)
{
    memory_end(hba);
    hba_close(hba);
}

/* Physical memory in one range: only in areas that are. */
static enum kind kind_for(struct request *r)
{
    enum kind kind = any_kind(r->hba);

    /* A pointer of 32 bits names no memory above 4 GiB. */
    bool named = sizeof(void *) > 4 || physical(r, r->area.at) <= BIT32;

    return kind == KIND_PHYSICAL && (r->slot % 4 < 2 || !named) ? KIND_BUFFER : kind;
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static struct scene scene;
static struct hba hba;

/* Mixed traffic, many at once, completed in any order. */
static void traffic(void)
{
    for (unsigned n = 0; n < 120; n++) {
        struct request *r = in_state(&hba, FREE);

        if (r == NULL || dice(&scene, 3) == 0) {
            r = in_state(&hba, RUNNING);
            if (r != NULL) {
                request_run(r);
                assert_int_equal(r->error, 0);
                request_free(r);
            }
            continue;
        }
        request_make(r, any_offset(&hba), any_length(&hba), kind_for(r));
        request_start(r);
        assert_int_equal(r->state, RUNNING);
    }
    drain(&hba);
}

/* One buffer, in the form that the driver's upper layers give it. */
static enum kind simple_kind(void)
{
    return (hba.driver->kinds & OF(KIND_BUFFER)) != 0 ? KIND_BUFFER : KIND_BIO;
}

/* The largest request at the worst place, in pages that are nowhere neighbours. */
static void largest(void)
{
    for (unsigned n = 0; n < 4; n++) {
        struct request *r = &hba.request[n % 2]; /* scattered ones */
        size_t last = PAGE - hba.driver->address;

        request_make(r, PAGE + (n < 2 ? last : 0), hba.driver->maxio, simple_kind());
        request_start(r);
        assert_int_equal(r->state, RUNNING);
        request_run(r);
        assert_int_equal(r->error, 0);
        request_free(r);
    }
}

/* Too large, and nothing: one completion each, with an error; nothing stays behind. */
static void refused(void)
{
    for (unsigned n = 0; n < 2; n++) {
        struct request *r = &hba.request[n];
        size_t length = n == 0 ? 0 : hba.driver->maxio + 2 * PAGE;

        request_make(r, PAGE + 2048, length == 0 ? 1 : length, simple_kind());
        r->length = length;
        describe(r);
        r->expected = length;
        request_start(r);
        /* Where a tag's maxsize is more than the upper layers are told, it may succeed. */
        if (r->state == RUNNING)
            request_run(r);
        if (length == 0)
            assert_int_not_equal(r->error, 0);
        assert_int_equal(r->completions, 1);
        if (r->error == 0) {
            request_free(r);
        } else {
            payload_drop(&r->payload);
            r->state = FREE;
        }
    }
}

/*
 * No page for bouncing: who may wait does so and is served when others are through; who may not
 * gets ENOMEM. Nobody waits for ever and everything works afterwards.
 */
static void shortage(struct hog *hog, unsigned *waited, unsigned *failed)
{
    hog_takes(&scene, hog, &hba.data.limits);
    pages_gone(&scene);
    for (unsigned n = 0; n < 3 * SLOTS; n++) {
        struct request *r = in_state(&hba, FREE);

        if (r != NULL && dice(&scene, 4) != 0) {
            request_make(r, any_offset(&hba), any_length(&hba), kind_for(r));
            request_start(r);
            *waited += r->state == WAITING;
            if (r->state == DONE) {
                assert_int_equal(r->error, UDMAR_ENOMEM);
                ++*failed;
                request_free(r);
            }
        } else if ((r = in_state(&hba, RUNNING)) != NULL) {
            request_run(r);
            assert_int_equal(r->error, 0);
            request_free(r);
        } else if (dice(&scene, 3) == 0) {
            (void)hog_gives(&scene, hog);
        }
    }
    while (hog_gives(&scene, hog)) {
    }
    drain(&hba);
}

static void no_bounce_pages(void)
{
    struct hog hog;
    unsigned waited = 0, failed = 0;

    hog_new(&scene, &hog, &hba.data.limits);
    for (unsigned n = 0; n < 6; n++)
        shortage(&hog, &waited, &failed);
    memory_back(&scene);
    if (!hba.driver->waits)
        assert_int_equal(waited, 0);
    if (scene.mode == SUBPAGE)
        assert_true(waited + failed > 0);
    for (unsigned i = 0; i < SLOTS; i++) {
        struct request *r = &hba.request[i];

        request_make(r, any_offset(&hba), any_length(&hba), kind_for(r));
        request_start(r);
        assert_int_equal(r->state, RUNNING);
    }
    drain(&hba);
    hog_end(&scene, &hog);
}

/* Attach fails at each call for memory in turn, undoes all that it did, and works at last. */
static void attach_fails(void)
{
    bool attached = false;
    size_t pages = 0;

    for (unsigned n = 1; !attached; n = n < 40 ? n + 1 : n + n / 8) {
        hba_open(&hba, &scene, under_test);
        memory_gone_after(&scene, n);
        attached = hba.driver->attach(&hba) == 0 && model_host_calls_failed(scene.f.m) == 0;
        memory_back(&scene);
        hba_close(&hba);
        if (n == 1)
            pages = model_pages_in_use(scene.f.m);
    }
    assert_true(model_pages_in_use(scene.f.m) <= pages + 64);
}

/* Requests while the host has no memory: an error or success, and the same after it. */
static void no_memory(void)
{
    for (unsigned n = 0; n < 30; n++) {
        struct request *r = &hba.request[n % SLOTS];

        request_make(r, any_offset(&hba), any_length(&hba), kind_for(r));
        memory_gone_after(&scene, 1 + n % 5);
        request_start(r);
        memory_back(&scene);
        if (r->state == DONE)
            assert_int_equal(r->error, UDMAR_ENOMEM);
        drain(&hba);
    }
}

/*
 * No guest addresses, on a machine that has few: maps with a window need none; a load without one
 * waits if it may, gets ENOMEM if not, and is served when addresses come back.
 */
static void no_guest_addresses(enum mode mode)
{
    struct crowd crowd;

    scene_open_narrow(&scene, mode, 6);
    up(&hba, &scene);
    for (unsigned n = 0; n < 3; n++) {
        crowd_new(&scene, &crowd, GIB(1), 4096);
        for (unsigned i = 0; i < SLOTS; i++) {
            struct request *r = &hba.request[i];
            size_t pages = 1 + dice(&scene, 8);

            pages = pages * PAGE < hba.driver->maxio ? pages : hba.driver->maxio / PAGE;
            request_make(r, PAGE, pages * PAGE, simple_kind());
            request_start(r);
            if (r->state == DONE)
                assert_int_equal(r->error, UDMAR_ENOMEM);
        }
        while (crowd_gives(&scene, &crowd)) {
        }
        crowd_end(&scene, &crowd);
        drain(&hba);
    }
    traffic();
    down(&hba);
    scene_close(&scene);
}

/* All of it in one mode, on one machine. */
static void in_one_mode(const void *driver, enum mode mode)
{
    under_test = driver;
    if (mode == TRANSLATE || mode == SUBPAGE)
        no_guest_addresses(mode);
    scene_open(&scene, mode, 5);
    attach_fails();
    up(&hba, &scene);
    traffic();
    largest();
    refused();
    no_memory();
    no_bounce_pages();
    traffic();
    down(&hba);
    scene_close(&scene);
}

int hba_main(const struct hba_driver *const *drivers, unsigned count)
{
    const char *names[8];

    for (unsigned i = 0; i < count; i++)
        names[i] = drivers[i]->name;
    return profile_main(drivers[0]->name, in_one_mode, (const void *const *)drivers, names, count);
}
