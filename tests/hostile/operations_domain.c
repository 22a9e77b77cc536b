/* SPDX-License-Identifier: BSD-2-Clause */
/* Domains of a caller's own as a list of things that can fail: made, entered, changed, left. */
#include "inject.h"

#define AT   UINT64_C(0x10000000)
#define PHYS UINT64_C(0x00400000)

static void nothing(struct trial *t)
{
    (void)t;
}

static enum answer create(struct trial *t)
{
    return answer_of(udmar_domain_create(t->f.instance, NULL, &t->other));
}

static void destroy(struct trial *t)
{
    assert_int_equal(udmar_domain_destroy(t->f.instance, t->other), UDMAR_OK);
    t->other = NULL;
}

/* With memory in it, from page 0 on, that the device is to reach. */
static void filled(struct trial *t)
{
    assert_int_equal(create(t), DONE);
    assert_int_equal(udmar_domain_map(t->other, 0, PHYS, 8 * PAGE, UDMAR_READ_WRITE), UDMAR_OK);
    assert_int_equal(udmar_domain_map(t->other, AT, PHYS, MIB(2), UDMAR_READ), UDMAR_OK);
}

static enum answer enter(struct trial *t)
{
    enum answer answer = answer_of(udmar_device_set_domain(t->f.device[0], t->other));

    t->f.domain = udmar_device_domain(t->f.device[0]);
    return answer;
}

static enum answer leave(struct trial *t)
{
    enum answer answer = answer_of(udmar_device_set_mode(t->f.device[0], UDMAR_MODE_TRANSLATE));

    t->f.domain = udmar_device_domain(t->f.device[0]);
    return answer;
}

static void entered(struct trial *t)
{
    assert_int_equal(enter(t), DONE);
}

static void left(struct trial *t)
{
    assert_int_equal(leave(t), DONE);
}

static void in_a_domain(struct trial *t)
{
    filled(t);
    entered(t);
}

static void out_of_the_domain(struct trial *t)
{
    left(t);
    destroy(t);
}

/* Another one, in which the same address is other memory. */
static void in_one_of_two(struct trial *t)
{
    assert_int_equal(
        udmar_domain_map(fixture_own_domain(&t->f), AT, PHYS + MIB(2), MIB(2), UDMAR_READ_WRITE),
        UDMAR_OK);
    filled(t);
}

static void back(struct trial *t)
{
    assert_int_equal(udmar_device_set_domain(t->f.device[0], t->f.own), UDMAR_OK);
}

static void out_of_both(struct trial *t)
{
    left(t);
    destroy(t);
    fixture_disown_domain(&t->f);
}

static enum answer detach(struct trial *t)
{
    return answer_of(udmar_device_detach(t->f.device[0]));
}

static void attach_and_enter(struct trial *t)
{
    assert_int_equal(udmar_device_attach(t->f.instance, 0, RID0, NULL, &t->f.device[0]), UDMAR_OK);
    entered(t);
}

static enum answer map_null(struct trial *t)
{
    return answer_of(udmar_domain_map(t->f.domain, 0, PHYS, PAGE, UDMAR_READ_WRITE));
}

static void unmap_null(struct trial *t)
{
    assert_int_equal(udmar_domain_unmap(t->f.domain, 0, PAGE), UDMAR_OK);
}

const struct operation domain_operations[] = {
    { .name = "map page 0",
      .prepare = nothing,
      .act = map_null,
      .undo = unmap_null,
      .finish = nothing },
    { .name = "create a domain",
      .prepare = nothing,
      .act = create,
      .undo = destroy,
      .finish = nothing },
    { .name = "enter a domain",
      .prepare = filled,
      .act = enter,
      .undo = left,
      .finish = destroy,
      .changes_on_failure = true,
      .keeps_tables = true },
    { .name = "change the domain",
      .prepare = in_one_of_two,
      .act = enter,
      .undo = back,
      .finish = out_of_both,
      .changes_on_failure = true,
      .keeps_tables = true },
    { .name = "leave a domain",
      .prepare = in_a_domain,
      .act = leave,
      .undo = entered,
      .finish = out_of_the_domain,
      .changes_on_failure = true,
      .keeps_tables = true },
    { .name = "detach from a domain",
      .prepare = in_a_domain,
      .act = detach,
      .undo = attach_and_enter,
      .finish = out_of_the_domain,
      .keeps_tables = true },
};
const unsigned domain_operation_count = sizeof(domain_operations) / sizeof(domain_operations[0]);
