/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Intel gigabit Ethernet: 82540EM (QEMU's e1000) and 82574L (e1000e).
 *
 * Receive slots keep their maps for ever and their buffers until one is handed out. Short frames
 * are copied and the loaded buffer is used again; long ones leave with their buffer, which is
 * unloaded, so that the device cannot change what is being looked at, and a fresh one is loaded.
 * Transmit loads the caller's memory for each frame.
 *
 * The interrupt handler only takes a note; busdma is called from threads alone. Threads only, one
 * at a time for each device.
 */
#ifndef DRIVERS_EM_H
#define DRIVERS_EM_H

#include "pci.h"
#include "support.h"

enum {
    EM_MAC_SIZE = 6,
    EM_FRAME_MIN = 14,  /* the header; the device pads to 60 */
    EM_FRAME_MAX = 1514 /* without the checksum that the device adds */
};

struct em;

struct em_statistics {
    uint64_t sent, sent_bytes, sent_segments;
    uint64_t received, received_bytes;
    uint64_t kept;     /* received, copied, and the buffer left loaded */
    uint64_t replaced; /* received, and the buffer unloaded and replaced */
    uint64_t dropped;  /* bad, longer than the caller's buffer, or no memory to replace it */
    uint64_t timeouts; /* frames that did not go out; each of them has reset the device */
    uint64_t interrupts;
};

/* The frame has gone out, or never will; its memory is the caller's again. May submit further
 * frames, but not poll or wait. */
typedef void em_done_t(void *arg, enum driver_status status);

/* True for the two devices above. */
bool em_probe(const struct pci_device *dev);

/*
 * em_attach - reset the device, fill its rings and start it
 * @parent: the device's tag; the driver makes its own below it.
 * Waits up to 5 s for the link, but goes on without it. Returns null when it is not one of these
 * devices or resources are missing; the reason is on the console.
 */
struct em *em_attach(struct pci_device *dev, bus_dma_tag_t parent);

/* Stops the device, ends frames in flight with DRIVER_STOPPED, frees everything. False when
 * something is left behind; what it is stands on the console. */
bool em_detach(struct em *em);

const uint8_t *em_mac(const struct em *em);
bool em_link_up(struct em *em);
const struct em_statistics *em_statistics(const struct em *em);
/* Over a sleep in which the device loses its registers: as ahci_suspend() and ahci_resume(). The
 * rings and the receive buffers stay mapped. */
bool em_suspend(struct em *em);
bool em_resume(struct em *em);

/* True when frames are announced by MSI, false when everything is polled. */
bool em_has_interrupt(const struct em *em);

/*
 * em_submit - send a frame
 * @frame: EM_FRAME_MIN to EM_FRAME_MAX bytes beginning with the addresses, scattered as they may
 *         be. Left alone until @done is called.
 * Returns DRIVER_OK: @done will be called, from em_poll() or em_detach(). Anything else: it will
 * not. INVALID, BUSY (ring full), NO_MEMORY, STOPPED.
 */
enum driver_status em_submit(struct em *em, const void *frame, size_t size, em_done_t *done,
                             void *arg);

/* The same, and waits until the frame has gone out (1 s at most). Also TIMEOUT. */
enum driver_status em_transmit(struct em *em, const void *frame, size_t size);

/*
 * em_receive - the next frame
 * @buf, @size: where it is copied to; a longer frame is dropped.
 * Waits up to @timeout_ns; 0 looks once. Returns the frame's bytes, or 0: none has come.
 */
size_t em_receive(struct em *em, void *buf, size_t size, uint64_t timeout_ns);

/* Completes frames that have gone out and looks after their deadline. Returns how many have not. */
unsigned em_poll(struct em *em);

#endif
