/* SPDX-License-Identifier: BSD-2-Clause */
/* Devices that send the same requester ids, and the contexts that they share. */
#include "base/text.h"
#include "policy/instance.h"
#include "space/context.h"

/* Hardware cannot tell them apart. @out_id: an id of both. */
static bool is_related(const struct udmar_device *a, const struct udmar_device *b,
                       udmar_rid_t *out_id)
{
    return a != b && a->unit_record == b->unit_record && udmar__ids_meet(&a->ids, &b->ids, out_id);
}

/* The next member of a group after @device (null: the first); null at the end. */
static struct udmar_device *next_member(struct udmar *instance, const struct udmar__group *group,
                                        struct udmar_device *device)
{
    device = device == NULL ? instance->devices : device->next;
    while (device != NULL && device->group != group) {
        device = device->next;
    }
    return device;
}

/* Have addresses been given out, of its domain or physical ones, that must stay what they are? */
static bool in_use(struct udmar *instance, const struct udmar__group *group)
{
    struct udmar_device *device = NULL;

    while ((device = next_member(instance, group, device)) != NULL) {
        if (__atomic_load_n(&device->refs, __ATOMIC_ACQUIRE) != 0 || device->tag != NULL ||
            __atomic_load_n(&device->domain_seen, __ATOMIC_RELAXED) || device->apart ||
            (device->attach_refs > 0 && group->domain != NULL &&
             group->mode != UDMAR_MODE_TRANSLATE)) {
            return true;
        }
    }
    return false;
}

/* Firmware has devices in it that should not be without their contexts for a moment. */
static bool is_firmwares(struct udmar *instance, const struct udmar__group *group)
{
    struct udmar_device *device = NULL;

    while ((device = next_member(instance, group, device)) != NULL) {
        if (device->rmrrs != 0) {
            return true;
        }
    }
    return false;
}

/* Of the groups that the device is related to, the one that stays; null: there is none. */
static struct udmar__group *choose_domain(struct udmar_device *device)
{
    struct udmar *instance = device->instance;
    struct udmar__group *best = NULL;
    unsigned best_rank = 0;
    udmar_rid_t id;

    for (struct udmar_device *other = instance->devices; other != NULL; other = other->next) {
        struct udmar__group *group = other->group;

        if (group != NULL && group != best && is_related(device, other, &id)) {
            unsigned rank = in_use(instance, group) ? 3 : is_firmwares(instance, group) ? 2 : 1;

            if (rank > best_rank) {
                best = group;
                best_rank = rank;
            }
        }
    }
    return best;
}

static enum udmar_status create_group(struct udmar_device *device, struct udmar__group **out_group)
{
    struct udmar *instance = device->instance;
    struct udmar__group *group = udmar_host_alloc(instance->host, sizeof(*group));
    enum udmar_status status;

    if (group == NULL) {
        return UDMAR_ERR_MEMORY;
    }
    group->mode = device->apart ? UDMAR_MODE_BLOCKED : device->wanted;
    status = udmar__mode_domain(device, &group->mode, &group->domain);
    if (status != UDMAR_OK) {
        udmar_host_free(instance->host, group, sizeof(*group));
        return status;
    }
    group->next = instance->groups;
    instance->groups = group;
    *out_group = group;
    return UDMAR_OK;
}

static void destroy_group(struct udmar *instance, struct udmar__group *group)
{
    struct udmar__group **link = &instance->groups;

    while (*link != group) {
        link = &(*link)->next;
    }
    *link = group->next;
    if (group->domain != NULL) {
        udmar__domain_unref(instance, group->domain);
    }
    if (group->bypass != NULL) {
        udmar__domain_unref(instance, group->bypass);
    }
    udmar_host_free(instance->host, group, sizeof(*group));
}

/* The fault interrupt looks at groups and their domains: once it is out, it may go. */
static void set_group(struct udmar_device *device, struct udmar__group *group)
{
    struct udmar *instance = device->instance;
    uintptr_t state = udmar__lock(instance->host, &instance->lock);

    device->group = group;
    udmar__unlock(instance->host, &instance->lock, state);
}

/* Another device of the group sends this id as well. */
static bool shared_id(const struct udmar_device *device, udmar_rid_t id)
{
    for (struct udmar_device *other = device->instance->devices; other != NULL;
         other = other->next) {
        if (other != device && other->group == device->group && !other->leaving &&
            udmar__ids_have(&other->ids, device->ids.segment, id)) {
            return true;
        }
    }
    return false;
}

/* Where the contexts of a device are to lead; null: nowhere. */
static struct udmar_domain *target_domain(const struct udmar_device *device)
{
    const struct udmar__group *group = device->group;

