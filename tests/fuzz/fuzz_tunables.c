/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel's command line with tunables in it, against a second reading of the grammar: what is
 * right is set, what is wrong is reported and changes nothing, everything else is passed over.
 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <udmar/tunable.h>

#define LINE_MAX_ 4096

struct reports {
    unsigned count;
};

static void report(void *context, const char *name, const char *value, enum udmar_status status)
{
    struct reports *reports = context;

    REQUIRE(strlen(name) < 128 && strlen(value) < 128);
    REQUIRE(status == UDMAR_ERR_NAME || status == UDMAR_ERR_VALUE || status == UDMAR_ERR_TOO_BIG);
    reports->count++;
}

/* ---- the second reading ---- */

static bool number(const char *text, uint64_t low, uint64_t high, uint64_t *out_value)
{
    size_t digits = strspn(text, "0123456789"), zeros = strspn(text, "0");

    if (digits == 0 || text[digits] != '\0' || digits - zeros > 18)
        return false;
    *out_value = strtoull(text, NULL, 10);
    return *out_value >= low && *out_value <= high;
}

static enum udmar_mode mode_named(const char *text)
{
    static const char *const names[] = { "",       "translate", "identity", "passthrough",
                                         "bounce", "blocked" };

    for (int i = 1; i <= 5; i++) {
        if (strcmp(text, names[i]) == 0)
            return (enum udmar_mode)i;
    }
    return strcmp(text, "dmar") == 0 || strcmp(text, "iommu") == 0 ? UDMAR_MODE_TRANSLATE
                                                                   : (enum udmar_mode)0;
}

static bool device_named(const char *text, const char *value, struct udmar_tunable_device *out)
{
    static const uint64_t high[] = { 65535, 255, 31, 7 };
    uint64_t part[4];

    for (int i = 0; i < 4; i++) {
        char digits[128];
        size_t length = strspn(text, "0123456789");

        memcpy(digits, text, length);
        digits[length] = '\0';
        if (!number(digits, 0, high[i], &part[i]))
            return false;
        text += length;
        if (i < 3 && *text != ':' && *text != '.')
            return false;
        text += i < 3;
    }
    out->segment = (uint16_t)part[0];
    out->rid = (udmar_rid_t)(part[1] * 256 + part[2] * 8 + part[3]);
    if (strcmp(text, ".bounce") == 0)
        out->mode = strcmp(value, "1") == 0 ? UDMAR_MODE_BOUNCE : (enum udmar_mode)0;
    else
        out->mode = *text == '\0' ? mode_named(value) : (enum udmar_mode)0;
    return out->mode != 0;
}

static bool set_device(struct udmar_tunables *t, const struct udmar_tunable_device *device)
{
    unsigned i = 0;

    while (i < t->device_count &&
           (t->devices[i].segment != device->segment || t->devices[i].rid != device->rid))
        i++;
    if (i == UDMAR_TUNABLE_DEVICES)
        return false;
    t->devices[i] = *device;
    t->device_count += i == t->device_count;
    return true;
}

static bool set_naive(struct udmar_tunables *t, const char *name, const char *value)
{
    struct udmar_tunable_device device;
    enum udmar_mode mode = mode_named(value);
    uint64_t n;

    if (strcmp(name, "hw.busdma.default") == 0) {
        if (mode != 0)
            t->default_mode = mode;
        return mode != 0;
    }
    if (strncmp(name, "hw.busdma.pci", 13) == 0)
        return device_named(name + 13, value, &device) && set_device(t, &device);
    if (strcmp(name, "hw.dmar.timeout") == 0 && number(value, 1000, 100000000000, &n)) {
        t->timeout_ns = n;
        return true;
    }
    if (strcmp(name, "hw.dmar.qi_size") == 0 && number(value, 0, 7, &n)) {
        t->queue_size = (uint8_t)n;
        return true;
    }
    if (strcmp(name, "hw.dmar.width") == 0 && number(value, 0, 57, &n) &&
        (n == 0 || n == 30 || n == 39 || n == 48 || n == 57)) {
        t->width = (uint8_t)n;
        return true;
    }
    if (!number(value, 0, 1, &n))
        return false;
    if (strcmp(name, "hw.dmar.enable") == 0)
        t->enable = n;
    else if (strcmp(name, "hw.dmar.qi") == 0)
        t->queue = n;
    else if (strcmp(name, "hw.dmar.pmr.disable") == 0)
        t->pmr_disable = n;
    else if (strcmp(name, "hw.dmar.rmrr_enable") == 0)
        t->rmrr_enable = n;
    else if (strcmp(name, "hw.dmar.strict") == 0)
        t->strict = n;
    else if (strcmp(name, "hw.dmar.superpage") == 0)
        t->superpage = n;
    else if (strcmp(name, "hw.dmar.ir") == 0)
        t->interrupts = n;
    else if (strcmp(name, "hw.dmar.ir.compat") == 0)
        t->interrupt_compat = n;
    else if (strcmp(name, "hw.dmar.ir.verify") == 0)
        t->interrupt_verify = n;
    else
        return false;
    return true;
}

static unsigned parse_naive(struct udmar_tunables *t, char *line)
{
    unsigned wrong = 0;

    for (char *word = strtok(line, " \t\n"); word != NULL; word = strtok(NULL, " \t\n")) {
        char *equals = strchr(word, '=');

        if (strncmp(word, "hw.dmar.", 8) != 0 && strncmp(word, "hw.busdma.", 10) != 0)
            continue;
        if (strlen(word) > 127 || equals == NULL) {
            wrong++;
            continue;
        }
        *equals = '\0';
        wrong += !set_naive(t, word, equals + 1);
    }
    return wrong;
}

static bool same(const struct udmar_tunables *a, const struct udmar_tunables *b)
{
    if (a->enable != b->enable || a->queue != b->queue || a->pmr_disable != b->pmr_disable ||
        a->rmrr_enable != b->rmrr_enable || a->strict != b->strict ||
        a->queue_size != b->queue_size || a->width != b->width || a->timeout_ns != b->timeout_ns ||
        a->default_mode != b->default_mode || a->device_count != b->device_count)
        return false;
    for (unsigned i = 0; i < a->device_count; i++) {
        if (a->devices[i].segment != b->devices[i].segment ||
            a->devices[i].rid != b->devices[i].rid || a->devices[i].mode != b->devices[i].mode)
            return false;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct udmar_tunables ours, theirs;
    struct reports reports = { 0 };
    unsigned wrong;
    char *line;

    if (size >= LINE_MAX_)
        return 0;
    line = malloc(size + 1);
    REQUIRE(line != NULL);
    if (size > 0)
        memcpy(line, data, size);
    line[size] = '\0';
    udmar_tunables_init(&ours);
    udmar_tunables_init(&theirs);
    wrong = udmar_tunables_parse(&ours, line, report, &reports);
    REQUIRE(wrong == reports.count);
    REQUIRE(wrong == parse_naive(&theirs, line));
    REQUIRE(same(&ours, &theirs));
    free(line);
    return 0;
}
