/* SPDX-License-Identifier: BSD-2-Clause */
/* The public interface as a list of things that can fail. */
#include <stdlib.h>
#include <string.h>

#include "inject.h"

#define AT   UINT64_C(0x10000000)
#define PHYS UINT64_C(0x00400000)

enum answer answer_of(enum udmar_status status)
{
    switch (status) {
    case UDMAR_OK:
        return DONE;
    case UDMAR_ERR_MEMORY:
        return NO_MEMORY;
    case UDMAR_ERR_TIMEOUT:
    case UDMAR_ERR_QUEUE:
    case UDMAR_ERR_REFUSED:
        return NO_ANSWER;
    case UDMAR_ERR_NO_UNIT:
        return NO_UNIT;
    default:
        return UNDOCUMENTED;
    }
}

enum answer answer_of_busdma(int error)
{
    return error == 0 ? DONE : error == UDMAR_ENOMEM ? NO_MEMORY : UNDOCUMENTED;
}

static void nothing(struct trial *t)
{
    (void)t;
}

/* ---- Domains --------------------------------------------------------------------------------- */

static void clear(struct trial *t)
{
    assert_int_equal(udmar_domain_unmap(t->f.domain, AT, MIB(8)), UDMAR_OK);
}

static enum answer map_page(struct trial *t)
{
    return answer_of(udmar_domain_map(t->f.domain, AT, PHYS, PAGE, UDMAR_READ_WRITE));
}

static enum answer map_mixed(struct trial *t)
{
    return answer_of(udmar_domain_map(t->f.domain, AT + MIB(2) - 2 * PAGE, PHYS + MIB(2) - 2 * PAGE,
                                      MIB(2) + 4 * PAGE, UDMAR_READ));
}

static void run_but_one(struct trial *t)
{
    assert_int_equal(udmar_domain_map(t->f.domain, AT, PHYS, MIB(2) - PAGE, UDMAR_READ_WRITE),
                     UDMAR_OK);
}

static enum answer map_last(struct trial *t)
{
    return answer_of(udmar_domain_map(t->f.domain, AT + MIB(2) - PAGE, PHYS + MIB(2) - PAGE, PAGE,
                                      UDMAR_READ_WRITE));
}

static void unmap_last(struct trial *t)
{
    assert_int_equal(udmar_domain_unmap(t->f.domain, AT + MIB(2) - PAGE, PAGE), UDMAR_OK);
}

/* ... and goes on in the next table: what has become large by then has to be taken back. */
static enum answer map_last_and_more(struct trial *t)
{
    return answer_of(udmar_domain_map(t->f.domain, AT + MIB(2) - PAGE, PHYS + MIB(2) - PAGE,
                                      3 * PAGE, UDMAR_READ_WRITE));
}

static void unmap_last_and_more(struct trial *t)
{
    assert_int_equal(udmar_domain_unmap(t->f.domain, AT + MIB(2) - PAGE, 3 * PAGE), UDMAR_OK);
}

static void one_page(struct trial *t)
{
    assert_int_equal(map_page(t), DONE);
}

static enum answer unmap_page(struct trial *t)
{
    return answer_of(udmar_domain_unmap(t->f.domain, AT, PAGE));
}

static void large(struct trial *t)
{
    assert_int_equal(udmar_domain_map(t->f.domain, AT, PHYS, MIB(4), UDMAR_READ_WRITE), UDMAR_OK);
}

static enum answer unmap_part(struct trial *t)
{
    return answer_of(udmar_domain_unmap(t->f.domain, AT + MIB(2) - PAGE, 3 * PAGE));
}

static void map_part(struct trial *t)
{
    assert_int_equal(udmar_domain_map(t->f.domain, AT + MIB(2) - PAGE, PHYS + MIB(2) - PAGE,
                                      3 * PAGE, UDMAR_READ_WRITE),
                     UDMAR_OK);
}

static enum answer alloc_iova(struct trial *t)
{
    return answer_of(udmar_domain_alloc_iova(t->f.domain, KIB(40), NULL, &t->iova));
}

static void free_iova(struct trial *t)
{
    assert_int_equal(udmar_domain_free_iova(t->f.domain, t->iova), UDMAR_OK);
}

static void some_iova(struct trial *t)
{
    assert_int_equal(alloc_iova(t), DONE);
}

