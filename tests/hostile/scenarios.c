/* SPDX-License-Identifier: BSD-2-Clause */
/* What is watched store by store: mappings, windows and ranges, contexts, translation itself. */
#include "interleave.h"

#define BIG UINT64_C(0x40000000)
#define FAR UINT64_C(0x740000000)

static void nothing(struct scene *s)
{
    (void)s;
}

/* ---- Mappings -------------------------------------------------------------------------------- */

static void must_map(struct scene *s, uint64_t iova, uint64_t physical, uint64_t size)
{
    assert_int_equal(udmar_domain_map(s->f.domain, iova, physical, size, UDMAR_READ_WRITE),
                     UDMAR_OK);
}

static void must_unmap(struct scene *s, uint64_t iova, uint64_t size)
{
    assert_int_equal(udmar_domain_unmap(s->f.domain, iova, size), UDMAR_OK);
}

static void clear_all(struct scene *s)
{
    must_unmap(s, AT, MIB(8));
}

static void first_page(struct scene *s)
{
    probe_add(s, RID0, AT);
    probe_add(s, RID0, AT + PAGE);
}

static void map_page(struct scene *s)
{
    s->status = udmar_domain_map(s->f.domain, AT, PHYS, PAGE, UDMAR_READ_WRITE);
}

static void next_door(struct scene *s)
{
    must_map(s, AT + PAGE, PHYS + PAGE, PAGE);
    first_page(s);
}

static void map_read_only(struct scene *s)
{
    s->status = udmar_domain_map(s->f.domain, AT, PHYS, PAGE, UDMAR_READ);
}

static void map_large(struct scene *s)
{
    s->status = udmar_domain_map(s->f.domain, AT, PHYS, MIB(2), UDMAR_READ_WRITE);
}

static void before_large(struct scene *s)
{
    probe_add(s, RID0, AT);
    probe_add(s, RID0, AT + MIB(1));
    probe_add(s, RID0, AT + MIB(2) - PAGE);
    probe_add(s, RID0, AT + MIB(2));
}

/* Small and large leaves in one call, over the border of a table. */
static void map_mixed(struct scene *s)
{
    s->status = udmar_domain_map(s->f.domain, AT + MIB(2) - 2 * PAGE, PHYS + MIB(2) - 2 * PAGE,
                                 MIB(2) + 4 * PAGE, UDMAR_READ_WRITE);
}

static void before_mixed(struct scene *s)
{
    probe_add(s, RID0, AT + MIB(2) - 2 * PAGE);
    probe_add(s, RID0, AT + MIB(2));
    probe_add(s, RID0, AT + MIB(4) + PAGE);
    probe_add(s, RID0, AT + MIB(2) - 3 * PAGE);
}

/* All but one page of a large one: the last call makes the run complete. */
static void all_but_one(struct scene *s)
{
    must_map(s, AT, PHYS, MIB(1));
    must_map(s, AT + MIB(1), PHYS + MIB(1), MIB(1) - PAGE);
    before_large(s);
}

static void map_last_page(struct scene *s)
{
    s->status = udmar_domain_map(s->f.domain, AT + MIB(2) - PAGE, PHYS + MIB(2) - PAGE, PAGE,
                                 UDMAR_READ_WRITE);
}

/* One of the pages is elsewhere: nothing to promote. */
static void all_but_one_crooked(struct scene *s)
{
    must_map(s, AT, PHYS, MIB(1));
    must_map(s, AT + MIB(1), PHYS + MIB(4), MIB(1) - PAGE);
    before_large(s);
}

/* The call meets a page that is mapped and takes everything back. */
static void obstacle(struct scene *s)
{
    must_map(s, AT + 8 * PAGE, PHYS + 64 * PAGE, PAGE);
    first_page(s);
    probe_add(s, RID0, AT + 8 * PAGE);
}

static void map_over_obstacle(struct scene *s)
{
    s->status = udmar_domain_map(s->f.domain, AT, PHYS, 16 * PAGE, UDMAR_READ_WRITE);
}

