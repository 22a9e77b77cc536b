/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tunables: words of loader.conf(5), read from the kernel's environment.
 *
 * hw.dmar.* belongs to FreeBSD's own driver as well, which knows names that udmar has no use for,
 * and hw.udmar.* says the same for udmar alone. The last of both counts: hw.udmar.*.
 */
#include "udmar_port.h"

#include <sys/kenv.h>

#define OWN_PREFIX     "hw.udmar."
#define SHARED_PREFIX  "hw.dmar."
#define BUSDMA_PREFIX  "hw.busdma."
#define LONGEST_SUFFIX 100

/* What FreeBSD's own driver knows below hw.dmar, and what is ours alone below hw.udmar. */
static const char *const not_for_library[] = {
    "hw.dmar.dma",        "hw.dmar.fault_log_size", "hw.dmar.batch_coalesce",
    "hw.dmar.check_free", "hw.dmar.match_verbose",  "hw.dmar.enable",
    "hw.udmar.enable",
};

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_for_library(const char *name)
{
    for (size_t i = 0; i < nitems(not_for_library); i++) {
        if (strcmp(name, not_for_library[i]) == 0) {
            return false;
        }
    }
    return true;
}

/* hw.udmar.strict is hw.dmar.strict for the library. */
static void set(struct udmar_tunables *out, const char *name, const char *value)
{
    char shared[sizeof(SHARED_PREFIX) + LONGEST_SUFFIX];
    const char *known = name;
    enum udmar_status status;

    if (!is_for_library(name)) {
        return;
    }
    if (has_prefix(name, OWN_PREFIX)) {
        snprintf(shared, sizeof(shared), SHARED_PREFIX "%s", name + strlen(OWN_PREFIX));
        known = shared;
    }
    status = udmar_tunables_set(out, known, value);
    if (status != UDMAR_OK) {
        printf("udmar: tunable %s=\"%s\" is ignored: %s\n", name, value,
               udmar_status_string(status));
    }
}

/* A name is at most KENV_MNAMELEN bytes long; the loader takes the quotes off. */
static void set_word(struct udmar_tunables *out, const char *word)
{
    const char *equals = strchr(word, '=');
    char name[LONGEST_SUFFIX];

    if (equals == NULL || (size_t)(equals - word) >= sizeof(name)) {
        printf("udmar: tunable \"%.60s\" is ignored: no value, or a name that is too long\n", word);
        return;
    }
    strlcpy(name, word, (size_t)(equals - word) + 1);
    set(out, name, equals + 1);
}

static void set_all(struct udmar_tunables *out, const char *prefix)
{
    for (int i = 0; kenvp[i] != NULL; i++) {
        if (has_prefix(kenvp[i], prefix)) {
            set_word(out, kenvp[i]);
        }
    }
}

void udmar_read_tunables(struct udmar_tunables *out)
{
    udmar_tunables_init(out);
    set_all(out, SHARED_PREFIX);
    set_all(out, BUSDMA_PREFIX);
    set_all(out, OWN_PREFIX);
    out->enable = true; /* udmar_wanted() has said so */
}

bool udmar_wanted(void)
{
    int own = -1;
    int shared = 0;

    TUNABLE_INT_FETCH("hw.udmar.enable", &own);
    TUNABLE_INT_FETCH("hw.dmar.enable", &shared);
    if (own >= 0) {
        return own != 0;
    }
    return shared != 0 && devclass_find("dmar") == NULL;
}
