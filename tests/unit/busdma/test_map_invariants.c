/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The checks of a debug build find what they are for: each invariant is broken on purpose, is found
 * and named, and is whole again afterwards; and an assertion that is untrue logs one line and
 * traps.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "busdma/bounce/page_pool.h"
#include "busdma/map_invariants.h"
#include "mapping/mapper_invariants.h"
#include "policy/instance_invariants.h"
#include "space/domain_invariants.h"
#include "space/pte.h"
#include "fixture/fixture.h"
#include "unit/queue.h"

#ifdef UDMAR_DEBUG

/* Breaks an expression, looks, and puts it back. */
#define FINDS(f, place, value, text)                  \
    do {                                              \
        __typeof__(place) kept_ = (place);            \
                                                      \
        (place) = (__typeof__(place))(value);         \
        assert_string_equal(fixture_broken(f), text); \
        (place) = kept_;                              \
        assert_string_equal(fixture_broken(f), "");   \
    } while (0)

#define FINDS_IN_MAP(map, place, value, text)             \
    do {                                                  \
        __typeof__(place) kept_ = (place);                \
                                                          \
        (place) = (__typeof__(place))(value);             \
        assert_non_null(udmar__map_check(map));           \
        assert_string_equal(udmar__map_check(map), text); \
        (place) = kept_;                                  \
        assert_null(udmar__map_check(map));               \
    } while (0)

struct bench {
    struct fixture f;
    struct udmar_domain *domain;
    struct udmar__mapper *mapper;
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    uint8_t *buffer;
    uint64_t iova;
};

static void begin(struct bench *b, const struct setup *setup, uint64_t maxsize)
{
    const struct limits limits = { .maxsize = maxsize };

    fixture_open(&b->f, setup);
    b->domain = b->f.domain;
    b->mapper = udmar__mapper_of(b->domain);
    b->tag = new_tag(&b->f, 0, &limits);
    b->map = new_map(b->tag);
    b->buffer = model_buffer_alloc(b->f.m, (size_t)maxsize, MODEL_CONTIGUOUS, 0);
    assert_string_equal(fixture_broken(&b->f), "");
}

static void load(struct bench *b, uint64_t length)
{
    b->iova = load_one(b->tag, b->map, b->buffer, length);
    assert_string_equal(fixture_broken(&b->f), "");
    assert_null(udmar__map_check(b->map));
}

static void end(struct bench *b)
{
    drop_map(b->tag, b->map);
    drop_tag(b->tag);
    model_buffer_free(b->f.m, b->buffer);
    fixture_close(&b->f);
}

/* The entry of @level that leads to an address; the host keeps tables mapped. */
static volatile uint64_t *entry_of(struct bench *b, uint64_t iova, unsigned level)
{
    struct udmar_walk_step steps[5];
    unsigned count = udmar_domain_walk(b->domain, iova, steps);
    volatile uint64_t *entries;

    for (unsigned i = 0; i < count; i++) {
        if (steps[i].level == level) {
            entries = udmar_host_page_map(b->f.m, steps[i].table);
            udmar_host_page_unmap(b->f.m, (void *)(uintptr_t)entries);
            return &entries[steps[i].index];
        }
    }
    fail_msg("no entry of level %u", level);
    return NULL;
}

/* ---- Domains --------------------------------------------------------------------------------- */

