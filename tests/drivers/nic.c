/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>

#include "nic.h"

static const struct nic_driver *under_test;
static struct scene scene;
static struct nic nic;

/* ---- Packets --------------------------------------------------------------------------------- */

/* A packet's area: mbufs and clusters, then clusters for a copy of all of it. */
#define CLUSTER_SPACE (TX_MAX / 2048 + 70)
#define COPY_AT       (CLUSTER_SPACE * 2048u)

static void chain_of(struct packet *p)
{
    memset(p->chain, 0, sizeof(p->chain));
    for (unsigned i = 0; i < p->payload.count; i++) {
        p->chain[i].m_next = i + 1 < p->payload.count ? &p->chain[i + 1] : NULL;
        p->chain[i].m_data = (char *)p->payload.chunk[i].at;
        p->chain[i].m_len = (int)p->payload.chunk[i].length;
    }
    p->chain[0].m_pkthdr.len = (int)p->payload.length;
}

/* Header in a small mbuf, then pieces of clusters as sockets and splits leave them. */
static void packet_make(struct nic *n, struct packet *p, size_t length, unsigned pieces)
{
    static const unsigned headers[] = { 14, 34, 42, 54, 66, 90 };
    struct scene *s = n->s;
    size_t header = headers[dice(s, 6)], offset = 256 * (1 + dice(s, 6)) + 2 * dice(s, 20);
    unsigned at = 1;

    payload_clear(&p->payload, &p->area);
    header = header < length ? header : length;
    payload_add(&p->payload, offset, header);
    length -= header;
    for (; length > 0; at++, pieces -= pieces > 1) {
        size_t room = 2048 - (at % 3 == 0 ? dice(s, 64) : 0), part = length;
        size_t skip = 2048 - room;

        if (pieces > 1)
            part = 1 + dice(s, (uint32_t)(2 * length / pieces));
        part = part > room ? room : part > length ? length : part;
        payload_add(&p->payload, (at + 1) * 2048 + skip, part);
        length -= part;
        assert_true(at + 3 < CLUSTER_SPACE);
    }
    payload_fill(s, &p->payload);
    chain_of(p);
    wire_start(s, &p->wire, false);
    p->tso = n->tso.tag != NULL && p->payload.length > 9018;
}

/* An empty mbuf somewhere in the chain: they happen. */
static void packet_add_nothing(struct nic *n, struct packet *p)
{
    unsigned after = dice(n->s, p->payload.count);

    if (p->payload.count < TX_MBUFS - 1) {
        struct mbuf *empty = &p->chain[p->payload.count];

        empty->m_data = p->chain[after].m_data;
        empty->m_next = p->chain[after].m_next;
        p->chain[after].m_next = empty;
    }
}

static void packet_drop(struct packet *p)
{
    payload_drop(&p->payload);
    p->busy = false;
}

/* m_collapse() or m_defrag(): the same bytes in as few clusters as hold them. */
static void copy_together(struct nic *n, struct packet *p, size_t cluster)
{
    static uint8_t all[TX_MAX];
    size_t length = p->payload.length, at = 0;

    for (unsigned i = 0; i < p->payload.count; i++) {
        memcpy(all + at, p->payload.chunk[i].at, p->payload.chunk[i].length);
        at += p->payload.chunk[i].length;
    }
    payload_drop(&p->payload);
    for (at = 0; at < length; at += cluster) {
        size_t part = length - at < cluster ? length - at : cluster;

        payload_add(&p->payload, COPY_AT + at, part);
        memcpy(p->payload.chunk[p->payload.count - 1].at, all + at, part);
        memcpy(p->area.shadow + COPY_AT + at, all + at, part);
    }
    chain_of(p);
    n->collapsed++;
}

static struct tag *tag_of(struct nic *n, const struct packet *p)
{
    return p->tso ? &n->tso : &n->tx;
}

static bus_dmamap_t map_of(const struct packet *p)
{
    return p->tso ? p->tso_map : p->map;
}

