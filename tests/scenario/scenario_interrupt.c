/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts under remapping: messages of devices, forged ones, and a pin of the I/O APIC.
 * Where a machine records no fault of a blocked one, that it does not arrive is all there is to
 * see.
 */
#include "testbed.h"

#define IOAPIC 0 /* as QEMU's table names it */

static struct udmar_interrupt *allocate(struct testbed *b, struct udmar_interrupt_source source,
                                        unsigned count)
{
    struct udmar_interrupt *interrupt = NULL;

    assert_int_equal(udmar_interrupt_alloc(b->instance, &source, count, &interrupt), UDMAR_OK);
    return interrupt;
}

static struct udmar_interrupt *of_device(struct testbed *b, unsigned device, unsigned count)
{
    const struct udmar_interrupt_source source = { .kind = UDMAR_INTERRUPT_PCI,
                                                   .rid = b->ops->rid(b->machine, device) };

    return allocate(b, source, count);
}

static struct udmar_interrupt_message set(struct udmar_interrupt *interrupt, unsigned number,
                                          uint32_t destination, uint8_t vector)
{
    const struct udmar_interrupt_target target = { .destination = destination, .vector = vector };
    struct udmar_interrupt_message message;

    assert_int_equal(udmar_interrupt_set(interrupt, number, &target, &message), UDMAR_OK);
    assert_true(message.remapped);
    return message;
}

/* Sends a message; does exactly this one arrive? Vector 0: none does. */
static bool sends(struct testbed *b, unsigned device, uint64_t address, uint32_t data,
                  uint32_t destination, uint8_t vector)
{
    struct raised list[4] = { { 0, 0 } };
    unsigned count;

    (void)b->ops->raised(b->machine, list, 4);
    b->ops->message(b->machine, device, address, data);
    count = b->ops->raised(b->machine, list, 4);
    if (vector == 0)
        return count == 0;
    return count == 1 && list[0].destination == destination && list[0].vector == vector;
}

static bool arrives(struct testbed *b, unsigned device,
                    const struct udmar_interrupt_message *message, uint32_t destination,
                    uint8_t vector)
{
    return sends(b, device, message->address, message->data, destination, vector);
}

/* A message that is stopped; where that is recorded, for this reason. */
static void stopped(struct testbed *b, unsigned device, uint64_t address, uint32_t data,
                    unsigned reason)
{
    struct udmar_fault fault;

    assert_true(sends(b, device, address, data, 0, 0));
    if (!bed_take_fault(b, &fault)) {
        assert_true(bed_deviates(b, INTERRUPT_FAULTS_UNRECORDED));
        return;
    }
    assert_int_equal(fault.reason, reason);
    assert_int_equal(fault.access, UDMAR_FAULT_INTERRUPT);
    assert_int_equal(fault.rid, bed_source(b, device));
}

enum { INDEX_BEYOND = 0x21, ENTRY_ABSENT = 0x22, COMPATIBILITY = 0x25, WRONG_SOURCE = 0x26 };

/*
 * Two buses are possible behind a bridge of which it is not sure what it is: such a range no
 * message passes where its ends are exchanged.
 */
static const char *tunable_for(const struct testbed *b)
{
    return b->options.device[0].place == BEHIND_PCI_BRIDGE && bed_deviates(b, BUS_RANGE_REVERSED)
               ? "hw.dmar.ir.verify=0"
               : NULL;
}

static void test_set_change_free(void **state)
{
    struct testbed *b = bed_machine(*state);
    struct udmar_interrupt *interrupt;
    struct udmar_interrupt_message message;

    bed_create(b, tunable_for(b));
    bed_start(b);
    bed_attach(b, 0);
    interrupt = of_device(b, 0, 1);
    message = set(interrupt, 0, 0, 0x51);
    assert_true(arrives(b, 0, &message, 0, 0x51));
    for (unsigned i = 0; i < 16; i++) {
        message = set(interrupt, 0, i % 3, (uint8_t)(0x60 + i));
        assert_true(arrives(b, 0, &message, i % 3, (uint8_t)(0x60 + i)));
    }
    bed_no_fault(b);
    assert_int_equal(udmar_interrupt_free(interrupt), UDMAR_OK);
    stopped(b, 0, message.address, 0, ENTRY_ABSENT);
    stopped(b, 0, UINT64_C(0xfee00010) | 4000 << 5, 0, INDEX_BEYOND);
    bed_reaches_own(b, 0);
    bed_close(b);
}

