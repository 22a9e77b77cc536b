/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FreeBSD's memory descriptors of every type, CAM's control blocks of every function and kind of
 * data, and the crypto framework's buffers: the device reads what they describe, in every mode.
 */
#include <string.h>

#include <udmar/bus_dma.h>
#include <udmar/foreign/ccb.h>
#include <udmar/foreign/crypto.h>

#include "fixture/bounce.h"

#define AREA (12 * PAGE)

static const char *const modes[] = { "", BOUNCE, ASKED, "hw.dmar.strict=0",
                                     "hw.busdma.default=identity" };
#define MODES (sizeof(modes) / sizeof(modes[0]))

struct scene {
    struct fixture f;
    bus_dma_tag_t tag;
    bus_dmamap_t map;
    uint8_t *area;
    struct loaded loaded;
    struct vm_page page[3], *pages[3];
    bus_dmamap_t kept[8]; /* loaded, so that pages are scarce */
    unsigned kept_count;
};

/* What has been described, in order. */
static uint8_t expected[AREA];
static size_t length;

static void *part(struct scene *s, size_t offset, size_t size)
{
    memcpy(expected + length, s->area + offset, size);
    length += size;
    return s->area + offset;
}

static uint64_t physical_part(struct scene *s, size_t offset, size_t size)
{
    assert_true(offset % PAGE + size <= PAGE);
    return physical_of(&s->f, part(s, offset, size));
}

static void open_scene(struct scene *s, const char *tunables)
{
    const struct setup setup = { .tunables = tunables };

    memset(s, 0, sizeof(*s));
    length = 0;
    fixture_open(&s->f, &setup);
    s->tag = locked_tag(&s->f, LOW_4G, AREA, 64);
    s->map = new_map(s->tag);
    s->area = model_buffer_alloc(s->f.m, AREA, MODEL_HIGH | MODEL_SCATTERED, 0);
    fill_pattern(s->area, AREA, 5);
    for (unsigned i = 0; i < 3; i++) {
        s->page[i].phys_addr = physical_of(&s->f, s->area + (2 + 3 * i) * PAGE);
        s->pages[i] = &s->page[i];
    }
}

static void close_scene(struct scene *s)
{
    drop(s->tag, s->map);
    model_buffer_free(s->f.m, s->area);
    fixture_close(&s->f);
}

/* The load has come to its end: the device reads what was described. */
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

/* The callback has the error, and nothing is loaded. */
static void expect_nothing(struct scene *s, int returned)
{
    assert_int_equal(returned, 0);
    assert_int_equal(s->loaded.calls, 1);
    assert_int_equal(s->loaded.error, UDMAR_EINVAL);
    assert_int_equal(s->loaded.count, 0);
    assert_null(udmar_dmamap_segments(s->map, NULL));
    s->loaded.calls = 0;
    length = 0;
}

static int load_mem(struct scene *s, struct memdesc mem)
{
    return bus_dmamap_load_mem(s->tag, s->map, &mem, note_loaded, &s->loaded, 0);
}

static int load_ccb(struct scene *s, union ccb *ccb)
{
    return bus_dmamap_load_ccb(s->tag, s->map, ccb, note_loaded, &s->loaded, 0);
}

static int load_buffer(struct scene *s, struct crypto_buffer *cb)
{
    return bus_dmamap_load_crp_buffer(s->tag, s->map, cb, note_loaded, &s->loaded, 0);
}

/* Three parts, as addresses of the kernel's or of memory. */
static void fill_vlist(struct scene *s, bus_dma_segment_t list[3])
{
    list[0] = (bus_dma_segment_t){ (uintptr_t)part(s, 100, 5000), 5000 };
    list[1] = (bus_dma_segment_t){ (uintptr_t)part(s, 4 * PAGE, PAGE), PAGE };
    list[2] = (bus_dma_segment_t){ (uintptr_t)part(s, 7 * PAGE + 9, 1), 1 };
}

