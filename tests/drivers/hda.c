/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snd_hda(4), hdac.c: hdac_attach2(), hdac_dma_alloc(), hdac_dma_free(), hdac_stream_start(),
 * hdac_rirb_flush(), hdac_send_command(); sound/pcm/buffer.c: sndbuf_alloc(), sndbuf_free().
 *
 * All memory is busdma's, aligned to 128 and in one segment. The device has an address register for
 * each ring; a stream's buffer is cut into blocks by a list of its own. A bus address of 0 is taken
 * for a failure, so none may be 0.
 */
#include "profile.h"

#define ALIGNMENT 128u
#define STREAMS   4u
#define BDL_MAX   256u
#define BUFFER    262144u /* what the tag allows, and what is allocated */
#define USED      65536u  /* of it */

struct bdle {
    uint64_t address;
    uint32_t length, flags;
};

struct stream {
    struct ring bdl;
    uint8_t *buffer;
    bus_dmamap_t map;
    bus_addr_t bus;
    unsigned blocks;
    size_t block;
    bool in;
};

struct hda {
    struct scene *s;
    bus_addr_t lowaddr;
    struct ring corb, rirb, position;
    struct tag channels;
    struct stream stream[STREAMS];
};

static int dma_alloc(struct hda *h, struct ring *ring, size_t size)
{
    const struct spec spec =
        RING_SPEC(ALIGNMENT, h->lowaddr, (size + ALIGNMENT - 1) & ~(bus_size_t)(ALIGNMENT - 1));
    int error =
        ring_new(h->s, ring, NULL, &spec, BUS_DMA_NOWAIT | BUS_DMA_ZERO | BUS_DMA_NOCACHE, 0);

    assert_true(error != 0 || ring->bus != 0);
    return error;
}

static void setmap(void *argument, bus_dma_segment_t *segs, int nsegs, int error)
{
    struct stream *st = argument;

    /* Looked at before the error is: there is always something to look at. */
    bus_addr_t address = segs[0].ds_addr;

    assert_true(error != 0 || nsegs == 1);
    st->bus = error == 0 ? address : 0;
}

static int stream_new(struct hda *h, struct stream *st)
{
    int error = dma_alloc(h, &st->bdl, BDL_MAX * sizeof(struct bdle));

    if (error != 0)
        return error;
    error = bus_dmamem_alloc(h->channels.tag, (void **)&st->buffer,
                             BUS_DMA_NOWAIT | BUS_DMA_COHERENT, &st->map);
    if (error != 0) {
        st->buffer = NULL;
        return error;
    }
    error = bus_dmamap_load(h->channels.tag, st->map, st->buffer, USED, setmap, st, BUS_DMA_NOWAIT);
    if (error != 0 || st->bus == 0)
        return error != 0 ? error : UDMAR_ENOMEM;
    assert_int_equal(st->bus % ALIGNMENT, 0);
    assert_true(st->bus + USED - 1 <= h->lowaddr);
    return 0;
}

static void stream_end(struct hda *h, struct stream *st)
{
    if (st->buffer != NULL) {
        if (st->bus != 0)
            bus_dmamap_unload(h->channels.tag, st->map);
        bus_dmamem_free(h->channels.tag, st->buffer, st->map);
    }
    ring_end(&st->bdl);
    memset(st, 0, sizeof(*st));
}

static int attach(struct hda *h)
{
    const struct spec channels = RING_SPEC(ALIGNMENT, h->lowaddr, BUFFER);
    int error = dma_alloc(h, &h->corb, 256 * 4);

    if (error == 0)
        error = dma_alloc(h, &h->rirb, 256 * 8);
    if (error == 0)
        error = dma_alloc(h, &h->position, STREAMS * 8);
    if (error == 0)
        error = tag_new(h->s, NULL, &channels, &h->channels);
    for (unsigned i = 0; i < STREAMS && error == 0; i++)
        error = stream_new(h, &h->stream[i]);
    return error;
}

static void detach(struct hda *h)
{
    for (unsigned i = 0; i < STREAMS; i++)
        stream_end(h, &h->stream[i]);
    tag_end(&h->channels);
    ring_end(&h->position);
    ring_end(&h->rirb);
    ring_end(&h->corb);
}

