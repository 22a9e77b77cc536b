/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What owns 2 MiB of guest addresses, found by an address in them without a lock: two levels of
 * pointers, appended and changed with the domain's lock, read without. They reach 39 bits far.
 *
 * Who looks something up must own a part of it, or it may go meanwhile.
 */
#ifndef UDMAR_SPACE_DIRECTORY_H
#define UDMAR_SPACE_DIRECTORY_H

#include <udmar/types.h>

#define UDMAR__DIRECTORY_END     (UINT64_C(1) << 39)
#define UDMAR__DIRECTORY_ENTRIES 512u

struct udmar__directory {
    void ***top; /* null until something is in it */
};

/* What owns a page (a guest address's page number), or null. */
static inline void *udmar__directory_at(const struct udmar__directory *directory, uint64_t page)
{
    void ***top = __atomic_load_n(&directory->top, __ATOMIC_ACQUIRE);
    void **leaf;

    if (top == NULL || page >= UDMAR__DIRECTORY_END >> UDMAR_PAGE_SHIFT) {
        return NULL;
    }
    leaf = __atomic_load_n(&top[page >> 18], __ATOMIC_ACQUIRE);
    return leaf == NULL ? NULL : __atomic_load_n(&leaf[(page >> 9) & 511], __ATOMIC_ACQUIRE);
}

/* The same for a page that something owns. */
static inline void *udmar__directory_known(const struct udmar__directory *directory, uint32_t page)
{
    return directory->top[page >> 18][(page >> 9) & 511];
}

/* False: no memory, and nothing is left behind. With the domain's lock. */
bool udmar__directory_set(void *host, struct udmar__directory *directory, uint64_t page,
                          void *owner);
/* Takes it out again. With the domain's lock. */
void udmar__directory_clear(struct udmar__directory *directory, uint64_t page);
void udmar__directory_free(void *host, struct udmar__directory *directory);

#endif
