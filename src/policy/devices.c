/* SPDX-License-Identifier: BSD-2-Clause */
/* Devices: finding their unit, giving them their mode, letting them go. */
#include "base/text.h"
#include "policy/instance.h"
#include "space/range.h"
#include "space/context.h"

/* Why nothing can be said for sure of the device's unit, by what is wrong with its structure. */
static const char *doubt_reason(enum udmar_defect_kind kind)
{
    switch (kind) {
    case UDMAR_DEFECT_DRHD_BASE:
    case UDMAR_DEFECT_DRHD_WIDTH:
        return "the register base that firmware states for its unit cannot be true";
    case UDMAR_DEFECT_DRHD_SEGMENT:
        return "firmware states one register base for its unit and for one of another segment";
    default:
        return "a damaged structure of firmware's table may name it, so that its unit is not known";
    }
}

/*
 * A damaged structure names the device, or may. Where another unit would have it, physical
 * addresses are right whichever of the two it is.
 */
static void find_doubtful_unit(struct udmar_device *device, const struct udmar_entry *drhd)
{
    enum udmar_defect_kind kind = UDMAR_DEFECT_NONE;

    if (drhd->length != 0) {
        kind = udmar_entry_defect(&device->instance->table, drhd);
    }
    if (drhd->length != 0 && kind == UDMAR_DEFECT_NONE) {
        device->unit_record = udmar__unit_of(device->instance, drhd);
    }
    device->in_doubt = true;
    device->reason = doubt_reason(kind);
}

static const char unusable[] = "its unit is not usable";

static void find_unit(struct udmar_device *device)
{
    struct udmar *instance = device->instance;
    struct udmar_bus_reader reader = udmar__bus_reader(instance);
    struct udmar_entry drhd;

    device->match = UDMAR_MATCH_NONE;
    device->in_doubt = false;
    if (!instance->tunables.enable) {
        device->reason = "the driver is switched off (hw.dmar.enable=0)";
        return;
    }
    switch (udmar_table_find_unit(&instance->table, &reader, device->ids.segment,
                                  device->ids.governor, &drhd, &device->match)) {
    case UDMAR_OK:
        device->unit_record = udmar__unit_of(instance, &drhd);
        device->reason = unusable;
        break;
    case UDMAR_ERR_FIRMWARE:
        find_doubtful_unit(device, &drhd);
        break;
    default:
        device->reason = "firmware names no unit for it";
        break;
    }
}

static enum udmar_mode chosen_mode(struct udmar_device *device)
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

/* Modes that hand out physical addresses of all memory, and promise nothing. */
static bool suits_doubt(enum udmar_mode mode)
{
    return mode == UDMAR_MODE_PASSTHROUGH || mode == UDMAR_MODE_BOUNCE;
}

static enum udmar_mode wanted_mode(struct udmar_device *device)
{
    const char *doubt = device->reason;
    enum udmar_mode mode = chosen_mode(device);

    if (!device->in_doubt) {
        return mode;
    }
    device->reason = doubt;
    return suits_doubt(mode) ? mode : UDMAR_MODE_PASSTHROUGH;
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

static enum udmar_status set_up_device(struct udmar_device *device)
{
    enum udmar_status status =
        udmar__ids_collect(device->instance, device->segment, device->rid, &device->ids);

