/* SPDX-License-Identifier: BSD-2-Clause */
/* What the examples of docs/PORTING.md take for granted: a kernel, whose names begin with my_. */
#include <udmar/bus_dma.h>
#include <udmar/fault.h>
#include <udmar/host.h>
#include <udmar/udmar.h>

#define MY_DIRECT_MAP   ((uintptr_t)1 << (sizeof(void *) * 8 - 4))
#define MY_CPUS         8
#define DIRECT_MAP_BASE MY_DIRECT_MAP
#define DIRECT_MAP_SIZE ((uintptr_t)1 << 30)

struct my_pci {
    uint16_t segment;
    uint8_t bus, device, function;
    bool is_bridge;
    const char *name;
    struct udmar_device *dmar;
};

extern unsigned my_clflush_line;
static struct udmar *the_dmar __attribute__((unused));

uintptr_t my_interrupts_off(void);
void my_interrupts_restore(uintptr_t flags);
unsigned my_cpu(void);
void *my_fixed_map(unsigned slot, udmar_paddr_t physical);
void my_fixed_unmap(void *address);
uint64_t my_read_tsc(void);
uint64_t my_tsc_to_ns(uint64_t ticks);
const struct my_pci *my_pci_bridge_of_bus(uint16_t segment, uint8_t bus);
const struct my_pci *my_vmd_of_segment(uint16_t segment);
unsigned my_vector_alloc(void (*handler)(void *argument), void *argument);
uint32_t my_boot_apic_id(void);
udmar_paddr_t walk_page_tables(const void *address);
void my_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
const struct udmar_ram_range *my_ram_ranges(unsigned *count);
uint32_t my_cpuid_1_eax(void);
unsigned my_cpu_count(void);
struct my_pci *my_pci_first(void);
struct my_pci *my_pci_next(struct my_pci *pci);
