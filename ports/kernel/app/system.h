/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine as the demonstration sees it: the instance, and the devices under their drivers. */
#ifndef APP_SYSTEM_H
#define APP_SYSTEM_H

#include <udmar/udmar.h>

#include "ahci.h"
#include "edu.h"
#include "em.h"
#include "kernel.h"

#define SYSTEM_MAX 8

/* A driver on its device. */
struct unit_under_test {
    struct pci_device *pci;
    struct udmar_device *device;
    enum udmar_mode mode;
    void *driver; /* struct ahci, em or edu */
    char label[40];
};

struct system {
    struct udmar *dmar; /* never null after system_start() succeeded */
    bool protected;     /* translation is on */
    struct unit_under_test disk[SYSTEM_MAX];
    struct unit_under_test net[SYSTEM_MAX];
    struct unit_under_test edu[SYSTEM_MAX];
    unsigned disks, nets, edus;
    struct unit_under_test narrow; /* an edu that reaches 28 address bits; no driver: not there */
    bus_dma_tag_t narrow_tag;      /* says so to its driver */
};

extern struct system the_system;

/* Reads tunables and the DMAR table, starts the driver, attaches every function, probes drivers. */
bool system_start(struct system *system);
/* Detaches drivers and devices, stops and destroys the instance. False when something is left. */
bool system_stop(struct system *system);
/* Starts an instance and walks away from it, as a boot loader with DMA protection would. */
void system_leave_behind(void);
/* The device of a "00:04.0" or "0000:00:04.0"; null with a message. */
struct udmar_device *system_device(struct system *system, const char *name);

/* Registers the commands of show.c, attack.c and forge.c. */
void show_register(void);
void attack_register(void);
void forge_register(void);
/* Who raises which vector, through which entry. */
void show_interrupts(struct system *system);
/* The table of devices: unit, mode, requester ids, reason. */
void show_devices(struct system *system);
void show_units(struct system *system);

#endif