    if (device->leaving) {
        return NULL;
    }
    if (group->bypassed) {
        return group->bypass;
    }
    /* Blocked with a domain: the unit has not confirmed that it has forgotten it. */
    return group->mode == UDMAR_MODE_BLOCKED ? NULL : group->domain;
}

static enum udmar_status sync_id(struct udmar_device *device, udmar_rid_t id,
                                 struct udmar_domain *wanted)
{
    struct udmar_domain *const known[2] = { device->group->domain, device->group->bypass };
    struct udmar_unit *unit = device->unit_record->unit;
    enum udmar_status status = UDMAR_OK;

    for (unsigned i = 0; i < 2 && status == UDMAR_OK; i++) {
        if (known[i] != NULL && known[i] != wanted) {
            status = udmar__context_clear(unit, id, known[i]);
        }
    }
    return status == UDMAR_OK && wanted != NULL ? udmar__context_set(unit, id, wanted) : status;
}

bool udmar__not_confirmed(enum udmar_status status)
{
    return status == UDMAR_ERR_TIMEOUT || status == UDMAR_ERR_QUEUE ||
           status == UDMAR_ERR_REFUSED || status == UDMAR_ERR_SUSPENDED;
}

enum udmar_status udmar__device_sync_contexts(struct udmar_device *device)
{
    enum udmar_status result = UDMAR_OK;
    struct udmar_domain *wanted;

    if (device->group == NULL) {
        device->unconfirmed = false;
        return UDMAR_OK;
    }
    wanted = target_domain(device);
    for (unsigned i = 0; i < device->ids.count; i++) {
        enum udmar_status status = UDMAR_OK;

        if (wanted != NULL || !shared_id(device, device->ids.id[i])) {
            status = sync_id(device, device->ids.id[i], wanted);
        }
        /* What cannot be done at all says more than what may be done another time. */
        result = status != UDMAR_OK && (result == UDMAR_OK || !udmar__not_confirmed(status))
                     ? status
                     : result;
    }
    device->unconfirmed = result != UDMAR_OK;
    device->cut_off = wanted != NULL && device->unconfirmed && !udmar__not_confirmed(result);
    device->instance->unconfirmed |= device->unconfirmed;
    return result;
}

unsigned udmar__group_refs(const struct udmar__group *group, const struct udmar *instance)
{
    unsigned users = 0;

    for (const struct udmar_device *device = instance->devices; device != NULL;
         device = device->next) {
        if (device->group == group) {
            users += __atomic_load_n(&device->refs, __ATOMIC_ACQUIRE);
        }
    }
    return users;
}

void udmar__group_bypass(struct udmar_device *device)
{
    struct udmar *instance = device->instance;
    struct udmar__group *group = device->group;
    bool possible = device->unit_record->unit->facts.pass_through || instance->ram_count > 0;
    enum udmar_mode mode = UDMAR_MODE_PASSTHROUGH;
    const char *reason = device->reason;

    group->bypassed = true;
    if (group->bypass == NULL && possible &&
        udmar__mode_domain(device, &mode, &group->bypass) != UDMAR_OK) {
        group->bypass = NULL;
    }
    device->reason = reason;
}

static void log_clash(struct udmar_device *device)
{
    const struct udmar__group *group = device->group;
    struct udmar_device *other = NULL;
    udmar_rid_t id = device->rid;
    char label[64];

    do {
        other = next_member(device->instance, group, other);
    } while (other != NULL && !is_related(device, other, &id));
    if (group->mode != device->wanted) {
        device->reason = "it shares a requester id with a device that has this mode";
        udmar__log(device->instance->host, UDMAR_LOG_WARN,
                   "%s was to be %s but shares requester id %04x with a device that is %s",
                   udmar__device_label(device, label), udmar_mode_string(device->wanted), id,
                   udmar_mode_string(group->mode));
    } else {
        device->reason = "it shares a requester id, hence the domain, with another device";
    }
}

/* Nobody's contexts lead to the group on the device's account any more. */
static void split_ids(struct udmar_device *device)
{
    struct udmar__group *group = device->group;

    set_group(device, NULL);
    __atomic_store_n(&device->domain_seen, false, __ATOMIC_RELAXED);
    device->leaving = false;
    device->unconfirmed = false;
    UDMAR_ASSERT(group->devices > 0);
    if (--group->devices == 0) {
        destroy_group(device->instance, group);
    }
}

