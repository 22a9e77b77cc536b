/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "interleave.h"

struct interleave_counts interleave_counts;
struct model_behaviour interleave_manners;

void probe_add(struct scene *s, uint16_t rid, uint64_t iova)
{
    for (unsigned write = 0; write < 2; write++) {
        assert_true(s->probes < PROBES);
        s->probe[s->probes++] = (struct probe){ rid, iova, write != 0 };
    }
}

/* ---- What one try sees ----------------------------------------------------------------------- */

struct view {
    bool allowed;
    uint64_t physical;
    bool broken; /* hardware met something that is no valid entry */
};

static struct view look(struct scene *s, const struct probe *p, bool cached)
{
    struct model_translation t = cached
                                     ? model_translate_cached(s->f.m, 0, p->rid, p->iova, p->write)
                                     : model_translate(s->f.m, 0, p->rid, p->iova, p->write);
    struct view view = { .allowed = t.result != MODEL_BLOCKED };

    if (view.allowed)
        view.physical = t.physical;
    else
        /* Not present, no permission, too far: everything else is a damaged table. */
        view.broken = t.reason == 3 || t.reason > 6;
    return view;
}

static bool same(struct view a, struct view b)
{
    return a.allowed == b.allowed && a.physical == b.physical;
}

/* ---- One run --------------------------------------------------------------------------------- */

#define SEEN 6
#define NONE UINT64_MAX
#define ALL  (UINT64_MAX - 1)

struct run {
    const struct scenario *scenario;
    struct scene s;
    bool warm;
    uint64_t active_at; /* the device works for real at this point; NONE, ALL */
    uint64_t points;
    struct view old[PROBES];
    struct {
        struct view view;
        uint64_t point;
        bool cached;
    } seen[PROBES][SEEN];
    unsigned seen_count[PROBES];
    uint8_t turned[4096]; /* by point: some cold view had changed */
};

static void note(struct run *r, unsigned i, struct view view, bool cached)
{
    for (unsigned k = 0; k < r->seen_count[i]; k++) {
        if (same(r->seen[i][k].view, view) && r->seen[i][k].view.broken == view.broken)
            return;
    }
    if (r->seen_count[i] == SEEN)
        return; /* three are too many already */
    r->seen[i][r->seen_count[i]].view = view;
    r->seen[i][r->seen_count[i]].point = r->points;
    r->seen[i][r->seen_count[i]++].cached = cached;
    if (r->points < sizeof(r->turned))
        r->turned[r->points] = 1;
}

static void work(struct run *r)
{
    for (unsigned i = 0; i < r->s.probes; i++) {
        const struct probe *p = &r->s.probe[i];
        uint8_t byte = 0x5a;

        (void)model_dma(r->s.f.m, 0, p->rid, p->iova, &byte, 1, p->write);
    }
}

static void step(void *context, struct model *m)
{
    struct run *r = context;

    (void)m;
    for (unsigned i = 0; i < r->s.probes; i++) {
        note(r, i, look(&r->s, &r->s.probe[i], false), false);
        note(r, i, look(&r->s, &r->s.probe[i], true), true);
    }
    if (r->active_at == ALL || r->active_at == r->points)
        work(r);
    r->points++;
}

static void complain(const struct run *r, unsigned i, const char *what, struct view view,
                     uint64_t point, bool cached)
{
    fprintf(stderr, "%s: %s at %#llx by %04x: %s (%s%s, physical %#llx, point %llu, %s)\n",
            r->scenario->name, r->s.probe[i].write ? "write" : "read",
            (unsigned long long)r->s.probe[i].iova, r->s.probe[i].rid, what,
            view.allowed ? "allowed" : "blocked", view.broken ? ", damaged table" : "",
            (unsigned long long)view.physical, (unsigned long long)point,
            cached ? "cached" : "from memory");
}

