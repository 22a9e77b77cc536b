// SPDX-License-Identifier: BSD-2-Clause
/*
 * The way of most mappings in one translation unit: a driver's call and the library's stream behind
 * it, so that the compiler makes one function of both. Neither file knows of the other.
 */
#include "../../src/space/stream.c"

#include "dma_ops.c"