/* What was large once. */
static void split_again(struct scene *s)
{
    must_map(s, AT, PHYS, MIB(2));
    must_unmap(s, AT + MIB(2) - PAGE, PAGE);
    before_large(s);
}

/* The call completes a run, and meets a page that is mapped behind it. */
static void obstacle_behind(struct scene *s)
{
    all_but_one(s);
    must_map(s, AT + MIB(2) + PAGE, PHYS + MIB(5), PAGE);
}

static void map_last_and_more(struct scene *s)
{
    s->status = udmar_domain_map(s->f.domain, AT + MIB(2) - PAGE, PHYS + MIB(2) - PAGE, 3 * PAGE,
                                 UDMAR_READ_WRITE);
}

static void one_page(struct scene *s)
{
    must_map(s, AT, PHYS, PAGE);
    first_page(s);
}

static void two_pages(struct scene *s)
{
    must_map(s, AT, PHYS, 2 * PAGE);
    first_page(s);
}

static void unmap_page(struct scene *s)
{
    s->status = udmar_domain_unmap(s->f.domain, AT, PAGE);
}

static void large(struct scene *s)
{
    must_map(s, AT, PHYS, MIB(2));
    before_large(s);
}

static void promoted(struct scene *s)
{
    must_map(s, AT, PHYS, MIB(1));
    must_map(s, AT + MIB(1), PHYS + MIB(1), MIB(1));
    before_large(s);
}

static void unmap_large(struct scene *s)
{
    s->status = udmar_domain_unmap(s->f.domain, AT, MIB(2));
}

static void unmap_last_of_large(struct scene *s)
{
    s->status = udmar_domain_unmap(s->f.domain, AT + MIB(2) - PAGE, PAGE);
}

static void unmap_middle_of_large(struct scene *s)
{
    s->status = udmar_domain_unmap(s->f.domain, AT + MIB(1), 3 * PAGE);
}

static void mixed(struct scene *s)
{
    map_mixed(s);
    assert_int_equal(s->status, UDMAR_OK);
    before_mixed(s);
}

/* Both ends in the midst of large pages, and a hole. */
static void two_large(struct scene *s)
{
    must_map(s, AT, PHYS, MIB(4));
    probe_add(s, RID0, AT + MIB(2) - 3 * PAGE);
    probe_add(s, RID0, AT + MIB(2) - PAGE);
    probe_add(s, RID0, AT + MIB(2) + PAGE);
    probe_add(s, RID0, AT + MIB(2) + 4 * PAGE);
}

static void unmap_over_border(struct scene *s)
{
    s->status = udmar_domain_unmap(s->f.domain, AT + MIB(2) - 2 * PAGE, 4 * PAGE);
}

static void giant(struct scene *s)
{
    must_map(s, BIG, FAR, BIG);
    probe_add(s, RID0, BIG);
    probe_add(s, RID0, BIG + PAGE);
    probe_add(s, RID0, BIG + MIB(600));
}

/* 511 large ones: the last one makes the run complete. */
static void nearly_giant(struct scene *s)
{
    must_map(s, BIG, FAR, BIG - MIB(2));
    probe_add(s, RID0, BIG);
    probe_add(s, RID0, BIG + MIB(600));
    probe_add(s, RID0, BIG + BIG - PAGE);
}

static void map_last_of_giant(struct scene *s)
{
    s->status = udmar_domain_map(s->f.domain, BIG + BIG - MIB(2), FAR + BIG - MIB(2), MIB(2),
                                 UDMAR_READ_WRITE);
}

static void unmap_first_of_giant(struct scene *s)
{
    s->status = udmar_domain_unmap(s->f.domain, BIG, PAGE);
}

static void clear_giant(struct scene *s)
{
    must_unmap(s, BIG, BIG);
}

