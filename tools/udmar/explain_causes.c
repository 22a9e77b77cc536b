/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why a fault happened: features of the fault on one side, tables of causes on the other
 * (explain_rules_page.c, explain_rules_table.c).
 *
 * Each rule follows from how hardware, firmware or a kernel works, and says so. Weights order the
 * causes of one fault: 110 and more for what our own driver knows, 90 to 100 for what several facts
 * say together, 80 to 90 for what one strong fact says, 60 to 80 for what is likely, below 60 for
 * what is merely usual.
 */
#include "explain_text.h"

#include <string.h>

static bool applies(const struct cause *cause, const struct features *features)
{
    for (size_t i = 0; i < CAUSE_FEATURES && cause->need[i] != FEATURE_NONE; i++) {
        if (!features->has[cause->need[i]])
            return false;
    }
    for (size_t i = 0; i < CAUSE_FEATURES && cause->avoid[i] != FEATURE_NONE; i++) {
        if (features->has[cause->avoid[i]])
            return false;
    }
    return true;
}

/* Puts a cause among the best so far; of equal ones the first stays in front. */
static size_t insert(const struct cause *cause, const struct cause **best, size_t count)
{
    size_t at;

    for (at = count; at > 0 && best[at - 1]->weight < cause->weight; at--) {
        if (at < CAUSE_LIMIT)
            best[at] = best[at - 1];
    }
    if (at < CAUSE_LIMIT)
        best[at] = cause;
    return count < CAUSE_LIMIT ? count + 1 : count;
}

size_t explain_causes(const struct log *log, const struct log_group *group,
                      const struct cause *out_causes[CAUSE_LIMIT])
{
    enum { FAR_BELOW = 25 }; /* where much is known, the ordinary guesses only distract */
    struct features features;
    size_t count = 0;

    features_of(log, group, &features);
    for (size_t i = 0; i < page_cause_count; i++) {
        if (applies(&page_causes[i], &features))
            count = insert(&page_causes[i], out_causes, count);
    }
    for (size_t i = 0; i < table_cause_count; i++) {
        if (applies(&table_causes[i], &features))
            count = insert(&table_causes[i], out_causes, count);
    }
    while (count > 1 && out_causes[count - 1]->weight + FAR_BELOW < out_causes[0]->weight)
        count--;
    return count;
}

static void append(char *buffer, size_t size, const char *between, const char *text)
{
    size_t length = strlen(buffer);

    if (length < size)
        snprintf(buffer + length, size - length, "%s%s", length > 0 ? between : "", text);
}

const char *explain_evidence(const struct log *log, const struct cause *cause, char *buffer,
                             size_t size)
{
    buffer[0] = '\0';
    for (size_t i = 0; i < CAUSE_FEATURES && cause->need[i] != FEATURE_NONE; i++) {
        const char *text = feature_evidence((enum feature)cause->need[i], log);

        if (text != NULL)
            append(buffer, size, "; ", text);
    }
    return buffer;
}

/* FreeBSD's tunables have the device as domain.bus.slot.function in decimal. */
static void fill_tunable(const char *text, const struct udmar_fault *fault, char *buffer,
                         size_t size)
{
    const char *at = strchr(text, '$');

    if (at == NULL) {
        snprintf(buffer, size, "%s", text);
        return;
    }
    snprintf(buffer, size, "%.*s%u.%u.%u.%u%s", (int)(at - text), text, fault->segment,
             UDMAR_RID_BUS(fault->rid), UDMAR_RID_DEVICE(fault->rid),
             UDMAR_RID_FUNCTION(fault->rid), at + 1);
}

const char *explain_next(const struct log *log, const struct log_group *group,
                         const struct cause *cause, char *buffer, size_t size)
{
    const struct log_boot *boot = &log->boots[group->first.boot];
    const char *option =
        option_text(cause->option, group->first.source, boot->has_version, boot->version);
    char device[24], filled[300];

    explain_device(&group->first, device);
    explain_fill(cause->next, group->first.has_device ? device : "the device", buffer, size);
    if (option == NULL)
        return buffer;
    fill_tunable(option, &group->first.fault, filled, sizeof(filled));
    append(buffer, size, " ", filled);
    return buffer;
}
