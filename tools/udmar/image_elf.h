/* SPDX-License-Identifier: BSD-2-Clause */
/* Between image_file.c and image_elf.c only. */
#ifndef UDMAR_TOOL_IMAGE_ELF_H
#define UDMAR_TOOL_IMAGE_ELF_H

#include "image_file.h"

/* Adds the PT_LOAD segments of a file that begins with the ELF mark, and sets the kind. */
bool image_elf_parts(struct image *image, struct problem *problem);

/* Bytes of the file, not of the memory that it holds. */
bool image_file_bytes(struct image *image, uint64_t offset, void *buffer, size_t size);

/* Adds a part, cut to what the file really has. */
void image_add_part(struct image *image, struct image_part part);

#endif
