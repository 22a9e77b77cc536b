/* SPDX-License-Identifier: BSD-2-Clause */
/* Devices that send the same requester id, and the contexts that they share. */
#include "base/text.h"
#include "policy/instance.h"
#include "space/context.h"

static udmar_rid_t topmost(const struct udmar_device *device)
{
    return device->ids.id[device->ids.count - 1];
}

static struct udmar__group *find(const struct udmar_device *device)
{
    struct udmar__group *group = device->instance->groups;

    while (group != NULL && (group->segment != device->segment || group->rid != topmost(device))) {
        group = group->next;
    }
    return group;
}

static enum udmar_status create(struct udmar_device *device, struct udmar__group **out_group)
{
    struct udmar *instance = device->instance;
    struct udmar__group *group = udmar_host_alloc(instance->host, sizeof(*group));
    enum udmar_status status;

    if (group == NULL) {
        return UDMAR_ERR_MEMORY;
    }
    group->segment = device->segment;
    group->rid = topmost(device);
    group->mode = device->wanted;
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

/* Somebody else of the group sends this id as well. */
static bool shared_id(const struct udmar_device *device, udmar_rid_t id)
{
    for (struct udmar_device *other = device->instance->devices; other != NULL;
         other = other->next) {
        if (other == device || other->group != device->group) {
            continue;
        }
        for (unsigned i = 0; i < other->ids.count; i++) {
            if (other->ids.id[i] == id) {
                return true;
            }
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

static void explain(struct udmar_device *device, bool joined)
{
    const struct udmar__group *group = device->group;

    if (joined && group->mode != device->wanted) {
        device->reason = "it shares a requester id with a device that has this mode";
        udmar__log(device->instance->host, UDMAR_LOG_WARN,
                   "device %04x:%02x:%02x.%u was to be %s but shares requester id %04x with a "
                   "device that is %s",
                   device->segment, UDMAR_RID_BUS(device->rid), UDMAR_RID_DEVICE(device->rid),
                   UDMAR_RID_FUNCTION(device->rid), udmar_mode_string(device->wanted), group->rid,
                   udmar_mode_string(group->mode));
    } else if (joined) {
        device->reason = "it shares a requester id, hence the domain, with another device";
    }
}

enum udmar_status udmar__group_join(struct udmar_device *device)
{
    struct udmar__group *group = find(device);
    bool joined = group != NULL;
    enum udmar_status status = UDMAR_OK;

    if (!joined) {
        status = create(device, &group);
    } else if (group->domain != NULL) {
        status = udmar__rmrr_map(device, group->domain);
    }
    if (status != UDMAR_OK) {
        return status;
    }
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
        return status;
    }
    explain(device, joined);
    return UDMAR_OK;
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
    if (--group->devices == 0) {
        destroy(device->instance, group);
    }
    return UDMAR_OK;
}
