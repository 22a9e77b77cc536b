/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two hosts in one program: each file that implements host functions is compiled with this header
 * in front and HOST_PREFIX set, so that udmar_host_alloc() becomes model_host_alloc(), say.
 * host_switch.c has the names that the library asks for.
 */
#ifndef UDMAR_TESTS_HOST_RENAME_H
#define UDMAR_TESTS_HOST_RENAME_H

#define HOST_PASTE(prefix, name)    prefix##_host_##name
#define HOST_EXPANDED(prefix, name) HOST_PASTE(prefix, name)
#define HOST_NAME(name)             HOST_EXPANDED(HOST_PREFIX, name)

#define udmar_host_mmio_map            HOST_NAME(mmio_map)
#define udmar_host_mmio_unmap          HOST_NAME(mmio_unmap)
#define udmar_host_mmio_read32         HOST_NAME(mmio_read32)
#define udmar_host_mmio_write32        HOST_NAME(mmio_write32)
#define udmar_host_page_alloc          HOST_NAME(page_alloc)
#define udmar_host_page_alloc_near     HOST_NAME(page_alloc_near)
#define udmar_host_page_free           HOST_NAME(page_free)
#define udmar_host_page_map            HOST_NAME(page_map)
#define udmar_host_page_unmap          HOST_NAME(page_unmap)
#define udmar_host_cache_flush         HOST_NAME(cache_flush)
#define udmar_host_alloc               HOST_NAME(alloc)
#define udmar_host_free                HOST_NAME(free)
#define udmar_host_time_ns             HOST_NAME(time_ns)
#define udmar_host_log                 HOST_NAME(log)
#define udmar_host_pci_read32          HOST_NAME(pci_read32)
#define udmar_host_pci_bridge          HOST_NAME(pci_bridge)
#define udmar_host_pci_alias           HOST_NAME(pci_alias)
#define udmar_host_cpu                 HOST_NAME(cpu)
#define udmar_host_lock_create         HOST_NAME(lock_create)
#define udmar_host_lock_destroy        HOST_NAME(lock_destroy)
#define udmar_host_lock_acquire        HOST_NAME(lock_acquire)
#define udmar_host_lock_release        HOST_NAME(lock_release)
#define udmar_host_interrupt_alloc     HOST_NAME(interrupt_alloc)
#define udmar_host_interrupt_free      HOST_NAME(interrupt_free)
#define udmar_host_virtual_to_physical HOST_NAME(virtual_to_physical)
#define udmar_host_dmamem_alloc        HOST_NAME(dmamem_alloc)
#define udmar_host_dmamem_free         HOST_NAME(dmamem_free)

#endif
