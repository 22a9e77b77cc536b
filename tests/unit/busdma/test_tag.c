/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tags and maps: what is refused, what a child gets from its parent, and what cannot be destroyed
 * while somebody needs it.
 */
#include <string.h>

#include <udmar/bus_dma.h>

#include "busdma/map.h"
#include "fixture/fixture.h"

struct request {
    uint64_t alignment, boundary, lowaddr, highaddr, maxsize, maxsegsz;
    int nsegments;
    bool filter;
};

static int some_filter(void *argument, udmar_bus_addr_t address)
{
    (void)argument;
    (void)address;
    return 0;
}

static int create(struct udmar_dma_tag *parent, const struct request *r, struct udmar_dma_tag **out)
{
    return udmar_dma_tag_create(parent, r->alignment, r->boundary, r->lowaddr, r->highaddr,
                                r->filter ? some_filter : NULL, NULL, r->maxsize, r->nsegments,
                                r->maxsegsz, 0, NULL, NULL, out);
}

static const struct request good = {
    .alignment = 1,
    .lowaddr = UINT64_MAX,
    .highaddr = UINT64_MAX,
    .maxsize = KIB(64),
    .nsegments = 1,
    .maxsegsz = KIB(64),
};

static void expect_refused(struct fixture *f, const struct request *request, const char *reason)
{
    struct udmar_dma_tag *tag = NULL;

    model_clear_log(f->m);
    assert_int_equal(create(udmar_device_dma_tag(f->device[0]), request, &tag), UDMAR_EINVAL);
    assert_null(tag);
    assert_int_equal(model_log_count(f->m), 1);
    assert_true(model_log_contains(f->m, reason));
}

static void test_refused_arguments(void **state)
{
    struct fixture f;
    struct request r;
    struct udmar_dma_tag *tag;

    (void)state;
    fixture_open(&f, NULL);
    r = good, r.filter = true;
    expect_refused(&f, &r, "filter");
    r = good, r.maxsegsz = 0;
    expect_refused(&f, &r, "maxsegsz");
    r.boundary = PAGE;
    expect_refused(&f, &r, "maxsegsz");
    assert_int_equal(create(NULL, &good, &tag), UDMAR_EINVAL);
    assert_int_equal(create(udmar_device_dma_tag(f.device[0]), &good, NULL), UDMAR_EINVAL);
    fixture_close(&f);
}

/*
 * Drivers give a parent tag numbers with which nothing could be loaded. FreeBSD takes them, and the
 * children have numbers of their own.
 */
static void test_numbers_of_a_parent(void **state)
{
    static struct loaded loaded;
    struct fixture f;
    struct request r = good;
    struct udmar_dma_tag *parent, *child;
    struct udmar_dma_map *map;
    void *buffer, *memory;

    (void)state;
    for (unsigned bounce = 0; bounce < 2; bounce++) {
        fixture_open(&f, &(struct setup){ .tunables = bounce ? "hw.busdma.default=bounce" : NULL });
        buffer = model_buffer_alloc(f.m, PAGE, 0, 0);
        r.maxsize = 0;
        r.nsegments = 0;
        r.maxsegsz = UINT64_MAX;
        assert_int_equal(create(udmar_device_dma_tag(f.device[0]), &r, &parent), 0);
        assert_int_equal(create(parent, &good, &child), 0);
        map = new_map(child);
        (void)load_one(child, map, buffer, PAGE);
        udmar_dmamap_unload(child, map);
        drop_map(child, map);
        drop_tag(child);
        /* Nothing is too much for it. */
        map = new_map(parent);
        (void)udmar_dmamap_load(parent, map, buffer, 1, note_loaded, &loaded, 0);
        assert_int_equal(loaded.error, UDMAR_EINVAL);
        drop_map(parent, map);
        assert_int_equal(udmar_dmamem_alloc(parent, &memory, 0, &map), 0);
        udmar_dmamem_free(parent, memory, map);
        drop_tag(parent);
        /* What can be loaded has at least one segment. */
        r.maxsize = UINT64_MAX;
        assert_int_equal(create(udmar_device_dma_tag(f.device[0]), &r, &parent), 0);
        map = new_map(parent);
        assert_int_equal(udmar_dmamap_load(parent, map, buffer, 1, note_loaded, &loaded, 0), 0);
        assert_int_equal(loaded.error, UDMAR_EFBIG);
        assert_int_equal(loaded.count, 0);
        drop_map(parent, map);
        drop_tag(parent);
        model_buffer_free(f.m, buffer);
        fixture_close(&f);
    }
}

