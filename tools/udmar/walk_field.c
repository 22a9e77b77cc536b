/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fields of every table entry [VTD 9], for printing.
 */
#include "walk_entry.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define PRESENT                                         \
    {                                                   \
        "P", 0, 0, 0, FORM_FLAG, false, "the entry is", \
        {                                               \
            "not present", "present"                    \
        }                                               \
    }
#define FPD                                                                     \
    {                                                                           \
        "FPD", 0, 1, 1, FORM_FLAG, false, "fault processing disable",           \
        {                                                                       \
            "faults are reported", "most faults of this source are kept silent" \
        }                                                                       \
    }
#define ADDRESS_WIDTHS                                                                      \
    {                                                                                       \
        "30 bits, 2 levels", "39 bits, 3 levels", "48 bits, 4 levels", "57 bits, 5 levels", \
            "reserved", "reserved", "reserved", "reserved", NULL                            \
    }

static const struct field root_fields[] = {
    PRESENT,
    { "CTP", 0, 63, 12, FORM_POINTER, false, "context table", { NULL } },
    { "reserved", 0, 11, 1, FORM_HEX, true, "reserved, must be 0", { NULL } },
    { "reserved_high", 1, 63, 0, FORM_HEX, true, "reserved, must be 0", { NULL } },
};

static const struct field context_fields[] = {
    PRESENT,
    FPD,
    { "TT",
      0,
      3,
      2,
      FORM_NUMBER,
      false,
      "translation type",
      { "untranslated requests through the table", "all requests, device TLB (ATS) allowed",
        "pass-through: no translation", "reserved" } },
    { "SLPTPTR", 0, 63, 12, FORM_POINTER, false, "second-stage table", { NULL } },
    { "AW", 1, 2, 0, FORM_NUMBER, false, "address width", ADDRESS_WIDTHS },
    { "AVAIL", 1, 6, 3, FORM_HEX, true, "free for software", { NULL } },
    { "DID", 1, 23, 8, FORM_NUMBER, false, "domain id", { NULL } },
    { "reserved", 0, 11, 4, FORM_HEX, true, "reserved, must be 0", { NULL } },
    { "reserved_71", 1, 7, 7, FORM_HEX, true, "reserved, must be 0", { NULL } },
    { "reserved_high", 1, 63, 24, FORM_HEX, true, "reserved, must be 0", { NULL } },
};

static const struct field scalable_root_fields[] = {
    { "LP", 0, 0, 0, FORM_FLAG, false, "devices 00-0f present", { "not present", "present" } },
    { "LCTP", 0, 63, 12, FORM_POINTER, false, "context table of devices 00-0f", { NULL } },
    { "UP", 1, 0, 0, FORM_FLAG, false, "devices 10-1f present", { "not present", "present" } },
    { "UCTP", 1, 63, 12, FORM_POINTER, false, "context table of devices 10-1f", { NULL } },
    { "reserved_low", 0, 11, 1, FORM_HEX, true, "reserved, must be 0", { NULL } },
    { "reserved_high", 1, 11, 1, FORM_HEX, true, "reserved, must be 0", { NULL } },
};

static const struct field scalable_context_fields[] = {
    PRESENT,
    FPD,
    { "DTE", 0, 2, 2, FORM_FLAG, false, "device TLB (ATS)", { "off", "on" } },
    { "PASIDE", 0, 3, 3, FORM_FLAG, false, "requests with PASID", { "refused", "allowed" } },
    { "PRE", 0, 4, 4, FORM_FLAG, false, "page requests", { "refused", "allowed" } },
    { "PDTS",
      0,
      11,
      9,
      FORM_NUMBER,
      false,
      "size of the PASID directory",
      { "128 entries", "256 entries", "512 entries", "1024 entries", "2048 entries", "4096 entries",
        "8192 entries", "16384 entries" } },
    { "PASIDDIRPTR", 0, 63, 12, FORM_POINTER, false, "PASID directory", { NULL } },
    { "RID_PASID", 1, 19, 0, FORM_NUMBER, false, "PASID of requests without one", { NULL } },
    { "RID_PRIV",
      1,
      20,
      20,
      FORM_FLAG,
      true,
      "privilege of requests without PASID",
      { "user", "supervisor" } },
    { "reserved", 0, 8, 5, FORM_HEX, true, "reserved, must be 0", { NULL } },
    { "reserved_1", 1, 63, 21, FORM_HEX, true, "reserved, must be 0", { NULL } },
    { "reserved_2", 2, 63, 0, FORM_HEX, true, "reserved, must be 0", { NULL } },
    { "reserved_3", 3, 63, 0, FORM_HEX, true, "reserved, must be 0", { NULL } },
};

