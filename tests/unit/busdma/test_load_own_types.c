/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads of a kernel's own mbufs, uio, bio, descriptors, blocks, crypto buffers and pages, by its
 * own readers: the device reads what they describe, with translation and bounced.
 */
#include <string.h>

/* Every public header but foreign.h, ahead of the kernel's own types: none may be in the way. */
#include <udmar/bus_dma.h>
#include <udmar/busdma.h>
#include <udmar/domain.h>
#include <udmar/fault.h>
#include <udmar/host.h>
#include <udmar/piece.h>
#include <udmar/status.h>
#include <udmar/stream.h>
#include <udmar/table.h>
#include <udmar/tunable.h>
#include <udmar/types.h>
#include <udmar/udmar.h>
#include <udmar/unit.h>

#include "fixture/own_types.h"
#include "fixture/fixture.h"

#define AREA (12 * PAGE)

static const char *const modes[] = { "", "hw.busdma.default=bounce" };
#define MODES 2

struct scene {
    struct fixture f;
    bus_dma_tag_t tag;
    bus_dmamap_t map;
    uint8_t *area;
    struct loaded loaded;
    bus_size_t mapsize;
};

static uint8_t expected[AREA];
static size_t length;

static char *part(struct scene *s, size_t offset, size_t size)
{
    memcpy(expected + length, s->area + offset, size);
    length += size;
    return (char *)s->area + offset;
}

static vm_paddr_t page_part(struct scene *s, size_t page, size_t offset, size_t size)
{
    return physical_of(&s->f, part(s, page * PAGE + offset, size)) - offset;
}

static void open_scene(struct scene *s, const char *tunables)
{
    const struct setup setup = { .tunables = tunables };
    const struct limits limits = { .maxsize = AREA, .nsegments = 64 };

    memset(s, 0, sizeof(*s));
    length = 0;
    fixture_open(&s->f, &setup);
    s->tag = new_tag(&s->f, 0, &limits);
    s->map = new_map(s->tag);
    s->area = model_buffer_alloc(s->f.m, AREA, MODEL_HIGH | MODEL_SCATTERED, 0);
    fill_pattern(s->area, AREA, 3);
}

static void close_scene(struct scene *s)
{
    assert_int_equal(bus_dmamap_destroy(s->tag, s->map), 0);
    drop_tag(s->tag);
    model_buffer_free(s->f.m, s->area);
    fixture_close(&s->f);
}

static void note_total(void *argument, bus_dma_segment_t *segments, int count, bus_size_t mapsize,
                       int error)
{
    struct scene *s = argument;

    s->mapsize = mapsize;
    note_loaded(&s->loaded, segments, count, error);
}

/* The device reads what was described; then it is unloaded. */
static void expect_described(struct scene *s, int returned)
{
    static uint8_t seen[AREA];
    size_t done = 0;

    assert_int_equal(returned, 0);
    assert_int_equal(s->loaded.calls, 1);
    assert_int_equal(s->loaded.error, 0);
    bus_dmamap_sync(s->tag, s->map, BUS_DMASYNC_PREWRITE);
    for (int i = 0; i < s->loaded.count; i++) {
        const bus_dma_segment_t *segment = &s->loaded.segment[i];
        enum model_result result;

        assert_true(segment->ds_len <= AREA - done);
        result = model_dma(s->f.m, 0, RID0, segment->ds_addr, seen + done, (size_t)segment->ds_len,
                           false);
        assert_true(result == MODEL_OK || result == MODEL_BYPASSED);
        done += (size_t)segment->ds_len;
    }
    assert_int_equal(done, length);
    assert_memory_equal(seen, expected, length);
    bus_dmamap_unload(s->tag, s->map);
    s->loaded.calls = 0;
    length = 0;
}

static void expect_refused(struct scene *s)
{
    assert_int_equal(s->loaded.calls, 1);
    assert_int_equal(s->loaded.error, UDMAR_EINVAL);
    assert_null(udmar_dmamap_segments(s->map, NULL));
    s->loaded.calls = 0;
    length = 0;
}

static void load_mbufs(struct scene *s)
{
    struct mbuf chain[2];

    memset(chain, 0, sizeof(chain));
    chain[0].m_next = &chain[1];
    chain[0].m_data = part(s, 100, 14);
    chain[0].m_len = 14;
    chain[1].m_flags = M_EXTPG;
    chain[1].m_epg_pa[0] = page_part(s, 3, 0, PAGE);
    chain[1].m_epg_pa[1] = page_part(s, 6, 0, 77);
    chain[1].m_epg_npgs = 2;
    chain[1].m_epg_last_len = 77;
    chain[0].m_pkthdr.len = (int32_t)length;
    expect_described(s, bus_dmamap_load_mbuf(s->tag, s->map, chain, note_total, s, 0));
    assert_int_equal(s->mapsize, 14 + PAGE + 77);

    chain[0].m_data = part(s, 9 * PAGE, 9);
    chain[0].m_len = 9;
    chain[0].m_next = NULL;
    s->loaded.calls = 1;
    expect_described(
        s, bus_dmamap_load_mbuf_sg(s->tag, s->map, chain, s->loaded.segment, &s->loaded.count, 0));
    chain[0].m_len = -1;
    (void)bus_dmamap_load_mbuf(s->tag, s->map, chain, note_total, s, 0);
    expect_refused(s);
}

