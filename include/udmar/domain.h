/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Domains: a guest address space with its page tables.
 *
 * Drivers never see this header: busdma uses it for them. It is for those who place addresses
 * themselves: hypervisors, user-space drivers, tests. Any thread; calls on one domain may run
 * concurrently, they are serialised where they must be.
 *
 * How long a domain lives: one that udmar_device_domain() returned, as long as the device stays in
 * it. Detach and a change of mode or domain take the device out, and answer UDMAR_ERR_BUSY while
 * anything of a caller lives in there: tags and maps, streams, what udmar_domain_map() has mapped,
 * addresses of udmar_domain_alloc_iova(). No other call takes a device out, udmar_start() and
 * udmar_stop() neither, whatever happens to the unit. One of udmar_domain_create() lives until
 * udmar_domain_destroy(), whoever is in it.
 */
#ifndef UDMAR_DOMAIN_H
#define UDMAR_DOMAIN_H

#include <udmar/status.h>
#include <udmar/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct udmar_domain;

/*
 * udmar_domain_map - let the devices of a domain reach memory
 * @iova, @physical, @size: page-aligned; size above 0. The range lies below the domain's end and
 *        outside of what is reserved (the MSI window, bridge apertures, firmware's memory) and of
 *        busdma's windows. Page 0, which is handed out to nobody, can be mapped. Where others take
 *        addresses in this domain as well (busdma, udmar_domain_alloc_iova()), reserve the range
 *        with udmar_domain_alloc_iova() first: what is only mapped may be given to them.
 * @access: UDMAR_READ, UDMAR_WRITE or both.
 *
 * The largest pages are used that alignment and the domain's units allow. When it returns, devices
 * can use the mapping.
 * Returns UDMAR_OK; UDMAR_ERR_ARGUMENT; UDMAR_ERR_EXISTS (something is mapped or reserved there);
 * UDMAR_ERR_MEMORY; UDMAR_ERR_TIMEOUT, UDMAR_ERR_QUEUE or UDMAR_ERR_REFUSED (a unit did not
 * invalidate). On failure nothing is mapped that was not before.
 */
enum udmar_status udmar_domain_map(struct udmar_domain *domain, udmar_iova_t iova,
                                   udmar_paddr_t physical, uint64_t size, unsigned access);

/*
 * udmar_domain_unmap - take memory away from the devices of a domain
 * @iova, @size: page-aligned; any range below the domain's end, also part of what a map made, part
 *        of a large page, or a range with holes. Not inside busdma's windows.
 *
 * When it returns UDMAR_OK, no device can reach the memory any more, and page tables that became
 * empty have been given back.
 * Returns UDMAR_OK; UDMAR_ERR_ARGUMENT; UDMAR_ERR_MEMORY (a large page had to be split; nothing was
 * changed); UDMAR_ERR_TIMEOUT, UDMAR_ERR_QUEUE, UDMAR_ERR_REFUSED (the entries are cleared, but a
 * unit has not confirmed: devices may still reach the memory; do not reuse it).
 */
enum udmar_status udmar_domain_unmap(struct udmar_domain *domain, udmar_iova_t iova, uint64_t size);

/*
 * The same in four steps, for kernels whose own interface has such steps, and for many small
 * mappings. In domains with udmar_domain_config.keep_tables on hosts with a direct map, leaf tables
 * stay, and a step costs a few instructions a page and takes no lock; what is large and aligned
 * still gets large leaves where no small mapping has been before, and costs what
 * udmar_domain_map() costs, as does what lies in the same 2 MiB as a reserved range. In other
 * domains the steps work as well and cost that much always. Any thread, as above; calls that
 * overlap in addresses are the caller's mistake, and what one wrote may be lost.
 *
 * udmar_domain_write - write entries; devices may see them at once, or not before the next step
 * Arguments and errors of udmar_domain_map(). On failure devices may have seen a part: it is
 * forgotten again before this returns, and nothing is mapped that was not before.
 */
enum udmar_status udmar_domain_write(struct udmar_domain *domain, udmar_iova_t iova,
                                     udmar_paddr_t physical, uint64_t size, unsigned access);

/*
 * udmar_domain_publish - devices can use what was written in the range
 * Any number of writes together; the range may have holes.
 * Returns UDMAR_OK; UDMAR_ERR_ARGUMENT; UDMAR_ERR_TIMEOUT, UDMAR_ERR_QUEUE, UDMAR_ERR_REFUSED (a
 * unit in caching mode did not confirm: clear the range and forget it).
 */
enum udmar_status udmar_domain_publish(struct udmar_domain *domain, udmar_iova_t iova,
                                       uint64_t size);

/*
 * udmar_domain_clear - clear entries; devices may still use what their unit knows of them
 * Arguments and errors of udmar_domain_unmap(). The memory is to be kept until
 * udmar_domain_forget() says UDMAR_OK.
 */
enum udmar_status udmar_domain_clear(struct udmar_domain *domain, udmar_iova_t iova, uint64_t size);

/*
 * udmar_domain_forget - no device reaches what was cleared in the range any more
 * One request for any number of clears; the range may have holes, and live mappings in it lose
 * nothing. @size: 0 with @iova 0 for the whole domain.
 * Returns UDMAR_OK; UDMAR_ERR_ARGUMENT; UDMAR_ERR_TIMEOUT, UDMAR_ERR_QUEUE, UDMAR_ERR_REFUSED (a
 * unit has not confirmed; a later call that succeeds vouches for this one, too).
 */
enum udmar_status udmar_domain_forget(struct udmar_domain *domain, udmar_iova_t iova,
                                      uint64_t size);