static const struct field directory_fields[] = {
    PRESENT,
    FPD,
    { "SMPTBLPTR", 0, 63, 12, FORM_POINTER, false, "PASID table", { NULL } },
    { "reserved", 0, 11, 2, FORM_HEX, true, "reserved, must be 0", { NULL } },
};

static const struct field pasid_fields[] = {
    PRESENT,
    FPD,
    { "AW", 0, 4, 2, FORM_NUMBER, false, "address width of the second stage", ADDRESS_WIDTHS },
    { "SLEE", 0, 5, 5, FORM_FLAG, true, "second-stage execute permission", { "off", "on" } },
    { "PGTT",
      0,
      8,
      6,
      FORM_NUMBER,
      false,
      "translation type",
      { "reserved", "first stage", "second stage", "nested: first stage, then second stage",
        "pass-through: no translation", "reserved", "reserved", "reserved" } },
    { "SSADE", 0, 9, 9, FORM_FLAG, true, "second-stage accessed and dirty bits", { "off", "on" } },
    { "SSPTPTR", 0, 63, 12, FORM_POINTER, false, "second-stage table", { NULL } },
    { "DID", 1, 15, 0, FORM_NUMBER, false, "domain id", { NULL } },
    { "PWSNP", 1, 23, 23, FORM_FLAG, false, "page walks", { "do not snoop", "snoop caches" } },
    { "PGSNP", 1, 24, 24, FORM_FLAG, true, "forced snooping of data", { "off", "on" } },
    { "CD", 1, 25, 25, FORM_FLAG, true, "cache disable", { "off", "on" } },
    { "EMT", 1, 29, 26, FORM_HEX, true, "memory type", { NULL } },
    { "PWT_PCD", 1, 31, 30, FORM_HEX, true, "memory type of first-stage walks", { NULL } },
    { "PAT", 1, 63, 32, FORM_HEX, true, "page attribute table", { NULL } },
    { "SRE", 2, 0, 0, FORM_FLAG, false, "supervisor requests", { "refused", "allowed" } },
    { "ERE", 2, 1, 1, FORM_FLAG, true, "execute requests", { "refused", "allowed" } },
    { "FSPM",
      2,
      3,
      2,
      FORM_NUMBER,
      false,
      "levels of the first stage",
      { "4 levels", "5 levels", "reserved", "reserved" } },
    { "WPE", 2, 4, 4, FORM_FLAG, true, "write protection for supervisors", { "off", "on" } },
    { "NXE", 2, 5, 5, FORM_FLAG, true, "no-execute bit", { "off", "on" } },
    { "SMEP", 2, 6, 6, FORM_FLAG, true, "supervisor execute prevention", { "off", "on" } },
    { "EAFE", 2, 7, 7, FORM_FLAG, true, "extended accessed flag", { "off", "on" } },
    { "FSPTPTR", 2, 63, 12, FORM_POINTER, false, "first-stage table", { NULL } },
    { "reserved_0", 0, 11, 10, FORM_HEX, true, "reserved, must be 0", { NULL } },
    { "reserved_1", 1, 22, 16, FORM_HEX, true, "reserved, must be 0", { NULL } },
    { "reserved_2", 2, 11, 8, FORM_HEX, true, "reserved, must be 0", { NULL } },
    { "reserved_3", 3, 63, 0, FORM_HEX, true, "reserved, must be 0", { NULL } },
    { "reserved_4", 4, 63, 0, FORM_HEX, true, "reserved, must be 0", { NULL } },
    { "reserved_5", 5, 63, 0, FORM_HEX, true, "reserved, must be 0", { NULL } },
    { "reserved_6", 6, 63, 0, FORM_HEX, true, "reserved, must be 0", { NULL } },
    { "reserved_7", 7, 63, 0, FORM_HEX, true, "reserved, must be 0", { NULL } },
};

#define READ_FLAG                               \
    {                                           \
        "R", 0, 0, 0, FORM_FLAG, false, "read", \
        {                                       \
            "no", "yes"                         \
        }                                       \
    }
#define WRITE_FLAG                               \
    {                                            \
        "W", 0, 1, 1, FORM_FLAG, false, "write", \
        {                                        \
            "no", "yes"                          \
        }                                        \
    }
