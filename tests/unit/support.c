/* SPDX-License-Identifier: BSD-2-Clause */
#include "support.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "../empty.h"

void rig_empty(struct rig *r)
{
    memset(r, 0, sizeof(*r));
    r->m = model_create(NULL);
    udmar_tunables_init(&r->config.tunables);
    r->config.tunables.enable = true;
    /* Most tests wait for hardware that is late on purpose; the clock is virtual. */
    r->config.tunables.timeout_ns = 10000000;
    r->ram[0] = (struct udmar_ram_range){ RAM_1, RAM };
    r->ram[1] = (struct udmar_ram_range){ RAM_2, RAM };
    r->config.ram = r->ram;
    r->config.ram_count = 2;
    r->config.direct_map = true;
    r->config.table = r->table;
    r->page = model_page_alloc(r->m);
}

void rig_machine_config(struct rig *r, const struct model_config *machine,
                        const struct model_unit_config *unit)
{
    rig_empty(r);
    if (machine != NULL) {
        model_destroy(r->m);
        r->m = model_create(machine);
        r->page = model_page_alloc(r->m);
    }
    r->u = model_add_unit(r->m, unit);
    model_add_function(r->m, 0, NIC, 0x8086, 0x10d3, 0x020000);
    model_add_function(r->m, 0, DISK, 0x8086, 0x2922, 0x010601);
}

void rig_machine(struct rig *r, const char *profile)
{
    const struct model_unit_config unit = { .profile = profile, .base = BASE, .include_all = true };

    rig_machine_config(r, NULL, &unit);
}

enum udmar_status rig_try_create(struct rig *r)
{
    r->d = NULL;
    r->config.table_size = model_dmar_build(r->m, r->table, sizeof(r->table));
    return udmar_create(r->m, &r->config, &r->d);
}

void rig_create(struct rig *r)
{
    assert_int_equal(rig_try_create(r), UDMAR_OK);
}

void rig_start(struct rig *r)
{
    assert_int_equal(udmar_start(r->d), UDMAR_OK);
}

struct udmar_device *rig_attach(struct rig *r, uint16_t rid)
{
    struct udmar_device *device = NULL;

    assert_int_equal(udmar_device_attach(r->d, 0, rid, "dev", &device), UDMAR_OK);
    assert_non_null(device);
    return device;
}

void rig_open(struct rig *r, const char *profile)
{
    rig_machine(r, profile);
    rig_create(r);
    rig_start(r);
    r->nic = rig_attach(r, NIC);
}

void rig_own_domain(struct rig *r)
{
    assert_int_equal(udmar_domain_create(r->d, NULL, &r->own), UDMAR_OK);
    assert_int_equal(udmar_device_set_domain(r->nic, r->own), UDMAR_OK);
}

unsigned rig_violations(struct rig *r)
{
    unsigned count = model_violations(r->m);

    for (unsigned i = 0; i < count; i++) {
        fprintf(stderr, "violation: %s\n", model_violation_text(r->m, i));
    }
    model_clear_violations(r->m);
    return count;
}

bool rig_violated_only(struct rig *r, const char *text)
{
    unsigned count = model_violations(r->m);
    bool all = count > 0;

    for (unsigned i = 0; i < count; i++) {
        all = all && strstr(model_violation_text(r->m, i), text) != NULL;
    }
    if (all) {
        model_clear_violations(r->m);
    } else {
        (void)rig_violations(r);
    }
    return all;
}

static struct udmar_device *attached(struct udmar *d)
{
    struct udmar_device *device = NULL;

    while ((device = udmar_device_next(d, device)) != NULL && rig_info(device).by_firmware) {
    }
    return device;
}

void rig_destroy(struct rig *r)
{
    struct udmar_device *device;

    if (r->d == NULL) {
        return;
    }
    if (r->d->started) {
        if (r->config.tunables.strict) {
            /* Between two calls caches know nothing that is not so any more. */
            for (unsigned i = 0; model_unit_at(r->m, i) != NULL; i++)
                assert_int_equal(model_cache_stale(model_unit_at(r->m, i)), 0);
        }
        assert_int_equal(udmar_stop(r->d), UDMAR_OK);
    }
    while ((device = attached(r->d)) != NULL) {
        empty_domain(udmar_device_domain(device));
        assert_int_equal(udmar_device_detach(device), UDMAR_OK);
    }
    if (r->own != NULL) {
        assert_int_equal(udmar_domain_destroy(r->d, r->own), UDMAR_OK);
        r->own = NULL;
    }
    assert_int_equal(udmar_destroy(r->d), UDMAR_OK);
    r->d = NULL;
    r->nic = NULL;
}

void rig_close(struct rig *r)
{
    rig_destroy(r);
    model_page_free(r->m, r->page);
    assert_int_equal(rig_violations(r), 0);
    assert_int_equal(model_leaks(r->m), 0);
    model_destroy(r->m);
}

void rig_abandon(struct rig *r)
{
    model_destroy(r->m);
}

void rig_tune(struct rig *r, const char *name, const char *value)
{
    assert_int_equal(udmar_tunables_set(&r->config.tunables, name, value), UDMAR_OK);
}

struct udmar_unit *rig_unit(struct rig *r, unsigned index)
{
    assert_true(index < r->d->unit_count);
    return udmar__unit_at(r->d, index)->unit;
}

static enum model_result dma(struct rig *r, uint16_t rid, uint64_t iova, bool write)
{
    uint8_t byte = 0x5a;

    return model_dma(r->m, 0, model_requester_id(r->m, 0, rid), iova, &byte, 1, write);
}

enum model_result rig_write(struct rig *r, uint16_t rid, uint64_t iova)
{
    return dma(r, rid, iova, true);
}

enum model_result rig_read(struct rig *r, uint16_t rid, uint64_t iova)
{
    return dma(r, rid, iova, false);
}

bool rig_reaches(struct rig *r, uint16_t rid, uint64_t iova, uint64_t physical)
{
    uint8_t before = 0;
    uint8_t after = 0x5a;

    assert_true(model_memory_write(r->m, physical, &before, 1));
    if (dma(r, rid, iova, true) != MODEL_OK) {
        return false;
    }
    return model_memory_read(r->m, physical, &after, 1) && after == 0x5a;
}

enum udmar_status rig_map(struct rig *r, uint64_t iova, uint64_t physical)
{
    return udmar_domain_map(udmar_device_domain(r->nic), iova, physical, UDMAR_PAGE_SIZE,
                            UDMAR_READ_WRITE);
}

enum udmar_status rig_unmap(struct rig *r, uint64_t iova)
{
    return udmar_domain_unmap(udmar_device_domain(r->nic), iova, UDMAR_PAGE_SIZE);
}

struct udmar_device_info rig_info(struct udmar_device *device)
{
    struct udmar_device_info info;

    udmar_device_info(device, &info);
    return info;
}

struct model_scope rig_endpoint(uint16_t rid)
{
    return model_scope(MODEL_SCOPE_ENDPOINT, rid);
}