/* A table is unlinked in one call and its place used again in the next. */
static void unmap_and_map(struct scene *s)
{
    s->status = udmar_domain_unmap(s->f.domain, AT, PAGE);
    if (s->status == UDMAR_OK)
        s->status = udmar_domain_map(s->f.domain, AT + PAGE, PHYS + PAGE, PAGE, UDMAR_READ_WRITE);
}

/* ---- busdma ---------------------------------------------------------------------------------- */

static void make_map(struct scene *s, size_t size, unsigned flags)
{
    const struct limits limits = { .maxsize = size };

    s->tag = new_tag(&s->f, 0, &limits);
    s->map = new_map(s->tag);
    s->size = size;
    s->buffer = model_buffer_alloc(s->f.m, size, flags, 0);
    /* Once round, to know where it will be. */
    s->iova = load_one(s->tag, s->map, s->buffer, size);
    udmar_dmamap_unload(s->tag, s->map);
}

static void probe_map(struct scene *s)
{
    probe_add(s, RID0, s->iova);
    probe_add(s, RID0, s->iova + s->size - 1);
    probe_add(s, RID0, s->iova + s->size / 2);
    probe_add(s, RID1, s->iova);
}

static void load(struct scene *s)
{
    static struct loaded loaded; /* large: to clear it in single steps would take long */

    s->status =
        udmar_dmamap_load(s->tag, s->map, s->buffer, s->size, note_loaded, &loaded, 0) == 0 &&
                loaded.error == 0
            ? UDMAR_OK
            : UDMAR_ERR_MEMORY;
    s->iova = loaded.segment[0].ds_addr;
}

static void unload(struct scene *s)
{
    udmar_dmamap_unload(s->tag, s->map);
    s->status = UDMAR_OK;
}

static void drop_busdma(struct scene *s)
{
    drop_map(s->tag, s->map);
    drop_tag(s->tag);
    model_buffer_free(s->f.m, s->buffer);
}

static void unload_and_drop(struct scene *s)
{
    unload(s);
    drop_busdma(s);
}

static void small_map(struct scene *s)
{
    make_map(s, 16 * PAGE, MODEL_SCATTERED | MODEL_HIGH);
    probe_map(s);
}

static void loaded_small_map(struct scene *s)
{
    small_map(s);
    load(s);
}

/* Loads of physical memory that is nobody's, into a window of several leaf tables. */
static void load_memory(struct scene *s)
{
    const struct udmar_dma_physical list = { .address = PHYS, .length = s->size };
    static struct loaded loaded; /* large: to clear it in single steps would take long */

    s->status =
        udmar_dmamap_load_physical(s->tag, s->map, &list, 1, note_loaded, &loaded, 0) == 0 &&
                loaded.error == 0
            ? UDMAR_OK
            : UDMAR_ERR_MEMORY;
    s->iova = loaded.segment[0].ds_addr;
}

static void chunked_map(struct scene *s, size_t size)
{
    const struct limits limits = { .maxsize = MIB(5) };

    s->tag = new_tag(&s->f, 0, &limits);
    s->map = new_map(s->tag);
    s->size = size;
    load_memory(s);
    unload(s);
    probe_map(s);
}

static void chunk_of_small_ones(struct scene *s)
{
    chunked_map(s, 20 * PAGE);
}

static void chunk_of_one_large(struct scene *s)
{
    chunked_map(s, MIB(2) + 4 * PAGE);
}

static void loaded_chunk_of_small_ones(struct scene *s)
{
    chunk_of_small_ones(s);
    load_memory(s);
}

static void loaded_chunk_of_one_large(struct scene *s)
{
    chunk_of_one_large(s);
    load_memory(s);
}

static void drop_chunked(struct scene *s)
{
    drop_map(s->tag, s->map);
    drop_tag(s->tag);
}

static void unload_and_drop_chunked(struct scene *s)
{
    unload(s);
    drop_chunked(s);
}

/* ---- Contexts -------------------------------------------------------------------------------- */

#define MEMORY UINT64_C(0x00300000)

static void probe_memory(struct scene *s)
{
    probe_add(s, RID0, MEMORY);
    probe_add(s, RID1, MEMORY);
}

