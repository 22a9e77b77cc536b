# SPDX-License-Identifier: BSD-2-Clause
"""The second half of walk_linux.sh: boots, reads out, compares, prints TAP.

Three witnesses, none of them written here: the rings that Linux's drivers gave to the devices
(registers, and the buffers their descriptors name), QEMU's own translations (trace), and the fault
lines in the kernel's log.
"""
import json
import os
import re
import socket
import struct
import subprocess
import sys
import time

UDMAR, KERNEL, WORK = sys.argv[1:4]
UNIT = 0xfed90000
RAM = 384
BOOT_SECONDS = 50
tests = []


def check(good, name, detail=''):
    tests.append(good)
    print(f'{"ok" if good else "not ok"} {len(tests)} - {name}', flush=True)
    if detail and not good:
        for line in str(detail).splitlines()[-30:]:
            print(f'# {line}')
    return good


def property_of_unit(*names):
    """The name that this QEMU's unit has for it."""
    said = subprocess.run(['qemu-system-x86_64', '-device', 'intel-iommu,help'], stdout=subprocess.PIPE,
                          text=True, check=True).stdout
    return next((name for name in names if re.search(rf'^  {name}=', said, re.M)), names[0])


class Machine:
    def __init__(self, name, options):
        self.base = os.path.join(WORK, name)
        self.serial = self.base + '.serial'
        self.trace = self.base + '.trace'
        self.image = self.base + '.elf'
        disk = self.base + '.disk'
        with open(disk, 'wb') as file:
            file.truncate(16 << 20)
        self.process = subprocess.Popen([
            'qemu-system-x86_64', '-M', 'q35', '-accel', 'tcg,thread=multi', '-cpu', 'max',
            '-m', str(RAM), '-smp', '1', '-nodefaults', '-display', 'none', '-no-reboot',
            '-device', 'intel-iommu,intremap=off' + options,
            '-netdev', 'user,id=n0,net=10.0.10.0/24', '-device', 'e1000,netdev=n0,addr=3',
            '-netdev', 'user,id=n1,net=10.0.11.0/24', '-device', 'e1000e,netdev=n1,addr=4',
            '-drive', f'file={disk},format=raw,if=none,id=d0',
            '-device', 'nvme,serial=NV0,drive=d0,addr=5',
            '-device', 'edu,addr=6,dma_mask=0xffffffffffffffff',
            '-serial', f'file:{self.serial}', '-monitor', 'none',
            '-qmp', f'unix:{self.base}.qmp,server=on,wait=off',
            '-trace', 'vtd_dmar_translate', '-D', self.trace,
            '-kernel', KERNEL, '-initrd', os.path.join(WORK, 'initramfs.cpio'),
            '-append', 'console=ttyS0 intel_iommu=on intremap=off iommu.strict=1 panic=-1',
        ], stdin=subprocess.DEVNULL)
        self.qmp = None

    def log(self):
        try:
            with open(self.serial, errors='replace') as file:
                return file.read()
        except FileNotFoundError:
            return ''

    def wait(self):
        deadline = time.time() + BOOT_SECONDS
        while time.time() < deadline and self.process.poll() is None:
            if re.search(r'^READY', self.log(), re.M):
                return True
            time.sleep(0.2)
        return False

    def command(self, name, **arguments):
        if self.qmp is None:
            self.qmp = socket.socket(socket.AF_UNIX)
            self.qmp.connect(self.base + '.qmp')
            self.reader = self.qmp.makefile()
            self.reader.readline()
            self.command('qmp_capabilities')
        self.qmp.sendall(json.dumps({'execute': name, 'arguments': arguments}).encode() + b'\n')
        while True:
            answer = json.loads(self.reader.readline())
            if 'error' in answer:
                raise RuntimeError(answer['error'])
            if 'return' in answer:
                return answer['return']

    def read(self, address, count=1):
        """32-bit words of physical memory or registers."""
        text = self.command('human-monitor-command', **{'command-line': f'xp /{count}wx {address:#x}'})
        return [int(word, 16) for line in text.splitlines() for word in line.split(':')[1].split()]

    def read64(self, address):
        low, high = self.read(address, 2)
        return high << 32 | low

    def dump(self):
        self.command('dump-guest-memory', paging=False, protocol='file:' + self.image)

    def end(self):
        self.process.kill()
        self.process.wait()


