/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A memory image: physical addresses in, bytes out.
 *
 * Three kinds: a raw file (byte 0 is physical address 0 unless told otherwise), an ELF core whose
 * PT_LOAD segments carry physical addresses (QEMU's dump-guest-memory, /proc/vmcore), and a memory
 * device (/dev/mem). Files are read piece by piece: images are bigger than the memory at hand.
 */
#ifndef UDMAR_TOOL_IMAGE_FILE_H
#define UDMAR_TOOL_IMAGE_FILE_H

#include "common.h"

/* A run of physical memory and where the file has it. */
struct image_part {
    uint64_t physical;
    uint64_t offset;
    uint64_t size;
};

enum { IMAGE_LAYOUT_PARTS = 16 };

/* What the user says about a raw image; all zero: byte 0 is physical address 0. */
struct image_layout {
    bool raw;      /* take the file as raw whatever its first bytes look like */
    uint64_t base; /* physical address of byte 0, without parts */
    struct image_part parts[IMAGE_LAYOUT_PARTS];
    size_t count;
};

struct image {
    const char *name;
    const char *kind;         /* "raw image", "ELF core", "memory device" */
    int descriptor;           /* -1: the image is in bytes */
    const uint8_t *bytes;     /* not owned */
    uint64_t size;            /* of the file */
    struct image_part *parts; /* sorted by physical address, none empty, none beyond the file */
    size_t count;
    size_t cut;     /* parts that the file is too short for */
    int read_error; /* errno of the last read that failed, 0 when there was none */
};

/* Opens a file or memory device. False after a message(). */
bool image_open(const char *path, const struct image_layout *layout, struct image *out_image);

/* The same over bytes in memory, which must stay. False and a problem for an unusable ELF file. */
bool image_from_bytes(const char *name, const uint8_t *bytes, size_t size,
                      const struct image_layout *layout, struct image *out_image,
                      struct problem *problem);

void image_close(struct image *image);

/*
 * Reads physical memory. False when the image does not hold all of it. out_offset (null is allowed)
 * is where the first byte stands in the file.
 */
bool image_read(struct image *image, uint64_t physical, void *buffer, size_t size,
                uint64_t *out_offset);

/* "raw image, 0x0-0x3fffffff" and so on: what the image holds, for messages. */
const char *image_describe(const struct image *image, char *buffer, size_t size);

/* "PHYSICAL:OFFSET:SIZE", numbers in any base, into the next part of a layout. */
bool image_layout_add(struct image_layout *layout, const char *text);

#endif