/*
 * udmar_domain_translate - what the page tables say about an address
 * @out_physical: of the byte at @iova. @out_access: 0 when not mapped. @out_page: bytes of the leaf
 *                that maps it, or of the hole's level. Each may be null.
 * Returns UDMAR_OK, UDMAR_ERR_NOT_FOUND (not mapped), UDMAR_ERR_ARGUMENT (beyond the end).
 */
enum udmar_status udmar_domain_translate(struct udmar_domain *domain, udmar_iova_t iova,
                                         udmar_paddr_t *out_physical, unsigned *out_access,
                                         uint64_t *out_page);

/* Where guest addresses may lie. Zero in a field: no limit. */
struct udmar_iova_limits {
    udmar_iova_t lowest;        /* first address that may be used */
    udmar_iova_t highest;       /* last address that may be used */
    udmar_iova_t exclude_first; /* a window that must not be touched: first address... */
    udmar_iova_t exclude_last;  /* ...and last */
    uint64_t alignment;         /* of the range's first page; a power of two */
    uint64_t boundary;          /* a power of two that the bytes must not cross, if they fit it */
    uint32_t offset;            /* of the first byte in its page, 0 to 4095 */
};

/*
 * udmar_domain_alloc_iova - reserve guest addresses
 * @size: bytes, above 0. @limits: null for none.
 * @out_iova: of the first byte (page base plus limits->offset).
 * Nothing is mapped. Takes time logarithmic in the number of ranges, unless space is nearly used
 * up. Returns UDMAR_OK; UDMAR_ERR_ARGUMENT; UDMAR_ERR_IOVA (no room within the limits);
 * UDMAR_ERR_MEMORY.
 */
enum udmar_status udmar_domain_alloc_iova(struct udmar_domain *domain, uint64_t size,
                                          const struct udmar_iova_limits *limits,
                                          udmar_iova_t *out_iova);

/*
 * udmar_domain_free_iova - give a reserved range back
 * @iova: any address in the first page of the range. The caller has unmapped it with UDMAR_OK.
 * Returns UDMAR_OK; UDMAR_ERR_NOT_FOUND (nothing begins there, or it is not the caller's to free).
 */
enum udmar_status udmar_domain_free_iova(struct udmar_domain *domain, udmar_iova_t iova);

enum udmar_range_kind {
    UDMAR_RANGE_RESERVED = 1,  /* never used: MSI window, bridge apertures */
    UDMAR_RANGE_FIRMWARE = 2,  /* an RMRR, mapped one to one */
    UDMAR_RANGE_ALLOCATED = 3, /* from udmar_domain_alloc_iova() or one busdma load */
    UDMAR_RANGE_WINDOW = 4,    /* belongs to a busdma map */
    /* 5 is never seen. */
    UDMAR_RANGE_NULL = 6, /* page 0: handed out to nobody, but udmar_domain_map() may map it */
};

struct udmar_range_info {
    udmar_iova_t base;
    uint64_t size; /* bytes */
    enum udmar_range_kind kind;
    udmar_iova_t loaded_base; /* of a window: what is loaded now */
    uint64_t loaded_size;     /* 0: nothing */
};

/*
 * udmar_domain_next_range - list what is taken, in the order of addresses
 * @from: ranges that end at or above it; 0 for the first.
 * Returns false when there are no more.
 */
bool udmar_domain_next_range(struct udmar_domain *domain, udmar_iova_t from,
                             struct udmar_range_info *out_range);

struct udmar_mapping_info {
    udmar_iova_t iova;
    udmar_paddr_t physical;
    uint64_t size;   /* bytes: one page, of whatever size it is */
    unsigned access; /* UDMAR_READ, UDMAR_WRITE or both */
};

/*
 * udmar_domain_next_mapping - list what devices reach, page by page, in the order of addresses
 * @from: pages that end above it; 0 for the first.
 * All of it: also busdma's and firmware's. Returns false when there are no more.
 */
bool udmar_domain_next_mapping(struct udmar_domain *domain, udmar_iova_t from,
                               struct udmar_mapping_info *out_mapping);

struct udmar_domain_info {
    unsigned levels;      /* of the page tables, 2 to 5; 0 for pass-through */
    unsigned width;       /* bits: 30, 39, 48, 57 */
    udmar_iova_t end;     /* last usable address */
    unsigned superpages;  /* enum udmar_superpages */
    bool identity;        /* maps addresses to themselves; shared */
    bool owned;           /* made by udmar_domain_create() */
    bool snoop;           /* leaves carry SNP: devices cannot pass the CPU's caches by */
    bool strict;          /* unload waits for the unit */
    uint64_t table_pages; /* page tables in use */
    uint64_t ranges;      /* ranges taken, reserved ones included */
    unsigned devices;     /* requester ids attached */
    unsigned units;       /* that translate through it now */
    uint16_t domain_id;   /* on its first unit */
};
void udmar_domain_info(struct udmar_domain *domain, struct udmar_domain_info *out_info);

/* One step of a table walk, for people: the entry found at a level. */
struct udmar_walk_step {
    unsigned level;      /* 1 is the leaf level */
    unsigned index;      /* of the entry in its table, 0 to 511 */
    udmar_paddr_t table; /* physical address of the table */
    uint64_t entry;      /* as hardware sees it */
};

/*
 * udmar_domain_walk - the entries that lead to an address
 * @out_steps: room for 5. Returns the number of steps filled in; the last one is the leaf or the
 * entry that is not present.
 */
unsigned udmar_domain_walk(struct udmar_domain *domain, udmar_iova_t iova,
                           struct udmar_walk_step out_steps[5]);

#ifdef __cplusplus
}
#endif

#endif
