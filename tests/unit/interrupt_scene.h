/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of interrupt remapping share: a host that asks for it, and devices that send. */
#ifndef UDMAR_TESTS_INTERRUPT_SCENE_H
#define UDMAR_TESTS_INTERRUPT_SCENE_H

#include <string.h>

#include "support.h"

/* Registers and bits as the specification has them. */
#define IRTA     0xb8u
#define GCMD     0x18u
#define IRTP     UINT32_C(0x01000000)
#define CFI      UINT32_C(0x00800000)
#define EIME     UINT64_C(0x800)
#define CAP_PI   (UINT64_C(1) << 59)
/* ECAP: interrupt remapping with blocks of 2^15, and 32-bit ids. */
#define WITH_IR  (UINT64_C(0x8) | UINT64_C(15) << 20)
#define WITH_EIM UINT64_C(0x10)

#define IOAPIC_ID  2
#define IOAPIC_RID UINT16_C(0xf0f8) /* f0:1f.0 */
#define HPET_ID    1
#define HPET_RID   UINT16_C(0x00f7) /* 00:1e.7 */

struct scene {
    struct rig r;
    struct udmar_interrupt_config ir;
    unsigned programs[2]; /* calls of program(): off, on */
    bool x2apic;
};

/* The host pointer is the model: one scene at a time. */
static struct scene *scene_of_program;

static inline void scene_program(void *host, bool remapped)
{
    (void)host;
    scene_of_program->programs[remapped]++;
}

static inline void scene_scopes(struct model_unit *u)
{
    const struct model_scope ioapic = { .type = MODEL_SCOPE_IOAPIC,
                                        .enumeration_id = IOAPIC_ID,
                                        .start_bus = 0xf0,
                                        .hops = 1,
                                        .devfn = { 0xf8 } };
    const struct model_scope hpet = {
        .type = MODEL_SCOPE_HPET, .enumeration_id = HPET_ID, .hops = 1, .devfn = { 0xf7 }
    };

    model_add_unit_scope(u, &ioapic);
    model_add_unit_scope(u, &hpet);
}

static inline void scene_ask(struct scene *s)
{
    s->ir = (struct udmar_interrupt_config){ .program = scene_program, .wide_exchange = true };
    s->r.config.interrupts = &s->ir;
    scene_of_program = s;
    model_set_dmar_header(s->r.m, 1, 0);
}

/* Machine with one unit of this profile that remaps; no instance yet. */
static inline void scene_machine_of(struct scene *s, const struct model_config *machine,
                                    const char *profile, uint64_t cap_set, uint64_t ecap_set)
{
    const struct model_unit_config unit = { .profile = profile,
                                            .base = BASE,
                                            .include_all = true,
                                            .cap_set = cap_set,
                                            .ecap_set = WITH_IR | ecap_set };

    memset(s, 0, sizeof(*s));
    rig_machine_config(&s->r, machine, &unit);
    scene_scopes(s->r.u);
    scene_ask(s);
}

static inline void scene_machine(struct scene *s, const char *profile)
{
    scene_machine_of(s, NULL, profile, 0, 0);
}

/* The instance, started; what it was to find or to be told has been said. */
static inline void scene_start(struct scene *s)
{
    rig_create(&s->r);
    rig_start(&s->r);
}

static inline void scene_open(struct scene *s, const char *profile)
{
    scene_machine(s, profile);
    scene_start(s);
}

static inline void scene_close(struct scene *s)
{
    /* Between two calls caches know nothing that is not so any more. */
    for (unsigned i = 0; model_unit_at(s->r.m, i) != NULL; i++) {
        assert_int_equal(model_interrupts_stale(model_unit_at(s->r.m, i)), 0);
    }
    rig_close(&s->r);
}

static inline struct udmar_interrupt_source from_function(uint16_t rid)
{
    return (struct udmar_interrupt_source){ .kind = UDMAR_INTERRUPT_PCI, .rid = rid };
}

