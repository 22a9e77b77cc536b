/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a function answers. Numbers are fixed for ever and never used again for something else, so
 * that they may go into logs. The hundreds digit says whose matter it is.
 */
#ifndef UDMAR_STATUS_H
#define UDMAR_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

enum udmar_status {
    UDMAR_OK = 0,

    /* The caller's matter. */
    UDMAR_ERR_ARGUMENT = 1,  /* an argument is outside its documented range */
    UDMAR_ERR_ORDER = 2,     /* the call comes at a time when it is not allowed */
    UDMAR_ERR_BUSY = 3,      /* the object is still in use */
    UDMAR_ERR_NOT_FOUND = 4, /* no such device, domain, mapping or entry */
    UDMAR_ERR_EXISTS = 5,    /* the range or the device is taken already */
    UDMAR_ERR_TOO_BIG = 6,   /* does not fit the limits the caller has set */
    UDMAR_ERR_NAME = 7,      /* unknown tunable */
    UDMAR_ERR_VALUE = 8,     /* a tunable's value is not one of those it takes */
    UDMAR_ERR_DISABLED = 9,  /* the driver is switched off (hw.dmar.enable=0) */

    /* The firmware table's matter. */
    UDMAR_ERR_SIGNATURE = 100, /* the buffer does not begin with "DMAR" */
    UDMAR_ERR_TRUNCATED = 101, /* the buffer ends before the table does */
    UDMAR_ERR_CHECKSUM = 102,  /* the table's bytes do not add up to zero */
    UDMAR_ERR_WIDTH = 103,     /* the host address width cannot be true */
    UDMAR_ERR_NO_UNIT = 104,   /* no usable remapping unit (for this device, or at all) */
    UDMAR_ERR_PATH = 105,      /* a device path leads through something that is no bridge */
    UDMAR_ERR_RMRR = 106,      /* memory reserved for the device lies on guest addresses in use */
    UDMAR_ERR_FIRMWARE = 107,  /* a damaged structure names the device, or may name it */

    /* The hardware's matter. */
    UDMAR_ERR_TIMEOUT = 200,     /* the unit did not answer within hw.dmar.timeout */
    UDMAR_ERR_ALL_ONES = 201,    /* registers read all ones: nothing there */
    UDMAR_ERR_REGISTERS = 202,   /* registers contradict themselves or the architecture */
    UDMAR_ERR_UNSUPPORTED = 203, /* the unit cannot do what is asked */
    UDMAR_ERR_QUEUE = 204,       /* the invalidation queue failed and could not be repaired */
    UDMAR_ERR_REFUSED = 205,     /* the unit refused an invalidation request */
    UDMAR_ERR_SUSPENDED = 206,   /* between udmar_suspend() and udmar_resume() it is not asked */

    /* Resources. */
    UDMAR_ERR_MEMORY = 300,    /* the host gave no memory */
    UDMAR_ERR_IOVA = 301,      /* no free guest addresses within the limits */
    UDMAR_ERR_DOMAIN_ID = 302, /* all domain ids of a unit are in use */
    UDMAR_ERR_INTERRUPT = 303, /* the host gave no interrupt vector */
    UDMAR_ERR_ENTRIES = 304,   /* the interrupt remapping table has no such block free */
};

/*
 * udmar_status_string - the identifier of a status, as text
 * @status: any value, also one that is none of the above.
 *
 * Returns a constant string such as "UDMAR_ERR_TIMEOUT", or "UDMAR_ERR_?" for an unknown value.
 * May be called from any context.
 */
const char *udmar_status_string(enum udmar_status status);

#ifdef __cplusplus
}
#endif

#endif
