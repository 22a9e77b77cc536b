/* SPDX-License-Identifier: BSD-2-Clause */
#include "ability.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What QEMU has said to a question; it has 20 s for it. */
struct answer {
    bool good; /* exit status 0 */
    char text[8192];
};

const char *qemu_program(void)
{
    const char *named = getenv("UDMAR_QEMU");

    return named != NULL ? named : "qemu-system-x86_64";
}

static void ask(const char *before, const char *arguments, struct answer *out)
{
    char command[1024];
    size_t got = 0;
    FILE *pipe;

    snprintf(command, sizeof(command), "%s timeout 20 '%s' %s 2>&1", before, qemu_program(),
             arguments);
    pipe = popen(command, "r");
    if (pipe == NULL)
        abort();
    /* Its output is read to the end, also what finds no room. */
    for (int c = fgetc(pipe); c != EOF; c = fgetc(pipe)) {
        if (got + 1 < sizeof(out->text))
            out->text[got++] = (char)c;
    }
    out->text[got] = '\0';
    out->good = pclose(pipe) == 0;
}

unsigned qemu_version(void)
{
    static unsigned version;
    struct answer answer;

    if (version != 0)
        return version;
    ask("", "--version", &answer);
    if (sscanf(answer.text, "QEMU emulator version %u.", &version) != 1 || version == 0) {
        fprintf(stderr, "# %s does not say its version: %.200s\n", qemu_program(), answer.text);
        abort();
    }
    return version;
}

bool qemu_has(const char *property)
{
    static struct answer answer;
    char word[64];

    if (answer.text[0] == '\0')
        ask("", "-device intel-iommu,help", &answer);
    snprintf(word, sizeof(word), "\n  %s=", property);
    return strstr(answer.text, word) != NULL;
}

bool qemu_has_device(const char *type)
{
    struct answer answer;
    char arguments[96];

    snprintf(arguments, sizeof(arguments), "-device %s,help", type);
    ask("", arguments, &answer);
    return answer.good;
}

bool qemu_clock_is_ours(void)
{
    static enum { NOT_ASKED, YES, NO } known;
    struct answer answer;

    if (known == NOT_ASKED) {
        ask("echo quit |", "-machine none,accel=qtest -nodefaults -display none -monitor stdio",
            &answer);
        known = answer.good ? YES : NO;
    }
    return known == YES;
}

const char *qemu_missing(void)
{
    static char why[1200];
    char command[1024];

    snprintf(command, sizeof(command), "command -v '%s' >/dev/null 2>&1", qemu_program());
    if (system(command) != 0) {
        snprintf(why, sizeof(why), "%s is not there", qemu_program());
        return why;
    }
    (void)qemu_version();
    (void)qemu_has("");
    (void)qemu_clock_is_ours();
    return NULL;
}
