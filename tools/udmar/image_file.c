/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory images: raw files, memory devices, and the parts that an ELF header lists.
 */
#include "image_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image_elf.h"

/* Physical addresses have 52 bits at the most, so a memory device holds no more. */
#define DEVICE_SIZE (UINT64_C(1) << 52)

static bool read_at(struct image *image, uint64_t offset, void *buffer, size_t size)
{
    uint8_t *to = buffer;

    if (image->descriptor < 0) {
        if (offset > image->size || size > image->size - offset)
            return false;
        memcpy(buffer, image->bytes + offset, size);
        return true;
    }
    while (size > 0) {
        ssize_t got = pread(image->descriptor, to, size, (off_t)offset);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            image->read_error = got < 0 ? errno : 0;
            return false;
        }
        to += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return true;
}

bool image_file_bytes(struct image *image, uint64_t offset, void *buffer, size_t size)
{
    return read_at(image, offset, buffer, size);
}

void image_add_part(struct image *image, struct image_part part)
{
    if (part.offset >= image->size || part.size == 0) {
        image->cut += part.size != 0;
        return;
    }
    if (part.size > image->size - part.offset) {
        part.size = image->size - part.offset;
        image->cut++;
    }
    /* A part whose addresses wrap around would make every later comparison wrong. */
    if (part.size - 1 > UINT64_MAX - part.physical)
        part.size = UINT64_MAX - part.physical;
    image->parts = reallocate(image->parts, image->count + 1, sizeof(image->parts[0]));
    image->parts[image->count++] = part;
}

static int compare_parts(const void *left, const void *right)
{
    const struct image_part *a = left, *b = right;

    return (a->physical > b->physical) - (a->physical < b->physical);
}

static bool prepare(struct image *image, const struct image_layout *layout, struct problem *problem)
{
    uint8_t mark[8] = { 0 };

    if (image->kind == NULL && !layout->raw && layout->count == 0 && image->size >= sizeof(mark)) {
        if (!read_at(image, 0, mark, sizeof(mark)))
            return problem_set(problem, 0, "cannot read it: %s", strerror(image->read_error));
        if (memcmp(mark, "KDUMP   ", 8) == 0 || memcmp(mark, "DISKDUMP", 8) == 0)
            return problem_set(problem, 0,
                               "is a compressed kdump file; make an ELF file of it (makedumpfile "
                               "-E, or dump-guest-memory without -z, -l and -s)");
        if (memcmp(mark, "\177ELF", 4) == 0 && !image_elf_parts(image, problem))
            return false;
    }
    if (image->kind == NULL) {
        image->kind = "raw image";
        for (size_t i = 0; i < layout->count; i++)
            image_add_part(image, layout->parts[i]);
        if (layout->count == 0)
            image_add_part(image, (struct image_part){ layout->base, 0, image->size });
    }
    if (image->count == 0)
        return problem_set(problem, 0, "holds no memory");
    qsort(image->parts, image->count, sizeof(image->parts[0]), compare_parts);
    return true;
}

bool image_from_bytes(const char *name, const uint8_t *bytes, size_t size,
                      const struct image_layout *layout, struct image *out_image,
                      struct problem *problem)
{
    *out_image = (struct image){ .name = name, .descriptor = -1, .bytes = bytes, .size = size };
    if (!prepare(out_image, layout, problem)) {
        image_close(out_image);
        return false;
    }
    return true;
}

bool image_open(const char *path, const struct image_layout *layout, struct image *out_image)
{
    struct image image = { .name = path };
    struct problem problem;
    struct stat status;

    image.descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (image.descriptor < 0 || fstat(image.descriptor, &status) != 0) {
        message("cannot open %s: %s", path, strerror(errno));
        if (image.descriptor >= 0)
            close(image.descriptor);
        return false;
    }
    if (S_ISCHR(status.st_mode)) {
        image.kind = "memory device";
        image.size = DEVICE_SIZE;
        image_add_part(&image, (struct image_part){ 0, 0, DEVICE_SIZE });
    } else if (!S_ISREG(status.st_mode)) {
        message("%s is neither a file nor a memory device: images cannot come through a pipe",
                path);
        close(image.descriptor);
        return false;
    } else {
        image.size = (uint64_t)status.st_size;
    }
    if (!prepare(&image, layout, &problem)) {
        message("%s %s", path, problem.text);
        image_close(&image);
        return false;
    }
    *out_image = image;
    return true;
}

void image_close(struct image *image)
{
    if (image->descriptor >= 0)
        close(image->descriptor);
    free(image->parts);
    *image = (struct image){ .descriptor = -1 };
}

/* The part that holds an address; null when there is none. Parts may overlap: the first wins. */
static const struct image_part *find(const struct image *image, uint64_t physical)
{
    for (size_t i = 0; i < image->count; i++) {
        const struct image_part *part = &image->parts[i];

        if (physical >= part->physical && physical - part->physical < part->size)
            return part;
    }
    return NULL;
}

bool image_read(struct image *image, uint64_t physical, void *buffer, size_t size,
                uint64_t *out_offset)
{
    uint8_t *to = buffer;
    bool first = true;

    while (size > 0) {
        const struct image_part *part = find(image, physical);
        uint64_t inside;
        size_t now;

        if (part == NULL)
            return false;
        inside = physical - part->physical;
        now = size < part->size - inside ? size : (size_t)(part->size - inside);
        if (first && out_offset != NULL)
            *out_offset = part->offset + inside;
        first = false;
        if (!read_at(image, part->offset + inside, to, now))
            return false;
        to += now;
        physical += now;
        size -= now;
    }
    return true;
}

const char *image_describe(const struct image *image, char *buffer, size_t size)
{
    size_t length = (size_t)snprintf(buffer, size, "%s,", image->kind);

    for (size_t i = 0; i < image->count && length < size; i++) {
        const struct image_part *part = &image->parts[i];

        if (i == 6) {
            snprintf(buffer + length, size - length, " and %zu more parts", image->count - i);
            break;
        }
        length +=
            (size_t)snprintf(buffer + length, size - length, "%s 0x%" PRIx64 "-0x%" PRIx64,
                             i > 0 ? "," : "", part->physical, part->physical + part->size - 1);
    }
    return buffer;
}

bool image_layout_add(struct image_layout *layout, const char *text)
{
    struct image_part part;
    char copy[100];
    char *offset, *size;

    if (layout->count == IMAGE_LAYOUT_PARTS || strlen(text) >= sizeof(copy))
        return false;
    strcpy(copy, text);
    offset = strchr(copy, ':');
    size = offset != NULL ? strchr(offset + 1, ':') : NULL;
    if (size == NULL)
        return false;
    *offset++ = '\0';
    *size++ = '\0';
    if (!parse_number(copy, &part.physical) || !parse_number(offset, &part.offset) ||
        !parse_number(size, &part.size) || part.size == 0)
        return false;
    layout->parts[layout->count++] = part;
    return true;
}
