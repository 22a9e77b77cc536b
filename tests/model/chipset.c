/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Machines as data. Capabilities are what such machines show in their boot logs; errata are those
 * of the vendor's sheets. The four that the driver's ancestor was made for come first.
 */
#include "internal.h"

#define VGA  0x030000u
#define NIC  0x020000u
#define SATA 0x010601u
#define USB  0x0c0320u

static const struct model_chipset chipsets[] = {
    /* Xeon 5400 with the 5400 hub: no queue, no superpages, protected memory not to be used. */
    { "xeon5400",
      0x4003,
      0x20,
      0x10676,
      { { UINT64_C(0xfe710000), UINT64_C(0x000900800c2f0462), UINT64_C(0xe01), 0x10,
          MODEL_ERRATUM_NO_PROTECTED, 0 } },
      { { 0x00d8, 0x3a3e, 0x040300 }, { 0x00e8, 0x2688, USB }, { 0x00fa, 0x2681, SATA } } },
    /* Xeon 5500 with the 5520 hub: queue before the root table, no interrupt remapping. */
    { "xeon5500",
      0x3406,
      0x13,
      0x106a5,
      { { UINT64_C(0xfedc0000), UINT64_C(0x00c90780106f0462), UINT64_C(0xf020fe), 0x10,
          MODEL_ERRATUM_QUEUE_FIRST | MODEL_ERRATUM_NO_REMAPPING, 0 } },
      { { 0x00d0, 0x3a37, USB }, { 0x00fa, 0x3a22, SATA }, { 0x00c8, 0x10c9, NIC } } },
    /* Haswell on a desk: a unit for graphics alone, without page-selective invalidation. */
    { "haswell",
      0x0c00,
      0x06,
      0x306c3,
      { { UINT64_C(0xfed90000), UINT64_C(0x00c0000020660462), UINT64_C(0xf0101a), 0x10, 0, 0x0010 },
        { UINT64_C(0xfed91000), UINT64_C(0x00d2008020660462), UINT64_C(0xf010da), 0x10, 0, 0 } },
      { { 0x0010, 0x0412, VGA }, { 0x00a0, 0x8c31, 0x0c0330 }, { 0x00fa, 0x8c02, SATA } } },
    /* Two sockets of Sandy Bridge-EP: wide masks are not honoured, superpages have no TLB. */
    { "sandybridge-ep",
      0x3c00,
      0x07,
      0x206d6,
      { { UINT64_C(0xfbffe000), UINT64_C(0x00d2078c106f0462), UINT64_C(0xf020fe), 0x10,
          MODEL_ERRATUM_MASK_9 | MODEL_ERRATUM_NO_LARGE, 0x0020 },
        { UINT64_C(0xfbffc000), UINT64_C(0x00d2078c106f0462), UINT64_C(0xf020fe), 0x10,
          MODEL_ERRATUM_MASK_9 | MODEL_ERRATUM_NO_LARGE, 0 } },
      { { 0x0020, 0x3c20, 0x088000 }, { 0x00c8, 0x1502, NIC }, { 0x00fa, 0x1d02, SATA } } },
    /* GM45: stores need a flush of a write buffer that RWBF does not own up to. */
    { "gm45",
      0x2a40,
      0x07,
      0x10676,
      { { UINT64_C(0xfed93000), UINT64_C(0x00c9008020630260), UINT64_C(0x1000), 0x10,
          MODEL_ERRATUM_HIDDEN_BUFFER, 0 } },
      { { 0x00c8, 0x10f5, NIC }, { 0x00fa, 0x2929, SATA } } },
    /* Client of 2015 and later: superpages, queue, graphics of its own. */
    { "skylake",
      0x191f,
      0x07,
      0x506e3,
      { { UINT64_C(0xfed90000), UINT64_C(0x01c0000c40660462), UINT64_C(0xf0505e), 0x10, 0, 0x0010 },
        { UINT64_C(0xfed91000), UINT64_C(0x00d2008c40660462), UINT64_C(0xf050da), 0x10, 0, 0 } },
      { { 0x0010, 0x1912, VGA }, { 0x00fe, 0x15b8, NIC }, { 0x00b8, 0xa102, SATA } } },
    /* Server with a coherent unit for each of its stacks. */
    { "xeon-scalable",
      0x2020,
      0x04,
      0x50654,
      { { UINT64_C(0xd37fc000), UINT64_C(0x08d2078c106f0466), UINT64_C(0xf020df), 0x10, 0, 0x00d0 },
        { UINT64_C(0xe0ffc000), UINT64_C(0x08d2078c106f0466), UINT64_C(0xf020df), 0x10, 0, 0x00c8 },
        { UINT64_C(0xee7fc000), UINT64_C(0x08d2078c106f0466), UINT64_C(0xf020df), 0x10, 0, 0x0020 },
        { UINT64_C(0xfbffc000), UINT64_C(0x08d2078c106f0466), UINT64_C(0xf020df), 0x10, 0, 0 } },
      { { 0x00d0, 0x37d2, NIC },
        { 0x00c8, 0x1528, NIC },
        { 0x0020, 0x2021, 0x088000 },
        { 0x00fa, 0xa182, SATA } } },
};

const struct model_chipset *model_chipset_at(unsigned index)
{
    return index < sizeof(chipsets) / sizeof(chipsets[0]) ? &chipsets[index] : NULL;
}

void model_add_chipset(struct model *m, const struct model_chipset *c)
{
    model_add_function(m, 0, 0, 0x8086, c->bridge, 0x060000);
    model_set_config(m, 0, 0, 8, 0x06000000u | c->revision);
    for (unsigned i = 0; i < MODEL_CHIPSET_UNITS && c->unit[i].base != 0; i++) {
        struct model_unit *u =
            model_add_unit(m, &(struct model_unit_config){ .profile = "generic48",
                                                           .base = c->unit[i].base,
                                                           .include_all = c->unit[i].only == 0,
                                                           .version = c->unit[i].version,
                                                           .cap_set = c->unit[i].cap,
                                                           .cap_clear = UINT64_MAX,
                                                           .ecap_set = c->unit[i].ecap,
                                                           .ecap_clear = UINT64_MAX });

        if (c->unit[i].only != 0) {
            struct model_scope scope = model_scope(MODEL_SCOPE_ENDPOINT, c->unit[i].only);

            model_add_unit_scope(u, &scope);
        }
        model_set_errata(u, c->unit[i].errata);
    }
    for (unsigned i = 0; i < MODEL_CHIPSET_FUNCTIONS && c->function[i].rid != 0; i++)
        model_add_function(m, 0, c->function[i].rid, 0x8086, c->function[i].device,
                           c->function[i].class_code);
}
