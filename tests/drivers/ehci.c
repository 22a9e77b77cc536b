/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ehci(4), ehci_pci.c: ehci_pci_attach(); ehci.c: ehci_setup_standard_chain_sub().
 *
 * A qTD holds five 32-bit page pointers; the first has the offset in its page, the others are whole
 * pages in which the data goes on. Up to 16 KiB go into one qTD.
 */
#include "usb.h"

#define PAYLOAD (4u * 4096)
#define QTDS    (FRAMES * (MAX_LEN / PAYLOAD + 1))
#define END     1u

struct qtd {
    uint32_t next, alternate, token;
    uint32_t buffer[5], high[5];
    uint32_t pad[3];
};

/* One qTD with @length bytes of a frame. */
static void fill(struct qtd *qtd, const struct page_cache *pc, size_t offset, size_t length)
{
    unsigned n = 1;
    size_t unused;

    memset(qtd, 0, sizeof(*qtd));
    qtd->token = (uint32_t)length << 16;
    if (length == 0)
        return;
    qtd->buffer[0] = (uint32_t)pc_page(pc, offset, &unused);
    for (; length > PAGE; n++) {
        length -= PAGE;
        offset += PAGE;
        qtd->buffer[n] = (uint32_t)pc_page(pc, offset, &unused) & ~UINT32_C(0xfff);
    }
    /* The page of the last byte, which may be the one before. */
    qtd->buffer[n] = (uint32_t)pc_page(pc, offset + length - 1, &unused) & ~UINT32_C(0xfff);
}

static void program(struct xfer *x)
{
    struct page_cache *td = &x->usb->descriptors[x->index];
    struct qtd *qtd = td->buffer;
    size_t unused;
    bus_addr_t bus = pc_page(td, 0, &unused);
    unsigned n = 0;

    for (unsigned i = 0; i < x->frames; i++) {
        size_t offset = 0;

        do {
            size_t part = x->frame[i].length - offset;

            part = part < PAYLOAD ? part : PAYLOAD;
            assert_true(n < QTDS);
            fill(&qtd[n], &x->frame[i], offset, part);
            qtd[n].next = (uint32_t)(bus + (n + 1) * sizeof(*qtd));
            n++;
            offset += part;
        } while (offset < x->frame[i].length);
    }
    qtd[n - 1].next = END;
    pc_flush(td);
    x->first = bus;
}

static void run(struct xfer *x)
{
    struct scene *s = x->usb->s;
    size_t left = x->expected;
    struct qtd qtd = { .next = (uint32_t)x->first };

    assert_true(x->first <= BIT32 && x->first % 32 == 0);
    while ((qtd.next & END) == 0) {
        size_t bytes, at;

        device_reads(s, qtd.next, &qtd, sizeof(qtd));
        bytes = qtd.token >> 16;
        at = qtd.buffer[0] & 0xfff;
        bytes = bytes < left ? bytes : left;
        left -= bytes;
        for (unsigned n = 0; bytes > 0; n++, at = 0) {
            size_t part = 4096 - at < bytes ? 4096 - at : bytes;

            assert_true(n < 5);
            wire_move(s, &x->wire, (qtd.buffer[n] & ~UINT32_C(0xfff)) + at, part);
            bytes -= part;
        }
    }
}

static const struct usb_driver ehci = {
    .name = "ehci",
    .bits = 32,
    .frame = 65536,
    .descriptors = QTDS * sizeof(struct qtd),
    .align = 32,
    .program = program,
    .run = run,
};

USB_MAIN(&ehci)