#define SOFTWARE                                                             \
    {                                                                        \
        "software", 0, 61, 52, FORM_HEX, true, "ignored, free for software", \
        {                                                                    \
            NULL                                                             \
        }                                                                    \
    }
#define ACCESSED                                   \
    {                                              \
        "A", 0, 8, 8, FORM_FLAG, true, "accessed", \
        {                                          \
            "no", "yes"                            \
        }                                          \
    }

static const struct field second_table_fields[] = {
    READ_FLAG,
    WRITE_FLAG,
    { "X", 0, 2, 2, FORM_FLAG, true, "execute", { "no", "yes" } },
    { "PS", 0, 7, 7, FORM_FLAG, true, "page size", { NULL, "set, which is wrong here" } },
    { "ADDR", 0, 51, 12, FORM_POINTER, false, "next table", { NULL } },
    ACCESSED,
    { "SNP", 0, 11, 11, FORM_FLAG, true, "snoop", { NULL, "set" } },
    SOFTWARE,
    { "TM", 0, 62, 62, FORM_FLAG, true, "transient mapping", { NULL, "set" } },
};

static const struct field second_page_fields[] = {
    READ_FLAG,
    WRITE_FLAG,
    { "X", 0, 2, 2, FORM_FLAG, true, "execute", { "no", "yes" } },
    { "EMT", 0, 5, 3, FORM_NUMBER, true, "memory type", { NULL } },
    { "IPAT", 0, 6, 6, FORM_FLAG, true, "ignore PAT", { NULL, "set" } },
    { "PS", 0, 7, 7, FORM_FLAG, true, "page size", { NULL, "large page" } },
    { "ADDR", 0, 51, 12, FORM_POINTER, false, "page", { NULL } },
    ACCESSED,
    { "D", 0, 9, 9, FORM_FLAG, true, "dirty", { "no", "yes" } },
    { "SNP", 0, 11, 11, FORM_FLAG, true, "snoop", { NULL, "accesses snoop the caches" } },
    SOFTWARE,
    { "TM", 0, 62, 62, FORM_FLAG, true, "transient mapping", { NULL, "set" } },
};

#define FIRST_COMMON                                                                    \
    PRESENT, { "RW", 0, 1, 1, FORM_FLAG, false, "write", { "no", "yes" } },             \
        { "US", 0, 2, 2, FORM_FLAG, false, "user requests", { "refused", "allowed" } }, \
        { "PWT_PCD", 0, 4, 3, FORM_HEX, true, "memory type", { NULL } },                \
        { "A", 0, 5, 5, FORM_FLAG, false, "accessed", { "no", "yes" } },                \
    {                                                                                   \
        "XD", 0, 63, 63, FORM_FLAG, true, "execute",                                    \
        {                                                                               \
            "allowed", "no"                                                             \
        }                                                                               \
    }

static const struct field first_table_fields[] = {
    FIRST_COMMON,
    { "PS", 0, 7, 7, FORM_FLAG, true, "page size", { NULL, "set, which is wrong here" } },
    { "ADDR", 0, 51, 12, FORM_POINTER, false, "next table", { NULL } },
    SOFTWARE,
};

static const struct field first_page_fields[] = {
    FIRST_COMMON,
    { "D", 0, 6, 6, FORM_FLAG, false, "dirty", { "no", "yes" } },
    { "PS_PAT", 0, 7, 7, FORM_FLAG, true, "large page, or PAT at level 1", { NULL, "set" } },
    { "G", 0, 8, 8, FORM_FLAG, true, "global", { "no", "yes" } },
    { "ADDR", 0, 51, 12, FORM_POINTER, false, "page", { NULL } },
    SOFTWARE,
};

#define SENDER                                                                             \
    { "SID", 1, 15, 0, FORM_HEX, false, "source id of the sender", { NULL } },             \
        { "SQ",                                                                            \
          1,                                                                               \
          17,                                                                              \
          16,                                                                              \
          FORM_NUMBER,                                                                     \
          false,                                                                           \
          "bits of the source id that count",                                              \
          { "all", "all but bit 2", "all but bits 2:1", "all but the function" } },        \
    {                                                                                      \
        "SVT", 1, 19, 18, FORM_NUMBER, false, "check of the sender",                       \
        {                                                                                  \
            "none: any device may send it", "by source id", "by bus: SID 15:8 to SID 7:0", \
                "reserved"                                                                 \
        }                                                                                  \
    }

