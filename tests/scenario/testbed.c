/* SPDX-License-Identifier: BSD-2-Clause */
#include "testbed.h"

#include "../empty.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SKIP_REMARK "# the next case is skipped: "

#define SCRATCH_IOVA UINT64_C(0x60000000)

/* Every engine moves this much at a time. */
#define USUAL 96

uint64_t bed_transactions;
static unsigned machines;
static const struct machine_ops *chosen;
static struct testbed *open_bed; /* ended after a test that has failed */

/*
 * One place for all of them; a comment here says more where it matters. Each was found in QEMU 7.2,
 * and is gone in the version that stands behind the words and in later ones.
 */
static const struct {
    const char *words;
    unsigned gone; /* major version; 0: still there in 11 */
} deviations[DEVIATIONS] = {
    [NO_FAULT_ON_CACHED_PERMISSION] = { "an access that a cached entry forbids is stopped, but no "
                                        "fault is recorded",
                                        0 },
    [NO_NOT_PRESENT_CACHING] = { "absence is never cached, with caching mode neither", 0 },
    /* Masks of 8 and more drop all of the domain; smaller ones, every 256th page. */
    [PAGE_REQUEST_FLUSHES_TOO_MUCH] = { "page-selective requests compare the low 8 bits of the "
                                        "page number only",
                                        10 },
    /* Hidden stores make up for it, see host.c in ../qemu. */
    [TABLES_SNOOPED] = { "tables are always coherent, though ECAP.C is 0", 0 },
    [NO_PAGING_STRUCTURE_CACHE] = { "tables above the leaf are not cached: IH = 1 is never wrong",
                                    0 },
    /* From 11 on CAP.ESRTPS says so. */
    [ROOT_POINTER_FLUSHES] = { "SRTP and changes of TE flush everything, though ESRTPS is 0", 11 },
    [LARGE_PAGE_NEAR_INTERRUPTS] = { "a large page that overlaps 0xFEExxxxx is refused as a whole "
                                     "(reason 14)",
                                     0 },
    /* The specification allows both. */
    [TOP_TABLE_BLAMES_CONTEXT] = { "a top table that cannot be read is reason 3 instead of 7", 0 },
    [PASS_THROUGH_UNLIMITED] = { "pass-through does not look at the context's width", 0 },
    [TRANSIENT_BIT_ALLOWED] = { "bit 62 of a leaf is allowed where there are device-TLBs, as in "
                                "old editions",
                                10 },
    [COMPATIBILITY_FORMAT_PASSES] = { "interrupts in compatibility format are never blocked", 0 },
    [INTERRUPT_FAULTS_UNRECORDED] = { "blocked interrupts may leave no fault record", 10 },
    [BUS_RANGE_REVERSED] = { "a range of buses is compared with its ends exchanged", 0 },
    [PIN_SOURCE_UNCHECKED] = { "the source of the I/O APIC's messages is not checked", 0 },
};

static bool deviation_met[DEVIATIONS];

bool bed_deviates(const struct testbed *b, enum deviation which)
{
    unsigned gone = deviations[which].gone;
    bool met = !b->ops->is_model && (gone == 0 || b->ops->version() < gone);

    deviation_met[which] = deviation_met[which] || met;
    return met;
}

/* ---- Machine and instance -------------------------------------------------------------------- */

struct testbed *bed_machine(const struct machine_options *options)
{
    return bed_machine_on(chosen, options);
}

struct testbed *bed_machine_on(const struct machine_ops *ops, const struct machine_options *options)
{
    static const struct machine_options defaults;
    const char *lacking = ops->lacks(options == NULL ? &defaults : options);
    struct testbed *b;

