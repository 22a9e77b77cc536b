/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snd_envy24(4), envy24.c: envy24_alloc_resource(), envy24_dmainit(), envy24_dmapsetmap(),
 * envy24_dmafree().
 *
 * The chip has 28 address bits, and the tag says so with lowaddr and highaddr both 0x0fffffff. What
 * is loaded is shorter than what was allocated. A failed start unloads and frees both buffers, also
 * those that were never allocated. The callbacks look at the first segment, error or not.
 */
#include "profile.h"

#define MAXADDR UINT64_C(0x0fffffff)
#define MAXSIZE 0x3fffcu
#define PLAY    (4u * 10 * 4096)
#define RECORD  (4u * 12 * 4096)

struct envy24 {
    struct scene *s;
    struct tag tag;
    uint8_t *play, *record;
    bus_dmamap_t play_map, record_map;
    uint32_t play_bus, record_bus; /* registers of the chip */
};

static void set(void *argument, bus_dma_segment_t *segs, int nsegs, int error)
{
    (void)nsegs;
    (void)error;
    assert_true(error != 0 || segs->ds_addr + segs->ds_len - 1 <= MAXADDR);
    *(uint32_t *)argument = (uint32_t)segs->ds_addr;
}

static void dmafree(struct envy24 *e)
{
    bus_dmamap_unload(e->tag.tag, e->record_map);
    bus_dmamap_unload(e->tag.tag, e->play_map);
    bus_dmamem_free(e->tag.tag, e->record, e->record_map);
    bus_dmamem_free(e->tag.tag, e->play, e->play_map);
    e->record = e->play = NULL;
    e->record_map = e->play_map = NULL;
}

static int attach(struct envy24 *e)
{
    const struct spec spec = { 4, 0, MAXADDR, MAXADDR, MAXSIZE, 1, 0x3ffff, 0, NULL };
    int error = tag_new(e->s, NULL, &spec, &e->tag);

    if (error != 0)
        return error;
    error = bus_dmamem_alloc(e->tag.tag, (void **)&e->play, BUS_DMA_NOWAIT, &e->play_map);
    if (error == 0)
        error = bus_dmamem_alloc(e->tag.tag, (void **)&e->record, BUS_DMA_NOWAIT, &e->record_map);
    if (error == 0)
        error = bus_dmamap_load(e->tag.tag, e->play_map, e->play, PLAY, set, &e->play_bus,
                                BUS_DMA_NOWAIT);
    if (error == 0)
        error = bus_dmamap_load(e->tag.tag, e->record_map, e->record, RECORD, set, &e->record_bus,
                                BUS_DMA_NOWAIT);
    if (error != 0)
        dmafree(e);
    return error;
}

static void detach(struct envy24 *e)
{
    if (e->play != NULL)
        dmafree(e);
    tag_end(&e->tag);
}

/* Whole buffers, in pieces as the chip fetches and stores them. */
static void run(struct envy24 *e)
{
    static uint8_t bytes[RECORD];

    fill_pattern(e->play, PLAY, 3);
    for (unsigned at = 0; at < PLAY; at += 160)
        device_reads(e->s, e->play_bus + at, bytes + at, 160);
    assert_memory_equal(bytes, e->play, PLAY);
    fill_pattern(bytes, RECORD, 4);
    for (unsigned at = 0; at < RECORD; at += 192)
        device_writes(e->s, e->record_bus + at, bytes + at, 192);
    assert_memory_equal(bytes, e->record, RECORD);
}

static void attach_fails(struct envy24 *e)
{
    bool attached = false;

    for (unsigned n = 1; !attached; n++) {
        memory_gone_after(e->s, n);
        attached = attach(e) == 0 && model_host_calls_failed(e->s->f.m) == 0;
        memory_back(e->s);
        detach(e);
    }
}

static void in_one_mode(const void *driver, enum mode mode)
{
    static struct scene scene;
    struct envy24 e = { .s = &scene };
    struct crowd crowd;

    (void)driver;
    scene_open(&scene, mode, 23);
    attach_fails(&e);
    if (translated(&scene)) {
        /* No address that 28 bits reach is left. */
        crowd_new(&scene, &crowd, MAXADDR, 65536);
        assert_int_equal(attach(&e), UDMAR_ENOMEM);
        detach(&e);
        crowd_end(&scene, &crowd);
    }
    assert_int_equal(attach(&e), 0);
    run(&e);
    detach(&e);
    /* It has freed what it never had: counted as a mistake, and nothing else. */
    scene.frees_nothing = true;
    scene_close(&scene);
}

int main(void)
{
    static const void *const drivers[] = { "" };
    static const char *const names[] = { "envy24" };

    return profile_main("envy24", in_one_mode, drivers, names, 1);
}