static const struct field interrupt_fields[] = {
    PRESENT,
    FPD,
    { "DM", 0, 2, 2, FORM_FLAG, false, "destination mode", { "physical", "logical" } },
    { "RH",
      0,
      3,
      3,
      FORM_FLAG,
      true,
      "redirection hint",
      { NULL, "to one of several processors" } },
    { "TM", 0, 4, 4, FORM_FLAG, false, "trigger mode", { "edge", "level" } },
    { "DLM",
      0,
      7,
      5,
      FORM_NUMBER,
      false,
      "delivery mode",
      { "fixed", "lowest priority", "SMI", "reserved", "NMI", "INIT", "reserved", "ExtINT" } },
    { "AVAIL", 0, 11, 8, FORM_HEX, true, "free for software", { NULL } },
    { "IM", 0, 15, 15, FORM_FLAG, false, "what it is", { "remapped", "posted" } },
    { "V", 0, 23, 16, FORM_HEX, false, "vector", { NULL } },
    { "DST", 0, 63, 32, FORM_HEX, false, "destination; bits 15:8 of it with 8-bit ids", { NULL } },
    SENDER,
    { "reserved", 0, 14, 12, FORM_HEX, true, "reserved, must be 0", { NULL } },
    { "reserved_24", 0, 31, 24, FORM_HEX, true, "reserved, must be 0", { NULL } },
    { "reserved_high", 1, 63, 20, FORM_HEX, true, "reserved, must be 0", { NULL } },
};

static const struct field posted_fields[] = {
    PRESENT,
    FPD,
    { "AVAIL", 0, 11, 8, FORM_HEX, true, "free for software", { NULL } },
    { "URG", 0, 14, 14, FORM_FLAG, false, "urgent", { "no", "yes" } },
    { "IM", 0, 15, 15, FORM_FLAG, false, "what it is", { "remapped", "posted" } },
    { "VV", 0, 23, 16, FORM_HEX, false, "the guest's vector", { NULL } },
    { "PDAL", 0, 63, 38, FORM_HEX, false, "address of the descriptor, bits 31:6", { NULL } },
    { "PDAH", 1, 63, 32, FORM_HEX, false, "the same, bits 63:32", { NULL } },
    SENDER,
    { "reserved", 0, 7, 2, FORM_HEX, true, "reserved, must be 0", { NULL } },
    { "reserved_12", 0, 13, 12, FORM_HEX, true, "reserved, must be 0", { NULL } },
    { "reserved_24", 0, 37, 24, FORM_HEX, true, "reserved, must be 0", { NULL } },
    { "reserved_high", 1, 31, 20, FORM_HEX, true, "reserved, must be 0", { NULL } },
};

#define SHAPE(name, id, words, fields)         \
    {                                          \
        name, id, words, fields, COUNT(fields) \
    }

const struct entry_shape entry_shapes[ENTRY_KINDS] = {
    [ENTRY_ROOT] = SHAPE("root entry", "root", 2, root_fields),
    [ENTRY_CONTEXT] = SHAPE("context entry", "context", 2, context_fields),
    [ENTRY_SCALABLE_ROOT] = SHAPE("scalable root entry", "scalable_root", 2, scalable_root_fields),
    [ENTRY_SCALABLE_CONTEXT] =
        SHAPE("scalable context entry", "scalable_context", 4, scalable_context_fields),
    [ENTRY_PASID_DIRECTORY] =
        SHAPE("PASID directory entry", "pasid_directory", 1, directory_fields),
    [ENTRY_PASID] = SHAPE("PASID entry", "pasid", 8, pasid_fields),
    [ENTRY_SECOND_TABLE] = SHAPE("second-stage entry", "second_table", 1, second_table_fields),
    [ENTRY_SECOND_PAGE] = SHAPE("second-stage page", "second_page", 1, second_page_fields),
    [ENTRY_FIRST_TABLE] = SHAPE("first-stage entry", "first_table", 1, first_table_fields),
    [ENTRY_FIRST_PAGE] = SHAPE("first-stage page", "first_page", 1, first_page_fields),
    [ENTRY_INTERRUPT] = SHAPE("interrupt entry", "interrupt", 2, interrupt_fields),
    [ENTRY_POSTED] = SHAPE("posted-interrupt entry", "posted_interrupt", 2, posted_fields),
};

uint64_t field_value(const struct field *field, const uint64_t *words)
{
    uint64_t mask = UINT64_MAX >> (63 - field->high) & UINT64_MAX << field->low;
    uint64_t value = words[field->word] & mask;

    return field->form == FORM_POINTER ? value : value >> field->low;
}
