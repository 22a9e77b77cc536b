// SPDX-License-Identifier: BSD-2-Clause
/*
 * A plugin for QEMU that counts guest instructions between two marks. A mark is a long NOP that no
 * compiler makes: 0f 1f 84 00, the number of the mark (1 begins, 2 ends), "mdu". A processor that
 * idles executes nothing, so waiting is not counted.
 *
 *   -plugin file=count.so,out=FILE               one line for each pair of marks: "count N"
 *   -plugin file=count.so,out=FILE,by=address    and "at ADDRESS N" for each instruction
 *
 * For machines whose processors share one emulator thread.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin_api.h"

#define PLACES (UINT64_C(1) << 21)

struct place {
    uint64_t address; /* 0: free */
    uint64_t before;  /* count at the last mark that began */
};

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

/* Counters: one for each place, and behind them the sum. */
#define TOTAL    PLACES
#define COUNTERS (PLACES + 1)
static uint64_t *counts;                      /* version 1 of the interface */
static struct qemu_plugin_scoreboard *scores; /* later ones */
static uint64_t total_before;
static struct place *places; /* null: only the sum */
static uint64_t used;
static FILE *out;

/* QEMU looks at the version when the file is loaded, and not before. */
__attribute__((constructor)) static void find_version(void)
{
    if (qemu_plugin_register_vcpu_syscall_filter_cb != NULL) {
        qemu_plugin_version = 7;
    } else if (qemu_plugin_scoreboard_new != NULL) {
        qemu_plugin_version = 4;
    }
}

static uint64_t read_counter(uint64_t index)
{
    return scores == NULL
               ? counts[index]
               : qemu_plugin_u64_sum((qemu_plugin_u64){ scores, index * sizeof(uint64_t) });
}

static void count_at(struct qemu_plugin_insn *insn, uint64_t index)
{
    if (scores == NULL) {
        qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, &counts[index],
                                                   1);
    } else {
        qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(
            insn, QEMU_PLUGIN_INLINE_ADD_U64, (qemu_plugin_u64){ scores, index * sizeof(uint64_t) },
            1);
    }
}

static void begin(unsigned vcpu, void *argument)
{
    (void)vcpu, (void)argument;
    for (uint64_t i = 0; places != NULL && i < PLACES; i++) {
        if (places[i].address != 0) {
            places[i].before = read_counter(i);
        }
    }
    total_before = read_counter(TOTAL);
}

static void end(unsigned vcpu, void *argument)
{
    (void)vcpu, (void)argument;
    /* Of the two marks one has been counted. */
    fprintf(out, "count %llu\n", (unsigned long long)(read_counter(TOTAL) - total_before - 1));
    for (uint64_t i = 0; places != NULL && i < PLACES; i++) {
        uint64_t count = places[i].address == 0 ? 0 : read_counter(i) - places[i].before;

        if (count != 0) {
            fprintf(out, "at %llx %llu\n", (unsigned long long)places[i].address,
                    (unsigned long long)count);
        }
    }
    fflush(out);
}

static uint64_t counter_of(uint64_t address)
{
    uint64_t i = (address * UINT64_C(0x9e3779b97f4a7c15)) >> 43;

    while (places[i].address != address && places[i].address != 0) {
        i = (i + 1) % PLACES;
    }
    if (places[i].address == 0) {
        if (++used == PLACES / 2) {
            fprintf(stderr, "count: too many different instructions\n");
            exit(1);
        }
        places[i].address = address;
    }
    return i;
}

/* The first @size bytes of an instruction that has them. */
static void read_bytes(struct qemu_plugin_insn *insn, unsigned char *bytes, size_t size)
{
    const void *data = qemu_plugin_insn_data(insn, bytes, size);

    if (scores == NULL) {
        memcpy(bytes, data, size);
    }
}

static void translated(struct qemu_plugin_tb *tb, void *argument)
{
    size_t count = qemu_plugin_tb_n_insns(tb);

    (void)argument;
    for (size_t i = 0; i < count; i++) {
        static const unsigned char mark[] = { 0x0f, 0x1f, 0x84, 0x00 };
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        unsigned char bytes[8] = { 0 };

        count_at(insn, TOTAL);
        if (places != NULL) {
            count_at(insn, counter_of(qemu_plugin_insn_vaddr(insn)));
        }
        if (qemu_plugin_insn_size(insn) != sizeof(bytes)) {
            continue;
        }
        read_bytes(insn, bytes, sizeof(bytes));
        if (memcmp(bytes, mark, sizeof(mark)) == 0 && memcmp(bytes + 5, "mdu", 3) == 0 &&
            (bytes[4] == 1 || bytes[4] == 2)) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, bytes[4] == 1 ? begin : end,
                                                   QEMU_PLUGIN_CB_NO_REGS, NULL);
        }
    }
}

static void translated_until_6(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    translated(tb, NULL);
}

static bool make_counters(bool by_address)
{
    if (qemu_plugin_version > 1) {
        scores = qemu_plugin_scoreboard_new(COUNTERS * sizeof(uint64_t));
    } else {
        counts = calloc(COUNTERS, sizeof(*counts));
    }
    if (by_address) {
        places = calloc(PLACES, sizeof(*places));
    }
    return (scores != NULL || counts != NULL) && (places != NULL) == by_address;
}

__attribute__((visibility("default"))) int
qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t *info, int argc, char **argv)
{
    bool by_address = false;

    (void)info;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "out=", 4) == 0 && out == NULL) {
            out = fopen(argv[i] + 4, "w");
        } else if (strcmp(argv[i], "by=address") == 0) {
            by_address = true;
        } else {
            fprintf(stderr, "count: what is %s?\n", argv[i]);
            return -1;
        }
    }
    if (out == NULL) {
        fprintf(stderr, "count: out=FILE is missing or cannot be written\n");
        return -1;
    }
    if (!make_counters(by_address)) {
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(
        id,
        qemu_plugin_version < 7 ? (void (*)(void))translated_until_6 : (void (*)(void))translated,
        NULL);
    return 0;
}
