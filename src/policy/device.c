/* SPDX-License-Identifier: BSD-2-Clause */
/* Devices: finding their unit, giving them their mode, letting them go. */
#include "base/text.h"
#include "policy/instance.h"
#include "space/context.h"

static struct udmar__unit_slot *slot_of(struct udmar *instance, const struct udmar_entry *drhd)
{
    for (unsigned i = 0; i < instance->unit_count; i++) {
        if (instance->units[i].entry.offset == drhd->offset) {
            return &instance->units[i];
        }
    }
    return NULL;
}

static const char unusable[] = "its unit is not usable";

static void find_unit(struct udmar_device *device)
{
    struct udmar *instance = device->instance;
    struct udmar_bus_reader reader = udmar__bus_reader(instance);
    struct udmar_entry drhd;

    device->match = UDMAR_MATCH_NONE;
    if (!instance->tunables.enable) {
        device->reason = "the driver is switched off (hw.dmar.enable=0)";
        return;
    }
    if (udmar_table_find_unit(&instance->table, &reader, device->ids.segment, device->ids.governor,
                              &drhd, &device->match) != UDMAR_OK) {
        device->reason = "firmware names no unit for it";
        return;
    }
    device->slot = slot_of(instance, &drhd);
    if (device->slot == NULL) {
        device->reason = unusable;
    }
}

static enum udmar_mode wanted_mode(struct udmar_device *device)
{
    const struct udmar_tunables *tunables = &device->instance->tunables;

    device->reason = "hw.busdma.default says so";
    if (tunables->default_mode == UDMAR_MODE_TRANSLATE) {
        device->reason = "the default";
    }
    /* The device's own address counts first, then what its unit sees. */
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < tunables->device_count; i++) {
            const struct udmar_tunable_device *row = &tunables->devices[i];

            if (row->mode != 0 &&
                (round == 0
                     ? row->segment == device->segment && row->rid == device->rid
                     : row->segment == device->ids.segment && row->rid == device->ids.sent)) {
                device->reason = round == 0 ? "its own tunable says so"
                                            : "the tunable of its requester id says so";
                return row->mode;
            }
        }
    }
    return tunables->default_mode;
}

/* Whose data is bounced is the device's own affair: no alias counts. */
static bool wants_subpage(const struct udmar_device *device)
{
    const struct udmar_tunables *tunables = &device->instance->tunables;

    for (unsigned i = 0; i < tunables->device_count; i++) {
        const struct udmar_tunable_device *row = &tunables->devices[i];

        if (row->subpage_said && row->segment == device->segment && row->rid == device->rid) {
            return row->subpage;
        }
    }
    return tunables->subpage;
}

static enum udmar_status set_up(struct udmar_device *device)
{
    enum udmar_status status =
        udmar__ids_collect(device->instance, device->segment, device->rid, &device->ids);

    if (status != UDMAR_OK) {
        return status;
    }
    device->subpage = wants_subpage(device);
    find_unit(device);
    if (device->slot == NULL) {
        device->wanted = UDMAR_MODE_UNPROTECTED;
        return UDMAR_OK;
    }
    device->wanted = wanted_mode(device);
    (void)udmar__rmrr_limit(device, &device->rmrrs);
    device->keeps_context = device->rmrrs != 0;
    return udmar__group_join(device);
}

enum udmar_status udmar__device_add(struct udmar *instance, uint16_t segment, udmar_rid_t rid,
                                    struct udmar_device **out_device)
{
    struct udmar_device *device = udmar_host_alloc(instance->host, sizeof(*device));
    enum udmar_status status;
    uintptr_t state;

