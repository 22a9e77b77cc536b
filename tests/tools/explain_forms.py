# SPDX-License-Identifier: BSD-2-Clause
"""udmar explain: every form in which a system writes a fault down, in every way people paste it. TAP.

usage: explain_forms.py UDMAR SOURCE_ROOT

A form is (where it was taken from, the text, the fault as device, access, address, reason). The
place is the project's source: file, function, version.
"""
import json
import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

UDMAR, ROOT = os.path.abspath(sys.argv[1]), sys.argv[2]
count = failed = 0
random.seed(16)


def check(good, name, detail=''):
    global count, failed
    count += 1
    failed += not good
    print(f'{"ok" if good else "not ok"} {count} - {name}', flush=True)
    if detail and not good:
        for line in str(detail).splitlines()[:30]:
            print('# ' + line)


def run(text):
    """text: str or bytes. The JSON and the exit status."""
    data = text if isinstance(text, bytes) else text.encode()
    result = subprocess.run([UDMAR, 'explain', '--json'], input=data, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, check=False, timeout=60)
    assert result.returncode in (0, 1), result
    return json.loads(result.stdout), result.returncode


def run_all(texts):
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(run, texts))


def faults_of(document):
    return [(fault['format'], fault['device'][5:] if fault['device'] != 'unknown' else 'unknown',
             fault['access'],
             fault.get('address', fault.get('interrupt_index', fault.get('unread_address'))),
             fault.get('reason')) for fault in document['faults']]


READ = ('00:02.0', 'read', '0x9c000000', '0x6')
WRITE = ('01:00.0', 'write', '0xffd3c000', '0x5')
LINUX_REASON_6 = 'PTE Read access is not set'

