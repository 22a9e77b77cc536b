/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * As much of a network stack as it takes to get packets answered: DHCP, ARP and ICMP echo over one
 * interface, one request at a time. Meant for QEMU's user network, whose gateway answers.
 */
#ifndef DRIVERS_NET_H
#define DRIVERS_NET_H

#include "em.h"

/* Addresses are in host order: 10.0.2.2 is 0x0a000202. */
struct net {
    struct em *em;
    uint8_t *out; /* frames to send are made here, across a page border */
    uint8_t *in;
    uint32_t address; /* ours, 0 until DHCP */
    uint32_t gateway;
    uint8_t gateway_mac[EM_MAC_SIZE];
    uint16_t sequence;
};

struct net_result {
    bool lease;        /* DHCP has given an address */
    bool arp;          /* the gateway has told its hardware address */
    unsigned sent;     /* pings */
    unsigned answered; /* of these, with the right payload */
    unsigned wrong;    /* answers with a payload that differs */
    uint32_t address;
    uint32_t gateway;
};

/* Buffers for an interface; false when there is no memory. net_close() frees them. */
bool net_open(struct net *net, struct em *em);
void net_close(struct net *net);

/* Each waits up to 2 s for an answer and asks again twice. False: there was none. */
bool net_dhcp(struct net *net);
bool net_arp(struct net *net, uint32_t address, uint8_t mac[EM_MAC_SIZE]);

enum net_ping { NET_PING_ANSWERED, NET_PING_LOST, NET_PING_WRONG };

enum { NET_PING_MIN = 0, NET_PING_MAX = 1472 }; /* bytes of payload */

/* One echo request with `size` bytes to the gateway, and its answer compared byte by byte. Not
 * repeated. */
enum net_ping net_ping(struct net *net, size_t size);

/* All of it: lease, gateway, `pings` pings of 64 to 1400 bytes. True when nothing was lost or
 * wrong; *result says what was in any case. */
bool net_selftest(struct em *em, unsigned pings, struct net_result *result);

#endif
