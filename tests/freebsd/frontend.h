/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands in for FreeBSD's busdma front end and the kernel below it: it calls the port's operations
 * in the order in which FreeBSD does. The test sees this header, not the kernel's declarations.
 */
#ifndef UDMAR_TESTS_FREEBSD_FRONTEND_H
#define UDMAR_TESTS_FREEBSD_FRONTEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct udmar;
struct udmar_device;
struct fe_tag;
struct fe_map;

struct fe_segment {
    uint64_t address;
    uint64_t length;
};
struct fe_piece {
    void *base;
    size_t length; /* 0 occurs: an empty mbuf */
};

/* What the model's machine says of an address; set before anything is loaded. */
void fe_open(uint64_t (*physical)(void *context, const void *address), void *context);
/* Runs what the driver's thread has to do; returns how many tasks ran. */
unsigned fe_run_tasks(void);
void fe_pass_seconds(int seconds);
void fe_close(void);

struct fe_tag *fe_root(struct udmar_device *device);
void fe_root_end(struct fe_tag *root);
/* A tag with @locked has a lock function, so that its loads may wait. */
int fe_tag_create(struct fe_tag *parent, uint64_t maxsize, int nsegments, uint64_t maxsegsz,
                  bool locked, struct fe_tag **out_tag);
int fe_tag_destroy(struct fe_tag *tag);
int fe_map_create(struct fe_tag *tag, struct fe_map **out_map);
int fe_map_destroy(struct fe_tag *tag, struct fe_map *map);
int fe_mem_alloc(struct fe_tag *tag, void **out_address, struct fe_map **out_map);
void fe_mem_free(struct fe_tag *tag, void *address, struct fe_map *map);

/* bus_dmamap_load_mbuf_sg(): pieces into segments of the caller's; never waits. */
int fe_load_chain(struct fe_tag *tag, struct fe_map *map, const struct fe_piece *pieces, int count,
                  struct fe_segment *segments, int *out_count);
/* LinuxKPI: one load_phys on a map that may be loaded, without map_complete. */
int fe_load_more(struct fe_tag *tag, struct fe_map *map, uint64_t physical, size_t length,
                 struct fe_segment *out_segment);
/* A page array with an offset (load_ma). */
int fe_load_pages(struct fe_tag *tag, struct fe_map *map, const uint64_t *pages, size_t offset,
                  size_t length, struct fe_segment *segments, int *out_count);
/* bus_dmamap_load_mem() of a list that may wait; results arrive in *result. */
struct fe_result {
    int calls;
    int error;
    int count;
    bool locked; /* the tag's lock was held during the callback */
    struct fe_segment segments[16];
};
int fe_load_waiting(struct fe_tag *tag, struct fe_map *map, const struct fe_piece *pieces,
                    int count, struct fe_result *result);
void fe_unload(struct fe_tag *tag, struct fe_map *map);
void fe_sync(struct fe_tag *tag, struct fe_map *map, int op);
bool fe_id_mapped(struct fe_tag *tag, uint64_t physical, size_t length);

#endif