FORMS = {
    'linux-2.6': (
        'Linux 2.6.24 to 3.x, drivers/pci/dmar.c (intel-iommu.c before 2.6.29), dmar_fault_do_one',
        'DMAR:[DMA Read] Request device [00:02.0] fault addr 9c000000 \n'
        'DMAR:[fault reason 06] PTE Read access is not set\n', 'linux', READ),
    'linux-2.6-status': (
        'Linux 2.6.24, drivers/pci/intel-iommu.c, iommu_page_fault: "handling fault status reg %x"',
        'DRHD: handling fault status reg 3\n'
        'DMAR:[DMA Write] Request device [01:00.0] fault addr ffd3c000 \n'
        'DMAR:[fault reason 05] PTE Write access is not set\n', 'linux', WRITE),
    'linux-3': (
        'Linux 3.x, drivers/iommu/dmar.c, dmar_fault_do_one with pr_fmt "dmar: "',
        'dmar: DMAR:[DMA Read] Request device [00:02.0] fault addr 9c000000 \n'
        'DMAR:[fault reason 06] PTE Read access is not set\n', 'linux', READ),
    'linux-4': (
        'Linux 4.2 to 5.x, drivers/iommu/dmar.c, dmar_fault_do_one',
        'DMAR: [DMA Read] Request device [00:02.0] fault addr 9c000000 [fault reason 06] '
        'PTE Read access is not set\n', 'linux', READ),
    'linux-5.4': (
        'Linux 5.2 to 5.13, drivers/iommu/intel/dmar.c, dmar_fault_do_one: PASID always printed',
        'DMAR: [DMA Read] Request device [00:02.0] PASID ffffffff fault addr 9c000000 '
        '[fault reason 06] PTE Read access is not set\n', 'linux', READ),
    'linux-5.14': (
        'Linux 5.14, drivers/iommu/intel/dmar.c, commit 719a19335692: 0x in front of all numbers',
        'DMAR: [DMA Read NO_PASID] Request device [0x00:0x02.0] fault addr 0x9c000000 '
        '[fault reason 0x06] PTE Read access is not set\n', 'linux', READ),
    'linux-6': (
        'Linux 5.15 to 7.2, drivers/iommu/intel/dmar.c, dmar_fault_do_one',
        'DMAR: [DMA Read NO_PASID] Request device [00:02.0] fault addr 0x9c000000 '
        '[fault reason 0x06] PTE Read access is not set\n', 'linux', READ),
    'linux-segment': (
        'the same with a segment, as patched kernels print it',
        'DMAR: [DMA Read NO_PASID] Request device [0000:00:02.0] fault addr 0x9c000000 '
        '[fault reason 0x06] PTE Read access is not set\n', 'linux', READ),
    'linux-pasid': (
        'Linux 5.14 and later, dmar_fault_do_one, with a PASID',
        'DMAR: [DMA Write PASID 0x5] Request device [6a:01.0] fault addr 0x7f3c41a00000 '
        '[fault reason 0x59] SM: Present bit in PASID Table Entry is clear\n', 'linux',
        ('6a:01.0', 'write', '0x7f3c41a00000', '0x59')),
    'linux-ir-old': (
        'Linux 2.6.30 to 4.1, drivers/pci/dmar.c, dmar_fault_do_one: two brackets, decimal reason',
        'INTR-REMAP: Request device [[f0:1f.0] fault index 8c\n'
        'INTR-REMAP:[fault reason 38] Blocked an interrupt request due to source-id verification '
        'failure\n', 'linux', ('f0:1f.0', 'interrupt', 0x8c, '0x26')),
    'linux-ir-3': (
        'Linux 3.x, drivers/iommu/dmar.c, dmar_fault_do_one with pr_fmt "dmar: "',
        'dmar: DRHD: handling fault status reg 502\n'
        'dmar: INTR-REMAP: Request device [[f0:1f.0] fault index 8c\n'
        'INTR-REMAP:[fault reason 37] Blocked a compatibility format interrupt request\n', 'linux',
        ('f0:1f.0', 'interrupt', 0x8c, '0x25')),
    'linux-ir-4': (
        'Linux 4.2 to 5.9, drivers/iommu/dmar.c, dmar_fault_do_one: decimal reason, index without 0x',
        'DMAR: [INTR-REMAP] Request device [42:00.2] fault index 1600 [fault reason 37] Blocked a '
        'compatibility format interrupt request\n', 'linux', ('42:00.2', 'interrupt', 0x1600, '0x25')),
    'linux-ir-5.10': (
        'Linux 5.10 to 5.14, drivers/iommu/intel/dmar.c, dmar_fault_do_one: 0x before every number',
        'DMAR: [INTR-REMAP] Request device [0x64:0x00.5] fault index 0x8800 [fault reason 0x25] Blocked a '
        'compatibility format interrupt request\n', 'linux', ('64:00.5', 'interrupt', 0x8800, '0x25')),
    'linux-ir': (
        'Linux 5.15 and later, drivers/iommu/intel/dmar.c, dmar_fault_do_one',
        'DMAR: [INTR-REMAP] Request device [00:1f.6] fault index 0x2f [fault reason 0x26] Blocked an '
        'interrupt request due to source-id verification failure\n', 'linux',
        ('00:1f.6', 'interrupt', 0x2f, '0x26')),
    'xen-3': (
        'Xen 3.3, xen/arch/x86/hvm/vmx/vtd (drivers/passthrough/vtd)/iommu.c, '
        'iommu_page_fault_do_one',
        '(XEN) [VT-D]iommu.c:676: iommu_fault:DMA Read: 0:2.0 addr 9c000000 REASON 6 '
        'iommu->reg = ffff828bfff54000\n', 'xen', READ),
    'xen-4.1': (
        'Xen 4.1, xen/drivers/passthrough/vtd/iommu.c, iommu_page_fault_do_one',
        '(XEN) [VT-D]iommu.c:861: DMAR:[DMA Read] Request device [0000:00:02.0] fault addr 9c000000, '
        'iommu reg = ffff82c3ffd53000\n(XEN) DMAR:[fault reason 06h] PTE Read access is not set\n',
        'xen', READ),
    'xen-4.6': (
        'Xen 4.5 to 4.12, iommu_page_fault_do_one: the reason is a message of its own',
        '(XEN) [VT-D]DMAR:[DMA Read] Request device [0000:00:02.0] fault addr 9c000000, '
        'iommu reg = ffff82c00021d000\n(XEN) [VT-D]DMAR: reason 06 - PTE Read access is not set\n',
        'xen', READ),
    'xen-4.17': (
        'Xen 4.13 to 4.20, iommu_page_fault_do_one: without the register block',
        '(XEN) [VT-D]DMAR:[DMA Read] Request device [0000:00:02.0] fault addr 9c000000\n'
        '(XEN) [VT-D]DMAR: reason 06 - PTE Read access is not set\n', 'xen', READ),
    'xen-ir-4.1': (
        'Xen 4.0 to 4.4, iommu_page_fault_do_one: the reason in brackets, with an h',
        '(XEN) [VT-D]iommu.c:864: INTR-REMAP: Request device [f0:1f.0] fault index 26, '
        'iommu reg = ffff82c3ffd54000\n'
        '(XEN) INTR-REMAP:[fault reason 22h] Present field in the IRTE entry is clear\n', 'xen',
        ('f0:1f.0', 'interrupt', 0x26, '0x22')),
    'xen-ir-4.6': (
        'Xen 4.5 to 4.12, iommu_page_fault_do_one, INTR_REMAP: with the register block',
        '(XEN) [VT-D]INTR-REMAP: Request device [0000:00:1f.0] fault index 0, '
        'iommu reg = ffff82c00021d000\n'
        '(XEN) [VT-D]INTR-REMAP: reason 25 - Blocked a compatibility format interrupt request\n', 'xen',
        ('00:1f.0', 'interrupt', 0, '0x25')),
    'xen-ir': (
        'Xen 4.13 to 4.20, iommu_page_fault_do_one, INTR_REMAP',
        '(XEN) [VT-D]INTR-REMAP: Request device [0000:f0:1f.0] fault index 26\n'
        '(XEN) [VT-D]INTR-REMAP: reason 22 - Present field in the IRTE entry is clear\n', 'xen',
        ('f0:1f.0', 'interrupt', 0x26, '0x22')),
    'freebsd': (
        'FreeBSD 10 to 15, sys/x86/iommu/intel_fault.c, dmar_fault_task',
        'DMAR0: vgapci0: pci0:2:0 sid 10 fault acc 1 adt 0x0 reason 0x6 addr 9c000000\n', 'freebsd',
        READ),
    'freebsd-unknown': (
        'FreeBSD, the same, a device without a context',
        'DMAR1: <unknown dev>:pci1:0:0 sid 100 fault acc 0 adt 0x0 reason 0x5 addr ffd3c000\n',
        'freebsd', WRITE),
    'openbsd': (
        'OpenBSD 7.x, sys/dev/acpi/acpidmar.c, iommu_showfault: decimal reason',
        'fri0: dmar: 00:02.0 read error at 9c000000 fr:6 [PTE Read not set] iommu:1 [mapped]\n',
        'openbsd', READ),
    'openbsd-12': (
        'OpenBSD, the same, a reason of two figures',
        'fri0: dmar: 00:02.0 read error at 9c000000 fr:12 [Non-zero reserved in PTE] iommu:1 '
        '[nomap]\n', 'openbsd', ('00:02.0', 'read', '0x9c000000', '0xc')),
    'illumos': (
        'illumos, usr/src/uts/i86pc/io/immu_intrmap.c, immu_intr_handler: PCI() in decimal, the '
        'reason in words, three lines',
        'WARNING: immu1: generated a fault event when translating DMA read\n'
        '\t on address 0x9c000000 for PCI(0, 2, 0), the reason is:\n'
        '\t The Read field in a page-table entry is Clear when DMA read\n', 'illumos', READ),
    'illumos-ir': (
        'illumos, the same, an interrupt',
        'WARNING: immu1: generated a fault event when translating interrupt request\n'
        '\t on index 0x26 for PCI(240, 31, 0), the reason is:\n'
        '\t The present field in the IRTE entry is clear\n', 'illumos',
        ('f0:1f.0', 'interrupt', 0x26, '0x22')),
    'esxi': (
        'ESXi 7 and 8, as public reports have it (no source)',
        '@BlueScreen: IOMMU Fault detected for 0000:da:00.0 (vmgfx0/nvidia) IOaddr: 0xa1fc6a000 '
        'Mask: 0x6 Domain: 0x430af4e0c460.\n', 'esxi', ('da:00.0', 'unknown', '0xa1fc6a000', None)),
    'macos': (
        'macOS, IOPCIFamily, AppleVTD.cpp, unit_faults: bus, device and function in decimal',
        'vtd[0] fault: device 13:0:0 reason 0x6 R:0x3dff000\n', 'macos',
        ('0d:00.0', 'read', '0x3dff000', '0x6')),
    'macos-write': (
        'macOS, the same, a write',
        'vtd[1] fault: device 0:20:0 reason 0x5 W:0x3dff000\n', 'macos',
        ('00:14.0', 'write', '0x3dff000', '0x5')),
    'genode': (
        'Genode, repos/pc/src/driver/platform/pc/intel/io_mmu.cc, handle_faults: info is the page',
        '[init -> drivers -> platform_drv] Error: Fault: hi=0xc0000006000000a0, reason=0x6, '
        'type=0x1, AT=0x0, EXE=0x0, PRIV=0x0, PP=0x0, Source=0xa0, info=0xcaffe\n', 'genode',
        ('00:14.0', 'read', '0xcaffe000', '0x6')),
    'nova-dmar': (
        'NOVA, src/dmar.cpp, Dmar::fault_handler (2010 to 2020): no direction, known by the reason',
        'DMAR:0xffffffffa0001000 FRR:0 FR:0x6 BDF:0:2:0 FI:0x9c000000\n', 'nova', READ),
    'nova-smmu': (
        'NOVA, src/x86_64/smmu.cpp, Smmu::fault (2024)',
        'SMMU: 0x00fed91000 FRR:0 FR:0x6 SRC:00:02.0 FI:0x009c000000\n', 'nova', READ),
    'qemu': (
        'QEMU 4 to 10, hw/i386/intel_iommu.c, vtd_do_iommu_translate: "detected translation failure"',
        'qemu-system-x86_64: vtd_iommu_translate: detected translation failure (dev=00:02:00, '
        'iova=0x9c000000)\n', 'qemu', ('00:02.0', 'unknown', '0x9c000000', None)),
    'other': (
        'a kernel that nobody knows, in its own words (../shared/reports, 74)',
        'iommu: 00:02.0 was REFUSED a read at 0x9c000000 - no mapping, or no permission (reason '
        '0x06)\n', 'other', READ),
    'udmar-ir': (
        'udmar, src/policy/fault_sentence.c, udmar_fault_format: an interrupt through an entry of another',
        'udmar: fault 22: QEMU edu device (0000:00:04.0) tried to raise an interrupt through entry 47, '
        "which is of 00:03.0, and was stopped: the interrupt's source id does not match its remapping "
        'entry\n', 'udmar', ('00:04.0', 'interrupt', 0x2f, '0x26')),
    'udmar-ir-nobody': (
        'udmar, the same, an entry that nobody has',
        'udmar: fault 23: unknown device 0000:05:00.1 tried to raise an interrupt through entry 255, which '
        "is nobody's, and was stopped: the interrupt remapping entry is not present\n", 'udmar',
        ('05:00.1', 'interrupt', 0xff, '0x22')),
    'udmar-ir-found': (
        'udmar, the same, an entry of the table that was found on',
        'udmar: fault 24: unknown device 0000:05:00.1 tried to raise an interrupt through entry 7, which is '
        "an entry found at start, and was stopped: the interrupt's source id does not match its remapping "
        'entry\n', 'udmar', ('05:00.1', 'interrupt', 7, '0x26')),
    'udmar-ir-compat': (
        'udmar, the same, compatibility format: no entry',
        'udmar: fault 25: QEMU edu device (0000:00:04.0) tried to raise an interrupt and was stopped: an '
        'interrupt in compatibility format was blocked\n', 'udmar',
        ('00:04.0', 'interrupt', None, '0x25')),
    'udmar-ir-write': (
        'udmar, the same, a write to the interrupt range that was blocked as DMA',
        'udmar: fault 26: device 0000:03:00.0 tried to raise an interrupt by writing to 0xfee01000 and was '
        'stopped: the page is not mapped, or the device may not write it\n', 'udmar',
        ('03:00.0', 'write', '0xfee01000', '0x5')),
    'udmar': (
        'udmar, src/policy/fault_sentence.c, udmar_fault_format',
        'udmar: fault 1: device 0000:00:02.0 tried to read from 0x9c000000 and was stopped: '
        'the page is not mapped, or the device may not read it\n', 'udmar', READ),
}

