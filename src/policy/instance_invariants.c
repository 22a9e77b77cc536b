/* SPDX-License-Identifier: BSD-2-Clause */
/* An instance looked at as a whole: who refers to what, and how often. */
#include "policy/instance_invariants.h"

#include "mapping/mapper_invariants.h"
#include "space/domain_invariants.h"
#include "unit/queue.h"

#ifdef UDMAR_DEBUG

/* ---- Groups ---- */

static unsigned count_devices(const struct udmar *instance, const struct udmar__group *group)
{
    unsigned count = 0;

    for (const struct udmar_device *device = instance->devices; device != NULL;
         device = device->next) {
        count += device->group == group;
    }
    return count;
}

static const char *check_groups(const struct udmar *instance)
{
    for (const struct udmar__group *group = instance->groups; group != NULL; group = group->next) {
        unsigned devices = count_devices(instance, group);

        if (devices == 0 || devices != group->devices) {
            return "a group's count of devices is wrong";
        }
    }
    return NULL;
}

/* How many groups have the domain, as theirs or as a bypass. */
static unsigned count_groups(const struct udmar *instance, const struct udmar_domain *domain)
{
    unsigned count = 0;

    for (const struct udmar__group *group = instance->groups; group != NULL; group = group->next) {
        count += group->domain == domain;
        count += group->bypass == domain;
    }
    return count;
}

/* ---- Domains ---- */

static const char *check_bindings(const struct udmar_domain *domain)
{
    for (const struct udmar__binding *binding = domain->bindings; binding != NULL;
         binding = binding->next) {
        if (binding->id == 0) {
            return "a domain has the id that is nobody's";
        }
        if (udmar__contexts_count(binding->unit, binding->id) != binding->context_refs) {
            return "a binding's count of contexts is wrong";
        }
    }
    return NULL;
}

static const char *check_domain(const struct udmar *instance, struct udmar_domain *domain)
{
    const char *wrong = check_bindings(domain);

    if (wrong == NULL && !domain->owned && domain->refs != count_groups(instance, domain)) {
        wrong = "a domain's count of groups is wrong";
    }
    return wrong != NULL ? wrong : udmar__mapper_check(domain);
}

static const char *check_list(const struct udmar *instance, struct udmar_domain *domain)
{
    const char *wrong = NULL;

    for (; domain != NULL && wrong == NULL; domain = domain->next) {
        wrong = check_domain(instance, domain);
    }
    return wrong;
}

/* Those that one group alone has are in no list. */
static const char *check_own_domains(const struct udmar *instance)
{
    const char *wrong = NULL;

    for (const struct udmar__group *group = instance->groups; group != NULL && wrong == NULL;
         group = group->next) {
        struct udmar_domain *domain = group->domain;

        if (domain != NULL && !domain->owned && !domain->identity && !domain->pass_through) {
            wrong = check_domain(instance, domain);
        }
    }
    return wrong;
}

/* ---- All of it ---- */

static const char *check_queues(const struct udmar *instance)
{
    const char *wrong = NULL;

    for (const struct udmar__unit_record *record = instance->units; record != NULL && wrong == NULL;
         record = record->next) {
        wrong = udmar__queue_check(record->unit);
    }
    return wrong;
}

const char *udmar__instance_check(struct udmar *instance)
{
    const char *wrong = check_queues(instance);

    wrong = wrong != NULL ? wrong : check_groups(instance);
    wrong = wrong != NULL ? wrong : check_list(instance, instance->shared);
    wrong = wrong != NULL ? wrong : check_list(instance, instance->owned);
    return wrong != NULL ? wrong : check_own_domains(instance);
}

#endif
