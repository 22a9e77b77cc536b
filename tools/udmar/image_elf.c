/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The segments of an ELF core, 32 and 64 bits, little endian. Own constants instead of <elf.h>:
 * that header is not everywhere, and a handful of offsets is all there is to it.
 */
#include "image_elf.h"

enum {
    ELF_CLASS = 4, /* byte: 1 is 32 bits, 2 is 64 bits */
    ELF_DATA = 5,  /* byte: 1 is little endian */
    ELF_TYPE = 16, /* 16 bits: 4 is a core */
    PT_LOAD_TYPE = 1,
    TYPE_CORE = 4,
    MANY_HEADERS = 0xffff, /* the real number stands in the first section header */
    HEADER_LIMIT = 4096,   /* each read searches the list */
};

static uint64_t get(const uint8_t *bytes, size_t offset, unsigned size)
{
    uint64_t value = 0;

    for (unsigned i = size; i-- > 0;)
        value = value << 8 | bytes[offset + i];
    return value;
}

/* Where the fields stand in the two classes. */
struct layout {
    uint8_t header_size, word;
    uint8_t phoff, shoff, phentsize, phnum;
    uint8_t entry_size, entry_offset, entry_paddr, entry_filesz;
    uint8_t section_size, section_info;
};

static const struct layout layouts[2] = {
    { 52, 4, 28, 32, 42, 44, 32, 4, 12, 16, 40, 28 },
    { 64, 8, 32, 40, 54, 56, 56, 8, 24, 32, 64, 44 },
};

static bool header_count(struct image *image, const struct layout *layout, const uint8_t *header,
                         uint64_t *count, struct problem *problem)
{
    uint8_t section[64];
    uint64_t shoff = get(header, layout->shoff, layout->word);

    *count = get(header, layout->phnum, 2);
    if (*count == MANY_HEADERS && shoff != 0) {
        if (!image_file_bytes(image, shoff, section, layout->section_size))
            return problem_set(problem, (size_t)shoff,
                               "ends before its section header at offset 0x%llx",
                               (unsigned long long)shoff);
        *count = get(section, layout->section_info, 4);
    }
    if (*count > HEADER_LIMIT)
        return problem_set(problem, 0, "claims %llu program headers; the limit is %d",
                           (unsigned long long)*count, (int)HEADER_LIMIT);
    return true;
}

static bool segments(struct image *image, const struct layout *layout, const uint8_t *header,
                     struct problem *problem)
{
    uint64_t offset = get(header, layout->phoff, layout->word);
    uint64_t step = get(header, layout->phentsize, 2);
    uint64_t count;
    uint8_t entry[56];

    if (step < layout->entry_size)
        return problem_set(problem, layout->phentsize, "has program headers of %llu bytes",
                           (unsigned long long)step);
    if (!header_count(image, layout, header, &count, problem))
        return false;
    for (uint64_t i = 0; i < count; i++, offset += step) {
        struct image_part part;

        if (offset > image->size || !image_file_bytes(image, offset, entry, layout->entry_size))
            return problem_set(problem, (size_t)offset,
                               "ends before its program header %llu at offset 0x%llx",
                               (unsigned long long)i, (unsigned long long)offset);
        if (get(entry, 0, 4) != PT_LOAD_TYPE)
            continue;
        part.offset = get(entry, layout->entry_offset, layout->word);
        part.physical = get(entry, layout->entry_paddr, layout->word);
        part.size = get(entry, layout->entry_filesz, layout->word);
        /* /proc/kcore says "no physical address" with all ones. */
        if (part.physical != (layout->word == 8 ? UINT64_MAX : UINT32_MAX))
            image_add_part(image, part);
    }
    return true;
}

bool image_elf_parts(struct image *image, struct problem *problem)
{
    uint8_t header[64];
    const struct layout *layout;

    if (image->size < 64 || !image_file_bytes(image, 0, header, sizeof(header)))
        return problem_set(problem, 0, "ends inside its ELF header");
    if (header[ELF_CLASS] < 1 || header[ELF_CLASS] > 2 || header[ELF_DATA] != 1)
        return problem_set(problem, ELF_CLASS,
                           "is an ELF file, but not a little-endian one of 32 or 64 bits");
    if (get(header, ELF_TYPE, 2) != TYPE_CORE)
        return problem_set(problem, ELF_TYPE,
                           "is an ELF file, but no core: it has no memory of a machine");
    layout = &layouts[header[ELF_CLASS] - 1];
    if (!segments(image, layout, header, problem))
        return false;
    if (image->count == 0)
        return problem_set(problem, 0, "is an ELF core without memory in it");
    image->kind = "ELF core";
    return true;
}