# ---- the forms as they are -------------------------------------------------------------------------

answers = run_all([form[1] for form in FORMS.values()])
for (name, (place, text, system, fault)), (document, status) in zip(FORMS.items(), answers):
    found = faults_of(document)
    check(found == [(system, *fault)] and status == 1 and document['unread'] == 0,
          f'{name}: {place}', f'{found}\nfor {text}')

# ---- the ways of pasting ----------------------------------------------------------------------------
# Each makes a list of lines into a text that means the same.

ONE = [line.rstrip('\n') for name in ('linux-4', 'linux-5.4', 'linux-6', 'linux-ir')
       for line in FORMS[name][1].splitlines()]
EXPECTED = {line: faults_of(run(line + '\n')[0]) for line in ONE}


def journal(line, **more):
    return json.dumps({'_BOOT_ID': '0123', 'PRIORITY': '3', 'MESSAGE': line, '_TRANSPORT': 'kernel',
                       **more})


PASTES = {
    'dmesg': lambda line: f'[  144.480641] {line}\n',
    'dmesg -T': lambda line: f'[Wed Apr 15 14:36:20 2026] {line}\n',
    'dmesg -x': lambda line: f'kern  :err   : [  144.480641] {line}\n',
    'dmesg -x, no time': lambda line: f'kern  :err   : {line}\n',
    'dmesg -e': lambda line: f'[Nov30 18:08] DMAR: DRHD: handling fault status reg 3\n'
                             f'[  +0.000012] {line}\n',
    'dmesg -d': lambda line: f'[  144.480641 <    0.000174>] {line}\n',
    'dmesg --time-format=iso': lambda line: f'2026-11-30T18:08:04,123456+00:00 {line}\n',
    'printk with caller': lambda line: f'[  144.480641][    T1] {line}\n',
    'console': lambda line: f'<3>[  144.480641] {line}\n',
    '/dev/kmsg': lambda line: f'3,123,144480641,-;{line}\n',
    'syslog': lambda line: f'May  4 03:12:10 pve1 kernel: [ 5144.100009] {line}\n',
    'syslog, no time': lambda line: f'May  4 03:12:10 pve1 kernel: {line}\n',
    'rsyslog': lambda line: f'2014-04-25T09:37:53.595431+01:00 kvmhost kernel: {line}\n',
    'rsyslog, half a stamp': lambda line: f'2014-04-25T09:37:53.595431+01:00 kvmhost kernel:     '
                                          f'8.490171] {line}\n',
    'journalctl': lambda line: f'Nov 30 18:08:04 host kernel: {line}\n',
    'journalctl -o short-precise': lambda line: f'Nov 30 18:08:04.123456 host kernel: {line}\n',
    'journalctl -o short-iso': lambda line: f'2026-11-30T18:08:04+0000 host kernel: {line}\n',
    'journalctl -o short-full': lambda line: f'Mon 2026-11-30 18:08:04 UTC host kernel: {line}\n',
    'journalctl -o short-unix': lambda line: f'1796062084.123456 host kernel: {line}\n',
    'journalctl -o short-monotonic': lambda line: f'[  144.480641] host kernel: {line}\n',
    'journalctl -o verbose': lambda line: f'Mon 2026-11-30 18:08:04 UTC [s=1;i=2]\n    PRIORITY=3\n'
                                          f'    MESSAGE={line}\n    _HOSTNAME=host\n',
    'journalctl -o export': lambda line: f'__CURSOR=s=1\nPRIORITY=3\nMESSAGE={line}\n\n',
    'journalctl -o json': lambda line: journal(line) + '\n',
    'journalctl -o json, bytes': lambda line: journal(list(line.encode())) + '\n',
    'journalctl -o json-pretty': lambda line: json.dumps(
        {'PRIORITY': '3', 'MESSAGE': line, 'X': 'y'}, indent='\t', separators=(',', ' : ')) + '\n',
    'journalctl -o json-pretty, bytes': lambda line: json.dumps(
        {'PRIORITY': '3', 'MESSAGE': list(line.encode()), 'X': 'y'}, indent='\t',
        separators=(',', ' : ')) + '\n',
    'journalctl -o json-seq': lambda line: '\x1e' + journal(line) + '\n',
    'a long JSON record': lambda line: journal(line, FILLER='x' * 3000) + '\n',
    'container log': lambda line: json.dumps({'log': f'[  1.0] {line}\n', 'stream': 'stdout'}) + '\n',
    'quoted': lambda line: f'> [  144.480641] {line}\n',
    'quoted three times': lambda line: f'>> > [  144.480641] {line}\n',
    'quoted with a bar': lambda line: f'  | {line}\n',
    'a bullet': lambda line: f'  * {line}\n',
    'a bullet beyond ASCII': lambda line: f'\u2022 {line}\n',
    'a code block': lambda line: f'```\n{line}\n```\n',
    'backticks': lambda line: f'`{line}`\n',
    'bold': lambda line: f'**{line}**\n',
    'grep -n': lambda line: f'dmesg.txt:1234:[  144.480641] {line}\n',
    'diff': lambda line: f'+ [  144.480641] {line}\n',
    'HTML': lambda line: '&gt; ' + line.replace('[', '&#91;').replace(' ', '&nbsp;', 1) + '<br>\n',
    'colours': lambda line: f'\x1b[32m[  144.480641] \x1b[0m\x1b[31m{line}\x1b[0m\n',
    'colours, written out': lambda line: f'#033[31m{line}#033[0m\n',
    'colours, half lost': lambda line: f'[0;31m{line}[0m\n',
    'CRLF': lambda line: f'[  144.480641] {line}\r\n',
    'tabs': lambda line: '\t' + line.replace(' ', '\t', 3) + '\n',
    'NUL bytes': lambda line: f'\0\0\0[  144.480641] {line}\0\n',
    'byte order mark': lambda line: f'\ufeff{line}\n',
    'blanks that do not break': lambda line: line.replace(' ', '\u00a0') + '\n',
    'UTF-16': lambda line: (f'[  144.480641] {line}\r\n' * 2).encode('utf-16'),
    'UTF-16, no mark': lambda line: (f'[  144.480641] {line}\r\n' * 2).encode('utf-16-be'),
    'no newline': lambda line: line,
    'newlines lost': lambda line: f'[    1.000001] usb 1-1: x [    1.000002] {line} [    1.000003] z',
    'a very long line before': lambda line: 'x' * 100000 + f'\n{line}\n',
    'lower case': lambda line: line.lower() + '\n',
    'capitals': lambda line: line.upper().replace('0X', '0x') + '\n',
    'typed: no brackets': lambda line: line.replace('[', '').replace(']', '') + '\n',
    'typed: PASID in words': lambda line: line.replace('NO_PASID', 'NO PASID') + '\n',
    'typed: O for 0': lambda line: line.replace('9c000000', '9cOO0o00') + '\n',
    'typed: more blanks': lambda line: line.replace(' ', '  ') + '\n',
    'typed: no blanks at brackets': lambda line: line.replace('device [', 'device[') + '\n',
    'typed: address in full': lambda line: line.replace('fault addr', 'fault address') + '\n',
    'typed: colons': lambda line: line.replace('fault addr ', 'fault addr: ')
                                      .replace('device [', 'device: [') + '\n',
}


