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
    uint64_t count;
    uint64_t before; /* count at the last mark that began */
};

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

static uint64_t total, total_before;
static struct place *places; /* null: only the sum */
static uint64_t used;
static FILE *out;

static void begin(unsigned vcpu, void *argument)
{
    (void)vcpu, (void)argument;
    for (uint64_t i = 0; places != NULL && i < PLACES; i++) {
        places[i].before = places[i].count;
    }
    total_before = total;
}

static void end(unsigned vcpu, void *argument)
{
    (void)vcpu, (void)argument;
    /* Of the two marks one has been counted. */
    fprintf(out, "count %llu\n", (unsigned long long)(total - total_before - 1));
    for (uint64_t i = 0; places != NULL && i < PLACES; i++) {
        if (places[i].count != places[i].before) {
            fprintf(out, "at %llx %llu\n", (unsigned long long)places[i].address,
                    (unsigned long long)(places[i].count - places[i].before));
        }
    }
    fflush(out);
}

static uint64_t *counter_of(uint64_t address)
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
    return &places[i].count;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    size_t count = qemu_plugin_tb_n_insns(tb);

    (void)id;
    for (size_t i = 0; i < count; i++) {
        static const unsigned char mark[] = { 0x0f, 0x1f, 0x84, 0x00 };
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        const unsigned char *bytes = qemu_plugin_insn_data(insn);

        qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, &total, 1);
        if (places != NULL) {
            qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64,
                                                       counter_of(qemu_plugin_insn_vaddr(insn)), 1);
        }
        if (qemu_plugin_insn_size(insn) == 8 && memcmp(bytes, mark, sizeof(mark)) == 0 &&
            memcmp(bytes + 5, "mdu", 3) == 0 && (bytes[4] == 1 || bytes[4] == 2)) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, bytes[4] == 1 ? begin : end,
                                                   QEMU_PLUGIN_CB_NO_REGS, NULL);
        }
    }
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
    if (by_address) {
        places = calloc(PLACES, sizeof(*places));
        if (places == NULL) {
            return -1;
        }
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}
