/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Foreign types through a driver in FreeBSD's style (freebsd_driver.c): mbufs, uio, bio, memory
 * descriptors and page arrays, with both back ends and with sub-page protection.
 */
#include <string.h>

#include "fixture/freebsd_driver.h"
#include "fixture/fixture.h"

static const char *const modes[] = {
    "",
    "hw.busdma.subpage=1",
    "hw.busdma.default=bounce",
};
#define MODES 3

struct scene {
    struct fixture f;
    struct toy_device toy;
    struct toy_softc *sc;
    uint8_t *area; /* scattered; everything is made of it */
};
#define AREA (16 * PAGE)

static uint8_t expected[AREA], seen[AREA];
static size_t length;

static bool dma(void *context, bus_addr_t address, void *data, size_t size, bool write)
{
    struct scene *s = context;
    enum model_result done = model_dma(s->f.m, 0, RID0, address, data, size, write);

    return done == MODEL_OK || done == MODEL_BYPASSED;
}

static void open_scene(struct scene *s, const char *tunables)
{
    const struct setup setup = { .tunables = tunables };

    fixture_open(&s->f, &setup);
    s->toy = (struct toy_device){
        .dma_tag = udmar_device_dma_tag(s->f.device[0]),
        .context = s,
        .dma = dma,
    };
    assert_int_equal(toy_attach(&s->toy, &s->sc), 0);
    s->area = model_buffer_alloc(s->f.m, AREA, MODEL_SCATTERED | MODEL_HIGH, 0);
    fill_pattern(s->area, AREA, 1);
    length = 0;
}

static void close_scene(struct scene *s)
{
    assert_int_equal(toy_detach(s->sc), 0);
    model_buffer_free(s->f.m, s->area);
    fixture_close(&s->f);
}

/* [offset, offset + size) of the area is what comes next. */
static char *part(struct scene *s, size_t offset, size_t size)
{
    memcpy(expected + length, s->area + offset, size);
    length += size;
    return (char *)s->area + offset;
}

/* Out: the device reads what was put together. In: what it writes arrives where it belongs. */
static void both_ways(struct scene *s, const struct toy_request *request)
{
    uint8_t sent[AREA];

    memset(seen, 0, sizeof(seen));
    assert_int_equal(toy_write(s->sc, request, seen), 0);
    assert_memory_equal(seen, expected, length);
    fill_pattern(sent, sizeof(sent), 77);
    assert_int_equal(toy_read(s->sc, request, sent), 0);
    memset(seen, 0, sizeof(seen));
    assert_int_equal(toy_write(s->sc, request, seen), 0);
    assert_memory_equal(seen, sent, length);
}

static void test_buffer(void **state)
{
    (void)state;
    for (unsigned n = 0; n < MODES; n++) {
        struct toy_request request = { .length = 3 * PAGE + 5 };
        struct scene s;

        open_scene(&s, modes[n]);
        request.buf = part(&s, 100, request.length);
        both_ways(&s, &request);
        assert_int_equal(toy_nsegs(s.sc) == 1, n < 2);
        close_scene(&s);
    }
}

static void test_mbuf_chain(void **state)
{
    (void)state;
    for (unsigned n = 0; n < MODES; n++) {
        struct mbuf chain[4];
        struct toy_request request = { .mbuf = chain }, sg = { .mbuf_sg = chain };
        struct scene s;

        open_scene(&s, modes[n]);
        memset(chain, 0, sizeof(chain));
        chain[0] = (struct mbuf){ .m_next = &chain[1], .m_len = 14 };
        chain[0].m_data = part(&s, 10, 14);
        chain[1] = (struct mbuf){ .m_next = &chain[2] }; /* empty ones happen */
        chain[2] = (struct mbuf){ .m_next = &chain[3], .m_len = 5000 };
        chain[2].m_data = part(&s, PAGE + 300, 5000);
        chain[3] = (struct mbuf){ .m_len = 1 };
        chain[3].m_data = part(&s, 9 * PAGE - 1, 1);
        chain[0].m_pkthdr.len = 5015;
        both_ways(&s, &request);
        assert_int_equal(toy_mapsize(s.sc), 5015);
        fill_pattern(s.area, AREA, 1);
        both_ways(&s, &sg);
        close_scene(&s);
    }
}

