/* SPDX-License-Identifier: BSD-2-Clause */
/* Mappings of every size, at both widths: what devices reach and what they do not. */
#include "testbed.h"

#define IOVA UINT64_C(0x40000000)
/* Its page number's low bits, the ones that QEMU compares, are like no other page's here. */
#define ODD  (IOVA + 0x5a * PAGE)

static uint64_t end_of(struct testbed *b)
{
    struct udmar_domain_info info;

    udmar_domain_info(bed_domain(b, 0), &info);
    return info.end;
}

static uint64_t leaf_at(struct testbed *b, uint64_t iova)
{
    uint64_t page = 0;

    assert_int_equal(udmar_domain_translate(bed_domain(b, 0), iova, NULL, NULL, &page), UDMAR_OK);
    return page;
}

static void test_pages(void **state)
{
    struct testbed *b = bed_open(*state, NULL);
    unsigned flushes = b->ops->flushes(b->machine);

    bed_stopped(b, 0, ODD, true, NOT_WRITABLE);
    bed_stopped(b, 0, ODD, false, NOT_READABLE);
    bed_map(b, 0, ODD, LOW, PAGE, UDMAR_READ_WRITE);
    assert_int_equal(leaf_at(b, ODD), PAGE);
    assert_true(b->ops->flushes(b->machine) > flushes); /* ECAP.C is 0 */
    bed_reaches(b, 0, ODD, LOW);
    bed_reaches(b, 0, ODD + 1000, LOW + 1000);
    bed_reaches(b, 0, ODD + PAGE - 96, LOW + PAGE - 96);
    bed_stopped(b, 0, ODD + PAGE, true, NOT_WRITABLE);
    bed_stopped(b, 0, ODD - PAGE, false, NOT_READABLE);
    bed_unmap(b, 0, ODD, PAGE);
    bed_stopped(b, 0, ODD, true, NOT_WRITABLE);
    bed_stopped(b, 0, ODD, false, NOT_READABLE);
    bed_close(b);
}

static void large(struct testbed *b, uint64_t size, uint64_t iova, uint64_t physical)
{
    bed_map(b, 0, iova, physical, size, UDMAR_READ_WRITE);
    assert_int_equal(leaf_at(b, iova), size);
    assert_int_equal(leaf_at(b, iova + size - 1), size);
    bed_reaches(b, 0, iova, physical);
    bed_reaches(b, 0, iova + 5 * PAGE + 16, physical + 5 * PAGE + 16);
    bed_reaches(b, 0, iova + MIB(2) - 200, physical + MIB(2) - 200);
    bed_stopped(b, 0, iova + size, true, NOT_WRITABLE);
    bed_stopped(b, 0, iova - PAGE, true, NOT_WRITABLE);
    bed_unmap(b, 0, iova, size);
    bed_stopped(b, 0, iova, true, NOT_WRITABLE);
    bed_stopped(b, 0, iova + MIB(2) - PAGE, false, NOT_READABLE);
    bed_stopped(b, 0, iova + size - PAGE, false, NOT_READABLE);
}

static void test_2m(void **state)
{
    struct testbed *b = bed_open(*state, NULL);

    large(b, MIB(2), IOVA, LOW);
    large(b, MIB(2), IOVA + MIB(6), HIGH + MIB(4));
    bed_close(b);
}

/* Memory is there at the beginning of the gigabyte only. */
static void test_1g(void **state)
{
    struct testbed *b = bed_open(*state, NULL);

    large(b, GIB(1), GIB(4), HIGH);
    bed_close(b);
}

/* One range with all three sizes: 4 KiB up to the first 2 MiB border, 2 MiB up to the gigabyte. */
static void test_all_sizes_in_one_range(void **state)
{
    struct testbed *b = bed_open(*state, NULL);
    uint64_t iova = GIB(4) - MIB(4) - 3 * PAGE, physical = GIB(4) - MIB(4) - 3 * PAGE;
    uint64_t size = MIB(4) + 3 * PAGE + GIB(1) + MIB(2) + PAGE;

    bed_map(b, 0, iova, physical, size, UDMAR_READ_WRITE);
    assert_int_equal(leaf_at(b, iova), PAGE);
    assert_int_equal(leaf_at(b, iova + 3 * PAGE), MIB(2));
    assert_int_equal(leaf_at(b, GIB(4)), GIB(1));
    assert_int_equal(leaf_at(b, GIB(5)), MIB(2));
    assert_int_equal(leaf_at(b, GIB(5) + MIB(2)), PAGE);
    bed_reaches(b, 0, GIB(4), HIGH);
    bed_reaches(b, 0, GIB(4) + MIB(17) + 40, HIGH + MIB(17) + 40);
    bed_stopped(b, 0, iova - PAGE, false, NOT_READABLE);
    bed_stopped(b, 0, iova + size, false, NOT_READABLE);
    bed_unmap(b, 0, iova, size);
    bed_stopped(b, 0, GIB(4), false, NOT_READABLE);
    bed_stopped(b, 0, GIB(5) + MIB(2), true, NOT_WRITABLE);
    bed_close(b);
}