def expected_of(line):
    return EXPECTED[line]


def same(document, line, once=True):
    found = faults_of(document)
    return found == expected_of(line) and document['unread'] == 0


tasks = [(name, line, paste(line)) for name, paste in PASTES.items() for line in (ONE[1], ONE[3])]
answers = run_all([task[2] for task in tasks])
for name in PASTES:
    wrong = [f'{line}\n{faults_of(document)} unread {document["unread"]}'
             for (other, line, _), (document, status) in zip(tasks, answers)
             if other == name and not (same(document, line) and status == 1)]
    check(not wrong, f'pasted: {name}', '\n'.join(wrong))

# ---- wrapped ----------------------------------------------------------------------------------------


def wraps(line, prefix):
    """A break before and behind each word, and inside words; with what a mail puts in front."""
    places = [i for i, c in enumerate(line) if c == ' ']
    for place in places:
        yield f'{prefix}{line[:place]}\n{line[place + 1:]}\n'
        yield f'{prefix}{line[:place]} \n   {line[place + 1:]}\n'
        yield f'> {prefix}{line[:place]}\n> {line[place + 1:]}\n'
    for place in random.sample(range(12, len(line) - 1), 30):
        yield f'{prefix}{line[:place]}\n{line[place:]}\n'
    for _ in range(10):
        first, second = sorted(random.sample(places, 2))
        yield f'{prefix}{line[:first]}\n{line[first + 1:second]}\n{line[second + 1:]}\n'


