// SPDX-License-Identifier: BSD-2-Clause
/*
 * A driver for QEMU's edu device, which moves bytes to and from any address that it is told. It
 * knows nothing of udmar: all it does is the kernel's DMA API, used well and used badly.
 *
 * Reading debugfs:edu_probe/claims runs the probes and prints one line for each, "ok TEXT" or
 * "not ok TEXT", and "faults N", how many of its requests a unit should have stopped and recorded.
 */
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/random.h>
#include <linux/scatterlist.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#define EDU_SOURCE      0x80
#define EDU_DESTINATION 0x88
#define EDU_COUNT       0x90
#define EDU_COMMAND     0x98
#define EDU_BUFFER      0x40000
#define COMMAND_START   1
#define COMMAND_TO_RAM  2

#define WORD_LIVE   0x6c697665u
#define WORD_CANARY 0x63616e61u
#define WORD_SECRET 0x73656372u

static struct pci_dev *edu;   /* the one that moves bytes */
static struct pci_dev *other; /* a second one, whose registers the first one reads */
static u8 __iomem *registers;
static struct seq_file *out;
static unsigned faults;
static DEFINE_MUTEX(probing);

static void claim(bool holds, const char *format, ...)
{
    va_list arguments;

    seq_puts(out, holds ? "ok " : "not ok ");
    va_start(arguments, format);
    seq_vprintf(out, format, arguments);
    va_end(arguments);
    seq_putc(out, '\n');
}

/* The device starts 100 ms after it was told, and clears the bit when it is done. */
static bool transfer(u64 source, u64 destination, unsigned count, u32 command)
{
    writeq(source, registers + EDU_SOURCE);
    writeq(destination, registers + EDU_DESTINATION);
    writeq(count, registers + EDU_COUNT);
    writel(command | COMMAND_START, registers + EDU_COMMAND);
    for (int i = 0; i < 3000; i++) {
        usleep_range(1000, 1500);
        if (!(readl(registers + EDU_COMMAND) & COMMAND_START)) {
            return true;
        }
    }
    return false;
}

/* Four bytes from memory into the device's buffer at @slot, and four bytes back to memory. */
static bool fetch(u64 from, unsigned slot)
{
    return transfer(from, EDU_BUFFER + slot, 4, 0);
}

static bool store(u64 to, unsigned slot)
{
    return transfer(EDU_BUFFER + slot, to, 4, COMMAND_TO_RAM);
}

/* The device's buffer cannot be read by the processor: it goes through memory that is mapped. */
static u32 *mailbox;
static dma_addr_t mailbox_iova;

static u32 peek(unsigned slot)
{
    WRITE_ONCE(*mailbox, 0xdeadbeef);
    return store(mailbox_iova, slot) ? READ_ONCE(*mailbox) : 0xdeadbeef;
}

static bool poke(unsigned slot, u32 value)
{
    WRITE_ONCE(*mailbox, value);
    return fetch(mailbox_iova, slot) && peek(slot) == value;
}

/* ---- what must be stopped -------------------------------------------------------------------- */

static void probe_raw_addresses(void)
{
    u32 *canary = (u32 *)get_zeroed_page(GFP_KERNEL);
    u64 physical = virt_to_phys(canary);

    WRITE_ONCE(*canary, WORD_CANARY);
    store(physical, 0);
    claim(READ_ONCE(*canary) == WORD_CANARY, "edu: a write to a physical address does not arrive");
    WRITE_ONCE(*canary, WORD_SECRET);
    poke(8, WORD_LIVE);
    fetch(physical, 8);
    claim(peek(8) != WORD_SECRET, "edu: a read from a physical address brings nothing");
    free_page((unsigned long)canary);
    faults += 2;
}

static void probe_after_unmap(void)
{
    u32 *page = (u32 *)get_zeroed_page(GFP_KERNEL);
    dma_addr_t iova = dma_map_single(&edu->dev, page, PAGE_SIZE, DMA_FROM_DEVICE);
    bool mapped = !dma_mapping_error(&edu->dev, iova);

    claim(mapped && store(iova, 0) && READ_ONCE(*page) == WORD_LIVE,
          "edu: a write through a live mapping arrives");
    if (mapped) {
        dma_unmap_single(&edu->dev, iova, PAGE_SIZE, DMA_FROM_DEVICE);
    }
    WRITE_ONCE(*page, WORD_CANARY);
    store(iova, 0);
    claim(READ_ONCE(*page) == WORD_CANARY, "edu: a write after the unmap does not arrive");
    free_page((unsigned long)page);
    faults++;
}

