/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The few functions of QEMU's plugin interface that count.c calls. Debian has no package with
 * QEMU's own header, so the facts are declared anew: names, types and numbers are those that QEMU's
 * documentation of TCG plugins gives. Version 1 of the interface is in releases 4.2 to 8.2,
 * versions 3 to 6 from 9.1 on, and version 7 in 11; what only some of them have is weak, and null
 * in the others.
 */
#ifndef UDMAR_TESTS_PLUGIN_API_H
#define UDMAR_TESTS_PLUGIN_API_H

#include <stddef.h>
#include <stdint.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;

enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS = 0 };
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 = 0 };

/* What QEMU looks for in the file. */
extern int qemu_plugin_version;
int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t *info, int argc, char **argv);

/* Up to version 6 the callback gets (id, tb), and there is no @argument; from 7 on (tb, argument).
 */
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, void (*translated)(void),
                                           void *argument);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
/* Version 1 returns the bytes; later ones copy them to @to and return how many. */
void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *to, size_t size);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
                                            void (*executed)(unsigned vcpu, void *argument),
                                            enum qemu_plugin_cb_flags flags, void *argument);

/* Version 1. */
__attribute__((weak)) void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn,
                                                                      enum qemu_plugin_op op,
                                                                      void *counter,
                                                                      uint64_t amount);

/* From version 7 on; not called. */
__attribute__((weak)) void qemu_plugin_register_vcpu_syscall_filter_cb(void);

/* Later ones: each processor has an element of its own. */
struct qemu_plugin_scoreboard;
typedef struct {
    struct qemu_plugin_scoreboard *score;
    size_t offset; /* in the element */
} qemu_plugin_u64;
__attribute__((weak)) struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t element);
__attribute__((weak)) uint64_t qemu_plugin_u64_sum(qemu_plugin_u64 counter);
__attribute__((weak)) void
qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(struct qemu_plugin_insn *insn,
                                                    enum qemu_plugin_op op, qemu_plugin_u64 counter,
                                                    uint64_t amount);

#endif
