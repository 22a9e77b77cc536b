/* SPDX-License-Identifier: BSD-2-Clause */
/* What the test and the driver in FreeBSD's style share. */
#ifndef UDMAR_TESTS_FREEBSD_DRIVER_H
#define UDMAR_TESTS_FREEBSD_DRIVER_H

#include <udmar/bus_dma.h>
#include <udmar/foreign.h>

typedef unsigned int u_int;

/* The device: it copies between bus addresses and a buffer of its own. */
typedef struct toy_device *device_t;
struct toy_device {
    bus_dma_tag_t dma_tag;
    void *context;
    bool (*dma)(void *context, bus_addr_t address, void *data, size_t length, bool write);
};
bus_dma_tag_t bus_get_dma_tag(device_t dev);

#define TOY_MAXSIZE  (64 * 1024)
#define TOY_SEGMENTS 32

struct toy_softc;

int toy_attach(device_t dev, struct toy_softc **out_sc);
int toy_detach(struct toy_softc *sc);
/* What to load: exactly one of these is not null. */
struct toy_request {
    void *buf;
    struct mbuf *mbuf;
    struct mbuf *mbuf_sg;
    struct uio *uio;
    struct bio *bio;
    struct memdesc *mem;
    struct vm_page **ma;
    bus_size_t length;
    int ma_offs;
};
/* Loads, has the device read all of it into @seen, unloads. Returns the errors of busdma. */
int toy_write(struct toy_softc *sc, const struct toy_request *request, void *seen);
/* The other way round. */
int toy_read(struct toy_softc *sc, const struct toy_request *request, const void *sent);
/* What the last load's callback was told. */
bus_size_t toy_mapsize(struct toy_softc *sc);
int toy_nsegs(struct toy_softc *sc);

#endif
