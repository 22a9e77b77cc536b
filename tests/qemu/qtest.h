/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A QEMU process that is driven over the qtest protocol: registers and ports by lines on a socket,
 * guest memory as a file that both processes have mapped.
 *
 * The DMA timers of devices hang on the machine's clock. Where QEMU lets us (accel=qtest) that
 * clock stands still until it is told to go on. Elsewhere the guest's processor halts in a ROM of
 * 64 KiB, and is there only so that the clock runs. No wait is without a limit: when QEMU ends, or
 * does not answer in time, its error output is printed and the fatal handler called.
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
void qtest_write16(struct qtest *q, uint64_t physical, uint16_t value);
void qtest_write32(struct qtest *q, uint64_t physical, uint32_t value);
void qtest_write64(struct qtest *q, uint64_t physical, uint64_t value);
uint32_t qtest_in32(struct qtest *q, uint16_t port);
void qtest_out32(struct qtest *q, uint16_t port, uint32_t value);

/* Pulls an input of a device up or down; @path, @input as QEMU's object tree names them. */
void qtest_input(struct qtest *q, const char *path, const char *input, unsigned number, bool up);

/* What QEMU has printed from @offset on, at most @size - 1 bytes and a NUL; how many. */
size_t qtest_printed(struct qtest *q, size_t offset, char *text, size_t size);

/*
 * The same, but without waiting for the answer: QEMU does these in order, and before anything that
 * is asked for later. Nothing is known to have happened until another function has returned.
 */
void qtest_post32(struct qtest *q, uint64_t physical, uint32_t value);
void qtest_post64(struct qtest *q, uint64_t physical, uint64_t value);
/* Four words, one after the other in order, in one command. */
void qtest_post_words(struct qtest *q, uint64_t physical, const uint64_t words[4]);
/* Waits for all of them. */
void qtest_finish(struct qtest *q);
void qtest_post_read64(struct qtest *q, uint64_t physical, uint64_t *out_value);

/*
 * Words of 64 bits, at most four, that are often read one after the other: each read of one brings
 * all of them, and until the next command the answers are not asked for again. Only where the clock
 * is ours does that change nothing: the machine does what it is told then, and nothing in between.
 * That is not so where a device works by itself (disks), which must not be watched over.
 */
void qtest_watch(struct qtest *q, const uint64_t *physical, unsigned count);

/* Moves the machine's clock. False: it runs by itself, and who waits for something has to ask. */
bool qtest_post_step(struct qtest *q, uint64_t nanoseconds);

#endif
