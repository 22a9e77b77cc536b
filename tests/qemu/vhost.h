/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The back end of a vhost-user disk with ATS: the device's cache of translations, played by the
 * test.
 *
 * QEMU asks the unit in the device's name. A message "miss" is a translation request, its answer
 * "update" the translation with its size, and "invalidate" what a device-TLB
 * invalidation of the driver comes to. A thread speaks with QEMU, which waits for its answers while
 * it does what this process has told it to do.
 */
#ifndef UDMAR_TESTS_VHOST_H
#define UDMAR_TESTS_VHOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vhost;

/*
 * What the unit has said to a translation request. Rights are not among it: QEMU answers "read and
 * write" to whatever is allowed, so what a page allows is seen by asking for the one and for the
 * other.
 */
struct vhost_translation {
    uint64_t iova, size, physical;
};

struct vhost_invalidation {
    uint64_t iova, size;
};

/* Listens at a socket whose path is vhost_path(). Never returns null. */
struct vhost *vhost_open(void);
const char *vhost_path(const struct vhost *v);
void vhost_close(struct vhost *v);

/* Has QEMU started the device, and can it be asked? */
bool vhost_ready(struct vhost *v);

/* Requests a translation, to read or to write. False: the unit has refused, and @out is unchanged.
 */
bool vhost_translate(struct vhost *v, uint64_t iova, bool write, struct vhost_translation *out);

/* The next invalidation that has come in since the last call; false: there is none. */
bool vhost_take_invalidation(struct vhost *v, struct vhost_invalidation *out);

#endif