/*
 * What is forbidden is tried first: QEMU stops a request without a record when it has the entry
 * cached from one that was allowed.
 */
static void probe_directions(void)
{
    u32 *page = (u32 *)get_zeroed_page(GFP_KERNEL);
    dma_addr_t iova;

    WRITE_ONCE(*page, WORD_SECRET);
    iova = dma_map_single(&edu->dev, page, PAGE_SIZE, DMA_TO_DEVICE);
    store(iova, 0);
    claim(READ_ONCE(*page) == WORD_SECRET, "edu: a write to a mapping for reading does not arrive");
    claim(fetch(iova, 16) && peek(16) == WORD_SECRET, "edu: a read of a mapping for reading works");
    dma_unmap_single(&edu->dev, iova, PAGE_SIZE, DMA_TO_DEVICE);

    WRITE_ONCE(*page, WORD_SECRET);
    iova = dma_map_single(&edu->dev, page, PAGE_SIZE, DMA_FROM_DEVICE);
    poke(24, WORD_LIVE);
    fetch(iova, 24);
    claim(peek(24) != WORD_SECRET, "edu: a read of a mapping for writing brings nothing");
    dma_unmap_single(&edu->dev, iova, PAGE_SIZE, DMA_FROM_DEVICE);
    free_page((unsigned long)page);
    faults += 2;
}

/* ---- what must work -------------------------------------------------------------------------- */

static void probe_high_memory(void)
{
    struct page *page;
    dma_addr_t iova;
    u64 physical;
    u32 *memory;

    /* From the top of memory where there is some above 4 GiB, since nothing else was asked for. */
    page = alloc_page(GFP_KERNEL | __GFP_ZERO);
    physical = page_to_phys(page);
    memory = page_address(page);
    if (physical <= U32_MAX) {
        seq_printf(out, "skip edu: no memory above 4 GiB\n");
    } else {
        claim(dma_set_mask(&edu->dev, DMA_BIT_MASK(32)) == 0, "edu: a mask of 32 bits is taken");
        iova = dma_map_page(&edu->dev, page, 64, 4, DMA_FROM_DEVICE);
        claim(!dma_mapping_error(&edu->dev, iova) && iova <= U32_MAX - 3,
              "edu: memory above 4 GiB has an address below for a device of 32 bits");
        /* Before any sync or unmap: a copy elsewhere would not have come here yet. */
        claim(store(iova, 0) && READ_ONCE(memory[16]) == WORD_LIVE,
              "edu: and a write to it arrives without a copy");
        dma_unmap_page(&edu->dev, iova, 4, DMA_FROM_DEVICE);
        dma_set_mask(&edu->dev, DMA_BIT_MASK(64));
    }
    __free_page(page);
}

static void probe_resource(void)
{
    dma_addr_t iova;

    if (other == NULL) {
        seq_puts(out, "skip edu: there is no second one\n");
        return;
    }
    iova = dma_map_resource(&edu->dev, pci_resource_start(other, 0), PAGE_SIZE, DMA_TO_DEVICE, 0);
    /* The first register of every edu device. */
    claim(!dma_mapping_error(&edu->dev, iova) && fetch(iova, 32) && peek(32) == 0x010000edu,
          "edu: registers of another device can be read through dma_map_resource()");
    if (!dma_mapping_error(&edu->dev, iova)) {
        dma_unmap_resource(&edu->dev, iova, PAGE_SIZE, DMA_TO_DEVICE, 0);
    }
}

static void probe_coherent(size_t size)
{
    dma_addr_t iova;
    u32 *memory = dma_alloc_coherent(&edu->dev, size, &iova, GFP_KERNEL);
    size_t words = size / 4;
    struct sg_table table;

    if (memory == NULL) {
        claim(false, "edu: %zu KiB of coherent memory", size / 1024);
        return;
    }
    claim(IS_ALIGNED(iova, roundup_pow_of_two(size)) && memchr_inv(memory, 0, size) == NULL,
          "edu: %zu KiB of coherent memory are aligned and zero", size / 1024);
    claim(store(iova, 0) && store(iova + size - 4, 0) && READ_ONCE(memory[0]) == WORD_LIVE &&
              READ_ONCE(memory[words - 1]) == WORD_LIVE,
          "edu: %zu KiB of coherent memory: first and last word can be written", size / 1024);
    if (dma_get_sgtable(&edu->dev, &table, memory, iova, size) == 0) {
        struct scatterlist *entry;
        size_t sum = 0;
        int i;

        for_each_sgtable_sg(&table, entry, i) {
            sum += entry->length;
        }
        claim(sum == size && *(u32 *)sg_virt(table.sgl) == WORD_LIVE,
              "edu: a scatterlist of those %zu KiB", size / 1024);
        sg_free_table(&table);
    } else {
        claim(false, "edu: a scatterlist of those %zu KiB", size / 1024);
    }
    dma_free_coherent(&edu->dev, size, memory, iova);
}