/* The bits of an address that FreeBSD looks at are zero, and no multiple is crossed. */
static void test_no_powers_of_two(void **state)
{
    struct fixture f;
    struct request r = good;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;

    (void)state;
    fixture_open(&f, NULL);
    r.alignment = 24;
    r.boundary = 3 * KIB(32);
    assert_int_equal(create(udmar_device_dma_tag(f.device[0]), &r, &tag), 0);
    assert_int_equal(tag->alignment, 32);
    assert_int_equal(tag->boundary, KIB(32));
    assert_int_equal(tag->maxsegsz, KIB(32));
    drop_tag(tag);
    r = good, r.alignment = UINT64_MAX;
    assert_int_equal(create(udmar_device_dma_tag(f.device[0]), &r, &tag), 0);
    assert_int_equal(tag->alignment, UINT64_C(1) << 63);
    map = new_map(tag);
    drop_map(tag, map);
    drop_tag(tag);
    fixture_close(&f);
}

/* A highaddr that is not above lowaddr: FreeBSD's bus tags make it the highest address. */
static void test_no_window(void **state)
{
    static const struct {
        uint64_t low, high, expected_high;
    } cases[] = {
        { 0x0fffffff, 0x0fffffff, UINT64_MAX }, /* envy24 */
        { 0x0ffffff0, 0x0fffffff, UINT64_MAX },
        { 0x0fffffff, 0, UINT64_MAX }, /* vnic */
        { 0x0fffffff, 0x10000000, 0x10000fff },
        { UINT64_MAX, 0xffffffff, UINT64_MAX }, /* bce: excludes nothing */
        { UINT64_MAX, UINT64_MAX, UINT64_MAX },
    };
    struct fixture f;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    void *buffer;

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct request r = good;

        fixture_open(&f, NULL);
        r.lowaddr = cases[i].low;
        r.highaddr = cases[i].high;
        assert_int_equal(create(udmar_device_dma_tag(f.device[0]), &r, &tag), 0);
        assert_int_equal(tag->lowaddr, r.lowaddr | 0xfff);
        assert_int_equal(tag->highaddr, cases[i].expected_high);
        map = new_map(tag);
        buffer = model_buffer_alloc(f.m, KIB(64), MODEL_HIGH, 0);
        assert_true(load_one(tag, map, buffer, KIB(64)) <= tag->lowaddr);
        udmar_dmamap_unload(tag, map);
        drop_map(tag, map);
        drop_tag(tag);
        model_buffer_free(f.m, buffer);
        fixture_close(&f);
    }
    fixture_open(&f, &(struct setup){ .tunables = "hw.busdma.default=bounce" });
    {
        struct request r = good;

        r.lowaddr = r.highaddr = 0xffffffff;
        assert_int_equal(create(udmar_device_dma_tag(f.device[0]), &r, &tag), 0);
        map = new_map(tag);
        buffer = model_buffer_alloc(f.m, PAGE, MODEL_HIGH, 0);
        assert_true(load_one(tag, map, buffer, PAGE) <= 0xffffffff);
        udmar_dmamap_unload(tag, map);
        drop_map(tag, map);
        drop_tag(tag);
        model_buffer_free(f.m, buffer);
    }
    fixture_close(&f);
}

