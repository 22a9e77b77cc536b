/* SPDX-License-Identifier: BSD-2-Clause */
/* From one domain into another: all devices of a group at once, since hardware sees one of them. */
#include "policy/instance.h"
#include "space/range.h"
#include "space/context.h"

struct udmar_device *udmar__group_next(const struct udmar_device *device,
                                       const struct udmar_device *previous)
{
    struct udmar_device *next = previous == NULL ? device->instance->devices : previous->next;

    while (next != NULL && next->group != device->group) {
        next = next->next;
    }
    return next;
}

bool udmar__group_may_leave(const struct udmar_device *device)
{
    struct udmar_domain *domain = device->group->domain;

    for (const struct udmar_device *member = NULL;
         (member = udmar__group_next(device, member)) != NULL;) {
        if (__atomic_load_n(&member->refs, __ATOMIC_ACQUIRE) != 0) {
            return false;
        }
    }
    /* What is in a domain of his own its owner keeps. */
    return domain == NULL || domain->owned || !udmar__domain_in_use(domain);
}

/* Another one, which comes earlier, sends the id as well. */
static bool sent_before(const struct udmar_device *device, udmar_rid_t id)
{
    for (const struct udmar_device *member = udmar__group_next(device, NULL); member != device;
         member = udmar__group_next(device, member)) {
        if (udmar__ids_have(&member->ids, device->ids.segment, id)) {
            return true;
        }
    }
    return false;
}

/* All ids of the group become blocked. */
static enum udmar_status leave_domain(const struct udmar_device *device,
                                      struct udmar_domain *domain)
{
    enum udmar_status result = UDMAR_OK;

    for (const struct udmar_device *member = NULL;
         domain != NULL && (member = udmar__group_next(device, member)) != NULL;) {
        for (unsigned i = 0; i < member->ids.count; i++) {
            enum udmar_status status =
                udmar__context_clear(member->unit_record->unit, member->ids.id[i], domain);

            result = status != UDMAR_OK ? status : result;
        }
    }
    return result;
}

/* All ids of the group, which are blocked, lead into the domain; some of them after an error. */
static enum udmar_status enter_domain(const struct udmar_device *device,
                                      struct udmar_domain *domain)
{
    enum udmar_status status = UDMAR_OK;

    for (const struct udmar_device *member = NULL;
         domain != NULL && (member = udmar__group_next(device, member)) != NULL;) {
        for (unsigned i = 0; i < member->ids.count && status == UDMAR_OK; i++) {
            if (!member->leaving && !sent_before(member, member->ids.id[i])) {
                status = udmar__context_set(member->unit_record->unit, member->ids.id[i], domain);
            }
        }
    }
    return status;
}

/* The fault interrupt and the tick look at the group's domain: once it is out, it may go. */
static void set_domain(struct udmar_device *device, struct udmar_domain *domain,
                       enum udmar_mode mode)
{
    struct udmar *instance = device->instance;
    uintptr_t state = udmar__lock(instance->host, &instance->lock);

    device->group->domain = domain;
    device->group->mode = mode;
    udmar__unlock(instance->host, &instance->lock, state);
}

/* Contexts are to be what the group says; what the unit does not confirm is tried again later. */
static void keep_domain(struct udmar_device *device)
{
    for (struct udmar_device *member = NULL;
         (member = udmar__group_next(device, member)) != NULL;) {
        (void)udmar__device_sync_contexts(member);
    }
}

/* The domain that they have now nobody has asked for. */
static void forget_seen(struct udmar_device *device)
{
    for (struct udmar_device *member = NULL;
         (member = udmar__group_next(device, member)) != NULL;) {
        __atomic_store_n(&member->domain_seen, false, __ATOMIC_RELAXED);
    }
}

static void put_domain(struct udmar *instance, struct udmar_domain *domain)
{
    if (domain != NULL) {
        udmar__domain_unref(instance, domain);
    }
}

/*
 * The new domain could not be entered: back into the old one, or nowhere. A domain that a unit may
 * still know stays with the group until a later move has had it confirmed.
 */
static void return_to_domain(struct udmar_device *device, struct udmar_domain *old,
                             enum udmar_mode mode, struct udmar_domain *domain)
{
    struct udmar_domain *stays = NULL;

    if (leave_domain(device, domain) != UDMAR_OK) {
        stays = domain;
        mode = UDMAR_MODE_BLOCKED;
    } else if (enter_domain(device, old) == UDMAR_OK) {
        stays = old;
    } else {
        stays = leave_domain(device, old) != UDMAR_OK ? old : NULL;
        mode = UDMAR_MODE_BLOCKED;
    }
    set_domain(device, stays, mode);
    /* One of the two is the group's; they may be the same. */
    put_domain(device->instance, stays == old ? domain : old);
    if (stays != old && stays != domain) {
        put_domain(device->instance, domain);
    }
}

enum udmar_status udmar__group_move(struct udmar_device *device, struct udmar_domain *domain,
                                    enum udmar_mode mode)
{
    struct udmar_domain *old = device->group->domain;
    enum udmar_mode was = device->group->mode;
    enum udmar_status status = leave_domain(device, old);

    if (status == UDMAR_OK) {
        status = leave_domain(device, device->group->bypass);
    }
    if (status != UDMAR_OK) {
        /* The unit may still use the old tables: they must not go, and nothing has changed. */
        keep_domain(device);
        put_domain(device->instance, domain);
        return status;
    }
    device->group->bypassed = false;
    status = enter_domain(device, domain);
    if (status != UDMAR_OK) {
        return_to_domain(device, old, was, domain);
        keep_domain(device);
        return status;
    }
    set_domain(device, domain, mode);
    forget_seen(device);
    put_domain(device->instance, old);
    return UDMAR_OK;
}