static void probe_pages(void)
{
    dma_addr_t iova;
    struct page *page = dma_alloc_pages(&edu->dev, SZ_16K, &iova, DMA_BIDIRECTIONAL, GFP_KERNEL);

    claim(page != NULL && store(iova + SZ_8K, 0) &&
              READ_ONCE(*(u32 *)(page_address(page) + SZ_8K)) == WORD_LIVE,
          "edu: dma_alloc_pages() gives pages that can be written");
    if (page != NULL) {
        dma_free_pages(&edu->dev, SZ_16K, page, iova, DMA_BIDIRECTIONAL);
    }
}

/* A word is written through @iova and arrives at @word. */
static bool arrives(dma_addr_t iova, const u32 *word)
{
    return store(iova, 0) && READ_ONCE(*word) == WORD_LIVE;
}

static void probe_attributes(void)
{
    const size_t size = SZ_64K;
    u32 *page = (u32 *)get_zeroed_page(GFP_KERNEL);
    dma_addr_t iova = dma_map_single_attrs(&edu->dev, page, PAGE_SIZE, DMA_FROM_DEVICE,
                                           DMA_ATTR_SKIP_CPU_SYNC | DMA_ATTR_WEAK_ORDERING);
    u32 *memory;

    claim(!dma_mapping_error(&edu->dev, iova) && arrives(iova + 8, page + 2),
          "edu: attributes of a mapping are taken, and nothing has to be synced");
    dma_unmap_single_attrs(&edu->dev, iova, PAGE_SIZE, DMA_FROM_DEVICE, DMA_ATTR_SKIP_CPU_SYNC);
    free_page((unsigned long)page);

    memory = dma_alloc_attrs(&edu->dev, size, &iova, GFP_KERNEL,
                             DMA_ATTR_FORCE_CONTIGUOUS | DMA_ATTR_NO_WARN);
    claim(memory != NULL && !is_vmalloc_addr(memory) &&
              arrives(iova + size - 4, memory + size / 4 - 1),
          "edu: memory that must be contiguous is");
    if (memory != NULL) {
        dma_free_attrs(&edu->dev, size, memory, iova, DMA_ATTR_FORCE_CONTIGUOUS);
    }
}

/* Under a spin lock with interrupts off, where what sleeps would be a bug that the kernel reports.
 */
static void probe_atomic(void)
{
    static DEFINE_SPINLOCK(lock);
    u32 *page = (u32 *)get_zeroed_page(GFP_KERNEL), *memory;
    dma_addr_t iova, shared;
    unsigned long flags;

    spin_lock_irqsave(&lock, flags);
    iova = dma_map_single(&edu->dev, page, PAGE_SIZE, DMA_FROM_DEVICE);
    memory = dma_alloc_coherent(&edu->dev, PAGE_SIZE, &shared, GFP_ATOMIC);
    spin_unlock_irqrestore(&lock, flags);
    claim(!dma_mapping_error(&edu->dev, iova) && memory != NULL && arrives(iova, page) &&
              arrives(shared, memory),
          "edu: mapped and allocated under a spin lock with interrupts off");
    if (memory != NULL) {
        dma_free_coherent(&edu->dev, PAGE_SIZE, memory, shared);
    }
    if (!dma_mapping_error(&edu->dev, iova)) {
        spin_lock_irqsave(&lock, flags);
        dma_unmap_single(&edu->dev, iova, PAGE_SIZE, DMA_FROM_DEVICE);
        spin_unlock_irqrestore(&lock, flags);
    }
    WRITE_ONCE(*page, WORD_CANARY);
    store(iova, 0);
    claim(READ_ONCE(*page) == WORD_CANARY, "edu: and unmapped there: a write does not arrive");
    free_page((unsigned long)page);
    faults++;
}

/* ---- scatterlists ---------------------------------------------------------------------------- */

#define LIST 48

struct piece {
    struct page *page;
    unsigned order, offset, length;
};

