/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Words, numbers and device addresses in text that people have typed, wrapped and masked.
 */
#include "explain_scan.h"

#include <ctype.h>
#include <string.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

const char *scan_hex(const char *text, uint64_t *value)
{
    const char *at = text;
    unsigned digits = 0;

    if (at[0] == '0' && (at[1] | 0x20) == 'x')
        at += 2;
    for (*value = 0; hex_digit(*at) >= 0; at++, digits++)
        *value = *value << 4 | (uint64_t)hex_digit(*at);
    return digits > 0 && digits <= 16 ? at : NULL;
}

const char *scan_decimal(const char *text, uint64_t *value)
{
    unsigned digits = 0;

    for (*value = 0; isdigit((unsigned char)*text); text++, digits++)
        *value = *value * 10 + (uint64_t)(*text - '0');
    return digits > 0 && digits <= 18 ? text : NULL;
}

static bool fits_device(const uint64_t part[4])
{
    return part[0] <= 0xffff && part[1] <= 0xff && part[2] <= 0x1f && part[3] <= 7;
}

const char *scan_device(const char *text, uint16_t *segment, udmar_rid_t *rid)
{
    uint64_t part[4] = { 0 };
    const char *at = scan_hex(text, &part[1]);

    if (at == NULL || *at != ':' || (at = scan_hex(at + 1, &part[2])) == NULL)
        return NULL;
    if (*at == ':') {
        part[0] = part[1];
        part[1] = part[2];
        if ((at = scan_hex(at + 1, &part[2])) == NULL)
            return NULL;
    }
    if (*at != '.' || (at = scan_hex(at + 1, &part[3])) == NULL || !fits_device(part))
        return NULL;
    *segment = (uint16_t)part[0];
    *rid = UDMAR_RID(part[1], part[2], part[3]);
    return at;
}

/* ---- labels --------------------------------------------------------------------------------- */

/* The label at this place; what follows it, or null. */
static const char *label_at(const char *at, const char *label)
{
    for (; *label != '\0'; label++) {
        if (*label == ' ')
            at += strspn(at, " _-");
        else if (*label == '*')
            while (isalpha((unsigned char)*at))
                at++;
        else if (*at++ != *label)
            return NULL;
    }
    return at;
}

const char *scan_label(const char *low, const char *label)
{
    bool word = isalpha((unsigned char)label[0]) != 0;

    for (const char *at = low; *at != '\0'; at++) {
        const char *end;

        if (*at != label[0] || (word && at > low && isalpha((unsigned char)at[-1])))
            continue;
        end = label_at(at, label);
        if (end != NULL)
            return end;
    }
    return NULL;
}

bool scan_has(const char *low, const char *label)
{
    return scan_label(low, label) != NULL;
}

/* ---- numbers -------------------------------------------------------------------------------- */

/* The digit that a character stands for, as an eye reads it; -1 for none. */
static int typed_digit(char c)
{
    return c == 'o' ? 0 : c == 'l' ? 1 : hex_digit(c);
}

static bool is_mask(char c)
{
    return c == 'x' || c == '?' || c == '*';
}

/* What the characters of a token are. */
struct token {
    size_t length;
    unsigned figures, digits, masks, others; /* figures: 0 to 9, as they stand */
};

static struct token measure(const char *at)
{
    struct token token = { 0 };

    for (; isalnum((unsigned char)at[token.length]) || is_mask(at[token.length]); token.length++) {
        char c = at[token.length];

        token.figures += isdigit((unsigned char)c) != 0;
        if (typed_digit(c) >= 0)
            token.digits++;
        else if (is_mask(c))
            token.masks++;
        else
            token.others++;
    }
    return token;
}

/* Words ("add", "reason") are no numbers; a number with one wrong letter is one that is garbled. */
static bool is_number(const struct token *token, bool marked)
{
    if (token->length == 0)
        return false;
    if (token->others == 0)
        return token->digits > 0 || token->masks > 0;
    return (token->figures > 0 || marked) && token->digits > token->others;
}

const char *scan_value(const char *low, struct scan_value *out_value)
{
    const char *at = low + strspn(low, " :=#\"'");
    const char *begin = at;
    struct token token;

    *out_value = (struct scan_value){ 0 };
    if ((at[0] == '0' || at[0] == 'o') && at[1] == 'x' && typed_digit(at[2]) >= 0) {
        out_value->marked = true;
        at += 2;
    }
    token = measure(at);
    if (!is_number(&token, out_value->marked))
        return NULL;
    snprintf(out_value->words, sizeof(out_value->words), "%.*s",
             (int)(at - begin + (long)token.length > 23 ? 23 : at - begin + (long)token.length),
             begin);
    /* "7f6b...": the rest was left out. */
    out_value->known = token.masks == 0 && token.others == 0 && token.length <= 16 &&
                       strncmp(at + token.length, "..", 2) != 0;
    for (size_t i = 0; i < token.length && out_value->known; i++)
        out_value->number = out_value->number << 4 | (uint64_t)typed_digit(at[i]);
    return at + token.length;
}

/* ---- devices -------------------------------------------------------------------------------- */

/* One field of a device address. */
static const char *field(const char *at, bool decimal, uint64_t *out_value, bool *known)
{
    struct scan_value value;
    const char *end;

    at += strspn(at, " ");
    if (decimal)
        return scan_decimal(at, out_value);
    if (*at == ':' || *at == '=')
        return NULL;
    end = scan_value(at, &value);
    if (end == NULL || value.words[5] != '\0')
        return NULL;
    *known &= value.known;
    *out_value = value.number;
    return end;
}

static const char *scan_rid(const char *at, udmar_rid_t *out_rid)
{
    uint64_t value;
    const char *end = scan_hex(at, &value);

    if (end == NULL || value > 0xffff)
        return NULL;
    *out_rid = (udmar_rid_t)value;
    return end;
}

const char *scan_place(const char *low, enum scan_notation notation, uint16_t *out_segment,
                       udmar_rid_t *out_rid, bool *out_known)
{
    const char *at = low + strspn(low, " [({<:=#\"'"), *end;
    uint64_t part[4] = { 0 };
    unsigned count = 0;

    *out_known = true;
    *out_segment = 0;
    if (notation == NOTATION_RID)
        return scan_rid(at, out_rid);
    while (count < 4 &&
           (end = field(at, notation == NOTATION_DECIMAL, &part[count], out_known)) != NULL) {
        count++;
        at = end;
        if (count == 4 || (*at != ':' && *at != '.' && *at != ','))
            break;
        at++;
    }
    if (count < 3)
        return NULL;
    if (count == 3)
        memmove(&part[1], &part[0], 3 * sizeof(part[0]));
    if (count == 3)
        part[0] = 0;
    if (!fits_device(part))
        return NULL;
    *out_segment = (uint16_t)part[0];
    *out_rid = UDMAR_RID(part[1], part[2], part[3]);
    return at;
}

const char *scan_any_device(const char *low, uint16_t *out_segment, udmar_rid_t *out_rid)
{
    for (const char *at = low; *at != '\0'; at++) {
        size_t digits = strspn(at, "0123456789abcdef");
        const char *end;

        if (digits == 0 || digits > 4 || at[digits] != ':' ||
            (at > low && (isalnum((unsigned char)at[-1]) || at[-1] == ':')))
            continue;
        end = scan_device(at, out_segment, out_rid);
        if (end != NULL && !isalnum((unsigned char)*end))
            return end;
    }
    return NULL;
}
