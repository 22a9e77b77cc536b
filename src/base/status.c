/* SPDX-License-Identifier: BSD-2-Clause */
/* The names of statuses. */
#include <udmar/status.h>

#define NAME(status) \
    case status:     \
        return #status

const char *udmar_status_string(enum udmar_status status)
{
    switch (status) {
        NAME(UDMAR_OK);
        NAME(UDMAR_ERR_ARGUMENT);
        NAME(UDMAR_ERR_ORDER);
        NAME(UDMAR_ERR_BUSY);
        NAME(UDMAR_ERR_NOT_FOUND);
        NAME(UDMAR_ERR_EXISTS);
        NAME(UDMAR_ERR_TOO_BIG);
        NAME(UDMAR_ERR_NAME);
        NAME(UDMAR_ERR_VALUE);
        NAME(UDMAR_ERR_DISABLED);
        NAME(UDMAR_ERR_SIGNATURE);
        NAME(UDMAR_ERR_TRUNCATED);
        NAME(UDMAR_ERR_CHECKSUM);
        NAME(UDMAR_ERR_WIDTH);
        NAME(UDMAR_ERR_NO_UNIT);
        NAME(UDMAR_ERR_PATH);
        NAME(UDMAR_ERR_RMRR);
        NAME(UDMAR_ERR_FIRMWARE);
        NAME(UDMAR_ERR_TIMEOUT);
        NAME(UDMAR_ERR_ALL_ONES);
        NAME(UDMAR_ERR_REGISTERS);
        NAME(UDMAR_ERR_UNSUPPORTED);
        NAME(UDMAR_ERR_QUEUE);
        NAME(UDMAR_ERR_REFUSED);
        NAME(UDMAR_ERR_SUSPENDED);
        NAME(UDMAR_ERR_MEMORY);
        NAME(UDMAR_ERR_IOVA);
        NAME(UDMAR_ERR_DOMAIN_ID);
        NAME(UDMAR_ERR_INTERRUPT);
        NAME(UDMAR_ERR_ENTRIES);
    }
    return "UDMAR_ERR_?";
}
