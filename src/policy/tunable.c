/* SPDX-License-Identifier: BSD-2-Clause */
/* Tunables: names and values. Pure: no host function. */
#include <udmar/tunable.h>

#include "base/text.h"

#define LONGEST_WORD 128

static const struct {
    const char *name;
    enum udmar_mode mode;
} modes[] = {
    { "translate", UDMAR_MODE_TRANSLATE },     { "identity", UDMAR_MODE_IDENTITY },
    { "passthrough", UDMAR_MODE_PASSTHROUGH }, { "bounce", UDMAR_MODE_BOUNCE },
    { "blocked", UDMAR_MODE_BLOCKED },         { "dmar", UDMAR_MODE_TRANSLATE },
    { "iommu", UDMAR_MODE_TRANSLATE },
};

const char *udmar_mode_string(enum udmar_mode mode)
{
    if (mode == UDMAR_MODE_UNPROTECTED) {
        return "unprotected";
    }
    if (mode == UDMAR_MODE_DOMAIN) {
        return "domain";
    }
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (modes[i].mode == mode) {
            return modes[i].name;
        }
    }
    return "?";
}

static bool parse_mode(const char *value, enum udmar_mode *out_mode)
{
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (udmar__string_equal(value, modes[i].name)) {
            *out_mode = modes[i].mode;
            return true;
        }
    }
    return false;
}

/* A decimal number at *text, moved behind it; false when there is none or it is above @limit. */
static bool parse_number(const char **text, uint64_t limit, uint64_t *out_value)
{
    const char *start = *text;
    uint64_t value = 0;

    for (; **text >= '0' && **text <= '9'; ++*text) {
        unsigned digit = (unsigned)(**text - '0');

        /* No limit is so high that one digit more could wrap. */
        value = value * 10 + digit;
        if (value > limit) {
            return false;
        }
    }
    *out_value = value;
    return *text != start;
}

static bool parse_whole_number(const char *text, uint64_t lowest, uint64_t highest,
                               uint64_t *out_value)
{
    return parse_number(&text, highest, out_value) && *text == '\0' && *out_value >= lowest;
}

void udmar_tunables_init(struct udmar_tunables *tunables)
{
    *tunables = (struct udmar_tunables){
        .queue = true,
        .pmr_disable = true,
        .rmrr_enable = true,
        .strict = true,
        .superpage = true,
        .interrupts = true,
        .interrupt_verify = true,
        .timeout_ns = UINT64_C(1000000000),
        .default_mode = UDMAR_MODE_TRANSLATE,
    };
}

/* "D:B:D:F" or "D.B.D.F"; what follows is left in *text. */
static bool parse_address(const char **text, uint16_t *out_segment, udmar_rid_t *out_rid)
{
    static const uint16_t limits[4] = { UINT16_MAX, 255, 31, 7 };
    uint64_t part[4];

    for (unsigned i = 0; i < 4; i++) {
        if (i > 0) {
            if (**text != ':' && **text != '.') {
                return false;
            }
            ++*text;
        }
        if (!parse_number(text, limits[i], &part[i])) {
            return false;
        }
    }
    *out_segment = (uint16_t)part[0];
    *out_rid = UDMAR_RID(part[1], part[2], part[3]);
    return true;
}

static enum udmar_status set_switch(bool *target, const char *value)
{
    uint64_t number;

    if (!parse_whole_number(value, 0, 1, &number)) {
        return UDMAR_ERR_VALUE;
    }
    *target = number != 0;
    return UDMAR_OK;
}

/* What stands behind a device's address, in a row of its own. */
static enum udmar_status parse_device(const char *text, const char *value,
                                      struct udmar_tunable_device *device)
{
    if (*text == '\0') {
        return parse_mode(value, &device->mode) ? UDMAR_OK : UDMAR_ERR_VALUE;
    }
    if (udmar__string_equal(text, ".bounce")) {
        device->mode = UDMAR_MODE_BOUNCE;
        return udmar__string_equal(value, "1") ? UDMAR_OK : UDMAR_ERR_VALUE;
    }
    if (udmar__string_equal(text, ".subpage")) {
        device->subpage_said = true;
        return set_switch(&device->subpage, value);
    }
    return UDMAR_ERR_NAME;
}

static enum udmar_status set_device(struct udmar_tunables *tunables, const char *text,
                                    const char *value)
{
    struct udmar_tunable_device device = { .segment = 0 };
    enum udmar_status status;
    unsigned slot = 0;

    if (!parse_address(&text, &device.segment, &device.rid)) {
        return UDMAR_ERR_NAME;
    }
    status = parse_device(text, value, &device);
    if (status != UDMAR_OK) {
        return status;
    }
    while (slot < tunables->device_count && (tunables->devices[slot].segment != device.segment ||
                                             tunables->devices[slot].rid != device.rid)) {
        slot++;
    }
    if (slot == UDMAR_TUNABLE_DEVICES) {
        return UDMAR_ERR_TOO_BIG;
    }
    if (slot == tunables->device_count) {
        tunables->devices[slot] = device;
        tunables->device_count++;
    } else if (device.subpage_said) {
        tunables->devices[slot].subpage = device.subpage;
        tunables->devices[slot].subpage_said = true;
    } else {
        tunables->devices[slot].mode = device.mode;
    }
    return UDMAR_OK;
}

