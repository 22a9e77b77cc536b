/* SPDX-License-Identifier: BSD-2-Clause */
/* Owners by address; directory.h says what for. */
#include "space/directory.h"

#include "base/assert.h"

#define LEVEL_SIZE (UDMAR__DIRECTORY_ENTRIES * sizeof(void *))

bool udmar__directory_set(void *host, struct udmar__directory *directory, uint64_t page,
                          void *owner)
{
    void ***top = directory->top;
    void **leaf;

    UDMAR_ASSERT(page < UDMAR__DIRECTORY_END >> UDMAR_PAGE_SHIFT);
    if (top == NULL) {
        top = udmar_host_alloc(host, LEVEL_SIZE);
        if (top == NULL) {
            return false;
        }
    }
    leaf = top[page >> 18];
    if (leaf == NULL) {
        leaf = udmar_host_alloc(host, LEVEL_SIZE);
        if (leaf == NULL) {
            if (directory->top == NULL) {
                udmar_host_free(host, top, LEVEL_SIZE);
            }
            return false;
        }
    }
    __atomic_store_n(&leaf[(page >> 9) & 511], owner, __ATOMIC_RELEASE);
    /* Once there, they stay: who owns a part of a place reads the way to it without atomics. */
    if (top[page >> 18] == NULL) {
        __atomic_store_n(&top[page >> 18], leaf, __ATOMIC_RELEASE);
    }
    if (directory->top == NULL) {
        __atomic_store_n(&directory->top, top, __ATOMIC_RELEASE);
    }
    return true;
}

void udmar__directory_clear(struct udmar__directory *directory, uint64_t page)
{
    UDMAR_ASSERT(udmar__directory_at(directory, page) != NULL);
    __atomic_store_n(&directory->top[page >> 18][(page >> 9) & 511], NULL, __ATOMIC_RELEASE);
}

void udmar__directory_free(void *host, struct udmar__directory *directory)
{
    if (directory->top == NULL) {
        return;
    }
    for (unsigned i = 0; i < UDMAR__DIRECTORY_ENTRIES; i++) {
        if (directory->top[i] != NULL) {
            udmar_host_free(host, directory->top[i], LEVEL_SIZE);
        }
    }
    udmar_host_free(host, directory->top, LEVEL_SIZE);
    directory->top = NULL;
}