/* Each view was the old or the new one; afterwards there is the new one alone. */
static void check(struct run *r)
{
    bool changes = r->scenario->status == UDMAR_OK && !r->scenario->unseen;
    unsigned wrong = 0, changed = 0;

    for (unsigned i = 0; i < r->s.probes; i++) {
        struct view now = look(&r->s, &r->s.probe[i], false);
        struct view cached = look(&r->s, &r->s.probe[i], true);

        changed += !same(now, r->old[i]);
        if (!r->scenario->deferred && !same(now, cached)) {
            complain(r, i, "cached, though the call has returned", cached, r->points, true);
            wrong++;
        }
        for (unsigned k = 0; k < r->seen_count[i]; k++) {
            struct view view = r->seen[i][k].view;
            bool wanted = r->scenario->taken_back && view.allowed &&
                          view.physical - PHYS == r->s.probe[i].iova - AT;
            bool fine = same(view, r->old[i]) || same(view, now) || wanted ||
                        (r->scenario->may_block && !view.allowed);

            if (fine && !view.broken)
                continue;
            complain(r, i, "neither old nor new", view, r->seen[i][k].point, r->seen[i][k].cached);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
    /* The unit has to see that something has happened; or that nothing has. */
    if (changes != (changed != 0))
        fail_msg("%s: %u of %u accesses have changed", r->scenario->name, changed, r->s.probes);
    if (!r->scenario->deferred)
        assert_int_equal(model_cache_stale(r->s.f.u), 0);
}

static void run(struct run *r, const struct scenario *scenario, const struct setup *setup)
{
    struct setup with = *setup;
    struct model_unit_stats *stats;

    r->scenario = scenario;
    r->points = 0;
    memset(r->seen_count, 0, sizeof(r->seen_count));
    memset(&r->s, 0, sizeof(r->s));
    with.machine.low_size = MIB(12);
    with.machine.high_size = MIB(4);
    with.not_attached = scenario->not_started;
    with.not_started = scenario->not_started;
    if (scenario->lazy) {
        with.tunables = "hw.dmar.strict=0";
        with.ticking = true;
    }
    if (scenario->rmrr) {
        with.rmrr_base = RMRR_BASE;
        with.rmrr_limit = RMRR_LIMIT;
    }
    fixture_open(&r->s.f, &with);
    scenario->prepare(&r->s);
    model_cache_drop_all(r->s.f.u);
    if (r->warm) {
        model_cache_warm(r->s.f.u);
        work(r); /* absence, too, where the unit caches that */
    }
    for (unsigned i = 0; i < r->s.probes; i++)
        r->old[i] = look(&r->s, &r->s.probe[i], false);
    stats = model_stats(r->s.f.u);
    *model_behaviour(r->s.f.u) = interleave_manners;
    model_behaviour(r->s.f.u)->audit = true;
    model_step_begin(r->s.f.m, step, r);
    scenario->act(&r->s);
    model_step_end(r->s.f.m);
    if (scenario->after != NULL)
        scenario->after(&r->s);
    if (scenario->lazy)
        (void)model_queue_step(r->s.f.u, 4096); /* nobody has promised to wait */
    model_behaviour(r->s.f.u)->audit = false;
    assert_int_equal(r->s.status, scenario->status);
    assert_string_equal(fixture_broken(&r->s.f), "");
    check(r);
    interleave_counts.runs++;
    interleave_counts.instructions += model_step_counts().instructions;
    interleave_counts.stores += model_step_counts().stores;
    interleave_counts.tries += r->points * r->s.probes * 2;
    if (r->warm && r->active_at == NONE) {
        interleave_counts.audited += stats->audited;
        interleave_counts.needless += stats->needless;
    }
    (void)model_queue_step(r->s.f.u, 4096);
    memset(model_behaviour(r->s.f.u), 0, sizeof(interleave_manners));
    scenario->finish(&r->s);
    drain_faults(&r->s.f);
    assert_int_equal(fixture_violations(&r->s.f), 0);
    fixture_close(&r->s.f);
}

/* The first points at which what a device sees had changed, and the ones before them. */
static bool worth(const struct run *pattern, uint64_t point, unsigned done)
{
    bool turns = pattern->turned[point] != 0 || pattern->turned[point + 1] != 0;

    return getenv("UDMAR_TEST_FULL") != NULL || (turns && done < 3);
}

void interleave(const struct scenario *scenario, const struct setup *setup, bool each_point)
{
    static struct run pattern, other;
    unsigned done = 0;

    memset(&other, 0, sizeof(other));
    other.warm = true;
    other.active_at = NONE;
    run(&other, scenario, setup);
    other.warm = false;
    other.active_at = ALL;
    run(&other, scenario, setup);
    if (!each_point)
        return;
    other.warm = true;
    run(&other, scenario, setup);
    other.warm = false;
    memset(&pattern, 0, sizeof(pattern));
    pattern.active_at = NONE;
    run(&pattern, scenario, setup);
    for (uint64_t point = 0; point < pattern.points && point + 1 < sizeof(pattern.turned);
         point++) {
        if (!worth(&pattern, point, done))
            continue;
        other.active_at = point;
        run(&other, scenario, setup);
        done++;
    }
}