/* Header, pages and trailer, as sendfile makes them. */
static void test_mbuf_of_pages(void **state)
{
    (void)state;
    for (unsigned n = 0; n < MODES; n++) {
        struct vm_page page[2], *pages[2] = { &page[0], &page[1] };
        struct mbuf m = { .m_flags = M_EXTPG, .m_header_length = 20, .m_trailer_length = 16 };
        struct toy_request request = { .mbuf = &m };
        struct scene s;

        open_scene(&s, modes[n]);
        m.m_header = part(&s, 8, 20);
        page[0].phys_addr = physical_of(&s.f, s.area + 2 * PAGE);
        page[1].phys_addr = physical_of(&s.f, s.area + 5 * PAGE);
        (void)part(&s, 2 * PAGE + 1000, PAGE - 1000);
        (void)part(&s, 5 * PAGE, 500);
        m.m_trailer = part(&s, 7 * PAGE, 16);
        m.m_pages = pages;
        m.m_page_offset = 1000;
        m.m_page_length = PAGE - 1000 + 500;
        m.m_pkthdr.len = (int)length;
        both_ways(&s, &request);
        /* Without pages. */
        fill_pattern(s.area, AREA, 1);
        length = 0;
        (void)part(&s, 8, 20);
        (void)part(&s, 7 * PAGE, 16);
        m.m_page_length = 0;
        both_ways(&s, &request);
        close_scene(&s);
    }
}

static void test_uio(void **state)
{
    (void)state;
    for (unsigned n = 0; n < MODES; n++) {
        struct udmar_iovec vector[3];
        struct uio uio = { .uio_iov = vector, .uio_iovcnt = 3, .uio_resid = 4000 + 300 };
        struct toy_request request = { .uio = &uio };
        struct scene s;

        open_scene(&s, modes[n]);
        vector[0].iov_base = part(&s, 50, 4000);
        vector[0].iov_len = 4000;
        vector[1].iov_base = s.area;
        vector[1].iov_len = 0;
        vector[2].iov_base = part(&s, 4 * PAGE, 300);
        vector[2].iov_len = 9000; /* more than there is left to move */
        both_ways(&s, &request);
        assert_int_equal(toy_mapsize(s.sc), 4300);
        uio.uio_resid = 20000; /* more than the vectors have */
        assert_int_equal(toy_write(s.sc, &request, seen), UDMAR_EINVAL);
        close_scene(&s);
    }
}

static void test_bio(void **state)
{
    (void)state;
    for (unsigned n = 0; n < MODES; n++) {
        struct vm_page page[3], *pages[3] = { &page[0], &page[1], &page[2] };
        bus_dma_segment_t list[2];
        struct bio mapped = { .bio_bcount = 9000 };
        struct bio unmapped = { .bio_flags = BIO_UNMAPPED, .bio_bcount = 8192 };
        struct bio vlist = { .bio_flags = BIO_VLIST, .bio_ma_n = 2 };
        struct toy_request request = { .bio = &mapped };
        struct scene s;

        open_scene(&s, modes[n]);
        mapped.bio_data = part(&s, 512, 9000);
        both_ways(&s, &request);
        fill_pattern(s.area, AREA, 1);
        length = 0;
        for (unsigned i = 0; i < 3; i++)
            page[i].phys_addr = physical_of(&s.f, s.area + (3 * i + 1) * PAGE);
        (void)part(&s, 1 * PAGE + 512, PAGE - 512);
        (void)part(&s, 4 * PAGE, PAGE);
        (void)part(&s, 7 * PAGE, 512);
        unmapped.bio_ma = pages;
        unmapped.bio_ma_n = 3;
        unmapped.bio_ma_offset = 512;
        request.bio = &unmapped;
        both_ways(&s, &request);
        fill_pattern(s.area, AREA, 1);
        length = 0;
        list[0].ds_addr = (uintptr_t)part(&s, 3, 700);
        list[0].ds_len = 700;
        list[1].ds_addr = (uintptr_t)part(&s, 6 * PAGE, 2 * PAGE);
        list[1].ds_len = 2 * PAGE;
        vlist.bio_data = list;
        request.bio = &vlist;
        both_ways(&s, &request);
        close_scene(&s);
    }
}

