/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options that are advised, each with the systems and versions that have it. What a kernel does not
 * know it ignores, and people believe that it was of no help.
 */
#include "explain_text.h"

#include <string.h>

#define V LOG_VERSION

static const struct {
    enum system_option option;
    enum log_source system;
    uint32_t from, until; /* until: the first version that has it no more; 0: still there */
    const char *text;
} options[] = {
    /* Documentation/admin-guide/kernel-parameters.txt and the code that reads them. */
    { OPTION_IGFX_OFF, LOG_LINUX, V(2, 6, 25), 0,
      "intel_iommu=igfx_off takes the graphics alone out of translation, where it has a unit of "
      "its "
      "own." },
    { OPTION_IGFX_OFF, LOG_XEN, V(4, 2, 0), 0,
      "iommu=no-igfx takes the graphics alone out of translation." },
    { OPTION_PASS_THROUGH, LOG_LINUX, V(2, 6, 32), 0,
      "iommu=pt lets devices of the host use physical addresses (less protection)." },
    { OPTION_PASS_THROUGH, LOG_FREEBSD, V(11, 0, 0), 0,
      "hw.busdma.pci$=bounce in loader.conf takes the device out of translation." },
    { OPTION_NO_ATS, LOG_LINUX, V(4, 18, 0), 0,
      "pci=noats switches ATS off, as a test; not where the device needs it (SATC in the table)." },
    { OPTION_NO_ATS, LOG_XEN, V(4, 2, 0), 0, "ats=0 switches ATS off, as a test." },
    { OPTION_STRICT, LOG_LINUX, V(2, 6, 28), V(5, 14, 0),
      "With intel_iommu=strict the fault comes at once and not some milliseconds late." },
    { OPTION_STRICT, LOG_LINUX, V(5, 14, 0), 0,
      "With iommu.strict=1 the fault comes at once and not some milliseconds late." },
    { OPTION_SMALL_PAGES, LOG_LINUX, V(3, 0, 0), 0,
      "intel_iommu=sp_off keeps the kernel from using large pages: if the faults end, it was "
      "they." },
    { OPTION_LEGACY_MODE, LOG_LINUX, V(5, 15, 0), 0,
      "intel_iommu=sm_off goes back to legacy mode, as a test." },
    { OPTION_NO_SOURCE_CHECK, LOG_LINUX, V(2, 6, 39), 0,
      "intremap=nosid accepts any source, as a test (less protection)." },
    { OPTION_NO_POSTING, LOG_LINUX, V(4, 2, 0), 0,
      "intremap=nopost switches posted interrupts off, as a test." },
    { OPTION_RESET_DEVICES, LOG_LINUX, V(2, 6, 19), 0,
      "Boot the crash kernel with reset_devices." },
};

const char *option_text(enum system_option option, enum log_source system, bool has_version,
                        uint32_t version)
{
    const char *newest = NULL;

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (options[i].option != option || options[i].system != system)
            continue;
        if (!has_version && options[i].until == 0)
            newest = options[i].text;
        if (has_version && version >= options[i].from &&
            (options[i].until == 0 || version < options[i].until))
            return options[i].text;
    }
    return newest;
}
