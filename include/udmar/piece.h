/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pieces for udmar_dmamap_load_each(), as a function that reads a kernel's own type fills them.
 *
 * Each udmar_piece_...() fills *out_piece and returns true, so that a reader can return what it
 * returns. What is damaged (negative lengths, null where memory should be, unknown types) is told
 * as udmar_piece_of_nothing() or as no pieces at all: the load then fails with UDMAR_EINVAL.
 */
#ifndef UDMAR_PIECE_H
#define UDMAR_PIECE_H

#include <udmar/busdma.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes in the kernel's address space. */
static inline bool udmar_piece_of_buffer(const void *buffer, uint64_t length,
                                         struct udmar_dma_piece *out_piece)
{
    out_piece->buffer = buffer;
    out_piece->physical = 0;
    out_piece->length = length;
    out_piece->is_physical = false;
    return true;
}

/* Physical memory. */
static inline bool udmar_piece_of_memory(udmar_paddr_t physical, uint64_t length,
                                         struct udmar_dma_piece *out_piece)
{
    out_piece->buffer = NULL;
    out_piece->physical = physical;
    out_piece->length = length;
    out_piece->is_physical = true;
    return true;
}

/* What can be no memory: the load is refused. A false instead would be the end of the pieces. */
static inline bool udmar_piece_of_nothing(struct udmar_dma_piece *out_piece)
{
    return udmar_piece_of_buffer(NULL, UINT64_MAX, out_piece);
}

/* An address of the kernel's that was kept in a field of 64 bits. */
static inline bool udmar_piece_of_address(uint64_t address, uint64_t length,
                                          struct udmar_dma_piece *out_piece)
{
    return address > UINTPTR_MAX
               ? udmar_piece_of_nothing(out_piece)
               : udmar_piece_of_buffer((const void *)(uintptr_t)address, length, out_piece);
}

/* A length that went negative is a piece too long for any tag, so the load refuses it. */
static inline uint64_t udmar_foreign_length(int length)
{
    return length < 0 ? UINT64_MAX : (uint64_t)length;
}

/* One range of physical memory. */
struct udmar_once {
    udmar_paddr_t physical;
    uint64_t length;
    bool done;
};

static inline bool udmar_once_step(void *context, struct udmar_dma_piece *out_piece)
{
    struct udmar_once *once = (struct udmar_once *)context;
    bool more = !once->done;

    once->done = true;
    return more && udmar_piece_of_memory(once->physical, once->length, out_piece);
}

#ifdef __cplusplus
}
#endif

#endif
