/* SPDX-License-Identifier: BSD-2-Clause */
#include "vhost.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "qemu.h"

/* Numbers of the vhost-user protocol, as its specification has them. */
enum {
    GET_FEATURES = 1,
    SET_MEM_TABLE = 5,
    GET_VRING_BASE = 11,
    GET_PROTOCOL_FEATURES = 15,
    GET_QUEUE_NUM = 17,
    SET_BACKEND_CHANNEL = 21,
    IOTLB_MESSAGE = 22,
    GET_CONFIG = 24,
    BACKEND_IOTLB_MESSAGE = 1, /* on the channel in the other direction */
};
enum { VERSION = 1, IS_REPLY = 4, NEEDS_REPLY = 8 };
enum { MISS = 1, UPDATE = 2, INVALIDATE = 3 };
#define FEATURES          (UINT64_C(1) << 30 | UINT64_C(1) << 32 | UINT64_C(1) << 33)
#define PROTOCOL_FEATURES (UINT64_C(1) << 3 | UINT64_C(1) << 5 | UINT64_C(1) << 9)

#define MOST_REGIONS       8
#define MOST_INVALIDATIONS 256
#define PATIENCE_MS        10000

struct header {
    uint32_t request, flags, size;
};

struct iotlb {
    uint64_t iova, size, address;
    uint8_t access, kind;
    uint8_t fill[6];
};

struct region {
    uint64_t physical, size, address, offset;
};

struct message {
    struct header header;
    union {
        uint64_t number;
        struct iotlb iotlb;
        struct {
            uint32_t count, fill;
            struct region region[MOST_REGIONS];
        } memory;
        uint8_t bytes[512];
    } body;
    int file; /* that came along; -1: none */
};

struct vhost {
    char path[64];
    int listening, socket;
    int channel; /* to ask QEMU something; -1: not yet */
    int quit[2]; /* a pipe that ends the thread */
    pthread_t thread;
    pthread_mutex_t lock; /* for all below */
    struct region region[MOST_REGIONS];
    unsigned regions;
    struct iotlb update;
    bool updated;
    struct vhost_invalidation invalidation[MOST_INVALIDATIONS];
    unsigned first, last;
};

/* ---- Messages -------------------------------------------------------------------------------- */

static bool readable(struct vhost *v, int file)
{
    struct pollfd wait[2] = { { .fd = file, .events = POLLIN },
                              { .fd = v->quit[0], .events = POLLIN } };

    while (poll(wait, 2, -1) < 0) {
        if (errno != EINTR)
            return false;
    }
    return wait[1].revents == 0;
}

static bool receive_rest(struct vhost *v, void *to, size_t size)
{
    for (uint8_t *at = to; size > 0;) {
        ssize_t got;

        if (!readable(v, v->socket))
            return false;
        got = recv(v->socket, at, size, 0);
        if (got <= 0)
            return false;
        at += got;
        size -= (size_t)got;
    }
    return true;
}

/* The header comes with the file that belongs to the message. */
static bool receive(struct vhost *v, struct message *m)
{
    char control[CMSG_SPACE(MOST_REGIONS * sizeof(int))];
    struct iovec part = { .iov_base = &m->header, .iov_len = sizeof(m->header) };
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
    };

    memset(m, 0, sizeof(*m));
    m->file = -1;
    if (!readable(v, v->socket) ||
        recvmsg(v->socket, &message, MSG_CMSG_CLOEXEC) != sizeof(m->header))
        return false;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL; c = CMSG_NXTHDR(&message, c)) {
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        int files[MOST_REGIONS];

        memcpy(files, CMSG_DATA(c), count * sizeof(int));
        /* Memory and queues' events are of no use here. */
        for (size_t i = 0; i < count; i++) {
            if (m->header.request == SET_BACKEND_CHANNEL && i == 0)
                m->file = files[i];
            else
                close(files[i]);
        }
    }
    return m->header.size <= sizeof(m->body) && receive_rest(v, &m->body, m->header.size);
}

/* One behind the other; in memory the body is aligned. */
static bool send_parts(int socket, struct header *header, void *body, size_t size)
{
    struct iovec parts[2] = { { header, sizeof(*header) }, { body, size } };
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };

    return sendmsg(socket, &message, MSG_NOSIGNAL) == (ssize_t)(sizeof(*header) + size);
}

static void answer(struct vhost *v, struct message *m, uint32_t size)
{
    m->header.flags = VERSION | IS_REPLY;
    m->header.size = size;
    send_parts(v->socket, &m->header, &m->body, size);
}

static void take_iotlb(struct vhost *v, const struct iotlb *iotlb)
{
    pthread_mutex_lock(&v->lock);
    if (iotlb->kind == UPDATE) {
        v->update = *iotlb;
        v->updated = true;
    } else if (iotlb->kind == INVALIDATE && v->last - v->first < MOST_INVALIDATIONS) {
        v->invalidation[v->last++ % MOST_INVALIDATIONS] =
            (struct vhost_invalidation){ iotlb->iova, iotlb->size };
    }
    pthread_mutex_unlock(&v->lock);
}

static void take_memory(struct vhost *v, const struct message *m)
{
    pthread_mutex_lock(&v->lock);
    v->regions = m->body.memory.count < MOST_REGIONS ? m->body.memory.count : MOST_REGIONS;
    memcpy(v->region, m->body.memory.region, v->regions * sizeof(v->region[0]));
    pthread_mutex_unlock(&v->lock);
}

