/* SPDX-License-Identifier: BSD-2-Clause */
#include "em.h"

#include "cpu.h"
#include "em_hw.h"
#include "irq.h"
#include "kmem.h"
#include "kprintf.h"
#include "kstring.h"
#include "ktime.h"

enum { EM_VENDOR = 0x8086, EM_82540EM = 0x100e, EM_82574L = 0x10d3 };

enum {
    EM_RX_COUNT = 64, /* descriptors; times 16 bytes a multiple of 128 */
    EM_TX_COUNT = 64,
    EM_RING_SIZE = 64 * 16,
    EM_RING_ALIGN = 128, /* 16 would do for these devices; later ones ask for 128 */
    EM_BUFFER_SIZE = 2048,
    EM_COPY_MAX = 256,  /* longest frame that is copied and leaves its buffer where it is */
    EM_TX_SEGMENTS = 4, /* a frame lies in two pages, and in more pieces when it is bounced */
    EM_TX_BOUNDARY = 4096
};

#define EM_POLL_REST (50 * NS_PER_US)
#define EM_IRQ_REST  (2 * NS_PER_MS)

/* A descriptor's companion. On the transmit side map, done and arg belong to a frame's last one. */
struct em_slot {
    bus_dmamap_t map;
    void *buffer;   /* receive only */
    bus_addr_t bus; /* receive only: where the buffer is loaded */
    em_done_t *done;
    void *arg;
    bool last;
};

struct em {
    struct pci_device *dev;
    uint8_t *registers;
    bus_dma_tag_t ring_tag, rx_tag, tx_tag;
    struct dma_memory rx_ring, tx_ring;
    struct em_slot rx[EM_RX_COUNT];
    struct em_slot tx[EM_TX_COUNT];
    bus_dmamap_t rx_spare; /* changes places with a slot's map when its buffer is replaced */
    unsigned rx_next;      /* the descriptor that is filled next */
    unsigned tx_head;      /* the oldest in flight */
    unsigned tx_tail;      /* the first free one */
    unsigned tx_frames;    /* in flight */
    uint64_t tx_progress;  /* when one was last completed, or given to an empty ring */
    bool msi;
    bool stopped;
    volatile bool attention; /* set by the interrupt */
    uint8_t mac[EM_MAC_SIZE];
    struct em_statistics statistics;
};

static uint32_t em_read(struct em *em, unsigned offset)
{
    return mmio_read32(em->registers + offset);
}

static void em_write(struct em *em, unsigned offset, uint32_t value)
{
    mmio_write32(em->registers + offset, value);
}

static volatile struct em_rx_descriptor *rx_descriptor(struct em *em, unsigned i)
{
    return (volatile struct em_rx_descriptor *)em->rx_ring.address + i;
}

static volatile struct em_tx_descriptor *tx_descriptor(struct em *em, unsigned i)
{
    return (volatile struct em_tx_descriptor *)em->tx_ring.address + i;
}

bool em_probe(const struct pci_device *dev)
{
    return dev->vendor == EM_VENDOR && (dev->device == EM_82540EM || dev->device == EM_82574L);
}

/* ---- the device ---- */

static bool em_reset_over(void *arg)
{
    return (em_read(arg, EM_CTRL) & EM_CTRL_RESET) == 0;
}

/* Stops all DMA and sets everything to its state at power on [SDM 14.3]. */
static bool em_reset(struct em *em)
{
    em_write(em, EM_IMC, UINT32_MAX);
    em_write(em, EM_RCTL, 0);
    em_write(em, EM_TCTL, 0);
    /* Packets under way reach their end [82574 4.6.1]; then the reset cannot tear one. */
    udelay(1000);
    em_write(em, EM_CTRL, em_read(em, EM_CTRL) | EM_CTRL_RESET);
    udelay(1000);
    if (!wait_until(em_reset_over, em, NS_PER_S))
        return false;
    em_write(em, EM_IMC, UINT32_MAX);
    (void)em_read(em, EM_ICR);
    return true;
}

static bool em_read_eeprom(struct em *em, unsigned word, uint16_t *value)
{
    bool newer = em->dev->device == EM_82574L;
    uint32_t done = newer ? EM_EERD_DONE_82574 : EM_EERD_DONE;
    uint64_t deadline = time_ns() + 100 * NS_PER_MS;
    uint32_t answer;

    em_write(em, EM_EERD, EM_EERD_START | word << (newer ? EM_EERD_SHIFT_82574 : EM_EERD_SHIFT));
    do {
        answer = em_read(em, EM_EERD);
        if ((answer & done) != 0) {
            *value = EM_EERD_VALUE(answer);
            return true;
        }
        cpu_pause();
    } while (time_ns() <= deadline);
    return false;
}

