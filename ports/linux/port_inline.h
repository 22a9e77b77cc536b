/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The part of the host interface that every map and unmap calls, in line in the library
 * (UDMAR_HOST_INLINE). Read before the library's own declarations, so only the kernel's headers are
 * of use here, and its types are those of C11 under the same names.
 */
#ifndef UDMAR_LINUX_PORT_INLINE_H
#define UDMAR_LINUX_PORT_INLINE_H

#include <linux/lockdep.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include <asm/io.h>
#include <asm/page.h>
#include <asm/processor.h>
#include <asm/special_insns.h>

#include <udmar/types.h>

/* host.c makes ordinary functions of them, for files that do not need them fast. */
#ifndef PORT_INLINE
#define PORT_INLINE static __always_inline
#endif

PORT_INLINE void udmar_host_mmio_write32(void *host, void *registers, uint32_t offset,
                                         uint32_t value)
{
    writel(value, (void __iomem __force *)registers + offset);
}

/* Of a cache: what the least of processors has; fit.c makes sure. */
#define PORT_LINE 64ul

/* clflush_cache_range() does the same behind a call and two fences. */
PORT_INLINE void udmar_host_cache_flush(void *host, const void *address, size_t size)
{
    const void *end = address + size;
    const void *line = (const void *)((unsigned long)address & -PORT_LINE);

    /* An entry lies in one line. */
    if (__builtin_constant_p(size) && size <= sizeof(u64)) {
        clflushopt((void *)address);
        mb();
        return;
    }
    do {
        clflushopt((void *)line);
        line += PORT_LINE;
    } while (line < end);
    mb();
}

PORT_INLINE void *udmar_host_page_map(void *host, udmar_paddr_t physical)
{
    return __va(physical);
}

PORT_INLINE void udmar_host_page_unmap(void *host, void *address)
{
}

/*
 * A class for each lock: lockdep would take two of one class, one in the other, for a deadlock.
 * Raw: interrupts are off while one is held, also on kernels where ordinary spin locks sleep.
 */
struct port_lock {
    raw_spinlock_t spin;
    struct lock_class_key key;
};

#if defined(CONFIG_DEBUG_LOCK_ALLOC) || defined(CONFIG_DEBUG_SPINLOCK)
PORT_INLINE uintptr_t udmar_host_lock_acquire(void *host, void *lock)
{
    unsigned long flags;

    raw_spin_lock_irqsave(&((struct port_lock *)lock)->spin, flags);
    return flags;
}

PORT_INLINE void udmar_host_lock_release(void *host, void *lock, uintptr_t state)
{
    raw_spin_unlock_irqrestore(&((struct port_lock *)lock)->spin, state);
}
#else
/*
 * The same without the calls that modules get, which cost as much as the lock, and without the
 * count that holds off preemption: interrupts are off, so there is none.
 */
PORT_INLINE uintptr_t udmar_host_lock_acquire(void *host, void *lock)
{
    unsigned long flags;

    local_irq_save(flags);
    arch_spin_lock(&((struct port_lock *)lock)->spin.raw_lock);
    return flags;
}

PORT_INLINE void udmar_host_lock_release(void *host, void *lock, uintptr_t state)
{
    arch_spin_unlock(&((struct port_lock *)lock)->spin.raw_lock);
    local_irq_restore(state);
}
#endif

PORT_INLINE unsigned udmar_host_cpu(void *host)
{
    return raw_smp_processor_id();
}

#endif
