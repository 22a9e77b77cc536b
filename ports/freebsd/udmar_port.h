/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the FreeBSD port share. One udmar device below acpi0 stands for all units of
 * the machine: the library's instance is one for all of them.
 */
#ifndef UDMAR_FREEBSD_PORT_H
#define UDMAR_FREEBSD_PORT_H

#include <sys/param.h>
#include <sys/systm.h>
#include <sys/bus.h>
#include <sys/callout.h>
#include <sys/eventhandler.h>
#include <sys/kernel.h>
#include <sys/lock.h>
#include <sys/malloc.h>
#include <sys/memdesc.h>
#include <sys/mutex.h>
#include <sys/sx.h>
#include <sys/sysctl.h>
#include <sys/taskqueue.h>

#include <machine/bus.h>

#include <udmar/busdma.h>
#include <udmar/udmar.h>

MALLOC_DECLARE(M_UDMAR);

struct udmar_map;

/* Loads that wait for memory or addresses, oldest first. */
struct udmar_waiting {
    struct mtx lock;
    TAILQ_HEAD(, udmar_map) queue; /* under lock */
    struct task task;
    struct timeout_task retry;
    uint64_t waited; /* loads that had to, since boot; under lock */
    uint64_t given_up;
};

/* The state of the driver; there is one, found by udmar_port(). */
struct udmar_softc {
    device_t dev;
    struct udmar *instance; /* null until udmar_create() */
    bool running;           /* udmar_start() has succeeded */
    bool suspended;
    struct udmar_tunables tunables;
    const void *table; /* ACPI's own mapping, kept */
    struct udmar_ram_range *ram;
    unsigned ram_count;

    struct sx devices_lock; /* attach, detach and mode changes, one at a time */
    struct udmar_function *functions;

    struct taskqueue *queue; /* faults and waiting loads */
    struct udmar_waiting waiting;

    struct task fault_task;
    struct callout poll;   /* for units without an interrupt, and for one that got lost */
    struct callout ticker; /* deferred mode only */
    uint64_t fault_told;   /* sequence number of the last fault that devd was told of */
    uint64_t fault_events; /* told */
    uint64_t fault_unsaid; /* not told: too many at a time */
    bool firmware_usb_said;
    eventhandler_tag deleted; /* of PCI functions that go */
    int next_irq_rid;
};

/* A PCI function that has asked for its tag. Lives as long as the driver. */
struct udmar_function {
    struct udmar_function *next;
    device_t bus;   /* the pci bus it is on */
    device_t child; /* the function */
    struct udmar_device *device;
    struct udmar_tag *root; /* null: FreeBSD's own tag */
    const char *refused;    /* why it has that; null where the mode says it */
};

/* The driver's state; null while there is none. Any context. */
struct udmar_softc *udmar_port(void);

/* ---- udmar_tunables.c ------------------------------------------------------------------------ */

/*
 * Is udmar asked for? hw.udmar.enable decides; where it is not set hw.dmar.enable does, if this
 * kernel has no DMAR driver of its own (which that name belongs to then).
 */
bool udmar_wanted(void);

/* Reads hw.dmar.*, hw.udmar.* and hw.busdma.*; what is wrong is printed and left out. */
void udmar_read_tunables(struct udmar_tunables *out);

/* ---- udmar_busdma.c: the 14 operations --------------------------------------------------------
 */

struct udmar_tag {
    struct bus_dma_tag_common common; /* first: the kernel's front end reads it */
    struct udmar_tag *parent;         /* held; null: a device's root tag */
    struct udmar_device *device;
    struct udmar_dma_tag *limits; /* the library's, below the device's root tag or that itself */
    u_int maps;
};

enum udmar_wait_state {
    UDMAR_NOT_WAITING = 0,
    UDMAR_WAITS = 1,         /* in the queue */
    UDMAR_WAIT_RUNS = 2,     /* taken out to be tried again */
    UDMAR_WAIT_CANCELLED = 3 /* taken out, and unloaded meanwhile */
};

struct udmar_map {
    struct udmar_dma_map *library;
    struct udmar_tag *tag;
    void *memory;   /* of bus_dmamem_alloc(), else null */
    bool is_loaded; /* something is */

    enum udmar_wait_state wait; /* from here on: under udmar_waiting.lock */
    TAILQ_ENTRY(udmar_map) link;
    struct udmar_tag *load_tag; /* the load that waits */
    struct memdesc load_memory;
    bus_dmamap_callback_t *callback;
    void *callback_argument;
    int deadline; /* time_uptime: then it fails with ENOMEM */
};

/* Makes a device's root tag. Null: no memory. May sleep. */
struct udmar_tag *udmar_root_tag(struct udmar_device *device);

/* ---- udmar_waiting.c --------------------------------------------------------------------------
 */

void udmar_waiting_start(struct udmar_softc *sc);
void udmar_waiting_stop(struct udmar_softc *sc);

/*
 * Puts a load that found no memory off. Returns EINPROGRESS: it runs again when there may be some;
 * ENOMEM: it may not wait, or has waited too long. The caller has undone what it had loaded.
 */
int udmar_wait_for_memory(struct udmar_tag *tag, struct udmar_map *map);

/* A load of this map is about to call back. It does not wait any more. */
void udmar_wait_ends(struct udmar_map *map);

/* The driver has unloaded a map: a load that waits is forgotten. */
void udmar_wait_cancel(struct udmar_map *map);

/* Something was given back. */
void udmar_wait_wake(void);

/* ---- udmar_pci_bus.c --------------------------------------------------------------------------
 */

/* Begins to hear of functions that go. */
void udmar_pci_bus_start(struct udmar_softc *sc);

/* FreeBSD's device with this id; null: there is none. Threads. */
device_t udmar_find_child(uint16_t segment, udmar_rid_t rid);

/* ---- udmar_fault.c ----------------------------------------------------------------------------
 */

/* Before units are started: their interrupts may come. */
void udmar_fault_prepare(struct udmar_softc *sc);

/* Polls once a second, and ticks where unloads are deferred. */
void udmar_fault_start(struct udmar_softc *sc);

/* A unit's interrupt has come. */
void udmar_fault_seen(struct udmar_softc *sc);

/* ---- udmar_sysctl.c ---------------------------------------------------------------------------
 */

void udmar_add_sysctls(struct udmar_softc *sc);

#endif