    if (device == NULL) {
        return UDMAR_ERR_MEMORY;
    }
    device->instance = instance;
    device->segment = segment;
    device->rid = rid;
    status = set_up(device);
    if (status != UDMAR_OK && device->group == NULL) {
        udmar_host_free(instance->host, device, sizeof(*device));
        return status;
    }
    /* Where the unit has not confirmed that its ids are blocked, it stays known until then. */
    state = udmar__lock(instance->host, &instance->lock);
    device->next = instance->devices;
    instance->devices = device;
    udmar__unlock(instance->host, &instance->lock, state);
    *out_device = device;
    return status;
}

/* What hardware does with its DMA: without a group or without its contexts, nothing gets through.
 */
static enum udmar_mode mode_of(const struct udmar_device *device)
{
    const struct udmar__group *group = device->group;

    if (device->slot == NULL || udmar__slot_failed(device->slot)) {
        return UDMAR_MODE_UNPROTECTED;
    }
    if (group == NULL || device->cut_off || (group->bypassed && group->bypass == NULL)) {
        return UDMAR_MODE_BLOCKED;
    }
    if (group->bypassed) {
        return group->bypass->pass_through ? UDMAR_MODE_PASSTHROUGH : UDMAR_MODE_IDENTITY;
    }
    return group->mode;
}

static const char *reason_of(const struct udmar_device *device)
{
    if (device->slot == NULL) {
        return device->reason;
    }
    if (udmar__slot_failed(device->slot)) {
        return unusable;
    }
    if (device->cut_off) {
        return "there was no memory for its context";
    }
    return device->group != NULL && device->group->bypassed
               ? "it was in use with physical addresses when its unit started"
               : device->reason;
}

bool udmar__device_translates(const struct udmar_device *device)
{
    return device->group != NULL && device->group->mode == UDMAR_MODE_TRANSLATE &&
           !device->group->bypassed;
}

static void free_tag(struct udmar_device *device)
{
    if (device->tag != NULL) {
        udmar_host_free(device->instance->host, device->tag, device->tag_size);
        device->tag = NULL;
    }
}

void udmar__device_remove(struct udmar_device *device)
{
    struct udmar *instance = device->instance;
    struct udmar_device **link = &instance->devices;
    uintptr_t state = udmar__lock(instance->host, &instance->lock);

    while (*link != device) {
        link = &(*link)->next;
    }
    *link = device->next;
    udmar__unlock(instance->host, &instance->lock, state);
    udmar__fault_log_forget(instance, device);
    free_tag(device);
    udmar_host_free(instance->host, device, sizeof(*device));
}

/* Its devices do not use the guest addresses of their domain: from now on they get physical ones.
 */
static void abandon(struct udmar_device *device, bool *answers)
{
    struct udmar__group *group = device->group;

    if (group == NULL || group->bypassed || device->attached == 0 ||
        udmar__group_users(group, device->instance) != 0) {
        return;
    }
    udmar__group_bypass(device);
    /* A unit that has not answered once is not asked for each device. */
    if (*answers) {
        *answers = udmar__device_settle(device) == UDMAR_OK;
    }
}

void udmar__devices_abandon(struct udmar__unit_slot *slot)
{
    void *host = slot->instance->host;
    bool answers = true;
    char label[64];

    for (struct udmar_device *device = slot->instance->devices; device != NULL;
         device = device->next) {
        if (device->slot != slot) {
            continue;
        }
        abandon(device, &answers);
        device->unsettled = true;
        slot->instance->unsettled = true;
        udmar__device_label(device, label);
        if (udmar__device_translates(device) && device->attached > 0) {
            /* Its tags have handed out guest addresses, which mean something else now. */
            udmar__log(host, UDMAR_LOG_ERROR,
                       "%s: its unit does not translate the addresses that it was given: do not "
                       "use it",
                       label);
        } else if (device->attached > 0) {
            if (__atomic_load_n(&device->users, __ATOMIC_ACQUIRE) == 0) {
                free_tag(device);
            }
            udmar__log(host, UDMAR_LOG_WARN, "%s: not protected: %s", label, unusable);
        }
    }
}