/* The reset loads the address into the first filter; where it did not, the EEPROM has it. */
static bool em_read_mac(struct em *em)
{
    uint32_t low = em_read(em, EM_RAL0);
    uint32_t high = em_read(em, EM_RAH0);
    uint16_t word[3] = { (uint16_t)low, (uint16_t)(low >> 16), (uint16_t)high };
    unsigned i;

    if ((high & EM_RAH_VALID) == 0) {
        for (i = 0; i < 3; i++)
            if (!em_read_eeprom(em, i, &word[i]))
                return false;
        em_write(em, EM_RAL0, word[0] | (uint32_t)word[1] << 16);
        em_write(em, EM_RAH0, word[2] | EM_RAH_VALID);
    }
    for (i = 0; i < EM_MAC_SIZE; i++)
        em->mac[i] = (uint8_t)(word[i / 2] >> (i % 2 * 8));
    return true;
}

static void em_interrupt(void *arg)
{
    struct em *em = arg;

    (void)em_read(em, EM_ICR); /* takes the causes back, so that the next one interrupts again */
    em->statistics.interrupts++;
    em->attention = true;
}

bool em_link_up(struct em *em)
{
    return (em_read(em, EM_STATUS) & EM_STATUS_LINK_UP) != 0;
}

static void em_rest(struct em *em)
{
    driver_idle(&em->attention, em->msi ? EM_IRQ_REST : EM_POLL_REST);
}

/* Gives the device its rings and turns it on. The rings' contents have been made before. */
static void em_start(struct em *em)
{
    unsigned i;

    em_write(em, EM_CTRL,
             (em_read(em, EM_CTRL) & ~(EM_CTRL_LINK_RESET | EM_CTRL_PHY_RESET)) | EM_CTRL_LINK_UP |
                 EM_CTRL_AUTO_SPEED);
    for (i = 0; i < 128; i++)
        em_write(em, EM_MTA + 4 * i, 0);

    em_write(em, EM_TDBAL, (uint32_t)em->tx_ring.bus);
    em_write(em, EM_TDBAH, (uint32_t)(em->tx_ring.bus >> 32));
    em_write(em, EM_TDLEN, EM_RING_SIZE);
    em_write(em, EM_TDH, 0);
    em_write(em, EM_TDT, 0);
    em_write(em, EM_TIPG, EM_TIPG_COPPER);
    em_write(em, EM_TCTL, EM_TCTL_ON | EM_TCTL_PAD | EM_TCTL_COLLISION);

    em_write(em, EM_RDBAL, (uint32_t)em->rx_ring.bus);
    em_write(em, EM_RDBAH, (uint32_t)(em->rx_ring.bus >> 32));
    em_write(em, EM_RDLEN, EM_RING_SIZE);
    em_write(em, EM_RDH, 0);
    em_write(em, EM_RCTL, EM_RCTL_ON | EM_RCTL_BROADCAST | EM_RCTL_STRIP_CRC);
    /* All but one: tail at head would mean that the ring is empty. */
    em_write(em, EM_RDT, EM_RX_COUNT - 1);
    if (em->msi)
        em_write(em, EM_IMS, EM_IRQ_ENABLED);
}

/* ---- receive ---- */

struct rx_load {
    bus_addr_t bus;
    int error;
};

static void rx_loaded(void *arg, bus_dma_segment_t *segments, int count, int error)
{
    struct rx_load *load = arg;

    (void)count; /* the tag allows only one */
    load->error = error;
    if (error == 0)
        load->bus = segments[0].ds_addr;
}

/* A page for one frame of up to 2048 bytes: pages are what an IOMMU can protect, so nothing else
 * may lie in one that a device writes to. Loaded and ready for the device. */
static int rx_load_new(struct em *em, bus_dmamap_t map, void **buffer, bus_addr_t *bus)
{
    struct rx_load load = { 0, 0 };
    void *page = kmalloc(PAGE_SIZE);
    int error;

    if (page == NULL)
        return UDMAR_ENOMEM;
    error =
        bus_dmamap_load(em->rx_tag, map, page, EM_BUFFER_SIZE, rx_loaded, &load, BUS_DMA_NOWAIT);
    if (error == 0)
        error = load.error;
    if (error != 0) {
        kfree(page);
        return error;
    }
    bus_dmamap_sync(em->rx_tag, map, BUS_DMASYNC_PREREAD);
    *buffer = page;
    *bus = load.bus;
    return 0;
}