/* The host's lengths are a size_t: it is never asked for what does not fit into one. */
static void test_more_than_a_size_t(void **state)
{
    static const uint64_t lengths[] = { UINT64_C(1) << 32, (UINT64_C(1) << 32) + 1,
                                        UINT64_C(1) << 63, UINT64_MAX };
    static struct loaded loaded;
    struct fixture f;
    struct request r = good;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    void *buffer;

    (void)state;
    fixture_open(&f, NULL);
    r.maxsize = r.maxsegsz = UINT64_MAX;
    assert_int_equal(create(udmar_device_dma_tag(f.device[0]), &r, &tag), 0);
    map = new_map(tag);
    buffer = model_buffer_alloc(f.m, PAGE, 0, 0);
    for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        loaded.error = 0;
        (void)udmar_dmamap_load(tag, map, buffer, lengths[i], note_loaded, &loaded, 0);
        assert_int_not_equal(loaded.error, 0);
    }
    drop_map(tag, map);
    drop_tag(tag);
    model_buffer_free(f.m, buffer);
    fixture_close(&f);
}

static void test_no_memory_for_a_tag(void **state)
{
    struct fixture f;
    struct udmar_dma_tag *root, *tag;

    (void)state;
    fixture_open(&f, NULL);
    model_fail_host_call(f.m, 1, false);
    assert_null(udmar_device_dma_tag(f.device[0]));
    model_fail_host_call(f.m, 0, false);
    root = udmar_device_dma_tag(f.device[0]);
    assert_non_null(root);
    model_fail_host_call(f.m, 1, false);
    assert_int_equal(create(root, &good, &tag), UDMAR_ENOMEM);
    model_fail_host_call(f.m, 0, false);
    assert_int_equal(udmar_device_detach(f.device[0]), UDMAR_OK);
    f.device[0] = NULL;
    fixture_close(&f);
}

static void test_child_can_only_tighten(void **state)
{
    struct fixture f;
    struct udmar_dma_tag *parent, *child, *grandchild;
    struct request r = good;

    (void)state;
    fixture_open(&f, NULL);
    r.alignment = 64;
    r.boundary = KIB(16);
    r.lowaddr = 0x12345678;
    r.highaddr = 0x80000000;
    assert_int_equal(create(udmar_device_dma_tag(f.device[0]), &r, &parent), 0);
    assert_int_equal(parent->lowaddr, 0x12345fff);
    assert_int_equal(parent->highaddr, 0x80000fff);
    assert_int_equal(parent->maxsegsz, KIB(16));
    r = good;
    r.alignment = 8;
    r.lowaddr = 0x20000000;
    r.highaddr = 0x30000000;
    assert_int_equal(create(parent, &r, &child), 0);
    assert_int_equal(child->alignment, 64);
    assert_int_equal(child->boundary, KIB(16));
    assert_int_equal(child->maxsegsz, KIB(16));
    assert_int_equal(child->lowaddr, 0x12345fff);
    assert_int_equal(child->highaddr, 0x80000fff);
    assert_ptr_equal(child->backend, parent->backend);
    r.alignment = 4096;
    r.boundary = KIB(4);
    r.lowaddr = 0xffffff;
    r.highaddr = UINT64_MAX;
    assert_int_equal(create(child, &r, &grandchild), 0);
    assert_int_equal(grandchild->alignment, 4096);
    assert_int_equal(grandchild->boundary, KIB(4));
    assert_int_equal(grandchild->lowaddr, 0xffffff);
    assert_int_equal(grandchild->highaddr, UINT64_MAX);
    drop_tag(grandchild);
    drop_tag(child);
    drop_tag(parent);
    fixture_close(&f);
}

static void lock_nothing(void *argument, enum udmar_dma_lock_op op)
{
    (void)argument;
    (void)op;
}