static void test_page_tables(void **state)
{
    const uint64_t at = UINT64_C(0x40000000), large = UINT64_C(0x50000000);
    struct bench b;
    volatile uint64_t *leaf, *link, *big;

    (void)state;
    begin(&b, NULL, PAGE);
    assert_int_equal(udmar_domain_map(b.domain, at, MIB(64), 2 * PAGE, UDMAR_READ_WRITE), UDMAR_OK);
    assert_int_equal(udmar_domain_map(b.domain, large, MIB(64), MIB(2), UDMAR_READ), UDMAR_OK);
    leaf = entry_of(&b, at, 1);
    link = entry_of(&b, at, 2);
    big = entry_of(&b, large, 2);
    FINDS(&b.f, leaf[5], UINT64_C(0x1003), "a table's count is wrong");
    FINDS(&b.f, leaf[1], 0, "a table's count is wrong");
    FINDS(&b.f, leaf[5], UINT64_C(0x1000), "an entry that is not present is not 0");
    FINDS(&b.f, leaf[0], leaf[0] | PTE_LARGE, "a leaf has bits that nothing sets");
    FINDS(&b.f, *link, *link & ~PTE_COUNT_MASK, "an empty table is linked");
    FINDS(&b.f, *link, *link & ~PTE_WRITE, "an entry above a table grants less than all");
    FINDS(&b.f, *link, *link | PTE_SNOOP, "an entry above a table has bits that nothing sets");
    FINDS(&b.f, *big, *big | UINT64_C(0x1000), "a large leaf's memory is not aligned");
    FINDS(&b.f, b.domain->superpages, 0, "a large leaf of a size that the domain does not have");
    FINDS(&b.f, b.domain->end, large - 1, "a leaf beyond the domain's end");
    FINDS(&b.f, b.domain->table_pages, b.domain->table_pages + 1,
          "the count of table pages is wrong");
    assert_int_equal(udmar_domain_unmap(b.domain, at, 2 * PAGE), UDMAR_OK);
    assert_int_equal(udmar_domain_unmap(b.domain, large, MIB(2)), UDMAR_OK);
    end(&b);
}

static void test_domain(void **state)
{
    struct bench b;
    struct udmar__range *root;

    (void)state;
    begin(&b, NULL, PAGE);
    root = b.domain->iova.root;
    FINDS(&b.f, root->largest_gap, root->largest_gap + 1, "the address tree is out of order");
    FINDS(&b.f, b.domain->unlinking, 1, "a change of tables is still to be invalidated");
    FINDS(&b.f, b.domain->splitting, 1, "a change of tables is still to be invalidated");
    FINDS(&b.f, b.domain->limbo, b.domain->table, "tables wait for a unit that has answered");
    FINDS(&b.f, b.domain->refs, 5, "a domain's count of groups is wrong");
    FINDS(&b.f, b.domain->bindings->context_refs, 3, "a binding's count of contexts is wrong");
    FINDS(&b.f, b.domain->bindings->id, 0, "a domain has the id that is nobody's");
    FINDS(&b.f, b.f.device[0]->group->devices, 2, "a group's count of devices is wrong");
    end(&b);
}

/* ---- Windows --------------------------------------------------------------------------------- */

static void test_small_window(void **state)
{
    struct bench b;
    struct udmar__window *window;

    (void)state;
    begin(&b, NULL, KIB(8));
    window = b.map->window;
    assert_non_null(window->ptes);
    FINDS(&b.f, window->ptes[1], UINT64_C(0x1003),
          "a small window has entries that are not loaded");
    FINDS(&b.f, window->span, 3000, "more is loaded than a small window has");
    FINDS(&b.f, window->base, window->base + PAGE, "a small window's base is not its lane's");
    FINDS(&b.f, window->lane_first, 256, "a small window is not inside its block");
    FINDS(&b.f, window->range.last, b.domain->end, "the tree of blocks is out of order");
    load(&b, KIB(8));
    FINDS_IN_MAP(b.map, window->span, WINDOW_ENDED | 2, "a fast load is not in the map's window");
    udmar_dmamap_unload(b.tag, b.map);
    end(&b);
}

