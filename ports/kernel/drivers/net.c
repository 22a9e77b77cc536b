/* SPDX-License-Identifier: BSD-2-Clause */
#include "net.h"

#include "kmem.h"
#include "kprintf.h"
#include "kstring.h"
#include "ktime.h"

enum { ETHER_SIZE = 14, ETHER_IP = 0x0800, ETHER_ARP = 0x0806 };
enum { ARP_SIZE = 28, ARP_REQUEST = 1, ARP_REPLY = 2 };
enum { IP_SIZE = 20, IP_ICMP = 1, IP_UDP = 17 };
enum { ICMP_SIZE = 8, ICMP_ECHO_REPLY = 0, ICMP_ECHO = 8, ICMP_ID = 0x7564 };
enum { UDP_SIZE = 8, BOOTP_SERVER = 67, BOOTP_CLIENT = 68 };
enum { BOOTP_SIZE = 236, BOOTP_REQUEST = 1, BOOTP_REPLY = 2, DHCP_OPTIONS = BOOTP_SIZE + 4 };
enum { DHCP_DISCOVER = 1, DHCP_OFFER = 2, DHCP_REQUEST = 3, DHCP_ACK = 5 };
enum {
    OPTION_PAD = 0,
    OPTION_ROUTER = 3,
    OPTION_ADDRESS = 50,
    OPTION_TYPE = 53,
    OPTION_SERVER = 54,
    OPTION_END = 255
};

#define DHCP_COOKIE    UINT32_C(0x63825363)
#define DHCP_EXCHANGE  UINT32_C(0x75646d61)
#define IP_BROADCAST   UINT32_C(0xffffffff)
/* A packet may be lost, so it is sent TRIES times. */
#define ANSWER_TIMEOUT (DEVICE_PATIENCE / 4)

enum { TRIES = 3, PAGE_TAIL = 20, IN_SIZE = 2048, BOOTP_PACKET = 300 };

static const uint8_t mac_broadcast[EM_MAC_SIZE] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

/* ---- bytes in network order ---- */

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value & 0xffff);
}

static unsigned get16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

/* The Internet's sum of words, as it goes into headers. */
static unsigned checksum(const uint8_t *data, size_t size)
{
    uint32_t sum = 0;
    size_t i;

    for (i = 0; i + 1 < size; i += 2)
        sum += get16(data + i);
    if (i < size)
        sum += (uint32_t)data[i] << 8;
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return ~sum & 0xffff;
}

/* ---- frames ---- */

bool net_open(struct net *net, struct em *em)
{
    memset(net, 0, sizeof(*net));
    net->em = em;
    /* Sending from across a page border makes the driver use several descriptors for a frame. */
    net->out = vm_alloc_scattered(2 * PAGE_SIZE);
    net->in = kmalloc(IN_SIZE);
    if (net->out != NULL && net->in != NULL)
        return true;
    net_close(net);
    return false;
}

void net_close(struct net *net)
{
    vm_free(net->out);
    kfree(net->in);
    net->out = net->in = NULL;
}

/* Where the next frame begins: its header in one page, nearly all else in the next. */
static uint8_t *frame_begin(struct net *net, const uint8_t to[EM_MAC_SIZE], unsigned type)
{
    uint8_t *frame = net->out + PAGE_SIZE - PAGE_TAIL;

    memset(frame, 0, EM_FRAME_MAX);
    memcpy(frame, to, EM_MAC_SIZE);
    memcpy(frame + 6, em_mac(net->em), EM_MAC_SIZE);
    put16(frame + 12, type);
    return frame;
}

static bool frame_send(struct net *net, const uint8_t *frame, size_t size)
{
    enum driver_status status = em_transmit(net->em, frame, size);

    if (status != DRIVER_OK)
        kprintf("net: frame not sent: %s\n", driver_status_text(status));
    return status == DRIVER_OK;
}

