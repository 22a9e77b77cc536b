/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages out of lines. A mail, a forum or a terminal breaks a message before or behind any word,
 * or inside one; a fault that lacks a field is held until the next line has shown whether it is the
 * rest. A line is the rest of another when it begins no message and brings a field that was
 * missing.
 *
 * Nothing is lost silently: what looks like a fault and stays without device and address is
 * counted.
 */
#include "explain_form.h"
#include "explain_read.h"
#include "explain_scan.h"
#include "explain_text.h"

#include <ctype.h>
#include <string.h>

enum {
    SKIPPED_LINES =
        PARTS_KEPT - 1, /* a field may be broken over so many lines that bring nothing */
    SHORT_LINE = 90,
    BARE = 2, /* a mark, and perhaps a direction */
};

static void lower(char *out, const char *text)
{
    size_t i;

    for (i = 0; text[i] != '\0' && i + 1 < LINE_SIZE; i++)
        out[i] = (char)tolower((unsigned char)text[i]);
    out[i] = '\0';
}

/* ---- one message ---------------------------------------------------------------------------- */

void log_unread_add(struct log *log, const struct log_text *text)
{
    struct log_unread *kept;

    if (log->unread++ >= UNREAD_KEPT)
        return;
    kept = &log->unread_lines[log->unread - 1];
    kept->line = text->line;
    snprintf(kept->words, sizeof(kept->words), "%.*s", (int)sizeof(kept->words) - 1, text->message);
}

/* A fault, as far as the line says; false when it is none. */
static bool take_fault(struct log *log, const struct log_text *text, const struct form_match *match)
{
    struct log_fault fault = match->fault;

    if (!fault.has_device && !fault.has_address && fault.masked[0] == '\0' && match->fields < 4) {
        log_unread_add(log, text);
        return true;
    }
    fault.line = text->line;
    fault.time = *text->time;
    fault.boot = log->boot;
    log_fault_add(log, &fault);
    return true;
}

/* Where a second fault begins in a line that has lost a newline; null: there is none. */
static const char *second_fault(const char *low)
{
    const char *first = scan_label(low, "request device"), *second, *begin = NULL;

    if (first == NULL || (second = scan_label(first, "request device")) == NULL)
        return NULL;
    for (const char *at = first; at < second; at++) {
        if (strncmp(at, "dmar", 4) == 0 || strncmp(at, "intr-remap:", 11) == 0)
            begin = at;
    }
    return begin;
}

static void understand(struct log *log, const struct log_text *text, bool xen);

static void understand_two(struct log *log, const struct log_text *text, bool xen, size_t second)
{
    char message[LINE_SIZE], low[LINE_SIZE];
    struct log_text part = { message, low, text->time, text->line };

    snprintf(message, sizeof(message), "%.*s", (int)second, text->message);
    lower(low, message);
    understand(log, &part, xen);
    part.message = text->message + second;
    part.low = text->low + second;
    understand(log, &part, xen);
}

/* A whole message, or all that there is of one. */
static void understand(struct log *log, const struct log_text *text, bool xen)
{
    const char *second = second_fault(text->low);
    struct form_match match;

    if (second != NULL) {
        understand_two(log, text, xen, (size_t)(second - text->low));
        return;
    }
    if (line_udmar(log, text))
        return;
    if (form_read(text->low, xen, &match)) {
        take_fault(log, text, &match);
        return;
    }
    if (line_companion(log, text))
        return;
    line_system(log, text);
    line_facts(log, text);
    line_notice(log, text);
}

/* ---- messages over several lines ------------------------------------------------------------ */

/*
 * One of the words that stand in a fault before anything that tells one from another; the last one
 * may be broken off.
 */
static bool is_head_word(const char *word, size_t length)
{
    static const char *const words[] = { "dmar",       "dma",     "read",   "write", "no_pasid",
                                         "intr-remap", "request", "device", "vt-d" };
    bool last = word[length] == '\0';

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if ((last || strlen(words[i]) == length) && strncmp(words[i], word, length) == 0)
            return true;
    }
    return false;
}

/* "DMAR:", "DMAR: [DMA", "[VT-D]DMAR:[": the beginning of a fault that says nothing yet. */
static bool is_bare_head(const char *low)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz-_";
    size_t words = 0, length;

    for (const char *at = low; *at != '\0'; at += length) {
        length = strspn(at, letters);
        if (length > 0 && !is_head_word(at, length))
            return false;
        words += length > 0;
        if (length == 0 && strchr(" :[]", *at) == NULL)
            return false;
        length += length == 0;
    }
    return words > 0 && (strncmp(low, "dmar", 4) == 0 || strncmp(low, "intr-", 5) == 0 ||
                         strncmp(low, "[vt-d]", 6) == 0);
}

static unsigned fields_of(const struct log_held *held, const char *text, bool *complete)
{
    char low[LINE_SIZE];
    struct form_match match;

    lower(low, text);
    *complete = false;
    if (!form_read(low, held->xen, &match))
        return 0;
    *complete = match.complete;
    return match.fields;
}

/* What was held, as one message; then the lines that were kept with it in vain. */
static void release(struct log *log)
{
    struct log_held *held = &log->reader->held;
    char low[LINE_SIZE];
    struct log_held copy;
    struct log_text text = { .low = low };

    if (!held->active)
        return;
    copy = *held;
    held->active = false;
    for (unsigned i = 0; i <= copy.skipped; i++) {
        lower(low, copy.parts[i]);
        text.message = copy.parts[i];
        text.time = &copy.time;
        text.line = copy.line + (i == 0 ? 0 : copy.taken + i);
        understand(log, &text, copy.xen);
    }
}