static void rx_write_descriptor(struct em *em, unsigned i)
{
    volatile struct em_rx_descriptor *descriptor = rx_descriptor(em, i);

    descriptor->address = em->rx[i].bus;
    descriptor->length = 0;
    descriptor->errors = 0;
    descriptor->status = 0;
}

/*
 * Takes the buffer out of a slot and puts a new one in. The new one is loaded first, with the spare
 * map, so that the slot keeps what it has when there is no memory. Returns null then.
 */
static void *rx_replace(struct em *em, struct em_slot *slot)
{
    bus_dmamap_t old = slot->map;
    void *full = slot->buffer;
    void *fresh;
    bus_addr_t bus;

    if (rx_load_new(em, em->rx_spare, &fresh, &bus) != 0)
        return NULL;
    bus_dmamap_unload(em->rx_tag, old);
    slot->map = em->rx_spare;
    slot->buffer = fresh;
    slot->bus = bus;
    em->rx_spare = old;
    return full;
}

/* The frame's bytes to the caller; 0 when it had to be dropped. */
static size_t rx_take(struct em *em, struct em_slot *slot, void *buf, size_t length)
{
    void *full;

    bus_dmamap_sync(em->rx_tag, slot->map, BUS_DMASYNC_POSTREAD);
    if (length <= EM_COPY_MAX) {
        memcpy(buf, slot->buffer, length);
        /* The buffer stays loaded and goes back to the device. */
        bus_dmamap_sync(em->rx_tag, slot->map, BUS_DMASYNC_PREREAD);
        em->statistics.kept++;
        return length;
    }
    full = rx_replace(em, slot);
    if (full == NULL) {
        bus_dmamap_sync(em->rx_tag, slot->map, BUS_DMASYNC_PREREAD);
        return 0;
    }
    memcpy(buf, full, length);
    kfree(full);
    em->statistics.replaced++;
    return length;
}

/* Looks at the next descriptor. False: nothing has come. */
static bool rx_next(struct em *em, void *buf, size_t size, size_t *length)
{
    struct em_slot *slot = &em->rx[em->rx_next];
    volatile struct em_rx_descriptor *descriptor = rx_descriptor(em, em->rx_next);
    bool good;

    bus_dmamap_sync(em->ring_tag, em->rx_ring.map, BUS_DMASYNC_POSTREAD);
    if ((descriptor->status & EM_DONE) == 0)
        return false;
    /* The length comes from the device: believed only as far as the buffer goes. */
    *length = descriptor->length;
    good = (descriptor->status & EM_RX_LAST) != 0 && descriptor->errors == 0 &&
           *length <= EM_BUFFER_SIZE && *length <= size;
    *length = good ? rx_take(em, slot, buf, *length) : 0;
    if (*length == 0)
        em->statistics.dropped++;

    rx_write_descriptor(em, em->rx_next);
    bus_dmamap_sync(em->ring_tag, em->rx_ring.map, BUS_DMASYNC_PREREAD | BUS_DMASYNC_PREWRITE);
    em_write(em, EM_RDT, em->rx_next);
    em->rx_next = (em->rx_next + 1) % EM_RX_COUNT;
    return true;
}

size_t em_receive(struct em *em, void *buf, size_t size, uint64_t timeout_ns)
{
    uint64_t deadline = time_ns() + timeout_ns;
    size_t length;

    while (!em->stopped) {
        bool late = time_ns() >= deadline;

        em->attention = false;
        while (rx_next(em, buf, size, &length)) {
            if (length == 0)
                continue;
            em->statistics.received++;
            em->statistics.received_bytes += length;
            return length;
        }
        em_poll(em);
        if (late)
            break;
        em_rest(em);
    }
    return 0;
}

/* ---- transmit ---- */

static unsigned tx_free(const struct em *em)
{
    /* One stays empty, as tail at head means nothing to send. */
    return (em->tx_head + EM_TX_COUNT - em->tx_tail - 1) % EM_TX_COUNT;
}

struct tx_load {
    struct em *em;
    unsigned last; /* the descriptor with the frame's end */
    int count;
    int error;
};

