/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer: a memory image and a question. The first 24 bytes say what is asked; the rest is the
 * image: raw memory, or a file that may begin with an ELF header.
 */
#include "walk_print.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD = 24, ELF_BIT = 1, PASID_BIT = 2, CAP_BIT = 4, IRTA_BIT = 8, MODE_SHIFT = 6 };

static uint64_t number(const uint8_t *bytes, unsigned size)
{
    uint64_t value = 0;

    for (unsigned i = size; i-- > 0;)
        value = value << 8 | bytes[i];
    return value;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *sink;
    static struct walk walk;
    struct dump_options options = { .line_limit = 100, .table_limit = 500 };
    struct image_layout layout = { 0 };
    struct walk_unit unit = { .host_bits = 39 };
    struct walk_request request = { 0 };
    struct dump_totals totals;
    struct problem problem;
    struct image image;

    if (sink == NULL) {
        sink = fopen("/dev/null", "w");
        if (sink == NULL || freopen("/dev/null", "w", stdout) == NULL)
            return 0;
    }
    if (size < HEAD)
        return 0;
    layout.raw = (data[0] & ELF_BIT) == 0;
    request.has_pasid = (data[0] & PASID_BIT) != 0;
    unit.has_cap = unit.has_ecap = (data[0] & CAP_BIT) != 0;
    unit.cap = number(data + 16, 4) << 8;
    unit.ecap = number(data + 20, 4);
    /* Tables within the first pages, so that a walk gets somewhere. */
    request.root = ((uint64_t)data[1] << 12) | (uint64_t)(data[0] >> MODE_SHIFT) << 10;
    request.rid = (udmar_rid_t)number(data + 2, 2);
    request.pasid = (uint32_t)number(data + 4, 4) & 0xfffff;
    request.iova = number(data + 8, 8);
    /* What is the PASID in other questions is the size of the interrupt table and the data here. */
    request.has_irta = options.has_irta = (data[0] & IRTA_BIT) != 0;
    request.irta = options.irta = ((uint64_t)data[1] << 12) | (data[4] & 15) | (data[5] & 8) << 8;
    request.data = (uint32_t)number(data + 6, 2);
    if (!image_from_bytes("fuzz", data + HEAD, size - HEAD, &layout, &image, &problem))
        return 0;
    walk_run(&walk, &image, &unit, &request);
    walk_print(&walk, false);
    walk_print_json(&walk, sink);
    dump_run(sink, &image, &unit, request.root, &options, &totals);
    options.json = true;
    dump_run(sink, &image, &unit, request.root, &options, &totals);
    image_close(&image);
    return 0;
}