static void test_nobody_elses(void **state)
{
    struct testbed *b = bed_open(*state, NULL);
    struct udmar_interrupt *first = of_device(b, 0, 1), *second = of_device(b, 1, 1);
    struct udmar_interrupt_message one = set(first, 0, 0, 0x51), two = set(second, 0, 0, 0x52);

    assert_true(arrives(b, 0, &one, 0, 0x51));
    assert_true(arrives(b, 1, &two, 0, 0x52));
    stopped(b, 1, one.address, one.data, WRONG_SOURCE);
    stopped(b, 0, two.address, two.data, WRONG_SOURCE);
    assert_true(arrives(b, 0, &one, 0, 0x51));
    assert_int_equal(udmar_interrupt_free(first), UDMAR_OK);
    assert_int_equal(udmar_interrupt_free(second), UDMAR_OK);
    bed_close(b);
}

static void test_block(void **state)
{
    struct testbed *b = bed_open(*state, NULL);
    struct udmar_interrupt *single = of_device(b, 0, 1), *block = of_device(b, 0, 8);
    struct udmar_interrupt_message message;

    for (unsigned i = 0; i < 8; i++)
        (void)set(block, i, 0, (uint8_t)(0x70 + i));
    message = set(block, 0, 0, 0x70);
    for (unsigned i = 0; i < 8; i++)
        assert_true(sends(b, 0, message.address, i, 0, (uint8_t)(0x70 + i)));
    stopped(b, 0, message.address, 8, ENTRY_ABSENT);
    assert_int_equal(udmar_interrupt_free(block), UDMAR_OK);
    for (unsigned i = 0; i < 8; i++)
        assert_true(sends(b, 0, message.address, i, 0, 0));
    assert_int_equal(udmar_interrupt_free(single), UDMAR_OK);
    bed_close(b);
}

static void test_forged(void **state)
{
    struct testbed *b = bed_open(*state, NULL);
    struct raised list[4];
    uint32_t data = 0;

    if (bed_deviates(b, COMPATIBILITY_FORMAT_PASSES))
        assert_true(sends(b, 0, 0xfee00000, 0x41, 0, 0x41));
    else
        stopped(b, 0, 0xfee00000, 0x41, COMPATIBILITY);
    /* By DMA, in the format that names an entry. */
    (void)b->ops->raised(b->machine, list, 4);
    (void)bed_dma(b, 0, UINT64_C(0xfee00010) | 5 << 5, &data, sizeof(data), true);
    assert_int_equal(b->ops->raised(b->machine, list, 4), 0);
    bed_close(b);
}

static void test_allowed(void **state)
{
    struct testbed *b = bed_open(*state, "hw.dmar.ir=0");
    struct raised list[4];
    uint32_t data = 0x42;

    assert_true(sends(b, 0, 0xfee00000, 0x41, 0, 0x41));
    /* The attack: any device, any vector. */
    (void)b->ops->raised(b->machine, list, 4);
    (void)bed_dma(b, 0, 0xfee00000, &data, sizeof(data), true);
    assert_int_equal(b->ops->raised(b->machine, list, 4), 1);
    assert_int_equal(list[0].vector, 0x42);
    bed_close(b);
}

static void test_pin(void **state)
{
    const struct udmar_interrupt_source source = { .kind = UDMAR_INTERRUPT_IOAPIC,
                                                   .id = IOAPIC,
                                                   .line = 20 };
    struct testbed *b = bed_open(*state, NULL);
    struct udmar_interrupt *pin = allocate(b, source, 1), *other = of_device(b, 0, 1);
    struct udmar_interrupt_message message = set(pin, 0, 0, 0x58);
    struct raised list[4];

    (void)b->ops->raised(b->machine, list, 4);
    b->ops->pin(b->machine, 20, message.redirection);
    assert_int_equal(b->ops->raised(b->machine, list, 4), 1);
    assert_int_equal(list[0].vector, 0x58);
    assert_int_equal(list[0].destination, 0);
    /* A device may not use the pin's entry, nor the pin a device's. */
    stopped(b, 0, message.address, 0, WRONG_SOURCE);
    message = set(other, 0, 0, 0x59);
    b->ops->pin(b->machine, 20, message.redirection | 0x59);
    assert_int_equal(b->ops->raised(b->machine, list, 4),
                     bed_deviates(b, PIN_SOURCE_UNCHECKED) ? 1 : 0);
    assert_int_equal(udmar_interrupt_free(pin), UDMAR_OK);
    assert_int_equal(udmar_interrupt_free(other), UDMAR_OK);
    bed_close(b);
}

