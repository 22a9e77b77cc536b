/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupt remapping that was found on: any table, anywhere, in any format, is taken over.
 *
 * Control block: format of the old table and of ours, its size, where it lies. Then entries, 17
 * bytes each: a place in the table, and what is there.
 *
 * What is kept must be what hardware would have done with the old table; what hardware refuses must
 * be gone; and no interrupt goes anywhere else.
 */
#include "fuzz.h"

#include <string.h>

#include <udmar/udmar.h>

#include "model.h"

#define BASE    UINT64_C(0xfed91000)
#define RAM     UINT64_C(0x100000)
#define SIZE    (UINT64_C(8) << 20)
#define TABLE   (RAM + (UINT64_C(4) << 20)) /* up to 1 MiB */
#define QUEUE   (TABLE + (UINT64_C(1) << 20))
#define PLACES  32u
#define SENDER  UINT16_C(0x0018)
#define IR_BITS (UINT64_C(0x18) | UINT64_C(15) << 20)

struct found {
    struct model *m;
    struct model_unit *u;
    bool was_wide, wide, readable;
    unsigned size_log2;
    uint32_t place[PLACES];
    unsigned places;
    struct {
        enum model_interrupt_result result;
        uint8_t vector;
        uint32_t destination;
    } before[PLACES];
};

static uint64_t message(uint32_t index)
{
    return UINT64_C(0xfee00010) | (uint64_t)(index & 0x7fff) << 5 | (uint64_t)(index >> 15) << 2;
}

static void machine(struct found *f, struct input *in)
{
    static const struct model_config config = { .low_base = RAM,
                                                .low_size = SIZE,
                                                .high_size = MODEL_NO_HIGH };
    const struct model_unit_config unit = {
        .base = BASE, .include_all = true, .ecap_set = IR_BITS, .cap_set = UINT64_C(1) << 59
    };
    unsigned control = (unsigned)take(in, 1);

    memset(f, 0, sizeof(*f));
    f->was_wide = control & 1;
    f->wide = control & 2;
    f->readable = (control & 12) != 0;
    f->size_log2 = 8 + (unsigned)take(in, 1) % 9;
    f->m = model_create(&config);
    f->u = model_add_unit(f->m, &unit);
    model_set_dmar_header(f->m, 1, 0);
    model_reserve(f->m, TABLE, UINT64_C(2) << 20);
    model_add_function(f->m, 0, SENDER, 0x8086, 0x10d3, 0x020000);
}

static void fill(struct found *f, struct input *in)
{
    while (in->left >= 17 && f->places < PLACES) {
        uint32_t index = (uint32_t)take(in, 1) * 0x101 & ((1u << f->size_log2) - 1);

        model_publish64(f->m, TABLE + 16 * index, take(in, 8));
        model_publish64(f->m, TABLE + 16 * index + 8, take(in, 8));
        f->place[f->places++] = index;
    }
}

static void leave_on(struct found *f, uint64_t where)
{
    uint64_t irta = where | (f->was_wide ? 0x800 : 0) | (f->size_log2 - 1);

    model_poke32(f->u, 0x90, (uint32_t)QUEUE);
    model_poke32(f->u, 0xb8, (uint32_t)irta);
    model_poke32(f->u, 0xbc, (uint32_t)(irta >> 32));
    model_firmware_state(f->u, UINT32_C(0x07000000), 0);
}

static void fire(struct found *f, unsigned i, enum model_interrupt_result *result, uint8_t *vector,
                 uint32_t *destination)
{
    *vector = 0;
    *destination = 0;
    *result = model_interrupt(f->m, 0, SENDER, message(f->place[i]), 0, vector, destination);
}

/* The same message arrives where it did, or is blocked because it cannot be said in our format. */
static void compare(struct found *f)
{
    for (unsigned i = 0; i < f->places; i++) {
        enum model_interrupt_result result;
        uint32_t destination;
        uint8_t vector;
        uint64_t raw[2] = { model_load64(f->m, TABLE + 16 * f->place[i]),
                            model_load64(f->m, TABLE + 16 * f->place[i] + 8) };
        struct udmar_interrupt_fields fields;

        udmar_interrupt_decode(raw, f->was_wide, &fields);
        fire(f, i, &result, &vector, &destination);
        REQUIRE(result == MODEL_INT_REMAPPED || result == MODEL_INT_BLOCKED);
        if (result == MODEL_INT_REMAPPED) {
            REQUIRE(f->before[i].result == MODEL_INT_REMAPPED);
            REQUIRE(vector == f->before[i].vector);
            REQUIRE(destination == f->before[i].destination);
        } else if (f->before[i].result == MODEL_INT_REMAPPED && f->readable) {
            REQUIRE(f->wide != f->was_wide);
            REQUIRE(fields.target.logical || fields.target.destination > 255);
        }
        /* Two opinions on what hardware takes. */
        if (fields.present && fields.defect != NULL)
            REQUIRE(f->before[i].result == MODEL_INT_BLOCKED);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct udmar_ram_range ram = { RAM, SIZE };
    struct input in = { data, size };
    struct udmar_interrupt_config interrupts = { .wide_exchange = true };
    struct udmar_config config = { .ram = &ram, .ram_count = 1, .interrupts = &interrupts };
    struct udmar *instance = NULL;
    uint8_t table[1024];
    struct found f;

    machine(&f, &in);
    fill(&f, &in);
    leave_on(&f, f.readable ? TABLE : take(&in, 8) & UINT64_C(0x3ffffffff000));
    for (unsigned i = 0; i < f.places; i++)
        fire(&f, i, &f.before[i].result, &f.before[i].vector, &f.before[i].destination);
    config.table = table;
    config.table_size = model_dmar_build(f.m, table, sizeof(table));
    udmar_tunables_init(&config.tunables);
    config.tunables.enable = true;
    interrupts.x2apic = f.wide;
    REQUIRE(udmar_create(f.m, &config, &instance) == UDMAR_OK);
    REQUIRE(udmar_start(instance) == UDMAR_OK);
    compare(&f);
    REQUIRE(udmar_interrupt_forget_found(instance, NULL, 0, 0) == UDMAR_OK);
    for (unsigned i = 0; i < f.places; i++) {
        fire(&f, i, &f.before[i].result, &f.before[i].vector, &f.before[i].destination);
        REQUIRE(f.before[i].result == MODEL_INT_BLOCKED);
    }
    REQUIRE(model_interrupts_stale(f.u) == 0);
    REQUIRE(udmar_stop(instance) == UDMAR_OK);
    REQUIRE(udmar_destroy(instance) == UDMAR_OK);
    REQUIRE(model_violations(f.m) == 0);
    REQUIRE(model_leaks(f.m) == 0);
    model_destroy(f.m);
    return 0;
}