/* Writes the descriptors right away; the device sees them when the tail moves behind them. */
static void tx_loaded(void *arg, bus_dma_segment_t *segments, int count, int error)
{
    struct tx_load *load = arg;
    struct em *em = load->em;
    unsigned at = em->tx_tail;
    int i;

    load->error = error;
    load->count = error == 0 ? count : 0;
    for (i = 0; i < load->count; i++) {
        volatile struct em_tx_descriptor *descriptor = tx_descriptor(em, at);
        bool last = i == count - 1;

        descriptor->address = segments[i].ds_addr;
        descriptor->length = (uint16_t)segments[i].ds_len;
        descriptor->checksum_offset = 0;
        descriptor->command = EM_TX_INSERT_CRC | EM_TX_REPORT | (last ? EM_TX_LAST : 0);
        descriptor->status = 0;
        descriptor->checksum_start = 0;
        descriptor->special = 0;
        em->tx[at].last = last;
        load->last = at;
        at = (at + 1) % EM_TX_COUNT;
    }
}

enum driver_status em_submit(struct em *em, const void *frame, size_t size, em_done_t *done,
                             void *arg)
{
    struct tx_load load = { em, em->tx_tail, 0, 0 };
    /* A free slot's map is free. It serves the whole frame; where the frame takes several slots it
     * moves to the last one, at whose completion all of the frame has been read. */
    bus_dmamap_t map = em->tx[em->tx_tail].map;
    int error;

    if (em->stopped)
        return DRIVER_STOPPED;
    if (size < EM_FRAME_MIN || size > EM_FRAME_MAX)
        return DRIVER_INVALID;
    if (tx_free(em) < EM_TX_SEGMENTS)
        return DRIVER_BUSY;
    /* The load takes no pointer to const; NOWRITE keeps the promise. */
    error = bus_dmamap_load(em->tx_tag, map, (void *)(uintptr_t)frame, size, tx_loaded, &load,
                            BUS_DMA_NOWAIT | BUS_DMA_NOWRITE);
    if (error != 0 || load.error != 0)
        return driver_status_from_errno(error != 0 ? error : load.error);

    em->tx[em->tx_tail].map = em->tx[load.last].map;
    em->tx[load.last].map = map;
    em->tx[load.last].done = done;
    em->tx[load.last].arg = arg;
    bus_dmamap_sync(em->tx_tag, map, BUS_DMASYNC_PREWRITE);
    bus_dmamap_sync(em->ring_tag, em->tx_ring.map, BUS_DMASYNC_PREREAD | BUS_DMASYNC_PREWRITE);
    if (em->tx_frames++ == 0)
        em->tx_progress = time_ns();
    em->statistics.sent_segments += (unsigned)load.count;
    em->statistics.sent_bytes += size;
    em->tx_tail = (load.last + 1) % EM_TX_COUNT;
    em_write(em, EM_TDT, em->tx_tail);
    return DRIVER_OK;
}

/* Takes the oldest descriptor back, and with a frame's last one the frame. */
static void tx_finish(struct em *em, enum driver_status status)
{
    struct em_slot *slot = &em->tx[em->tx_head];

    em->tx_head = (em->tx_head + 1) % EM_TX_COUNT;
    if (!slot->last)
        return;
    bus_dmamap_sync(em->tx_tag, slot->map, BUS_DMASYNC_POSTWRITE);
    bus_dmamap_unload(em->tx_tag, slot->map);
    em->tx_frames--;
    em->tx_progress = time_ns();
    if (status == DRIVER_OK)
        em->statistics.sent++;
    slot->done(slot->arg, status);
}

/* Ends all frames in flight; the device does no DMA. */
static void tx_abort(struct em *em, enum driver_status status)
{
    while (em->tx_head != em->tx_tail)
        tx_finish(em, status);
}

static void em_restart(struct em *em);

unsigned em_poll(struct em *em)
{
    uint64_t now = time_ns();

    if (em->stopped)
        return 0;
    bus_dmamap_sync(em->ring_tag, em->tx_ring.map, BUS_DMASYNC_POSTREAD | BUS_DMASYNC_POSTWRITE);
    while (em->tx_head != em->tx_tail && (tx_descriptor(em, em->tx_head)->status & EM_DONE) != 0)
        tx_finish(em, DRIVER_OK);
    if (em->tx_frames > 0 && now > em->tx_progress && now - em->tx_progress > DEVICE_PATIENCE) {
        kprintf("em %s: %u frames do not go out, device is reset\n", em->dev->name, em->tx_frames);
        em_restart(em);
    }
    return em->tx_frames;
}