void udmar__devices_retry(struct udmar *instance)
{
    for (struct udmar_device *device = instance->devices; device != NULL; device = device->next) {
        struct udmar__group *group = device->group;

        if (group == NULL || !group->bypassed) {
            continue;
        }
        device->unsettled = true;
        instance->unsettled = true;
        if (udmar__group_users(group, instance) != 0) {
            udmar__group_bypass(device);
            continue;
        }
        group->bypassed = false;
        for (struct udmar_device *other = instance->devices; other != NULL; other = other->next) {
            if (other->group == group) {
                other->unsettled = true;
                free_tag(other);
            }
        }
    }
}

static void tell_compromise(const struct udmar_device *device)
{
    enum udmar_mode mode = mode_of(device);
    char label[64];

    udmar__device_label(device, label);
    if (mode == UDMAR_MODE_BLOCKED) {
        udmar__log(device->instance->host, UDMAR_LOG_ERROR, "%s: its DMA is cut off: %s", label,
                   reason_of(device));
    } else {
        udmar__log(device->instance->host, UDMAR_LOG_WARN, "%s: %s: %s", label,
                   udmar_mode_string(mode), reason_of(device));
    }
}

enum udmar_status udmar__devices_settle(struct udmar__unit_slot *slot)
{
    struct udmar_device *next;

    for (struct udmar_device *device = slot->instance->devices; device != NULL; device = next) {
        bool compromise = device->group != NULL && device->group->bypassed;
        enum udmar_status status;

        next = device->next;
        if (device->slot != slot || (device->group == NULL && !device->unsettled)) {
            continue;
        }
        status = udmar__device_renew(device);
        if (udmar__not_confirmed(status)) {
            return status;
        }
        if (compromise || status != UDMAR_OK) {
            tell_compromise(device);
        }
    }
    return UDMAR_OK;
}

const char *udmar__device_label(const struct udmar_device *device, char buffer[64])
{
    struct udmar__text text;

    udmar__text_init(&text, buffer, 64);
    if (device->name[0] != '\0') {
        udmar__text_add(&text, "%s (%04x:%02x:%02x.%u)", device->name, device->segment,
                        UDMAR_RID_BUS(device->rid), UDMAR_RID_DEVICE(device->rid),
                        UDMAR_RID_FUNCTION(device->rid));
    } else {
        udmar__text_add(&text, "device %04x:%02x:%02x.%u", device->segment,
                        UDMAR_RID_BUS(device->rid), UDMAR_RID_DEVICE(device->rid),
                        UDMAR_RID_FUNCTION(device->rid));
    }
    return buffer;
}

/* The device with exactly this address; aliases do not count. */
static struct udmar_device *find_exact(struct udmar *instance, uint16_t segment, udmar_rid_t rid)
{
    struct udmar_device *device = instance->devices;

    while (device != NULL && (device->segment != segment || device->rid != rid)) {
        device = device->next;
    }
    return device;
}

/* The fault interrupt may be printing it. */
static void set_name(struct udmar_device *device, const char *name)
{
    struct udmar *instance = device->instance;
    uintptr_t state = udmar__lock(instance->host, &instance->lock);
    size_t length = 0;

    for (; name != NULL && name[length] != '\0' && length + 1 < sizeof(device->name); length++) {
        device->name[length] = name[length];
    }
    device->name[length] = '\0';
    udmar__unlock(instance->host, &instance->lock, state);
}

static void announce(struct udmar_device *device)
{
    enum udmar_mode mode = mode_of(device);
    char label[64];

    udmar__device_label(device, label);
    if (mode == UDMAR_MODE_UNPROTECTED) {
        udmar__log(device->instance->host, UDMAR_LOG_WARN, "%s: not protected: %s", label,
                   reason_of(device));
    } else {
        udmar__log(device->instance->host, UDMAR_LOG_INFO, "%s: unit %u, %s: %s%s", label,
                   device->slot->unit->index, udmar_mode_string(mode), reason_of(device),
                   device->rmrrs != 0 ? "; firmware memory mapped (RMRR)" : "");
    }
}

