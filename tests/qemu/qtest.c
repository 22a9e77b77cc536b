/* SPDX-License-Identifier: BSD-2-Clause */
#include "qtest.h"

#include "ability.h"

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
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define MEMORY_SIZE    (QTEST_LOW_SIZE + QTEST_HIGH_SIZE)
#define ROM_SIZE       65536
#define PATIENCE_MS    20000
#define MOST_ARGUMENTS 96
#define MOST_POSTED    64
#define MOST_WATCHED   4
#define LONGEST        128 /* command */

/* A register that is read along with others, see qtest_watch(). */
struct watched {
    uint64_t physical, value;
};

struct qtest {
    pid_t process;
    int socket;
    int memory_file;
    int errors; /* what QEMU prints */
    uint8_t *memory;
    char folder[64];
    bool clock_is_ours;
    unsigned posted;               /* answers that nobody has waited for yet */
    uint64_t *wanted[MOST_POSTED]; /* where each goes; null: nowhere */
    struct watched watched[MOST_WATCHED];
    unsigned watched_count;
    bool watched_known; /* nothing has been asked of QEMU since they were read */
    char out[2048];     /* bytes not yet sent */
    size_t unsent;
    char line[512]; /* bytes received */
    size_t filled;
};

static void (*loss_handler)(const char *why);

