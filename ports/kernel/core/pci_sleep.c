/* SPDX-License-Identifier: BSD-2-Clause */
/* Configuration space over a sleep: firmware does not place BARs and buses again then. */
#include "internal.h"

enum { SAVED_MAX = 64, WORDS = 16, COMMAND = 1, FIRST = 3 };

/* Q35: where its memory-mapped configuration space lies, the half with the switch is written last.
 */
enum { Q35_IDS = 0x29c08086, Q35_WINDOW = 0x60, PORT_ADDRESS = 0xcf8, PORT_DATA = 0xcfc };

static uint32_t window[2];

static struct saved {
    const struct pci_device *dev;
    uint32_t word[WORDS];
} saved[SAVED_MAX];
static unsigned saved_count;

/* The way that needs no window; of 00:00.0. */
static uint32_t host_bridge_read(unsigned offset)
{
    outl(PORT_ADDRESS, 0x80000000u | offset);
    return inl(PORT_DATA);
}

static void host_bridge_write(unsigned offset, uint32_t value)
{
    outl(PORT_ADDRESS, 0x80000000u | offset);
    outl(PORT_DATA, value);
}

static void restore_window(void)
{
    if (host_bridge_read(0) == Q35_IDS) {
        host_bridge_write(Q35_WINDOW + 4, window[1]);
        host_bridge_write(Q35_WINDOW, window[0]);
    }
}

void pci_save_all(void)
{
    window[0] = host_bridge_read(Q35_WINDOW);
    window[1] = host_bridge_read(Q35_WINDOW + 4);
    saved_count = 0;
    for (const struct pci_device *dev = pci_first(); dev != NULL; dev = pci_next(dev)) {
        struct saved *at = &saved[saved_count];

        if (saved_count == SAVED_MAX) {
            kprintf("pci: %s and what follows it is not saved over the sleep\n", dev->name);
            return;
        }
        at->dev = dev;
        for (unsigned i = 0; i < WORDS; i++) {
            at->word[i] = pci_dev_read32(dev, 4 * i);
        }
        saved_count++;
    }
}

/* A bridge comes before what is below it, and passes nothing on before it has its buses. Decoding
 * is on when the places are there. The upper half of the command's word is cleared by ones. */
void pci_restore_all(void)
{
    restore_window();
    for (unsigned n = 0; n < saved_count; n++) {
        for (unsigned i = FIRST; i < WORDS; i++) {
            pci_dev_write32(saved[n].dev, 4 * i, saved[n].word[i]);
        }
        pci_dev_write16(saved[n].dev, 4 * COMMAND, (uint16_t)saved[n].word[COMMAND]);
    }
}