/* Fills in the IP header of a packet with `size` bytes behind it. */
static void ip_header(struct net *net, uint8_t *ip, uint32_t to, unsigned protocol, size_t size)
{
    ip[0] = 0x45; /* version 4, five words */
    put16(ip + 2, (unsigned)(IP_SIZE + size));
    put16(ip + 4, net->sequence);
    ip[8] = 64; /* hops */
    ip[9] = (uint8_t)protocol;
    put32(ip + 12, net->address);
    put32(ip + 16, to);
    put16(ip + 10, checksum(ip, IP_SIZE));
}

/* A received IP packet of this protocol: what is behind its header, and how much. Null for
 * anything else or anything that does not add up. */
static const uint8_t *ip_accept(const uint8_t *frame, size_t size, unsigned protocol,
                                size_t *out_size)
{
    const uint8_t *ip = frame + ETHER_SIZE;
    size_t header, total;

    if (size < ETHER_SIZE + IP_SIZE || get16(frame + 12) != ETHER_IP || ip[0] >> 4 != 4)
        return NULL;
    header = (size_t)(ip[0] & 0xf) * 4;
    total = get16(ip + 2);
    if (header < IP_SIZE || total < header || total > size - ETHER_SIZE || ip[9] != protocol ||
        checksum(ip, header) != 0)
        return NULL;
    *out_size = total - header;
    return ip + header;
}

/* Hands frames to `accept` until it takes one or the time is over. */
static bool wait_for(struct net *net, bool (*accept)(struct net *, const uint8_t *, size_t, void *),
                     void *arg)
{
    uint64_t deadline = time_ns() + ANSWER_TIMEOUT;
    uint64_t now = time_ns();

    do {
        size_t size = em_receive(net->em, net->in, IN_SIZE, deadline > now ? deadline - now : 0);

        if (size >= ETHER_SIZE && accept(net, net->in, size, arg))
            return true;
        now = time_ns();
    } while (now < deadline);
    return false;
}

/* ---- ARP ---- */

struct arp_query {
    uint32_t address;
    uint8_t *mac;
};

static bool arp_accept(struct net *net, const uint8_t *frame, size_t size, void *arg)
{
    const struct arp_query *query = arg;
    const uint8_t *arp = frame + ETHER_SIZE;

    (void)net;
    if (size < ETHER_SIZE + ARP_SIZE || get16(frame + 12) != ETHER_ARP ||
        get16(arp + 6) != ARP_REPLY || get32(arp + 14) != query->address)
        return false;
    memcpy(query->mac, arp + 8, EM_MAC_SIZE);
    return true;
}

static bool arp_ask(struct net *net, uint32_t address)
{
    uint8_t *frame = frame_begin(net, mac_broadcast, ETHER_ARP);
    uint8_t *arp = frame + ETHER_SIZE;

    put16(arp, 1); /* Ethernet */
    put16(arp + 2, ETHER_IP);
    arp[4] = EM_MAC_SIZE;
    arp[5] = 4;
    put16(arp + 6, ARP_REQUEST);
    memcpy(arp + 8, em_mac(net->em), EM_MAC_SIZE);
    put32(arp + 14, net->address);
    put32(arp + 24, address);
    return frame_send(net, frame, ETHER_SIZE + ARP_SIZE);
}

bool net_arp(struct net *net, uint32_t address, uint8_t mac[EM_MAC_SIZE])
{
    struct arp_query query = { address, mac };
    unsigned i;

    for (i = 0; i < TRIES; i++)
        if (arp_ask(net, address) && wait_for(net, arp_accept, &query))
            return true;
    return false;
}

/* ---- DHCP ---- */

struct dhcp_answer {
    unsigned type; /* expected */
    uint32_t address, server, router;
};

/* The option's contents, null when it is absent or shorter than `least`. */
static const uint8_t *dhcp_option(const uint8_t *at, const uint8_t *end, unsigned code,
                                  unsigned least)
{
    while (at < end && *at != OPTION_END) {
        if (*at == OPTION_PAD) {
            at++;
            continue;
        }
        if (end - at < 2 || end - at - 2 < at[1])
            return NULL;
        if (*at == code)
            return at[1] >= least ? at + 2 : NULL;
        at += 2 + at[1];
    }
    return NULL;
}

