/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Domains of callers' own: for hypervisors and user-space drivers, who place all addresses
 * themselves and put into one domain whatever devices they like.
 */
#include "base/text.h"
#include "policy/instance.h"

/* What two units can do both. */
static void intersect_facts(struct udmar_unit_facts *facts, const struct udmar_unit_facts *other)
{
    facts->widths &= other->widths;
    facts->superpages &= other->superpages;
    facts->guest_width = (uint8_t)udmar__min(facts->guest_width, other->guest_width);
    facts->coherent = facts->coherent && other->coherent;
    facts->snoop_control = facts->snoop_control && other->snoop_control;
    facts->caching_mode = facts->caching_mode || other->caching_mode;
    facts->write_buffer = facts->write_buffer || other->write_buffer;
}

/* Of the units of some devices, or of all; null: one of the devices has no unit. */
static struct udmar_unit *common_facts(struct udmar *instance,
                                       const struct udmar_domain_config *config,
                                       struct udmar_unit_facts *out_facts)
{
    unsigned count = config->device_count != 0 ? config->device_count : instance->unit_count;
    struct udmar_unit *first = NULL;

    for (unsigned i = 0; i < count; i++) {
        struct udmar_unit *unit = config->device_count != 0 ? udmar__device_unit(config->devices[i])
                                                            : udmar__unit_at(instance, i)->unit;

        if (unit == NULL) {
            return NULL;
        }
        if (first == NULL) {
            first = unit;
            *out_facts = unit->facts;
        } else {
            intersect_facts(out_facts, &unit->facts);
        }
    }
    return first;
}

/* Can such units have tables as they are wanted? */
static bool all_units_can(const struct udmar_unit_facts *facts,
                          const struct udmar_domain_config *config)
{
    return facts->widths != 0 && (facts->snoop_control || !config->snoop) &&
           config->width <= facts->guest_width &&
           config->width <= 30 + 9 * udmar__log2(facts->widths);
}

enum udmar_status udmar_domain_create(struct udmar *instance,
                                      const struct udmar_domain_config *config,
                                      struct udmar_domain **out_domain)
{
    static const struct udmar_domain_config none;
    struct udmar_unit_facts facts;
    struct udmar__mapper_config made = {
        .domain = { .strict = true, .owned = true, .facts = &facts },
    };
    struct udmar_unit *unit;
    enum udmar_status status;

    config = config != NULL ? config : &none;
    if (instance == NULL || out_domain == NULL || config->width > 57 ||
        (config->device_count != 0 && config->devices == NULL)) {
        return UDMAR_ERR_ARGUMENT;
    }
    for (unsigned i = 0; i < config->device_count; i++) {
        if (config->devices[i] == NULL || config->devices[i]->instance != instance) {
            return UDMAR_ERR_ARGUMENT;
        }
    }
    if (!instance->tunables.enable) {
        return UDMAR_ERR_DISABLED;
    }
    unit = common_facts(instance, config, &facts);
    if (unit == NULL || !all_units_can(&facts, config)) {
        return UDMAR_ERR_UNSUPPORTED;
    }
    made.domain.direct = instance->direct_map;
    made.domain.small_pages = config->small_pages || !instance->tunables.superpage;
    made.domain.snoop = config->snoop;
    made.domain.keep_tables = config->keep_tables;
    made.domain.minimum_width = config->width != 0              ? config->width
                                : instance->tunables.width != 0 ? instance->tunables.width
                                                                : UDMAR__DEFAULT_WIDTH;
    status = udmar__mapper_create(unit, &made, out_domain);
    if (status == UDMAR_OK) {
        (*out_domain)->next = instance->owned;
        instance->owned = *out_domain;
    }
    return status;
}

/* What points to it in the list; points to null: it is none of ours. */
static struct udmar_domain **find_owned(struct udmar *instance, const struct udmar_domain *domain)
{
    struct udmar_domain **link = &instance->owned;

    while (*link != NULL && *link != domain) {
        link = &(*link)->next;
    }
    return link;
}

enum udmar_status udmar_domain_destroy(struct udmar *instance, struct udmar_domain *domain)
{
    struct udmar_domain **link;

    if (instance == NULL || domain == NULL) {
        return UDMAR_ERR_ARGUMENT;
    }
    link = find_owned(instance, domain);
    if (*link == NULL) {
        return UDMAR_ERR_NOT_FOUND;
    }
    if (domain->refs != 0) {
        return UDMAR_ERR_BUSY;
    }
    *link = domain->next;
    udmar__mapper_destroy(domain);
    return UDMAR_OK;
}

/* Firmware's memory of all members. */
static enum udmar_status map_rmrrs(struct udmar_device *device, struct udmar_domain *domain)
{
    enum udmar_status status = UDMAR_OK;

    for (struct udmar_device *member = NULL;
         status == UDMAR_OK && (member = udmar__group_next(device, member)) != NULL;) {
        status = udmar__rmrr_map(member, domain);
    }
    return status;
}

/* Everything that can be refused before hardware is touched. */
static enum udmar_status check_units(struct udmar_device *device, struct udmar_domain *domain)
{
    struct udmar_unit *unit = udmar__device_unit(device);
    char label[64];

    if (unit == NULL || device->in_doubt) {
        return UDMAR_ERR_UNSUPPORTED;
    }
    if (!udmar__domain_suits(domain, unit)) {
        udmar__log(device->instance->host, UDMAR_LOG_WARN,
                   "%s cannot be put into this domain: its unit %u does not have the table width, "
                   "page sizes, coherency or snoop control that the domain was made with",
                   udmar__device_label(device, label), unit->index);
        return UDMAR_ERR_UNSUPPORTED;
    }
    if (device->apart) {
        return UDMAR_ERR_BUSY;
    }
    if (device->group == NULL) {
        /* It is blocked since something failed. */
        device->wanted = UDMAR_MODE_BLOCKED;
        return udmar__group_join(device);
    }
    return UDMAR_OK;
}

enum udmar_status udmar_device_set_domain(struct udmar_device *device, struct udmar_domain *domain)
{
    enum udmar_status status;

    if (device == NULL || device->attach_refs == 0 || domain == NULL ||
        *find_owned(device->instance, domain) == NULL) {
        return UDMAR_ERR_ARGUMENT;
    }
    udmar__devices_retry_unconfirmed(device->instance);
    status = check_units(device, domain);
    if (status != UDMAR_OK) {
        return status;
    }
    if (device->group->domain == domain && device->group->mode == UDMAR_MODE_DOMAIN) {
        return UDMAR_OK;
    }
    if (!udmar__group_may_leave(device)) {
        return UDMAR_ERR_BUSY;
    }
    domain->refs++;
    status = map_rmrrs(device, domain);
    if (status != UDMAR_OK) {
        udmar__domain_unref(device->instance, domain);
        return status;
    }
    status = udmar__group_move(device, domain, UDMAR_MODE_DOMAIN);
    if (status == UDMAR_OK) {
        device->group->chosen = true;
        for (struct udmar_device *member = NULL;
             (member = udmar__group_next(device, member)) != NULL;) {
            member->reason = "it was put into a domain of the caller's";
        }
    }
    udmar__device_announce(device);
    return status;
}