static void expect_same(const struct udmar_dma_template *a, const struct udmar_dma_template *b)
{
    assert_ptr_equal(a->parent, b->parent);
    assert_int_equal(a->alignment, b->alignment);
    assert_int_equal(a->boundary, b->boundary);
    assert_int_equal(a->lowaddr, b->lowaddr);
    assert_int_equal(a->highaddr, b->highaddr);
    assert_int_equal(a->maxsize, b->maxsize);
    assert_int_equal(a->nsegments, b->nsegments);
    assert_int_equal(a->maxsegsize, b->maxsegsize);
    assert_int_equal(a->flags, b->flags);
    assert_true(a->lockfunc == b->lockfunc);
    assert_ptr_equal(a->lockfuncarg, b->lockfuncarg);
    assert_ptr_equal(a->name, b->name);
    assert_int_equal(a->unknown_key, b->unknown_key);
}

/* A copy of a tag is like it in everything, and so is what is made of the copy. */
static void test_copies_of_tags(void **state)
{
    static const int flags[] = { 0, UDMAR_DMA_ALLOCNOW, UDMAR_DMA_COHERENT,
                                 UDMAR_DMA_KEEP_PG_OFFSET,
                                 UDMAR_DMA_ALLOCNOW | UDMAR_DMA_COHERENT };
    struct fixture f;

    (void)state;
    fixture_open(&f, NULL);
    for (unsigned i = 0; i < 2 * sizeof(flags) / sizeof(flags[0]); i++) {
        struct udmar_dma_template wanted, copy;
        struct udmar_dma_tag *tag, *second;

        udmar_dma_template_init(&wanted, udmar_device_dma_tag(f.device[0]));
        assert_false(wanted.unknown_key || wanted.flags != 0 || wanted.lockfunc != NULL);
        wanted.flags = flags[i / 2];
        if (i % 2) {
            wanted.alignment = 64;
            wanted.boundary = KIB(64);
            wanted.lowaddr = 0x0fffffff;
            wanted.highaddr = 0x7fffffff;
            wanted.maxsize = KIB(40);
            wanted.nsegments = 7;
            wanted.maxsegsize = KIB(8);
            wanted.lockfunc = lock_nothing;
            wanted.lockfuncarg = &wanted;
            wanted.name = "ring";
        }
        assert_int_equal(udmar_dma_template_tag(&wanted, &tag), 0);
        memset(&copy, 0xa5, sizeof(copy));
        udmar_dma_template_clone(&copy, tag);
        expect_same(&copy, &wanted);
        assert_int_equal(udmar_dma_template_tag(&copy, &second), 0);
        memset(&copy, 0xa5, sizeof(copy));
        udmar_dma_template_clone(&copy, second);
        expect_same(&copy, &wanted);
        drop_tag(second);
        drop_tag(tag);
    }
    fixture_close(&f);
}

/* Whatever comes behind it does not make an unknown key good, and the reason is that key. */
static void test_unknown_key(void **state)
{
    const struct udmar_dma_param params[] = {
        { .key = (enum udmar_dma_key)99, .num = 7 },
        { .key = UDMAR_DMA_KEY_NSEGMENTS, .num = 4 },
    };
    struct udmar_dma_template values;
    struct udmar_dma_counts counts;
    struct udmar_dma_tag *tag;
    struct fixture f;

    (void)state;
    fixture_open(&f, NULL);
    udmar_dma_template_init(&values, udmar_device_dma_tag(f.device[0]));
    udmar_dma_template_fill(&values, params, 1);
    udmar_dma_template_fill(&values, &params[1], 1);
    assert_int_equal(udmar_dma_template_tag(&values, &tag), UDMAR_EINVAL);
    assert_true(model_log_contains(f.m, "unknown key"));
    udmar_dma_counts(f.instance, &counts);
    assert_int_equal(counts.tags_refused, 1);
    /* Without a parent there is nobody to tell. */
    values.parent = NULL;
    assert_int_equal(udmar_dma_template_tag(&values, &tag), UDMAR_EINVAL);
    /* A fresh start is one. */
    udmar_dma_template_init(&values, udmar_device_dma_tag(f.device[0]));
    udmar_dma_template_fill(&values, &params[1], 1);
    assert_int_equal(udmar_dma_template_tag(&values, &tag), 0);
    drop_tag(tag);
    fixture_close(&f);
}

