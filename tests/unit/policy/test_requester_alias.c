/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random trees of bridges with functions, in random orders of coming and going.
 *
 * The oracle keeps a list of its own: for each function the ids that the tree as it was built lets
 * come out of it, found without the library's code. After every step all that is attached is
 * compared with the context entries in memory, which the model's walk reads.
 */
#include "fixture/inside.h"

#include <string.h>

#include "space/context.h"

#define MOST      40u /* functions */
#define BRIDGES   10u
#define IDS       300u
#define RMRR      UINT64_C(0x400000)
#define RMRR_SIZE UINT64_C(0x2000)

struct bus {
    uint8_t number;
    bool express;    /* its devices are PCI Express */
    bool below_port; /* the bridge above is a port of a PCI Express switch, or the root's */
    int parent;      /* index of the bus above, -1: this is the root bus */
    uint16_t bridge;
    unsigned ids; /* what the way up adds */
    uint16_t id[2 * BRIDGES];
};

struct node {
    uint16_t rid;
    bool bridge;
    unsigned ids;
    uint16_t id[IDS];
    struct udmar_device *device; /* attached */
    uint64_t rmrr;               /* 0: none names it */
};

struct tree {
    struct fixture f;
    uint32_t seed;
    struct bus bus[BRIDGES + 1];
    unsigned buses;
    struct node node[MOST];
    unsigned nodes;
    unsigned rmrrs;
    bool firmware[65536]; /* ids that firmware's devices send */
};

static unsigned pick(struct tree *t, unsigned n)
{
    t->seed = t->seed * 1664525u + 1013904223u;
    return (t->seed >> 8) % n;
}

static void add(uint16_t *ids, unsigned *count, uint16_t id)
{
    for (unsigned i = 0; i < *count; i++) {
        if (ids[i] == id)
            return;
    }
    ids[(*count)++] = id;
}

/* ---- The tree and its oracle ----------------------------------------------------------------- */

static struct node *add_node(struct tree *t, const struct bus *bus, uint16_t rid, bool bridge)
{
    struct node *n = &t->node[t->nodes++];

    *n = (struct node){ .rid = rid, .bridge = bridge };
    add(n->id, &n->ids, rid);
    for (unsigned i = 0; i < bus->ids; i++)
        add(n->id, &n->ids, bus->id[i]);
    return n;
}

/* A bridge with a bus of its own below it. */
static void add_bus(struct tree *t)
{
    static const uint32_t silent[] = { 0x244e8086, 0x10801b21, 0x88921283, 0x88931283, 0x811310e3 };
    int parent = (int)pick(t, t->buses);
    struct bus *above = &t->bus[parent];
    struct bus *bus = &t->bus[t->buses];
    uint16_t rid = (uint16_t)(above->number << 8 | (0x80 + 8 * t->buses));
    uint16_t zero;
    unsigned kind = pick(t, above->express ? 5 : 2);

    *bus = *above;
    bus->number = (uint8_t)(t->buses * 3);
    bus->parent = parent;
    bus->bridge = rid;
    zero = (uint16_t)(bus->number << 8);
    t->buses++;
    switch (kind) {
    case 0: /* conventional, or one that claims to be */
    case 2:
        model_add_bridge(t->f.m, 0, rid, bus->number, bus->number, MODEL_PCI_TO_PCI);
        add(bus->id, &bus->ids, rid);
        if (kind == 2) {
            model_set_config(t->f.m, 0, rid, 0, silent[pick(t, 5)]);
            add(bus->id, &bus->ids, zero);
        } else if (above->express && above->below_port) {
            add(bus->id, &bus->ids, zero);
        }
        bus->express = false;
        bus->below_port = false;
        break;
    case 1:
        model_add_bridge(t->f.m, 0, rid, bus->number, bus->number, MODEL_PCI_TO_PCIE);
        add(bus->id, &bus->ids, rid);
        bus->express = true;
        bus->below_port = true;
        break;
    case 3:
        model_add_bridge(t->f.m, 0, rid, bus->number, bus->number, MODEL_PCIE_TO_PCI);
        add(bus->id, &bus->ids, zero);
        bus->express = false;
        bus->below_port = false;
        break;
    default:
        model_add_bridge(t->f.m, 0, rid, bus->number, bus->number,
                         parent == 0 ? MODEL_ROOT_PORT : MODEL_DOWNSTREAM);
        bus->express = true;
        bus->below_port = true;
        break;
    }
    if (pick(t, 3) == 0)
        (void)add_node(t, above, rid, true);
}