static bool dhcp_accept(struct net *net, const uint8_t *frame, size_t size, void *arg)
{
    struct dhcp_answer *answer = arg;
    size_t length;
    const uint8_t *udp = ip_accept(frame, size, IP_UDP, &length);
    const uint8_t *bootp, *end, *type, *server, *router;

    if (udp == NULL || length < UDP_SIZE + DHCP_OPTIONS || get16(udp + 2) != BOOTP_CLIENT)
        return false;
    bootp = udp + UDP_SIZE;
    end = udp + length;
    if (bootp[0] != BOOTP_REPLY || get32(bootp + 4) != DHCP_EXCHANGE ||
        memcmp(bootp + 28, em_mac(net->em), EM_MAC_SIZE) != 0 ||
        get32(bootp + BOOTP_SIZE) != DHCP_COOKIE)
        return false;
    type = dhcp_option(bootp + DHCP_OPTIONS, end, OPTION_TYPE, 1);
    server = dhcp_option(bootp + DHCP_OPTIONS, end, OPTION_SERVER, 4);
    router = dhcp_option(bootp + DHCP_OPTIONS, end, OPTION_ROUTER, 4);
    if (type == NULL || *type != answer->type || server == NULL)
        return false;
    answer->address = get32(bootp + 16);
    answer->server = get32(server);
    answer->router = router != NULL ? get32(router) : answer->server;
    return true;
}

static uint8_t *dhcp_put_option32(uint8_t *at, unsigned code, uint32_t value)
{
    at[0] = (uint8_t)code;
    at[1] = 4;
    put32(at + 2, value);
    return at + 6;
}

/* Discover, or with an offer in *offer the request for what it offers. */
static bool dhcp_ask(struct net *net, unsigned type, const struct dhcp_answer *offer)
{
    uint8_t *frame = frame_begin(net, mac_broadcast, ETHER_IP);
    uint8_t *ip = frame + ETHER_SIZE;
    uint8_t *udp = ip + IP_SIZE;
    uint8_t *bootp = udp + UDP_SIZE;
    uint8_t *option = bootp + DHCP_OPTIONS;

    bootp[0] = BOOTP_REQUEST;
    bootp[1] = 1; /* Ethernet */
    bootp[2] = EM_MAC_SIZE;
    put32(bootp + 4, DHCP_EXCHANGE);
    put16(bootp + 10, 0x8000); /* answer by broadcast */
    memcpy(bootp + 28, em_mac(net->em), EM_MAC_SIZE);
    put32(bootp + BOOTP_SIZE, DHCP_COOKIE);
    option[0] = OPTION_TYPE;
    option[1] = 1;
    option[2] = (uint8_t)type;
    option += 3;
    if (offer != NULL) {
        option = dhcp_put_option32(option, OPTION_ADDRESS, offer->address);
        option = dhcp_put_option32(option, OPTION_SERVER, offer->server);
    }
    *option = OPTION_END;

    put16(udp, BOOTP_CLIENT);
    put16(udp + 2, BOOTP_SERVER);
    put16(udp + 4, UDP_SIZE + BOOTP_PACKET); /* no checksum: 0 */
    ip_header(net, ip, IP_BROADCAST, IP_UDP, UDP_SIZE + BOOTP_PACKET);
    return frame_send(net, frame, ETHER_SIZE + IP_SIZE + UDP_SIZE + BOOTP_PACKET);
}

static bool dhcp_exchange(struct net *net, struct dhcp_answer *offer, struct dhcp_answer *ack)
{
    return dhcp_ask(net, DHCP_DISCOVER, NULL) && wait_for(net, dhcp_accept, offer) &&
           dhcp_ask(net, DHCP_REQUEST, offer) && wait_for(net, dhcp_accept, ack);
}

