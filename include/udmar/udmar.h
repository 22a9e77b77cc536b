/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver: an instance, its units and its devices.
 *
 *   udmar_create()          the table is read, units are looked at; hardware is not touched
 *   udmar_device_attach()   for each device, before or after udmar_start()
 *   udmar_start()           firmware's leftovers are taken over, translation goes on
 *   ...                     busdma.h, domain.h, fault.h
 *   udmar_stop()            translation goes off
 *   udmar_destroy()
 *
 * How long what the library hands out lives:
 *
 *   instance   from udmar_create() until udmar_destroy() returns UDMAR_OK
 *   device     from udmar_device_attach() until the udmar_device_detach() that undoes the last
 *              attach returns UDMAR_OK. One that an RMRR names stays known to the instance, with
 *              udmar_device_next() among others, until it is destroyed or the unit fails; then
 *              by_firmware is true, and nothing is left of what its driver has set
 *   root tag   (busdma.h) as long as its device. Changes of mode or domain, start and stop never
 *              end it: what is made below it next is for the mode that the device then has
 *   domain     (domain.h) as long as the device stays in it; only detach, set_mode and set_domain
 *              take a device out, and not while anything of a caller lives in there. One of
 *              udmar_domain_create() until udmar_domain_destroy() returns UDMAR_OK
 *
 * Threads: the functions of this header that change something (create, start, stop, destroy,
 * attach, detach, set_mode, set_domain, domain_create, domain_destroy, suspend, resume), and trim,
 * are called one at a time for an instance, from a thread that may wait for hardware; they may run
 * while other threads map, unmap and load, and while faults come in.
 */
#ifndef UDMAR_UDMAR_H
#define UDMAR_UDMAR_H

#include <udmar/domain.h>
#include <udmar/fault.h>
#include <udmar/interrupt.h>
#include <udmar/table.h>
#include <udmar/tunable.h>
#include <udmar/unit.h>