static void test_large_window(void **state)
{
    struct bench b;
    struct udmar__window *window;
    struct udmar__chunk *chunk;

    (void)state;
    begin(&b, NULL, MIB(2));
    window = b.map->window;
    assert_non_null(window);
    assert_int_not_equal(window->chunk_count, 0);
    chunk = &window->chunks[0];
    FINDS(&b.f, chunk->ptes[7], UINT64_C(0x1003), "the table of an empty chunk has entries");
    FINDS(&b.f, *chunk->parent_pte, UINT64_C(0x200003) | PTE_LARGE, "an empty chunk is linked");
    FINDS(&b.f, chunk->state, CHUNK_SMALL, "a chunk's table is not linked");
    FINDS(&b.f, chunk->state, CHUNK_LARGE, "a chunk's large leaf is not there");
    FINDS(&b.f, chunk->state, 7, "a chunk has no such state");
    FINDS(&b.f, window->pages, 1, "a large window has another size than its range");
    FINDS(&b.f, window->span, window->pages + 1, "more is loaded than a large window has");
    load(&b, MIB(1));
    assert_int_not_equal(chunk->state, CHUNK_EMPTY);
    FINDS(&b.f, window->span, WINDOW_ENDED | 1, "a chunk is linked and nothing is loaded");
    udmar_dmamap_unload(b.tag, b.map);
    end(&b);
}

/* ---- Arenas and pools ------------------------------------------------------------------------ */

static void test_arenas(void **state)
{
    struct bench b;
    struct udmar__arena *arena;
    unsigned list;

    (void)state;
    begin(&b, NULL, PAGE);
    arena = b.map->window->arena;
    FINDS(&b.f, arena->largest[1], 3, "the buddy tree of an arena is wrong");
    FINDS(&b.f, arena->entries[511], UINT64_C(0x1003), "a free page of an arena has an entry");
    FINDS(&b.f, *arena->link, NULL, "an arena's list is broken");
    FINDS(&b.f, arena->pool->taken, 1, "a pool's count of pages is wrong");
    FINDS(&b.f, b.mapper->taken, 1, "a mapper's count of pages is wrong");
    /* In the list of another size. */
    list = arena->largest[1];
    arena->pool->free[list] = NULL;
    arena->pool->free[list - 1] = arena;
    arena->link = &arena->pool->free[list - 1];
    assert_string_equal(fixture_broken(&b.f),
                        "an arena hangs in another list than its free blocks say");
    arena->pool->free[list - 1] = NULL;
    arena->pool->free[list] = arena;
    arena->link = &arena->pool->free[list];
    end(&b);
}

/* ---- Caches ---------------------------------------------------------------------------------- */

/* A map without a window: its unload puts a block into a magazine, or into a batch. */
static void test_magazines(void **state)
{
    const struct setup setup = { .window_limit = 1 };
    struct bench b;
    struct udmar__cpu_cache *cache;
    struct udmar__magazine *magazine;
    struct udmar__arena *arena;
    uint32_t page;

    (void)state;
    begin(&b, &setup, PAGE);
    assert_null(b.map->window);
    load(&b, PAGE);
    FINDS_IN_MAP(b.map, b.map->mapping.kind, MAPPING_NONE, "a fast load is in no block");
    FINDS_IN_MAP(b.map, b.map->way, LOAD_NONE, "a loaded map has no way");
    udmar_dmamap_unload(b.tag, b.map);
    cache = b.mapper->caches[0];
    magazine = &cache->blocks[0][UDMAR__POOL_ALL];
    assert_true(magazine->count > 1);
    page = magazine->page[0];
    arena = udmar__arena_of(b.domain, page);
    FINDS(&b.f, magazine->count, UDMAR__MAGAZINE + 1, "a magazine has more blocks than room");
    FINDS(&b.f, magazine->page[1], page, "a block is twice in a magazine");
    FINDS(&b.f, magazine->page[0], 3, "a cached block is in no arena of its kind");
    FINDS(&b.f, arena->entries[page % 512], UINT64_C(0x1003), "a cached block has entries");
    FINDS(&b.f, cache->pending, cache->flushed, "two flush batches of a cache are one");
    FINDS(&b.f, cache->batch[0].count, UDMAR__FLUSH_BATCH + 1,
          "a flush batch has more blocks than room");
    cache->blocks[1][UDMAR__POOL_ALL].page[0] = page;
    FINDS(&b.f, cache->blocks[1][UDMAR__POOL_ALL].count, 1,
          "a cached block has another size than its magazine");
    FINDS(&b.f, cache->windows[0][0].count, UDMAR__WINDOW_MAGAZINE + 1,
          "a magazine has more windows than room");
    end(&b);
}

