/* SPDX-License-Identifier: BSD-2-Clause */
/* Devices behind bridges: the unit sees other requester ids, and the driver must know which. */
#include "testbed.h"

#define IOVA UINT64_C(0x40000000)

static void check_ids(struct testbed *b, unsigned device)
{
    struct udmar_device_info info;
    bool found = false;

    udmar_device_info(b->device[device], &info);
    for (unsigned i = 0; i < info.id_count && i < UDMAR_DEVICE_IDS; i++)
        found = found || info.ids[i] == bed_source(b, device);
    assert_true(found);
    assert_int_equal(info.unit, 0);
    assert_ptr_equal(udmar_device_find(b->instance, 0, bed_source(b, device)), b->device[device]);
}

/* Every device in turn: DMA works, faults carry the id that its place says, others are not hurt. */
static void test_places(void **state)
{
    struct testbed *b = bed_open(*state, NULL);

    for (unsigned i = 0; i < b->device_count; i++) {
        check_ids(b, i);
        bed_stopped(b, i, IOVA, true, NOT_WRITABLE);
        bed_stopped(b, i, IOVA, false, NOT_READABLE);
        bed_map(b, i, IOVA, LOW + i * PAGE, PAGE, UDMAR_READ_WRITE);
        for (unsigned j = 0; j < b->device_count; j++) {
            if (j <= i)
                bed_reaches(b, j, IOVA, LOW + j * PAGE);
            else
                bed_stopped(b, j, IOVA, true, NOT_WRITABLE);
        }
    }
    for (unsigned i = 0; i < b->device_count; i++) {
        bed_unmap(b, i, IOVA, PAGE);
        bed_stopped(b, i, IOVA, true, NOT_WRITABLE);
        if (i + 1 < b->device_count)
            bed_reaches(b, i + 1, IOVA, LOW + (i + 1) * PAGE);
    }
    bed_close(b);
}

/* Detaching takes the context of the bridge's id away, attaching brings it back. */
static void test_detach(void **state)
{
    struct testbed *b = bed_open(*state, NULL);

    for (unsigned i = 0; i < b->device_count; i++) {
        bed_map(b, i, IOVA, LOW + i * PAGE, PAGE, UDMAR_READ_WRITE);
        bed_reaches(b, i, IOVA, LOW + i * PAGE);
        bed_unmap(b, i, IOVA, PAGE);
        bed_detach(b, i);
        bed_stopped(b, i, IOVA, true, CONTEXT_ABSENT);
        bed_attach(b, i);
        bed_reaches_own(b, i);
    }
    bed_close(b);
}

static void test_modes(void **state)
{
    struct testbed *b = bed_open(*state, NULL);

    for (unsigned i = 0; i < b->device_count; i++) {
        bed_set_mode(b, i, UDMAR_MODE_PASSTHROUGH);
        bed_reaches(b, i, HIGH + i * PAGE, HIGH + i * PAGE);
        bed_set_mode(b, i, UDMAR_MODE_BLOCKED);
        if (b->options.device[i].engine == EDU)
            bed_stopped(b, i, HIGH, true, CONTEXT_ABSENT);
        bed_set_mode(b, i, UDMAR_MODE_IDENTITY);
        bed_reaches(b, i, LOW + i * PAGE, LOW + i * PAGE);
        bed_set_mode(b, i, UDMAR_MODE_TRANSLATE);
        bed_reaches_own(b, i);
    }
    bed_close(b);
}

/* Two devices that the unit cannot tell apart: one domain, one mode, and each may go alone. */
static void test_shared_id(void **state)
{
    struct testbed *b = bed_open(*state, NULL);
    struct udmar_device_info info;

    assert_int_equal(bed_source(b, 0), bed_source(b, 1));
    assert_ptr_equal(bed_domain(b, 0), bed_domain(b, 1));
    for (unsigned i = 0; i < 2; i++) {
        udmar_device_info(b->device[i], &info);
        assert_true(info.shares_ids);
        bed_stopped(b, i, IOVA, true, NOT_WRITABLE);
    }
    bed_map(b, 0, IOVA, LOW, PAGE, UDMAR_READ_WRITE);
    bed_reaches(b, 0, IOVA, LOW);
    bed_reaches(b, 1, IOVA, LOW);
    assert_int_not_equal(udmar_device_set_mode(b->device[0], UDMAR_MODE_BLOCKED), UDMAR_OK);
    bed_reaches(b, 1, IOVA, LOW);
    bed_unmap(b, 1, IOVA, PAGE);
    bed_stopped(b, 0, IOVA, false, NOT_READABLE);
    bed_stopped(b, 1, IOVA, false, NOT_READABLE);
    bed_detach(b, 0);
    bed_reaches_own(b, 1);
    bed_detach(b, 1);
    bed_stopped(b, 1, IOVA, true, CONTEXT_ABSENT);
    bed_stopped(b, 0, IOVA, true, CONTEXT_ABSENT);
    bed_attach(b, 0);
    bed_reaches_own(b, 0);
    bed_close(b);
}

int main(int argc, char **argv)
{
    static const struct machine_options all = {
        .width = 48,
        .device_count = 4,
        .device = { { ON_ROOT, EDU, 0 },
                    { BEHIND_ROOT_PORT, EDU, 0 },
                    { BEHIND_PCI_BRIDGE, EDU, 0 },
                    { BEHIND_PCIE_TO_PCI, EDU, 0 } },
    };
    static const struct machine_options nics = {
        .width = 39,
        .caching_mode = true,
        .device_count = 4,
        .device = { { BEHIND_PCIE_TO_PCI, E1000, 0 },
                    { BEHIND_PCI_BRIDGE, E1000, 0 },
                    { BEHIND_ROOT_PORT, E1000, 0 },
                    { ON_ROOT, EDU, 0 } },
    };
    static const struct machine_options pcie_to_pci = { .width = 48,
                                                        .device_count = 2,
                                                        .device = { { BEHIND_PCIE_TO_PCI, EDU, 0 },
                                                                    { BEHIND_PCIE_TO_PCI, EDU,
                                                                      1 } } },
                                        pci = { .width = 39,
                                                .device_count = 2,
                                                .device = { { BEHIND_PCI_BRIDGE, EDU, 0 },
                                                            { BEHIND_PCI_BRIDGE, EDU, 1 } } };
    const struct CMUnitTest tests[] = {
        BED_TEST("one id for two devices (PCIe-to-PCI bridge)", test_shared_id, &pcie_to_pci),
        BED_TEST("one id for two devices (conventional bridge)", test_shared_id, &pci),
        BED_TEST("every place has its requester id (edu)", test_places, &all),
        BED_TEST("every place has its requester id (e1000)", test_places, &nics),
        BED_TEST("detach and attach behind bridges", test_detach, &all),
        BED_TEST("modes behind bridges (edu)", test_modes, &all),
        BED_TEST("modes behind bridges (e1000)", test_modes, &nics),
    };

    return bed_run(argc, argv, "alias", tests, sizeof(tests) / sizeof(tests[0]));
}
