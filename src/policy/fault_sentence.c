/* SPDX-License-Identifier: BSD-2-Clause */
/* A fault as a sentence. */
#include "base/text.h"
#include "policy/instance.h"

#ifndef UDMAR_WITHOUT_FAULT_TEXT

/* Second-level permission faults [VTD appendix A]. */
#define REASON_WRITE 0x05
#define REASON_READ  0x06

static const char *verb_of(const struct udmar_fault *fault)
{
    switch (fault->access) {
    case UDMAR_FAULT_READ:
        return "read from";
    case UDMAR_FAULT_PAGE_REQUEST:
        return "request page";
    case UDMAR_FAULT_ATOMIC:
        return "do an atomic operation at";
    default:
        return "write to";
    }
}

static void add_nearest(struct udmar__text *text, const struct udmar_fault *fault)
{
    udmar__text_add(text, "0x%llx-0x%llx", (unsigned long long)fault->near_base,
                    (unsigned long long)(fault->near_base + fault->near_size - 1));
}

static void add_place(struct udmar__text *text, const struct udmar_fault *fault)
{
    switch (fault->place) {
    case UDMAR_PLACE_LIVE:
        udmar__text_add(text, "; it lies in the live mapping ");
        add_nearest(text, fault);
        if (fault->reason == REASON_WRITE || fault->reason == REASON_READ) {
            udmar__text_add(text, ", which does not allow that");
        }
        break;
    case UDMAR_PLACE_ENDED:
        udmar__text_add(text, "; it lies in the mapping ");
        add_nearest(text, fault);
        if (fault->near_age == 0) {
            udmar__text_add(text, ", which was the last to go");
        } else {
            udmar__text_add(text, ", gone since %llu unmap%s", (unsigned long long)fault->near_age,
                            fault->near_age == 1 ? "" : "s");
        }
        break;
    case UDMAR_PLACE_RESERVED:
        udmar__text_add(text, "; it lies in the reserved range ");
        add_nearest(text, fault);
        break;
    case UDMAR_PLACE_NEAR:
        udmar__text_add(text, "; the nearest mapping is ");
        add_nearest(text, fault);
        break;
    case UDMAR_PLACE_NOTHING:
        udmar__text_add(text, "; the device has no mapping at all");
        break;
    default:
        break;
    }
}

/* A copy of a fault may be older than the end of its device: the pointer alone proves nothing. */
static bool is_known(const struct udmar *instance, const struct udmar_fault *fault)
{
    const struct udmar_device *device = instance->devices;

    while (device != NULL && device != fault->device) {
        device = device->next;
    }
    return device != NULL;
}

static const char *sender_kind(const struct udmar_interrupt_source *sender)
{
    return sender->kind == UDMAR_INTERRUPT_IOAPIC ? "I/O APIC" : "HPET";
}

static void add_device(struct udmar__text *text, const struct udmar *instance,
                       const struct udmar_fault *fault)
{
    struct udmar__lock *lock = (struct udmar__lock *)(uintptr_t)&instance->lock;
    char label[64] = "";
    uintptr_t state = udmar__lock(instance->host, lock);
    bool by_alias = false;

    if (is_known(instance, fault)) {
        (void)udmar__device_label(fault->device, label);
        by_alias = fault->device->rid != fault->rid;
    }
    udmar__unlock(instance->host, lock, state);
    if (label[0] == '\0' && fault->sender.kind != UDMAR_INTERRUPT_NONE) {
        udmar__text_add(text, "%s %u", sender_kind(&fault->sender), fault->sender.id);
        return;
    }
    if (label[0] == '\0') {
        udmar__text_add(text, "unknown device %04x:%02x:%02x.%u", fault->segment,
                        UDMAR_RID_BUS(fault->rid), UDMAR_RID_DEVICE(fault->rid),
                        UDMAR_RID_FUNCTION(fault->rid));
        return;
    }
    udmar__text_add(text, "%s", label);
    if (by_alias) {
        udmar__text_add(text, ", or another behind requester id %02x:%02x.%u,",
                        UDMAR_RID_BUS(fault->rid), UDMAR_RID_DEVICE(fault->rid),
                        UDMAR_RID_FUNCTION(fault->rid));
    }
}