static int load(struct nic *n, struct packet *p)
{
    memset(p->segs, 0, sizeof(p->segs));
    return bus_dmamap_load_mbuf_sg(tag_of(n, p)->tag, map_of(p), p->chain, p->segs, &p->nsegs,
                                   BUS_DMA_NOWAIT);
}

/* EFBIG: the chain is copied together and loaded again. */
static int load_again(struct nic *n, struct packet *p)
{
    size_t clusters = (p->payload.length + MCLBYTES - 1) / MCLBYTES;
    int error = UDMAR_EFBIG;

    assert_int_equal(p->nsegs, 0);
    if (clusters <= (size_t)tag_of(n, p)->limits.nsegments) {
        copy_together(n, p, MCLBYTES);
        error = load(n, p);
    }
    if (error == UDMAR_EFBIG && n->driver->defrags) {
        copy_together(n, p, MJUMPAGE);
        error = load(n, p);
    }
    return error;
}

#define NO_ROOM 55 /* ENOBUFS */

/* The encap routines: 0, or an error; the packet is dropped unless that is ENOMEM or NO_ROOM. */
static int encap(struct nic *n, struct packet *p)
{
    int error = load(n, p);

    if (error == UDMAR_EFBIG)
        error = load_again(n, p);
    if (error != 0) {
        if (error != UDMAR_ENOMEM) {
            n->dropped++;
            packet_drop(p);
        }
        return error;
    }
    segments_obey(n->s, &tag_of(n, p)->limits, p->segs, p->nsegs, p->payload.length);
    if (n->used + (unsigned)p->nsegs + 4 >= n->driver->ring) {
        bus_dmamap_unload(tag_of(n, p)->tag, map_of(p));
        return NO_ROOM;
    }
    p->first = n->tx_ring.tail;
    p->count = n->driver->put_tx(n, p);
    n->used += p->count;
    p->order = n->packets++;
    bus_dmamap_sync(tag_of(n, p)->tag, map_of(p), BUS_DMASYNC_PREWRITE);
    bus_dmamap_sync(n->tx_ring.memory.tag.tag, n->tx_ring.memory.map,
                    BUS_DMASYNC_PREREAD | BUS_DMASYNC_PREWRITE);
    p->busy = true;
    return 0;
}

/* The device sends it, and the interrupt gives it back. */
static void transmit(struct nic *n, struct packet *p)
{
    device_trespasses(n->s, p->segs, p->nsegs, false);
    n->driver->send(n, p);
    assert_int_equal(p->wire.moved, p->payload.length);
    bus_dmamap_sync(n->tx_ring.memory.tag.tag, n->tx_ring.memory.map,
                    BUS_DMASYNC_POSTREAD | BUS_DMASYNC_POSTWRITE);
    bus_dmamap_sync(tag_of(n, p)->tag, map_of(p), BUS_DMASYNC_POSTWRITE);
    bus_dmamap_unload(tag_of(n, p)->tag, map_of(p));
    unreachable(n->s, p->segs, p->nsegs);
    payload_equals(&p->payload, p->wire.bytes, p->payload.length);
    area_check(&p->area);
    n->used -= p->count;
    packet_drop(p);
}

/* ---- Receiving ------------------------------------------------------------------------------- */

/* A cluster from the host, as m_getcl() or m_getjcl() gives it. */
static void cluster_get(struct nic *n, struct buffer *b)
{
    size_t size = n->driver->rx_size, offset = n->driver->rx_offset;
    unsigned i = 0;

    while (n->pool_busy[i])
        i++;
    n->pool_busy[i] = true;
    b->area = &n->pool[i];
    payload_clear(&b->payload, b->area);
    payload_add(&b->payload, (size <= 2048 ? 2048 * dice(n->s, 2) : 0) + offset, size - offset);
    payload_fill(n->s, &b->payload);
    b->mbuf.m_data = (char *)b->payload.chunk[0].at;
    b->mbuf.m_len = (int)b->payload.length;
    b->mbuf.m_pkthdr.len = b->mbuf.m_len;
}

