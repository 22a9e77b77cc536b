# SPDX-License-Identifier: BSD-2-Clause
"""udmar explain: every cause and every message has a log in which it comes first. TAP.

usage: explain_causes.py UDMAR SOURCE_ROOT

The ids are read from the tool's source: a rule that cannot fire, because another one always wins or
because nothing makes its facts true, fails here; so does a rule without a log.
"""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import explain_reports

UDMAR, ROOT = os.path.abspath(sys.argv[1]), sys.argv[2]
count = failed = 0


def check(good, name, detail=''):
    global count, failed
    count += 1
    failed += not good
    print(f'{"ok" if good else "not ok"} {count} - {name}', flush=True)
    if detail and not good:
        for line in str(detail).splitlines()[:30]:
            print('# ' + line)


def run(text, *options):
    result = subprocess.run([UDMAR, 'explain', '--json', *options], input=text, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=60)
    return json.loads(result.stdout) if result.returncode in (0, 1) else {'faults': [], 'messages': []}


def linux(device, access, address, reason, seconds=30.0, pasid=None):
    return (f'[{seconds:12.6f}] DMAR: [DMA {access} {"NO_PASID" if pasid is None else f"PASID {pasid}"}] '
            f'Request device [{device}] fault addr {address:#x} [fault reason {reason:#04x}] x\n')


def read(device, address, reason=6, **more):
    return linux(device, 'Read', address, reason, **more)


def write(device, address, reason=5, **more):
    return linux(device, 'Write', address, reason, **more)


def interrupt(device, reason, seconds=30.0):
    return (f'[{seconds:12.6f}] DMAR: [INTR-REMAP] Request device [{device}] fault index 0x5 '
            f'[fault reason {reason:#04x}] x\n')


def pci(device, ids, code):
    return f'[    0.500000] pci 0000:{device}: [{ids}] type 00 class {code:#08x}\n'


def driver(name, device):
    return f'[    2.000000] {name} 0000:{device}: ready\n'


def own(text, address='0x200000', verb='write to', first='device 0000:02:00.0'):
    return (f'udmar: fault 1: {first} tried to {verb} {address} and was stopped: the page is not '
            f'mapped, or the device may not {"write" if "write" in verb else "read"} it{text}\n')


E820 = ('[    0.000000] BIOS-e820: [mem 0x0000000000100000-0x000000007bffffff] usable\n'
        '[    0.000000] BIOS-e820: [mem 0x000000007c000000-0x000000007fffffff] reserved\n'
        '[    0.000000] BIOS-e820: [mem 0x0000000100000000-0x000000047fffffff] usable\n')
RMRR = '[    0.010000] DMAR: RMRR base: 0x0000007d000000 end: 0x0000007d0fffff\n'
XEN_RMRR = ('(XEN) [VT-D]found ACPI_DMAR_RMRR:\n(XEN) [VT-D] endpoint: 0000:04:00.0\n'
            '(XEN) [VT-D]dmar.c:608:   RMRR region: base_addr 7d000000 end_addr 7d0fffff\n')
VFIO = '[    9.000000] vfio-pci 0000:{}: enabling device (0000 -> 0003)\n'
KDUMP = '[    0.100000] DMAR: Copied translation tables from previous kernel for dmar0\n'
VMD = '[    1.000000] vmd 0000:64:05.5: PCI host bridge to bus 10000:00\n'


def xen(device, address, reason=6, access='Read'):
    return (f'(XEN) [VT-D]DMAR:[DMA {access}] Request device [0000:{device}] fault addr {address:x}\n'
            f'(XEN) [VT-D]DMAR: reason {reason:02x} - x\n')