/* Both ways to put two lines together; the one that says more, a blank between them by default. */
static unsigned best_join(const struct log_held *held, const char *message, char *out,
                          bool *complete)
{
    char open[LINE_SIZE * 2], closed[LINE_SIZE * 2];
    size_t length = 0;
    unsigned with, without;
    bool complete_with, complete_without;

    open[0] = closed[0] = '\0';
    for (unsigned i = 0; i <= held->skipped; i++) {
        length += (size_t)snprintf(open + length, sizeof(open) - length, "%s%s", i > 0 ? " " : "",
                                   held->parts[i]);
        if (length >= sizeof(open))
            return 0;
    }
    memcpy(closed, open, length + 1);
    snprintf(open + length, sizeof(open) - length, " %s", message);
    snprintf(closed + length, sizeof(closed) - length, "%s", message);
    open[LINE_SIZE - 1] = closed[LINE_SIZE - 1] = '\0';
    with = fields_of(held, open, &complete_with);
    without = fields_of(held, closed, &complete_without);
    *complete = without > with ? complete_without : complete_with;
    memcpy(out, without > with ? closed : open, LINE_SIZE);
    return without > with ? without : with;
}

/* True when the line was taken as a part of what is held. */
static bool go_on(struct log *log, const char *message)
{
    struct log_held *held = &log->reader->held;
    char joined[LINE_SIZE];
    bool complete = false, alone_complete = false;
    unsigned fields = best_join(held, message, joined, &complete);
    unsigned alone = fields_of(held, message, &alone_complete);

    /* Two faults are not one, but "DMAR: [DMA" is no fault of its own. */
    if (fields > held->fields && (fields > alone || (held->fields <= BARE && fields == alone))) {
        memcpy(held->parts[0], joined, sizeof(joined));
        held->taken += held->skipped + 1;
        held->skipped = 0;
        held->fields = fields;
        if (complete)
            release(log);
        return true;
    }
    if (alone > 0 || held->skipped == SKIPPED_LINES || strlen(message) > SHORT_LINE)
        return false;
    held->skipped++;
    memcpy(held->parts[held->skipped], message, strlen(message) + 1);
    return true;
}

static void hold(struct log *log, const struct line_head *head, size_t number, unsigned fields)
{
    struct log_held *held = &log->reader->held;

    held->active = true;
    held->xen = head->xen;
    held->time = head->time;
    held->line = number;
    held->fields = fields;
    held->skipped = held->taken = 0;
    snprintf(held->parts[0], sizeof(held->parts[0]), "%s", head->message);
}

static bool concerns_dma(const char *low)
{
    static const char *const words[] = { "dmar", "iommu", "rmrr", "vt-d", "remap", "vfio" };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strstr(low, words[i]) != NULL)
            return true;
    }
    return false;
}

/* The last notice says no more than that firmware has a defect: the next line may say which. */
static bool is_general(const struct log *log, size_t line)
{
    const struct log_notice *last =
        log->notice_count > 0 ? &log->notices[log->notice_count - 1] : NULL;

    return last != NULL && last->line == line && strcmp(last->text->id, "firmware-bug") == 0;
}

static void drop_general(struct log *log, size_t line)
{
    if (is_general(log, line))
        log->notice_count--;
}

/*
 * A paragraph: a message and the lines behind it that begin none. Some messages that are no faults
 * are known by words of several lines.
 */
static void paragraph(struct log *log, const struct line_head *head, size_t number)
{
    struct log_paragraph *p = &log->reader->paragraph;
    char low[LINE_SIZE];
    struct log_text text = { .message = p->words, .low = low, .time = &p->time, .line = p->line };
    size_t length;

    if (head->starts) {
        p->lines = 1;
        p->time = head->time;
        p->line = number;
        snprintf(p->words, sizeof(p->words), "%s", head->message);
        return;
    }
    if (p->lines == 0 || p->lines >= PARAGRAPH_LINES || head->message[0] == '\0')
        return;
    length = strlen(p->words);
    snprintf(p->words + length, sizeof(p->words) - length, " %s", head->message);
    p->lines++;
    lower(low, p->words);
    drop_general(log, p->line);
    if (concerns_dma(low) && line_notice(log, &text) && !is_general(log, p->line))
        p->lines = 0;
}

static void take_message(struct log *log, const struct line_head *head, size_t number)
{
    char low[LINE_SIZE];
    struct log_text text = { head->message, low, &head->time, number };
    struct log_paragraph *p = &log->reader->paragraph;
    size_t before = log->notice_count;
    struct form_match match;

    lower(low, head->message);
    if (is_bare_head(low)) {
        hold(log, head, number, 0);
        return;
    }
    if (form_read(low, head->xen, &match) && !match.complete) {
        hold(log, head, number, match.fields);
        return;
    }
    understand(log, &text, head->xen);
    if (log->notice_count != before && !is_general(log, number))
        p->lines = 0;
    else
        paragraph(log, head, number);
}

void join_line(struct log *log, const char *line, size_t number)
{
    struct log_held *held = &log->reader->held;
    struct line_head head;

    line_head(line, &head);
    if (held->active) {
        if (!head.starts && head.message[0] != '\0' && go_on(log, head.message))
            return;
        release(log);
    }
    take_message(log, &head, number);
}

void join_settle(struct log *log)
{
    release(log);
    log_fault_settle(log);
}