static inline struct udmar_interrupt_source from_pin(uint8_t id, uint8_t pin)
{
    return (struct udmar_interrupt_source){ .kind = UDMAR_INTERRUPT_IOAPIC, .id = id, .line = pin };
}

static inline struct udmar_interrupt_source from_hpet(uint8_t id)
{
    return (struct udmar_interrupt_source){ .kind = UDMAR_INTERRUPT_HPET, .id = id };
}

static inline struct udmar_interrupt_target to(uint32_t destination, uint8_t vector)
{
    return (struct udmar_interrupt_target){ .destination = destination, .vector = vector };
}

static inline struct udmar_interrupt *allocate(struct scene *s,
                                               struct udmar_interrupt_source source, unsigned count)
{
    struct udmar_interrupt *interrupt = NULL;

    assert_int_equal(udmar_interrupt_alloc(s->r.d, &source, count, &interrupt), UDMAR_OK);
    assert_non_null(interrupt);
    return interrupt;
}

static inline struct udmar_interrupt_message
set_to(struct udmar_interrupt *interrupt, unsigned number, uint32_t destination, uint8_t vector)
{
    struct udmar_interrupt_target target = to(destination, vector);
    struct udmar_interrupt_message message = { .index = 0 };

    assert_int_equal(udmar_interrupt_set(interrupt, number, &target, &message), UDMAR_OK);
    return message;
}

/* What the machine does with a message of a function or line: vector << 32 | destination. */
#define BLOCKED                      (UINT64_MAX)
#define COMPATIBLE                   (UINT64_MAX - 1)
#define ARRIVES(destination, vector) ((uint64_t)(vector) << 32 | (uint32_t)(destination))

static inline uint64_t sends(struct scene *s, uint16_t rid, uint64_t address, uint32_t data)
{
    uint8_t vector = 0;
    uint32_t destination = 0;

    switch (model_interrupt(s->r.m, 0, rid, address, data, &vector, &destination)) {
    case MODEL_INT_REMAPPED:
        return ARRIVES(destination, vector);
    case MODEL_INT_COMPATIBILITY:
        return COMPATIBLE;
    default:
        return BLOCKED;
    }
}

static inline uint64_t fires(struct scene *s, uint16_t rid,
                             const struct udmar_interrupt_message *message)
{
    return sends(s, rid, message->address, message->data);
}

/* As an I/O APIC does: the entry's index goes into the address [VTD 5.1.5]. */
static inline uint64_t pin_fires(struct scene *s, uint64_t redirection)
{
    uint64_t index = (redirection >> 49) | (redirection >> 11 & 1) << 15;

    assert_true(redirection >> 48 & 1);
    return sends(s, IOAPIC_RID, UINT64_C(0xfee00010) | (index & 0x7fff) << 5 | (index >> 15) << 2,
                 0);
}

static inline struct udmar_interrupt_state state_of(struct scene *s)
{
    struct udmar_interrupt_state state;

    udmar_interrupt_state(s->r.d, &state);
    return state;
}

/* The newest fault, as a sentence; it must contain @text. */
static inline void assert_fault_says(struct scene *s, const char *text)
{
    struct udmar_fault fault = { .sequence = 0 };
    char sentence[512] = "(no fault)";

    (void)udmar_fault_poll(s->r.d);
    while (udmar_fault_next(s->r.d, fault.sequence, &fault)) {
        (void)udmar_fault_format(s->r.d, &fault, sentence, sizeof(sentence));
    }
    if (strstr(sentence, text) == NULL) {
        print_error("\"%s\" is not in: %s\n", text, sentence);
        fail();
    }
}

static inline unsigned fault_total(struct scene *s)
{
    struct udmar_fault_counts counts;

    (void)udmar_fault_poll(s->r.d);
    udmar_fault_counts(s->r.d, &counts);
    return (unsigned)counts.total;
}

#endif
