// SPDX-License-Identifier: BSD-2-Clause
/*
 * Does this kernel and this machine fit? Two drivers for one unit would destroy each other's tables
 * and commands, so everything that hints at another one is a reason to stay away.
 */
#include "port.h"
#include "port_inline.h"

#include <linux/io.h>
#include <linux/iommu.h>

#define REG_GSTS  0x1c
#define GSTS_TES  BIT(31)
#define GSTS_QIES BIT(26)
#define GSTS_IRES BIT(25)

static int look_at_unit(const struct udmar_entry *drhd)
{
    void __iomem *registers = ioremap(drhd->u.drhd.base, PAGE_SIZE);
    u32 status;

    if (registers == NULL) {
        pr_err("udmar: the registers at %#llx cannot be mapped\n", drhd->u.drhd.base);
        return -ENOMEM;
    }
    status = readl(registers + REG_GSTS);
    iounmap(registers);
    /* All ones: nothing is there, and the library will say so. */
    if (status == U32_MAX || !(status & (GSTS_TES | GSTS_QIES | GSTS_IRES))) {
        return 0;
    }
    pr_err("udmar: refused: the unit at %#llx is in use already:%s%s%s; boot with intel_iommu=off "
           "intremap=off\n",
           drhd->u.drhd.base, status & GSTS_TES ? " translation is on," : "",
           status & GSTS_IRES ? " interrupt remapping is on," : "",
           status & GSTS_QIES ? " its queue is on" : "");
    return -EBUSY;
}

static int look_at_device(struct pci_dev *pci)
{
    if (device_iommu_mapped(&pci->dev)) {
        pr_err("udmar: refused: Linux's own IOMMU driver has %s; boot with intel_iommu=off "
               "intremap=off\n",
               pci_name(pci));
        return -EBUSY;
    }
    if (pci->dev.dma_ops != NULL) {
        pr_err("udmar: refused: %s has DMA operations of another driver\n", pci_name(pci));
        return -EBUSY;
    }
    return 0;
}

int port_fits(const struct udmar_table *table)
{
    struct udmar_entry entry = { 0 };
    struct pci_dev *pci = NULL;

    if (boot_cpu_data.x86_clflush_size < PORT_LINE) {
        pr_err("udmar: refused: this processor flushes %u bytes at once, %lu are expected\n",
               boot_cpu_data.x86_clflush_size, PORT_LINE);
        return -ENODEV;
    }
    while (udmar_table_next(table, &entry)) {
        int error = entry.type == UDMAR_ENTRY_DRHD ? look_at_unit(&entry) : 0;

        if (error != 0) {
            return error;
        }
    }
    for_each_pci_dev(pci) {
        int error = look_at_device(pci);

        if (error != 0) {
            pci_dev_put(pci);
            return error;
        }
    }
    return 0;
}
