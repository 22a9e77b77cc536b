/* SPDX-License-Identifier: BSD-2-Clause */
#include "usb.h"

static const struct usb_driver *under_test;
static struct scene scene;
static struct usb usb;

/* ---- Page caches ----------------------------------------------------------------------------- */

static void no_lock(void *argument, bus_dma_lock_op_t op)
{
    (void)argument;
    (void)op;
}

static int tag_of_size(struct usb *u, size_t size, size_t align, struct tag **out)
{
    bool multi = align == 1;
    struct spec spec = {
        .alignment = align,
        .lowaddr = (UINT64_C(2) << (u->driver->bits - 1)) - 1,
        .highaddr = ANYWHERE,
        .maxsize = size,
        .nsegments = multi && size > 1 ? (int)(2 + size / PAGE) : 1,
        .maxsegsz = multi && size > PAGE ? PAGE : size,
        .flags = BUS_DMA_KEEP_PG_OFFSET,
        .lock = no_lock,
    };

    for (unsigned i = 0; i < USB_TAGS; i++) {
        if (u->tags[i].align == 0) {
            int error = tag_new(u->s, NULL, &spec, &u->tags[i].tag);

            *out = error == 0 ? &u->tags[i].tag : NULL;
            u->tags[i].align = error == 0 ? align : 0;
            u->tags[i].size = size;
            return error;
        }
        if (u->tags[i].align == align && u->tags[i].size == size) {
            *out = &u->tags[i].tag;
            return 0;
        }
    }
    return UDMAR_ENOMEM;
}

/* usb_pc_common_mem_cb(): one address for each page, from the segments. */
static void note_pages(struct page_cache *pc, const bus_dma_segment_t *segs, int nsegs)
{
    bus_size_t into = segs->ds_addr & (PAGE - 1), at = 0;
    unsigned n = 0;

    pc->offset = (size_t)into;
    pc->page[0] = segs->ds_addr - into;
    for (int i = 0; i + 1 < nsegs; i++) {
        bus_addr_t end = segs[i].ds_addr + segs[i].ds_len;

        if (((end ^ segs[i + 1].ds_addr) & (PAGE - 1)) != 0)
            fail_msg("the offset in the page was not preserved");
    }
    while (pc->multi) {
        at += PAGE;
        if (at >= segs->ds_len + into) {
            nsegs--;
            segs++;
            at = 0;
            into = 0;
            if (nsegs == 0)
                break;
        }
        assert_true(++n < PC_PAGES);
        pc->page[n] = (segs->ds_addr + at) & ~(PAGE - 1);
    }
}

static void work(struct xfer *x);

static void loaded(void *argument, bus_dma_segment_t *segs, int nsegs, int error)
{
    struct page_cache *pc = argument;

    pc->error = error;
    pc->nsegs = error != 0 ? 0 : nsegs;
    if (error == 0) {
        segments_obey(&scene, &pc->tag->limits, segs, nsegs, pc->length);
        memcpy(pc->segs, segs, (size_t)nsegs * sizeof(*segs));
        note_pages(pc, segs, nsegs);
    }
    if (pc->xfer != NULL) {
        pc->xfer->error = error;
        work(pc->xfer); /* usb_bdma_done_event() */
    }
}

/* usb_pc_alloc_mem() with an alignment: one segment, of a power of two. */
static int pc_alloc(struct usb *u, struct page_cache *pc, size_t size, size_t align)
{
    int error;

    while (align != 1 && align < size)
        align *= 2;
    if (align != 1 && size <= PAGE / 2)
        size *= 2;
    memset(pc, 0, sizeof(*pc));
    error = tag_of_size(u, size, align, &pc->tag);
    if (error == 0) {
        error = bus_dmamem_alloc(pc->tag->tag, &pc->buffer, BUS_DMA_WAITOK | BUS_DMA_COHERENT,
                                 &pc->map);
        pc->buffer = error == 0 ? pc->buffer : NULL;
    }
    if (error != 0)
        return error;
    pc->multi = align == 1;
    pc->length = size;
    pc->error = -1;
    error = bus_dmamap_load(pc->tag->tag, pc->map, pc->buffer, size, loaded, pc,
                            BUS_DMA_WAITOK | BUS_DMA_COHERENT);
    if (error != 0 || pc->error != 0) {
        bus_dmamem_free(pc->tag->tag, pc->buffer, pc->map);
        pc->buffer = NULL;
        return UDMAR_ENOMEM;
    }
    pc->loaded = true;
    memset(pc->buffer, 0, size);
    pc_flush(pc);
    return 0;
}