/* A transaction that goes on in another page, which lies somewhere else. */
static void test_crossing(void **state)
{
    struct testbed *b = bed_open(*state, NULL);
    uint8_t sent[200];

    bed_map(b, 0, IOVA, LOW, PAGE, UDMAR_READ_WRITE);
    bed_map(b, 0, IOVA + PAGE, HIGH + 7 * PAGE, PAGE, UDMAR_READ_WRITE);
    for (unsigned i = 0; i < sizeof(sent); i++)
        sent[i] = (uint8_t)(i + 1);
    assert_int_equal(bed_dma(b, 0, IOVA + PAGE - 100, sent, sizeof(sent), true), DMA_DONE);
    assert_memory_equal(bed_memory(b, LOW + PAGE - 100), sent, 100);
    assert_memory_equal(bed_memory(b, HIGH + 7 * PAGE), sent + 100, 100);
    for (unsigned i = 0; i < 100; i++)
        *bed_memory(b, HIGH + 7 * PAGE + i) ^= 0x80;
    assert_int_equal(bed_dma(b, 0, IOVA + PAGE - 100, sent, sizeof(sent), false), DMA_DONE);
    assert_memory_equal(sent, bed_memory(b, LOW + PAGE - 100), 100);
    assert_memory_equal(sent + 100, bed_memory(b, HIGH + 7 * PAGE), 100);
    bed_no_fault(b);
    bed_close(b);
}

/* The part before the border arrives, the rest is a fault of the second page. */
static void test_crossing_into_nothing(void **state)
{
    struct testbed *b = bed_open(*state, NULL);
    struct udmar_fault fault;
    uint8_t sent[200];

    bed_map(b, 0, IOVA, LOW, PAGE, UDMAR_READ_WRITE);
    for (unsigned i = 0; i < sizeof(sent); i++)
        sent[i] = (uint8_t)(i + 1);
    assert_int_equal(bed_dma(b, 0, IOVA + PAGE - 100, sent, sizeof(sent), true), DMA_BLOCKED);
    assert_memory_equal(bed_memory(b, LOW + PAGE - 100), sent, 100);
    assert_true(bed_take_fault(b, &fault));
    assert_int_equal(fault.address, IOVA + PAGE);
    assert_int_equal(fault.reason, NOT_WRITABLE);
    bed_no_fault(b);
    bed_close(b);
}

static void test_top_of_range(void **state)
{
    struct testbed *b = bed_open(*state, NULL);
    uint64_t end = end_of(b), last = end + 1 - PAGE;

    assert_int_equal(end, (UINT64_C(1) << b->options.width) - 1);
    bed_map(b, 0, last, LOW, PAGE, UDMAR_READ_WRITE);
    bed_reaches(b, 0, last + 32, LOW + 32);
    bed_stopped(b, 0, end + 1, true, BEYOND_WIDTH);
    bed_stopped(b, 0, end + 1 + GIB(600), false, BEYOND_WIDTH);
    bed_unmap(b, 0, last, PAGE);
    bed_map(b, 0, end + 1 - MIB(2), HIGH, MIB(2), UDMAR_READ_WRITE);
    assert_int_equal(leaf_at(b, last), MIB(2));
    bed_reaches(b, 0, last, HIGH + MIB(2) - PAGE);
    assert_int_equal(udmar_domain_map(bed_domain(b, 0), end + 1, LOW, PAGE, UDMAR_READ),
                     UDMAR_ERR_ARGUMENT);
    bed_unmap(b, 0, end + 1 - MIB(2), MIB(2));
    bed_close(b);
}