static void test_stop_and_start(void **state)
{
    struct testbed *b = bed_open(*state, NULL);
    struct udmar_interrupt *interrupt = of_device(b, 0, 1);
    struct udmar_interrupt_message message = set(interrupt, 0, 0, 0x51);

    for (unsigned i = 0; i < 3; i++) {
        bed_stop(b);
        b->ops->reach(b->machine, 0, b->ops->scratch(b->machine, 0));
        assert_true(sends(b, 0, 0xfee00000, 0x41, 0, 0x41));
        bed_start(b);
        bed_attach(b, 0);
        assert_true(arrives(b, 0, &message, 0, 0x51));
    }
    assert_int_equal(udmar_interrupt_free(interrupt), UDMAR_OK);
    bed_close(b);
}

static void test_taken_over(void **state)
{
    struct testbed *b = bed_open(*state, NULL);
    struct udmar_interrupt_message old = set(of_device(b, 0, 1), 0, 0, 0x51), new;
    struct udmar_interrupt *interrupt;

    assert_true(arrives(b, 0, &old, 0, 0x51));
    bed_forget(b);
    bed_create(b, NULL);
    bed_start(b);
    bed_attach(b, 0);
    /* Neither at start nor by a new source is an interrupt of the old one lost. */
    assert_true(arrives(b, 0, &old, 0, 0x51));
    interrupt = of_device(b, 0, 1);
    new = set(interrupt, 0, 0, 0x62);
    assert_int_not_equal(old.address, new.address);
    assert_true(arrives(b, 0, &old, 0, 0x51));
    assert_true(arrives(b, 0, &new, 0, 0x62));
    assert_int_equal(udmar_interrupt_forget_found(b->instance, NULL, 0, 0), UDMAR_OK);
    stopped(b, 0, old.address, 0, ENTRY_ABSENT);
    assert_true(arrives(b, 0, &new, 0, 0x62));
    bed_close_unclean(b);
}

static const struct machine_options plain = { .width = 48, .interrupts = true };
static const struct machine_options wide = { .width = 48, .interrupts = true, .wide_ids = true };
static const struct machine_options two = { .width = 48,
                                            .interrupts = true,
                                            .device_count = 2,
                                            .device = { { ON_ROOT, EDU, 0 },
                                                        { ON_ROOT, EDU, 0 } } };

#define PLACED(where)                 \
    (&(const struct machine_options){ \
        .width = 48, .interrupts = true, .device_count = 1, .device = { { where, EDU, 0 } } })

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        BED_TEST("set, change, free", test_set_change_free, &plain),
        BED_TEST("set, change, free: 32-bit ids", test_set_change_free, &wide),
        BED_TEST("set, change, free: behind a root port", test_set_change_free,
                 PLACED(BEHIND_ROOT_PORT)),
        BED_TEST("set, change, free: behind a PCI bridge", test_set_change_free,
                 PLACED(BEHIND_PCI_BRIDGE)),
        BED_TEST("set, change, free: behind a PCIe-to-PCI bridge", test_set_change_free,
                 PLACED(BEHIND_PCIE_TO_PCI)),
        BED_TEST("an entry is nobody else's", test_nobody_elses, &two),
        BED_TEST("a block", test_block, &plain),
        BED_TEST("a forged message", test_forged, &plain),
        BED_TEST("a forged message without remapping", test_allowed, &plain),
        BED_TEST("a pin", test_pin, &plain),
        BED_TEST("stop and start", test_stop_and_start, &plain),
        BED_TEST("taken over", test_taken_over, &plain),
    };

    return bed_run(argc, argv, "interrupt", tests, sizeof(tests) / sizeof(tests[0]));
}