    if (lacking != NULL) {
        printf(SKIP_REMARK "%s\n", lacking);
        skip();
    }
    b = calloc(1, sizeof(*b));
    assert_non_null(b);
    open_bed = b;
    b->ops = ops;
    b->random = 1;
    b->options = options == NULL ? defaults : *options;
    b->device_count = b->options.device_count == 0 ? 1 : b->options.device_count;
    b->machine = b->ops->open(&b->options);
    b->host = (struct host){ b->ops->host, b->ops->inner(b->machine) };
    machines++;
    return b;
}

void bed_create(struct testbed *b, const char *tunables)
{
    const struct udmar_ram_range ram[2] = { { RAM_LOW, RAM_LOW_END - RAM_LOW },
                                            { RAM_HIGH, RAM_HIGH_END - RAM_HIGH } };
    const struct udmar_interrupt_config interrupts = { .x2apic = b->options.wide_ids,
                                                       .wide_exchange = true };
    struct udmar_config config = {
        .table = b->table, .ram = ram, .ram_count = 2, .direct_map = true
    };

    if (b->options.interrupts)
        config.interrupts = &interrupts;

    config.table_size = b->ops->table(b->machine, b->table, sizeof(b->table));
    udmar_tunables_init(&config.tunables);
    config.tunables.enable = true;
    /* The driver takes the narrowest width that does, unless it is told. */
    if (b->options.width == 48)
        assert_int_equal(udmar_tunables_set(&config.tunables, "hw.dmar.width", "48"), UDMAR_OK);
    if (tunables != NULL)
        assert_int_equal(udmar_tunables_parse(&config.tunables, tunables, NULL, NULL), 0);
    assert_int_equal(udmar_create(&b->host, &config, &b->instance), UDMAR_OK);
    b->fault_seen = 0;
}

void bed_start(struct testbed *b)
{
    assert_int_equal(udmar_start(b->instance), UDMAR_OK);
    b->started = true;
    /* What reached memory by physical addresses, or through somebody else's tables, does no more.
     */
    for (unsigned i = 0; i < b->device_count; i++) {
        if (b->device[i] == NULL)
            b->ops->reach(b->machine, i, UINT64_MAX);
    }
}

struct udmar_domain *bed_domain(struct testbed *b, unsigned device)
{
    return udmar_device_domain(b->device[device]);
}

/* Makes the engine's scratch memory reachable for the device, as its mode asks for. */
static void reach_scratch(struct testbed *b, unsigned device)
{
    uint64_t scratch = b->ops->scratch(b->machine, device);
    uint64_t iova = SCRATCH_IOVA + device * SCRATCH_SIZE;
    struct udmar_iova_limits limits = { .lowest = iova, .highest = iova + SCRATCH_SIZE - 1 };
    struct udmar_device_info info;

    udmar_device_info(b->device[device], &info);
    if (!b->started || info.mode == UDMAR_MODE_BLOCKED) {
        iova = UINT64_MAX;
    } else if (info.mode != UDMAR_MODE_TRANSLATE) {
        iova = scratch;
    } else {
        assert_int_equal(
            udmar_domain_alloc_iova(bed_domain(b, device), SCRATCH_SIZE, &limits, &iova), UDMAR_OK);
        bed_map(b, device, iova, scratch, SCRATCH_SIZE, UDMAR_READ_WRITE);
    }
    b->ops->reach(b->machine, device, iova);
}

static void leave_scratch(struct testbed *b, unsigned device)
{
    uint64_t iova = SCRATCH_IOVA + device * SCRATCH_SIZE;
    struct udmar_device_info info;

    udmar_device_info(b->device[device], &info);
    b->ops->reach(b->machine, device, UINT64_MAX);
    if (b->started && info.mode == UDMAR_MODE_TRANSLATE) {
        bed_unmap(b, device, iova, SCRATCH_SIZE);
        assert_int_equal(udmar_domain_free_iova(bed_domain(b, device), iova), UDMAR_OK);
    }
}

