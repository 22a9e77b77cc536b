/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver as one would write it for FreeBSD, to see that it compiles and runs: every function,
 * type, constant and macro of <sys/bus_dma.h> that drivers use, in the ways in which they use them.
 */
#include <stdlib.h>
#include <string.h>

#include "freebsd_driver.h"

struct toy_ring_entry {
    uint64_t addr;
    uint32_t len;
    uint32_t flags;
};

struct toy_softc {
    device_t dev;
    struct mtx mtx;
    bus_dma_tag_t parent_tag;
    bus_dma_tag_t ring_tag;
    bus_dmamap_t ring_map;
    struct toy_ring_entry *ring;
    bus_addr_t ring_paddr;
    bus_dma_tag_t data_tag;
    bus_dmamap_t data_map;
    bus_dma_segment_t segs[TOY_SEGMENTS];
    int nsegs;
    int error;
    bus_size_t mapsize;
};

bus_dma_tag_t bus_get_dma_tag(device_t dev)
{
    return (dev->dma_tag);
}

static void toy_ring_cb(void *xsc, bus_dma_segment_t *segs, int nseg, int error)
{
    struct toy_softc *sc = xsc;

    if (error != 0)
        return;
    if (nseg != 1)
        abort();
    sc->ring_paddr = segs[0].ds_addr;
}

static void toy_data_cb(void *xsc, bus_dma_segment_t *segs, int nseg, int error)
{
    struct toy_softc *sc = xsc;

    sc->error = error;
    sc->nsegs = error != 0 ? 0 : nseg;
    for (int i = 0; i < sc->nsegs; i++)
        sc->segs[i] = segs[i];
}

static void toy_data_cb2(void *xsc, bus_dma_segment_t *segs, int nseg, bus_size_t mapsize,
                         int error)
{
    struct toy_softc *sc = xsc;

    sc->mapsize = mapsize;
    toy_data_cb(xsc, segs, nseg, error);
}

static int toy_alloc_ring(struct toy_softc *sc)
{
    bus_dma_template_t t;
    int error;

    bus_dma_template_init(&t, sc->parent_tag);
    BUS_DMA_TEMPLATE_FILL(&t, BD_ALIGNMENT(128), BD_BOUNDARY(0),
                          BD_LOWADDR(BUS_SPACE_MAXADDR_32BIT), BD_HIGHADDR(BUS_SPACE_MAXADDR),
                          BD_MAXSIZE(4096), BD_NSEGMENTS(1), BD_MAXSEGSIZE(4096),
                          BD_FLAGS(BUS_DMA_ALLOCNOW), BD_NAME("toy ring"));
    error = bus_dma_template_tag(&t, &sc->ring_tag);
    if (error != 0)
        return (error);
    error = bus_dmamem_alloc(sc->ring_tag, (void **)&sc->ring,
                             BUS_DMA_WAITOK | BUS_DMA_COHERENT | BUS_DMA_ZERO, &sc->ring_map);
    if (error != 0)
        return (error);
    return (bus_dmamap_load(sc->ring_tag, sc->ring_map, sc->ring, 4096, toy_ring_cb, sc,
                            BUS_DMA_NOWAIT));
}

static int toy_alloc_data(struct toy_softc *sc)
{
    bus_dma_template_t t, copy;
    bus_dma_tag_t twin;
    bus_dma_param_t kv[] = {
        BD_PARENT(sc->parent_tag),      BD_MAXSIZE(TOY_MAXSIZE),  BD_NSEGMENTS(TOY_SEGMENTS),
        BD_LOCKFUNC(busdma_lock_mutex), BD_LOCKFUNCARG(&sc->mtx),
    };
    int error;

    bus_dma_template_init(&t, NULL);
    bus_dma_template_fill(&t, kv, sizeof(kv) / sizeof(kv[0]));
    error = bus_dma_template_tag(&t, &sc->data_tag);
    if (error != 0)
        return (error);
    /* A second tag like the first, by the other way. */
    bus_dma_template_clone(&copy, sc->data_tag);
    error = bus_dma_tag_create(copy.parent, copy.alignment, copy.boundary, copy.lowaddr,
                               copy.highaddr, NULL, NULL, copy.maxsize, copy.nsegments,
                               copy.maxsegsize, copy.flags, copy.lockfunc, copy.lockfuncarg, &twin);
    if (error == 0)
        error = bus_dma_tag_destroy(twin);
    if (error == 0)
        error = bus_dma_tag_set_domain(sc->data_tag, 0);
    if (error != 0)
        return (error);
    return (bus_dmamap_create(sc->data_tag, 0, &sc->data_map));
}

int toy_attach(device_t dev, struct toy_softc **out_sc)
{
    struct toy_softc *sc = calloc(1, sizeof(*sc));
    int error;

    if (sc == NULL)
        return (UDMAR_ENOMEM);
    sc->dev = dev;
    error = bus_dma_tag_create(bus_get_dma_tag(dev), /* parent */
                               1, 0,                 /* alignment, boundary */
                               BUS_SPACE_MAXADDR,    /* lowaddr */
                               BUS_SPACE_MAXADDR,    /* highaddr */
                               NULL, NULL,           /* filter, filterarg */
                               BUS_SPACE_MAXSIZE_32BIT, BUS_SPACE_UNRESTRICTED,
                               BUS_SPACE_MAXSIZE_32BIT, 0, NULL, NULL, &sc->parent_tag);
    if (error == 0)
        error = toy_alloc_ring(sc);
    if (error == 0)
        error = toy_alloc_data(sc);
    if (error != 0) {
        (void)toy_detach(sc);
        return (error);
    }
    *out_sc = sc;
    return (0);
}

