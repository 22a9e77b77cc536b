// SPDX-License-Identifier: BSD-2-Clause
/* Loading and unloading: from the firmware's table to translation for every PCI function. */
#include "port.h"

#include <linux/acpi.h>
#include <linux/ioport.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/timer.h>
#include <linux/workqueue.h>

#include <asm/processor.h>

#include <udmar/host.h>

static char *tunables;
module_param(tunables, charp, 0444);
MODULE_PARM_DESC(tunables, "words like hw.dmar.strict=0 hw.busdma.pci0:0:4:0=identity, separated "
                           "by blanks or commas");

static char *bound = "identity";
module_param(bound, charp, 0444);
MODULE_PARM_DESC(bound, "devices that have a driver already: identity (they keep physical "
                        "addresses), or refuse to load");

struct port port = {
    .mutex = __MUTEX_INITIALIZER(port.mutex),
    .devices = LIST_HEAD_INIT(port.devices),
};

/* ---- what the library wants to know ---------------------------------------------------------- */

static void bad_tunable(void *context, const char *name, const char *value,
                        enum udmar_status status)
{
    pr_err("udmar: refused: tunable %s=%s: %s\n", name, value, udmar_status_string(status));
}

/* On a kernel's command line others have words too; here every word is meant for us. */
static bool is_ours(const char *word)
{
    return strncmp(word, "hw.dmar.", 8) == 0 || strncmp(word, "hw.busdma.", 10) == 0;
}

static int read_tunables(struct udmar_tunables *out)
{
    char *line = kstrdup(tunables != NULL ? tunables : "", GFP_KERNEL);
    int error = 0;

    if (line == NULL) {
        return -ENOMEM;
    }
    strreplace(line, ',', ' ');
    for (char *word = skip_spaces(line); *word != '\0' && error == 0;
         word = skip_spaces(word + strcspn(word, " "))) {
        if (!is_ours(word)) {
            pr_err("udmar: refused: no tunable begins like %s\n", word);
            error = -EINVAL;
        }
    }
    udmar_tunables_init(out);
    /* Whoever loads the module wants it. */
    out->enable = true;
    if (error == 0 && udmar_tunables_parse(out, line, bad_tunable, NULL) != 0) {
        error = -EINVAL;
    }
    if (error == 0 && !out->enable) {
        pr_err("udmar: refused: hw.dmar.enable=0\n");
        error = -ENODEV;
    }
    kfree(line);
    return error;
}

static bool is_named(const struct udmar_tunables *out, const struct pci_dev *pci)
{
    for (unsigned i = 0; i < out->device_count; i++) {
        if (out->devices[i].segment == pci_domain_nr(pci->bus) &&
            out->devices[i].rid == pci_dev_id((struct pci_dev *)pci)) {
            return true;
        }
    }
    return false;
}

/* Functions whose addresses have to stay physical get a row, unless the administrator has one. */
static int keep_physical(struct udmar_tunables *out, struct pci_dev *pci, const char *reason)
{
    if (is_named(out, pci)) {
        return 0;
    }
    if (port_in_use(pci) && strcmp(bound, "identity") != 0) {
        pr_err("udmar: refused: %s is bound to %s already; load this module earlier\n",
               pci_name(pci), dev_driver_string(&pci->dev));
        return -EBUSY;
    }
    if (out->device_count == UDMAR_TUNABLE_DEVICES) {
        pr_err("udmar: refused: too many devices are bound already; load this module earlier\n");
        return -EBUSY;
    }
    pci_info(pci, "udmar: not translated: %s\n", reason);
    out->devices[out->device_count++] = (struct udmar_tunable_device){
        .segment = pci_domain_nr(pci->bus),
        .rid = pci_dev_id(pci),
        .mode = UDMAR_MODE_IDENTITY,
    };
    return 0;
}

static int look_at_devices(struct udmar_tunables *out)
{
    struct pci_dev *pci = NULL;
    int error = 0;

    for_each_pci_dev(pci) {
        const char *reason = port_physical_reason(pci);

        if (reason != NULL && !pci_is_bridge(pci) && pci_domain_nr(pci->bus) <= U16_MAX) {
            error = keep_physical(out, pci, reason);
        }
        if (error != 0) {
            pci_dev_put(pci);
            break;
        }
    }
    return error;
}

static int add_ram(struct resource *resource, void *argument)
{
    unsigned *room = argument;
    u64 first = PAGE_ALIGN_DOWN(resource->start);

    if (port.ram_count < *room) {
        port.ram[port.ram_count++] = (struct udmar_ram_range){
            .base = first,
            .size = PAGE_ALIGN(resource->end + 1) - first,
        };
    }
    return 0;
}

static int read_ram(void)
{
    unsigned room = 512;

    port.ram = kvcalloc(room, sizeof(*port.ram), GFP_KERNEL);
    if (port.ram == NULL) {
        return -ENOMEM;
    }
    return walk_iomem_res_desc(IORES_DESC_NONE, IORESOURCE_SYSTEM_RAM | IORESOURCE_BUSY, 0, -1,
                               &room, add_ram);
}

static int read_table(void)
{
    struct udmar_table table;
    enum udmar_status status;

    if (ACPI_FAILURE(acpi_get_table(ACPI_SIG_DMAR, 0, &port.table))) {
        port.table = NULL;
        pr_err("udmar: refused: firmware has no DMAR table: no VT-d, or it is off in its setup\n");
        return -ENODEV;
    }
    status = udmar_table_open(port.table, port.table->length, &table);
    if (status != UDMAR_OK) {
        pr_err("udmar: refused: the DMAR table is not usable: %s\n", udmar_status_string(status));
        return -ENODEV;
    }
    return port_fits(&table);
}