static void pc_free(struct page_cache *pc)
{
    if (pc->buffer == NULL)
        return;
    if (pc->loaded)
        bus_dmamap_unload(pc->tag->tag, pc->map);
    bus_dmamem_free(pc->tag->tag, pc->buffer, pc->map);
    memset(pc, 0, sizeof(*pc));
}

static int pc_map_new(struct usb *u, struct page_cache *pc, size_t size)
{
    int error = tag_of_size(u, size, 1, &pc->tag);

    if (error == 0)
        error = bus_dmamap_create(pc->tag->tag, 0, &pc->map);
    if (error != 0)
        pc->map = NULL;
    return error;
}

static void pc_map_end(struct page_cache *pc)
{
    if (pc->map == NULL)
        return;
    if (pc->loaded)
        bus_dmamap_unload(pc->tag->tag, pc->map);
    assert_int_equal(bus_dmamap_destroy(pc->tag->tag, pc->map), 0);
    pc->map = NULL;
    pc->loaded = false;
}

void pc_invalidate(struct page_cache *pc)
{
    if (pc->length == 0)
        return;
    bus_dmamap_sync(pc->tag->tag, pc->map, BUS_DMASYNC_POSTREAD);
    bus_dmamap_sync(pc->tag->tag, pc->map, BUS_DMASYNC_PREREAD);
}

void pc_flush(struct page_cache *pc)
{
    if (pc->length != 0)
        bus_dmamap_sync(pc->tag->tag, pc->map, BUS_DMASYNC_PREWRITE);
}

bus_addr_t pc_page(const struct page_cache *pc, size_t offset, size_t *out_length)
{
    offset += pc->offset;
    *out_length = pc->multi ? (size_t)(PAGE - offset % PAGE) : SIZE_MAX;
    return pc->multi ? pc->page[offset / PAGE] + offset % PAGE : pc->page[0] + offset;
}

/* ---- Transfers ------------------------------------------------------------------------------- */

/* usb_pc_load_mem(): without looking at the result, the callback comes in all cases. */
static void pc_load(struct page_cache *pc)
{
    if (pc->length == 0) {
        pc->xfer->error = 0;
        work(pc->xfer);
        return;
    }
    if (pc->loaded) {
        bus_dmamap_unload(pc->tag->tag, pc->map);
        unreachable(&scene, pc->segs, pc->nsegs);
    }
    pc->loaded = true;
    (void)bus_dmamap_load(pc->tag->tag, pc->map, pc->buffer, pc->length, loaded, pc,
                          BUS_DMA_WAITOK);
}

static void xfer_done(struct xfer *x, int error)
{
    assert_int_not_equal(x->state, XFER_DONE);
    x->state = XFER_DONE;
    x->error = error;
}

/* usb_bdma_work_loop(): loads frame after frame, then starts the hardware. */
static void work(struct xfer *x)
{
    if (x->error != 0) {
        xfer_done(x, x->error);
        return;
    }
    if (x->current < x->frames) {
        pc_load(&x->frame[x->current++]);
        return;
    }
    for (unsigned i = 0; i < x->frames; i++) {
        if (x->in)
            pc_invalidate(&x->frame[i]);
        else
            pc_flush(&x->frame[i]);
    }
    x->usb->driver->program(x);
    x->state = XFER_RUNNING;
}

static void xfer_run(struct xfer *x)
{
    assert_int_equal(x->state, XFER_RUNNING);
    for (unsigned i = 0; i < x->frames; i++) {
        if (x->frame[i].length != 0)
            device_trespasses(&scene, x->frame[i].segs, x->frame[i].nsegs, x->in);
    }
    x->usb->driver->run(x);
    for (unsigned i = 0; i < x->frames && x->in; i++)
        pc_invalidate(&x->frame[i]);
    if (x->usb->driver->after != NULL)
        x->usb->driver->after(x);
    assert_int_equal(x->wire.moved, x->expected);
    xfer_done(x, 0);
}

/* What frames carry: commands, packets at odd places, blocks of file systems. */
static size_t any_length(void)
{
    static const size_t sizes[] = { 0, 1, 8, 13, 31, 64, 255, 512, 1024, 1514, 1516, 2048 };
    size_t most = under_test->frame;

    switch (dice(&scene, 5)) {
    case 0:
        return most;
    case 1:
        return 1 + dice(&scene, (uint32_t)most);
    case 2:
        return 4096 * (1 + dice(&scene, (uint32_t)(most / 4096)));
    default:
        return sizes[dice(&scene, 12)];
    }
}