static void fill_plist(struct scene *s, bus_dma_segment_t list[3])
{
    list[0] = (bus_dma_segment_t){ physical_part(s, 100, 3000), 3000 };
    list[1] = (bus_dma_segment_t){ physical_part(s, 4 * PAGE, PAGE), PAGE };
    list[2] = (bus_dma_segment_t){ physical_part(s, 7 * PAGE + 9, 1), 1 };
}

static void fill_mbufs(struct scene *s, struct mbuf chain[3])
{
    memset(chain, 0, 3 * sizeof(*chain));
    chain[0] = (struct mbuf){ .m_next = &chain[1], .m_len = 14, .m_data = part(s, 10, 14) };
    chain[1] = (struct mbuf){ .m_next = &chain[2] };
    chain[2] = (struct mbuf){ .m_len = 5000, .m_data = part(s, PAGE + 300, 5000) };
    chain[0].m_pkthdr.len = 5014;
}

static void fill_uio(struct scene *s, struct udmar_iovec vector[2], struct uio *uio)
{
    vector[0] = (struct udmar_iovec){ part(s, 50, 4000), 4000 };
    vector[1] = (struct udmar_iovec){ part(s, 4 * PAGE, 300), 9000 };
    *uio = (struct uio){ .uio_iov = vector, .uio_iovcnt = 2, .uio_resid = 4300 };
}

/* 5,000 bytes from byte 4,000 on: parts of three pages. */
static void expect_pages(struct scene *s)
{
    (void)part(s, 2 * PAGE + 4000, 96);
    (void)part(s, 5 * PAGE, PAGE);
    (void)part(s, 8 * PAGE, 5000 - 96 - PAGE);
}

/* ---- Memory descriptors ---------------------------------------------------------------------- */

static void test_every_memory_descriptor(void **state)
{
    (void)state;
    for (unsigned n = 0; n < MODES; n++) {
        bus_dma_segment_t list[3];
        struct mbuf chain[3];
        struct udmar_iovec vector[2];
        struct uio uio;
        struct bio bio = { .bio_bcount = 6000 };
        struct scene s;

        open_scene(&s, modes[n]);
        expect_described(&s, load_mem(&s, memdesc_vaddr(part(&s, 77, 9000), 9000)));
        expect_described(&s, load_mem(&s, memdesc_paddr(physical_part(&s, 3 * PAGE + 8, 80), 80)));
        fill_vlist(&s, list);
        expect_described(&s, load_mem(&s, memdesc_vlist(list, 3)));
        fill_plist(&s, list);
        expect_described(&s, load_mem(&s, memdesc_plist(list, 3)));
        bio.bio_data = part(&s, 3, 6000);
        expect_described(&s, load_mem(&s, memdesc_bio(&bio)));
        fill_uio(&s, vector, &uio);
        expect_described(&s, load_mem(&s, memdesc_uio(&uio)));
        fill_mbufs(&s, chain);
        expect_described(&s, load_mem(&s, memdesc_mbuf(chain)));
        expect_pages(&s);
        expect_described(&s, load_mem(&s, memdesc_vmpages(s.pages, 5000, 4000)));
        close_scene(&s);
    }
}

static void test_descriptors_of_nothing(void **state)
{
    struct mbuf empty = { .m_len = 0 };
    struct scene s;

    (void)state;
    open_scene(&s, "");
    expect_nothing(&s, load_mem(&s, memdesc_bio(NULL)));
    expect_nothing(&s, load_mem(&s, memdesc_uio(NULL)));
    expect_nothing(&s, load_mem(&s, memdesc_mbuf(NULL)));
    expect_nothing(&s, load_mem(&s, memdesc_mbuf(&empty)));
    expect_nothing(&s, load_mem(&s, memdesc_vmpages(NULL, 100, 0)));
    expect_nothing(&s, load_mem(&s, memdesc_vmpages(s.pages, 0, 0)));
    expect_nothing(&s, load_mem(&s, udmar_memdesc_none(99)));
    close_scene(&s);
}