void bed_attach(struct testbed *b, unsigned device)
{
    assert_int_equal(udmar_device_attach(b->instance, 0, b->ops->rid(b->machine, device), NULL,
                                         &b->device[device]),
                     UDMAR_OK);
    reach_scratch(b, device);
}

void bed_detach(struct testbed *b, unsigned device)
{
    enum udmar_status status;

    leave_scratch(b, device);
    status = udmar_device_detach(b->device[device]);
    if (status == UDMAR_ERR_BUSY) {
        empty_domain(bed_domain(b, device));
        status = udmar_device_detach(b->device[device]);
    }
    assert_int_equal(status, UDMAR_OK);
    b->device[device] = NULL;
}

void bed_set_mode(struct testbed *b, unsigned device, enum udmar_mode mode)
{
    leave_scratch(b, device);
    empty_domain(udmar_device_domain(b->device[device]));
    assert_int_equal(udmar_device_set_mode(b->device[device], mode), UDMAR_OK);
    reach_scratch(b, device);
}

struct testbed *bed_open(const struct machine_options *options, const char *tunables)
{
    struct testbed *b = bed_machine(options);

    bed_create(b, tunables);
    bed_start(b);
    for (unsigned i = 0; i < b->device_count; i++)
        bed_attach(b, i);
    return b;
}

void bed_stop(struct testbed *b)
{
    for (unsigned i = 0; i < b->device_count; i++) {
        if (b->device[i] != NULL)
            bed_detach(b, i);
    }
    if (b->started)
        assert_int_equal(udmar_stop(b->instance), UDMAR_OK);
    b->started = false;
}

void bed_destroy(struct testbed *b)
{
    if (b->instance == NULL)
        return;
    bed_stop(b);
    assert_int_equal(udmar_destroy(b->instance), UDMAR_OK);
    b->instance = NULL;
    for (unsigned i = 0; i < b->device_count; i++)
        b->ops->reach(b->machine, i, b->ops->scratch(b->machine, i));
}

void bed_close(struct testbed *b)
{
    unsigned complaints;

    bed_destroy(b);
    open_bed = NULL;
    complaints = b->ops->close(b->machine);
    free(b);
    assert_int_equal(complaints, 0);
}

void bed_close_unclean(struct testbed *b)
{
    open_bed = NULL;
    b->ops->abandon(b->machine);
    free(b);
}

void bed_forget(struct testbed *b)
{
    for (unsigned i = 0; i < b->device_count; i++)
        b->device[i] = NULL;
    b->instance = NULL;
    b->started = false;
}

udmar_rid_t bed_source(const struct testbed *b, unsigned device)
{
    switch (b->options.device[device].place) {
    case BEHIND_PCI_BRIDGE:
        return b->ops->bridge(b->machine, device);
    case BEHIND_PCIE_TO_PCI:
        return (udmar_rid_t)(b->ops->rid(b->machine, device) & 0xff00);
    default:
        return b->ops->rid(b->machine, device);
    }
}

uint32_t bed_roll(struct testbed *b)
{
    b->random ^= b->random << 13;
    b->random ^= b->random >> 17;
    b->random ^= b->random << 5;
    return b->random;
}

uint8_t *bed_memory(struct testbed *b, uint64_t physical)
{
    uint8_t *at = b->ops->memory(b->machine, physical);

    assert_non_null(at);
    return at;
}

/* ---- Mappings -------------------------------------------------------------------------------- */

void bed_map(struct testbed *b, unsigned device, uint64_t iova, uint64_t physical, uint64_t size,
             unsigned access)
{
    assert_int_equal(udmar_domain_map(bed_domain(b, device), iova, physical, size, access),
                     UDMAR_OK);
}

void bed_unmap(struct testbed *b, unsigned device, uint64_t iova, uint64_t size)
{
    assert_int_equal(udmar_domain_unmap(bed_domain(b, device), iova, size), UDMAR_OK);
}

/* ---- DMA ------------------------------------------------------------------------------------- */