def soft_wrap(line):
    """Quoted-printable: "=" at the end of lines of 76 characters."""
    text, lines = line.replace('=', '=3D'), []
    while len(text) > 76:
        lines.append(text[:75] + '=')
        text = text[75:]
    return '\n'.join(lines + [text]) + '\n'


for line in ONE:
    for prefix in ('', '[ 9731.055098] ', 'May  4 03:12:10 pve1 kernel: '):
        texts, wrong = list(wraps(line, prefix)), []
        document, status = run('[    0.1] usb 1-1: between\n'.join(texts))
        if not same(document, line) or status != 1 or document['fault_count'] != len(texts):
            for text in texts:
                document, status = run(text)
                if not same(document, line) or status != 1:
                    wrong.append(f'{text}{faults_of(document)} unread {document["unread"]}')
        check(not wrong, f'wrapped anywhere ({len(texts)} ways): {prefix}{line[:40]}...',
              '\n'.join(wrong))
    document, _ = run(soft_wrap('[ 9731.055098] ' + line))
    check(same(document, line), f'quoted-printable: {line[:40]}...', faults_of(document))

# Between other lines, which are not swallowed.
around = ('[   12.1] DMAR: RMRR base: 0x0000009c000000 end: 0x0000009cffffff\n{}'
          'usb 1-1: new device\npci 0000:00:02.0: [8086:46a6] type 00 class 0x030000\n')