static void xfer_make(struct xfer *x)
{
    size_t at = PAGE;

    x->in = dice(&scene, 2) != 0;
    x->frames = 1 + dice(&scene, FRAMES);
    x->current = 0;
    x->error = 0;
    x->total = 0;
    for (unsigned i = 0; i < x->frames; i++) {
        struct page_cache *pc = &x->frame[i];
        size_t length = x->frames == 1 ? any_length() : any_length() % (under_test->frame / 2);

        at += dice(&scene, 3) == 0 ? dice(&scene, 4096) : 512 * dice(&scene, 8);
        payload_clear(&x->payload[i], &x->area);
        payload_add(&x->payload[i], at, length);
        payload_fill(&scene, &x->payload[i]);
        pc->buffer = x->area.at + at;
        pc->length = length;
        pc->multi = true;
        pc->xfer = x;
        at += length + PAGE;
        x->total += length;
    }
    wire_start(&scene, &x->wire, x->in);
    /* A short packet ends a transfer. */
    x->expected = x->in && x->frames == 1 && dice(&scene, 4) == 0
                      ? dice(&scene, (uint32_t)x->total + 1)
                      : x->total;
    x->state = XFER_LOADING;
}

static void xfer_start(struct xfer *x)
{
    work(x);
    scene_thread(&scene);
}

