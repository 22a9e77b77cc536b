/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fault records, decoded and put into words.
 *
 * The input is the two halves of a record, a byte of choices, the fields that the driver adds, and
 * two sizes of buffers.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include <udmar/udmar.h>

#include "model.h"

#define LONGEST 1024

/* One instance for all inputs: it has two devices, one with a name as long as may be. */
static struct udmar *instance;
static struct udmar_device *devices[2];

static void make_instance(void)
{
    static uint8_t table[512];
    struct model *m = model_create(NULL);
    struct udmar_config config = { .table = table, .direct_map = true };

    model_add_unit(m, &(struct model_unit_config){ .base = 0xfed90000, .include_all = true });
    udmar_tunables_init(&config.tunables);
    config.tunables.enable = true;
    config.table_size = model_dmar_build(m, table, sizeof(table));
    REQUIRE(udmar_create(m, &config, &instance) == UDMAR_OK);
    REQUIRE(udmar_device_attach(instance, 0, 0x10, NULL, &devices[0]) == UDMAR_OK);
    REQUIRE(udmar_device_attach(instance, 0, 0x18, "a driver whose name has no end at all",
                                &devices[1]) == UDMAR_OK);
}

/* The fields by bytes and bits of the record [VTD 11.4.14], not by the driver's macros. */
static void compare(const uint64_t raw[2], const struct udmar_fault *fault)
{
    static const uint8_t kinds[] = { UDMAR_FAULT_WRITE, UDMAR_FAULT_READ, UDMAR_FAULT_PAGE_REQUEST,
                                     UDMAR_FAULT_ATOMIC };
    uint8_t byte[16];
    bool interrupt;

    for (unsigned i = 0; i < 16; i++)
        byte[i] = (uint8_t)(raw[i / 8] >> (8 * (i % 8)));
    interrupt = byte[12] / 16 == 2;
    REQUIRE(fault->rid == byte[8] + 256 * byte[9]);
    REQUIRE(fault->reason == byte[12]);
    REQUIRE(fault->has_pasid == (byte[11] >= 0x80));
    REQUIRE(fault->pasid ==
            (fault->has_pasid ? byte[13] + 256u * byte[14] + 65536u * (byte[15] & 15u) : 0));
    if (interrupt) {
        REQUIRE(fault->access == UDMAR_FAULT_INTERRUPT);
        REQUIRE(fault->address == byte[6] + 256u * byte[7]);
    } else {
        REQUIRE(fault->access == kinds[((byte[15] & 0x40) != 0) + 2 * ((byte[11] & 0x10) != 0)]);
        REQUIRE(fault->address == raw[0] - raw[0] % 4096);
    }
    REQUIRE(fault->raw[0] == raw[0] && fault->raw[1] == raw[1]);
    REQUIRE(fault->sequence == 0 && fault->device == NULL && fault->place == 0);
}

static void format(const struct udmar_fault *fault, size_t smaller)
{
    char whole[LONGEST], *part = malloc(smaller);
    size_t length = udmar_fault_format(instance, fault, whole, sizeof(whole)), cut;

    REQUIRE(part != NULL);
    REQUIRE(length == strlen(whole) && length + 1 < sizeof(whole));
    for (size_t i = 0; i < length; i++)
        REQUIRE(whole[i] >= ' ' && whole[i] <= '~');
    REQUIRE(strstr(whole, udmar_fault_reason_string(fault->reason)) != NULL);
    REQUIRE(whole[length - 1] == ']');
    cut = udmar_fault_format(instance, fault, part, smaller);
    REQUIRE(cut < smaller && cut == strlen(part));
    REQUIRE(memcmp(part, whole, cut) == 0);
    /* It fits, or everything there is room for is used (a blank alone is not worth beginning). */
    REQUIRE(smaller <= length ? cut + 3 >= smaller || cut + 1 == smaller : cut == length);
    free(part);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = { data, size };
    uint64_t raw[2] = { take(&in, 8), take(&in, 8) };
    struct udmar_fault fault;
    unsigned choices;

    if (instance == NULL)
        make_instance();
    udmar_fault_decode(raw, &fault);
    compare(raw, &fault);
    choices = (unsigned)take(&in, 1);
    /* A copy may be older than its device: any pointer has to do. */
    fault.device = choices & 1   ? devices[choices >> 1 & 1]
                   : choices & 2 ? (struct udmar_device *)(uintptr_t)0x1000
                                 : NULL;
    fault.from_firmware = choices & 4;
    fault.overflow = choices & 8;
    fault.place = (uint8_t)take(&in, 1);
    fault.access = choices & 16 ? (uint8_t)take(&in, 1) : fault.access;
    fault.segment = (uint16_t)take(&in, 2);
    fault.unit = (uint16_t)take(&in, 2);
    fault.sequence = take(&in, 8);
    fault.near_base = take(&in, 8);
    fault.near_size = take(&in, 8);
    fault.near_age = take(&in, 8);
    format(&fault, 1 + take(&in, 2) % 600);
    return 0;
}