#ifdef __cplusplus
extern "C" {
#endif

struct udmar;
struct udmar_device;

struct udmar_ram_range {
    udmar_paddr_t base; /* page-aligned */
    uint64_t size;      /* bytes, page-aligned */
};

struct udmar_config {
    const void *table; /* the DMAR table's bytes; kept by the caller while the instance lives */
    size_t table_size; /* bytes in that buffer */
    const struct udmar_ram_range *ram; /* all RAM, for identity; copied; ranges may overlap */
    unsigned ram_count;
    bool direct_map;        /* udmar_host_page_map() addresses stay valid while the page lives */
    uint32_t cpu_signature; /* CPUID.1:EAX, for errata; 0: not known */
    unsigned fault_log;     /* faults kept, 16 to 4096; 0: 256 */
    uint64_t window_limit;  /* largest busdma maxsize that gets a window; 0: 8 MiB */
    unsigned cpus;          /* processors, 1 to 4096; 0: 1 */
    bool ticking;           /* the host calls udmar_tick() every few milliseconds */
    /*
     * Interrupt remapping is the host's own: it stays as it is, in each unit and at each moment.
     * The host may switch it on and off, but not during start, stop, attach or detach. A queue that
     * the host has on then must be empty and stay so from udmar_start() on: its requests go through
     * udmar_unit_invalidate_interrupts(). udmar_stop() gives the queue back, empty from its first
     * slot on. Without this, interrupt remapping that is on is switched off at start,
     * or taken over where `interrupts` is given.
     */
    bool keep_interrupt_remapping;
    /*
     * The host wants interrupt remapping from udmar: interrupt.h. Not kept. Null: it does not, and
     * none of it runs. Not together with keep_interrupt_remapping.
     */
    const struct udmar_interrupt_config *interrupts;
    struct udmar_tunables tunables;
};

/*
 * udmar_create - read the table and look at the units
 * @host: handed to every host function. @config: copied, except for the table's bytes.
 *
 * Table defects, units that cannot be used and quirks are logged. With hw.dmar.enable=0 the
 * instance knows no units and every device is unprotected.
 * Returns UDMAR_OK; UDMAR_ERR_ARGUMENT (also for a range of RAM that is empty, not made of whole
 * pages, or beyond 2^52); what udmar_table_open() returns; UDMAR_ERR_NO_UNIT (no usable unit);
 * UDMAR_ERR_MEMORY.
 */
enum udmar_status udmar_create(void *host, const struct udmar_config *config,
                               struct udmar **out_instance);

/*
 * udmar_start - take the units over and switch translation on
 *
 * For all units, step by step: old faults are read out and labelled; RMRR devices get their
 * contexts; translation left on in a table format we do not use is switched off (in the format we
 * use it stays on, so that there is no moment without protection); a queue left running is worked
 * off and stopped; our queue starts; the root table is set and everything invalidated; interrupt
 * remapping left on is switched off (see keep_interrupt_remapping), a fault log in memory as well;
 * the fault event is programmed; translation goes on; protected memory regions go off. In units
 * that are left out, by a quirk or because their list of devices is damaged, translation and
 * protected regions go off.
 * A unit that fails in one of these is left out and logged; the others go on. Its devices become
 * unprotected, as attached ones can be asked, and the next udmar_start() tries it again. Their
 * domains, tags and maps stay as they are meanwhile: addresses that were handed out mean something
 * again when a start has succeeded. A device that is in use with physical addresses by then keeps
 * them: its mode is UDMAR_MODE_PASSTHROUGH, or UDMAR_MODE_IDENTITY where the unit cannot pass
 * requests through; where neither is possible its DMA is cut off, and that is logged as an error.
 * A queue that does not start or completes nothing gives way to registers where the unit has them.
 * Returns UDMAR_OK (at least one unit translates); UDMAR_ERR_DISABLED; UDMAR_ERR_ORDER (started
 * already); UDMAR_ERR_NO_UNIT (every unit failed).
 */
enum udmar_status udmar_start(struct udmar *instance);

/*
 * udmar_stop - switch translation off
 * Devices reach all memory by physical addresses afterwards, so their drivers must be quiet: nobody
 * maps, unmaps or loads while this runs. udmar_tick() and udmar_fault_poll() may run. One line for
 * each unit is logged: what is off, and what its devices reach. A unit that is stopped has no
 * address of ours in its registers any more.
 * Returns UDMAR_OK; UDMAR_ERR_ORDER (not started, or suspended); UDMAR_ERR_TIMEOUT (a unit did not
 * obey).
 */
enum udmar_status udmar_stop(struct udmar *instance);

/* What happens to calls that need a unit between udmar_suspend() and udmar_resume(). */
enum udmar_meanwhile {
    UDMAR_MEANWHILE_FAIL, /* they return UDMAR_ERR_SUSPENDED at once */
    UDMAR_MEANWHILE_WAIT, /* they wait for udmar_resume(), hw.dmar.timeout at the most; then so */
};

/*
 * udmar_suspend - the machine is about to sleep: memory stays, registers of units may be lost
 * @meanwhile: for calls on other processors.
 *
 * Called when drivers have suspended their devices, as the last step before the machine sleeps (a
 * syscore operation of Linux, the root bus's suspend method of FreeBSD). Interrupts may be off, and
 * spin locks held that no other call of the library needs. Nothing is allocated.
 * Everything that rests in deferred mode is flushed; each unit forgets what it has cached, confirms
 * it, and its queue is switched off; faults are read out. Translation, interrupt remapping and the
 * fault event stay as they are: a device that is awake is still stopped, and so is one that wakes
 * in a sleep that keeps registers (suspend to idle).
 * From then on, until udmar_resume(), the units are not asked for anything. What only writes tables
 * goes on (a load into a window, a map where the unit caches nothing absent). What needs a unit,
 * and what waits for one in that moment on another processor, returns UDMAR_ERR_SUSPENDED, which
 * means what UDMAR_ERR_TIMEOUT means for that call, with the difference that udmar_resume()
 * confirms it. An unload is such a call: its map is not to be freed for other use before. Interrupt
 * entries may be changed; the change is in force after udmar_resume().
 * Returns UDMAR_OK; UDMAR_ERR_ARGUMENT; UDMAR_ERR_ORDER (not started, or suspended already):
 * nothing has happened. UDMAR_ERR_TIMEOUT, UDMAR_ERR_QUEUE, UDMAR_ERR_REFUSED: it is suspended, but
 * a unit has not confirmed; the log names it. The host may go on to a sleep that ends the unit's
 * power, or calls udmar_resume() at once.
 */
enum udmar_status udmar_suspend(struct udmar *instance, enum udmar_meanwhile meanwhile);

/*
 * udmar_resume - the machine is awake: what was in force before the suspend is again
 *
 * Called before drivers resume their devices and before the host restores interrupt sources. The
 * same contexts as udmar_suspend(), and the same for allocation. What is found on, with the unit's
 * own registers or firmware's, is taken over as by udmar_start(): queue, root table, interrupt
 * table, fault event, translation, in this order and for all units step by step, with everything
 * invalidated; protected memory regions go off.
 * Mappings, domains, tags, loaded maps and interrupt entries are as they were. The message of the
 * fault event is the one that udmar_host_interrupt_alloc() gave. The host writes its interrupt
 * sources (I/O APIC, MSI) with the same messages as before; udmar_interrupt_config.program is not
 * called.
 * A unit that does not come back is left out as by udmar_start(): the log names it and what its
 * devices reach, udmar_unit_status() says failed, udmar_device_info() says what each device has.
 * Returns UDMAR_OK; UDMAR_ERR_ARGUMENT (null); UDMAR_ERR_ORDER (not suspended); UDMAR_ERR_NO_UNIT
 * (no unit came back: as after udmar_stop()). UDMAR_ERR_ALL_ONES, UDMAR_ERR_TIMEOUT,
 * UDMAR_ERR_QUEUE, UDMAR_ERR_REFUSED, UDMAR_ERR_UNSUPPORTED: why the first of those units that are
 * left out did not come back; the others are as before, and the instance is not suspended any more.
 */
enum udmar_status udmar_resume(struct udmar *instance);

/*
 * udmar_tick - time has passed
 *
 * In deferred mode (hw.dmar.strict=0) unmapped memory may rest, still reachable, until there is
 * enough of it for one request. This asks the units for all that rests, and bounds that time:
 * called every 10 ms, say, nothing rests longer than that and what the unit needs to answer. A host
 * that calls it says so in udmar_config.ticking; for others each unmap is given to the unit at
 * once. Any thread or timer interrupt, also while others map and unmap, but not while the instance
 * is created or destroyed. Does not wait: where the queue is full, its part is put off to the next
 * call. In both modes it wakes who runs deferred loads (udmar_dma_on_waiting()) while loads wait
 * for addresses or memory.
 */
void udmar_tick(struct udmar *instance);

/*
 * udmar_trim - give back what nobody needed since the last call
 *
 * A processor keeps free guest addresses with their page tables for each domain: as many as its
 * devices had mapped at once, up to 64 MiB of addresses for each size of mapping (32 tables of 4
 * KiB), 18 sizes at the most. This gives back what was not needed since the last call, and all that
 * is kept where no mapping of up to 1 MiB has ended since. Called every second, say, or when memory
 * is short; two calls in a row give everything back that is free. Nobody has to call it: what is
 * kept is bounded.
 *
 * A call like those that change something: one at a time with them, from a thread that may wait for
 * hardware, while others map and unmap. Returns UDMAR_OK; UDMAR_ERR_ARGUMENT (null).
 */
enum udmar_status udmar_trim(struct udmar *instance);

/*
 * udmar_destroy - give everything back
 * Returns UDMAR_OK; UDMAR_ERR_ORDER (still started); UDMAR_ERR_BUSY (devices are attached, or there
 * are domains of udmar_domain_create()); UDMAR_ERR_TIMEOUT, UDMAR_ERR_QUEUE, UDMAR_ERR_REFUSED.
 * After an error the instance lives on.
 */
enum udmar_status udmar_destroy(struct udmar *instance);

/*
 * udmar_device_attach - make a PCI function known
 * @name: the driver's or device's name for log lines, at most 31 bytes are kept; null: none.
 *
 * Finds the unit that governs it, every requester id that its requests may carry (bridges, known
 * odd devices, what udmar_host_pci_alias() names), and gives all of them the mode that the tunables
 * say. Devices that share a requester id share a domain and a mode, that of the first one; so do
 * those that are connected by a third one's ids. A device that connects groups makes them one as
 * long as nobody has asked for the domain or a tag of those that give way; else it is blocked, and
 * the log says which of its ids reach what. Where the mode needs an identity table, and there is no
 * list of RAM for it or RAM lies beyond the unit's addresses, the device is translated instead, and
 * the log says so. A function attached twice is counted.
 * Returns UDMAR_OK (also for UDMAR_MODE_UNPROTECTED and UDMAR_MODE_BLOCKED: ask
 * udmar_device_info()); UDMAR_ERR_ARGUMENT; UDMAR_ERR_MEMORY; UDMAR_ERR_DOMAIN_ID;
 * UDMAR_ERR_UNSUPPORTED (mode impossible on its unit); UDMAR_ERR_TOO_BIG (its bridges form a loop,
 * or it has more ids than any device); UDMAR_ERR_RMRR (memory that firmware reserves for it lies on
 * addresses that the domain it has to share has handed out; a log line names both);
 * UDMAR_ERR_TIMEOUT, UDMAR_ERR_QUEUE, UDMAR_ERR_REFUSED. After an error no requester id that it
 * alone sends gets through; those that it shares reach what they reached before.
 * After UDMAR_ERR_TIMEOUT, _QUEUE and _REFUSED the ids are blocked as soon as the unit has
 * forgotten what it may have seen; a later call goes on with it.
 */
enum udmar_status udmar_device_attach(struct udmar *instance, uint16_t segment, udmar_rid_t rid,
                                      const char *name, struct udmar_device **out_device);

/*
 * udmar_device_detach - undo one attach; with the last one forget the device and block its DMA
 *
 * A device with RMRRs keeps a context, because firmware may go on using it: the mode that tunables
 * and firmware say. What its driver has set (mode, domain, sub-page protection, name, fault
 * callback) goes back to what it was before.
 * Returns UDMAR_OK; UDMAR_ERR_ARGUMENT (null, or not attached); UDMAR_ERR_BUSY (tags or maps of the
 * device exist; or it is the last attached one in its domain, that is not one of
 * udmar_domain_create(), and streams, mappings or reserved addresses are left there);
 * UDMAR_ERR_MEMORY, UDMAR_ERR_DOMAIN_ID (a device with RMRRs could not go back);
 * UDMAR_ERR_TIMEOUT, UDMAR_ERR_QUEUE, UDMAR_ERR_REFUSED. After an error the device lives on, with
 * the mode that udmar_device_info() says; a later call of attach, detach, set_mode or start goes on
 * with what the unit has not confirmed.
 */
enum udmar_status udmar_device_detach(struct udmar_device *device);

/*
 * udmar_attach_all - attach every PCI function that is there, but for bridges
 * @out_count: how many were attached by this call; may be null.
 *
 * For hosts without a list of functions: configuration space of every segment that the table names
 * (of segment 0 where there is no table) is looked through, 256 buses each. Names are left empty.
 * Each is attached as by udmar_device_attach(), once more where it was attached before, and a
 * driver finds it with udmar_device_find(). The same contexts as udmar_device_attach().
 * Returns UDMAR_OK; UDMAR_ERR_ARGUMENT; else what udmar_device_attach() said of the first function
 * that could not be attached: all others have been.
 */
enum udmar_status udmar_attach_all(struct udmar *instance, unsigned *out_count);

/*
 * udmar_detach_all - undo every udmar_device_attach(), before udmar_destroy()
 * Returns UDMAR_OK; UDMAR_ERR_ARGUMENT; else what udmar_device_detach() said of the first device
 * that stays attached: all others are detached.
 */
enum udmar_status udmar_detach_all(struct udmar *instance);

/*
 * udmar_pci_find_bridge - a udmar_host_pci_bridge() for hosts that keep no list of bridges
 * @host: for udmar_host_pci_read32(), which is all that it calls.
 * @out_bridge: written only when there is one.
 *
 * Looks through configuration space of the buses below @bus, nearest first, for the bridge whose
 * secondary bus it is: up to 8,192 reads where there is none. False: a root bus. Threads, while a
 * device is set up.
 */
bool udmar_pci_find_bridge(void *host, uint16_t segment, uint8_t bus, udmar_rid_t *out_bridge);

/*
 * udmar_device_set_mode - change what a device gets, at run time
 * @mode: UDMAR_MODE_TRANSLATE to UDMAR_MODE_BLOCKED.
 *
 * All tags below the device's root tag are destroyed first, nothing else of a caller is left in its
 * domain, and it does not share its requester id; but all devices that do leave a domain of
 * udmar_domain_create() together, whatever is mapped there. DMA is blocked during the change.
 * A device that a damaged structure of firmware's table may name gets physical addresses for ever:
 * for anything but passthrough and bounce the answer is UDMAR_ERR_UNSUPPORTED.
 * Returns UDMAR_OK. UDMAR_ERR_ARGUMENT, UDMAR_ERR_BUSY, UDMAR_ERR_UNSUPPORTED (no unit, or the mode
 * needs an identity table and there is no list of RAM, or RAM lies beyond the unit's addresses; the
 * log says which): nothing has changed. UDMAR_ERR_MEMORY, UDMAR_ERR_DOMAIN_ID, UDMAR_ERR_RMRR,
 * UDMAR_ERR_TIMEOUT, UDMAR_ERR_QUEUE, UDMAR_ERR_REFUSED: the device has what it had, domain
 * included, or is blocked where that could not be given back: udmar_device_info() says which. What
 * the unit has not confirmed is tried again by a later call of attach, detach, set_mode or start.
 */
enum udmar_status udmar_device_set_mode(struct udmar_device *device, enum udmar_mode mode);

/*
 * udmar_device_set_subpage - bounce partial pages of the device's buffers
 *
 * Like hw.busdma.pciD:B:D:F.subpage. With translation what a buffer has of its first and last page
 * then lies in pages of its own while it is loaded, and is copied by bus_dmamap_sync(): the device
 * never reaches other bytes of the driver's pages. Memory of bus_dmamem_alloc() has its pages for
 * itself and is not copied. Without translation it changes nothing.
 * Returns UDMAR_OK; UDMAR_ERR_ARGUMENT; UDMAR_ERR_BUSY (tags or maps exist).
 */
enum udmar_status udmar_device_set_subpage(struct udmar_device *device, bool on);

/*
 * The domain of a device; null when it is blocked or unprotected. Once asked for, it stays the
 * device's, and lives, until that is detached or gets another mode or domain, see above; also while
 * the unit has failed, when this returns null. Before, the device may be given another one's domain
 * when a third turns out to send ids of both.
 */
struct udmar_domain *udmar_device_domain(struct udmar_device *device);

struct udmar_domain_config {
    /* Devices that will be put into it: it can what all their units can. Not kept. */
    struct udmar_device *const *devices;
    unsigned device_count; /* 0: any device, so what all units of the instance can */
    unsigned width;        /* bits of guest addresses that must be there, to 57; 0: hw.dmar.width */
    bool small_pages;      /* no leaf is larger than 4 KiB */
    bool snoop;            /* devices' accesses snoop the CPU's caches, whatever they ask for */
    /*
     * For hosts with an allocator of guest addresses of their own and many small mappings: leaf
     * tables stay once they are made, and domain.h's second group of calls maps and unmaps in them
     * without a lock. Costs 4 KiB for each 2 MiB of addresses that were ever used by small
     * mappings.
     */
    bool keep_tables;
};

/*
 * udmar_domain_create - make a domain of one's own
 * @config: null: all zero.
 *
 * For hypervisors and user-space drivers: an address space without devices so far, with domain.h to
 * fill it. Nobody else gives out addresses in it: no busdma, no streams. Only the MSI window is
 * reserved, and what RMRRs of its devices need. Addresses in the apertures of bridges above a
 * device never reach its unit; whoever maps there gets no fault and no access. Returns UDMAR_OK;
 * UDMAR_ERR_ARGUMENT; UDMAR_ERR_DISABLED; UDMAR_ERR_UNSUPPORTED (a device without a unit, or units
 * that cannot share tables of that width, or no snoop control); UDMAR_ERR_MEMORY.
 */
enum udmar_status udmar_domain_create(struct udmar *instance,
                                      const struct udmar_domain_config *config,
                                      struct udmar_domain **out_domain);

/*
 * udmar_domain_destroy - give it back with all that is mapped in it
 * Returns UDMAR_OK; UDMAR_ERR_ARGUMENT (null); UDMAR_ERR_NOT_FOUND (not made by
 * udmar_domain_create() of this instance); UDMAR_ERR_BUSY (a device is in it).
 */
enum udmar_status udmar_domain_destroy(struct udmar *instance, struct udmar_domain *domain);

/*
 * udmar_device_set_domain - put a device into a domain of udmar_domain_create()
 *
 * With it go all devices that share its requester id. Nothing of a caller is left behind, as with
 * udmar_device_set_mode(), which takes it out again; from one such domain to the next it may go
 * with everything mapped. Each id is blocked, invalidated and then given its new context, so DMA
 * that comes meanwhile is stopped. RMRRs of the devices are mapped in the domain one to one, until
 * nobody is in it any more. busdma refuses tags and maps as long as the device is there. Returns
 * UDMAR_OK (also when it was in there already). UDMAR_ERR_ARGUMENT (null, not attached, or not a
 * domain of udmar_domain_create()), UDMAR_ERR_BUSY, UDMAR_ERR_UNSUPPORTED (no unit, a damaged
 * table, or a unit that cannot use the domain's tables; the log says why), UDMAR_ERR_RMRR (an RMRR
 * lies where the caller has mapped or reserved): nothing has changed. UDMAR_ERR_MEMORY,
 * UDMAR_ERR_DOMAIN_ID, UDMAR_ERR_TIMEOUT, UDMAR_ERR_QUEUE, UDMAR_ERR_REFUSED: as for
 * udmar_device_set_mode().
 */
enum udmar_status udmar_device_set_domain(struct udmar_device *device, struct udmar_domain *domain);

/*
 * udmar_device_translation - the domain in which addresses have to be made for the device
 * As udmar_device_domain(), but null also where the device reaches memory under physical addresses
 * (pass-through, identity, bounce). For a port that maps by itself: null means "use the physical
 * address", after udmar_device_info() has said that the device is not blocked.
 */
struct udmar_domain *udmar_device_translation(struct udmar_device *device);

/* The device that was attached under this id, or that uses it as an alias; null: none. */
struct udmar_device *udmar_device_find(struct udmar *instance, uint16_t segment, udmar_rid_t rid);

/* The device after @previous (null: the first); null at the end. */
struct udmar_device *udmar_device_next(struct udmar *instance, struct udmar_device *previous);

#define UDMAR_DEVICE_IDS 8

struct udmar_device_info {
    uint16_t segment;
    udmar_rid_t rid;
    char name[32];
    enum udmar_mode mode;              /* what hardware does with its DMA while it translates */
    enum udmar_mode wanted;            /* what the tunables asked for */
    int unit;                          /* index, -1: none */
    enum udmar_match match;            /* why that unit */
    unsigned id_count;                 /* requester ids with a context, its own included */
    udmar_rid_t ids[UDMAR_DEVICE_IDS]; /* the first of them, from the function up */
    unsigned rmrr_count;
    bool shares_ids;  /* others send the same id: one domain for all of them */
    bool by_firmware; /* known from an RMRR alone, no driver has attached */
    uint64_t faults;
    const char *reason; /* one clause: why it has that mode */
};
void udmar_device_info(struct udmar_device *device, struct udmar_device_info *out_info);

struct udmar_unit_status {
    unsigned index;
    uint16_t segment;
    udmar_paddr_t base;
    bool include_all;
    bool translating; /* through our tables, as its registers say at the time of the call */
    bool uses_queue;  /* else registers invalidate */
    bool failed;      /* left out by the last start */
    bool has_interrupt;
    bool remaps; /* interrupts through our table, as its registers say at the time of the call */
    struct udmar_unit_facts facts;
    uint64_t context_requests;
    uint64_t iotlb_requests;
    uint64_t waits;
    uint64_t queue_errors;
    uint64_t timeouts;
};
unsigned udmar_unit_count(const struct udmar *instance);
/* @index: below udmar_unit_count(). Returns UDMAR_OK or UDMAR_ERR_ARGUMENT. */
enum udmar_status udmar_unit_status(struct udmar *instance, unsigned index,
                                    struct udmar_unit_status *out_status);

#define UDMAR_ALL_INTERRUPTS UINT32_MAX

/*
 * udmar_unit_invalidate_interrupts - make a unit forget interrupt remapping entries
 * @index: of the unit, below udmar_unit_count().
 * @first: an entry's index, a multiple of 2^@count_log2; or UDMAR_ALL_INTERRUPTS, with which
 *         @count_log2 does not matter.
 *
 * For a host with interrupt remapping of its own: while udmar runs, the queue is udmar's. Returns
 * when the unit has done it. From threads and interrupt handlers, with spin locks held, but not
 * from the unit's fault interrupt, and not while udmar_start() or udmar_stop() run. Returns
 * UDMAR_OK; UDMAR_ERR_ARGUMENT; UDMAR_ERR_ORDER (not started, or the unit is left out);
 * UDMAR_ERR_UNSUPPORTED (the unit has no interrupt remapping, its queue is not in use, or so many
 * entries at once are beyond udmar_unit_facts.interrupt_mask); UDMAR_ERR_TIMEOUT, UDMAR_ERR_QUEUE.
 */
enum udmar_status udmar_unit_invalidate_interrupts(struct udmar *instance, unsigned index,
                                                   uint32_t first, unsigned count_log2);

/* The table as it was opened; null when the driver is disabled. */
const struct udmar_table *udmar_instance_table(const struct udmar *instance);

/* The raw root and context entries of a requester id, for people. UDMAR_ERR_NO_UNIT: none. */
enum udmar_status udmar_context_entries(struct udmar *instance, uint16_t segment, udmar_rid_t rid,
                                        uint64_t *out_root, uint64_t out_context[2]);

#ifdef __cplusplus
}
#endif

#endif