/* Which entry the request named, and whose that is. */
static void add_entry(struct udmar__text *text, const struct udmar_fault *fault)
{
    char owner[48];

    udmar__text_add(text, " tried to raise an interrupt");
    if (fault->reason == UDMAR__REASON_COMPATIBILITY) {
        return;
    }
    udmar__text_add(text, " through entry %llu", (unsigned long long)fault->address);
    if (!fault->owner_known) {
        return;
    }
    if (fault->owner.kind != UDMAR_INTERRUPT_NONE) {
        (void)udmar_interrupt_source_format(&fault->owner, owner, sizeof(owner));
        udmar__text_add(text, ", which is %s%s,",
                        fault->owner.kind == UDMAR_INTERRUPT_FOUND ? "" : "of ", owner);
    } else {
        udmar__text_add(text, ", which is nobody's,");
    }
}

/* Writes there are interrupts, whoever makes them; some are blocked as DMA. */
static bool is_message(const struct udmar_fault *fault)
{
    return fault->access == UDMAR_FAULT_WRITE && fault->address >> 20 == 0xfee;
}

static void add_attempt(struct udmar__text *text, const struct udmar_fault *fault)
{
    if (fault->access == UDMAR_FAULT_INTERRUPT) {
        add_entry(text, fault);
    } else if (is_message(fault)) {
        udmar__text_add(text, " tried to raise an interrupt by writing to 0x%llx",
                        (unsigned long long)fault->address);
    } else {
        udmar__text_add(text, " tried to %s 0x%llx", verb_of(fault),
                        (unsigned long long)fault->address);
    }
}

size_t udmar__fault_sentence(const struct udmar *instance, const struct udmar_fault *fault,
                             char *buffer, size_t size)
{
    struct udmar__text text;

    udmar__text_init(&text, buffer, size);
    udmar__text_add(&text, "fault %llu: ", (unsigned long long)fault->sequence);
    add_device(&text, instance, fault);
    add_attempt(&text, fault);
    udmar__text_add(&text, " and was stopped: %s", udmar_fault_reason_string(fault->reason));
    add_place(&text, fault);
    if (fault->has_pasid) {
        udmar__text_add(&text, "; PASID %u", (unsigned)fault->pasid);
    }
    if (fault->from_firmware) {
        udmar__text_add(&text, "; left by firmware");
    }
    if (fault->overflow) {
        udmar__text_add(&text, "; further faults were lost");
    }
    return text.length;
}

#else

size_t udmar__fault_sentence(const struct udmar *instance, const struct udmar_fault *fault,
                             char *buffer, size_t size)
{
    struct udmar__text text;

    (void)instance;
    udmar__text_init(&text, buffer, size);
    udmar__text_add(&text, "fault %llu: %04x:%02x:%02x.%u was stopped at 0x%llx, access %u",
                    (unsigned long long)fault->sequence, fault->segment, UDMAR_RID_BUS(fault->rid),
                    UDMAR_RID_DEVICE(fault->rid), UDMAR_RID_FUNCTION(fault->rid),
                    (unsigned long long)fault->address, fault->access);
    return text.length;
}

#endif

size_t udmar__fault_fields(const struct udmar_fault *fault, char *buffer, size_t size)
{
    struct udmar__text text;

    udmar__text_init(&text, buffer, size);
    udmar__text_add(&text, "[unit %u, source %04x, reason 0x%02x, record %016llx %016llx]",
                    fault->unit, fault->rid, fault->reason, (unsigned long long)fault->raw[1],
                    (unsigned long long)fault->raw[0]);
    return text.length;
}

size_t udmar_fault_format(const struct udmar *instance, const struct udmar_fault *fault,
                          char *buffer, size_t size)
{
    size_t length = udmar__fault_sentence(instance, fault, buffer, size);

    if (length + 2 < size) {
        buffer[length++] = ' ';
        length += udmar__fault_fields(fault, buffer + length, size - length);
    }
    return length;
}