static void make_list(struct scatterlist *list, struct piece *pieces, unsigned count, bool whole)
{
    sg_init_table(list, count);
    for (unsigned i = 0; i < count; i++) {
        struct piece *piece = &pieces[i];

        piece->order = get_random_u32() % 5;
        piece->page = alloc_pages(GFP_KERNEL | __GFP_ZERO, piece->order);
        piece->length = PAGE_SIZE << piece->order;
        piece->offset = 0;
        if (!whole) {
            piece->offset = get_random_u32() % (piece->length / 512) * 512;
            piece->length -= piece->offset;
            piece->length -= get_random_u32() % (piece->length / 512) * 512;
        }
        sg_set_page(&list[i], piece->page, piece->length, piece->offset);
    }
}

static void free_list(struct piece *pieces, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        __free_pages(pieces[i].page, pieces[i].order);
    }
}

/* Bytes, lengths and borders of segments are what the device has asked for. */
static const char *check_segments(struct scatterlist *list, int segments, u64 boundary_mask,
                                  unsigned longest, size_t bytes)
{
    struct scatterlist *segment;
    size_t sum = 0;
    int i;

    for_each_sg(list, segment, segments, i) {
        u64 start = sg_dma_address(segment), length = sg_dma_len(segment);

        sum += length;
        if (length == 0 || length > longest) {
            return "a segment is too long or empty";
        }
        if ((start & ~boundary_mask) != ((start + length - 1) & ~boundary_mask)) {
            return "a segment crosses a boundary";
        }
        if (start + length - 1 > dma_get_mask(&edu->dev)) {
            return "a segment lies above the mask";
        }
    }
    return sum == bytes ? NULL : "bytes are missing";
}

/* The word of the list at byte @at: its address for the device and its address for us. */
static u32 *find_word(struct scatterlist *list, int count, int segments, size_t at, u64 *out_iova)
{
    struct scatterlist *entry;
    size_t before = 0;
    int i;

    *out_iova = DMA_MAPPING_ERROR;
    for_each_sg(list, entry, segments, i) {
        if (at < before + sg_dma_len(entry)) {
            *out_iova = sg_dma_address(entry) + (at - before);
            break;
        }
        before += sg_dma_len(entry);
    }
    before = 0;
    for_each_sg(list, entry, count, i) {
        if (at < before + entry->length) {
            return sg_virt(entry) + (at - before);
        }
        before += entry->length;
    }
    return NULL;
}

static const char *check_words(struct scatterlist *list, int count, int segments, size_t bytes)
{
    for (int i = 0; i < 6; i++) {
        size_t at = i == 0 ? 0 : i == 1 ? bytes - 4 : get_random_u32() % (bytes / 4) * 4;
        u64 iova;
        u32 *word = find_word(list, count, segments, at, &iova);

        if (word == NULL || !store(iova, 0) || READ_ONCE(*word) != WORD_LIVE) {
            return "a word went elsewhere";
        }
    }
    return NULL;
}

/* Null, or what is wrong. */
static const char *probe_list(unsigned count, u64 boundary_mask, unsigned longest, bool whole,
                              bool with_words)
{
    struct scatterlist *list = kcalloc(count, sizeof(*list), GFP_KERNEL);
    struct piece *pieces = kcalloc(count, sizeof(*pieces), GFP_KERNEL);
    const char *wrong = NULL;
    size_t bytes = 0;
    int segments;

    dma_set_seg_boundary(&edu->dev, boundary_mask);
    dma_set_max_seg_size(&edu->dev, longest);
    make_list(list, pieces, count, whole);
    for (unsigned i = 0; i < count; i++) {
        bytes += pieces[i].length;
    }
    segments = dma_map_sg(&edu->dev, list, count, DMA_FROM_DEVICE);
    if (segments <= 0 || segments > count) {
        wrong = "the list is not mapped";
    }
    if (wrong == NULL) {
        wrong = check_segments(list, segments, boundary_mask, longest, bytes);
    }
    if (wrong == NULL && with_words) {
        wrong = check_words(list, count, segments, bytes);
    }
    if (wrong == NULL && whole && boundary_mask == U64_MAX && segments != 1) {
        wrong = "whole pages did not become one segment";
    }
    if (segments > 0) {
        dma_unmap_sg(&edu->dev, list, count, DMA_FROM_DEVICE);
    }
    free_list(pieces, count);
    kfree(pieces);
    kfree(list);
    return wrong;
}

static void claim_list(const char *wrong, const char *name)
{
    claim(wrong == NULL, "edu: scatterlist, %s%s%s", name, wrong != NULL ? ": " : "",
          wrong != NULL ? wrong : "");
}

