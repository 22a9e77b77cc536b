/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory and string functions, number parsing, word splitting. */
#include "kstring.h"

/* String instructions rather than loops: the compiler would turn a loop back into a call of the
 * very function, and QEMU emulates whole words much faster than bytes. */
#if defined(__x86_64__)
#define REP_MOVE_WORDS  "rep movsq"
#define REP_STORE_WORDS "rep stosq"
#else
#define REP_MOVE_WORDS  "rep movsl"
#define REP_STORE_WORDS "rep stosl"
#endif

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    void *target = to;
    size_t words = size / sizeof(long), bytes = size % sizeof(long);

    __asm__ volatile(REP_MOVE_WORDS : "+D"(target), "+S"(from), "+c"(words) : : "memory");
    __asm__ volatile("rep movsb" : "+D"(target), "+S"(from), "+c"(bytes) : : "memory");
    return to;
}

void *memset(void *to, int byte, size_t size)
{
    void *target = to;
    size_t words = size / sizeof(long), bytes = size % sizeof(long);
    unsigned long pattern = (unsigned long)(uint8_t)byte * (~0ul / 255);

    __asm__ volatile(REP_STORE_WORDS : "+D"(target), "+c"(words) : "a"(pattern) : "memory");
    __asm__ volatile("rep stosb" : "+D"(target), "+c"(bytes) : "a"(pattern) : "memory");
    return to;
}

void *memmove(void *to, const void *from, size_t size)
{
    uint8_t *target = to;
    const uint8_t *source = from;

    /* Ascending word by word is right for a lower target even when the two overlap. */
    if ((uintptr_t)target - (uintptr_t)source >= size) {
        return memcpy(to, from, size);
    }
    target += size - 1;
    source += size - 1;
    __asm__ volatile("std; rep movsb; cld"
                     : "+D"(target), "+S"(source), "+c"(size)
                     :
                     : "memory", "cc");
    return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
    const uint8_t *x = a, *y = b;

    for (size_t i = 0; i < size; i++) {
        if (x[i] != y[i]) {
            return x[i] - y[i];
        }
    }
    return 0;
}

void *memchr(const void *from, int byte, size_t size)
{
    const uint8_t *p = from;

    for (size_t i = 0; i < size; i++) {
        if (p[i] == (uint8_t)byte) {
            return (void *)(uintptr_t)(p + i);
        }
    }
    return NULL;
}

size_t strnlen(const char *s, size_t limit)
{
    size_t n = 0;

    while (n < limit && s[n] != '\0') {
        n++;
    }
    return n;
}

size_t strlen(const char *s)
{
    return strnlen(s, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t limit)
{
    for (size_t i = 0; i < limit; i++) {
        uint8_t x = (uint8_t)a[i], y = (uint8_t)b[i];

        if (x != y || x == 0) {
            return x - y;
        }
    }
    return 0;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}

char *strchr(const char *s, int c)
{
    for (;; s++) {
        if (*s == (char)c) {
            return (char *)(uintptr_t)s;
        }
        if (*s == '\0') {
            return NULL;
        }
    }
}

char *strrchr(const char *s, int c)
{
    char *found = NULL;

    for (char *at = strchr(s, c); at != NULL; at = *at != '\0' ? strchr(at + 1, c) : NULL) {
        found = at;
    }
    return found;
}

char *strstr(const char *s, const char *part)
{
    size_t length = strlen(part);

    for (;; s++) {
        if (strncmp(s, part, length) == 0) {
            return (char *)(uintptr_t)s;
        }
        if (*s == '\0') {
            return NULL;
        }
    }
}

bool kstrcopy(char *to, size_t size, const char *from)
{
    size_t length = strlen(from);
    size_t part = length < size ? length : size - 1;

    if (size == 0) {
        return false;
    }
    memcpy(to, from, part);
    to[part] = '\0';
    return part == length;
}

/* -1 for a character that is no digit in any base used here. */
static int digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

static unsigned suffix_shift(char c)
{
    switch (c) {
    case 'K':
    case 'k':
        return 10;
    case 'M':
    case 'm':
        return 20;
    case 'G':
    case 'g':
        return 30;
    default:
        return 0;
    }
}

static unsigned number_base(const char **text)
{
    const char *p = *text;

    if (p[0] != '0' || p[1] == '\0' || suffix_shift(p[1]) != 0) {
        return 10;
    }
    if (p[1] == 'x' || p[1] == 'X') {
        *text = p + 2;
        return 16;
    }
    *text = p + 1;
    return 8;
}

bool kparse_u64(const char *text, uint64_t *value)
{
    unsigned base = number_base(&text);
    unsigned shift;
    uint64_t result = 0;
    const char *p = text;

    for (int digit; (digit = digit_value(*p)) >= 0 && (unsigned)digit < base; p++) {
        if (result > (UINT64_MAX - (unsigned)digit) / base) {
            return false;
        }
        result = result * base + (unsigned)digit;
    }
    if (p == text) {
        return false;
    }
    shift = suffix_shift(*p);
    if (p[shift != 0] != '\0' || result > UINT64_MAX >> shift) {
        return false;
    }
    *value = result << shift;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Takes quotes out of the word at `from`, ends it, and returns where the next may begin; NULL for a
 * quote without its partner. */
static char *word_end(char *from)
{
    char *to = from;
    bool quoted = false, last;

    for (; *from != '\0' && (quoted || !is_blank(*from)); from++) {
        if (*from == '"') {
            quoted = !quoted;
        } else {
            *to++ = *from;
        }
    }
    last = *from == '\0';
    *to = '\0';
    if (quoted) {
        return NULL;
    }
    return last ? from : from + 1;
}

int ksplit(char *line, char **words, int limit)
{
    int count = 0;

    for (;;) {
        while (is_blank(*line)) {
            line++;
        }
        if (*line == '\0') {
            return count;
        }
        if (count == limit) {
            return -1;
        }
        words[count++] = line;
        line = word_end(line);
        if (line == NULL) {
            return -1;
        }
    }
}
