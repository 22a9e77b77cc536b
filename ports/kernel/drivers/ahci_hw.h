/* SPDX-License-Identifier: BSD-2-Clause */
/* Registers and structures in memory, from the Serial ATA AHCI 1.3.1 specification. */
#ifndef DRIVERS_AHCI_HW_H
#define DRIVERS_AHCI_HW_H

#include <stdint.h>

/* Of the adapter [AHCI 3.1]. */
enum {
    AHCI_CAP = 0x00,
    AHCI_GHC = 0x04,
    AHCI_IS = 0x08, /* one bit for each port, cleared by writing 1 after the port's own */
    AHCI_PI = 0x0c, /* ports implemented */
    AHCI_PORT_BASE = 0x100,
    AHCI_PORT_SIZE = 0x80
};

#define AHCI_CAP_SLOTS(cap) (((cap) >> 8 & 0x1f) + 1)
#define AHCI_CAP_64BIT      UINT32_C(0x80000000)

#define AHCI_GHC_RESET  UINT32_C(0x00000001)
#define AHCI_GHC_IRQ    UINT32_C(0x00000002)
#define AHCI_GHC_ENABLE UINT32_C(0x80000000)

/* Of a port [AHCI 3.3]. */
enum {
    AHCI_PX_CLB = 0x00,
    AHCI_PX_CLBU = 0x04,
    AHCI_PX_FB = 0x08,
    AHCI_PX_FBU = 0x0c,
    AHCI_PX_IS = 0x10,
    AHCI_PX_IE = 0x14,
    AHCI_PX_CMD = 0x18,
    AHCI_PX_TFD = 0x20,
    AHCI_PX_SIG = 0x24,
    AHCI_PX_SSTS = 0x28,
    AHCI_PX_SCTL = 0x2c,
    AHCI_PX_SERR = 0x30,
    AHCI_PX_CI = 0x38
};

#define AHCI_CMD_START       UINT32_C(0x00000001)
#define AHCI_CMD_SPIN_UP     UINT32_C(0x00000002)
#define AHCI_CMD_POWER_ON    UINT32_C(0x00000004)
#define AHCI_CMD_FIS_ENABLE  UINT32_C(0x00000010)
#define AHCI_CMD_FIS_RUNNING UINT32_C(0x00004000)
#define AHCI_CMD_RUNNING     UINT32_C(0x00008000)

/* Interrupt causes. Errors: task file, host bus (fatal or not: DMA that failed), interface (fatal),
 * and more data than the PRDT has room for. */
#define AHCI_IRQ_TASK_FILE UINT32_C(0x40000000)
#define AHCI_IRQ_ERRORS    (AHCI_IRQ_TASK_FILE | UINT32_C(0x39000000))
/* Those, and the ends of commands: register, PIO setup and DMA setup FIS, set device bits. */
#define AHCI_IRQ_ENABLED   (AHCI_IRQ_ERRORS | UINT32_C(0x0000000f))

#define AHCI_TFD_BUSY  UINT32_C(0x80)
#define AHCI_TFD_DRQ   UINT32_C(0x08)
#define AHCI_TFD_ERROR UINT32_C(0x01)

#define AHCI_SSTS_DETECT   UINT32_C(0x0f)
#define AHCI_SSTS_NOBODY   UINT32_C(0)
#define AHCI_SSTS_READY    UINT32_C(3)
#define AHCI_SCTL_COMRESET UINT32_C(1)

#define AHCI_SIGNATURE_DISK UINT32_C(0x00000101)

/* ATA commands, and the device register's bit that says that addresses are block numbers. */
enum {
    ATA_READ_DMA_EXT = 0x25,
    ATA_WRITE_DMA_EXT = 0x35,
    ATA_FLUSH_CACHE_EXT = 0xea,
    ATA_IDENTIFY = 0xec,
    ATA_DEVICE_LBA = 0x40
};

/* The register FIS from host to device [SATA 10.3.4]. */
enum { FIS_HOST_TO_DEVICE = 0x27, FIS_IS_COMMAND = 0x80, FIS_DWORDS = 5 };

/* Command header [AHCI 4.2.2]; the command list is AHCI_SLOTS of them. */
struct ahci_header {
    uint16_t flags; /* dwords of the FIS, and AHCI_HEADER_WRITE */
    uint16_t prd_count;
    volatile uint32_t bytes_moved; /* the adapter writes this */
    uint64_t table;
    uint32_t reserved[4];
};
#define AHCI_HEADER_WRITE 0x40

/* One segment [AHCI 4.2.3.3]. */
struct ahci_prd {
    uint64_t address; /* even */
    uint32_t reserved;
    uint32_t last; /* length - 1, the length being even */
};
#define AHCI_PRD_MAX (UINT32_C(4) << 20)

/* 1 MiB in pages that are nowhere adjacent, not beginning at a page border. */
#define AHCI_SEGMENTS 257

/* Command table [AHCI 4.2.3]. */
struct ahci_table {
    uint8_t fis[64];
    uint8_t packet[16];
    uint8_t reserved[48];
    struct ahci_prd prd[AHCI_SEGMENTS];
};

_Static_assert(sizeof(struct ahci_header) == 32, "as the adapter reads it");
_Static_assert(sizeof(struct ahci_prd) == 16, "as the adapter reads it");
_Static_assert(sizeof(struct ahci_table) == 128 + 16 * AHCI_SEGMENTS, "as the adapter reads it");

/* Sizes and alignments of the other two blocks. */
enum { AHCI_LIST_SIZE = 1024, AHCI_RECEIVED_SIZE = 256, AHCI_TABLE_ALIGN = 128 };

#endif
