/* SPDX-License-Identifier: BSD-2-Clause */
#include "qtest.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MEMORY_SIZE    (QTEST_LOW_SIZE + QTEST_HIGH_SIZE)
#define ROM_SIZE       65536
#define PATIENCE_MS    20000
#define MOST_ARGUMENTS 96
#define MOST_POSTED    64

struct qtest {
    pid_t process;
    int socket;
    int memory_file;
    int errors; /* what QEMU prints */
    uint8_t *memory;
    char folder[64];
    unsigned posted; /* answers that nobody has waited for yet */
    char out[2048];  /* bytes not yet sent */
    size_t unsent;
    char line[512]; /* bytes received */
    size_t filled;
};

static void (*loss_handler)(const char *why);

void qtest_on_loss(void (*handler)(const char *why))
{
    loss_handler = handler;
}

static const char *program(void)
{
    const char *named = getenv("UDMAR_QEMU");

    return named != NULL ? named : "qemu-system-x86_64";
}

/* ---- Losing QEMU ----------------------------------------------------------------------------- */

static void path_in(const struct qtest *q, const char *name, char *out, size_t size)
{
    snprintf(out, size, "%s/%s", q->folder, name);
}

static void print_errors(const struct qtest *q)
{
    char text[4096];
    ssize_t got = pread(q->errors, text, sizeof(text) - 1, 0);

    if (got <= 0)
        return;
    text[got] = '\0';
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        fprintf(stderr, "# QEMU: %s\n", line);
}

static void remove_files(const struct qtest *q)
{
    static const char *const names[] = { "rom", "errors", "socket" };
    char path[128];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        path_in(q, names[i], path, sizeof(path));
        (void)unlink(path);
    }
    (void)rmdir(q->folder);
}

static _Noreturn void lost(struct qtest *q, const char *format, ...)
{
    static char why[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(why, sizeof(why), format, arguments);
    va_end(arguments);
    fprintf(stderr, "# qtest: %s\n", why);
    print_errors(q);
    if (q->process > 0) {
        kill(q->process, SIGKILL);
        (void)waitpid(q->process, NULL, 0);
        q->process = 0;
    }
    if (loss_handler != NULL)
        loss_handler(why);
    abort();
}

/* ---- Starting and ending --------------------------------------------------------------------- */

const char *qtest_missing(void)
{
    static char why[128];
    char command[256];

    snprintf(command, sizeof(command), "command -v '%s' >/dev/null 2>&1", program());
    if (system(command) == 0)
        return NULL;
    snprintf(why, sizeof(why), "%s is not there", program());
    return why;
}

/* cli; hlt; jump back to the hlt, at the reset vector and everywhere else a hlt. */
static void write_rom(struct qtest *q)
{
    static const uint8_t reset[] = { 0xfa, 0xf4, 0xeb, 0xfd };
    static uint8_t rom[ROM_SIZE];
    char path[128];
    FILE *file;

    memset(rom, 0xf4, sizeof(rom));
    memcpy(rom + ROM_SIZE - 16, reset, sizeof(reset));
    path_in(q, "rom", path, sizeof(path));
    file = fopen(path, "wb");
    if (file == NULL || fwrite(rom, 1, sizeof(rom), file) != sizeof(rom) || fclose(file) != 0)
        lost(q, "cannot write %s", path);
}

/* Most of the memory is never touched, and so costs nothing. */
static void make_files(struct qtest *q)
{
    char path[128];
    void *memory;

    write_rom(q);
    path_in(q, "errors", path, sizeof(path));
    q->errors = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_APPEND, 0600);
    q->memory_file = memfd_create("udmar-guest", MFD_CLOEXEC);
    if (q->errors < 0 || q->memory_file < 0 || ftruncate(q->memory_file, (off_t)MEMORY_SIZE) != 0)
        lost(q, "cannot make files for QEMU in %s", q->folder);
    memory = mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
                  q->memory_file, 0);
    if (memory == MAP_FAILED)
        lost(q, "cannot map %llu bytes", (unsigned long long)MEMORY_SIZE);
    q->memory = memory;
}

static int listen_at(struct qtest *q)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    path_in(q, "socket", address.sun_path, sizeof(address.sun_path));
    if (listening < 0 || bind(listening, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(listening, 1) != 0)
        lost(q, "cannot listen at %s", address.sun_path);
    return listening;
}

