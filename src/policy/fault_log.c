/* SPDX-License-Identifier: BSD-2-Clause */
/* Faults: kept in a ring, given to those who listen, printed within reason. */
#include "base/bits.h"
#include "base/rate.h"
#include "base/text.h"
#include "policy/instance.h"
#include "space/range.h"

static struct udmar_fault *fault_at(struct udmar__fault_log *log, unsigned index)
{
    return &log->ring[index / UDMAR__FAULT_PIECE][index % UDMAR__FAULT_PIECE];
}

/* Where the fault with this sequence number is kept. */
static struct udmar_fault *fault_slot(struct udmar__fault_log *log, uint64_t sequence)
{
    uint64_t index;

    (void)udmar__divide(sequence, log->size, &index);
    return fault_at(log, (unsigned)index);
}

/* Faults in piece @piece of a ring. */
static unsigned piece_size(const struct udmar__fault_log *log, unsigned piece)
{
    unsigned before = piece * UDMAR__FAULT_PIECE;

    if (before >= log->size) {
        return 0;
    }
    return log->size - before < UDMAR__FAULT_PIECE ? log->size - before : UDMAR__FAULT_PIECE;
}

enum udmar_status udmar__fault_log_create(struct udmar *instance, unsigned size)
{
    struct udmar__fault_log *log = &instance->faults;

    if (!udmar__lock_create(instance->host, &log->lock)) {
        return UDMAR_ERR_MEMORY;
    }
    log->size = size;
    for (unsigned i = 0; piece_size(log, i) != 0; i++) {
        log->ring[i] =
            udmar_host_alloc(instance->host, piece_size(log, i) * sizeof(struct udmar_fault));
        if (log->ring[i] == NULL) {
            return UDMAR_ERR_MEMORY;
        }
    }
    return UDMAR_OK;
}

void udmar__fault_log_destroy(struct udmar *instance)
{
    struct udmar__fault_log *log = &instance->faults;

    for (unsigned i = 0; piece_size(log, i) != 0 && log->ring[i] != NULL; i++) {
        udmar_host_free(instance->host, log->ring[i],
                        piece_size(log, i) * sizeof(struct udmar_fault));
    }
    udmar__lock_destroy(instance->host, &log->lock);
}

void udmar__fault_log_forget(struct udmar *instance, const struct udmar_device *device)
{
    struct udmar__fault_log *log = &instance->faults;
    uintptr_t state = udmar__lock(instance->host, &log->lock);

    for (unsigned i = 0; i < log->size; i++) {
        if (fault_at(log, i)->device == device) {
            fault_at(log, i)->device = NULL;
        }
    }
    udmar__unlock(instance->host, &log->lock, state);
}

/* Puts it into the ring and says whether a line may be printed. */
static bool keep_fault(struct udmar *instance, struct udmar_fault *fault, unsigned *out_suppressed)
{
    struct udmar__fault_log *log = &instance->faults;
    struct udmar_device *device = fault->device;
    uintptr_t state = udmar__lock(instance->host, &log->lock);
    bool print;

    fault->sequence = ++log->total;
    *fault_slot(log, fault->sequence) = *fault;
    if (fault->overflow) {
        log->overflows++;
    }
    *out_suppressed = 0;
    if (device != NULL) {
        device->faults++;
        print = udmar__rate_allows(&device->print_window_start, &device->printed, fault->time_ns);
        if (print) {
            *out_suppressed = device->suppressed;
            device->suppressed = 0;
        } else {
            device->suppressed++;
        }
    } else {
        print = udmar__rate_allows(&log->stranger_window, &log->stranger_printed, fault->time_ns);
    }
    if (!print) {
        log->suppressed++;
    }
    udmar__unlock(instance->host, &log->lock, state);
    return print;
}

/* The sentence on a line of its own, the raw fields on the next: lines have a limited length. */
static void print_fault(struct udmar *instance, const struct udmar_fault *fault,
                        unsigned suppressed)
{
    char sentence[UDMAR__LINE];

    if (suppressed > 0) {
        udmar__log(instance->host, UDMAR_LOG_WARN, "%u more faults of this device were not printed",
                   suppressed);
    }
    (void)udmar__fault_sentence(instance, fault, sentence, sizeof(sentence));
    udmar__log(instance->host, UDMAR_LOG_ERROR, "%s", sentence);
    (void)udmar__fault_fields(fault, sentence, sizeof(sentence));
    udmar__log(instance->host, UDMAR_LOG_ERROR, "  %s", sentence);
}