    if (status != UDMAR_OK) {
        return status;
    }
    device->subpage = wants_subpage(device);
    find_unit(device);
    if (device->unit_record == NULL) {
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
    status = set_up_device(device);
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

struct udmar_unit *udmar__device_unit(const struct udmar_device *device)
{
    return device->unit_record == NULL || udmar__unit_record_failed(device->unit_record)
               ? NULL
               : device->unit_record->unit;
}

/*
 * What hardware does with its DMA: without a group or without its contexts, nothing gets through.
 */
enum udmar_mode udmar__device_mode(const struct udmar_device *device)
{
    const struct udmar__group *group = device->group;

    if (udmar__device_unit(device) == NULL) {
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
    if (device->unit_record == NULL) {
        return device->reason;
    }
    if (udmar__unit_record_failed(device->unit_record)) {
        return unusable;
    }
    if (device->cut_off) {
        return "there was no memory for its context";
    }
    return device->group != NULL && device->group->bypassed
               ? "it was in use with physical addresses when its unit started"
               : device->reason;
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

/* Has its driver guest addresses in use? */
static bool has_addresses(const struct udmar_device *device)
{
    return __atomic_load_n(&device->refs, __ATOMIC_ACQUIRE) != 0 ||
           (device->group != NULL && device->group->domain != NULL &&
            udmar__domain_in_use(device->group->domain));
}

/* Is a driver of the group at work with physical addresses, from a time when its unit was not? */
static bool group_is_physical(const struct udmar_device *device)
{
    if (device->group->mode != UDMAR_MODE_TRANSLATE) {
        return false;
    }
    for (const struct udmar_device *member = NULL;
         (member = udmar__group_next(device, member)) != NULL;) {
        if (member->physical && __atomic_load_n(&member->refs, __ATOMIC_ACQUIRE) != 0) {
            return true;
        }
    }
    return false;
}

/*
 * Its devices do not use the guest addresses of their domain: from now on they get physical ones.
 */
static void abandon_device(struct udmar_device *device, bool *answers)
{
    struct udmar__group *group = device->group;

    if (group == NULL || group->mode != UDMAR_MODE_TRANSLATE || group->bypassed ||
        device->attach_refs == 0 || has_addresses(device) ||
        udmar__group_refs(group, device->instance) != 0) {
        return;
    }
    udmar__group_bypass(device);
    /* A unit that has not answered once is not asked for each device. */
    if (*answers) {
        *answers = udmar__device_sync_contexts(device) == UDMAR_OK;
    }
}

void udmar__devices_abandon(struct udmar__unit_record *record)
{
    bool answers = true;
    char label[64];

    for (struct udmar_device *device = record->instance->devices; device != NULL;
         device = device->next) {
        if (device->unit_record != record) {
            continue;
        }
        abandon_device(device, &answers);
        device->unconfirmed = true;
        record->instance->unconfirmed = true;
        if (device->attach_refs > 0 && device->group != NULL && !device->group->bypassed &&
            has_addresses(device)) {
            udmar__log(record->instance->host, UDMAR_LOG_ERROR,
                       "%s: its unit does not translate the addresses that it was given: do not "
                       "use it",
                       udmar__device_label(device, label));
        } else if (device->attach_refs > 0) {
            udmar__device_announce(device);
        }
    }
}

void udmar__devices_retry(struct udmar *instance)
{
    for (struct udmar_device *device = instance->devices; device != NULL; device = device->next) {
        struct udmar__group *group = device->group;

        if (group == NULL || (!group->bypassed && !group_is_physical(device))) {
            continue;
        }
        device->unconfirmed = true;
        instance->unconfirmed = true;
        if (udmar__group_refs(group, instance) != 0) {
            udmar__group_bypass(device);
            continue;
        }
        group->bypassed = false;
        for (struct udmar_device *member = NULL;
             (member = udmar__group_next(device, member)) != NULL;) {
            member->unconfirmed = true;
        }
    }
}

static void tell_compromise(const struct udmar_device *device)
{
    enum udmar_mode mode = udmar__device_mode(device);
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

enum udmar_status udmar__devices_sync_contexts(struct udmar__unit_record *record)
{
    struct udmar_device *next;

    for (struct udmar_device *device = record->instance->devices; device != NULL; device = next) {
        bool compromise = device->group != NULL && device->group->bypassed;
        enum udmar_status status;

        next = device->next;
        if (device->unit_record != record || (device->group == NULL && !device->unconfirmed)) {
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

void udmar__device_announce(struct udmar_device *device)
{
    enum udmar_mode mode = udmar__device_mode(device);
    char label[64];

    udmar__device_label(device, label);
    if (mode == UDMAR_MODE_UNPROTECTED) {
        udmar__log(device->instance->host, device->in_doubt ? UDMAR_LOG_ERROR : UDMAR_LOG_WARN,
                   "%s: not protected: %s", label, reason_of(device));
    } else {
        udmar__log(device->instance->host, device->in_doubt ? UDMAR_LOG_ERROR : UDMAR_LOG_INFO,
                   "%s: unit %u, %s: %s%s", label, device->unit_record->unit->index,
                   udmar_mode_string(mode), reason_of(device),
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
    udmar__devices_retry_unconfirmed(instance);
    device = find_exact(instance, segment, rid);
    if (device == NULL) {
        status = udmar__device_add(instance, segment, rid, &device);
    } else if (device->unconfirmed && !udmar__unit_record_failed(device->unit_record)) {
        /* The unit still does not answer. */
        status = device->leaving ? UDMAR_ERR_TIMEOUT : udmar__device_sync_contexts(device);
    }
    if (status != UDMAR_OK) {
        udmar__log(instance->host, UDMAR_LOG_ERROR,
                   "device %04x:%02x:%02x.%u could not be attached (%s): requester ids that no "
                   "other device sends stay blocked",
                   segment, UDMAR_RID_BUS(rid), UDMAR_RID_DEVICE(rid), UDMAR_RID_FUNCTION(rid),
                   udmar_status_string(status));
        return status;
    }
    device->attach_refs++;
    if (device->attach_refs == 1) {
        set_name(device, name);
        udmar__device_announce(device);
    }
    *out_device = device;
    return UDMAR_OK;
}

/* What a mode that was set fails with, and all members of the group get, one after the other. */
static enum udmar_status change_mode(struct udmar_device *device, enum udmar_mode mode)
{
    struct udmar_domain *domain = NULL;
    enum udmar_status status = udmar__mode_domain(device, &mode, &domain);

    for (struct udmar_device *member = NULL;
         status == UDMAR_OK && domain != NULL &&
         (member = udmar__group_next(device, member)) != NULL;) {
        if (member != device && mode == UDMAR_MODE_TRANSLATE) {
            status = udmar__apertures_reserve(member, domain);
        }
        if (member != device && status == UDMAR_OK) {
            status = udmar__rmrr_map(member, domain);
        }
    }
    if (status == UDMAR_OK) {
        return udmar__group_move(device, domain, mode);
    }
    if (domain != NULL) {
        udmar__domain_unref(device->instance, domain);
    }
    return status;
}

/* Another driver has a device in the group. */
static bool others_attached(const struct udmar_device *device)
{
    for (const struct udmar_device *member = NULL;
         device->group != NULL && (member = udmar__group_next(device, member)) != NULL;) {
        if (member != device && member->attach_refs > 0) {
            return true;
        }
    }
    return false;
}

/* The group's last driver goes: those that firmware keeps have what was said before he came. */
static enum udmar_status restore_mode(struct udmar_device *device)
{
    struct udmar_device *stays = NULL;
    enum udmar_status status;

    while ((stays = udmar__group_next(device, stays)) != NULL && !stays->keeps_context) {
    }
    if (stays == NULL || !stays->group->chosen) {
        return UDMAR_OK;
    }
    stays->wanted = wanted_mode(stays);
    status = change_mode(stays, stays->wanted);
    stays->group->chosen = status != UDMAR_OK;
    return status;
}

/* Firmware goes on using it; nothing is left of what its driver has set. */
static void forget_driver(struct udmar_device *device)
{
    device->attach_refs = 0;
    __atomic_store_n(&device->domain_seen, false, __ATOMIC_RELAXED);
    device->subpage = wants_subpage(device);
    set_name(device, NULL);
    free_tag(device);
    (void)udmar_device_on_fault(device, NULL, NULL);
}

static enum udmar_status detach_last(struct udmar_device *device)
{
    bool last = device->group != NULL && !others_attached(device);
    enum udmar_status status = UDMAR_OK;

    if (__atomic_load_n(&device->refs, __ATOMIC_ACQUIRE) != 0 ||
        (last && !udmar__group_may_leave(device))) {
        return UDMAR_ERR_BUSY;
    }
    udmar__devices_retry_unconfirmed(device->instance);
    if (last) {
        status = restore_mode(device);
    }
    if (status == UDMAR_OK && device->keeps_context) {
        forget_driver(device);
    } else if (status == UDMAR_OK) {
        status = udmar__group_leave(device);
        if (status == UDMAR_OK) {
            udmar__device_remove(device);
        } else {
            udmar__group_stay(device);
        }
    }
    return status;
}

enum udmar_status udmar_device_detach(struct udmar_device *device)
{
    enum udmar_status status;

    if (device == NULL || device->attach_refs == 0) {
        return UDMAR_ERR_ARGUMENT;
    }
    if (device->attach_refs > 1) {
        device->attach_refs--;
        return UDMAR_OK;
    }
    status = detach_last(device);
    if (status == UDMAR_ERR_BUSY && device->name_maps != NULL) {
        device->name_maps(device);
    }
    return status;
}

/* One device alone, or all of a group that leave a caller's domain. */
static bool may_set_mode(const struct udmar_device *device)
{
    const struct udmar__group *group = device->group;

    return group == NULL || ((group->devices == 1 || group->mode == UDMAR_MODE_DOMAIN) &&
                             udmar__group_may_leave(device));
}

/* It may have a group of its own now. */
static enum udmar_status join_again(struct udmar_device *device)
{
    enum udmar_status status = udmar__group_leave(device);

    if (status != UDMAR_OK) {
        udmar__group_stay(device);
        return status;
    }
    status = udmar__group_join(device);
    device->unconfirmed |= device->group == NULL;
    device->instance->unconfirmed |= device->unconfirmed;
    return status;
}

enum udmar_status udmar_device_set_mode(struct udmar_device *device, enum udmar_mode mode)
{
    const char *objection;
    enum udmar_status status;
    char label[64];

    if (device == NULL || mode < UDMAR_MODE_TRANSLATE || mode > UDMAR_MODE_BLOCKED) {
        return UDMAR_ERR_ARGUMENT;
    }
    if (udmar__device_unit(device) == NULL || (device->in_doubt && !suits_doubt(mode))) {
        return UDMAR_ERR_UNSUPPORTED;
    }
    objection = udmar__mode_objection(device, mode);
    if (objection != NULL) {
        udmar__log(device->instance->host, UDMAR_LOG_WARN, "%s: mode %s refused: %s",
                   udmar__device_label(device, label), udmar_mode_string(mode), objection);
        return UDMAR_ERR_UNSUPPORTED;
    }
    if (!may_set_mode(device)) {
        return UDMAR_ERR_BUSY;
    }
    udmar__devices_retry_unconfirmed(device->instance);
    device->wanted = mode;
    device->reason = "it was set at run time";
    status =
        device->group != NULL && !device->apart ? change_mode(device, mode) : join_again(device);
    if (status == UDMAR_OK) {
        device->group->chosen = true;
    } else {
        device->reason = "its last change of mode failed";
    }
    udmar__device_announce(device);
    return status;
}

enum udmar_status udmar_device_set_subpage(struct udmar_device *device, bool on)
{
    if (device == NULL) {
        return UDMAR_ERR_ARGUMENT;
    }
    if (__atomic_load_n(&device->refs, __ATOMIC_ACQUIRE) != 0) {
        return UDMAR_ERR_BUSY;
    }
    device->subpage = on;
    return UDMAR_OK;
}

struct udmar_domain *udmar_device_domain(struct udmar_device *device)
{
    enum udmar_mode mode = device == NULL ? UDMAR_MODE_BLOCKED : udmar__device_mode(device);
    struct udmar_domain *domain;

    if (mode == UDMAR_MODE_BLOCKED || mode == UDMAR_MODE_UNPROTECTED) {
        return NULL;
    }
    domain = device->group->bypassed ? device->group->bypass : device->group->domain;
    if (domain != NULL) {
        /* From now on its group cannot get another one. */
        __atomic_store_n(&device->domain_seen, true, __ATOMIC_RELAXED);
    }
    return domain;
}

struct udmar_domain *udmar_device_translation(struct udmar_device *device)
{
    struct udmar_domain *domain = udmar_device_domain(device);

    return domain == NULL || domain->identity || domain->pass_through ? NULL : domain;
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
    return device->leaving && device->attach_refs == 0;
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
    const struct udmar_unit *unit = udmar__device_unit(device);

    *out_info = (struct udmar_device_info){
        .segment = device->segment,
        .rid = device->rid,
        .mode = udmar__device_mode(device),
        .wanted = device->wanted,
        .unit = unit != NULL ? (int)unit->index : -1,
        .match = device->match,
        .id_count = device->ids.count,
        .rmrr_count = device->rmrrs,
        .shares_ids = device->group != NULL && device->group->devices > 1,
        .by_firmware = device->attach_refs == 0,
        .faults = device->faults,
        .reason = reason_of(device),
    };
    for (unsigned i = 0; i < UDMAR_DEVICE_IDS && i < device->ids.count; i++) {
        out_info->ids[i] = device->ids.first[i];
    }
    for (unsigned i = 0; i < sizeof(device->name); i++) {
        out_info->name[i] = device->name[i];
    }
}

enum udmar_status udmar_context_entries(struct udmar *instance, uint16_t segment, udmar_rid_t rid,
                                        uint64_t *out_root, uint64_t out_context[2])
{
    struct udmar_device *device = udmar_device_find(instance, segment, rid);

    if (device == NULL || device->unit_record == NULL) {
        return UDMAR_ERR_NO_UNIT;
    }
    /* Behind a controller that sends for it, a function has no id of its own. */
    rid = device->ids.segment == segment ? rid : device->ids.governor;
    udmar__context_read(device->unit_record->unit, rid, out_root, out_context);
    return UDMAR_OK;
}
