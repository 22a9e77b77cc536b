/* SPDX-License-Identifier: BSD-2-Clause */
/* The public interface as a list of things that can fail: streams, ticks, bounced loads. */
#include <string.h>

#include "inject.h"

#define PHYS UINT64_C(0x00400000)

/* ---- Streams --------------------------------------------------------------------------------- */

static void piece(struct trial *t, uint64_t address, uint64_t length)
{
    t->piece[t->pieces++] = (struct udmar_dma_physical){ address, length };
}

static void page(struct trial *t)
{
    piece(t, PHYS + 5, 77);
}

static void block(struct trial *t)
{
    piece(t, PHYS + 5, 3 * PAGE);
    piece(t, PHYS + MIB(1), PAGE);
    piece(t, PHYS + MIB(3), 2 * PAGE);
}

static void large(struct trial *t)
{
    piece(t, PHYS, MIB(2));
}

static void mixed(struct trial *t)
{
    piece(t, PHYS + MIB(2) - 3 * PAGE, MIB(2) + 5 * PAGE);
}

static void range(struct trial *t)
{
    piece(t, PHYS + MIB(2) - 2 * PAGE, MIB(10) + 3 * PAGE);
}

static enum answer stream(struct trial *t)
{
    return answer_of(
        udmar_stream_map(t->f.domain, t->piece, t->pieces, UDMAR_READ_WRITE, UINT64_MAX, &t->iova));
}

static void must_end(struct trial *t)
{
    assert_int_equal(udmar_stream_unmap(t->f.domain, t->iova), UDMAR_OK);
}

static void must_stream(struct trial *t)
{
    assert_int_equal(stream(t), DONE);
}

static enum answer end(struct trial *t)
{
    return answer_of(udmar_stream_unmap(t->f.domain, t->iova));
}

/* The place of one whose end was not confirmed is lost; the next one has another. */
static enum answer stream_and_end(struct trial *t)
{
    enum answer answer = stream(t);

    return answer == DONE ? end(t) : answer;
}

static enum answer end_and_tick(struct trial *t)
{
    enum answer answer = end(t);

    udmar_tick(t->f.instance);
    return answer;
}

static enum answer stream_end_and_tick(struct trial *t)
{
    enum answer answer = stream(t);

    return answer == DONE ? end_and_tick(t) : answer;
}

static void page_there(struct trial *t)
{
    page(t);
    must_stream(t);
}

static void block_there(struct trial *t)
{
    block(t);
    must_stream(t);
}

static void large_there(struct trial *t)
{
    large(t);
    must_stream(t);
}

static void mixed_there(struct trial *t)
{
    mixed(t);
    must_stream(t);
}

static void range_there(struct trial *t)
{
    range(t);
    must_stream(t);
}

/* ---- Loads without a callback, and piece by piece -------------------------------------------- */

static void map_and_tag(struct trial *t)
{
    drop_map(t->tag, t->map);
    drop_tag(t->tag);
}

static void buffer_map_and_tag(struct trial *t)
{
    map_and_tag(t);
    model_buffer_free(t->f.m, t->buffer);
}

static void buffer_and_map(struct trial *t, const struct limits *limits, unsigned where)
{
    t->tag = new_tag(&t->f, 0, limits);
    t->map = new_map(t->tag);
    t->size = (size_t)limits->maxsize;
    t->buffer = model_buffer_alloc(t->f.m, t->size, where, 0);
}

static void small_buffer(struct trial *t)
{
    buffer_and_map(t, &(struct limits){ .maxsize = KIB(64) }, MODEL_SCATTERED);
}

struct halves {
    const struct trial *t;
    unsigned at;
};

static bool next_half(void *context, struct udmar_dma_piece *out_piece)
{
    struct halves *halves = context;
    size_t half = halves->t->size / 2;

    if (halves->at == 2)
        return false;
    *out_piece = (struct udmar_dma_piece){ .buffer = halves->t->buffer + halves->at++ * half,
                                           .length = half };
    return true;
}

static void take(void *argument, struct udmar_dma_segment *segments, int count, int error)
{
    struct trial *t = argument;

    t->iova = error == 0 && count > 0 ? segments[0].ds_addr : 0;
    t->calls++;
}