static void test_memory_descriptors(void **state)
{
    (void)state;
    for (unsigned n = 0; n < MODES; n++) {
        bus_dma_segment_t list[2];
        struct memdesc mem;
        struct toy_request request = { .mem = &mem };
        struct scene s;

        open_scene(&s, modes[n]);
        mem = memdesc_vaddr(part(&s, 9, 6000), 6000);
        both_ways(&s, &request);
        fill_pattern(s.area, AREA, 1);
        length = 0;
        mem = memdesc_paddr(physical_of(&s.f, part(&s, 2 * PAGE + 7, 100)), 100);
        both_ways(&s, &request);
        fill_pattern(s.area, AREA, 1);
        length = 0;
        list[0] = (bus_dma_segment_t){ (uintptr_t)part(&s, 5, PAGE), PAGE };
        list[1] = (bus_dma_segment_t){ (uintptr_t)part(&s, 8 * PAGE + 1, 99), 99 };
        mem = memdesc_vlist(list, 2);
        both_ways(&s, &request);
        fill_pattern(s.area, AREA, 1);
        length = 0;
        list[0] = (bus_dma_segment_t){ physical_of(&s.f, part(&s, 3 * PAGE, PAGE)), PAGE };
        list[1] = (bus_dma_segment_t){ physical_of(&s.f, part(&s, 1 * PAGE, PAGE)), PAGE };
        mem = memdesc_plist(list, 2);
        both_ways(&s, &request);
        close_scene(&s);
    }
}

static void test_page_array(void **state)
{
    (void)state;
    for (unsigned n = 0; n < MODES; n++) {
        struct vm_page page[3], *pages[3] = { &page[0], &page[1], &page[2] };
        struct toy_request request = { .ma = pages, .ma_offs = 4096 + 100, .length = 5000 };
        struct scene s;

        open_scene(&s, modes[n]);
        for (unsigned i = 0; i < 3; i++)
            page[i].phys_addr = physical_of(&s.f, s.area + (2 * i + 1) * PAGE);
        (void)part(&s, 3 * PAGE + 100, PAGE - 100);
        (void)part(&s, 5 * PAGE, 5000 - (PAGE - 100));
        both_ways(&s, &request);
        close_scene(&s);
    }
}

/* What is wrong with foreign memory is answered like everything else. */
static void test_refused(void **state)
{
    static struct loaded result;
    struct mbuf m = { .m_len = 10 };
    struct bio bio = { .bio_bcount = 10 };
    struct memdesc mem = memdesc_vaddr(NULL, 10);
    struct udmar_iovec vector = { NULL, 10 };
    struct uio uio = { .uio_iov = &vector, .uio_iovcnt = 1, .uio_resid = 10 };
    struct toy_request request = { .mbuf = &m };
    struct scene s;
    bus_dma_tag_t tag;
    bus_dmamap_t map;
    int last = -1;
    int count = 5;

    (void)state;
    open_scene(&s, modes[0]);
    assert_int_equal(toy_write(s.sc, &request, seen), UDMAR_EINVAL);
    m.m_data = (char *)s.area;
    m.m_len = -1;
    assert_int_equal(toy_write(s.sc, &request, seen), UDMAR_EINVAL);
    m.m_len = 0;
    assert_int_equal(toy_write(s.sc, &request, seen), UDMAR_EINVAL);
    m.m_len = TOY_MAXSIZE + 1;
    assert_int_equal(toy_write(s.sc, &request, seen), UDMAR_EINVAL);
    request = (struct toy_request){ .bio = &bio };
    assert_int_equal(toy_write(s.sc, &request, seen), UDMAR_EINVAL);
    request = (struct toy_request){ .uio = &uio };
    assert_int_equal(toy_write(s.sc, &request, seen), UDMAR_EINVAL);
    request = (struct toy_request){ .mem = &mem };
    assert_int_equal(toy_write(s.sc, &request, seen), UDMAR_EINVAL);
    mem.md_type = 99;
    assert_int_equal(toy_write(s.sc, &request, seen), UDMAR_EINVAL);
    mem = memdesc_plist(NULL, -1);
    assert_int_equal(toy_write(s.sc, &request, seen), UDMAR_EINVAL);
    mem = memdesc_paddr(UINT64_MAX - 4, 10);
    assert_int_equal(toy_write(s.sc, &request, seen), UDMAR_EINVAL);

    tag = new_tag(&s.f, 0, NULL);
    map = new_map(tag);
    assert_int_equal(bus_dmamap_load_mem(tag, map, NULL, note_loaded, &result, 0), 0);
    assert_int_equal(result.error, UDMAR_EINVAL);
    assert_int_equal(bus_dmamap_load_bio(tag, map, NULL, note_loaded, &result, 0), 0);
    assert_int_equal(result.error, UDMAR_EINVAL);
    assert_int_equal(bus_dmamap_load_mem(tag, map, &mem, NULL, NULL, 0), UDMAR_EINVAL);
    assert_int_equal(bus_dmamap_load_mbuf_sg(tag, map, NULL, NULL, &count, 0), UDMAR_EINVAL);
    assert_int_equal(count, 0);
    assert_int_equal(bus_dmamap_load_mbuf_sg(tag, map, &m, NULL, NULL, 0), UDMAR_EINVAL);
    assert_int_equal(bus_dmamap_load_mbuf(tag, map, &m, NULL, NULL, 0), UDMAR_EINVAL);
    assert_int_equal(bus_dmamap_load_uio(tag, map, &uio, NULL, NULL, 0), UDMAR_EINVAL);
    assert_int_equal(bus_dmamap_load_ma_triv(tag, map, NULL, 10, 0, 0, NULL, &last), UDMAR_EINVAL);
    assert_int_equal(_bus_dmamap_load_ma(NULL, NULL, NULL, 10, 0, 0, NULL, NULL), UDMAR_EINVAL);
    assert_int_equal(last, -1);
    bus_dmamap_unload(tag, map);
    drop_map(tag, map);
    drop_tag(tag);
    close_scene(&s);
}