static void load_uio(struct scene *s)
{
    struct iovec vector[2] = { { NULL, 5000 }, { NULL, 300 } };
    struct uio uio = { .uio_iov = vector, .uio_iovcnt = 2, .uio_segflg = UIO_SYSSPACE };

    vector[0].iov_base = part(s, 50, 5000);
    vector[1].iov_base = part(s, 5 * PAGE, 200); /* resid ends inside the second one */
    uio.uio_resid = 5200;
    expect_described(s, bus_dmamap_load_uio(s->tag, s->map, &uio, note_total, s, 0));
    assert_int_equal(s->mapsize, 5200);
    uio.uio_segflg = UIO_USERSPACE;
    (void)bus_dmamap_load_uio(s->tag, s->map, &uio, note_total, s, 0);
    expect_refused(s);
}

static int load_mem(struct scene *s, struct memdesc *mem)
{
    return bus_dmamap_load_mem(s->tag, s->map, mem, note_loaded, &s->loaded, 0);
}

static void load_blocks(struct scene *s)
{
    struct vm_page page[2];
    vm_page_t pages[2] = { &page[0], &page[1] };
    struct bio bio = { .bio_flags = BIO_UNMAPPED, .bio_ma = pages, .bio_ma_n = 2 };
    struct memdesc mem = { .md_type = MEMDESC_BIO };
    int last = -1;

    for (int round = 0; round < 3; round++) {
        page[0].phys_addr = page_part(s, 2, 12, PAGE - 12);
        page[1].phys_addr = page_part(s, 8, 0, 40);
        bio.bio_ma_offset = 12;
        bio.bio_bcount = (long)length;
        mem.u.md_bio = &bio;
        if (round == 0) {
            expect_described(s,
                             bus_dmamap_load_bio(s->tag, s->map, &bio, note_loaded, &s->loaded, 0));
        } else if (round == 1) {
            expect_described(s, load_mem(s, &mem));
        } else {
            s->loaded.calls = 1;
            assert_int_equal(bus_dmamap_load_ma_triv(s->tag, s->map, pages, length, 12, 0,
                                                     s->loaded.segment, &last),
                             0);
            s->loaded.count = last + 1;
            expect_described(s, 0);
        }
    }
    bio.bio_flags = 0;
    bio.bio_data = part(s, 4 * PAGE + 1, 2000);
    bio.bio_bcount = 2000;
    expect_described(s, bus_dmamap_load_bio(s->tag, s->map, &bio, note_loaded, &s->loaded, 0));
    mem.md_type = 9;
    assert_int_equal(load_mem(s, &mem), 0);
    expect_refused(s);
}

static void load_others(struct scene *s)
{
    union ccb ccb;
    struct cryptop crp;

    memset(&ccb, 0, sizeof(ccb));
    memset(&crp, 0, sizeof(crp));
    ccb.csio.data_ptr = part(s, 7 * PAGE, 3000);
    ccb.csio.dxfer_len = 3000;
    expect_described(s, bus_dmamap_load_ccb(s->tag, s->map, &ccb, note_loaded, &s->loaded, 0));
    ccb.ccb_h.flags = CAM_DIR_NONE;
    assert_int_equal(bus_dmamap_load_ccb(s->tag, s->map, &ccb, note_loaded, &s->loaded, 0), 0);
    assert_int_equal(s->loaded.count, 0);
    assert_null(udmar_dmamap_segments(s->map, NULL));
    s->loaded.calls = 0;

    crp.crp_buf.cb_buf = part(s, PAGE - 5, 1234);
    crp.crp_buf.cb_buf_len = 1234;
    expect_described(s, bus_dmamap_load_crp(s->tag, s->map, &crp, note_loaded, &s->loaded, 0));
    crp.crp_buf.cb_buf_len = -3;
    assert_int_equal(bus_dmamap_load_crp(s->tag, s->map, &crp, note_loaded, &s->loaded, 0), 0);
    expect_refused(s);
}

static void test_loads(void **state)
{
    void (*const loads[])(struct scene *) = { load_mbufs, load_uio, load_blocks, load_others };

    (void)state;
    for (unsigned mode = 0; mode < MODES; mode++) {
        struct scene s;

        open_scene(&s, modes[mode]);
        for (unsigned i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
            loads[i](&s);
        }
        close_scene(&s);
    }
}

static void test_mutex(void **state)
{
    struct mtx mtx = { "lock", 0 };

    (void)state;
    busdma_lock_mutex(&mtx, BUS_DMA_LOCK);
    assert_int_equal(mtx.mtx_lock, 1);
    busdma_lock_mutex(&mtx, BUS_DMA_UNLOCK);
    assert_int_equal(mtx.mtx_lock, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loads),
        cmocka_unit_test(test_mutex),
    };

    return cmocka_run_group_tests_name("load_own_types", tests, NULL, NULL);
}