static void take_channel(struct vhost *v, int file)
{
    pthread_mutex_lock(&v->lock);
    if (v->channel >= 0)
        close(v->channel);
    v->channel = file;
    pthread_mutex_unlock(&v->lock);
}

static void serve(struct vhost *v, struct message *m)
{
    bool wants = (m->header.flags & NEEDS_REPLY) != 0;

    switch (m->header.request) {
    case GET_FEATURES:
        m->body.number = FEATURES;
        answer(v, m, sizeof(m->body.number));
        return;
    case GET_PROTOCOL_FEATURES:
        m->body.number = PROTOCOL_FEATURES;
        answer(v, m, sizeof(m->body.number));
        return;
    case GET_QUEUE_NUM:
        m->body.number = 1;
        answer(v, m, sizeof(m->body.number));
        return;
    case GET_VRING_BASE:
    case GET_CONFIG: /* of a disk without sectors */
        answer(v, m, m->header.size);
        return;
    case SET_MEM_TABLE:
        take_memory(v, m);
        break;
    case SET_BACKEND_CHANNEL:
        take_channel(v, m->file);
        break;
    case IOTLB_MESSAGE:
        take_iotlb(v, &m->body.iotlb);
        break;
    default: /* queues' addresses and events: nothing is ever transferred */
        break;
    }
    if (wants) {
        m->body.number = 0;
        answer(v, m, sizeof(m->body.number));
    }
}

static void *speak(void *argument)
{
    struct vhost *v = argument;
    struct message m;

    if (!readable(v, v->listening))
        return NULL;
    v->socket = accept4(v->listening, NULL, NULL, SOCK_CLOEXEC);
    while (v->socket >= 0 && receive(v, &m))
        serve(v, &m);
    return NULL;
}

/* ---- From outside ---------------------------------------------------------------------------- */

struct vhost *vhost_open(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct vhost *v = calloc(1, sizeof(*v));

    if (v == NULL)
        abort();
    v->socket = -1;
    v->channel = -1;
    snprintf(v->path, sizeof(v->path), "/tmp/udmar-vhost-XXXXXX");
    if (mkdtemp(v->path) == NULL || pipe(v->quit) != 0)
        qemu_wrong("cannot make a folder in /tmp");
    strcat(v->path, "/s");
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", v->path);
    v->listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (v->listening < 0 || bind(v->listening, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(v->listening, 1) != 0)
        qemu_wrong("cannot listen at %s", v->path);
    pthread_mutex_init(&v->lock, NULL);
    if (pthread_create(&v->thread, NULL, speak, v) != 0)
        qemu_wrong("cannot start a thread");
    return v;
}

const char *vhost_path(const struct vhost *v)
{
    return v->path;
}

void vhost_close(struct vhost *v)
{
    (void)!write(v->quit[1], "", 1);
    pthread_join(v->thread, NULL);
    unlink(v->path);
    *strrchr(v->path, '/') = '\0';
    rmdir(v->path);
    if (v->socket >= 0)
        close(v->socket);
    if (v->channel >= 0)
        close(v->channel);
    close(v->listening);
    close(v->quit[0]);
    close(v->quit[1]);
    pthread_mutex_destroy(&v->lock);
    free(v);
}

static int channel_of(struct vhost *v)
{
    int channel;

    pthread_mutex_lock(&v->lock);
    channel = v->channel;
    pthread_mutex_unlock(&v->lock);
    return channel;
}

bool vhost_ready(struct vhost *v)
{
    bool ready;

    pthread_mutex_lock(&v->lock);
    ready = v->channel >= 0 && v->regions > 0;
    pthread_mutex_unlock(&v->lock);
    return ready;
}

/* QEMU names memory by its own addresses. */
static uint64_t physical_of(const struct vhost *v, uint64_t address)
{
    for (unsigned i = 0; i < v->regions; i++) {
        if (address - v->region[i].address < v->region[i].size)
            return address - v->region[i].address + v->region[i].physical;
    }
    return UINT64_MAX;
}

bool vhost_translate(struct vhost *v, uint64_t iova, bool write, struct vhost_translation *out)
{
    struct header header = { BACKEND_IOTLB_MESSAGE, VERSION | NEEDS_REPLY, sizeof(struct iotlb) };
    struct iotlb miss = { .iova = iova, .access = write ? 2 : 1, .kind = MISS };
    uint8_t said[sizeof(header) + sizeof(uint64_t)];
    struct pollfd wait = { .fd = channel_of(v), .events = POLLIN };
    bool updated;

    _Static_assert(sizeof(struct iotlb) == 32, "as on the wire");
    pthread_mutex_lock(&v->lock);
    v->updated = false;
    pthread_mutex_unlock(&v->lock);
    if (!send_parts(wait.fd, &header, &miss, sizeof(miss)) || poll(&wait, 1, PATIENCE_MS) != 1 ||
        recv(wait.fd, said, sizeof(said), MSG_WAITALL) != sizeof(said))
        qemu_wrong("QEMU does not answer a translation request");
    pthread_mutex_lock(&v->lock);
    updated = v->updated;
    if (updated)
        *out = (struct vhost_translation){ v->update.iova, v->update.size,
                                           physical_of(v, v->update.address) };
    pthread_mutex_unlock(&v->lock);
    return updated;
}

bool vhost_take_invalidation(struct vhost *v, struct vhost_invalidation *out)
{
    bool any;

    pthread_mutex_lock(&v->lock);
    any = v->first != v->last;
    if (any)
        *out = v->invalidation[v->first++ % MOST_INVALIDATIONS];
    pthread_mutex_unlock(&v->lock);
    return any;
}