int toy_detach(struct toy_softc *sc)
{
    int error = 0;

    if (sc->data_map != NULL)
        error |= bus_dmamap_destroy(sc->data_tag, sc->data_map);
    if (sc->data_tag != NULL)
        error |= bus_dma_tag_destroy(sc->data_tag);
    if (sc->ring_paddr != 0)
        bus_dmamap_unload(sc->ring_tag, sc->ring_map);
    if (sc->ring != NULL)
        bus_dmamem_free(sc->ring_tag, sc->ring, sc->ring_map);
    if (sc->ring_tag != NULL)
        error |= bus_dma_tag_destroy(sc->ring_tag);
    if (sc->parent_tag != NULL)
        error |= bus_dma_tag_destroy(sc->parent_tag);
    free(sc);
    return (error);
}

static int toy_load(struct toy_softc *sc, const struct toy_request *r, int flags)
{
    int error;

    sc->error = 0;
    sc->nsegs = 0;
    sc->mapsize = 0;
    if (r->mbuf != NULL)
        error = bus_dmamap_load_mbuf(sc->data_tag, sc->data_map, r->mbuf, toy_data_cb2, sc, flags);
    else if (r->mbuf_sg != NULL)
        error = bus_dmamap_load_mbuf_sg(sc->data_tag, sc->data_map, r->mbuf_sg, sc->segs,
                                        &sc->nsegs, flags);
    else if (r->uio != NULL)
        error = bus_dmamap_load_uio(sc->data_tag, sc->data_map, r->uio, toy_data_cb2, sc, flags);
    else if (r->bio != NULL)
        error = bus_dmamap_load_bio(sc->data_tag, sc->data_map, r->bio, toy_data_cb, sc, flags);
    else if (r->mem != NULL)
        error = bus_dmamap_load_mem(sc->data_tag, sc->data_map, r->mem, toy_data_cb, sc, flags);
    else if (r->ma != NULL) {
        int last = -1;

        error = bus_dmamap_load_ma_triv(sc->data_tag, sc->data_map, r->ma, r->length, r->ma_offs,
                                        flags, sc->segs, &last);
        sc->nsegs = last + 1;
    } else
        error =
            bus_dmamap_load(sc->data_tag, sc->data_map, r->buf, r->length, toy_data_cb, sc, flags);
    return (error != 0 ? error : sc->error);
}

/* Through the ring, as a device would see it. */
static bool toy_run(struct toy_softc *sc, uint8_t *data, bool to_memory)
{
    struct toy_ring_entry seen;

    for (int i = 0; i < sc->nsegs; i++) {
        sc->ring[i].addr = sc->segs[i].ds_addr;
        sc->ring[i].len = (uint32_t)sc->segs[i].ds_len;
    }
    bus_dmamap_sync(sc->ring_tag, sc->ring_map, BUS_DMASYNC_PREREAD | BUS_DMASYNC_PREWRITE);
    for (int i = 0; i < sc->nsegs; i++) {
        if (!sc->dev->dma(sc->dev->context, sc->ring_paddr + (bus_addr_t)i * sizeof(seen), &seen,
                          sizeof(seen), false) ||
            !sc->dev->dma(sc->dev->context, seen.addr, data, seen.len, to_memory))
            return (false);
        data += seen.len;
    }
    bus_dmamap_sync(sc->ring_tag, sc->ring_map, BUS_DMASYNC_POSTREAD | BUS_DMASYNC_POSTWRITE);
    return (true);
}

int toy_write(struct toy_softc *sc, const struct toy_request *request, void *seen)
{
    int error = toy_load(sc, request, BUS_DMA_NOWAIT | BUS_DMA_NOWRITE);

    if (error != 0)
        return (error);
    bus_dmamap_sync(sc->data_tag, sc->data_map, BUS_DMASYNC_PREWRITE);
    if (!toy_run(sc, seen, false))
        error = -1;
    bus_dmamap_sync(sc->data_tag, sc->data_map, BUS_DMASYNC_POSTWRITE);
    bus_dmamap_unload(sc->data_tag, sc->data_map);
    return (error);
}

int toy_read(struct toy_softc *sc, const struct toy_request *request, const void *sent)
{
    int error = toy_load(sc, request, BUS_DMA_WAITOK);

    if (error != 0)
        return (error);
    bus_dmamap_sync(sc->data_tag, sc->data_map, BUS_DMASYNC_PREREAD);
    if (!toy_run(sc, (uint8_t *)(uintptr_t)sent, true))
        error = -1;
    bus_dmamap_sync(sc->data_tag, sc->data_map, BUS_DMASYNC_POSTREAD);
    bus_dmamap_unload(sc->data_tag, sc->data_map);
    return (error);
}

bus_size_t toy_mapsize(struct toy_softc *sc)
{
    return (sc->mapsize);
}

int toy_nsegs(struct toy_softc *sc)
{
    return (sc->nsegs);
}