void qtest_on_loss(void (*handler)(const char *why))
{
    loss_handler = handler;
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
    const char *const counting[] = { "-accel", "tcg", "-icount", "shift=0,sleep=off", NULL };
    const char *const told[] = { "-accel", "qtest", NULL };
    const char *line[MOST_ARGUMENTS] = {
        qemu_program(), "-machine",   "q35,memory-backend=m0",
        "-m",           "3G",         "-object",
        memory,         "-bios",      rom,
        "-display",     "none",       "-nodefaults",
        "-net",         "none",       "-qtest",
        qtest,          "-qtest-log", "none",
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
    for (const char *const *more = q->clock_is_ours ? told : counting; *more != NULL; more++)
        line[count++] = *more;
    while (*arguments != NULL && count + 1 < MOST_ARGUMENTS)
        line[count++] = *arguments++;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(q->errors, STDOUT_FILENO);
    dup2(q->errors, STDERR_FILENO);
    execvp(qemu_program(), (char *const *)(uintptr_t)line);
    fprintf(stderr, "%s: %s\n", qemu_program(), strerror(errno));
    _exit(127);
}

static void accept_qemu(struct qtest *q, int listening)
{
    const struct timeval patience = { .tv_sec = PATIENCE_MS / 1000 };
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
    if (q->socket < 0 ||
        setsockopt(q->socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0)
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
    q->clock_is_ours = qemu_clock_is_ours();
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

static void receive_more(struct qtest *q)
{
    ssize_t got;

    if (q->filled == sizeof(q->line))
        lost(q, "QEMU answers with an endless line");
    got = recv(q->socket, q->line + q->filled, sizeof(q->line) - q->filled, 0);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        lost(q, "QEMU did not answer within %d ms", PATIENCE_MS);
    if (got <= 0)
        lost(q, "QEMU has closed the connection (it has crashed or given up)");
    q->filled += (size_t)got;
}

/* The value of the next answer. Notices of interrupts may come in between. */
static uint64_t receive_answer(struct qtest *q)
{
    for (;;) {
        char *end = memchr(q->line, '\n', q->filled);
        uint64_t value = 0;
        bool answer;

        if (end == NULL) {
            receive_more(q);
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
    for (unsigned i = 0; i < q->posted; i++) {
        *out_last = receive_answer(q);
        if (q->wanted[i] != NULL)
            *q->wanted[i] = *out_last;
    }
    q->posted = 0;
}

static void post(struct qtest *q, uint64_t *wanted, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void post(struct qtest *q, uint64_t *wanted, const char *format, ...)
{
    va_list arguments;
    uint64_t ignored;

    /* Neither side may wait for the other to read. */
    if (q->posted == MOST_POSTED || q->unsent + LONGEST > sizeof(q->out))
        finish_all(q, &ignored);
    va_start(arguments, format);
    q->unsent += (size_t)vsnprintf(q->out + q->unsent, LONGEST, format, arguments);
    va_end(arguments);
    q->wanted[q->posted++] = wanted;
    q->watched_known = false;
}

static uint64_t finish(struct qtest *q)
{
    uint64_t value = 0;

    finish_all(q, &value);
    return value;
}

void qtest_finish(struct qtest *q)
{
    (void)finish(q);
}

void qtest_watch(struct qtest *q, const uint64_t *physical, unsigned count)
{
    if (!q->clock_is_ours)
        return;
    for (q->watched_count = 0; q->watched_count < count; q->watched_count++)
        q->watched[q->watched_count].physical = physical[q->watched_count];
    q->watched_known = false;
}

static bool find_watched(struct qtest *q, uint64_t physical, uint32_t *out_value)
{
    for (unsigned i = 0; i < q->watched_count; i++) {
        const struct watched *word = &q->watched[i];

        if (physical - word->physical >= sizeof(word->value))
            continue;
        for (unsigned j = 0; !q->watched_known && j < q->watched_count; j++)
            qtest_post_read64(q, q->watched[j].physical, &q->watched[j].value);
        (void)finish(q);
        q->watched_known = true;
        *out_value = (uint32_t)(word->value >> (physical - word->physical) * 8);
        return true;
    }
    return false;
}

uint32_t qtest_read32(struct qtest *q, uint64_t physical)
{
    uint32_t value;

    if (find_watched(q, physical, &value))
        return value;
    post(q, NULL, "readl 0x%" PRIx64 "\n", physical);
    return (uint32_t)finish(q);
}

uint64_t qtest_read64(struct qtest *q, uint64_t physical)
{
    post(q, NULL, "readq 0x%" PRIx64 "\n", physical);
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
    post(q, NULL, "writel 0x%" PRIx64 " 0x%" PRIx32 "\n", physical, value);
}

void qtest_write16(struct qtest *q, uint64_t physical, uint16_t value)
{
    post(q, NULL, "writew 0x%" PRIx64 " 0x%x\n", physical, value);
    (void)finish(q);
}

void qtest_post64(struct qtest *q, uint64_t physical, uint64_t value)
{
    post(q, NULL, "writeq 0x%" PRIx64 " 0x%" PRIx64 "\n", physical, value);
}

void qtest_post_words(struct qtest *q, uint64_t physical, const uint64_t words[4])
{
    const uint8_t *bytes = (const uint8_t *)words;
    char hex[2 * 32 + 1];

    for (unsigned i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    post(q, NULL, "write 0x%" PRIx64 " 32 0x%s\n", physical, hex);
}

void qtest_post_read64(struct qtest *q, uint64_t physical, uint64_t *out_value)
{
    post(q, out_value, "readq 0x%" PRIx64 "\n", physical);
}

bool qtest_post_step(struct qtest *q, uint64_t nanoseconds)
{
    if (q->clock_is_ours)
        post(q, NULL, "clock_step %" PRIu64 "\n", nanoseconds);
    return q->clock_is_ours;
}

uint32_t qtest_in32(struct qtest *q, uint16_t port)
{
    post(q, NULL, "inl 0x%x\n", port);
    return (uint32_t)finish(q);
}

void qtest_out32(struct qtest *q, uint16_t port, uint32_t value)
{
    post(q, NULL, "outl 0x%x 0x%" PRIx32 "\n", port, value);
    (void)finish(q);
}

void qtest_input(struct qtest *q, const char *path, const char *input, unsigned number, bool up)
{
    post(q, NULL, "set_irq_in %s %s %u %d\n", path, input, number, up);
    (void)finish(q);
}

size_t qtest_printed(struct qtest *q, size_t offset, char *text, size_t size)
{
    ssize_t got = pread(q->errors, text, size - 1, (off_t)offset);

    text[got > 0 ? got : 0] = '\0';
    return got > 0 ? (size_t)got : 0;
}