struct tx_wait {
    bool over;
    enum driver_status status;
};

static void tx_wait_done(void *arg, enum driver_status status)
{
    struct tx_wait *wait = arg;

    wait->status = status;
    wait->over = true;
}

enum driver_status em_transmit(struct em *em, const void *frame, size_t size)
{
    struct tx_wait wait = { false, DRIVER_OK };
    enum driver_status status;

    /* A full ring becomes free or, after the deadline, is emptied. */
    while ((status = em_submit(em, frame, size, tx_wait_done, &wait)) == DRIVER_BUSY) {
        em_rest(em);
        em_poll(em);
    }
    if (status != DRIVER_OK)
        return status;
    for (em_poll(em); !wait.over; em_poll(em)) {
        em_rest(em);
        /* What else has come stays in the receive ring and is found there by em_receive. */
        em->attention = false;
    }
    return wait.status;
}

/* ---- rings ---- */

/* All receive descriptors to the device, all transmit descriptors to the driver. */
static void em_clear_rings(struct em *em)
{
    unsigned i;

    for (i = 0; i < EM_RX_COUNT; i++)
        rx_write_descriptor(em, i);
    em->rx_next = 0;
    em->tx_head = em->tx_tail = 0;
    bus_dmamap_sync(em->ring_tag, em->rx_ring.map, BUS_DMASYNC_PREREAD | BUS_DMASYNC_PREWRITE);
    bus_dmamap_sync(em->ring_tag, em->tx_ring.map, BUS_DMASYNC_PREREAD | BUS_DMASYNC_PREWRITE);
}

/* After a time-out: the reset ends all DMA, so the buffers in flight can be taken back. */
static void em_restart(struct em *em)
{
    em->statistics.timeouts += em->tx_frames;
    em->stopped = true; /* done functions find a device that takes nothing */
    if (!em_reset(em)) {
        kprintf("em %s: does not come out of reset, stopped\n", em->dev->name);
        pci_disable(em->dev);
        tx_abort(em, DRIVER_STOPPED);
        return;
    }
    tx_abort(em, DRIVER_TIMEOUT);
    em_clear_rings(em);
    em->stopped = false;
    em_start(em);
}

static int em_make_tags(struct em *em, bus_dma_tag_t parent)
{
    int error =
        dma_block_tag_create(parent, EM_RING_ALIGN, BUS_SPACE_MAXADDR, EM_RING_SIZE, &em->ring_tag);

    if (error == 0)
        error = bus_dma_tag_create(parent, 1, 0, BUS_SPACE_MAXADDR, BUS_SPACE_MAXADDR, NULL, NULL,
                                   EM_BUFFER_SIZE, 1, EM_BUFFER_SIZE, 0, NULL, NULL, &em->rx_tag);
    /*
     * No hardware asks for the boundary. QEMU's e1000e drops a fragment whose pages are not
     * neighbours in memory, and with remapping one segment can have such pages.
     */
    if (error == 0)
        error = bus_dma_tag_create(parent, 1, EM_TX_BOUNDARY, BUS_SPACE_MAXADDR, BUS_SPACE_MAXADDR,
                                   NULL, NULL, EM_FRAME_MAX, EM_TX_SEGMENTS, EM_FRAME_MAX, 0, NULL,
                                   NULL, &em->tx_tag);
    return error;
}

/* Rings, maps and receive buffers. After an error em_free() takes back what has been made. */
static int em_make_rings(struct em *em)
{
    int error = dma_memory_alloc(em->ring_tag, EM_RING_SIZE, &em->rx_ring);
    unsigned i;

    if (error == 0)
        error = dma_memory_alloc(em->ring_tag, EM_RING_SIZE, &em->tx_ring);
    if (error == 0)
        error = bus_dmamap_create(em->rx_tag, 0, &em->rx_spare);
    for (i = 0; i < EM_TX_COUNT && error == 0; i++)
        error = bus_dmamap_create(em->tx_tag, 0, &em->tx[i].map);
    for (i = 0; i < EM_RX_COUNT && error == 0; i++) {
        struct em_slot *slot = &em->rx[i];

        error = bus_dmamap_create(em->rx_tag, 0, &slot->map);
        if (error == 0)
            error = rx_load_new(em, slot->map, &slot->buffer, &slot->bus);
    }
    if (error == 0)
        em_clear_rings(em);
    return error;
}