enum dma_result bed_dma(struct testbed *b, unsigned device, uint64_t iova, void *buffer,
                        size_t length, bool write)
{
    bed_transactions++;
    return b->ops->dma(b->machine, device, iova, buffer, length, write);
}

/* Random bytes, none of them zero: zeros are what a read brings that was stopped. */
static void fill(struct testbed *b, uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)(bed_roll(b) | 1);
}

bool bed_writes(struct testbed *b, unsigned device, uint64_t iova, uint64_t physical, size_t length)
{
    uint8_t *memory = bed_memory(b, physical), sent[4096], before, after;
    bool arrived;

    assert_true(length <= sizeof(sent));
    fill(b, sent, length);
    memset(memory, 0, length);
    /* Neighbours inside the page; scenarios keep away from its ends where they care. */
    before = physical % PAGE != 0 ? memory[-1] : 0;
    after = (physical + length) % PAGE != 0 ? memory[length] : 0;
    arrived = bed_dma(b, device, iova, sent, length, true) == DMA_DONE &&
              memcmp(memory, sent, length) == 0;
    if (physical % PAGE != 0)
        assert_int_equal(memory[-1], before);
    if ((physical + length) % PAGE != 0)
        assert_int_equal(memory[length], after);
    return arrived;
}

bool bed_reads(struct testbed *b, unsigned device, uint64_t iova, uint64_t physical, size_t length)
{
    uint8_t *memory = bed_memory(b, physical), seen[4096];

    assert_true(length <= sizeof(seen));
    fill(b, memory, length);
    return bed_dma(b, device, iova, seen, length, false) == DMA_DONE &&
           memcmp(memory, seen, length) == 0;
}

void bed_reaches(struct testbed *b, unsigned device, uint64_t iova, uint64_t physical)
{
    assert_true(bed_writes(b, device, iova, physical, USUAL));
    assert_true(bed_reads(b, device, iova, physical, USUAL));
    bed_no_fault(b);
}

void bed_reaches_own(struct testbed *b, unsigned device)
{
    uint64_t iova = UINT64_C(0x50000000) + device * MIB(4), physical = HIGH + MIB(40);

    physical += device * PAGE;
    bed_map(b, device, iova, physical, PAGE, UDMAR_READ_WRITE);
    bed_reaches(b, device, iova, physical);
    bed_unmap(b, device, iova, PAGE);
    bed_stopped(b, device, iova, true, NOT_WRITABLE);
}

/* ---- Faults ---------------------------------------------------------------------------------- */

bool bed_take_fault(struct testbed *b, struct udmar_fault *out_fault)
{
    if (b->instance == NULL)
        return false;
    (void)udmar_fault_poll(b->instance);
    if (!udmar_fault_next(b->instance, b->fault_seen, out_fault))
        return false;
    b->fault_seen = out_fault->sequence;
    return true;
}

void bed_no_fault(struct testbed *b)
{
    struct udmar_fault fault;

    if (bed_take_fault(b, &fault))
        fail_msg("unexpected fault: source %04x, address %#llx, reason %u", fault.rid,
                 (unsigned long long)fault.address, fault.reason);
}

static bool must_be_stopped(struct testbed *b, unsigned device, uint64_t iova, bool write,
                            unsigned reason)
{
    uint8_t bytes[USUAL];
    struct udmar_fault fault;
    enum dma_result result;

    fill(b, bytes, sizeof(bytes));
    result = bed_dma(b, device, iova, bytes, sizeof(bytes), write);
    if (!bed_take_fault(b, &fault))
        return false;
    assert_int_equal(result, DMA_BLOCKED);
    assert_int_equal(fault.reason, reason);
    assert_int_equal(fault.rid, bed_source(b, device));
    assert_int_equal(fault.address, iova & ~UDMAR_PAGE_MASK);
    assert_int_equal(fault.access, write ? UDMAR_FAULT_WRITE : UDMAR_FAULT_READ);
    assert_false(fault.overflow);
    /* QEMU fills the PASID field with ones, and rightly says that there is none. */
    assert_false(fault.has_pasid);
    assert_int_equal(fault.pasid, 0);
    bed_no_fault(b);
    return true;
}