/* The zone's pages are in use, and the host has no more. */
static void use_up(struct scene *s, bus_dmamap_t *out_holder, struct loaded *first)
{
    *out_holder = new_map(s->tag);
    no_more_pages(&s->f, true);
    assert_int_equal(bus_dmamap_load(s->tag, s->map, s->area, AREA, note_loaded, first, 0), 0);
    assert_int_equal(bus_dmamap_load(s->tag, *out_holder, s->area, AREA, note_loaded, first, 0), 0);
    bus_dmamap_unload(s->tag, s->map);
    /* A map's share is a page more than one load: take those, too. */
    drop_map(s->tag, s->map);
    s->map = new_map(s->tag);
    while (zone_of(&s->f).free_pages >= AREA / PAGE) {
        bus_dmamap_t *more = &s->kept[s->kept_count++];

        *more = new_map(s->tag);
        assert_int_equal(bus_dmamap_load(s->tag, *more, s->area, AREA, note_loaded, first, 0), 0);
    }
}

static void let_go(struct scene *s, bus_dmamap_t holder)
{
    no_more_pages(&s->f, false);
    drop_map(s->tag, holder);
    while (s->kept_count > 0) {
        bus_dmamap_unload(s->tag, s->kept[--s->kept_count]);
        drop_map(s->tag, s->kept[s->kept_count]);
    }
}

/* What waits was noted: chain and uio may be gone when its turn comes. */
static void test_waiting_descriptor_is_remembered(void **state)
{
    struct memdesc whole;
    struct udmar_iovec vector;
    struct uio uio;
    struct scene s;
    bus_dmamap_t holder;
    static struct loaded first;

    (void)state;
    open_scene(&s, BOUNCE);
    use_up(&s, &holder, &first);
    vector = (struct udmar_iovec){ part(&s, 0, AREA), AREA };
    uio = (struct uio){ .uio_iov = &vector, .uio_iovcnt = 1, .uio_resid = AREA };
    whole = memdesc_uio(&uio);
    assert_int_equal(load_mem(&s, whole), UDMAR_EINPROGRESS);
    memset(&vector, 0xff, sizeof(vector));
    memset(&uio, 0xff, sizeof(uio));
    bus_dmamap_unload(s.tag, holder);
    expect_described(&s, 0);
    let_go(&s, holder);
    close_scene(&s);
}

/* ---- Control blocks -------------------------------------------------------------------------- */

/* The same data in the block of each function. */
static void set_data(union ccb *ccb, uint32_t function, uint32_t kind, void *data, uint32_t size,
                     uint16_t count)
{
    memset(ccb, 0, sizeof(*ccb));
    if (function == XPT_ATA_IO) {
        ccb->ataio.data_ptr = data;
        ccb->ataio.dxfer_len = size;
    } else if (function == XPT_NVME_IO || function == XPT_NVME_ADMIN) {
        ccb->nvmeio.data_ptr = data;
        ccb->nvmeio.dxfer_len = size;
        ccb->nvmeio.sglist_cnt = count;
    } else {
        ccb->csio.data_ptr = data;
        ccb->csio.dxfer_len = size;
        ccb->csio.sglist_cnt = count;
    }
    ccb->ccb_h.func_code = function;
    ccb->ccb_h.flags = kind | CAM_DIR_OUT;
}

