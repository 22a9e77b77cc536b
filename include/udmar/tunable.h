/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tunables: what an administrator says about the driver, in FreeBSD's names.
 *
 *   hw.dmar.enable=0|1          the master switch; default 0
 *   hw.dmar.qi=0|1              invalidate through the queue (1, default) or registers
 *   hw.dmar.qi_size=0..7        the queue is 2^n pages; default 0
 *   hw.dmar.timeout=N           limit of each wait for hardware in nanoseconds; default 10^9;
 *                               10^3 to 10^11
 *   hw.dmar.pmr.disable=0|1     switch protected memory regions off (default 1: they block DMA)
 *   hw.dmar.rmrr_enable=0|1     honour RMRRs (default 1)
 *   hw.dmar.strict=0|1          unload waits for the unit (default 1), or only queues its request
 *   hw.dmar.width=0|30|39|48|57 smallest table width in bits to choose (0, default: 39)
 *   hw.dmar.superpage=0|1       large pages where units have them (default 1), or 4 KiB alone
 *   hw.dmar.ir=0|1              interrupt remapping where the host asks for it (default 1)
 *   hw.dmar.ir.compat=0|1       let messages in compatibility format pass, forged ones too
 *                               (default 0; impossible with 32-bit APIC ids)
 *   hw.dmar.ir.verify=0|1       entries name the requester ids that may use them (default 1)
 *   hw.busdma.default=MODE      what devices get that are not named; default translate
 *   hw.busdma.pciD:B:D:F=MODE   what one device gets; decimal numbers, dots instead of colons too
 *   hw.busdma.pciD:B:D:F.bounce=1   the same as =bounce
 *   hw.busdma.subpage=0|1       with translation: what a buffer has of its first and last page is
 *                               bounced, so that no device sees what else is there; default 0
 *   hw.busdma.pciD:B:D:F.subpage=0|1   the same for one device
 *
 * MODE is bounce, translate, identity, passthrough or blocked; dmar and iommu mean translate.
 * An unknown name or a value outside of these is an error that is reported, never ignored.
 */
#ifndef UDMAR_TUNABLE_H
#define UDMAR_TUNABLE_H

#include <udmar/status.h>
#include <udmar/types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum udmar_mode {
    UDMAR_MODE_TRANSLATE = 1,   /* an address space of its own */
    UDMAR_MODE_IDENTITY = 2,    /* addresses are physical, limited to RAM, through a shared table */
    UDMAR_MODE_PASSTHROUGH = 3, /* addresses are physical, without a table */
    UDMAR_MODE_BOUNCE = 4,      /* pass-through or identity, and busdma copies where it must */
    UDMAR_MODE_BLOCKED = 5,     /* no DMA at all */
    UDMAR_MODE_UNPROTECTED = 6, /* no unit governs it: cannot be asked for, only found */
    UDMAR_MODE_DOMAIN = 7,      /* in a domain of the caller's: udmar_device_set_domain() alone */
};

/* "translate" ...; "?" for an unknown value. */
const char *udmar_mode_string(enum udmar_mode mode);

#define UDMAR_TUNABLE_DEVICES 64

struct udmar_tunable_device {
    uint16_t segment;
    udmar_rid_t rid;
    enum udmar_mode mode; /* 0: not said */
    bool subpage;
    bool subpage_said;
};

struct udmar_tunables {
    bool enable;
    bool queue;
    bool pmr_disable;
    bool rmrr_enable;
    bool strict;
    bool subpage;
    bool superpage;
    bool interrupts;
    bool interrupt_compat;
    bool interrupt_verify;
    uint8_t queue_size;
    uint8_t width;
    uint64_t timeout_ns;
    enum udmar_mode default_mode;
    unsigned device_count;
    struct udmar_tunable_device devices[UDMAR_TUNABLE_DEVICES];
};

/* Sets every default. */
void udmar_tunables_init(struct udmar_tunables *tunables);

/*
 * udmar_tunables_set - set one
 * @name, @value: as above. The last one given for a device counts.
 * Returns UDMAR_OK; UDMAR_ERR_NAME; UDMAR_ERR_VALUE; UDMAR_ERR_TOO_BIG (more devices than
 * UDMAR_TUNABLE_DEVICES). On error nothing changes. Any context, no host function.
 */
enum udmar_status udmar_tunables_set(struct udmar_tunables *tunables, const char *name,
                                     const char *value);

/* Called for each word that was wrong; the strings are valid during the call. */
typedef void udmar_tunable_report(void *context, const char *name, const char *value,
                                  enum udmar_status status);

/*
 * udmar_tunables_parse - take them from a kernel's command line
 * @line: words separated by blanks. Words that begin with hw.dmar. or hw.busdma. are ours; all
 *        others are not udmar's and are passed over. Words longer than 127 bytes are wrong.
 * @report: may be null.
 * Returns the number of words that were wrong; the others have been set.
 */
unsigned udmar_tunables_parse(struct udmar_tunables *tunables, const char *line,
                              udmar_tunable_report *report, void *context);

#ifdef __cplusplus
}
#endif

#endif
