/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xhci(4), xhci.c: xhci_init(), xhci_setup_generic_chain_sub(); usb_transfer.c.
 *
 * A TRB holds a 64-bit address and up to a page of bytes, taken page by page from the page cache;
 * its memory must not cross 64 KiB. Controllers without 64-bit addresses have a tag of 32.
 */
#include "usb.h"

#define CHAIN UINT32_C(0x10)
#define TRBS  (FRAMES * PC_PAGES)

struct trb {
    uint64_t address;
    uint32_t length, control;
};

static void program(struct xfer *x)
{
    struct page_cache *td = &x->usb->descriptors[x->index];
    struct trb *trb = td->buffer;
    size_t unused;
    unsigned n = 0;

    for (unsigned i = 0; i < x->frames; i++) {
        size_t offset = 0, length;

        do {
            bus_addr_t at = 0;

            length = 0;
            if (x->frame[i].length > 0)
                at = pc_page(&x->frame[i], offset, &length);
            if (length > x->frame[i].length - offset)
                length = x->frame[i].length - offset;
            assert_true(n < TRBS);
            trb[n++] = (struct trb){ at, (uint32_t)length, CHAIN };
            offset += length;
        } while (offset < x->frame[i].length);
    }
    trb[n - 1].control = 0;
    pc_flush(td);
    x->first = pc_page(td, 0, &unused);
}

static void run(struct xfer *x)
{
    struct scene *s = x->usb->s;
    bus_addr_t at = x->first;
    size_t left = x->expected;
    struct trb trb;

    do {
        size_t part;

        device_reads(s, at, &trb, sizeof(trb));
        part = trb.length < left ? trb.length : left;
        assert_true((trb.address & 0xffff) + trb.length <= 0x10000);
        wire_move(s, &x->wire, trb.address, part);
        left -= part;
        at += sizeof(trb);
    } while ((trb.control & CHAIN) != 0);
}

static const struct usb_driver wide = {
    .name = "xhci",
    .bits = 64,
    .frame = 65536,
    .descriptors = TRBS * sizeof(struct trb),
    .align = 16,
    .program = program,
    .run = run,
};

static const struct usb_driver narrow = {
    .name = "xhci, 32 bits",
    .bits = 32,
    .frame = 65536,
    .descriptors = TRBS * sizeof(struct trb),
    .align = 16,
    .program = program,
    .run = run,
};

USB_MAIN(&wide, &narrow)