static void add_function(struct tree *t)
{
    static const struct {
        uint32_t id;
        unsigned first, count; /* of the ids that it adds, in its slot or on its bus */
        bool whole_bus;
    } kinds[] = {
        { 0x100e8086, 0, 0, false },  { 0x100e8086, 0, 0, false }, { 0x813910ec, 0, 0, false },
        { 0x100e8086, 0, 0, false },  { 0xe8321180, 0, 1, false }, { 0x91721b4b, 1, 1, false },
        { 0x87b010b5, 0, 256, true },
    };
    const struct bus *bus = &t->bus[pick(t, t->buses)];
    uint16_t rid = (uint16_t)(bus->number << 8 | pick(t, 4) << 3 | pick(t, 3));
    unsigned kind = pick(t, 7);
    struct node *n;

    for (unsigned i = 0; i < t->nodes; i++) {
        if (t->node[i].rid == rid)
            return;
    }
    /* One that owns a bus is rare. */
    kind = kind == 6 && pick(t, 4) != 0 ? 0 : kind;
    model_add_function(t->f.m, 0, rid, (uint16_t)kinds[kind].id, (uint16_t)(kinds[kind].id >> 16),
                       0x020000);
    n = add_node(t, bus, rid, false);
    for (unsigned i = 0; i < kinds[kind].count; i++)
        add(n->id, &n->ids,
            (uint16_t)((rid & (kinds[kind].whole_bus ? 0xff00 : 0xfff8)) + kinds[kind].first + i));
}

/* The way from the root bus to a function, as firmware writes it. */
static struct model_scope scope_of(const struct tree *t, const struct node *n)
{
    uint8_t path[BRIDGES + 2];
    unsigned hops = 0;
    struct model_scope scope = {
        n->bridge ? MODEL_SCOPE_BRIDGE : MODEL_SCOPE_ENDPOINT, 0, 0, 0, { 0 }
    };
    unsigned b = 0;

    while (t->bus[b].number != n->rid >> 8)
        b++;
    path[hops++] = (uint8_t)n->rid;
    for (; t->bus[b].parent >= 0; b = (unsigned)t->bus[b].parent)
        path[hops++] = (uint8_t)t->bus[b].bridge;
    if (hops > 4)
        return scope;
    scope.hops = (uint8_t)hops;
    for (unsigned i = 0; i < hops; i++)
        scope.devfn[i] = path[hops - 1 - i];
    return scope;
}

/* Firmware's devices are attached at start; a bridge's scope means its bus, too. */
static void add_rmrrs(struct tree *t)
{
    for (unsigned i = 0; i < t->nodes && t->rmrrs < 3; i++) {
        struct node *n = &t->node[i];
        struct model_scope scope = scope_of(t, n);

        if (scope.hops == 0 || pick(t, 8) != 0)
            continue;
        n->rmrr = RMRR + t->rmrrs++ * RMRR_SIZE;
        model_add_rmrr(t->f.m, 0, n->rmrr, n->rmrr + RMRR_SIZE - 1, &scope, 1);
        for (unsigned k = 0; k < t->nodes; k++) {
            struct node *below = &t->node[k];
            bool inside = below == n;

            for (unsigned b = 1; b < t->buses && n->bridge; b++) {
                if (t->bus[b].bridge == n->rid)
                    inside = inside || below->rid >> 8 == t->bus[b].number;
            }
            for (unsigned j = 0; j < below->ids && inside; j++)
                t->firmware[below->id[j]] = true;
        }
        /* A bridge below that is no node is there, all the same: its id is firmware's. */
        for (unsigned b = 1; b < t->buses && n->bridge; b++) {
            for (unsigned c = 1; c < t->buses && t->bus[b].bridge == n->rid; c++) {
                if (t->bus[c].bridge >> 8 != t->bus[b].number)
                    continue;
                t->firmware[t->bus[c].bridge] = true;
                for (unsigned j = 0; j < t->bus[b].ids; j++)
                    t->firmware[t->bus[b].id[j]] = true;
            }
        }
    }
}

/* ---- What must be true after every step ------------------------------------------------------ */

static bool meet(const struct node *a, const struct node *b)
{
    for (unsigned i = 0; i < a->ids; i++) {
        for (unsigned j = 0; j < b->ids; j++) {
            if (a->id[i] == b->id[j])
                return true;
        }
    }
    return false;
}

static bool refused(const struct node *n)
{
    return fixture_info(n->device).mode == UDMAR_MODE_BLOCKED;
}

/* Each id's entry in memory is its group's domain, or is not present for nobody's. */
static void check_contexts(struct tree *t)
{
    static struct udmar_domain *owner[65536];
    static bool sent[65536];

    memset(owner, 0, sizeof(owner));
    memset(sent, 0, sizeof(sent));
    for (unsigned i = 0; i < t->nodes; i++) {
        const struct node *n = &t->node[i];

        for (unsigned j = 0; j < n->ids && n->device != NULL; j++) {
            sent[n->id[j]] = true;
            if (!refused(n)) {
                assert_true(owner[n->id[j]] == NULL || owner[n->id[j]] == n->device->group->domain);
                owner[n->id[j]] = n->device->group->domain;
            }
        }
    }
    for (unsigned i = 0; i < 256 * t->buses; i++) {
        unsigned id = (unsigned)t->bus[i / 256].number << 8 | (i & 255);
        uint64_t root, context[2];

        udmar__context_read(fixture_unit(&t->f, 0), (uint16_t)id, &root, context);
        if (owner[id] != NULL) {
            assert_true(context[0] == (owner[id]->table | 1));
            assert_int_equal(context[1] >> 8, owner[id]->bindings->id);
        } else if (!t->firmware[id]) {
            assert_true(context[0] == 0 && context[1] == 0);
        }
    }
}

