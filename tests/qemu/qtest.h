/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A QEMU process that is driven over the qtest protocol: registers and ports by lines on a socket,
 * guest memory as a file that both processes have mapped.
 *
 * The guest's processor halts in a ROM of 64 KiB; it is there only so that QEMU's clock runs, on
 * which the DMA timers of devices hang. No wait is without a limit: when QEMU ends, or does not
 * answer in time, its error output is printed and the fatal handler called.
 */
#ifndef UDMAR_TESTS_QTEST_H
#define UDMAR_TESTS_QTEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct qtest;

/* Memory as the machine has it: the low part at 0, the rest from 4 GiB on. */
#define QTEST_LOW_SIZE  (UINT64_C(2) << 30)
#define QTEST_HIGH_BASE (UINT64_C(4) << 30)
#define QTEST_HIGH_SIZE (UINT64_C(1) << 30)

/* Null where QEMU can be run, else why not. */
const char *qtest_missing(void);

/* What to do when QEMU is lost; must not return. Default: abort(). */
void qtest_on_loss(void (*handler)(const char *why));

/*
 * Starts QEMU with a q35 machine and @arguments more, null-terminated. Never returns null.
 * qtest_end() ends the process and waits for it.
 */
struct qtest *qtest_start(const char *const *arguments);
void qtest_end(struct qtest *q);

/* The address at which this process sees guest memory; null where there is none. */
uint8_t *qtest_memory(struct qtest *q, uint64_t physical);

/* Maps one page of guest memory at @address, too (which the caller has reserved). */
void qtest_map_page(struct qtest *q, void *address, uint64_t physical);

uint32_t qtest_read32(struct qtest *q, uint64_t physical);
uint64_t qtest_read64(struct qtest *q, uint64_t physical);
void qtest_write32(struct qtest *q, uint64_t physical, uint32_t value);
void qtest_write64(struct qtest *q, uint64_t physical, uint64_t value);
uint32_t qtest_in32(struct qtest *q, uint16_t port);
void qtest_out32(struct qtest *q, uint16_t port, uint32_t value);

/* Pulls an input of a device up or down; @path, @input as QEMU's object tree names them. */
void qtest_input(struct qtest *q, const char *path, const char *input, unsigned number, bool up);

/* What QEMU has printed from @offset on, at most @size - 1 bytes and a NUL; how many. */
size_t qtest_printed(struct qtest *q, size_t offset, char *text, size_t size);

/* Has a device this property? */
bool qtest_has_property(const char *device, const char *property);

/*
 * The same, but without waiting for the answer: QEMU does these in order, and before anything that
 * is asked for later. Nothing is known to have happened until another function has returned.
 */
void qtest_post32(struct qtest *q, uint64_t physical, uint32_t value);
void qtest_post64(struct qtest *q, uint64_t physical, uint64_t value);

#endif