static enum answer free_iova_now(struct trial *t)
{
    return answer_of(udmar_domain_free_iova(t->f.domain, t->iova));
}

/* ---- busdma ---------------------------------------------------------------------------------- */

static void take(void *argument, struct udmar_dma_segment *segments, int count, int error)
{
    uint64_t *iova = argument;

    *iova = error == 0 && count == 1 ? segments[0].ds_addr : 0;
}

/* With the device's root tag, which is made by the first call. */
static enum answer create_tag(struct trial *t)
{
    struct udmar_dma_tag *root = udmar_device_dma_tag(t->f.device[0]);

    if (root == NULL)
        return NO_MEMORY;
    return answer_of_busdma(udmar_dma_tag_create(root, 1, 0, UINT64_MAX, UINT64_MAX, NULL, NULL,
                                                 KIB(64), 1, KIB(64), 0, NULL, NULL, &t->tag));
}

static void destroy_tag(struct trial *t)
{
    drop_tag(t->tag);
}

static void tag_of(struct trial *t, size_t maxsize)
{
    const struct limits limits = { .maxsize = maxsize };

    t->tag = new_tag(&t->f, 0, &limits);
    t->size = maxsize;
}

static void small_tag(struct trial *t)
{
    tag_of(t, KIB(64));
}

static void big_tag(struct trial *t)
{
    tag_of(t, MIB(3));
}

static enum answer create_map(struct trial *t)
{
    return answer_of_busdma(udmar_dmamap_create(t->tag, UDMAR_DMA_NOWAIT, &t->map));
}

static void destroy_map(struct trial *t)
{
    drop_map(t->tag, t->map);
}

static void some_map(struct trial *t)
{
    small_tag(t);
    t->map = new_map(t->tag);
}

static enum answer destroy_map_now(struct trial *t)
{
    return answer_of_busdma(udmar_dmamap_destroy(t->tag, t->map));
}

static void make_map(struct trial *t)
{
    t->map = new_map(t->tag);
}

static void map_and_tag(struct trial *t)
{
    destroy_map(t);
    destroy_tag(t);
}

static enum answer alloc_memory(struct trial *t)
{
    return answer_of_busdma(udmar_dmamem_alloc(t->tag, &t->memory, UDMAR_DMA_ZERO, &t->map));
}

static void free_memory(struct trial *t)
{
    udmar_dmamem_free(t->tag, t->memory, t->map);
}

static void buffer_and_map(struct trial *t, size_t maxsize, unsigned flags)
{
    tag_of(t, maxsize);
    t->map = new_map(t->tag);
    t->buffer = model_buffer_alloc(t->f.m, t->size, flags, 0);
}

static void small_buffer(struct trial *t)
{
    buffer_and_map(t, KIB(64), MODEL_SCATTERED);
}

static void big_buffer(struct trial *t)
{
    buffer_and_map(t, MIB(3), MODEL_CONTIGUOUS);
}

static enum answer load(struct trial *t)
{
    int error = udmar_dmamap_load(t->tag, t->map, t->buffer, t->size, take, &t->iova, 0);

    return answer_of_busdma(error);
}

static enum answer load_physical(struct trial *t)
{
    const struct udmar_dma_physical list[2] = { { PHYS, PAGE }, { PHYS + MIB(1), 2 * PAGE } };

    return answer_of_busdma(udmar_dmamap_load_physical(t->tag, t->map, list, 2, take, &t->iova, 0));
}

static void unload(struct trial *t)
{
    udmar_dmamap_unload(t->tag, t->map);
}

static void buffer_map_and_tag(struct trial *t)
{
    map_and_tag(t);
    model_buffer_free(t->f.m, t->buffer);
}

static void loaded_buffer(struct trial *t)
{
    small_buffer(t);
    assert_int_equal(load(t), DONE);
}

static enum answer unload_now(struct trial *t)
{
    unload(t);
    return DONE;
}

static void load_again(struct trial *t)
{
    assert_int_equal(load(t), DONE);
}

static void loaded_buffer_map_and_tag(struct trial *t)
{
    unload(t);
    buffer_map_and_tag(t);
}

/* ---- Loads that grow: the buffer page by page, then a piece more ----------------------------- */