void bed_stopped(struct testbed *b, unsigned device, uint64_t iova, bool write, unsigned reason)
{
    if (!must_be_stopped(b, device, iova, write, reason))
        fail_msg("no fault for a %s at %#llx", write ? "write" : "read", (unsigned long long)iova);
}

void bed_stopped_perhaps_silently(struct testbed *b, unsigned device, uint64_t iova, bool write,
                                  unsigned reason)
{
    if (!must_be_stopped(b, device, iova, write, reason))
        assert_true(bed_deviates(b, NO_FAULT_ON_CACHED_PERMISSION));
}

/* ---- Programs -------------------------------------------------------------------------------- */

static void machine_lost(const char *why)
{
    fail_msg("%s", why);
}

bool bed_choose(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "model", *missing;

#ifdef UDMAR_TESTS_WITH_QEMU
    if (strcmp(name, "qemu") == 0)
        chosen = &machine_qemu;
#endif
    if (strcmp(name, "model") == 0)
        chosen = &machine_model;
    if (chosen == NULL) {
        printf("Bail out! no machine is called %s\n", name);
        exit(1);
    }
    missing = chosen->missing();
    if (missing != NULL)
        printf("1..0 # SKIP %s\n", missing);
    else
        chosen->on_loss(machine_lost);
    return missing == NULL;
}

int bed_end_of_test(void **state)
{
    struct testbed *b = open_bed;

    (void)state;
    open_bed = NULL;
    if (b != NULL && b->machine != NULL)
        b->ops->abandon(b->machine);
    free(b);
    return 0;
}

/*
 * cmocka writes "not ok 3 # SKIP name", which readers of TAP take for a failure. A process in
 * between makes it "ok 3 - name # SKIP why".
 */
static void mend_skips(FILE *in)
{
    char line[512], why[256] = "";

    while (fgets(line, sizeof(line), in) != NULL) {
        unsigned number;
        int name = 0;

        line[strcspn(line, "\n")] = '\0';
        (void)sscanf(line, SKIP_REMARK "%255[^\n]", why);
        if (sscanf(line, "not ok %u # SKIP %n", &number, &name) == 1 && name > 0)
            printf("ok %u - %s # SKIP %s\n", number, line + name, why);
        else
            printf("%s\n", line);
        fflush(stdout);
    }
}

static pid_t start_mending(int *out_stdout)
{
    int ends[2];
    pid_t child;

    fflush(stdout);
    *out_stdout = dup(STDOUT_FILENO);
    assert_true(*out_stdout >= 0 && pipe(ends) == 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[1]);
        mend_skips(fdopen(ends[0], "r"));
        _exit(0);
    }
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    return child;
}

static void end_mending(pid_t child, int own)
{
    fflush(stdout);
    dup2(own, STDOUT_FILENO);
    close(own);
    (void)waitpid(child, NULL, 0);
}

int bed_run(int argc, char **argv, const char *group, const struct CMUnitTest *tests, size_t count)
{
    int failed, own;
    pid_t mending;

    if (!bed_choose(argc, argv))
        return 0;
    mending = start_mending(&own);
    failed = _cmocka_run_group_tests(group, tests, count, NULL, NULL);
    end_mending(mending, own);
    if (chosen->version() != 0)
        printf("# %s %u\n", chosen->name, chosen->version());
    printf("# %u machines, %llu transactions\n", machines, (unsigned long long)bed_transactions);
    for (unsigned i = 0; i < DEVIATIONS; i++) {
        if (deviation_met[i])
            printf("# the model alone decides where %s: %s\n", chosen->name, deviations[i].words);
    }
    return failed;
}
