/* SPDX-License-Identifier: BSD-2-Clause */
#include "bench_sample.h"

void bench_callback(void *arg, struct udmar_dma_segment *segments, int count, int error)
{
    (void)segments;
    *(int *)arg = error == 0 ? count : -error;
}

static inline void finish(const struct bench_target *target, struct bench_stamps *stamps)
{
    stamps->at[1] = bench_stamp();
    udmar_dmamap_sync(target->tag, target->map, UDMAR_DMA_SYNC_PREREAD | UDMAR_DMA_SYNC_PREWRITE);
    stamps->at[2] = bench_stamp();
    udmar_dmamap_sync(target->tag, target->map, UDMAR_DMA_SYNC_POSTREAD | UDMAR_DMA_SYNC_POSTWRITE);
    stamps->at[3] = bench_stamp();
    udmar_dmamap_unload(target->tag, target->map);
    stamps->at[4] = bench_stamp();
}

bool bench_transfer_buffer(const struct bench_target *target, const struct bench_load *load,
                           struct bench_stamps *stamps)
{
    int segments = 0;
    int error;

    stamps->at[0] = bench_stamp();
    error = udmar_dmamap_load(target->tag, target->map, load->buffer, load->length, bench_callback,
                              &segments, UDMAR_DMA_NOWAIT);
    finish(target, stamps);
    return error == 0 && segments > 0;
}

bool bench_transfer_list(const struct bench_target *target, const struct bench_load *load,
                         struct bench_stamps *stamps)
{
    int segments = 0;
    int error;

    stamps->at[0] = bench_stamp();
    error = udmar_dmamap_load_physical(target->tag, target->map, load->list, load->count,
                                       bench_callback, &segments, UDMAR_DMA_NOWAIT);
    finish(target, stamps);
    return error == 0 && segments > 0;
}

bool bench_transfer_chain(const struct bench_target *target, const struct bench_load *load,
                          struct bench_stamps *stamps)
{
    struct udmar_dma_segment segments[BENCH_CHAIN_MOST];
    int last = -1;
    int error = 0;

    stamps->at[0] = bench_stamp();
    for (unsigned i = 0; i < load->chain && error == 0; i++) {
        error = udmar_dmamap_add_buffer(target->tag, target->map, bench_chain_buffer(load, i),
                                        BENCH_CHAIN_LENGTH, segments, &last,
                                        UDMAR_DMA_NOWAIT | UDMAR_DMA_MORE);
    }
    if (error == 0) {
        error = udmar_dmamap_complete(target->tag, target->map);
    }
    finish(target, stamps);
    return error == 0 && last + 1 == (int)load->chain;
}

bool bench_transfer(const struct bench_target *target, const struct bench_load *load,
                    struct bench_stamps *stamps)
{
    if (load->chain != 0) {
        return bench_transfer_chain(target, load, stamps);
    }
    return load->list != NULL ? bench_transfer_list(target, load, stamps)
                              : bench_transfer_buffer(target, load, stamps);
}