CAUSES = {
    'unmapped-early': own('; it lies in the mapping 0x200000-0x200fff, gone since 3 unmaps'),
    'mapped-for-reading': own('; it lies in the live mapping 0x200000-0x200fff'),
    'mapped-for-writing': own('; it lies in the live mapping 0x200000-0x200fff', verb='read from'),
    'ran-past-end': own('; the nearest mapping is 0x1ff000-0x1fffff'),
    'nothing-mapped': own('; the device has no mapping at all', address='0x12345000'),
    'never-handed-out': own('; it lies in the reserved range 0x200000-0x200fff'),
    'left-by-firmware': own('; left by firmware', address='0x12345000'),
    'hpet': write('00:1e.6', 0, 2),
    'ioapic-boot': interrupt('f0:1f.0', 0x25, 1.0),
    'ioapic': interrupt('f0:1f.0', 0x22),
    'hidden-me': read('00:16.7', 0x9cdff000, 2),
    'rmrr-sibling': XEN_RMRR + xen('04:00.4', 0x7cff0000),
    'rmrr-of-others': XEN_RMRR + xen('06:00.0', 0x7d001000),
    'rmrr-of-guest': RMRR + VFIO.format('03:00.0') + write('03:00.0', 0x7d001000),
    'rmrr-unmapped': RMRR + read('03:00.0', 0x7d001000),
    'rmrr-no-context': RMRR + read('02:00.0', 0x7d001000, 2),
    'domain-change': read('02:00.0', 0x7d001000, 2) +
                     '[   12.7] hpsa 0000:02:00.0: DMAR: 32bit DMA uses non-identity mapping\n',
    'firmware-region': read('02:00.0', 0x7d001000, 2) + read('07:00.0', 0x7d001000, 2),
    'usb-legacy-reserved': E820 + read('00:1d.1', 0x7d2ce000),
    'reserved-without-rmrr': E820 + read('03:00.0', 0x7d2ce000),
    'display-past-ram': E820 + read('00:02.0', 0xea0c4f000),
    'display-stale': ''.join(read('00:02.0', 0x9c000000, seconds=144.0 + i / 60) for i in range(5)),
    'display-repeats': read('00:02.0', 0x9c000000, seconds=144.0) * 12,
    'firmware-memory': read('01:00.2', 0xbdf6f000),
    'guest-physical': '[    0.0] Hypervisor detected: KVM\n' + read('00:03.0', 0x7a345000),
    'freebsd-no-driver': 'DMAR1: <unknown dev>:pci2:0:0 sid 200 fault acc 1 adt 0x0 reason 0x2 addr 1000\n',
    'removed': '[   20.0] pcieport 0000:00:1d.0: pciehp: Slot(1): Card not present\n'
               '[   20.0] nvme 0000:03:00.0: device was removed\n' + read('03:00.0', 0x12345000, 2),
    'display-of-guest': VFIO.format('00:02.0') + read('00:02.0', 0x9c000000),
    'graphics-address-cut': write('00:02.0', 0x7effff9000),
    'display-of-firmware': read('00:02.0', 0x9c000000, seconds=0.9),
    'graphics-early': read('00:02.0', 0x9c000000, 7, seconds=0.9),
    'graphics-early-root': read('00:02.0', 0x9c000000, 1, seconds=0.9),
    'graphics': write('00:02.0', 0x9c000000),
    'usb-firmware': read('00:14.0', 0xcaffe000),
    'camera-own-mmu': read('00:05.0', 0x76406000),
    'bmc-behind-bridge': read('00:1e.0', 0xdf63e000),
    'platform-children': '[    1.0] input: K as /devices/pci0000:00/0000:00:1e.3/pxa2xx-spi.3/spi0\n' +
                         read('00:1e.3', 0xffffa000),
    'platform-children-likely': None, # second by design: its place alone does not settle it
    'peer-to-peer': '[    0.5] pci 0000:02:00.0: reg 0x14: [mem 0x2800000000-0x2fffffffff 64bit pref]\n' +
                    write('01:00.0', 0x2800000000),
    'guest-address': VFIO.format('03:00.0') + write('03:00.0', 0x12345000),
    'kernel-pointer': read('01:00.0', 0xffff90d53fada000, 4),
    'program-pointer': write('01:00.0', 0x7f3c41a00000),
    'address-cut': read('05:00.1', 0x1ffffffff0000, 0x71),
    'address-zero': write('03:00.0', 0),
    'fill-pattern': read('03:00.0', 0x6b6b6b6b6b6b6000, 4),
    'interrupt-range': write('03:00.0', 0xfee01000),
    'window-end': read('03:00.0', 0x100000, 0x71),
    'past-ram': E820 + xen('03:00.0', 0xea0c4f000),
    'physical-unmatched': read('04:00.0', 0x201a556000) +
                          '[ 1001.6] Driver unmaps unmatched page at PFN 201a556000\n',
    'physical-driver': driver('foo', '04:00.0') + read('04:00.0', 0x201a556000),
    'physical-ram': E820 + read('04:00.0', 0x12345000),
    'guest-gone': read('04:00.0', 0x2affde000),
    'physical-likely': None, # the other way to read the same facts: second by design
    'legacy-memory': xen('01:00.0', 0x8c000, 5, 'Write'),
    'earlier-kernel': KDUMP + read('03:00.0', 0xffd3c000),
    'earlier-kernel-context': KDUMP + read('03:00.0', 0xffd3c000, 2),
    'earlier-kernel-root': KDUMP + read('03:00.0', 0xffd3c000, 1),
    'raid-prefetch': driver('megaraid_sas', '03:00.0') + read('03:00.0', 0xffd3c000),
    'buffer-walked': ''.join(write('03:00.0', 0xffd30000 + 4096 * i) for i in range(12)),
    'repeated': write('03:00.0', 0xffd30000) * 12,
    'unmapped-in-use': write('03:00.0', 0xffd3c000),
    'write-unmapped': xen('03:00.0', 0x12345000, 5, 'Write'),
    'read-unmapped': xen('03:00.0', 0x12345000),
    'no-driver': pci('03:00.0', '1234:5678', 0x058000) + write('03:00.0', 0xffd3c000),
    'network-boot': pci('03:00.0', '8086:1533', 0x020000) + write('03:00.0', 0x7a345000, seconds=1.0),
    'macos': 'vtd[0] fault: device 13:0:0 reason 0x6 R:0x3dff000\n',
    'esxi': 'IOMMU Fault detected for 0000:da:00.0 (x/y) IOaddr: 0xa1fc6a000 Mask: 0x6 Domain: 0x4.\n',
    'qemu': 'qemu: vtd_iommu_translate: detected translation failure (dev=00:04:00, iova=0x16ab000)\n',
    'unknown-kernel': 'iommu: 00:04.0 was refused a write at 0x16ab000 (reason 0x05)\n',
    'no-root-early': read('03:00.0', 0x7a345000, 1, seconds=1.0),
    'no-root': read('03:00.0', 0x7a345000, 1),
    'bridge-alias': '[    3.0] aic7xxx 0000:05:02.1: enabling device (0000 -> 0003)\n' +
                    read('05:00.0', 0x12174000, 2),
    'phantom-function': pci('05:00.0', '1b4b:9172', 0x010601) + write('05:00.1', 0xfff00000, 2),
    'known-alias': pci('05:00.0', '1b4b:9172', 0x010601) + write('05:00.0', 0xfff00000, 2),
    'alias-id': read('ed:01.1', 0xfffd0000, 2),
    'bridge-first-id': pci('00:1f.2', '8086:1234', 0x010601) + read('05:00.0', 0x12174000, 2),
    'hidden-function': pci('00:1f.2', '8086:1234', 0x010601) + read('00:0a.0', 0x12174000, 2),
    'unlisted-device': pci('00:1f.2', '8086:1234', 0x010601) + read('05:02.0', 0x12174000, 2),
    'no-context-early': read('05:00.0', 0x12174000, 2, seconds=2.0),
    'between-owners': VFIO.format('03:00.0') + read('03:00.0', 0x12345000, 2),
    'detached': read('03:00.0', 0x12345000, 2),
    'bad-entry': read('03:00.0', 0x12345000, 3),
    'large-page': read('05:00.0', 0xffe00000, 0x0c),
    'reserved-bits': read('05:00.0', 0xffe01000, 0x0c),
    'table-read': read('05:00.0', 0xffe01000, 7),
    'too-high': read('05:00.0', 0x12345678000, 4),
    'ats': read('05:00.0', 0xffe01000, 0x0d),
    'pasid': write('6a:01.0', 0x7f3c41a00000, 0x59, pasid='0x5'),
    'to-interrupt-range': write('05:00.0', 0xffe01000, 0x0e),
    'abort-dma': write('05:00.0', 0xffe01000, 0x33),
    'ir-old-kernel': 'INTR-REMAP: Request device [[42:00.1] fault index b0\n'
                     'INTR-REMAP:[fault reason 34] Present field in the IRTE entry is clear\n',
    'ir-source': interrupt('05:00.0', 0x26),
    'ir-source-unlisted': pci('00:1f.2', '8086:1234', 0x010601) + interrupt('05:00.0', 0x26),
    'ir-absent': interrupt('05:00.0', 0x22),
    'ir-beyond': interrupt('05:00.0', 0x21),
    'ir-entry': interrupt('05:00.0', 0x23),
    'ir-entry-bits': interrupt('05:00.0', 0x24),
    'ir-posted': interrupt('05:00.0', 0x27),
    'vmd': interrupt('64:05.5', 0x25),
    'vmd-child': interrupt('e2:00.0', 0x25),
    'ir-resume': '[   99.0] ACPI: PM: Waking up from system sleep state S3\n' +
                 interrupt('05:00.0', 0x25, 100.0),
    'ir-guest-address': interrupt('02:00.0', 0x25, 1414.0),
    'ir-compat': interrupt('02:00.0', 0x25, 14.0),
    'ir-malformed': interrupt('02:00.0', 0x20),
}