static void probe_lists(void)
{
    const char *wrong = NULL;

    claim_list(probe_list(LIST, U64_MAX, U32_MAX, true, true), "whole pages: one segment");
    claim_list(probe_list(LIST, 0xffff, 65536, true, true),
               "whole pages, boundary and size of 64 KiB");
    claim_list(probe_list(LIST, 0xffff, 65536, false, true),
               "odd pieces, boundary and size of 64 KiB");
    claim_list(probe_list(LIST, U32_MAX, 65536, false, true), "odd pieces, segments of 64 KiB");
    /* Many more without transfers. */
    for (unsigned i = 0; i < 300 && wrong == NULL; i++) {
        u64 boundary_mask = i % 3 == 0 ? 0xffff : i % 3 == 1 ? 0x1ffff : U32_MAX;

        wrong = probe_list(1 + get_random_u32() % LIST, boundary_mask, 65536 << i % 2, i % 4 == 0,
                           false);
    }
    claim_list(wrong, "300 random ones keep boundaries and sizes");
    dma_set_seg_boundary(&edu->dev, U32_MAX);
    dma_set_max_seg_size(&edu->dev, 65536);
}

/* ---- the file -------------------------------------------------------------------------------- */

static void run(void)
{
    claim(poke(0, WORD_LIVE), "edu: bytes go from memory to the device and back");
    probe_after_unmap();
    probe_directions();
    probe_raw_addresses();
    probe_high_memory();
    probe_resource();
    probe_coherent(PAGE_SIZE);
    probe_coherent(3 * PAGE_SIZE);
    probe_coherent(SZ_8M);
    probe_pages();
    probe_attributes();
    probe_atomic();
    probe_lists();
}

static int claims_show(struct seq_file *file, void *data)
{
    mutex_lock(&probing);
    out = file;
    faults = 0;
    run();
    seq_printf(file, "faults %u\n", faults);
    mutex_unlock(&probing);
    return 0;
}

/* What does not fit into the first buffer would be run a second time. */
static int claims_open(struct inode *inode, struct file *file)
{
    return single_open_size(file, claims_show, NULL, SZ_32K);
}

static const struct file_operations claims_fops = {
    .owner = THIS_MODULE,
    .open = claims_open,
    .read = seq_read,
    .llseek = seq_lseek,
    .release = single_release,
};

static struct dentry *folder;

static int open_device(struct pci_dev *pci)
{
    int error = pcim_enable_device(pci);

    if (error == 0) {
        error = pcim_iomap_regions(pci, BIT(0), "edu_probe");
    }
    if (error == 0) {
        error = dma_set_mask_and_coherent(&pci->dev, DMA_BIT_MASK(64));
    }
    if (error == 0) {
        mailbox = dmam_alloc_coherent(&pci->dev, PAGE_SIZE, &mailbox_iova, GFP_KERNEL);
    }
    if (error == 0 && mailbox == NULL) {
        error = -ENOMEM;
    }
    return error;
}

static int probe(struct pci_dev *pci, const struct pci_device_id *id)
{
    int error;

    if (edu != NULL) {
        other = pci;
        return pcim_enable_device(pci);
    }
    error = open_device(pci);
    if (error != 0) {
        return error;
    }
    pci_set_master(pci);
    registers = pcim_iomap_table(pci)[0];
    edu = pci;
    folder = debugfs_create_dir("edu_probe", NULL);
    debugfs_create_file("claims", 0400, folder, NULL, &claims_fops);
    return 0;
}

static bool leave;
module_param(leave, bool, 0444);
MODULE_PARM_DESC(leave, "leave a page mapped when the driver goes, and unmap one that is not");

static void remove(struct pci_dev *pci)
{
    if (pci == edu) {
        debugfs_remove(folder);
        if (leave) {
            (void)dma_map_single(&pci->dev, (void *)__get_free_page(GFP_KERNEL), PAGE_SIZE,
                                 DMA_TO_DEVICE);
            /* And an end of what never began, which must not make up for it. */
            dma_unmap_single(&pci->dev, 0x7fff0000, PAGE_SIZE, DMA_TO_DEVICE);
        }
        edu = NULL;
    } else {
        other = NULL;
    }
}

static const struct pci_device_id ids[] = { { PCI_DEVICE(0x1234, 0x11e8) }, {} };
MODULE_DEVICE_TABLE(pci, ids);

static struct pci_driver edu_driver = {
    .name = "edu_probe",
    .id_table = ids,
    .probe = probe,
    .remove = remove,
};
module_pci_driver(edu_driver);

MODULE_LICENSE("Dual BSD/GPL");
MODULE_DESCRIPTION("Claims about DMA, tried with QEMU's edu device");