/* In the child: nothing but QEMU, and QEMU not longer than this process. */
static _Noreturn void become_qemu(struct qtest *q, const char *const *arguments)
{
    static char memory[256], qtest[192], rom[128];
    const char *line[MOST_ARGUMENTS] = {
        program(),
        "-machine",
        "q35,accel=tcg,memory-backend=m0",
        "-m",
        "3G",
        "-object",
        memory,
        "-bios",
        rom,
        "-icount",
        "shift=0,sleep=off",
        "-display",
        "none",
        "-nodefaults",
        "-net",
        "none",
        "-qtest",
        qtest,
        "-qtest-log",
        "/dev/null",
    };
    size_t count = 0;

    path_in(q, "rom", rom, sizeof(rom));
    snprintf(qtest, sizeof(qtest), "unix:%s/socket", q->folder);
    snprintf(memory, sizeof(memory),
             "memory-backend-file,id=m0,size=3G,share=on,mem-path=/proc/self/fd/%d",
             q->memory_file);
    (void)fcntl(q->memory_file, F_SETFD, 0);
    while (line[count] != NULL)
        count++;
    while (*arguments != NULL && count + 1 < MOST_ARGUMENTS)
        line[count++] = *arguments++;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(q->errors, STDOUT_FILENO);
    dup2(q->errors, STDERR_FILENO);
    execvp(program(), (char *const *)(uintptr_t)line);
    fprintf(stderr, "%s: %s\n", program(), strerror(errno));
    _exit(127);
}

static void accept_qemu(struct qtest *q, int listening)
{
    struct pollfd wait = { .fd = listening, .events = POLLIN };

    for (int waited = 0; poll(&wait, 1, 100) == 0; waited += 100) {
        if (waitpid(q->process, NULL, WNOHANG) == q->process) {
            q->process = 0;
            lost(q, "QEMU ended before it connected");
        }
        if (waited > PATIENCE_MS)
            lost(q, "QEMU did not connect within %d ms", PATIENCE_MS);
    }
    q->socket = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
    close(listening);
    if (q->socket < 0)
        lost(q, "cannot accept QEMU's connection");
}

struct qtest *qtest_start(const char *const *arguments)
{
    struct qtest *q = calloc(1, sizeof(*q));
    const char *base = getenv("TMPDIR");
    int listening;

    if (q == NULL)
        abort();
    q->socket = -1;
    q->memory_file = -1;
    q->errors = -1;
    /* A socket's name must be short. */
    if (base == NULL || strlen(base) > 40)
        base = "/tmp";
    snprintf(q->folder, sizeof(q->folder), "%s/udmar-qtest-XXXXXX", base);
    if (mkdtemp(q->folder) == NULL)
        lost(q, "cannot make a folder in %s", base);
    make_files(q);
    listening = listen_at(q);
    q->process = fork();
    if (q->process == 0)
        become_qemu(q, arguments);
    if (q->process < 0)
        lost(q, "cannot fork");
    accept_qemu(q, listening);
    /* When it answers, it has opened all files; without names they cannot be left behind. */
    (void)qtest_in32(q, 0xcf8);
    remove_files(q);
    return q;
}