enum udmar_status udmar_device_attach(struct udmar *instance, uint16_t segment, udmar_rid_t rid,
                                      const char *name, struct udmar_device **out_device)
{
    struct udmar_device *device;
    enum udmar_status status = UDMAR_OK;

    if (instance == NULL || out_device == NULL) {
        return UDMAR_ERR_ARGUMENT;
    }
    udmar__settle(instance);
    device = find_exact(instance, segment, rid);
    if (device == NULL) {
        status = udmar__device_add(instance, segment, rid, &device);
    } else if (device->unsettled && !udmar__slot_failed(device->slot)) {
        /* The unit still does not answer. */
        status = device->leaving ? UDMAR_ERR_TIMEOUT : udmar__device_settle(device);
    }
    if (status != UDMAR_OK) {
        udmar__log(instance->host, UDMAR_LOG_ERROR,
                   "device %04x:%02x:%02x.%u could not be attached (%s): requester ids that no "
                   "other device sends stay blocked",
                   segment, UDMAR_RID_BUS(rid), UDMAR_RID_DEVICE(rid), UDMAR_RID_FUNCTION(rid),
                   udmar_status_string(status));
        return status;
    }
    device->attached++;
    if (device->attached == 1) {
        set_name(device, name);
        announce(device);
    }
    *out_device = device;
    return UDMAR_OK;
}

enum udmar_status udmar_device_detach(struct udmar_device *device)
{
    enum udmar_status status;

    if (device == NULL || device->attached == 0) {
        return UDMAR_ERR_ARGUMENT;
    }
    if (device->attached > 1) {
        device->attached--;
        return UDMAR_OK;
    }
    if (__atomic_load_n(&device->users, __ATOMIC_ACQUIRE) != 0) {
        if (device->name_maps != NULL) {
            device->name_maps(device);
        }
        return UDMAR_ERR_BUSY;
    }
    if (device->keeps_context) {
        device->attached = 0;
        __atomic_store_n(&device->domain_seen, false, __ATOMIC_RELAXED);
        free_tag(device);
        (void)udmar_device_on_fault(device, NULL, NULL);
        return UDMAR_OK;
    }
    udmar__settle(device->instance);
    status = udmar__group_leave(device);
    if (status != UDMAR_OK) {
        udmar__group_stay(device);
        return status;
    }
    udmar__device_remove(device);
    return UDMAR_OK;
}

enum udmar_status udmar_device_set_mode(struct udmar_device *device, enum udmar_mode mode)
{
    enum udmar_status status;

    if (device == NULL || mode < UDMAR_MODE_TRANSLATE || mode > UDMAR_MODE_BLOCKED) {
        return UDMAR_ERR_ARGUMENT;
    }
    if (device->slot == NULL || udmar__slot_failed(device->slot)) {
        return UDMAR_ERR_UNSUPPORTED;
    }
    if (__atomic_load_n(&device->users, __ATOMIC_ACQUIRE) != 0 ||
        (device->group != NULL && device->group->devices > 1)) {
        return UDMAR_ERR_BUSY;
    }
    udmar__settle(device->instance);
    status = udmar__group_leave(device);
    if (status != UDMAR_OK) {
        udmar__group_stay(device);
        return status;
    }
    free_tag(device);
    device->wanted = mode;
    device->reason = "it was set at run time";
    status = udmar__group_join(device);
    if (status != UDMAR_OK) {
        /* Nothing points to it any more, so its DMA is blocked; say so in the books as well. */
        device->wanted = UDMAR_MODE_BLOCKED;
        device->reason = "its last change of mode failed";
        if (device->group == NULL) {
            device->unsettled = true;
            (void)udmar__device_renew(device);
        }
    }
    announce(device);
    return status;
}