/* ---- Maps ------------------------------------------------------------------------------------ */

static void test_map(void **state)
{
    struct bench b;

    (void)state;
    begin(&b, NULL, PAGE);
    assert_null(udmar__map_check(b.map));
    FINDS_IN_MAP(b.map, b.map->state, 9, "a map has no such state");
    FINDS_IN_MAP(b.map, b.map->fast, (struct udmar_dma_tag *)1, "the fast path is another tag's");
    FINDS_IN_MAP(b.map, b.map->fast, NULL, "the fast path is closed, and nothing is in the way");
    FINDS_IN_MAP(b.map, b.map->may_fast, false,
                 "the fast path is open, and something is in the way");
    FINDS_IN_MAP(b.map, b.map->way, LOAD_PIECES, "a map that is not loaded has a way");
    FINDS_IN_MAP(b.map, b.map->mapping.kind, MAPPING_BLOCK,
                 "a map that is not loaded has a mapping");
    FINDS_IN_MAP(b.map, b.map->window->span, 1, "a map that is not loaded has pages in its window");
    FINDS_IN_MAP(b.map, b.map->bounce_count, 1, "a map's count of bounce pages is wrong");
    FINDS_IN_MAP(b.map, b.tag->maps, 9, "a tag has fewer references than maps");
    load(&b, PAGE);
    FINDS_IN_MAP(b.map, b.map->fast, b.tag, "the fast path is open, and something is in the way");
    FINDS_IN_MAP(b.map, b.map->way, LOAD_FAST_LARGE, "a large leaf is not in the map's window");
    FINDS_IN_MAP(b.map, b.map->way, LOAD_MAPPING, "a load is nowhere");
    FINDS_IN_MAP(b.map, b.map->way, LOAD_PIECES, "a load has no such segments");
    FINDS_IN_MAP(b.map, b.map->state, MAP_WAITING,
                 "a load that waits has a way, or the fast path is open");
    udmar_dmamap_unload(b.tag, b.map);
    end(&b);
}

static void test_zone(void **state)
{
    const struct limits limits = { .maxsize = PAGE, .lowaddr = 0x00ffffff, .alignment = 512 };
    struct udmar_dma_tag *tag;
    struct udmar_dma_map *map;
    struct udmar__bounce_zone *zone;
    struct fixture f;

    (void)state;
    fixture_open(&f, NULL);
    tag = new_tag(&f, 0, &limits);
    map = new_map(tag);
    zone = map->zone;
    assert_non_null(zone);
    assert_null(udmar__bounce_zone_check(zone));
    zone->active++;
    assert_string_equal(udmar__bounce_zone_check(zone), "a zone's pages do not add up");
    zone->active--;
    zone->free_pages++;
    assert_string_equal(udmar__bounce_zone_check(zone), "a zone's count of free pages is wrong");
    zone->free_pages--;
    map->wait.needed = 0;
    zone->waiting = map;
    assert_string_equal(udmar__bounce_zone_check(zone),
                        "a load waits for bounce pages that are free");
    zone->waiting = NULL;
    drop_map(tag, map);
    drop_tag(tag);
    fixture_close(&f);
}

/* ---- The queue ------------------------------------------------------------------------------- */

static void test_queue(void **state)
{
    struct fixture f;
    struct udmar__queue *queue;

    (void)state;
    fixture_open(&f, NULL);
    queue = &udmar__unit_at(f.instance, 0)->unit->queue;
    assert_int_equal(queue->state, QUEUE_RUNNING);
    FINDS(&f, queue->slots, 3, "a ring's slots are not its pages'");
    FINDS(&f, queue->tail, queue->slots, "head or tail is outside of the ring");
    FINDS(&f, queue->head, queue->slots, "head or tail is outside of the ring");
    FINDS(&f, queue->issued_low, queue->issued_low + 1, "the two numbers of the last wait differ");
    FINDS(&f, *queue->status, *queue->status + 1,
          "hardware has written a number that was not issued");
    FINDS(&f, queue->state, 9, "a queue has no such state");
    FINDS(&f, queue->memory.physical, 0, "a queue runs without a ring");
    fixture_close(&f);
}

