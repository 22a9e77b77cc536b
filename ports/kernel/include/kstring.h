/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The string functions the compiler and the kernel need.  The names and meanings of ISO C are kept,
 * so code that includes a hosted <string.h> links against the same functions.
 */
#ifndef KERNEL_KSTRING_H
#define KERNEL_KSTRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);
void *memchr(const void *from, int byte, size_t size);

size_t strlen(const char *s);
size_t strnlen(const char *s, size_t limit);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t limit);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *s, const char *part);

/* Copies as much as fits, always terminates when size > 0.  False when the text was cut. */
bool kstrcopy(char *to, size_t size, const char *from);

/*
 * The whole of `text` as an unsigned number: decimal, 0x hexadecimal, or 0 octal, with an optional
 * suffix K, M or G (times 1024, 1024^2, 1024^3).  False, with *value untouched, when the text is
 * empty, has any other character in it, or does not fit 64 bits.
 */
bool kparse_u64(const char *text, uint64_t *value);

/*
 * Splits `line` in place at blanks; "double quotes" keep blanks in a word.  Returns the number of
 * words, at most `limit`, or -1 when there are more words or a quote is not closed.
 */
int ksplit(char *line, char **words, int limit);

#endif