/* A unit that has failed is left alone; the contexts are written when it starts. */
static enum udmar_status give_contexts(struct udmar_device *device)
{
    if (udmar__unit_record_failed(device->unit_record)) {
        if (!device->group->bypassed && device->group->devices == 1) {
            udmar__group_bypass(device);
        }
        device->unconfirmed = true;
        device->instance->unconfirmed = true;
        return UDMAR_OK;
    }
    return udmar__device_sync_contexts(device);
}

/* Puts the device into a group that is there, with all its contexts or none. */
static enum udmar_status enter_group(struct udmar_device *device, struct udmar__group *group)
{
    enum udmar_status status;

    set_group(device, group);
    group->devices++;
    status = give_contexts(device);
    if (status != UDMAR_OK) {
        (void)udmar__group_leave(device);
    }
    return status;
}

/* The first group, other than @group, of a device that this one is related to. */
static struct udmar__group *other_group(struct udmar_device *device,
                                        const struct udmar__group *group)
{
    udmar_rid_t id;

    for (struct udmar_device *other = device->instance->devices; other != NULL;
         other = other->next) {
        if (other->group != NULL && other->group != group && is_related(device, other, &id)) {
            return other->group;
        }
    }
    return NULL;
}

/*
 * What a domain must have for one more device: its firmware's memory, and its bridges' addresses.
 */
static enum udmar_status prepare_domain(struct udmar_device *device, struct udmar_domain *domain)
{
    enum udmar_status status = UDMAR_OK;
    char label[64];

    if (domain == NULL) {
        return UDMAR_OK;
    }
    if (!domain->identity && !domain->pass_through) {
        status = udmar__apertures_reserve(device, domain);
    }
    if (status == UDMAR_ERR_EXISTS) {
        status = UDMAR_OK;
        udmar__log(device->instance->host, UDMAR_LOG_WARN,
                   "%s: a bridge above it keeps addresses that its domain has handed out: its DMA "
                   "to them is lost",
                   udmar__device_label(device, label));
    }
    return status == UDMAR_OK ? udmar__rmrr_map(device, domain) : status;
}

/* A group whose addresses nobody has seen can get another's domain if its RMRRs find room there. */
static enum udmar_status can_absorb(struct udmar *instance, struct udmar__group *group,
                                    const struct udmar__group *theirs)
{
    struct udmar_device *member = NULL;
    enum udmar_status status = UDMAR_OK;

    if (theirs->domain == group->domain && theirs->mode == group->mode) {
        return UDMAR_OK;
    }
    if (in_use(instance, theirs)) {
        return UDMAR_ERR_BUSY;
    }
    while (status == UDMAR_OK && (member = next_member(instance, theirs, member)) != NULL) {
        status = prepare_domain(member, group->domain);
    }
    return status;
}

/* May all groups that the device is related to become one with @group? No context changes. */
static enum udmar_status can_merge(struct udmar_device *device, struct udmar__group *group)
{
    enum udmar_status status = UDMAR_OK;
    udmar_rid_t id;

    for (struct udmar_device *other = device->instance->devices;
         other != NULL && status == UDMAR_OK; other = other->next) {
        if (other->group != NULL && other->group != group && is_related(device, other, &id)) {
            status = can_absorb(device->instance, group, other->group);
        }
    }
    return status;
}

static void take_over(struct udmar_device *member, struct udmar__group *group)
{
    enum udmar_status status = enter_group(member, group);
    char label[64];

    if (status == UDMAR_OK) {
        log_clash(member);
        return;
    }
    member->reason = "the domain that it has to share could not be given to it";
    udmar__log(member->instance->host, UDMAR_LOG_ERROR,
               "%s does not get the domain that it has to share (%s): it is blocked",
               udmar__device_label(member, label), udmar_status_string(status));
}

/* What only the other group had: contexts that lead there go. */
static void clear_contexts(struct udmar_device *member, const struct udmar__group *group,
                           struct udmar_domain *domain)
{
    for (unsigned i = 0; domain != NULL && domain != group->domain && domain != group->bypass &&
                         i < member->ids.count;
         i++) {
        (void)udmar__context_clear(member->unit_record->unit, member->ids.id[i], domain);
    }
}

/*
 * All members of another group come into this one. Their firmware's memory is in its domain
 * already; between the old context and the new one their DMA is blocked.
 */
static void absorb_group(struct udmar *instance, struct udmar__group *group,
                         struct udmar__group *theirs)
{
    struct udmar_device *member = NULL;

    while ((member = next_member(instance, theirs, member)) != NULL) {
        clear_contexts(member, group, theirs->domain);
        clear_contexts(member, group, theirs->bypass);
    }
    while ((member = next_member(instance, theirs, NULL)) != NULL) {
        take_over(member, group);
    }
    /* Tables that a unit may still walk, because it has not confirmed, are not given back. */
    destroy_group(instance, theirs);
}