MESSAGES = {
    'rmrr-refused': ['vfio-pci 0000:03:00.0: DMAR: Device is ineligible for IOMMU domain attach due to '
                     'platform RMRR requirement.  Contact your platform vendor.',
                     'vfio-pci 0000:04:00.0: Firmware has requested this device have a 1:1 IOMMU '
                     'mapping, rejecting configuring the device without a 1:1 mapping.',
                     "(XEN) [VT-D] It's disallowed to assign 0000:00:1a.0 with shared RMRR at db7d7000"],
    'rmrr-path': ['DMAR: [Firmware Bug]: RMRR entry for device 03:00.0 is broken - applying workaround'],
    'rmrr-in-ram': ['BIOS-e820: [mem 0x00000000-0xbfffffff] usable\n'
                    'DMAR: [Firmware Bug]: No firmware reserved region can cover this RMRR '
                    '[0x9a800000-0x9effffff], contact BIOS vendor for fixes'],
    'rmrr-not-reserved': ['DMAR: [Firmware Bug]: No firmware reserved region can cover this RMRR '
                          '[0x9a800000-0x9effffff], contact BIOS vendor for fixes'],
    'rmrr-odd': ['DMAR: [Firmware Bug]: Your BIOS is broken; bad RMRR [0x9a800000-0x9effffff]'],
    'rmrr-broken': ['DMAR: [Firmware Bug]: Your BIOS is broken; RMRR ends before it starts!'],
    'freebsd-rmrr': ['ehci0: pci0:4:0 BIOS bug: dmar0 RMRR region (7ffdd000, 7ffdcfff) corrected'],
    'rmrr-outside': ['(XEN) [VT-D]  RMRR address range 7d000000..7d0fffff not in reserved memory; need '
                     '"iommu_inclusive_mapping=1"?'],
    'unit-at-zero': ['DMAR: [Firmware Bug]: Your BIOS is broken; DMAR reported at address 0!',
                     'DMAR: [Firmware Bug]: DMAR reported at address zero!',
                     'DMAR: DRHD base: 0x00000000000000 flags: 0x1'],
    'unit-all-ones': ['DMAR: [Firmware Bug]: Your BIOS is broken; DMAR reported at address fed64000 '
                      'returns all ones!'],
    'table-refused': ['DMAR: Parse DMAR table failure.'],
    'rhsa-unit': ['DMAR: [Firmware Bug]: Your BIOS is broken; RHSA refers to non-existent DMAR unit at '
                  'fed90000'],
    'scope-missing': ['DMAR: Device scope device [0000:00:02.00] not found'],
    'scope-mismatch': ['DMAR: Device scope type does not match for 0000:00:01.0'],
    'acpi-handle': [r'DMAR: Failed to find handle for ACPI object \_SB.PCI0.I2C0'],
    'feature-differs': ['DMAR: IOMMU feature pgsel_inv inconsistent'],
    'no-drhd': ['DMAR: [Firmware Bug]: No DRHD structure found in DMAR table'],
    'unit-unreadable': ['DMAR: VT-d detected Invalidation Queue Error: Reason f',
                        'DMAR: VT-d detected Invalidation Time-out Error: SID ffff'],
    'queue-error': ['DMAR: VT-d detected Invalidation Queue Error: Reason 1',
                    'DMAR: VT-d detected invalid descriptor: qw0 = 100000, qw1 = 0',
                    'DMAR: DRHD: handling fault status reg 10'],
    'device-tlb-timeout': ['DMAR: VT-d detected Invalidation Time-out Error: SID 300',
                           'DMAR: Invalidation Time-out Error (ITE) cleared',
                           'DMAR: DRHD: handling fault status reg 40',
                           '(XEN) [VT-D]ATS: 0000:03:00.0 device TLB flush timeout'],
    'device-tlb-completion': ['DMAR: VT-d detected Invalidation Completion Error: SID 300',
                              'DMAR: DRHD: handling fault status reg 20'],
    'wait-timeout': ['(XEN) [VT-D]Queue invalidate wait descriptor timed out'],
    'invalidation-timeout': ['DMAR0: Invalidation timed out'],
    'unit-hangs': ['Kernel panic - not syncing: DMAR hardware is malfunctioning',
                   '(XEN) DMAR hardware is malfunctional, please disable IOMMU'],
    'unit-hangs-disable': ['Kernel panic - not syncing: DMAR hardware is malfunctioning\n'
                           '   iommu_disable_translation+0x88/0x90'],
    'unit-hangs-enable': ['Kernel panic - not syncing: DMAR hardware is malfunctioning\n'
                          '   iommu_enable_translation.cold+0xc/0xc'],
    'unit-hangs-queue': ['Kernel panic - not syncing: DMAR hardware is malfunctioning\n'
                         '   qi_submit_sync+0x300/0x400'],
    'panic-elsewhere': ['Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)'],
    'pte-identity': ['DMAR: ERROR: DMA PTE for vPFN 0xf1f7e already set (to f1f7e003 not 173025001)'],
    'pte-already-set': ['DMAR: ERROR: DMA PTE for vPFN 0xfffff already set (to 1234003 not 5678003)'],
    'unmatched-unmap': ['Driver unmaps unmatched page at PFN 201a556000'],
    'iova-exhausted': ['DMAR: Allocating 1-page iova for 0000:00:1f.2 failed'],
    'width-too-small': ['DMAR: intel_iommu_map: iommu width (39) is not sufficient for the mapped '
                        'address (8000000000)'],
    'no-default-domain': ['iommu: Failed to allocate default domain'],
    'bounce-full': ['swiotlb buffer is full (sz: 65536 bytes), total 32768 (slots), used 0 (slots)'],
    'mask-overflow': ['nvme 0000:01:00.0: overflow 0x0000000ffe000000+4096 of DMA mask ffffffff bus '
                      'mask 0'],
    'map-failed': ['ath11k_pci 0000:56:00.0: failed to dma map'],
    'vfio-map-failed': ['vfio-pci 0000:03:00.0: VFIO_MAP_DMA failed: Cannot allocate memory'],
    'page-request-overflow': ['DMAR: PRQ overflow detected'],
    'ir-bios-enabled-erratum': ['DMAR-IR: This system BIOS has enabled interrupt remapping\n'
                                'on a chipset that contains an erratum making that\nfeature unstable.'],
    'ir-x2apic-opt-out': ['DMAR-IR: x2apic is disabled because BIOS sets x2apic opt out bit.'],
    'ir-unsafe': ['vfio_iommu_type1_attach_group: No interrupt remapping support.'],
    'ir-failed': ['DMAR-IR: Failed to enable irq remapping. You are vulnerable to irq-injection '
                  'attacks.'],
    'ir-ioapic-missing': ['DMAR-IR: [Firmware Bug]: ioapic 2 has no mapping iommu, interrupt remapping '
                          'will be disabled'],
    'ir-off': ['DMAR-IR: Not enabling interrupt remapping'],
    'ir-queue': ['DMAR: Queued invalidation will be enabled to support x2apic and Intr-remapping.'],
    'ir-disabled-table': ['(XEN) Intel VT-d Interrupt Remapping not supported.'],
    'translation-left-on': ['DMAR: Translation was enabled for dmar0 but we are not in kdump mode'],
    'translation-inherited': ['DMAR: Translation pre-enabled'],
    'copy-failed': ['DMAR: Failed to copy translation tables from previous kernel for dmar0'],
    'igfx-no-gtt': ['DMAR: BIOS has allocated no shadow GTT; disabling IOMMU for graphics'],
    'igfx-disabled': ['DMAR: Disabling IOMMU for graphics on this chipset'],
    'write-buffer': ['DMAR: Forcing write-buffer flush capability'],
    'agaw': ['DMAR: Cannot get a valid agaw for iommu (seq_id = 0)',
             'DMAR: Cannot get a valid max agaw for iommu (seq_id = 0)'],
    'no-dmar': ['DMAR: No DMAR devices found'],
    'bad-checksum': ['ACPI BIOS Warning (bug): Incorrect checksum in table [DMAR] - 0x11, should be 0x22'],
    'amd': ['AMD-Vi: Event logged [IO_PAGE_FAULT device=03:00.0 domain=0x0012 address=0x0 flags=0x0]'],
    'firmware-bug': ['DMAR: [Firmware Bug]: Your BIOS is broken; something new',
                     'DMAR: [Firmware Bug]: something newer',
                     'BIOS bug: DMAR table is odd'],
}