document, _ = run(around.format(ONE[0].replace(' fault', '\nfault') + '\n'))
check(faults_of(document) == EXPECTED[ONE[0]] and document['faults'][0].get('vendor_id') == '0x8086' and
      document['faults'][0].get('address_note') == 'inside an RMRR',
      'lines around a wrapped fault keep their meaning', document['faults'])
document, _ = run((ONE[2].replace(' fault addr', '\nfault addr', 1) + '\n') * 50)
check(document['fault_count'] == 50 and len(document['faults']) == 1, 'fifty wrapped ones',
      document['fault_count'])

# ---- what cannot be read ------------------------------------------------------------------------------

UNREADABLE = {
    'cut in the middle': 'DMAR: [DMA Read NO_PASID] Requ\n',
    'the end of a fault': 'fault addr 0x9c000000 [fault reason 0x06] PTE Read access is not set\n',
    'a reason alone': 'DMAR:[fault reason 06] PTE Read access is not set\n',
    'a reason of Xen alone': '(XEN) [VT-D]DMAR: reason 06 - PTE Read access is not set\n',
    'no device, no address': 'DMAR: [DMA Write] Request device [] fault addr [fault reason]\n',
    'interrupt remapping': 'DMAR: [INTR-REMAP] Request device [\n',
}
for name, text in UNREADABLE.items():
    document, status = run(text)
    check(document['unread'] + document['fault_count'] >= 1 and status == 1,
          f'never silent: {name}', document)