static bool em_free_slots(bus_dma_tag_t tag, struct em_slot *slot, unsigned count)
{
    bool clean = true;
    unsigned i;

    for (i = 0; i < count; i++) {
        if (slot[i].buffer != NULL)
            bus_dmamap_unload(tag, slot[i].map);
        kfree(slot[i].buffer);
        if (bus_dmamap_destroy(tag, slot[i].map) != 0)
            clean = false;
    }
    return clean;
}

/* Frees what there is; the device does no DMA. */
static bool em_free(struct em *em)
{
    const char *name = em->dev->name;
    bool clean;

    clean = em_free_slots(em->rx_tag, em->rx, EM_RX_COUNT);
    clean = em_free_slots(em->tx_tag, em->tx, EM_TX_COUNT) && clean;
    clean = bus_dmamap_destroy(em->rx_tag, em->rx_spare) == 0 && clean;
    dma_memory_free(em->ring_tag, &em->tx_ring);
    dma_memory_free(em->ring_tag, &em->rx_ring);
    clean = dma_tag_release(&em->tx_tag, name, "frames to send") && clean;
    clean = dma_tag_release(&em->rx_tag, name, "receive buffers") && clean;
    clean = dma_tag_release(&em->ring_tag, name, "rings") && clean;
    if (em->registers != NULL)
        mmio_unmap(em->registers);
    kfree(em);
    return clean;
}

/* ---- attach and detach ---- */

static struct em *em_fail(struct em *em, const char *why, int error)
{
    kprintf("em %s: %s (error %d)\n", em->dev->name, why, error);
    pci_disable(em->dev);
    em_free(em);
    return NULL;
}

static bool em_link_is_up(void *arg)
{
    return em_link_up(arg);
}

struct em *em_attach(struct pci_device *dev, bus_dma_tag_t parent)
{
    struct em *em = kzalloc(sizeof(*em));
    int error;

    if (em == NULL || !em_probe(dev)) {
        kprintf("em %s: %s\n", dev->name, em == NULL ? "no memory" : "no 82540EM or 82574L");
        kfree(em);
        return NULL;
    }
    em->dev = dev;
    pci_enable(dev);
    em->registers = pci_bar_map(dev, 0, NULL);
    if (em->registers == NULL)
        return em_fail(em, "no registers", 0);
    if (!em_reset(em))
        return em_fail(em, "does not come out of reset", 0);
    if (!em_read_mac(em))
        return em_fail(em, "no address in the EEPROM", 0);
    error = em_make_tags(em, parent);
    if (error == 0)
        error = em_make_rings(em);
    if (error != 0)
        return em_fail(em, "no tags, maps or memory", error);
    /* The 82540EM has no MSI and is polled. */
    if (pci_capability(dev, PCI_CAP_MSI) != 0)
        em->msi = pci_enable_msi(dev, em_interrupt, em);
    dev->driver = "em";
    dev->driver_data = em;
    em_start(em);
    if (!wait_until(em_link_is_up, em, DEVICE_PATIENCE))
        kprintf("em %s: no link\n", dev->name);
    return em;
}

/* The order: no interrupts, no DMA (reset, and no bus mastering), and only then the mappings and
 * the memory. */
bool em_detach(struct em *em)
{
    struct pci_device *dev = em->dev;
    bool clean;

    em->stopped = true;
    clean = em_reset(em);
    if (!clean)
        kprintf("em %s: does not come out of reset\n", dev->name);
    if (em->msi)
        pci_disable_msi(dev);
    pci_disable(dev);
    tx_abort(em, DRIVER_STOPPED);
    clean = em_free(em) && clean;
    dev->driver = NULL;
    dev->driver_data = NULL;
    return clean;
}

bool em_suspend(struct em *em)
{
    bool quiet = em_poll(em) == 0;

    em->stopped = true;
    return em_reset(em) && quiet;
}

bool em_resume(struct em *em)
{
    em_restart(em);
    return !em->stopped && wait_until(em_link_is_up, em, DEVICE_PATIENCE);
}

const uint8_t *em_mac(const struct em *em)
{
    return em->mac;
}

const struct em_statistics *em_statistics(const struct em *em)
{
    return &em->statistics;
}

bool em_has_interrupt(const struct em *em)
{
    return em->msi;
}