/* What has no memory behind it is refused and counted, once, and nobody looks past an end. */
static void test_broken(void **state)
{
    struct vm_page page, *pages[1] = { &page };
    struct mbuf negative_offset = {
        .m_flags = M_EXTPG, .m_pages = pages, .m_page_offset = -1, .m_page_length = 100
    };
    struct mbuf negative_length = { .m_flags = M_EXTPG, .m_pages = pages, .m_page_length = -1 };
    struct mbuf no_pages = { .m_flags = M_EXTPG, .m_page_length = 100 };
    struct bio few_pages = {
        .bio_flags = BIO_UNMAPPED, .bio_ma = pages, .bio_ma_n = 1, .bio_bcount = 4097
    };
    struct bio far_offset = { .bio_flags = BIO_UNMAPPED,
                              .bio_ma = pages,
                              .bio_ma_n = 1,
                              .bio_ma_offset = 4097,
                              .bio_bcount = 1 };
    struct bio bio_no_pages = { .bio_flags = BIO_UNMAPPED, .bio_ma_n = 1, .bio_bcount = 1 };
    struct bio no_list = { .bio_flags = BIO_VLIST, .bio_ma_n = 2 };
    struct memdesc no_vlist = memdesc_vlist(NULL, 2), no_plist = memdesc_plist(NULL, 2);
    bus_dma_segment_t beyond = { UINT64_C(1) << 63, 10 }; /* 32 bits would lose that */
    struct memdesc vlist_beyond = memdesc_vlist(&beyond, 1);
    struct uio no_vectors = { .uio_iovcnt = 2, .uio_resid = 10 };
    struct udmar_iovec vector = { NULL, 0 };
    struct uio short_vectors = { .uio_iov = &vector, .uio_iovcnt = 1, .uio_resid = 10 };
    const struct toy_request requests[] = {
        { .mbuf = &negative_offset }, { .mbuf = &negative_length }, { .mbuf = &no_pages },
        { .mbuf_sg = &no_pages },     { .bio = &few_pages },        { .bio = &far_offset },
        { .bio = &bio_no_pages },     { .bio = &no_list },          { .mem = &no_vlist },
        { .mem = &no_plist },         { .mem = &vlist_beyond },     { .uio = &no_vectors },
        { .uio = &short_vectors },
    };
    struct udmar_dma_counts counts;
    struct scene s;
    bus_dma_tag_t tag;
    bus_dmamap_t map;
    int last = -1;

    (void)state;
    open_scene(&s, modes[0]);
    page.phys_addr = physical_of(&s.f, s.area);
    beyond.ds_addr |= (uintptr_t)s.area;
    for (unsigned i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        if (toy_write(s.sc, &requests[i], seen) != UDMAR_EINVAL)
            fail_msg("request %u was not refused", i);
        udmar_dma_counts(s.f.instance, &counts);
        assert_int_equal(counts.wrong_arguments, i + 1);
    }
    tag = new_tag(&s.f, 0, NULL);
    map = new_map(tag);
    assert_int_equal(bus_dmamap_load_mbuf(tag, map, &no_pages, NULL, NULL, 0), UDMAR_EINVAL);
    assert_int_equal(bus_dmamap_load_uio(tag, map, &no_vectors, NULL, NULL, 0), UDMAR_EINVAL);
    assert_int_equal(bus_dmamap_load_ma_triv(tag, map, NULL, 1, 0, 0, NULL, &last), UDMAR_EINVAL);
    assert_int_equal(bus_dmamap_load_ma_triv(tag, map, pages, 1, -1, 0, NULL, &last), UDMAR_EINVAL);
    assert_int_equal(bus_dmamap_load_ma_triv(tag, map, pages, 1, 0, 0, NULL, NULL), UDMAR_EINVAL);
    udmar_dma_counts(s.f.instance, &counts);
    assert_int_equal(counts.wrong_arguments, sizeof(requests) / sizeof(requests[0]) + 5);
    assert_int_equal(counts.unloaded_twice, 0);
    drop_map(tag, map);
    drop_tag(tag);
    close_scene(&s);
}