static enum answer add_pieces(struct trial *t, unsigned first, unsigned count)
{
    struct udmar_dma_segment segment;
    int error = 0;

    for (unsigned i = first; i < first + count && error == 0; i++) {
        int last = -1;

        error = udmar_dmamap_add_buffer(t->tag, t->map, t->buffer + i % 16 * PAGE, PAGE, &segment,
                                        &last, 0);
    }
    t->iova = segment.ds_addr;
    return answer_of_busdma(error);
}

static enum answer first_piece(struct trial *t)
{
    return add_pieces(t, 0, 1);
}

static enum answer next_piece(struct trial *t)
{
    return add_pieces(t, 1, 1);
}

/* More than any place has room for: a new one is taken. */
static enum answer large_piece(struct trial *t)
{
    struct udmar_dma_segment segment;
    int last = -1;

    return answer_of_busdma(
        udmar_dmamap_add_buffer(t->tag, t->map, t->buffer, KIB(64), &segment, &last, 0));
}

static void one_piece(struct trial *t)
{
    small_buffer(t);
    assert_int_equal(first_piece(t), DONE);
}

static void many_pieces(struct trial *t)
{
    small_buffer(t);
    assert_int_equal(add_pieces(t, 0, 20), DONE);
}

static void one_again(struct trial *t)
{
    unload(t);
    assert_int_equal(first_piece(t), DONE);
}

static void many_again_loaded(struct trial *t)
{
    assert_int_equal(add_pieces(t, 0, 20), DONE);
}

static void many_again(struct trial *t)
{
    unload(t);
    many_again_loaded(t);
}

/* ---- Devices --------------------------------------------------------------------------------- */

static void no_device(struct trial *t)
{
    assert_int_equal(udmar_device_detach(t->f.device[0]), UDMAR_OK);
    t->f.device[0] = NULL;
}

static enum answer attach(struct trial *t)
{
    struct udmar_device *device = NULL;
    enum answer answer = answer_of(udmar_device_attach(t->f.instance, 0, RID0, NULL, &device));

    t->f.device[0] = device;
    t->f.domain = device == NULL ? NULL : udmar_device_domain(device);
    return answer;
}

static enum answer detach(struct trial *t)
{
    return answer_of(udmar_device_detach(t->f.device[0]));
}

static void attach_again(struct trial *t)
{
    assert_int_equal(attach(t), DONE);
}

static enum answer to_identity(struct trial *t)
{
    return answer_of(udmar_device_set_mode(t->f.device[0], UDMAR_MODE_IDENTITY));
}

static void to_translate(struct trial *t)
{
    assert_int_equal(udmar_device_set_mode(t->f.device[0], UDMAR_MODE_TRANSLATE), UDMAR_OK);
    t->f.domain = udmar_device_domain(t->f.device[0]);
}

static void stopped(struct trial *t)
{
    assert_int_equal(udmar_stop(t->f.instance), UDMAR_OK);
}

static enum answer start(struct trial *t)
{
    return answer_of(udmar_start(t->f.instance));
}

static void start_again(struct trial *t)
{
    assert_int_equal(start(t), DONE);
}

static enum answer stop(struct trial *t)
{
    return answer_of(udmar_stop(t->f.instance));
}

/* A stop that was not obeyed is one all the same: the next start takes the unit over. */
static enum answer start_and_stop(struct trial *t)
{
    start_again(t);
    return stop(t);
}