/* Each page is touched once only: a cached entry of the other kind would be another case. */
static void test_permissions(void **state)
{
    struct testbed *b = bed_open(*state, NULL);

    bed_map(b, 0, IOVA, LOW, 4 * PAGE, UDMAR_READ);
    bed_map(b, 0, IOVA + MIB(2), LOW + MIB(2), MIB(2), UDMAR_READ);
    bed_map(b, 0, IOVA + MIB(4), LOW + MIB(4), 4 * PAGE, UDMAR_WRITE);
    bed_stopped(b, 0, IOVA, true, NOT_WRITABLE);
    assert_true(bed_reads(b, 0, IOVA + PAGE, LOW + PAGE, 96));
    bed_stopped(b, 0, IOVA + MIB(2), true, NOT_WRITABLE);
    bed_stopped(b, 0, IOVA + MIB(4), false, NOT_READABLE);
    assert_true(bed_writes(b, 0, IOVA + MIB(4) + PAGE, LOW + MIB(4) + PAGE, 96));
    bed_no_fault(b);
    bed_unmap(b, 0, IOVA, 4 * PAGE);
    bed_unmap(b, 0, IOVA + MIB(2), MIB(2));
    bed_unmap(b, 0, IOVA + MIB(4), 4 * PAGE);
    bed_close(b);
}

/* Here the entry is cached. The access is stopped everywhere; QEMU forgets the fault. */
static void test_permission_of_cached_entry(void **state)
{
    struct testbed *b = bed_open(*state, NULL);

    bed_map(b, 0, IOVA, LOW, PAGE, UDMAR_READ);
    assert_true(bed_reads(b, 0, IOVA, LOW, 96));
    bed_memory(b, LOW)[0] = 0;
    bed_stopped_perhaps_silently(b, 0, IOVA, true, NOT_WRITABLE);
    assert_int_equal(bed_memory(b, LOW)[0], 0);
    bed_unmap(b, 0, IOVA, PAGE);
    bed_map(b, 0, IOVA, LOW, PAGE, UDMAR_WRITE);
    assert_true(bed_writes(b, 0, IOVA, LOW, 96));
    bed_stopped_perhaps_silently(b, 0, IOVA, false, NOT_READABLE);
    bed_unmap(b, 0, IOVA, PAGE);
    bed_map(b, 0, IOVA, LOW, PAGE, UDMAR_READ_WRITE);
    bed_reaches(b, 0, IOVA, LOW);
    bed_close(b);
}

/* The same address, another page: nothing of the old one may stay cached. */
static void test_remap(void **state)
{
    struct testbed *b = bed_open(*state, NULL);

    for (unsigned i = 0; i < 20; i++) {
        uint64_t physical = (i % 2 == 0 ? LOW : HIGH) + i * PAGE;

        bed_map(b, 0, ODD, physical, PAGE, UDMAR_READ_WRITE);
        bed_reaches(b, 0, ODD, physical);
        bed_unmap(b, 0, ODD, PAGE);
    }
    bed_stopped(b, 0, ODD, true, NOT_WRITABLE);
    bed_close(b);
}

static void test_partial_unmap(void **state)
{
    struct testbed *b = bed_open(*state, NULL);

    bed_map(b, 0, IOVA, LOW, 16 * PAGE, UDMAR_READ_WRITE);
    for (unsigned i = 0; i < 16; i++)
        bed_reaches(b, 0, IOVA + i * PAGE, LOW + i * PAGE);
    bed_unmap(b, 0, IOVA + 5 * PAGE, 3 * PAGE);
    for (unsigned i = 0; i < 16; i++) {
        if (i >= 5 && i < 8)
            bed_stopped(b, 0, IOVA + i * PAGE, i % 2 == 0,
                        i % 2 == 0 ? NOT_WRITABLE : NOT_READABLE);
        else
            bed_reaches(b, 0, IOVA + i * PAGE, LOW + i * PAGE);
    }
    bed_unmap(b, 0, IOVA, 16 * PAGE);
    bed_stopped(b, 0, IOVA, true, NOT_WRITABLE);
    bed_stopped(b, 0, IOVA + 15 * PAGE, true, NOT_WRITABLE);
    bed_close(b);
}

/* Part of a large page goes while it is cached as one entry. */
static void test_split(void **state)
{
    struct testbed *b = bed_open(*state, NULL);

    bed_map(b, 0, IOVA, LOW, MIB(2), UDMAR_READ_WRITE);
    assert_int_equal(leaf_at(b, IOVA), MIB(2));
    bed_reaches(b, 0, IOVA + 3 * PAGE, LOW + 3 * PAGE);
    bed_unmap(b, 0, IOVA + 3 * PAGE, PAGE);
    bed_stopped(b, 0, IOVA + 3 * PAGE, true, NOT_WRITABLE);
    bed_stopped(b, 0, IOVA + 3 * PAGE, false, NOT_READABLE);
    bed_reaches(b, 0, IOVA + 2 * PAGE, LOW + 2 * PAGE);
    bed_reaches(b, 0, IOVA + 4 * PAGE, LOW + 4 * PAGE);
    bed_reaches(b, 0, IOVA + MIB(2) - PAGE, LOW + MIB(2) - PAGE);
    bed_unmap(b, 0, IOVA, MIB(2));
    bed_stopped(b, 0, IOVA + 4 * PAGE, true, NOT_WRITABLE);
    bed_close(b);
}