class Tables:
    """What udmar says about an image."""

    def __init__(self, machine, root, cap, ecap):
        self.machine, self.root = machine, root
        self.registers = [f'--cap={cap:#x}', f'--ecap={ecap:#x}']

    def run(self, *arguments):
        return subprocess.run([UDMAR, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False)

    def walk(self, device, address):
        result = self.run('walk', '--json', *self.registers, self.machine.image, hex(self.root),
                          device, hex(address))
        return json.loads(result.stdout)['result']

    def physical(self, device, address, access):
        result = self.walk(device, address)
        if result['end'] != 'translated' or not result[access]['allowed']:
            return None
        return int(result['physical'], 16)

    def dump(self):
        result = self.run('dump', '--json', '--limit=1000000', *self.registers,
                          self.machine.image, hex(self.root))
        return result.returncode, json.loads(result.stdout)


def memory(machine, physical, size):
    """Bytes of the image by the ELF headers, read here independently of the tool."""
    with open(machine.image, 'rb') as file:
        header = file.read(64)
        offset, = struct.unpack_from('<Q', header, 32)
        step, count = struct.unpack_from('<HH', header, 54)
        for index in range(count):
            file.seek(offset + index * step)
            kind, _, start, _, address, length = struct.unpack('<IIQQQQ', file.read(40))
            if kind == 1 and address <= physical < address + length:
                file.seek(start + physical - address)
                return file.read(size)
    raise RuntimeError(f'{physical:#x} is not in the image')


def translations(machine):
    """QEMU's last translation of each page of each device."""
    last = {}
    pattern = re.compile(r'vtd_dmar_translate dev ([0-9a-f]+):([0-9a-f]+)\.([0-9a-f]+) '
                         r'iova (0x[0-9a-f]+) -> gpa (0x[0-9a-f]+) mask (0x[0-9a-f]+)')
    with open(machine.trace, errors='replace') as file:
        for line in file:
            match = pattern.search(line)
            if match:
                bus, slot, function = (int(text, 16) for text in match.groups()[:3])
                iova, physical = int(match[4], 16), int(match[5], 16)
                last[f'{bus:02x}:{slot:02x}.{function}', iova & ~0xfff] = physical & ~0xfff
    return last


def check_ring(tables, seen, device, name, iova, size, access):
    """Every page of a ring is mapped, and leads where QEMU went."""
    pages = range(iova & ~0xfff, iova + size, 4096)
    found = {page: tables.physical(device, page, access) for page in pages}
    known = [page for page in pages if (device, page) in seen]
    check(all(value is not None for value in found.values()),
          f'{name}: the ring at {iova:#x} is mapped ({len(pages)} pages)', found)
    check(known and all(seen[device, page] == found[page] for page in known),
          f'{name}: {len(known)} of its pages lead where QEMU went',
          [(hex(page), hex(seen[device, page]), found[page]) for page in known])
    return found[iova & ~0xfff]


def check_network(machine, tables, seen, device, name, bar):
    low, high, length = machine.read(bar + 0x2800, 3)
    ring = check_ring(tables, seen, device, f'{name} receive', high << 32 | low, length, 'read')
    if ring is None:
        return
    descriptors = memory(machine, ring, min(length, 4096))
    buffers = [struct.unpack_from('<Q', descriptors, 16 * i)[0] for i in range(len(descriptors) // 16)]
    head, tail = machine.read(bar + 0x2810)[0], machine.read(bar + 0x2818)[0]
    count = length // 16
    given = [buffers[i % count] for i in range(head, head + (tail - head) % count)
             if i % count < len(buffers) and buffers[i % count] != 0]
    sample = given[:40]
    bad = [hex(buffer) for buffer in sample if tables.physical(device, buffer, 'write') is None]
    check(len(sample) > 10 and not bad,
          f'{name}: {len(sample)} buffers of the receive ring may be written', bad or given)


def check_nvme(machine, tables, seen, device, bar):
    sizes, = machine.read(bar + 0x24)
    submission, completion = machine.read64(bar + 0x28), machine.read64(bar + 0x30)
    depth = (sizes & 0xfff) + 1
    admin = check_ring(tables, seen, device, 'nvme admin submission', submission, depth * 64, 'read')
    check_ring(tables, seen, device, 'nvme admin completion', completion,
               ((sizes >> 16 & 0xfff) + 1) * 16, 'write')
    if admin is None:
        return
    commands = memory(machine, admin, min(depth * 64, 4096))
    for i in range(len(commands) // 64):
        opcode = commands[64 * i]
        address, = struct.unpack_from('<Q', commands, 64 * i + 24)
        if opcode in (1, 5) and address:
            kind = 'submission' if opcode == 1 else 'completion'
            check_ring(tables, seen, device, f'nvme I/O {kind}', address, 4096,
                       'read' if opcode == 1 else 'write')


def check_dump(machine, tables, seen, log):
    status, dump = tables.dump()
    check(status == 0 and dump['totals']['complete'], 'dump: no entry that a unit would refuse',
          dump['totals'])
    groups = {match[5:] for match in re.findall(r'^GROUP (\S+)', log, re.M)}
    contexts = {f'{int(c["source"], 16) >> 8:02x}:{int(c["source"], 16) >> 3 & 31:02x}.'
                f'{int(c["source"], 16) & 7}' for c in dump['contexts']}
    check(groups and groups <= contexts, f'dump: a context for each of {len(groups)} devices',
          (groups, contexts))
    pages = {}
    for context in dump['contexts']:
        source = int(context['source'], 16)
        device = f'{source >> 8:02x}:{source >> 3 & 31:02x}.{source & 7}'
        for item in context['items']:
            for offset in range(0, int(item['size'], 16), 4096):
                page = int(item['iova'], 16) + offset
                pages[device, page] = int(item['physical'], 16) + offset
    live = [key for key in seen if key in pages]
    right = [key for key in live if pages[key] == seen[key]]
    print(f'# QEMU translated {len(seen)} pages; {len(live)} of them are still mapped, '
          f'{len(right)} to the same page; the dump has {len(pages)} pages')
    # An address that was mapped again for another buffer and not used since differs rightly.
    check(live and len(right) >= 0.5 * len(live), 'dump: mapped pages are those that QEMU used',
          [(k, hex(pages[k]), hex(seen[k])) for k in live if k not in right])
    return pages


def check_faults(tables, log, mode):
    # QEMU 7.2 has no codes of its own for scalable mode: 6 and 5, where the specification has 0x79.
    for address, access, code in ((0x12345000, 'read', (0x06, 0x79)[mode]),
                                  (0x2345678000, 'write', (0x05, 0x79)[mode])):
        line = re.search(rf'\[DMA {access.capitalize()}[^]]*\] Request device \[00:06\.0\] fault addr '
                         rf'0x{address:x} \[fault reason (0x[0-9a-f]+)\]', log)
        result = tables.walk('00:06.0', address)
        check(line is not None, f'Linux logged the {access} of {address:#x} by edu',
              [l for l in log.splitlines() if 'DMAR' in l])
        if line:
            own = int(result[access]['reason'], 16) if result['end'] == 'fault' else None
            check(own == code and (mode or own == int(line[1], 16)),
                  f'walk: reason {code:#04x} for it where QEMU\'s unit said {line[1]}', result)


def check_explain(machine, tables):
    result = tables.run('explain', '--json', machine.serial)
    faults = json.loads(result.stdout)['faults'] if result.returncode == 1 else []
    devices = {fault['device'] for fault in faults}
    check(result.returncode == 1 and '0000:00:06.0' in devices,
          'explain: finds the faults of edu in the kernel\'s log', result.stdout)


def run(name, options, mode):
    machine = Machine(name, options)
    try:
        if not check(machine.wait(), f'{name}: Linux boots and its devices work', machine.log()[-2500:]):
            return
        log = machine.log()
        check(len(re.findall('^CHECK ', log, re.M)) == 3, f'{name}: two networks and nvme did DMA',
              re.findall('^CHECK .*', log, re.M))
        machine.command('stop')
        root = machine.read64(UNIT + 0x20)
        cap, ecap = machine.read64(UNIT + 8), machine.read64(UNIT + 16)
        machine.dump()
        print(f'# {name}: RTADDR {root:#x}, CAP {cap:#x}, ECAP {ecap:#x}')
        check(root >> 10 & 3 == mode, f'{name}: RTADDR says mode {mode}', hex(root))
        tables = Tables(machine, root, cap, ecap)
        seen = translations(machine)
        bars = {m[0]: int(m[1], 16) for m in
                re.findall(r'^PCI 0000:(\S+) \S+ \S+ (0x[0-9a-f]+)', log, re.M)}
        check_network(machine, tables, seen, '00:03.0', 'e1000', bars['00:03.0'])
        check_network(machine, tables, seen, '00:04.0', 'e1000e', bars['00:04.0'])
        check_nvme(machine, tables, seen, '00:05.0', bars['00:05.0'])
        check_dump(machine, tables, seen, log)
        check_faults(tables, log, mode)
        check_explain(machine, tables)
    finally:
        machine.end()
        if os.environ.get('UDMAR_KEEP'):
            os.makedirs(os.environ['UDMAR_KEEP'], exist_ok=True)
            for path in filter(os.path.exists, (machine.serial, machine.image, machine.trace)):
                os.replace(path, os.path.join(os.environ['UDMAR_KEEP'], os.path.basename(path)))
        elif os.path.exists(machine.image):
            os.unlink(machine.image)


run('legacy', ',aw-bits=48', 0)
run('scalable', f',{property_of_unit("scalable-mode", "x-scalable-mode")}=on', 1)
print(f'1..{len(tests)}')
sys.exit(0 if all(tests) else 1)
