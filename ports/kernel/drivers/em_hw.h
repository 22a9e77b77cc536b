/* SPDX-License-Identifier: BSD-2-Clause */
/* Registers and descriptors, from Intel's software developer's manuals for the 8254x family (SDM)
 * and for the 82574. Both know the descriptors of the first 8254x ("legacy"). */
#ifndef DRIVERS_EM_HW_H
#define DRIVERS_EM_HW_H

#include <stdint.h>

enum {
    EM_CTRL = 0x0000,
    EM_STATUS = 0x0008,
    EM_EERD = 0x0014,
    EM_ICR = 0x00c0, /* interrupt causes; reading clears them */
    EM_IMS = 0x00d0, /* interrupts to allow */
    EM_IMC = 0x00d8, /* interrupts to forbid */
    EM_RCTL = 0x0100,
    EM_TCTL = 0x0400,
    EM_TIPG = 0x0410,
    EM_RDBAL = 0x2800,
    EM_RDBAH = 0x2804,
    EM_RDLEN = 0x2808,
    EM_RDH = 0x2810,
    EM_RDT = 0x2818,
    EM_TDBAL = 0x3800,
    EM_TDBAH = 0x3804,
    EM_TDLEN = 0x3808,
    EM_TDH = 0x3810,
    EM_TDT = 0x3818,
    EM_MTA = 0x5200, /* multicast filter, 128 words */
    EM_RAL0 = 0x5400,
    EM_RAH0 = 0x5404
};

#define EM_CTRL_LINK_UP    UINT32_C(0x00000040)
#define EM_CTRL_LINK_RESET UINT32_C(0x00000008)
#define EM_CTRL_AUTO_SPEED UINT32_C(0x00000020)
#define EM_CTRL_RESET      UINT32_C(0x04000000)
#define EM_CTRL_PHY_RESET  UINT32_C(0x80000000)
#define EM_STATUS_LINK_UP  UINT32_C(0x00000002)

#define EM_RAH_VALID UINT32_C(0x80000000)

/* Transmit done, link changed, receive descriptors low, receive overrun, packet received. */
#define EM_IRQ_ENABLED UINT32_C(0x000000d5)

/* Receive: on, broadcasts too, buffers of 2048 bytes (size field 0), without the checksum of the
 * frame. */
#define EM_RCTL_ON        UINT32_C(0x00000002)
#define EM_RCTL_BROADCAST UINT32_C(0x00008000)
#define EM_RCTL_STRIP_CRC UINT32_C(0x04000000)

/* Transmit: on, short frames padded, collision threshold and distance as the manual recommends. */
#define EM_TCTL_ON        UINT32_C(0x00000002)
#define EM_TCTL_PAD       UINT32_C(0x00000008)
#define EM_TCTL_COLLISION UINT32_C(0x000400f0)
#define EM_TIPG_COPPER    UINT32_C(0x0060200a)

/* The EEPROM read register differs between the two generations. */
#define EM_EERD_START       UINT32_C(0x00000001)
#define EM_EERD_DONE        UINT32_C(0x00000010)
#define EM_EERD_SHIFT       8
#define EM_EERD_DONE_82574  UINT32_C(0x00000002)
#define EM_EERD_SHIFT_82574 2
#define EM_EERD_VALUE(eerd) ((uint16_t)((eerd) >> 16))

struct em_rx_descriptor {
    uint64_t address;
    uint16_t length;
    uint16_t checksum;
    uint8_t status;
    uint8_t errors;
    uint16_t special;
};

struct em_tx_descriptor {
    uint64_t address;
    uint16_t length;
    uint8_t checksum_offset;
    uint8_t command;
    uint8_t status;
    uint8_t checksum_start;
    uint16_t special;
};

_Static_assert(sizeof(struct em_rx_descriptor) == 16, "as the device reads it");
_Static_assert(sizeof(struct em_tx_descriptor) == 16, "as the device reads it");

enum { EM_DONE = 1 };                                            /* status, both kinds */
enum { EM_RX_LAST = 2 };                                         /* rx status */
enum { EM_TX_LAST = 1, EM_TX_INSERT_CRC = 2, EM_TX_REPORT = 8 }; /* tx command */

#endif
