/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All foreign types that busdma(9) can load, and the mutex of busdma_lock_mutex(): for a program
 * that has none of them. A kernel includes those of foreign/ that its drivers use.
 *
 * The library never looks into these types: inline functions turn them into pieces while the caller
 * is compiled, so nothing has to be supplied at link time. Each header has a plain default of its
 * type. A kernel that has the type defines the macro that the header's first comment names before
 * it includes the header, declares its own, and supplies the readers listed there (functions or
 * macros):
 *
 *   #include <mykernel/mbuf.h>
 *   #define UDMAR_PORT_MBUF
 *   static inline struct mbuf *udmar_mbuf_next(struct mbuf *m) ...
 *   #include <udmar/foreign/mbuf.h>
 *
 * How a reader tells what is damaged stands in piece.h.
 */
#ifndef UDMAR_FOREIGN_H
#define UDMAR_FOREIGN_H

#include <udmar/foreign/bio.h>
#include <udmar/foreign/ccb.h>
#include <udmar/foreign/crypto.h>
#include <udmar/foreign/mbuf.h>
#include <udmar/foreign/memdesc.h>
#include <udmar/foreign/mtx.h>
#include <udmar/foreign/pages.h>
#include <udmar/foreign/uio.h>

#endif