static void load_function(struct scene *s, uint32_t function)
{
    bus_dma_segment_t list[3];
    struct bio bio = { .bio_flags = BIO_UNMAPPED,
                       .bio_ma = s->pages,
                       .bio_ma_n = 3,
                       .bio_ma_offset = 4000,
                       .bio_bcount = 5000 };
    union ccb ccb;

    set_data(&ccb, function, CAM_DATA_VADDR, part(s, 512, 8192), 8192, 0);
    expect_described(s, load_ccb(s, &ccb));
    expect_pages(s);
    set_data(&ccb, function, CAM_DATA_BIO, &bio, 5000, 0);
    expect_described(s, load_ccb(s, &ccb));
    if (s->page[0].phys_addr <= UINTPTR_MAX - PAGE) {
        set_data(&ccb, function, CAM_DATA_PADDR, (void *)(uintptr_t)s->page[0].phys_addr, 600, 0);
        (void)part(s, 2 * PAGE, 600);
        expect_described(s, load_ccb(s, &ccb));
    }
    fill_vlist(s, list);
    set_data(&ccb, function, CAM_DATA_SG, list, (uint32_t)length, 3);
    if (function == XPT_ATA_IO)
        expect_nothing(s, load_ccb(s, &ccb)); /* it has no count of segments */
    else
        expect_described(s, load_ccb(s, &ccb));
    fill_plist(s, list);
    set_data(&ccb, function, CAM_DATA_SG_PADDR, list, (uint32_t)length, 3);
    if (function == XPT_ATA_IO)
        expect_nothing(s, load_ccb(s, &ccb));
    else
        expect_described(s, load_ccb(s, &ccb));
}

