/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Books against hardware: what the library says of its units and devices is what the hardware
 * does. The comparison reads the model's memory and caches and has its own constants; of the
 * library it takes what udmar_unit_status() and udmar_device_info() say, and where a domain's
 * tables are.
 */
#ifndef UDMAR_TESTS_BOOKS_H
#define UDMAR_TESTS_BOOKS_H

#include <udmar/udmar.h>

#include "model.h"

/*
 * While faults go on: nothing is claimed to be kept from memory that is not. @probe: a page of
 * memory that no device's tables map. Returns the number of untrue claims; prints each.
 */
unsigned books_overclaim(struct model *m, struct udmar *instance, uint64_t probe);

/*
 * Between two calls, while hardware answers and the instance is started: every unit and every
 * device is as it is said to be, and no requester id has a context but those of known devices.
 */
unsigned books_disagree(struct model *m, struct udmar *instance);

#endif