static void check(struct tree *t, bool strictly)
{
    for (unsigned i = 0; i < t->nodes; i++) {
        const struct node *a = &t->node[i];

        for (unsigned k = 0; k < i && a->device != NULL; k++) {
            const struct node *b = &t->node[k];

            if (b->device == NULL || !meet(a, b))
                continue;
            if (strictly)
                assert_false(refused(a) || refused(b));
            if (!refused(a) && !refused(b))
                assert_ptr_equal(a->device->group, b->device->group);
        }
    }
    check_contexts(t);
}

/* A byte of DMA as the model sees it come out of the bridges. */
static void use(struct tree *t, struct node *n)
{
    struct udmar_domain *domain = udmar_device_domain(n->device);
    udmar_iova_t iova;

    if (domain == NULL) {
        return;
    }
    assert_int_equal(udmar_domain_alloc_iova(domain, 4096, NULL, &iova), UDMAR_OK);
    assert_int_equal(udmar_domain_map(domain, iova, t->f.page, 4096, 3), UDMAR_OK);
    assert_true(fixture_reaches(&t->f, n->rid, iova, t->f.page));
    if (n->rmrr != 0)
        assert_int_equal(fixture_write(&t->f, n->rid, n->rmrr + 0x1000), MODEL_OK);
    assert_int_equal(udmar_domain_unmap(domain, iova, 4096), UDMAR_OK);
    assert_int_equal(udmar_domain_free_iova(domain, iova), UDMAR_OK);
}

/* ---- Courses --------------------------------------------------------------------------------- */

static void build(struct tree *t, uint32_t seed)
{
    const struct model_unit_config unit = {
        .base = BASE,
        .include_all = true,
        .profile = seed % 3 == 0   ? "cm"
                   : seed % 3 == 1 ? "noncoherent"
                                   : "generic48",
    };

    memset(t, 0, sizeof(*t));
    t->seed = seed * 2654435761u;
    fixture_empty(&t->f);
    t->f.u = model_add_unit(t->f.m, &unit);
    t->bus[0] = (struct bus){ .express = true, .parent = -1 };
    t->buses = 1;
    for (unsigned n = 2 + pick(t, BRIDGES - 2); n > 0; n--)
        add_bus(t);
    for (unsigned n = 4 + pick(t, 20); n > 0; n--)
        add_function(t);
}

static void attach_one(struct tree *t, struct node *n)
{
    assert_int_equal(udmar_device_attach(t->f.instance, 0, n->rid, "dev", &n->device), UDMAR_OK);
}

static void detach_all(struct tree *t)
{
    for (unsigned i = 0; i < t->nodes; i++) {
        if (t->node[i].device != NULL)
            assert_int_equal(udmar_device_detach(t->node[i].device), UDMAR_OK);
        t->node[i].device = NULL;
    }
    check_contexts(t);
}

/* All attach before anybody uses a domain, as at boot: no order refuses anything. */
static void all_come_before_the_first_use(void **state)
{
    static struct tree t;

    (void)state;
    for (uint32_t seed = 1; seed <= 200; seed++) {
        build(&t, seed);
        if (seed % 2)
            add_rmrrs(&t);
        fixture_create(&t.f);
        if (seed % 4 < 2)
            fixture_start(&t.f);
        for (unsigned left = t.nodes; left > 0; left--) {
            unsigned i = pick(&t, t.nodes);

            while (t.node[i].device != NULL)
                i = (i + 1) % t.nodes;
            attach_one(&t, &t.node[i]);
        }
        if (seed % 4 >= 2)
            fixture_start(&t.f);
        check(&t, true);
        for (unsigned i = 0; i < t.nodes; i++)
            use(&t, &t.node[i]);
        detach_all(&t);
        fixture_close(&t.f);
    }
}

/* Some use their domains while others come and go. */
static void they_come_and_go(void **state)
{
    static struct tree t;
    unsigned blocked = 0, used = 0;

    (void)state;
    for (uint32_t seed = 1; seed <= 200; seed++) {
        build(&t, seed + 1000);
        if (seed % 2)
            add_rmrrs(&t);
        fixture_create(&t.f);
        fixture_start(&t.f);
        for (unsigned step = 0; step < 60; step++) {
            struct node *n = &t.node[pick(&t, t.nodes)];

            if (n->device == NULL) {
                attach_one(&t, n);
                blocked += refused(n);
            } else if (pick(&t, 3) == 0) {
                use(&t, n);
                used++;
            } else {
                assert_int_equal(udmar_device_detach(n->device), UDMAR_OK);
                n->device = NULL;
            }
            check(&t, false);
        }
        detach_all(&t);
        fixture_close(&t.f);
    }
    /* The rare case occurs, and is rare. */
    assert_true(blocked > 0 && blocked < 300);
    assert_true(used > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_come_before_the_first_use),
        cmocka_unit_test(they_come_and_go),
    };

    return cmocka_run_group_tests_name("requester_alias", tests, NULL, NULL);
}