static void cluster_free(struct nic *n, struct buffer *b)
{
    area_check(b->area);
    payload_drop(&b->payload);
    n->pool_busy[b->area - n->pool] = false;
    b->filled = false;
}

/* re_newbuf() and its like: the spare map first, then the old one is given up. */
static int new_buffer(struct nic *n, unsigned index)
{
    struct buffer *b = &n->buffer[index], fresh = { 0 };
    bus_dmamap_t map;
    int error;

    cluster_get(n, &fresh);
    error = bus_dmamap_load_mbuf_sg(n->rx.tag, n->rx_spare, &fresh.mbuf, fresh.segs, &fresh.nsegs,
                                    BUS_DMA_NOWAIT);
    if (error != 0) {
        assert_int_equal(error, UDMAR_ENOMEM);
        cluster_free(n, &fresh);
        return error;
    }
    assert_true(fresh.nsegs <= RX_SEGS);
    segments_obey(n->s, &n->rx.limits, fresh.segs, fresh.nsegs, fresh.payload.length);
    if (b->filled) {
        bus_dmamap_sync(n->rx.tag, n->rx_map[index], BUS_DMASYNC_POSTREAD);
        bus_dmamap_unload(n->rx.tag, n->rx_map[index]);
        unreachable(n->s, b->segs, b->nsegs);
    }
    map = n->rx_map[index];
    n->rx_map[index] = n->rx_spare;
    n->rx_spare = map;
    /* The old buffer is the stack's now; the caller has a copy of it. */
    fresh.filled = true;
    *b = fresh;
    bus_dmamap_sync(n->rx.tag, n->rx_map[index], BUS_DMASYNC_PREREAD);
    n->driver->put_rx(n, index);
    bus_dmamap_sync(n->rx_ring.memory.tag.tag, n->rx_ring.memory.map,
                    BUS_DMASYNC_PREREAD | BUS_DMASYNC_PREWRITE);
    return 0;
}

static void filled_cb(void *argument, bus_dma_segment_t *segs, int nsegs, int error)
{
    struct buffer *b = argument;

    b->nsegs = error != 0 ? 0 : nsegs;
    if (error == 0)
        memcpy(b->segs, segs, (size_t)nsegs * sizeof(*segs));
}

/* _iflib_fl_refill() */
static int refill(struct nic *n, unsigned index)
{
    struct buffer *b = &n->buffer[index];
    int error;

    cluster_get(n, b);
    error = bus_dmamap_load(n->rx.tag, n->rx_map[index], b->payload.chunk[0].at, b->payload.length,
                            filled_cb, b, BUS_DMA_NOWAIT);
    if (error != 0 || b->nsegs == 0) {
        assert_int_equal(error, UDMAR_ENOMEM);
        assert_int_equal(b->nsegs, 0);
        cluster_free(n, b);
        return error;
    }
    b->filled = true;
    segments_obey(n->s, &n->rx.limits, b->segs, b->nsegs, b->payload.length);
    bus_dmamap_sync(n->rx.tag, n->rx_map[index], BUS_DMASYNC_PREREAD);
    n->driver->put_rx(n, index);
    bus_dmamap_sync(n->rx_ring.memory.tag.tag, n->rx_ring.memory.map,
                    BUS_DMASYNC_PREREAD | BUS_DMASYNC_PREWRITE);
    return 0;
}

/* rxd_frag_to_sd(), and the place is filled again. */
static int take_and_refill(struct nic *n, unsigned index, const struct wire *wire)
{
    struct buffer *b = &n->buffer[index];

    bus_dmamap_sync(n->rx.tag, n->rx_map[index], BUS_DMASYNC_POSTREAD);
    bus_dmamap_unload(n->rx.tag, n->rx_map[index]);
    unreachable(n->s, b->segs, b->nsegs);
    payload_received(&b->payload, wire->bytes, wire->moved);
    cluster_free(n, b);
    return refill(n, index);
}