def ids_of(name):
    with open(os.path.join(ROOT, 'tools/udmar', name), encoding='utf-8') as file:
        return re.findall(r'^    \{ "([a-z0-9-]+)",', file.read(), re.M)


ids = ids_of('explain_rules_page.c') + ids_of('explain_rules_table.c')
check(len(ids) == len(set(ids)), 'causes have ids of their own', ids)
check(set(ids) == set(CAUSES), 'every cause has a log here', set(ids) ^ set(CAUSES))
for cause, text in CAUSES.items():
    if text is None:
        check(cause in ids, f'{cause}: second by design')
        continue
    document = run(text)
    faults = document['faults']
    check(not explain_reports.harms(document), f'{cause}: no harmful advice',
          explain_reports.harms(document))
    first = [[c['id'] for c in fault['causes']] for fault in faults]
    check(any(names[:1] == [cause] for names in first), f'{cause} comes first', f'{first}\n{text}')
    check(all(len(names) <= 3 for names in first), f'{cause}: at most three causes')
for path in sorted(glob.glob(os.path.join(ROOT, 'tests/tools/explain/*.log'))):
    with open(path, errors='replace') as file:
        found = explain_reports.harms(run(file.read()))
    check(not found, f'{os.path.basename(path)}: no harmful advice', found)
