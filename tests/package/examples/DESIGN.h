/* SPDX-License-Identifier: BSD-2-Clause */
/* What the examples of docs/DESIGN.md take for granted: a hypervisor that has started the driver.
 */
#include <udmar/domain.h>
#include <udmar/udmar.h>

#define MIB(number) ((uint64_t)(number) << 20)

extern struct udmar *dmar;
extern struct udmar_device *net, *disk;
extern udmar_paddr_t ram;
