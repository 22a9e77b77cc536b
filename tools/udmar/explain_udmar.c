/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * udmar's own messages: the sentence, and the raw fields in brackets on the same or the next line.
 */
#include "explain_log.h"
#include "explain_scan.h"

#include <string.h>

/* What it tried; behind the words stands a number, or none. */
enum number { NUMBER_NONE, NUMBER_HEX, NUMBER_DECIMAL };

static const struct {
    const char *words;
    enum udmar_fault_access access;
    enum number number;
} verbs[] = {
    { " tried to read from 0x", UDMAR_FAULT_READ, NUMBER_HEX },
    { " tried to write to 0x", UDMAR_FAULT_WRITE, NUMBER_HEX },
    { " tried to request page 0x", UDMAR_FAULT_PAGE_REQUEST, NUMBER_HEX },
    { " tried to do an atomic operation at 0x", UDMAR_FAULT_ATOMIC, NUMBER_HEX },
    { " tried to raise an interrupt by writing to 0x", UDMAR_FAULT_WRITE, NUMBER_HEX },
    { " tried to raise an interrupt through entry ", UDMAR_FAULT_INTERRUPT, NUMBER_DECIMAL },
    { " tried to raise an interrupt", UDMAR_FAULT_INTERRUPT, NUMBER_NONE },
    /* Before interrupts were remapped by udmar itself. */
    { " tried to send interrupt 0x", UDMAR_FAULT_INTERRUPT, NUMBER_HEX },
};

static const struct {
    const char *words;
    enum udmar_fault_place place;
    bool range;
} places[] = {
    { "it lies in the live mapping ", UDMAR_PLACE_LIVE, true },
    { "it lies in the mapping ", UDMAR_PLACE_ENDED, true },
    { "it lies in the reserved range ", UDMAR_PLACE_RESERVED, true },
    { "the nearest mapping is ", UDMAR_PLACE_NEAR, true },
    { "the device has no mapping at all", UDMAR_PLACE_NOTHING, false },
};

/* The code whose words these are; the library's table, read backwards. */
static int reason_of(const char *words)
{
    for (int code = 0; code < 256; code++) {
        const char *text = udmar_fault_reason_string((uint8_t)code);

        if (strcmp(text, udmar_fault_reason_string(0)) != 0 &&
            strncmp(words, text, strlen(text)) == 0)
            return code;
    }
    return -1;
}

static void read_mapping(const char *message, struct log_fault *fault)
{
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        const char *at = strstr(message, places[i].words);
        uint64_t first, last, age;

        if (at == NULL)
            continue;
        fault->fault.place = (uint8_t)places[i].place;
        fault->place_known = true;
        if (!places[i].range || (at = scan_hex(at + strlen(places[i].words), &first)) == NULL ||
            *at != '-' || (at = scan_hex(at + 1, &last)) == NULL || last < first)
            return;
        fault->fault.near_base = first;
        fault->fault.near_size = last - first + 1;
        if (strncmp(at, ", gone since ", 13) == 0 && scan_decimal(at + 13, &age) != NULL)
            fault->fault.near_age = age;
        return;
    }
}

/* The device stands in front of the verb: "nic0 (0000:02:00.0)", "device 0000:02:00.0". */
static void read_owner(const char *from, const char *to, struct log_fault *fault)
{
    const char *end = from;

    for (const char *at = from; at < to && !fault->has_device; at++) {
        if ((at > from && at[-1] != ' ' && at[-1] != '(') ||
            scan_device(at, &fault->fault.segment, &fault->fault.rid) == NULL)
            continue;
        fault->has_device = true;
        end = at;
    }
    if (end > from + 2 && end[-1] == '(' && (size_t)(end - from - 2) < sizeof(fault->label))
        memcpy(fault->label, from, (size_t)(end - from - 2));
}

/*
 * From the verb to the reason: number, and whose entry it is (", which is of 00:03.0,"). Null when
 * it is another text.
 */