bool net_dhcp(struct net *net)
{
    unsigned i;

    net->address = 0; /* one who has no address says so */
    for (i = 0; i < TRIES; i++) {
        struct dhcp_answer offer = { .type = DHCP_OFFER };
        struct dhcp_answer ack = { .type = DHCP_ACK };

        if (!dhcp_exchange(net, &offer, &ack))
            continue;
        net->address = ack.address;
        net->gateway = ack.router;
        return true;
    }
    return false;
}

/* ---- ICMP echo ---- */

struct echo {
    size_t size;
    bool wrong;
};

/* Differs from ping to ping, so that an old answer in a reused buffer is noticed. */
static uint8_t echo_byte(unsigned sequence, size_t i)
{
    return (uint8_t)(i * 7 + i / 256 + sequence * 13);
}

static bool echo_accept(struct net *net, const uint8_t *frame, size_t size, void *arg)
{
    struct echo *echo = arg;
    size_t length, i;
    const uint8_t *icmp = ip_accept(frame, size, IP_ICMP, &length);

    if (icmp == NULL || length < ICMP_SIZE || icmp[0] != ICMP_ECHO_REPLY ||
        get16(icmp + 4) != ICMP_ID || get16(icmp + 6) != net->sequence)
        return false;
    echo->wrong = length != ICMP_SIZE + echo->size || checksum(icmp, length) != 0;
    for (i = 0; i < echo->size && !echo->wrong; i++)
        echo->wrong = icmp[ICMP_SIZE + i] != echo_byte(net->sequence, i);
    return true;
}

enum net_ping net_ping(struct net *net, size_t size)
{
    struct echo echo = { size, false };
    uint8_t *frame = frame_begin(net, net->gateway_mac, ETHER_IP);
    uint8_t *icmp = frame + ETHER_SIZE + IP_SIZE;
    size_t i;

    if (size > NET_PING_MAX)
        return NET_PING_LOST;
    net->sequence++;
    icmp[0] = ICMP_ECHO;
    put16(icmp + 4, ICMP_ID);
    put16(icmp + 6, net->sequence);
    for (i = 0; i < size; i++)
        icmp[ICMP_SIZE + i] = echo_byte(net->sequence, i);
    put16(icmp + 2, checksum(icmp, ICMP_SIZE + size));
    ip_header(net, frame + ETHER_SIZE, net->gateway, IP_ICMP, ICMP_SIZE + size);
    if (!frame_send(net, frame, ETHER_SIZE + IP_SIZE + ICMP_SIZE + size) ||
        !wait_for(net, echo_accept, &echo))
        return NET_PING_LOST;
    return echo.wrong ? NET_PING_WRONG : NET_PING_ANSWERED;
}

/* ---- all of it ---- */

/* Sizes from 64 to 1400, spread over the pings. */
static size_t ping_size(unsigned i, unsigned pings)
{
    return pings < 2 ? 64 : 64 + (size_t)(1400 - 64) * i / (pings - 1);
}

static void run_pings(struct net *net, unsigned pings, struct net_result *result)
{
    unsigned i;

    for (i = 0; i < pings; i++) {
        enum net_ping ping = net_ping(net, ping_size(i, pings));

        result->sent++;
        result->answered += ping == NET_PING_ANSWERED;
        result->wrong += ping == NET_PING_WRONG;
    }
}

bool net_selftest(struct em *em, unsigned pings, struct net_result *result)
{
    struct net net;

    memset(result, 0, sizeof(*result));
    if (!net_open(&net, em)) {
        kprintf("net: no memory\n");
        return false;
    }
    result->lease = net_dhcp(&net);
    if (result->lease)
        result->arp = net_arp(&net, net.gateway, net.gateway_mac);
    if (result->arp)
        run_pings(&net, pings, result);
    result->address = net.address;
    result->gateway = net.gateway;
    net_close(&net);
    return result->arp && result->sent == pings && result->answered == pings;
}