static void test_zero_alignment_is_one(void **state)
{
    struct fixture f;
    struct request r = good;
    struct udmar_dma_tag *tag;

    (void)state;
    fixture_open(&f, NULL);
    r.alignment = 0;
    assert_int_equal(create(udmar_device_dma_tag(f.device[0]), &r, &tag), 0);
    assert_int_equal(tag->alignment, 1);
    drop_tag(tag);
    fixture_close(&f);
}

static void test_root_tag_belongs_to_its_device(void **state)
{
    struct fixture f;
    struct udmar_dma_tag *root;

    (void)state;
    fixture_open(&f, NULL);
    root = udmar_device_dma_tag(f.device[0]);
    assert_ptr_equal(udmar_device_dma_tag(f.device[0]), root);
    assert_ptr_not_equal(udmar_device_dma_tag(f.device[1]), root);
    assert_null(udmar_device_dma_tag(NULL));
    assert_int_equal(udmar_dma_tag_destroy(root), UDMAR_EINVAL);
    assert_int_equal(udmar_dma_tag_destroy(NULL), 0);
    fixture_close(&f);
}

static void test_who_is_still_needed(void **state)
{
    struct fixture f;
    struct udmar_dma_tag *tag, *other;
    struct udmar_dma_map *map, *none;
    void *buffer;

    (void)state;
    fixture_open(&f, NULL);
    tag = new_tag(&f, 0, NULL);
    other = new_tag(&f, 0, NULL);
    map = new_map(tag);
    buffer = model_buffer_alloc(f.m, PAGE, 0, 0);
    assert_int_equal(udmar_dma_tag_destroy(tag), UDMAR_EBUSY);
    assert_int_equal(udmar_device_detach(f.device[0]), UDMAR_ERR_BUSY);
    assert_int_equal(udmar_device_set_mode(f.device[0], UDMAR_MODE_BLOCKED), UDMAR_ERR_BUSY);
    assert_int_equal(udmar_dmamap_destroy(other, map), UDMAR_EINVAL);
    (void)load_one(tag, map, buffer, PAGE);
    assert_int_equal(udmar_dmamap_destroy(tag, map), UDMAR_EBUSY);
    udmar_dmamap_unload(tag, map);
    assert_int_equal(udmar_dmamap_destroy(tag, NULL), 0);
    assert_int_equal(udmar_dmamap_create(NULL, 0, &none), UDMAR_EINVAL);
    assert_int_equal(udmar_dmamap_create(tag, 0, NULL), UDMAR_EINVAL);
    drop_map(tag, map);
    drop_tag(tag);
    drop_tag(other);
    model_buffer_free(f.m, buffer);
    fixture_close(&f);
}

/* The root tag stays what it is, and gives out what the mode says. */
static void test_mode_changes_the_back_end(void **state)
{
    struct udmar_dma_tag *root;
    struct fixture f;

    (void)state;
    fixture_open(&f, NULL);
    root = udmar_device_dma_tag(f.device[0]);
    assert_ptr_equal(root->backend, &udmar__backend_translated);
    assert_int_equal(udmar_device_set_mode(f.device[0], UDMAR_MODE_BOUNCE), UDMAR_OK);
    assert_ptr_equal(udmar_device_dma_tag(f.device[0])->backend, &udmar__backend_direct);
    assert_int_equal(udmar_device_set_mode(f.device[0], UDMAR_MODE_TRANSLATE), UDMAR_OK);
    assert_ptr_equal(udmar_device_dma_tag(f.device[0])->backend, &udmar__backend_translated);
    assert_ptr_equal(udmar_device_dma_tag(f.device[0]), root);
    fixture_close(&f);
}