static enum answer load_each(struct trial *t)
{
    struct halves halves = { t, 0 };

    return answer_of_busdma(
        udmar_dmamap_load_each(t->tag, t->map, next_half, &halves, take, t, UDMAR_DMA_NOWAIT));
}

static enum answer load_sg(struct trial *t)
{
    struct halves halves = { t, 0 };
    int count;

    return answer_of_busdma(
        udmar_dmamap_load_each_sg(t->tag, t->map, next_half, &halves, NULL, &count, 0));
}

static void unload(struct trial *t)
{
    udmar_dmamap_unload(t->tag, t->map);
}

static enum answer tag_of_template(struct trial *t)
{
    const struct udmar_dma_param params[] = {
        { .key = UDMAR_DMA_KEY_MAXSIZE, .num = KIB(64) },
        { .key = UDMAR_DMA_KEY_NSEGMENTS, .num = 4 },
    };
    struct udmar_dma_tag *root = udmar_device_dma_tag(t->f.device[0]);
    struct udmar_dma_template made;

    if (root == NULL)
        return NO_MEMORY;
    udmar_dma_template_init(&made, root);
    udmar_dma_template_fill(&made, params, 2);
    return answer_of_busdma(udmar_dma_template_tag(&made, &t->tag));
}

static void destroy_tag(struct trial *t)
{
    drop_tag(t->tag);
}

/* ---- Bounced --------------------------------------------------------------------------------- */

static const struct limits low = { .maxsize = KIB(32), .nsegments = 16, .lowaddr = UINT32_MAX };

static void bounced(struct trial *t)
{
    assert_int_equal(udmar_device_set_mode(t->f.device[0], UDMAR_MODE_BOUNCE), UDMAR_OK);
    t->f.domain = udmar_device_domain(t->f.device[0]);
}

static void to_translate(struct trial *t)
{
    assert_int_equal(udmar_device_set_mode(t->f.device[0], UDMAR_MODE_TRANSLATE), UDMAR_OK);
    t->f.domain = udmar_device_domain(t->f.device[0]);
}

static void bounced_tag(struct trial *t)
{
    bounced(t);
    t->tag = new_tag(&t->f, 0, &low);
}

static void bounced_tag_gone(struct trial *t)
{
    drop_tag(t->tag);
    to_translate(t);
}

static enum answer tag_with_pages(struct trial *t)
{
    struct udmar_dma_tag *root = udmar_device_dma_tag(t->f.device[0]);

    if (root == NULL)
        return NO_MEMORY;
    return answer_of_busdma(udmar_dma_tag_create(root, 1, 0, UINT32_MAX, UINT64_MAX, NULL, NULL,
                                                 KIB(64), 16, KIB(64), UDMAR_DMA_ALLOCNOW, NULL,
                                                 NULL, &t->tag));
}

static enum answer create_map(struct trial *t)
{
    return answer_of_busdma(udmar_dmamap_create(t->tag, UDMAR_DMA_NOWAIT, &t->map));
}

static void destroy_map(struct trial *t)
{
    drop_map(t->tag, t->map);
}

static enum answer alloc_memory(struct trial *t)
{
    return answer_of_busdma(udmar_dmamem_alloc(t->tag, &t->memory, UDMAR_DMA_NOWAIT, &t->map));
}

static void free_memory(struct trial *t)
{
    udmar_dmamem_free(t->tag, t->memory, t->map);
}

static enum answer other_node(struct trial *t)
{
    return answer_of_busdma(udmar_dma_tag_set_numa_node(t->tag, 1));
}

static void any_node(struct trial *t)
{
    assert_int_equal(udmar_dma_tag_set_numa_node(t->tag, -1), 0);
}

static void bounced_buffer(struct trial *t)
{
    bounced(t);
    buffer_and_map(t, &low, MODEL_HIGH | MODEL_SCATTERED);
}

static enum answer load_bounced(struct trial *t)
{
    return answer_of_busdma(
        udmar_dmamap_load(t->tag, t->map, t->buffer, t->size, take, t, UDMAR_DMA_NOWAIT));
}

static void bounced_buffer_gone(struct trial *t)
{
    buffer_map_and_tag(t);
    to_translate(t);
}

/* ---- Partial pages --------------------------------------------------------------------------- */

