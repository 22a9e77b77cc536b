/* SPDX-License-Identifier: BSD-2-Clause */
/* Fault records and reason codes in words [VTD 7, appendix A]. Pure: no host function. */
#include <udmar/fault.h>

#include "base/bits.h"

#ifndef UDMAR_WITHOUT_FAULT_TEXT

struct reason {
    uint8_t code;
    const char *text;
};

static const struct reason reasons[] = {
    { 0x01, "its bus has no root entry: no device of that bus was attached" },
    { 0x02, "it has no context entry: the device was not attached, or is blocked" },
    { 0x03, "its context entry is invalid" },
    { 0x04, "the address is beyond what its table can translate" },
    { 0x05, "the page is not mapped, or the device may not write it" },
    { 0x06, "the page is not mapped, or the device may not read it" },
    { 0x07, "the unit failed to read a page-table entry" },
    { 0x08, "the unit failed to read the root entry" },
    { 0x09, "the unit failed to read the context entry" },
    { 0x0a, "a reserved bit is set in the root entry" },
    { 0x0b, "a reserved bit is set in the context entry" },
    { 0x0c, "a reserved bit is set in a page-table entry" },
    { 0x0d, "it asked for translations or used its own (ATS), which its driver has to switch off" },
    { 0x0e, "the translation leads into the interrupt address range" },
    { 0x20, "a reserved field is set in an interrupt request" },
    { 0x21, "the interrupt index is beyond the remapping table" },
    { 0x22, "the interrupt remapping entry is not present" },
    { 0x23, "the unit failed to read the interrupt remapping entry" },
    { 0x24, "a reserved bit is set in the interrupt remapping entry" },
    { 0x25, "an interrupt in compatibility format was blocked" },
    { 0x26, "the interrupt's source id does not match its remapping entry" },
    { 0x27, "the unit failed to reach the posted-interrupt descriptor" },
    { 0x28, "a reserved bit is set in the posted-interrupt descriptor" },
    { 0x29, "an interrupt request came with an unexpected PASID" },
    { 0x30, "the root table pointer is invalid" },
    { 0x31, "a request with PASID while the unit is in legacy mode" },
    { 0x32, "a page request while the unit is in legacy mode" },
    { 0x33, "all DMA is blocked in abort-DMA mode" },
    { 0x38, "the unit failed to read the scalable root entry" },
    { 0x39, "the scalable root entry is not present" },
    { 0x3a, "a reserved bit is set in the scalable root entry" },
    { 0x40, "the unit failed to read the scalable context entry" },
    { 0x41, "the scalable context entry is not present" },
    { 0x42, "a reserved bit is set in the scalable context entry" },
    { 0x43, "the scalable context entry is invalid" },
    { 0x44, "ATS is not enabled for this device" },
    { 0x45, "requests with PASID are not enabled for this device" },
    { 0x46, "the PASID is beyond the device's PASID directory" },
    { 0x47, "page requests are not enabled for this device" },
    { 0x48, "the device's default PASID is invalid" },
    { 0x50, "the unit failed to read the PASID directory entry" },
    { 0x51, "the PASID directory entry is not present" },
    { 0x52, "a reserved bit is set in the PASID directory entry" },
    { 0x58, "the unit failed to read the PASID entry" },
    { 0x59, "the PASID entry is not present" },
    { 0x5a, "a reserved bit is set in the PASID entry" },
    { 0x5b, "the PASID entry is invalid" },
    { 0x5c, "execute requests are not enabled" },
    { 0x5d, "supervisor requests are not enabled" },
    { 0x70, "the unit failed to read a first-stage entry" },
    { 0x71, "the page is not mapped in the first stage" },
    { 0x72, "a reserved bit is set in a first-stage entry" },
    { 0x73, "the unit failed to read the first-stage table" },
    { 0x74, "the address of a first-stage entry is beyond the second stage's limit" },
    { 0x75, "the second stage does not let the unit read the first-stage table" },
    { 0x76, "the second stage does not let the unit read a first-stage entry" },
    { 0x77, "the second stage does not let the unit update a first-stage entry" },
    { 0x78, "the unit failed to read a second-stage entry" },
    { 0x79, "the page is not mapped in the second stage, or the access is not allowed" },
    { 0x7a, "a reserved bit is set in a second-stage entry" },
    { 0x7b, "the second-stage table pointer is invalid" },
    { 0x7c, "a second-stage entry needs an update but table walks are not coherent" },
    { 0x80, "the address is not canonical" },
    { 0x81, "a user request to a supervisor page" },
    { 0x82, "an execute request to a page that is not executable" },
    { 0x83, "the translation leads beyond the machine's physical addresses" },
    { 0x84, "the address is beyond the second stage's limit" },
    { 0x85, "the device may not write the page" },
    { 0x86, "the device may not read the page" },
    { 0x87, "the translation leads into the interrupt address range" },
    { 0x90, "a first-stage entry needs an update but table walks are not coherent" },
    { 0x91, "the unit failed to update a first-stage entry" },
};

const char *udmar_fault_reason_string(uint8_t reason)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].code == reason) {
            return reasons[i].text;
        }
    }
    return "a reason this driver does not know";
}

#else

const char *udmar_fault_reason_string(uint8_t reason)
{
    (void)reason;
    return "a reason that this build has no words for";
}

#endif

void udmar_fault_decode(const uint64_t raw[2], struct udmar_fault *out_fault)
{
    unsigned type = (unsigned)((raw[1] >> 62) & 1) | (unsigned)((raw[1] >> 28) & 1) << 1;

    *out_fault = (struct udmar_fault){
        .rid = (udmar_rid_t)UDMAR__FIELD(raw[1], 15, 0),
        .reason = (uint8_t)UDMAR__FIELD(raw[1], 39, 32),
        .has_pasid = (raw[1] >> 31) & 1,
        .raw = { raw[0], raw[1] },
    };
    if (out_fault->has_pasid) {
        out_fault->pasid = (uint32_t)UDMAR__FIELD(raw[1], 59, 40);
    }
    if (out_fault->reason >= 0x20 && out_fault->reason <= 0x2f) {
        out_fault->access = UDMAR_FAULT_INTERRUPT;
        out_fault->address = raw[0] >> 48;
    } else {
        /* T1 T2: write 00, page request 01, read 10, AtomicOp 11. */
        static const uint8_t access[4] = { UDMAR_FAULT_WRITE, UDMAR_FAULT_READ,
                                           UDMAR_FAULT_PAGE_REQUEST, UDMAR_FAULT_ATOMIC };
        out_fault->access = access[type];
        out_fault->address = udmar__align_down(raw[0], UDMAR_PAGE_SIZE);
    }
}
