/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables that map memory to itself, for devices that are to see physical addresses. */
#include "policy/instance.h"
#include "space/reserved.h"

/* The bytes from @address on that are unmapped (or mapped, with @mapped), at most to @end. */
static udmar_paddr_t run_end(struct udmar_domain *domain, udmar_paddr_t address, udmar_paddr_t end,
                             bool mapped)
{
    while (address < end) {
        uint64_t page = UDMAR_PAGE_SIZE;
        enum udmar_status status = udmar_domain_translate(domain, address, NULL, NULL, &page);

        if ((status == UDMAR_OK) != mapped) {
            break;
        }
        address = udmar__align_down(address, page) + page;
    }
    return address < end ? address : end;
}

static enum udmar_status map_holes(struct udmar_domain *domain, udmar_paddr_t base, uint64_t size)
{
    udmar_paddr_t end = base + size;

    while (base < end) {
        udmar_paddr_t hole = run_end(domain, base, end, true);
        udmar_paddr_t stop = run_end(domain, hole, end, false);
        enum udmar_status status = UDMAR_OK;

        if (stop > hole) {
            status = udmar__domain_map_fixed(domain, hole, hole, stop - hole, UDMAR_READ_WRITE);
        }
        if (status != UDMAR_OK) {
            return status;
        }
        base = stop;
    }
    return UDMAR_OK;
}

bool udmar__identity_possible(struct udmar_domain *domain, udmar_paddr_t base, uint64_t size)
{
    udmar_paddr_t end = base + size;
    udmar_paddr_t physical;
    uint64_t page;
    unsigned access;

    while (base < end) {
        enum udmar_status status = udmar_domain_translate(domain, base, &physical, &access, &page);

        if (status == UDMAR_ERR_ARGUMENT ||
            (status == UDMAR_OK && (physical != base || access != UDMAR_READ_WRITE))) {
            return false;
        }
        base = udmar__align_down(base, page) + page;
    }
    return true;
}

/* RAM never lies in the MSI window, but a table with such a page would be refused as a whole. */
enum udmar_status udmar__identity_map(struct udmar_domain *domain, udmar_paddr_t base,
                                      uint64_t size)
{
    udmar_paddr_t end = base + size;
    enum udmar_status status = UDMAR_OK;

    /* Addresses that it does not have are no holes to walk over page by page. */
    if (end - 1 > domain->end) {
        return UDMAR_ERR_UNSUPPORTED;
    }
    if (base < MSI_RANGE_FIRST) {
        udmar_paddr_t stop = udmar__min(end, MSI_RANGE_FIRST);

        status = map_holes(domain, base, stop - base);
        base = stop;
    }
    base = udmar__max(base, end > MSI_RANGE_LAST ? MSI_RANGE_LAST + 1 : end);
    if (status == UDMAR_OK && base < end) {
        status = map_holes(domain, base, end - base);
    }
    return status;
}

enum udmar_status udmar__identity_fill(struct udmar *instance, struct udmar_domain *domain)
{
    enum udmar_status status = UDMAR_OK;

    for (unsigned i = 0; i < instance->ram_count && status == UDMAR_OK; i++) {
        status = udmar__identity_map(domain, instance->ram[i].base, instance->ram[i].size);
    }
    return status;
}