for cause in ('platform-children-likely', 'physical-likely'):
    text = {'platform-children-likely': read('00:1e.3', 0xffffa000),
            'physical-likely': read('04:00.0', 0x2affde000)}[cause]
    names = [c['id'] for c in run(text)['faults'][0]['causes']]
    check(names[1:2] == [cause], f'{cause} comes second', names)

ids = set(ids_of('explain_message.c'))
check(ids == set(MESSAGES), 'every message has a log here', ids ^ set(MESSAGES))
text = {name: lines for name, lines in MESSAGES.items()}
for name, lines in text.items():
    for line in lines:
        found = [message['id'] for message in run(line + '\n')['messages']]
        words = line[:50].replace('\n', ' ')
        check(found[:1] == [name], f'message {name}: {words}', found)

# A message that is wrapped is one message.
for name, line in (('rmrr-refused', MESSAGES['rmrr-refused'][0]), ('pte-identity',
                   MESSAGES['pte-identity'][0]), ('rmrr-not-reserved', MESSAGES['rmrr-not-reserved'][0])):
    half = line.index(' ', len(line) // 2)
    found = [message['id'] for message in
             run(f'> [   80.000000] {line[:half]}\n> {line[half + 1:]}\n')['messages']]
    check(found == [name], f'message {name}, wrapped', found)

# ---- options exist where they are advised -------------------------------------------------------------

NVIDIA = pci('01:00.0', '10de:2684', 0x030000)


def advice(text):
    return ' '.join(c['next'] for fault in run(text)['faults'] for c in fault['causes'])


for name, text, there, absent in (
        ('igfx_off for Intel graphics', read('00:02.0', 0x9c000000, seconds=1.0), 'igfx_off', 'no-igfx'),
        ('Xen has its own', xen('00:02.0', 0x9c000000), 'iommu=no-igfx', 'intel_iommu'),
        ('not for NVIDIA', NVIDIA + read('01:00.0', 0x7ee29000), '', 'igfx'),
        ('not for another 00:02.0', pci('00:02.0', '1013:00b8', 0x030000) + read('00:02.0', 0x9c000000),
         '', 'igfx'),
        ('strict, new', '[    0.0] Linux version 6.1.0 (x)\n' + write('03:00.0', 0xffd3c000),
         'iommu.strict=1', 'intel_iommu=strict'),
        ('strict, old', '[    0.0] Linux version 4.19.0 (x)\n' + write('03:00.0', 0xffd3c000),
         'intel_iommu=strict', 'iommu.strict'),
        ('no ATS switch before 4.18', '[    0.0] Linux version 4.4.0 (x)\n' + read('05:00.0', 4096, 0x0d),
         '', 'noats'),
        ('ATS switch', '[    0.0] Linux version 5.4.0 (x)\n' + read('05:00.0', 4096, 0x0d), 'pci=noats',
         ''),
        ('FreeBSD bounces one device', 'BIOS-e820: [mem 0x7c000000-0x7fffffff] reserved\n'
         'DMAR0: em0: pci0:25:0 sid c8 fault acc 1 adt 0x0 reason 0x6 addr 7d000000\n',
         'hw.busdma.pci0.0.25.0=bounce', 'iommu=pt')):
    said = advice(text)
    check(there in said and (absent == '' or absent not in said), f'options: {name}', said)

# ---- the device list and the table make it better ------------------------------------------------------


def table(*structures):
    body = b''.join(structures)
    data = bytearray(b'DMAR' + (48 + len(body)).to_bytes(4, 'little') + b'\x01\x00OEMOEMTABLEID!' +
                     b'\0' * 12 + b'\x26\0' + b'\0' * 10)[:48].ljust(48, b'\0')
    data += body
    data[4:8] = len(data).to_bytes(4, 'little')
    data[9] = (-sum(data)) & 0xff
    return bytes(data)


def scope(kind, bus, device, function):
    return bytes([kind, 8, 0, 0, 0, bus, device, function])


def drhd(*scopes):
    body = b''.join(scopes)
    return (b'\0\0' + (16 + len(body)).to_bytes(2, 'little') + b'\1\0\0\0' +
            (0xfed90000).to_bytes(8, 'little') + body)


def rmrr(base, limit, *scopes):
    body = b''.join(scopes)
    return (b'\1\0' + (24 + len(body)).to_bytes(2, 'little') + b'\0\0\0\0' + base.to_bytes(8, 'little') +
            limit.to_bytes(8, 'little') + body)


with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, 'dmar.dat')
    with open(path, 'wb') as file:
        file.write(table(drhd(scope(4, 0x11, 3, 2), scope(3, 0x11, 3, 1)),
                         rmrr(0x7d000000, 0x7d0fffff, scope(1, 0, 0x14, 0))))
    lspci = os.path.join(folder, 'lspci.txt')
    with open(lspci, 'w', encoding='ascii') as file:
        file.write('00:02.0 VGA compatible controller [0300]: Intel Graphics [8086:46a6]\n'
                   '00:16.0 Communication controller [0780]: Intel HECI [8086:1234]\n'
                   '03:00.0 Ethernet controller [0200]: Some Network [1234:5678]\n')
    for name, text, options, first in (
            ('an HPET id of the table', write('11:03.2', 0, 2), ['--table=' + path], 'hpet'),
            ('an I/O APIC id of the table', interrupt('11:03.1', 0x25), ['--table=' + path], 'ioapic-boot'),
            ('without the table', write('11:03.2', 0x5000, 2), [], 'detached'),
            ('an RMRR of the table', read('00:14.0', 0x7d001000), ['--table=' + path], 'rmrr-unmapped'),
            ('an RMRR that names others', read('03:00.0', 0x7d001000), ['--table=' + path],
             'rmrr-of-others'),
            ('a hidden function by the list', read('00:16.7', 0x9cdff000, 2), ['--lspci=' + lspci],
             'hidden-me'),
            ('a phantom function by the list', write('03:00.1', 0xfff00000, 2), ['--lspci=' + lspci],
             'phantom-function'),
            ('both', read('00:14.0', 0x7d001000, 2), ['--table=' + path, '--lspci=' + lspci],
             'rmrr-no-context')):
        causes = run(text, *options)['faults'][0]['causes']
        check(causes[0]['id'] == first, f'{name}: {first}', causes)
        if options and 'table' in options[0]:
            check('table' in causes[0]['evidence'], f'{name}: says that it is from the table', causes[0])

print(f'1..{count}')
sys.exit(failed != 0)