/* The new buffer comes first: without one the old one stays and the frame is lost. */
static int replace(struct nic *n, unsigned index, const struct wire *wire)
{
    struct buffer old = n->buffer[index];
    int error = new_buffer(n, index);

    if (error == 0) {
        payload_received(&old.payload, wire->bytes, wire->moved);
        cluster_free(n, &old);
    } else {
        n->driver->put_rx(n, index); /* msk_discard_rxbuf() */
    }
    return error;
}

/* A frame arrives. */
static int receive(struct nic *n, unsigned index)
{
    struct buffer *b = &n->buffer[index];
    struct wire wire;
    size_t length;
    int error;

    if (!b->filled)
        return refill(n, index);
    length = 60 + dice(n->s, (uint32_t)b->payload.length - 59);
    wire_new(&wire, b->payload.length);
    wire_start(n->s, &wire, true);
    device_trespasses(n->s, b->segs, b->nsegs, true);
    n->driver->receive(n, index, &wire, length);
    assert_int_equal(wire.moved, length);
    bus_dmamap_sync(n->rx_ring.memory.tag.tag, n->rx_ring.memory.map,
                    BUS_DMASYNC_POSTREAD | BUS_DMASYNC_POSTWRITE);
    error = n->driver->refills ? take_and_refill(n, index, &wire) : replace(n, index, &wire);
    wire_end(&wire);
    return error;
}

static int fill_rx(struct nic *n)
{
    int error = 0;

    for (unsigned i = 0; i < RX_SLOTS && error == 0; i++)
        error = n->driver->refills ? refill(n, i) : new_buffer(n, i);
    return error;
}

static void empty_rx(struct nic *n)
{
    for (unsigned i = 0; i < RX_SLOTS; i++) {
        struct buffer *b = &n->buffer[i];

        if (!b->filled)
            continue;
        bus_dmamap_sync(n->rx.tag, n->rx_map[i], BUS_DMASYNC_POSTREAD);
        bus_dmamap_unload(n->rx.tag, n->rx_map[i]);
        payload_received(&b->payload, b->payload.chunk[0].at, 0);
        cluster_free(n, b);
    }
}

/* ---- For drivers ----------------------------------------------------------------------------- */

static int map_new(struct tag *tag, int flags, bus_dmamap_t *out)
{
    int error = bus_dmamap_create(tag->tag, flags, out);

    if (error != 0)
        *out = NULL;
    return error;
}

static void map_end(struct tag *tag, bus_dmamap_t *map)
{
    if (*map != NULL)
        assert_int_equal(bus_dmamap_destroy(tag->tag, *map), 0);
    *map = NULL;
}

int nic_maps_new(struct nic *n, int flags)
{
    int error = 0;

    for (unsigned i = 0; i < TX_SLOTS && error == 0; i++) {
        error = map_new(&n->tx, flags, &n->packet[i].map);
        if (error == 0 && n->tso.tag != NULL)
            error = map_new(&n->tso, flags, &n->packet[i].tso_map);
    }
    for (unsigned i = 0; i <= RX_SLOTS && error == 0; i++) {
        if (i < RX_SLOTS)
            error = map_new(&n->rx, flags, &n->rx_map[i]);
        else if (!n->driver->refills)
            error = map_new(&n->rx, flags, &n->rx_spare);
    }
    return error;
}

void nic_maps_end(struct nic *n)
{
    for (unsigned i = 0; i < TX_SLOTS; i++) {
        map_end(&n->tx, &n->packet[i].map);
        map_end(&n->tso, &n->packet[i].tso_map);
    }
    for (unsigned i = 0; i < RX_SLOTS; i++)
        map_end(&n->rx, &n->rx_map[i]);
    map_end(&n->rx, &n->rx_spare);
}

void *nic_desc(struct nic_ring *ring, unsigned index, size_t size)
{
    return (uint8_t *)ring->memory.at + index * size;
}

