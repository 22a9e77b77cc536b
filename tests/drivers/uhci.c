/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uhci(4), uhci_pci.c: uhci_pci_attach(); uhci.c: uhci_setup_standard_chain_sub(),
 * uhci_mem_layout_fixup().
 *
 * A TD holds one packet of up to 64 bytes at a 32-bit address. A packet that crosses a page border
 * is copied to a place beside the transfer, and back after it.
 */
#include "usb.h"

#define PACKET 64u
#define TDS    (FRAMES * (8192u / PACKET + 1))
#define END    1u

struct td {
    uint32_t next, status, length, buffer;
};

static void put(struct xfer *x, unsigned n, struct page_cache *pc, size_t offset, size_t length,
                size_t *fixed)
{
    struct page_cache *fix = &x->usb->fixup[x->index];
    struct td *td = (struct td *)x->usb->descriptors[x->index].buffer + n;
    size_t room = SIZE_MAX;

    td->length = (uint32_t)length;
    td->status = 0;
    td->buffer = length > 0 ? (uint32_t)pc_page(pc, offset, &room) : 0;
    if (room >= length)
        return;
    td->buffer = (uint32_t)pc_page(fix, *fixed, &room);
    td->status = 1; /* software's: this one is to be copied */
    if (!x->in)
        memcpy((uint8_t *)fix->buffer + *fixed, (uint8_t *)pc->buffer + offset, length);
    *fixed += PACKET;
    assert_true(*fixed <= PAGE);
}

static void program(struct xfer *x)
{
    struct page_cache *tds = &x->usb->descriptors[x->index];
    struct td *td = tds->buffer;
    size_t unused, fixed = 0;
    bus_addr_t bus = pc_page(tds, 0, &unused);
    unsigned n = 0;

    for (unsigned i = 0; i < x->frames; i++) {
        size_t offset = 0;

        do {
            size_t part = x->frame[i].length - offset;

            part = part < PACKET ? part : PACKET;
            assert_true(n < TDS);
            put(x, n, &x->frame[i], offset, part, &fixed);
            td[n].next = (uint32_t)(bus + (n + 1) * sizeof(*td));
            n++;
            offset += part;
        } while (offset < x->frame[i].length);
    }
    td[n - 1].next |= END;
    if (x->in)
        pc_invalidate(&x->usb->fixup[x->index]);
    else
        pc_flush(&x->usb->fixup[x->index]);
    pc_flush(tds);
    x->first = bus;
}

static void run(struct xfer *x)
{
    struct scene *s = x->usb->s;
    bus_addr_t at = x->first;
    size_t left = x->expected;
    struct td td;

    assert_true(at <= BIT32 && at % 16 == 0);
    do {
        size_t part;

        device_reads(s, at, &td, sizeof(td));
        part = td.length < left ? td.length : left;
        assert_true(part == 0 || (td.buffer & 0xfff) + part <= 4096);
        wire_move(s, &x->wire, td.buffer, part);
        left -= part;
        at = td.next & ~UINT32_C(0xf);
    } while ((td.next & END) == 0);
}

/* Packets that were put aside come to their place. */
static void after(struct xfer *x)
{
    struct page_cache *fix = &x->usb->fixup[x->index];
    struct td *td = x->usb->descriptors[x->index].buffer;
    size_t fixed = 0;

    if (!x->in)
        return;
    pc_invalidate(fix);
    for (unsigned i = 0; i < x->frames; i++) {
        size_t offset = 0;

        do {
            if (td->status == 1) {
                memcpy((uint8_t *)x->frame[i].buffer + offset, (uint8_t *)fix->buffer + fixed,
                       td->length);
                fixed += PACKET;
            }
            offset += td->length;
            td++;
        } while (offset < x->frame[i].length);
    }
}

static const struct usb_driver uhci = {
    .name = "uhci",
    .bits = 32,
    .frame = 8192,
    .descriptors = TDS * sizeof(struct td),
    .align = 16,
    .program = program,
    .run = run,
    .after = after,
};

USB_MAIN(&uhci)