document, status = run('DMAR: DRHD: handling fault status reg 2\n')
check(document['faults_missing'] and status == 1, 'never silent: a status without its fault', document)
for text, shown in (('ffxxxxxx', 'ffxxxxxx'), ('XXXXXXXX', 'xxxxxxxx'), ('0xff????00', '0xff????00'),
                    ('0x7f6b...', '0x7f6b'), ('ffff88W', 'ffff88w')):
    document, status = run(f'DMAR: [DMA Write] Request device [00:02.0] fault addr {text} '
                           '[fault reason 05] PTE Write access is not set\n')
    check(faults_of(document) == [('linux', '00:02.0', 'write', shown, '0x5')] and status == 1,
          f'masked address {text} is unknown, not 0', faults_of(document))
document, _ = run(f'{ONE[1]} {ONE[3]}\n')
check(faults_of(document) == EXPECTED[ONE[1]] + EXPECTED[ONE[3]], 'two faults in one line',
      faults_of(document))
document, _ = run('ce [00:02.0] fault addr 9c000000 [fault reason 06] PTE Read access is not set\n')
check(faults_of(document) == EXPECTED[ONE[0]], 'a first line that is cut', faults_of(document))
document, status = run('DMAR: [DMA Read] Request device [xx:xx.x] fault addr 2affde000 '
                       '[fault reason 06] PTE Read access is not set\n')
