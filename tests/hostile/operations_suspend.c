/* SPDX-License-Identifier: BSD-2-Clause */
/* Suspend and resume as things that can fail. */
#include "inject.h"

#define AT   UINT64_C(0x10000000)
#define PHYS UINT64_C(0x00400000)

static void a_page(struct trial *t)
{
    assert_int_equal(udmar_domain_map(t->f.domain, AT, PHYS, PAGE, UDMAR_READ_WRITE), UDMAR_OK);
}

static void no_page(struct trial *t)
{
    assert_int_equal(udmar_domain_unmap(t->f.domain, AT, PAGE), UDMAR_OK);
}

static enum answer sleep_now(struct trial *t)
{
    return answer_of(udmar_suspend(t->f.instance, UDMAR_MEANWHILE_FAIL));
}

static void asleep(struct trial *t)
{
    assert_int_equal(sleep_now(t), DONE);
}

static enum answer wake(struct trial *t)
{
    enum udmar_status status = udmar_resume(t->f.instance);

    return status == UDMAR_ERR_ALL_ONES ? UNDOCUMENTED : answer_of(status);
}

static void awake(struct trial *t)
{
    assert_int_equal(wake(t), DONE);
}

static enum answer wake_without_registers(struct trial *t)
{
    model_lose_registers(t->f.u);
    return wake(t);
}

/* A unit has not confirmed: it is suspended, and wakes when it answers again. */
static enum answer wake_and_sleep(struct trial *t)
{
    awake(t);
    return sleep_now(t);
}

/* Its only unit did not come back: what is left is a start. */
static enum answer begin_anew(struct trial *t)
{
    assert_int_equal(udmar_start(t->f.instance), UDMAR_OK);
    asleep(t);
    return wake_without_registers(t);
}

static void asleep_with_a_page(struct trial *t)
{
    a_page(t);
    asleep(t);
}

static void awake_without_a_page(struct trial *t)
{
    awake(t);
    no_page(t);
}

const struct operation suspend_operations[] = {
    { .name = "suspend",
      .prepare = a_page,
      .act = sleep_now,
      .undo = awake,
      .finish = no_page,
      .retry = wake_and_sleep },
    { .name = "resume with registers lost",
      .prepare = asleep_with_a_page,
      .act = wake_without_registers,
      .undo = asleep,
      .finish = awake_without_a_page,
      .retry = begin_anew,
      .changes_on_failure = true,
      .keeps_tables = true },
    { .name = "resume with registers kept",
      .prepare = asleep_with_a_page,
      .act = wake,
      .undo = asleep,
      .finish = awake_without_a_page,
      .retry = begin_anew,
      .changes_on_failure = true,
      .keeps_tables = true },
};
const unsigned suspend_operation_count = sizeof(suspend_operations) / sizeof(suspend_operations[0]);