static void xfer_free(struct xfer *x)
{
    size_t at = 0;

    assert_int_equal(x->state, XFER_DONE);
    for (unsigned i = 0; i < x->frames; i++) {
        size_t length = x->payload[i].length;
        size_t moved = x->expected > at ? x->expected - at : 0;

        if (x->error == 0 && x->in)
            payload_received(&x->payload[i], x->wire.bytes + at, moved < length ? moved : length);
        else if (x->error == 0)
            payload_equals(&x->payload[i], x->wire.bytes + at, length);
        payload_drop(&x->payload[i]);
        at += length;
    }
    area_check(&x->area);
    x->state = XFER_FREE;
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static int attach(void)
{
    int error = 0;

    memset(usb.tags, 0, sizeof(usb.tags));
    for (unsigned i = 0; i < XFERS && error == 0; i++) {
        error = pc_alloc(&usb, &usb.descriptors[i], under_test->descriptors, under_test->align);
        if (error == 0)
            error = pc_alloc(&usb, &usb.fixup[i], PAGE, 1);
        for (unsigned k = 0; k < FRAMES && error == 0; k++)
            error = pc_map_new(&usb, &usb.xfer[i].frame[k], under_test->frame);
    }
    return error;
}

static void detach(void)
{
    for (unsigned i = 0; i < XFERS; i++) {
        for (unsigned k = 0; k < FRAMES; k++)
            pc_map_end(&usb.xfer[i].frame[k]);
        pc_free(&usb.fixup[i]);
        pc_free(&usb.descriptors[i]);
    }
    for (unsigned i = 0; i < USB_TAGS; i++) {
        if (usb.tags[i].align != 0)
            tag_end(&usb.tags[i].tag);
    }
}

static void open_usb(void)
{
    memset(&usb, 0, sizeof(usb));
    usb.s = &scene;
    usb.driver = under_test;
    for (unsigned i = 0; i < XFERS; i++) {
        usb.xfer[i].usb = &usb;
        usb.xfer[i].index = i;
    }
}

static void up(void)
{
    static const unsigned places[] = { MODEL_SCATTERED | MODEL_HIGH, MODEL_SCATTERED | MODEL_LOW,
                                       MODEL_CONTIGUOUS | MODEL_HIGH, MODEL_CONTIGUOUS };

    open_usb();
    for (unsigned i = 0; i < XFERS; i++) {
        area_new(&scene, &usb.xfer[i].area,
                 ((2 * under_test->frame + 20 * PAGE) & ~(size_t)(PAGE - 1)) + PAGE, places[i]);
        wire_new(&usb.xfer[i].wire, 2 * under_test->frame + PAGE);
    }
    assert_int_equal(attach(), 0);
}

static void down(void)
{
    for (unsigned i = 0; i < XFERS; i++) {
        area_end(&scene, &usb.xfer[i].area);
        wire_end(&usb.xfer[i].wire);
    }
    detach();
}

static struct xfer *in_state(enum xfer_state state)
{
    unsigned first = dice(&scene, XFERS);

    for (unsigned i = 0; i < XFERS; i++) {
        if (usb.xfer[(first + i) % XFERS].state == state)
            return &usb.xfer[(first + i) % XFERS];
    }
    return NULL;
}

static void drain(void)
{
    struct xfer *x;

    while ((x = in_state(XFER_RUNNING)) != NULL)
        xfer_run(x);
    if (waiting_for_pages(&scene) != 0)
        fail_msg("%s: a transfer waits for bounce pages that are free", mode_name(scene.mode));
    memory_back(&scene);
    scene_tick(&scene);
    while ((x = in_state(XFER_RUNNING)) != NULL)
        xfer_run(x);
    if (in_state(XFER_LOADING) != NULL)
        fail_msg("%s: a transfer waits for ever", mode_name(scene.mode));
    while ((x = in_state(XFER_DONE)) != NULL)
        xfer_free(x);
}

static void attach_fails(void)
{
    bool attached = false;

    for (unsigned n = 1; !attached; n = n < 40 ? n + 1 : n + n / 8) {
        open_usb();
        memory_gone_after(&scene, n);
        attached = attach() == 0 && model_host_calls_failed(scene.f.m) == 0;
        memory_back(&scene);
        detach();
    }
}

static void traffic(void)
{
    for (unsigned k = 0; k < 120; k++) {
        struct xfer *x = in_state(XFER_FREE);

        if (x != NULL && dice(&scene, 3) != 0) {
            xfer_make(x);
            xfer_start(x);
            assert_int_equal(x->state, XFER_RUNNING);
        } else if ((x = in_state(XFER_RUNNING)) != NULL) {
            xfer_run(x);
            xfer_free(x);
        }
    }
    drain();
}

/* Loads wait in the middle of a transfer's frames, and go on when pages come back. */
static void no_bounce_pages(void)
{
    const struct spec *limits = &usb.xfer[0].frame[0].tag->limits;
    unsigned waited = 0, failed = 0;
    struct hog hog;

    hog_new(&scene, &hog, limits);
    for (unsigned n = 0; n < 6; n++) {
        hog_takes(&scene, &hog, limits);
        pages_gone(&scene);
        for (unsigned k = 0; k < 12; k++) {
            struct xfer *x = in_state(XFER_FREE);

            if (x != NULL && dice(&scene, 3) != 0) {
                xfer_make(x);
                xfer_start(x);
                waited += x->state == XFER_LOADING;
                if (x->state == XFER_DONE) {
                    assert_int_equal(x->error, UDMAR_ENOMEM);
                    failed++;
                }
            } else if ((x = in_state(XFER_RUNNING)) != NULL) {
                xfer_run(x);
                xfer_free(x);
            } else if ((x = in_state(XFER_DONE)) != NULL) {
                xfer_free(x);
            } else {
                (void)hog_gives(&scene, &hog);
            }
        }
        while (hog_gives(&scene, &hog)) {
        }
        /* What stays loaded keeps its pages: the ends give them to those that wait. */
        for (unsigned i = 0; i < XFERS; i++) {
            struct xfer *x = &usb.xfer[i];

            for (unsigned f = 0; f < FRAMES && x->state == XFER_FREE; f++) {
                if (x->frame[f].loaded)
                    bus_dmamap_unload(x->frame[f].tag->tag, x->frame[f].map);
                x->frame[f].loaded = false;
                scene_thread(&scene);
            }
        }
        while (in_state(XFER_RUNNING) != NULL || in_state(XFER_DONE) != NULL) {
            struct xfer *x = in_state(XFER_RUNNING);

            if (x != NULL)
                xfer_run(x);
            x = in_state(XFER_DONE);
            xfer_free(x);
            for (unsigned f = 0; f < FRAMES; f++) {
                if (x->frame[f].loaded)
                    bus_dmamap_unload(x->frame[f].tag->tag, x->frame[f].map);
                x->frame[f].loaded = false;
                scene_thread(&scene);
            }
        }
        drain();
    }
    memory_back(&scene);
    hog_end(&scene, &hog);
    if (scene.mode == SUBPAGE)
        assert_true(waited + failed > 0);
}

static void in_one_mode(const void *driver, enum mode mode)
{
    under_test = driver;
    scene_open(&scene, mode, 9);
    attach_fails();
    up();
    traffic();
    no_bounce_pages();
    traffic();
    down();
    scene_close(&scene);
}

int usb_main(const struct usb_driver *const *drivers, unsigned count)
{
    const char *names[8];

    for (unsigned i = 0; i < count; i++)
        names[i] = drivers[i]->name;
    return profile_main(drivers[0]->name, in_one_mode, (const void *const *)drivers, names, count);
}
