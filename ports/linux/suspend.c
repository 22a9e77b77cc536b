// SPDX-License-Identifier: BSD-2-Clause
/*
 * Sleep and shutdown. Both come as syscore operations: all drivers have stopped their devices, one
 * processor is left, and its interrupts are off. Of these operations ours, being among the last to
 * be registered, is among the first to sleep and the last to wake, so time goes on in it.
 */
#include "port.h"

#include <linux/suspend.h>
#include <linux/syscore_ops.h>

static int go_to_sleep(void)
{
    enum udmar_status status;

    if (!port.running) {
        return 0;
    }
    /* Whoever has it stands still in the middle of an attach: another time. */
    if (!mutex_trylock(&port.mutex)) {
        pr_warn("udmar: a device is just being set up: the machine does not sleep now\n");
        return -EBUSY;
    }
    status = udmar_suspend(port.instance, UDMAR_MEANWHILE_FAIL);
    if (status != UDMAR_OK) {
        pr_err("udmar: the machine does not sleep: %s\n", udmar_status_string(status));
        (void)udmar_resume(port.instance);
    }
    mutex_unlock(&port.mutex);
    return status == UDMAR_OK ? 0 : -EIO;
}

static void come_back(void)
{
    enum udmar_status status;

    if (!port.running) {
        return;
    }
    status = udmar_resume(port.instance);
    if (status != UDMAR_OK) {
        pr_err("udmar: not every unit has come back: %s\n", udmar_status_string(status));
        return;
    }
    pr_info("udmar: translation is on again\n");
}

/* A hibernated image is read by a kernel that knows nothing of our tables. */
static int sleep_event(struct notifier_block *block, unsigned long event, void *argument)
{
    if (event != PM_HIBERNATION_PREPARE) {
        return NOTIFY_DONE;
    }
    pr_err("udmar: this machine cannot hibernate while its devices are translated\n");
    return notifier_from_errno(-EOPNOTSUPP);
}

static struct notifier_block sleep_block = { .notifier_call = sleep_event };

#ifdef UDMAR_LINUX_SYSCORE
static int syscore_fall_asleep(void *data)
{
    return go_to_sleep();
}

static void syscore_wake_up(void *data)
{
    come_back();
}

static void syscore_shut_down(void *data)
{
    port_shut_down();
}

static const struct syscore_ops syscore_ops = {
    .suspend = syscore_fall_asleep,
    .resume = syscore_wake_up,
    .shutdown = syscore_shut_down,
};
static struct syscore syscore = { .ops = &syscore_ops };

static void listen_syscore(void)
{
    register_syscore(&syscore);
}

static void ignore_syscore(void)
{
    unregister_syscore(&syscore);
}
#else
static struct syscore_ops syscore = {
    .suspend = go_to_sleep,
    .resume = come_back,
    .shutdown = port_shut_down,
};

static void listen_syscore(void)
{
    register_syscore_ops(&syscore);
}

static void ignore_syscore(void)
{
    unregister_syscore_ops(&syscore);
}
#endif

void port_power_listen(void)
{
    listen_syscore();
    register_pm_notifier(&sleep_block);
}

void port_power_ignore(void)
{
    unregister_pm_notifier(&sleep_block);
    ignore_syscore();
}