static void test_split_1g(void **state)
{
    struct testbed *b = bed_open(*state, NULL);

    bed_map(b, 0, GIB(4), HIGH, GIB(1), UDMAR_READ_WRITE);
    bed_reaches(b, 0, GIB(4) + MIB(4), HIGH + MIB(4));
    bed_unmap(b, 0, GIB(4) + MIB(4) + PAGE, PAGE);
    bed_stopped(b, 0, GIB(4) + MIB(4) + PAGE, true, NOT_WRITABLE);
    bed_reaches(b, 0, GIB(4) + MIB(4), HIGH + MIB(4));
    bed_reaches(b, 0, GIB(4) + MIB(4) + 2 * PAGE, HIGH + MIB(4) + 2 * PAGE);
    bed_reaches(b, 0, GIB(4) + MIB(8), HIGH + MIB(8));
    bed_reaches(b, 0, GIB(4), HIGH);
    bed_unmap(b, 0, GIB(4), GIB(1));
    bed_stopped(b, 0, GIB(4) + MIB(8), true, NOT_WRITABLE);
    bed_close(b);
}

/* Small pages that fill a run one by one: promoted or not, devices see no difference. */
static void test_fill_a_run(void **state)
{
    struct testbed *b = bed_open(*state, NULL);

    for (unsigned i = 0; i < 512; i++)
        bed_map(b, 0, IOVA + i * PAGE, LOW + i * PAGE, PAGE, UDMAR_READ_WRITE);
    for (unsigned i = 0; i < 512; i += 37)
        bed_reaches(b, 0, IOVA + i * PAGE, LOW + i * PAGE);
    bed_unmap(b, 0, IOVA + 74 * PAGE, PAGE);
    bed_stopped(b, 0, IOVA + 74 * PAGE, true, NOT_WRITABLE);
    bed_reaches(b, 0, IOVA + 73 * PAGE, LOW + 73 * PAGE);
    bed_unmap(b, 0, IOVA, MIB(2));
    bed_stopped(b, 0, IOVA + 37 * PAGE, false, NOT_READABLE);
    bed_close(b);
}

/* Tables that became empty are given back, and taken again. */
static void test_tables_go_and_come(void **state)
{
    struct testbed *b = bed_open(*state, NULL);
    size_t pages = b->ops->pages(b->machine);

    for (unsigned i = 0; i < 8; i++) {
        uint64_t iova = GIB(8) + i * GIB(1);

        bed_map(b, 0, iova, LOW + i * PAGE, PAGE, UDMAR_READ_WRITE);
        bed_reaches(b, 0, iova, LOW + i * PAGE);
        bed_unmap(b, 0, iova, PAGE);
        bed_stopped(b, 0, iova, true, NOT_WRITABLE);
    }
    assert_int_equal(b->ops->pages(b->machine), pages);
    bed_close(b);
}

#define EACH(text, function)                                                                      \
    BED_TEST(text " (39 bits)", function, &narrow), BED_TEST(text " (48 bits)", function, &wide), \
        BED_TEST(text " (caching mode)", function, &caching),                                     \
        BED_TEST(text " (hidden stores)", function, &hidden),                                     \
        BED_TEST(text " (e1000)", function, &nic)

int main(int argc, char **argv)
{
    static const struct machine_options narrow = { .width = 39 }, wide = { .width = 48 },
                                        caching = { .width = 48, .caching_mode = true },
                                        hidden = { .width = 39, .hidden_stores = true },
                                        nic = { .width = 48,
                                                .device_count = 1,
                                                .device = { { ON_ROOT, E1000, 0 } } };
    const struct CMUnitTest tests[] = {
        EACH("4 KiB pages", test_pages),
        EACH("2 MiB pages", test_2m),
        EACH("1 GiB pages", test_1g),
        EACH("all sizes in one range", test_all_sizes_in_one_range),
        EACH("crossing into another page", test_crossing),
        EACH("crossing into nothing", test_crossing_into_nothing),
        EACH("top of the range", test_top_of_range),
        EACH("read only, write only", test_permissions),
        EACH("permissions of a cached entry", test_permission_of_cached_entry),
        EACH("the same address again", test_remap),
        EACH("partial unmap", test_partial_unmap),
        EACH("2 MiB page split", test_split),
        EACH("1 GiB page split", test_split_1g),
        EACH("a run filled by small pages", test_fill_a_run),
        EACH("tables go and come", test_tables_go_and_come),
    };

    return bed_run(argc, argv, "map", tests, sizeof(tests) / sizeof(tests[0]));
}