static enum udmar_status set_width(struct udmar_tunables *tunables, const char *value)
{
    uint64_t number;

    if (!parse_whole_number(value, 0, 57, &number) ||
        (number != 0 && (number < 30 || number % 9 != 3))) {
        return UDMAR_ERR_VALUE;
    }
    tunables->width = (uint8_t)number;
    return UDMAR_OK;
}

static const char *skip_prefix(const char *text, const char *prefix)
{
    for (; *prefix != '\0'; prefix++, text++) {
        if (*text != *prefix) {
            return NULL;
        }
    }
    return text;
}

static enum udmar_status set_number(struct udmar_tunables *tunables, const char *name,
                                    const char *value)
{
    uint64_t number;

    if (udmar__string_equal(name, "hw.dmar.timeout")) {
        if (!parse_whole_number(value, 1000, UINT64_C(100000000000), &number)) {
            return UDMAR_ERR_VALUE;
        }
        tunables->timeout_ns = number;
        return UDMAR_OK;
    }
    if (udmar__string_equal(name, "hw.dmar.qi_size")) {
        if (!parse_whole_number(value, 0, 7, &number)) {
            return UDMAR_ERR_VALUE;
        }
        tunables->queue_size = (uint8_t)number;
        return UDMAR_OK;
    }
    return UDMAR_ERR_NAME;
}

enum udmar_status udmar_tunables_set(struct udmar_tunables *tunables, const char *name,
                                     const char *value)
{
    const struct {
        const char *name;
        bool *target;
    } switches[] = {
        { "hw.dmar.enable", &tunables->enable },
        { "hw.dmar.qi", &tunables->queue },
        { "hw.dmar.pmr.disable", &tunables->pmr_disable },
        { "hw.dmar.rmrr_enable", &tunables->rmrr_enable },
        { "hw.dmar.strict", &tunables->strict },
        { "hw.dmar.superpage", &tunables->superpage },
        { "hw.dmar.ir", &tunables->interrupts },
        { "hw.dmar.ir.compat", &tunables->interrupt_compat },
        { "hw.dmar.ir.verify", &tunables->interrupt_verify },
        { "hw.busdma.subpage", &tunables->subpage },
    };
    const char *device = skip_prefix(name, "hw.busdma.pci");

    for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
        if (udmar__string_equal(name, switches[i].name)) {
            return set_switch(switches[i].target, value);
        }
    }
    if (udmar__string_equal(name, "hw.busdma.default")) {
        return parse_mode(value, &tunables->default_mode) ? UDMAR_OK : UDMAR_ERR_VALUE;
    }
    if (udmar__string_equal(name, "hw.dmar.width")) {
        return set_width(tunables, value);
    }
    return device != NULL ? set_device(tunables, device, value) : set_number(tunables, name, value);
}

/* One word of the line, cut at its first '='. Returns what is wrong with it. */
static enum udmar_status take_word(struct udmar_tunables *tunables, char *word, char **out_value)
{
    char *value = word;

    while (*value != '\0' && *value != '=') {
        value++;
    }
    *out_value = value;
    if (*value == '\0') {
        return UDMAR_ERR_VALUE;
    }
    *value = '\0';
    *out_value = value + 1;
    return udmar_tunables_set(tunables, word, value + 1);
}

unsigned udmar_tunables_parse(struct udmar_tunables *tunables, const char *line,
                              udmar_tunable_report *report, void *context)
{
    unsigned wrong = 0;

    while (*line != '\0') {
        char word[LONGEST_WORD];
        char *value = word;
        size_t length = 0;
        bool too_long = false;
        enum udmar_status status;

        for (; *line == ' ' || *line == '\t' || *line == '\n'; line++) {
        }
        for (; *line != '\0' && *line != ' ' && *line != '\t' && *line != '\n'; line++) {
            if (length + 1 < sizeof(word)) {
                word[length++] = *line;
            } else {
                too_long = true;
            }
        }
        word[length] = '\0';
        if (skip_prefix(word, "hw.dmar.") == NULL && skip_prefix(word, "hw.busdma.") == NULL) {
            continue;
        }
        status = too_long ? UDMAR_ERR_NAME : take_word(tunables, word, &value);
        if (status != UDMAR_OK) {
            wrong++;
            if (report != NULL) {
                report(context, word, too_long ? "" : value, status);
            }
        }
    }
    return wrong;
}