void qtest_end(struct qtest *q)
{
    if (q->process > 0) {
        kill(q->process, SIGKILL);
        (void)waitpid(q->process, NULL, 0);
    }
    if (q->socket >= 0)
        close(q->socket);
    if (q->memory != NULL)
        munmap(q->memory, MEMORY_SIZE);
    if (q->memory_file >= 0)
        close(q->memory_file);
    if (q->errors >= 0)
        close(q->errors);
    free(q);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static uint64_t offset_of(uint64_t physical)
{
    if (physical < QTEST_LOW_SIZE)
        return physical;
    if (physical >= QTEST_HIGH_BASE && physical - QTEST_HIGH_BASE < QTEST_HIGH_SIZE)
        return physical - QTEST_HIGH_BASE + QTEST_LOW_SIZE;
    return UINT64_MAX;
}

uint8_t *qtest_memory(struct qtest *q, uint64_t physical)
{
    uint64_t offset = offset_of(physical);

    return offset == UINT64_MAX ? NULL : q->memory + offset;
}

void qtest_map_page(struct qtest *q, void *address, uint64_t physical)
{
    if (mmap(address, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, q->memory_file,
             (off_t)offset_of(physical)) != address)
        lost(q, "cannot map a page of guest memory");
}

/* ---- The protocol ---------------------------------------------------------------------------- */

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void receive_more(struct qtest *q, uint64_t deadline)
{
    struct pollfd wait = { .fd = q->socket, .events = POLLIN };
    uint64_t now = now_ms();
    ssize_t got;

    if (q->filled == sizeof(q->line))
        lost(q, "QEMU answers with an endless line");
    if (now >= deadline || poll(&wait, 1, (int)(deadline - now)) == 0)
        lost(q, "QEMU did not answer within %d ms", PATIENCE_MS);
    got = recv(q->socket, q->line + q->filled, sizeof(q->line) - q->filled, 0);
    if (got <= 0)
        lost(q, "QEMU has closed the connection (it has crashed or given up)");
    q->filled += (size_t)got;
}

/* The value of the next answer. Notices of interrupts may come in between. */
static uint64_t receive_answer(struct qtest *q)
{
    uint64_t deadline = now_ms() + PATIENCE_MS;

    for (;;) {
        char *end = memchr(q->line, '\n', q->filled);
        uint64_t value = 0;
        bool answer;

        if (end == NULL) {
            receive_more(q, deadline);
            continue;
        }
        *end = '\0';
        answer = strncmp(q->line, "OK", 2) == 0;
        if (answer)
            value = strtoull(q->line + 2, NULL, 16);
        else if (strncmp(q->line, "IRQ ", 4) != 0)
            lost(q, "QEMU answers: %.200s", q->line);
        q->filled -= (size_t)(end + 1 - q->line);
        memmove(q->line, end + 1, q->filled);
        if (answer)
            return value;
    }
}

static void send_all(struct qtest *q)
{
    size_t done = 0;

    while (done < q->unsent) {
        ssize_t sent = send(q->socket, q->out + done, q->unsent - done, MSG_NOSIGNAL);

        if (sent <= 0)
            lost(q, "QEMU has closed the connection (it has crashed or given up)");
        done += (size_t)sent;
    }
    q->unsent = 0;
}

static void finish_all(struct qtest *q, uint64_t *out_last)
{
    send_all(q);
    while (q->posted > 0) {
        q->posted--;
        *out_last = receive_answer(q);
    }
}

static void post(struct qtest *q, const char *format, ...)
{
    va_list arguments;
    uint64_t ignored;

    /* Neither side may wait for the other to read. */
    if (q->posted == MOST_POSTED || q->unsent + 96 > sizeof(q->out))
        finish_all(q, &ignored);
    va_start(arguments, format);
    q->unsent += (size_t)vsnprintf(q->out + q->unsent, 96, format, arguments);
    va_end(arguments);
    q->posted++;
}

static uint64_t finish(struct qtest *q)
{
    uint64_t value = 0;

    finish_all(q, &value);
    return value;
}

uint32_t qtest_read32(struct qtest *q, uint64_t physical)
{
    post(q, "readl 0x%" PRIx64 "\n", physical);
    return (uint32_t)finish(q);
}

uint64_t qtest_read64(struct qtest *q, uint64_t physical)
{
    post(q, "readq 0x%" PRIx64 "\n", physical);
    return finish(q);
}

void qtest_write32(struct qtest *q, uint64_t physical, uint32_t value)
{
    qtest_post32(q, physical, value);
    (void)finish(q);
}

void qtest_write64(struct qtest *q, uint64_t physical, uint64_t value)
{
    qtest_post64(q, physical, value);
    (void)finish(q);
}

void qtest_post32(struct qtest *q, uint64_t physical, uint32_t value)
{
    post(q, "writel 0x%" PRIx64 " 0x%" PRIx32 "\n", physical, value);
}

void qtest_post64(struct qtest *q, uint64_t physical, uint64_t value)
{
    post(q, "writeq 0x%" PRIx64 " 0x%" PRIx64 "\n", physical, value);
}

uint32_t qtest_in32(struct qtest *q, uint16_t port)
{
    post(q, "inl 0x%x\n", port);
    return (uint32_t)finish(q);
}

void qtest_out32(struct qtest *q, uint16_t port, uint32_t value)
{
    post(q, "outl 0x%x 0x%" PRIx32 "\n", port, value);
    (void)finish(q);
}

void qtest_input(struct qtest *q, const char *path, const char *input, unsigned number, bool up)
{
    post(q, "set_irq_in %s %s %u %d\n", path, input, number, up);
    (void)finish(q);
}

size_t qtest_printed(struct qtest *q, size_t offset, char *text, size_t size)
{
    ssize_t got = pread(q->errors, text, size - 1, (off_t)offset);

    text[got > 0 ? got : 0] = '\0';
    return got > 0 ? (size_t)got : 0;
}

bool qtest_has_property(const char *device, const char *property)
{
    char command[512], line[256];
    bool found = false;
    FILE *help;

    snprintf(command, sizeof(command), "%s -device %s,help 2>/dev/null", program(), device);
    help = popen(command, "r");
    while (help != NULL && fgets(line, sizeof(line), help) != NULL) {
        const char *name = line + strspn(line, " ");

        found = found ||
                (strncmp(name, property, strlen(property)) == 0 && name[strlen(property)] == '=');
    }
    if (help != NULL)
        (void)pclose(help);
    return found;
}