/*
 * The device sends ids of groups that cannot become one without taking addresses away that are in
 * use. It is blocked: what nobody else sends gets no context, and of what others send it is said
 * whose it is.
 */
static enum udmar_status stand_apart(struct udmar_device *device)
{
    struct udmar *instance = device->instance;
    struct udmar__group *group;
    enum udmar_status status;
    udmar_rid_t id;
    char label[64];

    udmar__device_label(device, label);
    device->apart = true;
    status = create_group(device, &group);
    if (status != UDMAR_OK) {
        return status;
    }
    udmar__log(instance->host, UDMAR_LOG_ERROR,
               "%s is blocked: it sends requester ids of devices whose domains differ and are in "
               "use",
               label);
    for (struct udmar_device *other = instance->devices; other != NULL; other = other->next) {
        if (other->group != NULL && is_related(device, other, &id)) {
            char whose[64];

            udmar__log(instance->host, UDMAR_LOG_ERROR,
                       "%s: requests with id %04x reach what %s reaches", label, id,
                       udmar__device_label(other, whose));
            udmar__ids_without(&device->ids, &other->ids);
        }
    }
    device->reason = "it sends requester ids of devices whose domains differ and are in use";
    return enter_group(device, group);
}

enum udmar_status udmar__group_join(struct udmar_device *device)
{
    enum udmar_status status = UDMAR_OK;
    struct udmar__group *theirs;
    struct udmar__group *group;

    if (device->apart) {
        device->apart = false;
        status = udmar__ids_collect(device->instance, device->segment, device->rid, &device->ids);
        if (status != UDMAR_OK) {
            return status;
        }
    }
    group = choose_domain(device);
    if (group == NULL) {
        status = create_group(device, &group);
        return status == UDMAR_OK ? enter_group(device, group) : status;
    }
    status = can_merge(device, group);
    if (status == UDMAR_ERR_BUSY || status == UDMAR_ERR_RMRR) {
        return stand_apart(device);
    }
    if (status == UDMAR_OK) {
        status = prepare_domain(device, group->domain);
    }
    if (status != UDMAR_OK) {
        return status;
    }
    while ((theirs = other_group(device, group)) != NULL) {
        absorb_group(device->instance, group, theirs);
    }
    status = enter_group(device, group);
    if (status == UDMAR_OK) {
        log_clash(device);
    }
    return status;
}

enum udmar_status udmar__group_leave(struct udmar_device *device)
{
    enum udmar_status status;

    if (device->group == NULL) {
        return UDMAR_OK;
    }
    device->leaving = true;
    status = udmar__device_sync_contexts(device);
    if (status == UDMAR_OK) {
        split_ids(device);
    }
    /* Else the unit may still use the tables: they must not go. */
    return status;
}

void udmar__group_stay(struct udmar_device *device)
{
    device->leaving = false;
    (void)udmar__device_sync_contexts(device);
}

/* A device that was left without a group, since there was no memory for one, gets it. */
static enum udmar_status find_group(struct udmar_device *device)
{
    enum udmar_status status = udmar__group_join(device);

    device->unconfirmed = status != UDMAR_OK;
    device->instance->unconfirmed |= device->unconfirmed;
    return status;
}

enum udmar_status udmar__device_renew(struct udmar_device *device)
{
    enum udmar_status status = UDMAR_OK;

    if (device->group != NULL) {
        status = device->leaving ? udmar__group_leave(device) : udmar__device_sync_contexts(device);
    }
    if (status != UDMAR_OK || device->group != NULL) {
        return status;
    }
    if (device->attach_refs > 0 || device->keeps_context) {
        return find_group(device);
    }
    udmar__device_remove(device);
    return UDMAR_OK;
}

void udmar__devices_retry_unconfirmed(struct udmar *instance)
{
    const struct udmar__unit_record *silent = NULL;
    struct udmar_device *next;

    if (!instance->unconfirmed) {
        return;
    }
    instance->unconfirmed = false;
    for (struct udmar_device *device = instance->devices; device != NULL; device = next) {
        const struct udmar__unit_record *record = device->unit_record;

        next = device->next;
        if (!device->unconfirmed) {
            continue;
        }
        if (record == silent || udmar__unit_record_failed(record)) {
            instance->unconfirmed = true;
        } else if (udmar__not_confirmed(udmar__device_renew(device))) {
            /* It is not asked for each device. */
            silent = record;
        }
    }
}
