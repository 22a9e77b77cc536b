// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the guest: moves bytes through a driver, and marks for the plugin (count.c) where that
 * begins and ends.
 *
 *   workload disk DEVICE MIB PASSES        reads of 1 MiB past the page cache
 *   workload receive ADDRESS PORT PASSES   all that a peer sends
 *
 * One line for each pass: "pass BYTES".
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK        (1 << 20)
#define MARK(number) __asm__ volatile(".byte 0x0f, 0x1f, 0x84, 0x00, " number ", 0x6d, 0x64, 0x75")

static int fail(const char *what)
{
    perror(what);
    return 1;
}

static int read_disk(const char *device, long chunks, int passes)
{
    int file = open(device, O_RDONLY | O_DIRECT);
    char *buffer = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (file < 0 || buffer == MAP_FAILED) {
        return fail(device);
    }
    /* Pages that lie anywhere, as most programs have them: what is hard for whoever maps them. */
    madvise(buffer, CHUNK, MADV_NOHUGEPAGE);
    memset(buffer, 1, CHUNK);
    for (int pass = 0; pass < passes; pass++) {
        MARK("1");
        for (long i = 0; i < chunks; i++) {
            if (pread(file, buffer, CHUNK, (off_t)i * CHUNK) != CHUNK) {
                return fail("read");
            }
        }
        MARK("2");
        printf("pass %ld\n", chunks * CHUNK);
    }
    return 0;
}

static int receive(const char *address, int port, int passes)
{
    static char buffer[CHUNK / 16];

    for (int pass = 0; pass < passes; pass++) {
        struct sockaddr_in peer = { .sin_family = AF_INET,
                                    .sin_port = htons((unsigned short)port) };
        int connection = socket(AF_INET, SOCK_STREAM, 0);
        long bytes = 0;
        ssize_t got;

        if (inet_aton(address, &peer.sin_addr) == 0 || connection < 0) {
            return fail(address);
        }
        MARK("1");
        if (connect(connection, (struct sockaddr *)&peer, sizeof(peer)) != 0) {
            return fail("connect");
        }
        while ((got = read(connection, buffer, sizeof(buffer))) > 0) {
            bytes += got;
        }
        MARK("2");
        if (got < 0) {
            return fail("receive");
        }
        close(connection);
        printf("pass %ld\n", bytes);
    }
    return 0;
}

int main(int count, char **words)
{
    if (count == 5 && strcmp(words[1], "disk") == 0) {
        return read_disk(words[2], atol(words[3]), atoi(words[4]));
    }
    if (count == 5 && strcmp(words[1], "receive") == 0) {
        return receive(words[2], atoi(words[3]), atoi(words[4]));
    }
    fprintf(stderr, "workload disk DEVICE MIB PASSES | receive ADDRESS PORT PASSES\n");
    return 2;
}