static void no_device(struct scene *s)
{
    assert_int_equal(udmar_device_detach(s->f.device[0]), UDMAR_OK);
    probe_memory(s);
}

static void attach(struct scene *s)
{
    s->status = udmar_device_attach(s->f.instance, 0, RID0, NULL, &s->f.device[0]);
}

/* In a domain of the test's own, where it is mapped still when the device has gone. */
static void page_of_device(struct scene *s)
{
    s->f.domain = fixture_own_domain(&s->f);
    must_map(s, AT, PHYS, PAGE);
    first_page(s);
    probe_memory(s);
}

static void detach(struct scene *s)
{
    s->status = udmar_device_detach(s->f.device[0]);
}

static void attach_again(struct scene *s)
{
    attach(s);
    assert_int_equal(s->status, UDMAR_OK);
}

static void page_of_two_domains(struct scene *s)
{
    page_of_device(s);
    assert_int_equal(udmar_domain_create(s->f.instance, NULL, &s->other), UDMAR_OK);
    assert_int_equal(udmar_domain_map(s->other, AT, PHYS + MIB(2), PAGE, UDMAR_READ), UDMAR_OK);
}

static void to_other_domain(struct scene *s)
{
    s->status = udmar_device_set_domain(s->f.device[0], s->other);
}

static void back_from_other_domain(struct scene *s)
{
    assert_int_equal(udmar_device_set_domain(s->f.device[0], s->f.own), UDMAR_OK);
    assert_int_equal(udmar_domain_destroy(s->f.instance, s->other), UDMAR_OK);
}

static void to_mode(struct scene *s, enum udmar_mode mode)
{
    s->status = udmar_device_set_mode(s->f.device[0], mode);
}

static void to_identity(struct scene *s)
{
    to_mode(s, UDMAR_MODE_IDENTITY);
}

static void to_translate(struct scene *s)
{
    to_mode(s, UDMAR_MODE_TRANSLATE);
}

static void to_blocked(struct scene *s)
{
    to_mode(s, UDMAR_MODE_BLOCKED);
}

static void identical(struct scene *s)
{
    to_identity(s);
    assert_int_equal(s->status, UDMAR_OK);
    probe_memory(s);
}

static void blocked(struct scene *s)
{
    to_blocked(s);
    assert_int_equal(s->status, UDMAR_OK);
    probe_memory(s);
}

/* ---- Translation itself ---------------------------------------------------------------------- */

static void before_start(struct scene *s)
{
    probe_memory(s);
    probe_add(s, RID0, RMRR_BASE);
    probe_add(s, RID0, RMRR_LIMIT);
}

static void start(struct scene *s)
{
    s->status = udmar_start(s->f.instance);
}

static void stop(struct scene *s)
{
    s->status = udmar_stop(s->f.instance);
}

static void start_again(struct scene *s)
{
    assert_int_equal(udmar_start(s->f.instance), UDMAR_OK);
}