check(faults_of(document) == [('linux', 'unknown', 'read', '0x2affde000', '0x6')], 'masked device',
      faults_of(document))

# Not faults of DMA, and no alarm.
QUIET = '''[    0.0] DMAR: Host address width 39
[    0.1] DMAR: DRHD base: 0x000000fed90000 flags: 0x0
[    0.2] DMAR-IR: Enabled IRQ remapping in x2apic mode
[    0.3] iommu: Default domain type: Translated
[    0.4] pci 0000:00:02.0: Adding to iommu group 0
[    0.5] BUG: unable to handle page fault for address: ffffb2c7c0f5c000
[    0.6] nouveau 0000:01:00.0: fifo: fault 00 [READ] at 0000000000000000 engine 07
[    0.7] amdgpu 0000:03:00.0: [gfxhub] page fault (src_id:0 ring:24 vmid:3)
[    0.8] segfault at 0 ip 00007f error 4 in libc
[    0.9] DMAR: Intel(R) Virtualization Technology for Directed I/O
'''
document, status = run(QUIET)
check(document['fault_count'] == 0 and document['unread'] == 0 and status == 0, 'quiet logs stay quiet',
      document)

# ---- several boots ------------------------------------------------------------------------------------
BOOTS = ('[    0.0] Linux version 5.10.0 (x) #1\n[    5.0] DMAR: [DMA Read] Request device [02:00.0] '
         'fault addr 12345000 [fault reason 02] Present bit in context entry is clear\n'
         '[    0.0] Linux version 6.12.0 (x) #1\n[    0.1] DMAR: Translation already enabled - trying to '
         'copy translation structures\n[    0.1] DMAR: Copied translation tables from previous kernel '
         'for dmar0\n[    5.0] DMAR: [DMA Read NO_PASID] Request device [03:00.0] fault addr 0x22345000 '
         '[fault reason 0x02] Present bit in context entry is clear\n')
document, _ = run(BOOTS)
causes = {fault['device']: fault['causes'][0]['id'] for fault in document['faults']}
check(causes == {'0000:02:00.0': 'no-context-early', '0000:03:00.0': 'earlier-kernel-context'},
      'a crash kernel in the same log is a boot of its own', causes)

print(f'1..{count}')
sys.exit(failed != 0)