static const char *read_attempt(const char *verb, size_t which, struct log_fault *fault)
{
    static const char stopped[] = " and was stopped: ", owner[] = ", which is ";
    const char *at = verb + strlen(verbs[which].words);

    if (verbs[which].number == NUMBER_HEX)
        at = scan_hex(at - 2, &fault->fault.address);
    else if (verbs[which].number == NUMBER_DECIMAL)
        at = scan_decimal(at, &fault->fault.address);
    if (at != NULL && strncmp(at, owner, sizeof(owner) - 1) == 0)
        at = strstr(at, stopped);
    if (at == NULL || strncmp(at, stopped, sizeof(stopped) - 1) != 0)
        return NULL;
    fault->has_address = verbs[which].number != NUMBER_NONE;
    return at + sizeof(stopped) - 1;
}

static bool sentence(struct log *log, const char *message, const struct log_time *time,
                     size_t number)
{
    struct log_fault fault = { .source = LOG_UDMAR, .line = number, .time = *time, .unit = -1 };
    const char *from = strstr(message, "fault "), *verb = NULL, *at;
    uint64_t sequence;
    size_t which = 0;

    if (from == NULL || (from = scan_decimal(from + 6, &sequence)) == NULL ||
        strncmp(from, ": ", 2) != 0)
        return false;
    from += 2;
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]) && verb == NULL; i++) {
        verb = strstr(from, verbs[i].words);
        which = i;
    }
    if (verb == NULL || (at = read_attempt(verb, which, &fault)) == NULL)
        return false;
    fault.direction_known = true;
    fault.fault.sequence = sequence;
    fault.fault.access = (uint8_t)verbs[which].access;
    fault.reason = reason_of(at);
    read_owner(from, verb, &fault);
    read_mapping(at, &fault);
    fault.fault.from_firmware = strstr(at, "; left by firmware") != NULL;
    fault.fault.overflow = strstr(at, "; further faults were lost") != NULL;
    fault.boot = log->boot;
    log->overflows += fault.fault.overflow;
    log_fault_add(log, &fault);
    return true;
}

/* "[unit 0, source 0020, reason 0x05, record HIGH LOW]": the record is the truth. */
static bool fields(struct log *log, const char *message, const struct log_time *time, size_t number)
{
    const char *at = strstr(message, "[unit "), *record;
    struct log_fault fault = { .source = LOG_UDMAR, .line = number, .time = *time };
    uint64_t unit, raw[2];
    struct udmar_fault decoded;

    if (at == NULL || scan_decimal(at + 6, &unit) == NULL || unit > 0xffff ||
        (record = strstr(at, ", record ")) == NULL ||
        (record = scan_hex(record + 9, &raw[1])) == NULL || *record != ' ' ||
        scan_hex(record + 1, &raw[0]) == NULL)
        return false;
    udmar_fault_decode(raw, &decoded);
    if (log->has_pending && log->pending.source == LOG_UDMAR && number - log->pending.line <= 1) {
        struct udmar_fault *known = &log->pending.fault;

        log->pending.unit = (int)unit;
        log->pending.reason = decoded.reason;
        known->has_pasid = decoded.has_pasid;
        known->pasid = decoded.pasid;
        known->raw[0] = raw[0];
        known->raw[1] = raw[1];
        if (!log->pending.has_device)
            known->rid = decoded.rid;
        log->pending.has_device = true;
        log_fault_settle(log);
        return true;
    }
    fault.unit = (int)unit;
    fault.reason = decoded.reason;
    fault.fault = decoded;
    fault.has_device = fault.has_address = fault.direction_known = true;
    log_fault_add(log, &fault);
    log_fault_settle(log);
    return true;
}

bool line_udmar(struct log *log, const struct log_text *text)
{
    const char *message = text->message, *rest;
    uint64_t count;
    bool found = sentence(log, message, text->time, text->line);

    if (fields(log, message, text->time, text->line) || found)
        return true;
    rest = strstr(message, " more faults of this device were not printed");
    if (rest == NULL)
        return false;
    while (rest > message && rest[-1] >= '0' && rest[-1] <= '9')
        rest--;
    if (scan_decimal(rest, &count) != NULL) {
        log->suppressed += count;
        if (log->open != NULL)
            log->open->suppressed += count;
    }
    return true;
}