/* The same under FreeBSD's names. */
static void test_freebsd_names(void **state)
{
    struct fixture f;
    static struct loaded loaded;
    bus_dma_tag_t tag;
    bus_dmamap_t map;
    void *buffer;

    (void)state;
    fixture_open(&f, NULL);
    assert_int_equal(bus_dma_tag_create(udmar_device_dma_tag(f.device[0]), 1, 0,
                                        BUS_SPACE_MAXADDR_32BIT, BUS_SPACE_MAXADDR, NULL, NULL,
                                        KIB(8), BUS_SPACE_UNRESTRICTED, BUS_SPACE_MAXSIZE,
                                        BUS_DMA_ALLOCNOW, NULL, NULL, &tag),
                     0);
    assert_int_equal(bus_dmamap_create(tag, 0, &map), 0);
    buffer = model_buffer_alloc(f.m, KIB(8), MODEL_HIGH | MODEL_SCATTERED, 0);
    assert_int_equal(
        bus_dmamap_load(tag, map, buffer, KIB(8), note_loaded, &loaded, BUS_DMA_NOWAIT), 0);
    bus_dmamap_sync(tag, map, BUS_DMASYNC_PREREAD | BUS_DMASYNC_PREWRITE);
    assert_true(device_stores(&f, RID0, loaded.segment[0].ds_addr, buffer, KIB(8), 1));
    bus_dmamap_sync(tag, map, BUS_DMASYNC_POSTREAD | BUS_DMASYNC_POSTWRITE);
    bus_dmamap_unload(tag, map);
    assert_false(bus_dma_id_mapped(tag, MIB(2), PAGE));
    assert_int_equal(bus_dmamap_destroy(tag, map), 0);
    model_buffer_free(f.m, buffer);
    assert_int_equal(bus_dmamem_alloc(tag, &buffer, BUS_DMA_ZERO | BUS_DMA_COHERENT, &map), 0);
    bus_dmamem_free(tag, buffer, map);
    assert_int_equal(bus_dma_tag_destroy(tag), 0);
    fixture_close(&f);
}

static void test_clone_of_tags(void **state)
{
    struct udmar_dma_template template_;
    struct fixture f;
    struct udmar_dma_tag *root, *tag, *copy;

    (void)state;
    fixture_open(&f, NULL);
    root = udmar_device_dma_tag(f.device[0]);
    tag = new_tag(&f, 0, &(struct limits){ .nsegments = 5, .maxsize = 777 });
    udmar_dma_template_clone(&template_, tag);
    assert_ptr_equal(template_.parent, root);
    assert_int_equal(template_.nsegments, 5);
    assert_int_equal(template_.maxsize, 777);
    udmar_dma_template_clone(&template_, root);
    assert_ptr_equal(template_.parent, root);
    assert_int_equal(template_.nsegments, -1);
    assert_int_equal(udmar_dma_template_tag(&template_, &copy), 0);
    drop_tag(copy);
    drop_tag(tag);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_arguments),
        cmocka_unit_test(test_numbers_of_a_parent),
        cmocka_unit_test(test_no_powers_of_two),
        cmocka_unit_test(test_no_window),
        cmocka_unit_test(test_more_than_a_size_t),
        cmocka_unit_test(test_no_memory_for_a_tag),
        cmocka_unit_test(test_child_can_only_tighten),
        cmocka_unit_test(test_copies_of_tags),
        cmocka_unit_test(test_unknown_key),
        cmocka_unit_test(test_zero_alignment_is_one),
        cmocka_unit_test(test_root_tag_belongs_to_its_device),
        cmocka_unit_test(test_who_is_still_needed),
        cmocka_unit_test(test_mode_changes_the_back_end),
        cmocka_unit_test(test_freebsd_names),
        cmocka_unit_test(test_clone_of_tags),
    };

    return cmocka_run_group_tests_name("tag", tests, NULL, NULL);
}