static void partial_pages(struct trial *t)
{
    assert_int_equal(udmar_device_set_subpage(t->f.device[0], true), UDMAR_OK);
    t->tag = new_tag(&t->f, 0, &(struct limits){ .maxsize = KIB(16) });
    t->map = new_map(t->tag);
    t->size = KIB(6);
    t->buffer = model_buffer_alloc(t->f.m, t->size, MODEL_SCATTERED, 100);
}

static void whole_pages(struct trial *t)
{
    buffer_map_and_tag(t);
    assert_int_equal(udmar_device_set_subpage(t->f.device[0], false), UDMAR_OK);
}

const struct operation stream_operations[] = {
    { .name = "stream a page", .prepare = page, .act = stream, .undo = must_end, .fresh = true },
    { .name = "stream a block", .prepare = block, .act = stream, .undo = must_end, .fresh = true },
    { .name = "stream a large page",
      .prepare = large,
      .act = stream,
      .undo = must_end,
      .fresh = true },
    { .name = "stream a window", .prepare = mixed, .act = stream, .undo = must_end, .fresh = true },
    { .name = "stream a range", .prepare = range, .act = stream, .undo = must_end, .fresh = true },
    { .name = "end a stream",
      .prepare = page_there,
      .act = end,
      .undo = must_stream,
      .finish = must_end,
      .retry = stream_and_end },
    { .name = "end a stream of a block",
      .prepare = block_there,
      .act = end,
      .undo = must_stream,
      .finish = must_end,
      .retry = stream_and_end },
    { .name = "end a stream of a large page",
      .prepare = large_there,
      .act = end,
      .undo = must_stream,
      .finish = must_end,
      .retry = stream_and_end },
    { .name = "end a stream of a window",
      .prepare = mixed_there,
      .act = end,
      .undo = must_stream,
      .finish = must_end,
      .retry = stream_and_end },
    { .name = "end a stream of a range",
      .prepare = range_there,
      .act = end,
      .undo = must_stream,
      .finish = must_end,
      .retry = stream_and_end,
      .keeps_tables = true },
    { .name = "end a stream, and tick",
      .prepare = page_there,
      .act = end_and_tick,
      .undo = must_stream,
      .finish = must_end,
      .retry = stream_end_and_tick,
      .lazy = true,
      .moves = true },
    { .name = "end a stream of a block, and tick",
      .prepare = block_there,
      .act = end_and_tick,
      .undo = must_stream,
      .finish = must_end,
      .retry = stream_end_and_tick,
      .lazy = true,
      .moves = true },
    { .name = "end a stream of a large page, and tick",
      .prepare = large_there,
      .act = end_and_tick,
      .undo = must_stream,
      .finish = must_end,
      .retry = stream_end_and_tick,
      .lazy = true,
      .moves = true },
    { .name = "load piece by piece",
      .prepare = small_buffer,
      .act = load_each,
      .undo = unload,
      .finish = buffer_map_and_tag },
    { .name = "load for a list",
      .prepare = small_buffer,
      .act = load_sg,
      .undo = unload,
      .finish = buffer_map_and_tag },
    { .name = "tag of a template", .act = tag_of_template, .undo = destroy_tag },
    { .name = "tag with bounce pages",
      .prepare = bounced,
      .act = tag_with_pages,
      .undo = destroy_tag,
      .finish = to_translate },
    { .name = "create a map that bounces",
      .prepare = bounced_tag,
      .act = create_map,
      .undo = destroy_map,
      .finish = bounced_tag_gone,
      .grows = true },
    { .name = "allocate memory in reach",
      .prepare = bounced_tag,
      .act = alloc_memory,
      .undo = free_memory,
      .finish = bounced_tag_gone },
    { .name = "bounce pages of another node",
      .prepare = bounced_tag,
      .act = other_node,
      .undo = any_node,
      .finish = bounced_tag_gone },
    { .name = "load that bounces",
      .prepare = bounced_buffer,
      .act = load_bounced,
      .undo = unload,
      .finish = bounced_buffer_gone },
    { .name = "load with partial pages",
      .prepare = partial_pages,
      .act = load_bounced,
      .undo = unload,
      .finish = whole_pages },
};
const unsigned stream_operation_count = sizeof(stream_operations) / sizeof(stream_operations[0]);