static void take_fault(void *context, struct udmar_unit *unit, const struct udmar_fault *raw)
{
    struct udmar *instance = context;
    struct udmar_fault fault = *raw;
    udmar_fault_callback *callback = NULL;
    void *argument = NULL;
    unsigned suppressed;
    uintptr_t state;
    bool print;

    fault.time_ns = udmar_host_time_ns(instance->host);
    fault.from_firmware = __atomic_load_n(&instance->taking_over, __ATOMIC_RELAXED);
    /* Under this lock neither the device nor its domain can go. */
    state = udmar__lock(instance->host, &instance->lock);
    fault.device = udmar__device_find_locked(instance, unit->segment, fault.rid);
    if (fault.device != NULL && !fault.from_firmware && fault.access != UDMAR_FAULT_INTERRUPT) {
        struct udmar__group *group = fault.device->group;

        if (group != NULL && group->domain != NULL &&
            (group->mode == UDMAR_MODE_TRANSLATE || group->mode == UDMAR_MODE_DOMAIN)) {
            udmar__locate(group->domain, fault.address, &fault);
        }
        callback = fault.device->fault_callback;
        argument = fault.device->fault_argument;
    }
    if (fault.access == UDMAR_FAULT_INTERRUPT && !fault.from_firmware) {
        udmar__interrupts_identify(instance, unit, &fault);
    }
    print = keep_fault(instance, &fault, &suppressed);
    udmar__unlock(instance->host, &instance->lock, state);
    if (print) {
        print_fault(instance, &fault, suppressed);
    }
    if (callback != NULL) {
        callback(argument, &fault);
    }
}

unsigned udmar__fault_service(struct udmar *instance, struct udmar_unit *unit)
{
    unsigned count = udmar__faults_drain(unit, take_fault, instance);

    if (udmar__uses_queue(unit)) {
        /* Queue errors raise the same interrupt. */
        udmar__queue_service(unit);
    }
    return count;
}

unsigned udmar_fault_poll(struct udmar *instance)
{
    unsigned count = 0;

    struct udmar__unit_record *record = instance != NULL ? instance->units : NULL;

    for (; record != NULL; record = record->next) {
        if (!udmar__unit_record_failed(record)) {
            count += udmar__fault_service(instance, record->unit);
        }
    }
    return count;
}

bool udmar_fault_next(struct udmar *instance, uint64_t sequence, struct udmar_fault *out_fault)
{
    struct udmar__fault_log *log = &instance->faults;
    uintptr_t state = udmar__lock(instance->host, &log->lock);
    uint64_t oldest = log->total > log->size ? log->total - log->size + 1 : 1;
    uint64_t next = sequence + 1 > oldest ? sequence + 1 : oldest;
    bool found = next <= log->total;

    if (found) {
        *out_fault = *fault_slot(log, next);
    }
    udmar__unlock(instance->host, &log->lock, state);
    return found;
}

void udmar_fault_counts(struct udmar *instance, struct udmar_fault_counts *out_counts)
{
    struct udmar__fault_log *log = &instance->faults;
    uintptr_t state = udmar__lock(instance->host, &log->lock);

    *out_counts = (struct udmar_fault_counts){
        .total = log->total,
        .dropped = log->total > log->size ? log->total - log->size : 0,
        .overflows = log->overflows,
        .suppressed = log->suppressed,
    };
    udmar__unlock(instance->host, &log->lock, state);
}

enum udmar_status udmar_device_on_fault(struct udmar_device *device, udmar_fault_callback *callback,
                                        void *argument)
{
    uintptr_t state;

    if (device == NULL) {
        return UDMAR_ERR_ARGUMENT;
    }
    state = udmar__lock(device->instance->host, &device->instance->lock);
    device->fault_callback = callback;
    device->fault_argument = argument;
    udmar__unlock(device->instance->host, &device->instance->lock, state);
    return UDMAR_OK;
}