const struct operation operations[] = {
    { .name = "map a page", .prepare = nothing, .act = map_page, .undo = clear, .finish = nothing },
    { .name = "map mixed", .prepare = nothing, .act = map_mixed, .undo = clear, .finish = nothing },
    { .name = "complete a run",
      .prepare = run_but_one,
      .act = map_last,
      .undo = unmap_last,
      .finish = clear },
    { .name = "complete a run and go on",
      .prepare = run_but_one,
      .act = map_last_and_more,
      .undo = unmap_last_and_more,
      .finish = clear },
    { .name = "unmap a page",
      .prepare = one_page,
      .act = unmap_page,
      .undo = one_page,
      .finish = clear },
    { .name = "unmap a part",
      .prepare = large,
      .act = unmap_part,
      .undo = map_part,
      .finish = clear },
    { .name = "alloc iova",
      .prepare = nothing,
      .act = alloc_iova,
      .undo = free_iova,
      .finish = nothing },
    { .name = "free iova",
      .prepare = some_iova,
      .act = free_iova_now,
      .undo = some_iova,
      .finish = free_iova },
    { .name = "create a tag",
      .prepare = nothing,
      .act = create_tag,
      .undo = destroy_tag,
      .finish = nothing },
    { .name = "create a map",
      .prepare = small_tag,
      .act = create_map,
      .undo = destroy_map,
      .finish = destroy_tag },
    { .name = "create a large map",
      .prepare = big_tag,
      .act = create_map,
      .undo = destroy_map,
      .finish = destroy_tag },
    { .name = "destroy a map",
      .prepare = some_map,
      .act = destroy_map_now,
      .undo = make_map,
      .finish = map_and_tag },
    { .name = "allocate DMA memory",
      .prepare = small_tag,
      .act = alloc_memory,
      .undo = free_memory,
      .finish = destroy_tag },
    { .name = "load a window",
      .prepare = small_buffer,
      .act = load,
      .undo = unload,
      .finish = buffer_map_and_tag },
    { .name = "load a large window",
      .prepare = big_buffer,
      .act = load,
      .undo = unload,
      .finish = buffer_map_and_tag },
    { .name = "load a range",
      .prepare = small_buffer,
      .act = load,
      .undo = unload,
      .finish = buffer_map_and_tag,
      .window_limit = KIB(16) },
    { .name = "load memory",
      .prepare = small_buffer,
      .act = load_physical,
      .undo = unload,
      .finish = buffer_map_and_tag },
    { .name = "load memory into a range",
      .prepare = small_buffer,
      .act = load_physical,
      .undo = unload,
      .finish = buffer_map_and_tag,
      .window_limit = KIB(16) },
    { .name = "first piece",
      .prepare = small_buffer,
      .act = first_piece,
      .undo = unload,
      .finish = buffer_map_and_tag },
    { .name = "first piece without a window",
      .prepare = small_buffer,
      .act = first_piece,
      .undo = unload,
      .finish = buffer_map_and_tag,
      .window_limit = KIB(16) },
    { .name = "add a piece",
      .prepare = one_piece,
      .act = next_piece,
      .undo = one_again,
      .finish = loaded_buffer_map_and_tag },
    { .name = "add a piece to a place without a window",
      .prepare = one_piece,
      .act = next_piece,
      .undo = one_again,
      .finish = loaded_buffer_map_and_tag,
      .window_limit = KIB(16) },
    { .name = "add a piece that needs a place",
      .prepare = many_pieces,
      .act = large_piece,
      .undo = many_again,
      .finish = loaded_buffer_map_and_tag },
    { .name = "add a piece that needs a place, without a window",
      .prepare = many_pieces,
      .act = large_piece,
      .undo = many_again,
      .finish = loaded_buffer_map_and_tag,
      .window_limit = KIB(16) },
    { .name = "unload pieces",
      .prepare = many_pieces,
      .act = unload_now,
      .undo = many_again_loaded,
      .finish = loaded_buffer_map_and_tag },
    { .name = "unload a window",
      .prepare = loaded_buffer,
      .act = unload_now,
      .undo = load_again,
      .finish = loaded_buffer_map_and_tag },
    { .name = "unload a range",
      .prepare = loaded_buffer,
      .act = unload_now,
      .undo = load_again,
      .finish = loaded_buffer_map_and_tag,
      .window_limit = KIB(16) },
    { .name = "attach",
      .prepare = no_device,
      .act = attach,
      .undo = no_device,
      .finish = attach_again,
      .keeps_tables = true },
    { .name = "detach",
      .prepare = nothing,
      .act = detach,
      .undo = attach_again,
      .finish = nothing,
      .keeps_tables = true },
    { .name = "change the mode",
      .prepare = nothing,
      .act = to_identity,
      .undo = to_translate,
      .finish = nothing,
      .changes_on_failure = true,
      .keeps_tables = true },
    { .name = "start", .prepare = stopped, .act = start, .undo = stopped, .finish = start_again },
    { .name = "stop",
      .prepare = nothing,
      .act = stop,
      .undo = start_again,
      .finish = nothing,
      .retry = start_and_stop,
      .keeps_tables = true },
};
const unsigned operation_count = sizeof(operations) / sizeof(operations[0]);
