/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupt remapping of one unit: on, off, and having it forget entries [VTD 5.1]. */
#ifndef UDMAR_INTERRUPT_REMAP_UNIT_H
#define UDMAR_INTERRUPT_REMAP_UNIT_H

#include "interrupt/remap_table.h"
#include "unit/unit.h"

/*
 * Hands the table to the unit and switches remapping on. The one function that does it: at start,
 * in place of a table that was found on, and again after the registers have been lost. Messages in
 * compatibility format pass afterwards if @pass, else as they did before.
 * UDMAR_ERR_TIMEOUT, UDMAR_ERR_QUEUE: the unit may remap, or may not.
 */
enum udmar_status udmar__remap_enable(struct udmar_unit *unit,
                                      const struct udmar__remap_table *table, bool pass);
/* Remapping is off, and the unit knows no table of ours. UDMAR_ERR_TIMEOUT: perhaps it does. */
enum udmar_status udmar__remap_disable(struct udmar_unit *unit);

/*
 * The unit forgets 2^@count_log2 entries from @first, a multiple of that, on. Returns when it has.
 * A queue that is gone is replaced by setting the table once more where that flushes.
 */
enum udmar_status udmar__remap_forget(struct udmar_unit *unit, uint32_t first, unsigned count_log2);
enum udmar_status udmar__remap_forget_all(struct udmar_unit *unit);
/* Has the unit to be told of an entry that was not present until now? */
bool udmar__remap_caches_absent(const struct udmar_unit *unit);

#endif