bus_addr_t nic_desc_bus(const struct nic_ring *ring, unsigned index, size_t size)
{
    return ring->memory.bus + index * size;
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static void open_nic(void)
{
    memset(&nic, 0, sizeof(nic));
    nic.s = &scene;
    nic.driver = under_test;
    nic.softc = calloc(1, under_test->softc);
    assert_non_null(nic.softc);
}

static void close_nic(void)
{
    under_test->detach(&nic);
    free(nic.softc);
}

static void up(void)
{
    static const unsigned places[] = { MODEL_SCATTERED | MODEL_HIGH, MODEL_SCATTERED | MODEL_LOW,
                                       MODEL_CONTIGUOUS | MODEL_HIGH, MODEL_SCATTERED };

    open_nic();
    for (unsigned i = 0; i < TX_SLOTS; i++) {
        nic.packet[i].slot = i;
        area_new(&scene, &nic.packet[i].area, COPY_AT + CLUSTERS * MCLBYTES + PAGE, places[i % 4]);
        wire_new(&nic.packet[i].wire, TX_MAX);
    }
    for (unsigned i = 0; i <= RX_SLOTS; i++)
        area_new(&scene, &nic.pool[i], under_test->rx_size + PAGE,
                 under_test->rx_size > PAGE ? MODEL_CONTIGUOUS
                 : i % 2                    ? MODEL_HIGH
                                            : MODEL_LOW);
    assert_int_equal(under_test->attach(&nic), 0);
    assert_int_equal(fill_rx(&nic), 0);
}

static struct packet *idle(void)
{
    unsigned first = dice(&scene, TX_SLOTS);

    for (unsigned i = 0; i < TX_SLOTS; i++) {
        if (!nic.packet[(first + i) % TX_SLOTS].busy)
            return &nic.packet[(first + i) % TX_SLOTS];
    }
    return NULL;
}

static struct packet *oldest(void)
{
    struct packet *p = NULL;

    for (unsigned i = 0; i < TX_SLOTS; i++) {
        if (nic.packet[i].busy && (p == NULL || nic.packet[i].order < p->order))
            p = &nic.packet[i];
    }
    return p;
}

/* Everything that the card has goes out. */
static void flush(void)
{
    struct packet *p;

    while ((p = oldest()) != NULL)
        transmit(&nic, p);
}

static void down(void)
{
    flush();
    for (unsigned i = 0; i < TX_SLOTS; i++) {
        area_end(&scene, &nic.packet[i].area);
        wire_end(&nic.packet[i].wire);
    }
    empty_rx(&nic);
    for (unsigned i = 0; i <= RX_SLOTS; i++)
        area_end(&scene, &nic.pool[i]);
    close_nic();
}

static size_t any_size(void)
{
    static const size_t sizes[] = { 42, 60, 61, 64, 590, 1500, 1514, 1518, 4096, 9018, 30000 };
    size_t size = dice(&scene, 5) == 0 ? under_test->tx_max : sizes[dice(&scene, 11)];

    return size < under_test->tx_max ? size : under_test->tx_max;
}

static void traffic(void)
{
    for (unsigned k = 0; k < 120; k++) {
        struct packet *p = idle();
        int error;

        if (dice(&scene, 3) == 0)
            assert_int_equal(receive(&nic, dice(&scene, RX_SLOTS)), 0);
        if (p == NULL || dice(&scene, 3) == 0) {
            if ((p = oldest()) != NULL)
                transmit(&nic, p);
            continue;
        }
        packet_make(&nic, p, any_size(), 1 + dice(&scene, 8));
        if (dice(&scene, 4) == 0)
            packet_add_nothing(&nic, p);
        error = encap(&nic, p);
        if (error == NO_ROOM) {
            packet_drop(p);
            transmit(&nic, oldest());
        } else {
            assert_int_equal(error, 0);
        }
    }
    assert_int_equal(nic.dropped, 0);
    flush();
}

/* Chains of more pieces than the card takes: copied together, and then they go. */
static void too_many_pieces(void)
{
    unsigned most = (unsigned)(TX_MBUFS - 8);

    for (unsigned k = 0; k < 6; k++) {
        struct packet *p = &nic.packet[k % 2]; /* scattered ones */

        packet_make(&nic, p, 9000 < under_test->tx_max ? 9000 : under_test->tx_max, most);
        assert_int_equal(encap(&nic, p), 0);
        transmit(&nic, p);
    }
    if ((unsigned)nic.tx.limits.nsegments < most / 2)
        assert_true(nic.collapsed > 0);
    assert_int_equal(nic.dropped, 0);
}

/* No packet is no segment; a chain longer than the tag's maxsize is dropped. */
static void nothing_to_send(void)
{
    struct packet *p = &nic.packet[0];
    int error;

    packet_make(&nic, p, 60, 1);
    p->chain[0].m_len = 0;
    p->chain[0].m_next = NULL;
    p->chain[0].m_pkthdr.len = 0;
    error = load(&nic, p);
    /* FreeBSD: no segments, which the drivers take for an error (nsegs == 0: EIO). */
    assert_true(error != 0 || p->nsegs == 0);
    if (error == 0)
        bus_dmamap_unload(nic.tx.tag, p->map);
    packet_drop(p);
    packet_make(&nic, p, 1514, 3);
    assert_int_equal(encap(&nic, p), 0);
    transmit(&nic, p);
}

/* No bounce pages: packets stay in the queue (ENOMEM), clusters stay in the ring. */
static void no_bounce_pages(void)
{
    unsigned failed = 0;
    struct hog hog;

    hog_new(&scene, &hog, &nic.tx.limits);
    hog_takes(&scene, &hog, &nic.tx.limits);
    pages_gone(&scene);
    for (unsigned k = 0; k < 60; k++) {
        struct packet *p = idle();
        int error;

        failed += receive(&nic, dice(&scene, RX_SLOTS)) != 0;
        if (p == NULL) {
            transmit(&nic, oldest());
            continue;
        }
        packet_make(&nic, p, any_size(), 1 + dice(&scene, 8));
        error = encap(&nic, p);
        if (error == NO_ROOM) {
            packet_drop(p);
            transmit(&nic, oldest());
        } else if (error != 0) {
            assert_int_equal(error, UDMAR_ENOMEM);
            packet_drop(p);
            failed++;
        }
        if (k % 16 == 15)
            (void)hog_gives(&scene, &hog);
    }
    memory_back(&scene);
    flush();
    hog_end(&scene, &hog);
    if (scene.mode == SUBPAGE)
        assert_true(failed > 0);
    for (unsigned i = 0; i < RX_SLOTS; i++)
        assert_int_equal(receive(&nic, i), 0); /* or it is filled again */
}

static void attach_fails(void)
{
    bool attached = false;

    for (unsigned n = 1; !attached; n = n < 40 ? n + 1 : n + n / 8) {
        open_nic();
        memory_gone_after(&scene, n);
        attached = under_test->attach(&nic) == 0 && model_host_calls_failed(scene.f.m) == 0;
        memory_back(&scene);
        close_nic();
    }
}

static void no_memory(void)
{
    for (unsigned k = 0; k < 40; k++) {
        struct packet *p = &nic.packet[k % TX_SLOTS];
        int error;

        packet_make(&nic, p, any_size(), 1 + dice(&scene, 8));
        memory_gone_after(&scene, 1 + k % 4);
        error = encap(&nic, p);
        memory_back(&scene);
        if (error == UDMAR_ENOMEM)
            packet_drop(p);
        else
            assert_int_equal(error, 0);
        if (error == 0)
            transmit(&nic, p);
    }
}

/* All of it in one mode, on one machine. */
static void in_one_mode(const void *driver, enum mode mode)
{
    under_test = driver;
    scene_open(&scene, mode, 7);
    attach_fails();
    up();
    traffic();
    too_many_pieces();
    nothing_to_send();
    no_memory();
    no_bounce_pages();
    traffic();
    down();
    scene_close(&scene);
}

int nic_main(const struct nic_driver *const *drivers, unsigned count)
{
    const char *names[8];

    for (unsigned i = 0; i < count; i++)
        names[i] = drivers[i]->name;
    return profile_main(drivers[0]->name, in_one_mode, (const void *const *)drivers, names, count);
}