const struct scenario scenarios[] = {
    { .name = "map a page", .prepare = first_page, .act = map_page, .finish = clear_all },
    { .name = "map next door", .prepare = next_door, .act = map_page, .finish = clear_all },
    { .name = "map read-only", .prepare = first_page, .act = map_read_only, .finish = clear_all },
    { .name = "map large", .prepare = before_large, .act = map_large, .finish = clear_all },
    { .name = "map mixed", .prepare = before_mixed, .act = map_mixed, .finish = clear_all },
    { .name = "promote", .prepare = all_but_one, .act = map_last_page, .finish = clear_all },
    { .name = "nothing to promote",
      .prepare = all_but_one_crooked,
      .act = map_last_page,
      .finish = clear_all },
    { .name = "promote again",
      .prepare = split_again,
      .act = map_last_page,
      .finish = clear_all,
      .heavy = true },
    { .name = "promote to a giant",
      .prepare = nearly_giant,
      .act = map_last_of_giant,
      .finish = clear_giant,
      .heavy = true },
    { .name = "complete run that is taken back",
      .prepare = obstacle_behind,
      .act = map_last_and_more,
      .finish = clear_all,
      .status = UDMAR_ERR_EXISTS,
      .taken_back = true,
      .heavy = true },
    { .name = "map that is taken back",
      .prepare = obstacle,
      .act = map_over_obstacle,
      .finish = clear_all,
      .status = UDMAR_ERR_EXISTS,
      .taken_back = true },
    { .name = "unmap the last page", .prepare = one_page, .act = unmap_page, .finish = clear_all },
    { .name = "unmap a page", .prepare = two_pages, .act = unmap_page, .finish = clear_all },
    { .name = "unmap large", .prepare = large, .act = unmap_large, .finish = clear_all },
    { .name = "unmap promoted", .prepare = promoted, .act = unmap_large, .finish = clear_all },
    { .name = "unmap mixed", .prepare = mixed, .act = unmap_large, .finish = clear_all },
    { .name = "split at the start",
      .prepare = large,
      .act = unmap_page,
      .finish = clear_all,
      .heavy = true },
    { .name = "split at the end",
      .prepare = large,
      .act = unmap_last_of_large,
      .finish = clear_all,
      .heavy = true },
    { .name = "split in the middle",
      .prepare = large,
      .act = unmap_middle_of_large,
      .finish = clear_all,
      .heavy = true },
    { .name = "split what was promoted",
      .prepare = promoted,
      .act = unmap_middle_of_large,
      .finish = clear_all,
      .heavy = true },
    { .name = "split two",
      .prepare = two_large,
      .act = unmap_over_border,
      .finish = clear_all,
      .heavy = true },
    { .name = "split a giant",
      .prepare = giant,
      .act = unmap_first_of_giant,
      .finish = clear_giant,
      .heavy = true },
    { .name = "unmap and map", .prepare = one_page, .act = unmap_and_map, .finish = clear_all },
    { .name = "load", .prepare = small_map, .act = load, .finish = unload_and_drop },
    { .name = "unload", .prepare = loaded_small_map, .act = unload, .finish = drop_busdma },
    { .name = "load a chunk",
      .prepare = chunk_of_small_ones,
      .act = load_memory,
      .finish = unload_and_drop_chunked },
    { .name = "unload a chunk",
      .prepare = loaded_chunk_of_small_ones,
      .act = unload,
      .finish = drop_chunked },
    { .name = "load a large chunk",
      .prepare = chunk_of_one_large,
      .act = load_memory,
      .finish = unload_and_drop_chunked },
    { .name = "unload a large chunk",
      .prepare = loaded_chunk_of_one_large,
      .act = unload,
      .finish = drop_chunked },
    { .name = "attach", .prepare = no_device, .act = attach, .finish = nothing, .unseen = true },
    { .name = "detach", .prepare = page_of_device, .act = detach, .finish = attach_again },
    { .name = "to identity",
      .prepare = probe_memory,
      .act = to_identity,
      .finish = nothing,
      .may_block = true,
      .heavy = true },
    { .name = "from identity",
      .prepare = identical,
      .act = to_translate,
      .finish = nothing,
      .may_block = true,
      .heavy = true },
    { .name = "to another domain",
      .prepare = page_of_two_domains,
      .act = to_other_domain,
      .finish = back_from_other_domain,
      .may_block = true },
    { .name = "to blocked", .prepare = page_of_device, .act = to_blocked, .finish = nothing },
    { .name = "from blocked",
      .prepare = blocked,
      .act = to_translate,
      .finish = nothing,
      .unseen = true },
    { .name = "start",
      .prepare = before_start,
      .act = start,
      .finish = nothing,
      .not_started = true,
      .rmrr = true,
      .heavy = true },
    { .name = "stop",
      .prepare = before_start,
      .act = stop,
      .finish = start_again,
      .rmrr = true,
      .heavy = true },
};
const unsigned scenario_count = sizeof(scenarios) / sizeof(scenarios[0]);
