/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of faults that udmar's Linux module shows in debugfs: oldest first, as many as it keeps,
 * each a line of fields and then the sentence of the log, "fault NUMBER: ...", counted from 1.
 */
#include "watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The sentence in a line, and its number; null where there is none. */
static const char *sentence_of(const char *line, uint64_t *out_number)
{
    for (const char *at = line; (at = strstr(at, "fault ")) != NULL; at++) {
        char *end;

        if (at != line && at[-1] != ' ')
            continue;
        errno = 0;
        *out_number = strtoull(at + 6, &end, 10);
        if (end != at + 6 && *end == ':' && at[6] != '-' && errno == 0 && *out_number > 0)
            return at;
    }
    return NULL;
}

static void take_line(struct watch_list *list, const char *line, watch_take_t *take, void *context)
{
    char text[1024];
    uint64_t number;
    const char *sentence = sentence_of(line, &number);
    int length;

    if (sentence == NULL || number <= list->last)
        return;
    if (list->last > 0)
        list->lost += number - list->last - 1;
    list->last = number;
    length = snprintf(text, sizeof(text), "udmar: %s", sentence);
    if (length < 0)
        return;
    take(context, text, (size_t)length < sizeof(text) ? (size_t)length : sizeof(text) - 1);
}

/* The number of a list's last fault, 0 for none. */
static uint64_t newest_of(FILE *file, char **line, size_t *room)
{
    uint64_t newest = 0, number;

    while (getline(line, room, file) > 0) {
        if (sentence_of(*line, &number) != NULL)
            newest = number;
    }
    rewind(file);
    return newest;
}

bool watch_list_read(struct watch_list *list, watch_take_t *take, void *context)
{
    FILE *file = fopen(list->path, "re");
    char *line = NULL;
    size_t room = 0;
    bool done;

    if (file == NULL)
        return false;
    if (newest_of(file, &line, &room) < list->last)
        list->last = 0;
    while (getline(&line, &room, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        take_line(list, line, take, context);
    }
    done = ferror(file) == 0;
    free(line);
    fclose(file);
    return done;
}
