/* SPDX-License-Identifier: BSD-2-Clause */
/* Devices that send the same requester ids, and the contexts that they share. */
#include "base/text.h"
#include "policy/instance.h"
#include "space/context.h"

/* Hardware cannot tell them apart. @out_id: an id of both. */
static bool related(const struct udmar_device *a, const struct udmar_device *b, udmar_rid_t *out_id)
{
    return a != b && a->slot == b->slot && udmar__ids_meet(&a->ids, &b->ids, out_id);
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
        if (__atomic_load_n(&device->users, __ATOMIC_ACQUIRE) != 0 || device->tag != NULL ||
            __atomic_load_n(&device->domain_seen, __ATOMIC_RELAXED) || device->apart ||
            (device->attached > 0 && group->domain != NULL &&
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
static struct udmar__group *choose(struct udmar_device *device)
{
    struct udmar *instance = device->instance;
    struct udmar__group *best = NULL;
    unsigned best_rank = 0;
    udmar_rid_t id;

    for (struct udmar_device *other = instance->devices; other != NULL; other = other->next) {
        struct udmar__group *group = other->group;

        if (group != NULL && group != best && related(device, other, &id)) {
            unsigned rank = in_use(instance, group) ? 3 : is_firmwares(instance, group) ? 2 : 1;

            if (rank > best_rank) {
                best = group;
                best_rank = rank;
            }
        }
    }
    return best;
}

static enum udmar_status create(struct udmar_device *device, struct udmar__group **out_group)
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

static void destroy(struct udmar *instance, struct udmar__group *group)
{
    struct udmar__group **link = &instance->groups;

    while (*link != group) {
        link = &(*link)->next;
    }
    *link = group->next;
    if (group->domain != NULL) {
        udmar__domain_put(instance, group->domain);
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
        if (other != device && other->group == device->group &&
            udmar__ids_have(&other->ids, device->ids.segment, id)) {
            return true;
        }
    }
    return false;
}

static enum udmar_status clear_ids(struct udmar_device *device, unsigned count)
{
    enum udmar_status result = UDMAR_OK;

    for (unsigned i = 0; i < count; i++) {
        if (!shared_id(device, device->ids.id[i])) {
            enum udmar_status status =
                udmar__context_clear(device->slot->unit, device->ids.id[i], device->group->domain);

            result = status != UDMAR_OK ? status : result;
        }
    }
    return result;
}

static enum udmar_status set_ids(struct udmar_device *device)
{
    for (unsigned i = 0; i < device->ids.count; i++) {
        enum udmar_status status;

        if (shared_id(device, device->ids.id[i])) {
            continue;
        }
        status = udmar__context_set(device->slot->unit, device->ids.id[i], device->group->domain);
        if (status != UDMAR_OK) {
            if (clear_ids(device, i) != UDMAR_OK) {
                /* The unit may still use the domain: it stays for ever, with nobody in it. */
                device->group->devices++;
            }
            return status;
        }
    }
    return UDMAR_OK;
}

static void explain(struct udmar_device *device)
{
    const struct udmar__group *group = device->group;
    struct udmar_device *other = NULL;
    udmar_rid_t id = device->rid;
    char label[64];

    do {
        other = next_member(device->instance, group, other);
    } while (other != NULL && !related(device, other, &id));
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

/* Puts the device into a group that is there, with all its contexts or none. */
static enum udmar_status enter(struct udmar_device *device, struct udmar__group *group)
{
    enum udmar_status status = UDMAR_OK;

    set_group(device, group);
    group->devices++;
    if (group->domain != NULL) {
        status = set_ids(device);
    }
    if (status != UDMAR_OK) {
        set_group(device, NULL);
        if (--group->devices == 0) {
            destroy(device->instance, group);
        }
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
        if (other->group != NULL && other->group != group && related(device, other, &id)) {
            return other->group;
        }
    }
    return NULL;
}

/* What a domain must have for one more device: its firmware's memory, and its bridges' addresses.
 */
static enum udmar_status make_room(struct udmar_device *device, struct udmar_domain *domain)
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
        status = make_room(member, group->domain);
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
        if (other->group != NULL && other->group != group && related(device, other, &id)) {
            status = can_absorb(device->instance, group, other->group);
        }
    }
    return status;
}

static void take_over(struct udmar_device *member, struct udmar__group *group, bool has_contexts)
{
    enum udmar_status status = UDMAR_OK;
    char label[64];

    set_group(member, group);
    group->devices++;
    if (!has_contexts && group->domain != NULL) {
        status = set_ids(member);
    }
    if (status == UDMAR_OK) {
        explain(member);
        return;
    }
    set_group(member, NULL);
    group->devices--;
    member->reason = "the domain that it has to share could not be given to it";
    udmar__log(member->instance->host, UDMAR_LOG_ERROR,
               "%s does not get the domain that it has to share (%s): it is blocked",
               udmar__device_label(member, label), udmar_status_string(status));
}

/*
 * All members of another group come into this one. Their firmware's memory is in its domain
 * already; between the old context and the new one their DMA is blocked.
 */
static void absorb(struct udmar *instance, struct udmar__group *group, struct udmar__group *theirs)
{
    bool same = theirs->domain == group->domain;
    struct udmar_device *member = NULL;

    while (!same && theirs->domain != NULL &&
           (member = next_member(instance, theirs, member)) != NULL) {
        for (unsigned i = 0; i < member->ids.count; i++) {
            (void)udmar__context_clear(member->slot->unit, member->ids.id[i], theirs->domain);
        }
    }
    while ((member = next_member(instance, theirs, NULL)) != NULL) {
        take_over(member, group, same);
    }
    /* Tables that a unit may still walk, because it has not confirmed, are not given back. */
    destroy(instance, theirs);
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
    status = create(device, &group);
    if (status != UDMAR_OK) {
        return status;
    }
    udmar__log(instance->host, UDMAR_LOG_ERROR,
               "%s is blocked: it sends requester ids of devices whose domains differ and are in "
               "use",
               label);
    for (struct udmar_device *other = instance->devices; other != NULL; other = other->next) {
        if (other->group != NULL && related(device, other, &id)) {
            char whose[64];

            udmar__log(instance->host, UDMAR_LOG_ERROR,
                       "%s: requests with id %04x reach what %s reaches", label, id,
                       udmar__device_label(other, whose));
            udmar__ids_without(&device->ids, &other->ids);
        }
    }
    device->reason = "it sends requester ids of devices whose domains differ and are in use";
    return enter(device, group);
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
    group = choose(device);
    if (group == NULL) {
        status = create(device, &group);
        return status == UDMAR_OK ? enter(device, group) : status;
    }
    status = can_merge(device, group);
    if (status == UDMAR_ERR_BUSY || status == UDMAR_ERR_RMRR) {
        return stand_apart(device);
    }
    if (status == UDMAR_OK) {
        status = make_room(device, group->domain);
    }
    if (status != UDMAR_OK) {
        return status;
    }
    while ((theirs = other_group(device, group)) != NULL) {
        absorb(device->instance, group, theirs);
    }
    status = enter(device, group);
    if (status == UDMAR_OK) {
        explain(device);
    }
    return status;
}

enum udmar_status udmar__group_leave(struct udmar_device *device)
{
    struct udmar__group *group = device->group;
    enum udmar_status status = UDMAR_OK;

    if (group == NULL) {
        return UDMAR_OK;
    }
    if (group->domain != NULL) {
        status = clear_ids(device, device->ids.count);
        if (status != UDMAR_OK) {
            /* The unit may still use the tables: they must not go. */
            return status;
        }
    }
    set_group(device, NULL);
    __atomic_store_n(&device->domain_seen, false, __ATOMIC_RELAXED);
    if (--group->devices == 0) {
        destroy(device->instance, group);
    }
    return UDMAR_OK;
}
