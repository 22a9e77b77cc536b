# SPDX-License-Identifier: BSD-2-Clause
"""udmar explain against real logs from public reports, whose cause was found. TAP.

usage: explain_reports.py UDMAR SOURCE_ROOT [--score]

The logs lie in $UDMAR_REPORTS, by default ../shared/reports next to the tree: logs/NN.txt with the
causes in INDEX.tsv, small/NAME.txt one of a kind. Without them all is skipped. Judged for each log:
recognised (the first fault's device, address and reason, or the message), the true cause first, no
harmful advice. --score prints a line for each instead of TAP.
"""
import json
import os
import re
import subprocess
import sys

UDMAR, ROOT = os.path.abspath(sys.argv[1]), sys.argv[2]
SCORE = '--score' in sys.argv
REPORTS = os.environ.get('UDMAR_REPORTS') or os.path.join(ROOT, '../shared/reports')

# What the first cause (of the first fault, or the first message that tells it) must say. None: the
# cause was not settled in the report.
CAUSES = {
    '01': 'scans out an old frame buffer', '06': 'reads past the end of that window',
    '08': 'MMU of its own.*physical addresses', '10': '46 bits.*dropped the bits',
    '13': 'VMD', '14': 'pointer of the kernel', '16': "guest's own MSI address",
    '17': 'I/O APIC.*harmless', '21': None, '22': 'legacy emulation.*RMRR',
    '25': 'past the end of memory.*stale', '26': 'HPET', '28': 'names other functions',
    '29': 'devices below.*id', '31': 'unmapped while the device still used', '32': None,
    '34': 'read as all ones.*bridge window', '40': 'one-to-one.*RMRR',
    '43': 'hidden function of the management engine',
    '44': 'hidden function of the management engine', '46': 'domain.*',
    '48': '2.6.38', '50': 'physical addresses', '51': 'alias.*proxy', '53': '2 MiB.*erratum',
    '55': None, '61': 'unmapped.*(mapped for the other direction|read-only)',
    '62': 'peer-to-peer', '64': 'dropped the bits', '65': None,
    '67': 'management processor', '68': 'PCIe-to-PCI bridge', '70': 'physical addresses',
    '71': 'device, its firmware or its driver', '73': 'RMRR.*not mapped yet', '74': None, '76': None,
    '77': 'base address 0', '80': 'No RAM', '81': 'No RAM', '84': 'graphics sleeps',
    '85': 'not reset when the guest',
}
# macOS prints bus, device and function in decimal (AppleVTD.cpp, unit_faults): 13 is 0x0d.
DEVICES = {'70': '0d:00.0'}

# Small inputs: all of these must be somewhere in the JSON.
SMALL = {
    'badrmrr': ['rmrr-path', 'rmrr-not-reserved', 'rmrr-odd'],
    'erratum': ['ir-bios-enabled-erratum'],
    'fbsdrmrr': ['freebsd-rmrr'],
    'fbsdrmrr2': ['rmrr-unmapped|usb', '"0x7d2ce000"', '0000:00:1d.0'],
    'gtt': ['igfx-no-gtt'],
    'hpet': ['"hpet"', '"ioapic-boot"'],
    'igfxnv': ['0000:01:00.0'],
    'iova_e820': ['given out by the kernel|share one requester id'],
    'ite': ['0000:af:00.3', 'device-tlb-timeout', 'unit-hangs'],
    'kvaddr': ['"kernel-pointer"'],
    'masked': ['"unread_address": "ffxxxxxx"', '0000:00:02.0'],
    'me': ['0000:00:16.7', '0000:00:12.4', '"hidden-me"'],
    'oldclass': ['"class": "0x30000"', '"class": "0xc0300"'],
    'parsefail': ['table-refused', 'rhsa-unit', 'ir-queue', 'feature-differs', 'width-too-small',
                  'iova-exhausted', 'queue-error', 'no-default-domain', 'bounce-full',
                  'mask-overflow', 'map-failed', 'ir-off', 'scope-missing', 'unit-hangs'],
    'rmrrctx': ['"rmrr-no-context"'],
    'wrapped': ['0000:3b:00.0', '"0x7f6b000"', '"0x6"'],
}


def run(path):
    """The JSON of a log, with the table or device list that lies beside it; and the exit status."""
    command = [UDMAR, 'explain', '--json']
    stem = path[:-4]
    for option, ends in (('--lspci', ('.lspci', '.lspci.txt')), ('--table', ('.dat', '.dmar'))):
        for end in ends:
            if os.path.exists(stem + end):
                command.append(f'{option}={stem + end}')
    result = subprocess.run(command + [path], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, check=False, timeout=60)
    return (json.loads(result.stdout) if result.returncode in (0, 1) else None), result.returncode


def short(device):
    return re.sub('^0000:', '', device)


def same_fault(fault, device, address, reason):
    """The fault of the index: "00:02.0 9c000000 06", "f0:1f.0 idx 25", "?" for what is not there."""
    if device != '?' and short(fault['device']) != device:
        return False
    if address == 'idx':
        if 'interrupt_index' not in fault:
            return False
    elif address != '?' and int(fault.get('address', '-1'), 16) != int(address, 16):
        return False
    return reason == '?' or int(fault.get('reason', '-1'), 16) == int(reason, 16)


