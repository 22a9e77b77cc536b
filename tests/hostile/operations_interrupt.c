/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupt remapping as a list of things that can fail. */
#include "inject.h"

static const struct udmar_interrupt_config wide = { .wide_exchange = true };
static const struct udmar_interrupt_config narrow = { .wide_exchange = false };

static void nothing(struct trial *t)
{
    (void)t;
}

static enum answer allocate(struct trial *t)
{
    const struct udmar_interrupt_source source = { .kind = UDMAR_INTERRUPT_PCI, .rid = RID0 };

    return answer_of(udmar_interrupt_alloc(t->f.instance, &source, 4, &t->interrupt));
}

static void allocated(struct trial *t)
{
    assert_int_equal(allocate(t), DONE);
}

static enum answer free_now(struct trial *t)
{
    enum answer answer = answer_of(udmar_interrupt_free(t->interrupt));

    t->fires = false;
    return answer;
}

static void freed(struct trial *t)
{
    assert_int_equal(free_now(t), DONE);
}

static enum answer set(struct trial *t, uint32_t destination, uint8_t vector)
{
    const struct udmar_interrupt_target target = { .destination = destination, .vector = vector };
    enum answer answer = answer_of(udmar_interrupt_set(t->interrupt, 2, &target, &t->message));

    t->fires = true;
    return answer;
}

static enum answer set_first(struct trial *t)
{
    return set(t, 3, 0x51);
}

static enum answer set_second(struct trial *t)
{
    return set(t, 4, 0x62);
}

static void was_set(struct trial *t)
{
    assert_int_equal(set_first(t), DONE);
}

static void live(struct trial *t)
{
    allocated(t);
    was_set(t);
}

static void absent_again(struct trial *t)
{
    freed(t);
    allocated(t);
}

static void with_descriptor(struct trial *t)
{
    /* Above 4 GiB, so that both halves of the entry change. */
    t->descriptor = GIB(4) + MIB(18);
    model_reserve(t->f.m, t->descriptor, PAGE);
    live(t);
}

static enum answer post(struct trial *t)
{
    return answer_of(
        udmar_interrupt_post(t->interrupt, 2, t->descriptor, 0x85, false, &t->message));
}

static void live_and_stopped(struct trial *t)
{
    live(t);
    assert_int_equal(udmar_stop(t->f.instance), UDMAR_OK);
}

static enum answer start(struct trial *t)
{
    return answer_of(udmar_start(t->f.instance));
}

static enum answer stop(struct trial *t)
{
    return answer_of(udmar_stop(t->f.instance));
}

static void stopped(struct trial *t)
{
    assert_int_equal(stop(t), DONE);
}

static void started(struct trial *t)
{
    assert_int_equal(start(t), DONE);
}

static void started_and_freed(struct trial *t)
{
    started(t);
    freed(t);
}

/* A stop that was not obeyed is one all the same. */
static enum answer start_and_stop(struct trial *t)
{
    started(t);
    return stop(t);
}

const struct operation interrupt_operations[] = {
    { .name = "allocate interrupts",
      .prepare = nothing,
      .act = allocate,
      .undo = freed,
      .finish = nothing,
      .interrupts = &wide },
    { .name = "set an interrupt",
      .prepare = allocated,
      .act = set_first,
      .undo = absent_again,
      .finish = freed,
      .interrupts = &wide },
    { .name = "change an interrupt",
      .prepare = live,
      .act = set_second,
      .undo = was_set,
      .finish = freed,
      .interrupts = &wide },
    { .name = "free interrupts",
      .prepare = live,
      .act = free_now,
      .undo = live,
      .finish = freed,
      .interrupts = &wide },
    { .name = "post an interrupt",
      .prepare = with_descriptor,
      .act = post,
      .undo = was_set,
      .finish = freed,
      .interrupts = &wide },
    { .name = "post an interrupt in steps",
      .prepare = with_descriptor,
      .act = post,
      .undo = was_set,
      .finish = freed,
      .interrupts = &narrow },
    { .name = "start with interrupts",
      .prepare = live_and_stopped,
      .act = start,
      .undo = stopped,
      .finish = started_and_freed,
      .keeps_tables = true,
      .interrupts = &wide },
    { .name = "stop with interrupts",
      .prepare = live,
      .act = stop,
      .undo = started,
      .finish = freed,
      .retry = start_and_stop,
      .keeps_tables = true,
      .interrupts = &wide },
};
const unsigned interrupt_operation_count =
    sizeof(interrupt_operations) / sizeof(interrupt_operations[0]);