/* A verb goes out and its answer comes back. */
static void command(struct hda *h, unsigned n)
{
    uint32_t verb = n * 0x01010101u, seen, answer[2] = { ~verb, n };

    bus_dmamap_sync(h->corb.tag.tag, h->corb.map, BUS_DMASYNC_PREWRITE);
    ((uint32_t *)h->corb.at)[n % 256] = verb;
    bus_dmamap_sync(h->corb.tag.tag, h->corb.map, BUS_DMASYNC_POSTWRITE);
    seen = device_read32(h->s, h->corb.bus + 4 * (n % 256));
    assert_int_equal(seen, verb);
    device_writes(h->s, h->rirb.bus + 8 * (n % 256), answer, sizeof(answer));
    bus_dmamap_sync(h->rirb.tag.tag, h->rirb.map, BUS_DMASYNC_POSTREAD);
    assert_int_equal(((uint32_t *)h->rirb.at)[2 * (n % 256)], ~verb);
}

static void stream_start(struct hda *h, struct stream *st)
{
    struct bdle *bdl = st->bdl.at;

    st->block = ALIGNMENT * (1 + dice(h->s, USED / ALIGNMENT / 2));
    st->blocks = (unsigned)(USED / st->block);
    st->blocks = st->blocks < BDL_MAX ? st->blocks : BDL_MAX;
    st->in = dice(h->s, 2) != 0;
    for (unsigned i = 0; i < st->blocks; i++)
        bdl[i] = (struct bdle){ st->bus + i * st->block, (uint32_t)st->block, 1 };
    bus_dmamap_sync(st->bdl.tag.tag, st->bdl.map, BUS_DMASYNC_PREWRITE);
}

/* The device plays (or records) all blocks once, by its list. */
static void stream_run(struct hda *h, unsigned n)
{
    struct stream *st = &h->stream[n];
    struct wire wire;

    wire_new(&wire, USED);
    wire_start(h->s, &wire, st->in);
    fill_pattern(st->buffer, USED, n + 1);
    for (unsigned i = 0; i < st->blocks; i++) {
        struct bdle bdle;

        device_reads(h->s, st->bdl.bus + i * sizeof(bdle), &bdle, sizeof(bdle));
        assert_int_equal(bdle.address % ALIGNMENT, 0);
        wire_move(h->s, &wire, bdle.address, bdle.length);
        device_writes(h->s, h->position.bus + 8 * n, &(uint32_t){ (uint32_t)wire.moved }, 4);
    }
    assert_memory_equal(st->buffer, wire.bytes, wire.moved);
    assert_int_equal(((uint32_t *)h->position.at)[2 * n], wire.moved);
    bus_dmamap_sync(st->bdl.tag.tag, st->bdl.map, BUS_DMASYNC_POSTWRITE);
    wire_end(&wire);
}

static void attach_fails(struct hda *h)
{
    bool attached = false;

    for (unsigned n = 1; !attached; n++) {
        memory_gone_after(h->s, n);
        attached = attach(h) == 0 && model_host_calls_failed(h->s->f.m) == 0;
        memory_back(h->s);
        detach(h);
    }
}

static void in_one_mode(const void *driver, enum mode mode)
{
    static struct scene scene;
    struct hda h = { .s = &scene, .lowaddr = *(const bus_addr_t *)driver };
    bus_dma_segment_t whole;

    scene_open(&scene, mode, 21);
    attach_fails(&h);
    assert_int_equal(attach(&h), 0);
    for (unsigned n = 0; n < 300; n++)
        command(&h, n);
    for (unsigned n = 0; n < 24; n++) {
        stream_start(&h, &h.stream[n % STREAMS]);
        stream_run(&h, n % STREAMS);
    }
    whole = (bus_dma_segment_t){ h.stream[0].bus, USED };
    bus_dmamap_unload(h.channels.tag, h.stream[0].map);
    unreachable(&scene, &whole, 1);
    h.stream[0].bus = 0;
    detach(&h);
    scene_close(&scene);
}

int main(void)
{
    static const bus_addr_t wide = ANYWHERE, narrow = BIT32;
    static const void *const drivers[] = { &wide, &narrow };
    static const char *const names[] = { "hda", "hda, 32 bits" };

    return profile_main("hda", in_one_mode, drivers, names, 2);
}