def recognised(number, document, expected):
    if document is None:
        return False
    if expected == '-':
        return len(document['messages']) > 0
    device, address, reason = expected.split()
    device = DEVICES.get(number, device)
    return any(same_fault(fault, device, address, reason) for fault in document['faults'])


def first_cause(number, document, expected):
    """What the tool says first of the fault that the report is about."""
    if document is None:
        return ''
    if expected == '-':
        return '\n'.join(message['meaning'] for message in document['messages'])
    device, address, reason = expected.split()
    device = DEVICES.get(number, device)
    for fault in document['faults']:
        if same_fault(fault, device, address, reason) and fault['causes']:
            return fault['causes'][0]['cause']
    return ''


# Advice that does harm, by what is known of a log or a fault: (name, situation, forbidden words).
def is_igfx(fault):
    return short(fault['device']) == '00:02.0' and fault.get('vendor_id', '0x8086') == '0x8086'


def is_iova(fault):
    return (fault['format'] == 'linux' and 'address' in fault and
            0xf0000000 <= int(fault['address'], 16) <= 0xffffffff)


HARM = [
    ('an address that Linux made is called a firmware bug',
     lambda fault: is_iova(fault) and fault.get('reason') in ('0x5', '0x6'),
     r'[Uu]pdate the firmware|memory that the firmware reserves'),
    ('the graphics option for something else', lambda fault: not is_igfx(fault), r'igfx'),
    ('the graphics option for graphics of a guest',
     lambda fault: any(c.get('id') in ('display-of-guest', 'display-stale') for c in fault['causes'][:1]),
     r'igfx_off|no-igfx'),
    ('options of Linux for another system', lambda fault: fault['format'] not in ('linux', 'udmar'),
     r'intel_iommu=|iommu=pt|pci=noats|intremap='),
    ('options of Xen for another system', lambda fault: fault['format'] != 'xen',
     r'iommu=no-igfx|\bats=0'),
    ('an id that is no device, or is hidden, is taken for a phantom function',
     lambda fault: short(fault['device']) in ('00:1e.6', '00:1e.7', 'f0:1f.0') or
     re.match(r'00:1[26]\.', short(fault['device'])) is not None,
     r'phantom|untranslated|alias|intremap=off|nosid'),
    ('translation is switched off', lambda fault: True,
     r'intel_iommu=off|iommu=off|VT-d off|run it untranslated'),
    ('ATS is switched off though the registers do not answer', None, r'noats'),
]


def harms(document):
    found = []
    if document is None:
        return found
    for fault in document['faults']:
        advice = ' '.join(cause['cause'] + ' ' + cause['next'] for cause in fault['causes'])
        for name, situation, words in HARM:
            if situation is not None and situation(fault) and re.search(words, advice):
                found.append(f'{name}: {fault["device"]}')
    for message in document['messages']:
        if message['id'] == 'unit-unreadable' and re.search('noats', message['next']):
            found.append('ATS is blamed for registers that read as all ones')
        if re.search(r'intel_iommu=off|iommu=off', message['next']):
            found.append('a message switches translation off')
    return found


def judge_logs():
    with open(os.path.join(REPORTS, 'INDEX.tsv'), encoding='utf-8') as file:
        rows = [line.rstrip('\n').split('\t') for line in file][1:]
    for number, device, cause, expected, _ in rows:
        document, _status = run(os.path.join(REPORTS, 'logs', number + '.txt'))
        words = CAUSES.get(number)
        said = first_cause(number, document, expected)
        yield (number, recognised(number, document, expected),
               None if words is None else re.search(words, said, re.S) is not None,
               harms(document), f'{device}: {cause}', said)


def judge_small():
    for name in sorted(os.listdir(os.path.join(REPORTS, 'small'))):
        document, status = run(os.path.join(REPORTS, 'small', name))
        text = json.dumps(document)
        missing = [word for word in SMALL.get(name[:-4], []) if not re.search(word, text)]
        yield name[:-4], document is not None and not missing, status, harms(document), missing


def main():
    if not os.path.isdir(REPORTS):
        print('ok 1 - real logs # SKIP no reports here (UDMAR_REPORTS)\n1..1')
        return 0
    count = failed = 0
    known = right = seen = 0
    lines = []
    for number, found, cause, harm, what, said in judge_logs():
        seen += found
        known += cause is not None
        right += bool(cause)
        for good, name in ((found, 'recognised'), (cause is not False, 'the true cause first'),
                           (not harm, 'no harmful advice')):
            lines.append((good, f'{number}: {name}', f'{what}\nsaid: {said}\n{harm}'))
        if SCORE:
            print(number, 'yes' if found else 'NO', {None: '-', True: 'right', False: 'WRONG'}[cause],
                  harm or '', '' if cause is not False else f'\n   known: {what}\n   said: {said}')
    for name, found, status, harm, missing in judge_small():
        lines.append((found, f'small/{name}: understood', missing))
        lines.append((not harm, f'small/{name}: no harmful advice', harm))
        if SCORE:
            print(name, 'yes' if found else f'NO {missing}', status, harm or '')
    if SCORE:
        print(f'recognised {seen}, the true cause first in {right} of {known} that are known')
        return 0
    for good, name, detail in lines:
        count += 1
        failed += not good
        print(f'{"ok" if good else "not ok"} {count} - {name}')
        if not good:
            print('\n'.join('# ' + line for line in str(detail).splitlines()))
    print(f'1..{count}')
    return failed != 0


if __name__ == '__main__':
    sys.exit(main())