enum udmar_status udmar_device_set_subpage(struct udmar_device *device, bool on)
{
    if (device == NULL) {
        return UDMAR_ERR_ARGUMENT;
    }
    if (__atomic_load_n(&device->users, __ATOMIC_ACQUIRE) != 0) {
        return UDMAR_ERR_BUSY;
    }
    device->subpage = on;
    return UDMAR_OK;
}

struct udmar_domain *udmar_device_domain(struct udmar_device *device)
{
    struct udmar_domain *domain;

    if (device == NULL || device->group == NULL) {
        return NULL;
    }
    domain = device->group->domain;
    if (device->group->bypassed) {
        domain = udmar__slot_failed(device->slot) ? NULL : device->group->bypass;
    }
    if (domain != NULL) {
        /* From now on its group cannot get another one. */
        __atomic_store_n(&device->domain_seen, true, __ATOMIC_RELAXED);
    }
    return domain;
}

struct udmar_device *udmar__device_find_locked(struct udmar *instance, uint16_t segment,
                                               udmar_rid_t rid)
{
    struct udmar_device *device = find_exact(instance, segment, rid);

    for (struct udmar_device *other = instance->devices; device == NULL && other != NULL;
         other = other->next) {
        if (udmar__ids_have(&other->ids, segment, rid)) {
            device = other;
        }
    }
    return device;
}

/* Nobody's any more, and kept until its unit has confirmed that its ids are blocked. */
static bool is_gone(const struct udmar_device *device)
{
    return device->leaving && device->attached == 0;
}

struct udmar_device *udmar_device_find(struct udmar *instance, uint16_t segment, udmar_rid_t rid)
{
    struct udmar_device *device;
    uintptr_t state;

    if (instance == NULL) {
        return NULL;
    }
    state = udmar__lock(instance->host, &instance->lock);
    device = udmar__device_find_locked(instance, segment, rid);
    udmar__unlock(instance->host, &instance->lock, state);
    return device == NULL || is_gone(device) ? NULL : device;
}

struct udmar_device *udmar_device_next(struct udmar *instance, struct udmar_device *previous)
{
    struct udmar_device *device = previous == NULL ? instance->devices : previous->next;

    while (device != NULL && is_gone(device)) {
        device = device->next;
    }
    return device;
}

void udmar_device_info(struct udmar_device *device, struct udmar_device_info *out_info)
{
    *out_info = (struct udmar_device_info){
        .segment = device->segment,
        .rid = device->rid,
        .mode = mode_of(device),
        .wanted = device->wanted,
        .unit = mode_of(device) != UDMAR_MODE_UNPROTECTED ? (int)device->slot->unit->index : -1,
        .match = device->match,
        .id_count = device->ids.count,
        .rmrr_count = device->rmrrs,
        .shares_ids = device->group != NULL && device->group->devices > 1,
        .by_firmware = device->attached == 0,
        .faults = device->faults,
        .reason = reason_of(device),
    };
    for (unsigned i = 0; i < UDMAR_DEVICE_IDS && i < device->ids.count; i++) {
        out_info->ids[i] = device->ids.id[i];
    }
    for (unsigned i = 0; i < sizeof(device->name); i++) {
        out_info->name[i] = device->name[i];
    }
}

enum udmar_status udmar_context_entries(struct udmar *instance, uint16_t segment, udmar_rid_t rid,
                                        uint64_t *out_root, uint64_t out_context[2])
{
    struct udmar_device *device = udmar_device_find(instance, segment, rid);

    if (device == NULL || device->slot == NULL) {
        return UDMAR_ERR_NO_UNIT;
    }
    /* Behind a controller that sends for it, a function has no id of its own. */
    rid = device->ids.segment == segment ? rid : device->ids.governor;
    udmar__context_read(device->slot->unit, rid, out_root, out_context);
    return UDMAR_OK;
}