/* ---- the machine's own events ---------------------------------------------------------------- */

/* All drivers have stopped their devices. Whoever comes next expects physical addresses. */
void port_shut_down(void)
{
    if (port.running && udmar_stop(port.instance) == UDMAR_OK) {
        pr_info("udmar: translation is off for the shutdown\n");
    }
    port.running = false;
}

/* For units whose interrupt could not be had, and for the one that got lost; and caches shrink. */
static void poll(struct work_struct *work);
static DECLARE_DELAYED_WORK(poll_work, poll);

static void poll(struct work_struct *work)
{
    /* Ends before rcu_synchronize() of those who take a fault callback away. */
    rcu_read_lock();
    (void)udmar_fault_poll(port.instance);
    rcu_read_unlock();
    mutex_lock(&port.mutex);
    if (port.running) {
        (void)udmar_trim(port.instance);
    }
    mutex_unlock(&port.mutex);
    schedule_delayed_work(&poll_work, HZ);
}

/* In deferred mode what is unmapped rests until this comes by: twice 8 ms at most. */
static void tick(struct timer_list *timer);
static DEFINE_TIMER(ticker, tick);

static void tick(struct timer_list *timer)
{
    if (!READ_ONCE(port.ticking)) {
        return;
    }
    udmar_tick(port.instance);
    mod_timer(&ticker, jiffies + msecs_to_jiffies(8));
}

/* ---- up and down ----------------------------------------------------------------------------- */

static void forget(void)
{
    if (port.instance != NULL && udmar_destroy(port.instance) != UDMAR_OK) {
        pr_err("udmar: a unit does not let go: some memory stays lost\n");
    }
    port.instance = NULL;
    port_interrupts_end();
    kvfree(port.ram);
    port.ram = NULL;
    port.ram_count = 0;
    if (port.table != NULL) {
        acpi_put_table(port.table);
    }
    port.table = NULL;
}

static int prepare(void)
{
    struct udmar_config *config = kzalloc(sizeof(*config), GFP_KERNEL);
    enum udmar_status status;
    int error;

    if (config == NULL) {
        return -ENOMEM;
    }
    error = read_tunables(&config->tunables);
    if (error == 0) {
        error = read_table();
    }
    if (error == 0) {
        error = look_at_devices(&config->tunables);
    }
    if (error == 0) {
        error = read_ram();
    }
    if (error == 0) {
        config->table = port.table;
        config->table_size = port.table->length;
        config->ram = port.ram;
        config->ram_count = port.ram_count;
        config->direct_map = true;
        config->fault_log = 2048;
        config->cpus = min_t(unsigned, nr_cpu_ids, 4096);
        config->ticking = !config->tunables.strict;
        port.ticking = config->ticking;
        config->cpu_signature = cpuid_eax(1);
        status = udmar_create(NULL, config, &port.instance);
        if (status != UDMAR_OK) {
            pr_err("udmar: refused: %s\n", udmar_status_string(status));
            error = status == UDMAR_ERR_MEMORY ? -ENOMEM : -ENODEV;
        }
    }
    kfree(config);
    return error;
}

static int go(void)
{
    enum udmar_status status;
    int error = prepare();

    if (error == 0) {
        error = port_devices_attach();
    }
    if (error != 0) {
        return error;
    }
    status = udmar_start(port.instance);
    if (status != UDMAR_OK) {
        pr_err("udmar: refused: no unit translates: %s\n", udmar_status_string(status));
        return -EIO;
    }
    port.running = true;
    port_devices_install();
    return 0;
}

static int __init udmar_init(void)
{
    int error;

    if (strcmp(bound, "identity") != 0 && strcmp(bound, "refuse") != 0) {
        pr_err("udmar: refused: bound=%s: it takes identity and refuse\n", bound);
        return -EINVAL;
    }
    /* First, so that no function that comes meanwhile is missed: its event waits for the mutex. */
    error = port_devices_listen();
    if (error != 0) {
        return error;
    }
    mutex_lock(&port.mutex);
    error = go();
    if (error != 0) {
        port_devices_remove();
        forget();
    }
    mutex_unlock(&port.mutex);
    if (error != 0) {
        port_devices_ignore();
        return error;
    }
    port_iommu_register();
    port_power_listen();
    port_report_init();
    schedule_delayed_work(&poll_work, HZ);
    if (port.ticking) {
        mod_timer(&ticker, jiffies + 1);
    }
    return 0;
}

/* Comes only when no driver has a device with our operations: each of them holds the module. */
static void __exit udmar_exit(void)
{
    port_report_exit();
    port_power_ignore();
    cancel_delayed_work_sync(&poll_work);
    /* It starts itself again unless it finds this. */
    WRITE_ONCE(port.ticking, false);
    timer_delete_sync(&ticker);
    port_iommu_unregister();
    port_devices_ignore();
    mutex_lock(&port.mutex);
    port_devices_uninstall();
    /* Before the contexts go: devices that are not translated have their drivers and go on. */
    if (port.running && udmar_stop(port.instance) != UDMAR_OK) {
        pr_err("udmar: a unit did not switch translation off\n");
    }
    port.running = false;
    port_devices_remove();
    forget();
    mutex_unlock(&port.mutex);
    pr_info("udmar: translation is off\n");
}

module_init(udmar_init);
module_exit(udmar_exit);

MODULE_LICENSE("Dual BSD/GPL");
MODULE_AUTHOR("the udmar authors");
MODULE_DESCRIPTION("Intel VT-d DMA remapping in the place of Linux's own driver");