/* EFBIG: the mbuf forms say so themselves, those with the plain callback to the callback only. */
static void test_too_many_segments(void **state)
{
    static struct loaded result;
    const struct limits limits = { .nsegments = 2 };
    struct mbuf chain[3];
    struct memdesc mem;
    bus_dma_segment_t list[3], segs[2];
    struct scene s;
    bus_dma_tag_t tag;
    bus_dmamap_t map;
    int nsegs;

    (void)state;
    for (unsigned n = 0; n < MODES; n++) {
        open_scene(&s, modes[n]);
        tag = new_tag(&s.f, 0, &limits);
        map = new_map(tag);
        memset(chain, 0, sizeof(chain));
        for (unsigned i = 0; i < 3; i++) {
            chain[i] = (struct mbuf){ .m_next = i < 2 ? &chain[i + 1] : NULL, .m_len = 10 };
            chain[i].m_data = (char *)s.area + i * 2 * PAGE;
            list[i] = (bus_dma_segment_t){ (uintptr_t)chain[i].m_data, 10 };
        }
        assert_int_equal(bus_dmamap_load_mbuf_sg(tag, map, chain, segs, &nsegs, BUS_DMA_NOWAIT),
                         UDMAR_EFBIG);
        assert_int_equal(nsegs, 0);
        mem = memdesc_vlist(list, 3);
        assert_int_equal(bus_dmamap_load_mem(tag, map, &mem, note_loaded, &result, 0), 0);
        assert_int_equal(result.error, UDMAR_EFBIG);
        chain[1].m_next = NULL;
        assert_int_equal(bus_dmamap_load_mbuf_sg(tag, map, chain, segs, &nsegs, BUS_DMA_NOWAIT), 0);
        assert_int_equal(nsegs, 2);
        assert_memory_equal(segs, udmar_dmamap_segments(map, &nsegs), sizeof(segs));
        bus_dmamap_unload(tag, map);
        assert_null(udmar_dmamap_segments(map, NULL));
        drop_map(tag, map);
        drop_tag(tag);
        close_scene(&s);
    }
}

/* More pieces than a map notes. */
static void test_endless_chain(void **state)
{
    static struct loaded result;
    const struct limits limits = { .nsegments = 10000, .maxsize = MIB(1) };
    static bus_dma_segment_t list[5000];
    struct memdesc mem;
    struct scene s;
    bus_dma_tag_t tag;
    bus_dmamap_t map;

    (void)state;
    open_scene(&s, modes[0]);
    tag = new_tag(&s.f, 0, &limits);
    map = new_map(tag);
    for (unsigned i = 0; i < 5000; i++)
        list[i] = (bus_dma_segment_t){ (uintptr_t)s.area + (i & 1) * 100, 10 };
    mem = memdesc_vlist(list, 5000);
    assert_int_equal(bus_dmamap_load_mem(tag, map, &mem, note_loaded, &result, 0), 0);
    assert_int_equal(result.error, UDMAR_EFBIG);
    mem = memdesc_vlist(list, 250);
    assert_int_equal(bus_dmamap_load_mem(tag, map, &mem, note_loaded, &result, 0), 0);
    assert_int_equal(result.error, 0);
    assert_int_equal(result.count, 250);
    bus_dmamap_unload(tag, map);
    drop_map(tag, map);
    drop_tag(tag);
    close_scene(&s);
}

static void test_mutex(void **state)
{
    struct mtx mtx = { 0 };

    (void)state;
    busdma_lock_mutex(&mtx, BUS_DMA_LOCK);
    assert_int_equal(mtx.mtx_lock, 1);
    busdma_lock_mutex(&mtx, BUS_DMA_UNLOCK);
    assert_int_equal(mtx.mtx_lock, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buffer),        cmocka_unit_test(test_mbuf_chain),
        cmocka_unit_test(test_mbuf_of_pages), cmocka_unit_test(test_uio),
        cmocka_unit_test(test_bio),           cmocka_unit_test(test_memory_descriptors),
        cmocka_unit_test(test_page_array),    cmocka_unit_test(test_refused),
        cmocka_unit_test(test_broken),        cmocka_unit_test(test_too_many_segments),
        cmocka_unit_test(test_endless_chain), cmocka_unit_test(test_mutex),
    };

    return cmocka_run_group_tests_name("load_foreign", tests, NULL, NULL);
}
