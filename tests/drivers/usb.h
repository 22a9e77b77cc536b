/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * USB host controllers: usb_busdma.c's page caches and the transfers that go through them.
 * usb_dma_tag_create(), usb_dma_tag_find(), usb_pc_alloc_mem(), usb_pc_load_mem(),
 * usb_pc_common_mem_cb(), usb_pc_cpu_invalidate(), usb_pc_cpu_flush(), usbd_get_page(),
 * usb_bdma_work_loop(), usb_bdma_pre_sync(), usb_bdma_post_sync().
 *
 * A page cache keeps one address for each page of a buffer: it takes for granted that segments are
 * cut at page borders and nowhere else, and that the offset in the page is the buffer's. What is
 * loaded stays loaded until the next load. A load that waits goes on in its callback.
 */
#ifndef UDMAR_TESTS_DRIVERS_USB_H
#define UDMAR_TESTS_DRIVERS_USB_H

#include "profile.h"

#define XFERS    4
#define FRAMES   4
#define USB_TAGS 16
#define MAX_LEN  65536u
#define PC_PAGES (MAX_LEN / 4096 + 2)

struct usb;

struct page_cache {
    struct tag *tag;
    bus_dmamap_t map;
    void *buffer;
    bus_addr_t page[PC_PAGES];
    size_t offset, length;
    bool multi, loaded, in;
    int nsegs;
    bus_dma_segment_t segs[PC_PAGES];
    struct xfer *xfer; /* whose callback goes on; null: memory of its own */
    int error;
};

enum xfer_state { XFER_FREE, XFER_LOADING, XFER_RUNNING, XFER_DONE };

struct xfer {
    struct usb *usb;
    unsigned index;
    enum xfer_state state;
    bool in;
    unsigned frames, current;
    struct page_cache frame[FRAMES];
    struct payload payload[FRAMES];
    struct area area;
    struct wire wire;
    size_t total, expected;
    int error;
    bus_addr_t first; /* of its descriptors */
};

struct usb_driver {
    const char *name;
    unsigned bits;      /* that addresses have */
    size_t frame;       /* the largest frame */
    size_t descriptors; /* bytes of descriptors for a transfer */
    size_t align;       /* of them */
    /* Builds the descriptors from the page caches. */
    void (*program)(struct xfer *x);
    /* The controller works them off. */
    void (*run)(struct xfer *x);
    /* After the transfer, before its data is looked at. Null: nothing. */
    void (*after)(struct xfer *x);
};

struct usb {
    struct scene *s;
    const struct usb_driver *driver;
    struct {
        struct tag tag;
        size_t size, align;
    } tags[USB_TAGS];
    struct xfer xfer[XFERS];
    struct page_cache descriptors[XFERS];
    struct page_cache fixup[XFERS]; /* memory beside the transfer's own, see uhci */
};

/* Where a byte of the cache is for the device, and how many follow it there. */
bus_addr_t pc_page(const struct page_cache *pc, size_t offset, size_t *out_length);
void pc_invalidate(struct page_cache *pc);
void pc_flush(struct page_cache *pc);

int usb_main(const struct usb_driver *const *drivers, unsigned count);
#define USB_MAIN(...)                                                      \
    int main(void)                                                         \
    {                                                                      \
        static const struct usb_driver *const drivers[] = { __VA_ARGS__ }; \
                                                                           \
        return usb_main(drivers, sizeof(drivers) / sizeof(drivers[0]));    \
    }

#endif