/* ---- Assertions ------------------------------------------------------------------------------ */

/* Runs @mistake in a process of its own; true: it has trapped, and @text is what it said. */
static bool traps(void (*mistake)(struct bench *b), struct bench *b, char *text, size_t size)
{
    int pipes[2], status = 0;
    size_t length = 0;
    ssize_t got;
    pid_t child;

    assert_int_equal(pipe(pipes), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit none = { 0, 0 };

        (void)setrlimit(RLIMIT_CORE, &none);
        (void)signal(SIGILL, SIG_DFL);
        (void)dup2(pipes[1], STDERR_FILENO);
        mistake(b);
        _exit(0);
    }
    (void)close(pipes[1]);
    while (length + 1 < size && (got = read(pipes[0], text + length, size - 1 - length)) > 0)
        length += (size_t)got;
    text[length] = '\0';
    (void)close(pipes[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && (WTERMSIG(status) == SIGILL || WTERMSIG(status) == SIGTRAP);
}

static void count_under(struct bench *b)
{
    b->tag->maps = 0;
    udmar__tag_unref(b->tag);
}

static void give_twice(struct bench *b)
{
    uint32_t page = (uint32_t)b->map->window->range.first;

    udmar__blocks_give(b->domain, &page, 1, true);
    udmar__blocks_give(b->domain, &page, 1, true);
}

static void go_wrong_way(struct bench *b)
{
    b->map->state = MAP_CANCELLED;
    udmar__map_set_state(b->map, MAP_LOADED);
}

static void without_lock(struct bench *b)
{
    struct udmar__gather gather;

    udmar__gather_init(&gather);
    (void)udmar__pages_unmap(b->domain, PAGE, PAGE, &gather);
}

static void give_free_id(struct bench *b)
{
    udmar__domain_id_give(b->domain->unit, 77);
}

static void lock_unlocked(struct bench *b)
{
    udmar__unlock(b->f.m, &b->domain->lock, 0);
}

static void unload_window_twice(struct bench *b)
{
    (void)udmar__window_clear(b->map->window, true);
}

static void test_assertions_trap(void **state)
{
    static const struct {
        void (*mistake)(struct bench *b);
        const char *file;
        const char *said;
    } mistakes[] = {
        { count_under, "src/busdma/tag.c:", "tag->maps" },
        { give_twice, "src/mapping/arena.c:", "arena->block[page] != 0" },
        { go_wrong_way, "src/busdma/map.h:", "udmar__map_may_go(" },
        { without_lock, "src/space/page_table.c:", "(&domain->lock)->held" },
        { give_free_id, "src/unit/domain_id.c:", "domain_id_map" },
        { lock_unlocked, "src/base/lock.h:", "held" },
        { unload_window_twice, "src/mapping/window.c:", "pages != 0" },
    };
    char text[4096];
    struct bench b;

    (void)state;
    for (unsigned i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        begin(&b, NULL, PAGE);
        assert_true(traps(mistakes[i].mistake, &b, text, sizeof(text)));
        assert_non_null(strstr(text, "udmar: "));
        assert_non_null(strstr(text, mistakes[i].file));
        assert_non_null(strstr(text, mistakes[i].said));
        assert_null(strstr(strchr(text, '\n'), "udmar: ")); /* one line; an emulator adds its own */
        end(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page_tables),  cmocka_unit_test(test_domain),
        cmocka_unit_test(test_small_window), cmocka_unit_test(test_large_window),
        cmocka_unit_test(test_arenas),       cmocka_unit_test(test_magazines),
        cmocka_unit_test(test_map),          cmocka_unit_test(test_zone),
        cmocka_unit_test(test_queue),        cmocka_unit_test(test_assertions_trap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    puts("1..0 # SKIP the library is built without UDMAR_DEBUG");
    return 0;
}

#endif
