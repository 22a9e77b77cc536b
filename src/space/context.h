/* SPDX-License-Identifier: BSD-2-Clause */
/* Root and context tables: which domain a requester id belongs to [VTD 9.1, 9.3]. */
#ifndef UDMAR_SPACE_CONTEXT_H
#define UDMAR_SPACE_CONTEXT_H

#include "space/domain.h"

/* Makes the unit's root table; hardware is not told. */
enum udmar_status udmar__root_create(struct udmar_unit *unit);
/* Frees root and context tables; translation is off, or the unit points elsewhere. */
void udmar__root_destroy(struct udmar_unit *unit);
/* Hands the root table to hardware and invalidates everything [VTD 6.6]. */
enum udmar_status udmar__root_activate(struct udmar_unit *unit);

/*
 * Lets a requester id use the domain; no effect where it does already. UDMAR_ERR_EXISTS: it has a
 * context of another domain. After UDMAR_ERR_TIMEOUT, _QUEUE and _REFUSED the context may stand
 * without the unit having been told: to be set once more, or cleared. After other errors the id is
 * as it was.
 */
enum udmar_status udmar__context_set(struct udmar_unit *unit, udmar_rid_t rid,
                                     struct udmar_domain *domain);
/*
 * Blocks a requester id; no effect where it has no context of this domain. After an error the unit
 * may still know the context: to be cleared once more, or set again.
 */
enum udmar_status udmar__context_clear(struct udmar_unit *unit, udmar_rid_t rid,
                                       struct udmar_domain *domain);
/* The raw entries of a requester id, for people; zero where there is none. */
void udmar__context_read(struct udmar_unit *unit, udmar_rid_t rid, uint64_t *out_root,
                         uint64_t out_entry[2]);

#endif