static void test_every_control_block(void **state)
{
    const uint32_t functions[] = { XPT_SCSI_IO, XPT_CONT_TARGET_IO, XPT_ATA_IO, XPT_NVME_IO,
                                   XPT_NVME_ADMIN };

    (void)state;
    for (unsigned n = 0; n < MODES; n++) {
        struct scene s;

        open_scene(&s, modes[n]);
        for (unsigned i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
            load_function(&s, functions[i]);
        close_scene(&s);
    }
}

static void test_odd_control_blocks(void **state)
{
    struct udmar_dma_counts counts;
    struct scene s;
    union ccb ccb;

    (void)state;
    open_scene(&s, "");
    /* Nothing to move: told at once, nothing loaded, and unload and sync do no harm. */
    set_data(&ccb, XPT_SCSI_IO, CAM_DATA_VADDR, NULL, 0, 0);
    ccb.ccb_h.flags = CAM_DIR_NONE;
    assert_int_equal(load_ccb(&s, &ccb), 0);
    assert_int_equal(s.loaded.calls, 1);
    assert_int_equal(s.loaded.error + s.loaded.count, 0);
    bus_dmamap_sync(s.tag, s.map, BUS_DMASYNC_POSTREAD);
    bus_dmamap_unload(s.tag, s.map);
    s.loaded.calls = 0;
    /* A function that moves no data, a kind of data that there is not. */
    set_data(&ccb, 0x901 + 1, CAM_DATA_VADDR, s.area, 100, 0);
    expect_nothing(&s, load_ccb(&s, &ccb));
    set_data(&ccb, XPT_SCSI_IO, CAM_DATA_MASK, s.area, 100, 0);
    expect_nothing(&s, load_ccb(&s, &ccb));
    set_data(&ccb, XPT_SCSI_IO, CAM_DATA_BIO, NULL, 100, 0);
    expect_nothing(&s, load_ccb(&s, &ccb));
    expect_nothing(&s, load_ccb(&s, NULL));
    assert_int_equal(bus_dmamap_load_ccb(s.tag, s.map, &ccb, NULL, NULL, 0), UDMAR_EINVAL);
    udmar_dma_counts(s.f.instance, &counts);
    assert_int_equal(counts.wrong_arguments, 5);
    close_scene(&s);
}

/* ---- Crypto buffers -------------------------------------------------------------------------- */

static void test_every_crypto_buffer(void **state)
{
    (void)state;
    for (unsigned n = 0; n < MODES; n++) {
        struct mbuf chain[3];
        struct udmar_iovec vector[2];
        struct uio uio;
        struct crypto_buffer cb = { .cb_type = CRYPTO_BUF_CONTIG };
        struct cryptop crp = { .crp_obuf.cb_type = CRYPTO_BUF_NONE };
        struct scene s;

        open_scene(&s, modes[n]);
        cb.cb_buf = part(&s, 1000, 7000);
        cb.cb_buf_len = 7000;
        expect_described(&s, load_buffer(&s, &cb));
        cb = (struct crypto_buffer){ .cb_type = CRYPTO_BUF_UIO };
        fill_uio(&s, vector, &uio);
        cb.cb_uio = &uio;
        expect_described(&s, load_buffer(&s, &cb));
        cb = (struct crypto_buffer){ .cb_type = CRYPTO_BUF_MBUF };
        fill_mbufs(&s, chain);
        cb.cb_mbuf = chain;
        expect_described(&s, load_buffer(&s, &cb));
        cb.cb_type = CRYPTO_BUF_SINGLE_MBUF;
        (void)part(&s, 10, 14);
        expect_described(&s, load_buffer(&s, &cb));
        cb = (struct crypto_buffer){ .cb_type = CRYPTO_BUF_VMPAGE };
        expect_pages(&s);
        cb.cb_vm_page = s.pages;
        cb.cb_vm_page_len = 5000;
        cb.cb_vm_page_offset = 4000;
        crp.crp_buf = cb;
        expect_described(&s, bus_dmamap_load_crp(s.tag, s.map, &crp, note_loaded, &s.loaded, 0));
        close_scene(&s);
    }
}

static void test_odd_crypto_buffers(void **state)
{
    struct crypto_buffer cb = { .cb_type = CRYPTO_BUF_NONE };
    struct scene s;

    (void)state;
    open_scene(&s, "");
    expect_nothing(&s, load_buffer(&s, &cb));
    expect_nothing(&s, load_buffer(&s, NULL));
    expect_nothing(&s, bus_dmamap_load_crp(s.tag, s.map, NULL, note_loaded, &s.loaded, 0));
    cb = (struct crypto_buffer){ .cb_type = CRYPTO_BUF_CONTIG };
    cb.cb_buf = (char *)s.area;
    cb.cb_buf_len = -1;
    expect_nothing(&s, load_buffer(&s, &cb));
    for (int type = CRYPTO_BUF_UIO; type <= CRYPTO_BUF_LAST; type++) {
        cb = (struct crypto_buffer){ .cb_type = (enum crypto_buffer_type)type };
        cb.cb_buf = NULL;
        expect_nothing(&s, load_buffer(&s, &cb));
    }
    cb = (struct crypto_buffer){ .cb_type = CRYPTO_BUF_VMPAGE };
    cb.cb_vm_page = s.pages;
    cb.cb_vm_page_len = 10;
    cb.cb_vm_page_offset = -1;
    expect_nothing(&s, load_buffer(&s, &cb));
    close_scene(&s);
}

/* Never deferred: no memory is told at once, and returned. */
static void test_crypto_does_not_wait(void **state)
{
    struct crypto_buffer cb = { .cb_type = CRYPTO_BUF_CONTIG };
    bus_dmamap_t holder;
    static struct loaded first;
    struct scene s;

    (void)state;
    open_scene(&s, BOUNCE);
    use_up(&s, &holder, &first);
    cb.cb_buf = (char *)s.area;
    cb.cb_buf_len = AREA;
    assert_int_equal(load_buffer(&s, &cb), UDMAR_ENOMEM);
    assert_int_equal(s.loaded.calls, 1);
    assert_int_equal(s.loaded.error, UDMAR_ENOMEM);
    bus_dmamap_unload(s.tag, holder);
    let_go(&s, holder);
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_memory_descriptor),
        cmocka_unit_test(test_descriptors_of_nothing),
        cmocka_unit_test(test_waiting_descriptor_is_remembered),
        cmocka_unit_test(test_every_control_block),
        cmocka_unit_test(test_odd_control_blocks),
        cmocka_unit_test(test_every_crypto_buffer),
        cmocka_unit_test(test_odd_crypto_buffers),
        cmocka_unit_test(test_crypto_does_not_wait),
    };

    return cmocka_run_group_tests_name("load_descriptors", tests, NULL, NULL);
}
