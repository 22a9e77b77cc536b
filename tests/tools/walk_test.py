# SPDX-License-Identifier: BSD-2-Clause
"""udmar walk and dump against images built here. TAP.

usage: walk_test.py UDMAR SOURCE_ROOT [--update]
"""
import json
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from walk_image import Image, elf  # noqa: E402

UDMAR, ROOT = os.path.abspath(sys.argv[1]), sys.argv[2]
UPDATE = '--update' in sys.argv
GOLDEN = os.path.join(ROOT, 'tests/tools/walk')
SCHEMA = os.path.join(ROOT, 'tools/udmar/schema/walk.json')
WORK = tempfile.TemporaryDirectory()
count = failed = 0

try:
    import jsonschema
    with open(SCHEMA) as schema_file:
        VALIDATOR = jsonschema.Draft7Validator(json.load(schema_file))
except ImportError:
    VALIDATOR = None
    print('# no python3-jsonschema: JSON is not checked against the schema')


def check(good, name, detail=''):
    global count, failed
    count += 1
    failed += not good
    print(f'{"ok" if good else "not ok"} {count} - {name}', flush=True)
    if detail and not good:
        for line in str(detail).splitlines()[:40]:
            print('# ' + line)
    return good


def write(name, content):
    path = os.path.join(WORK.name, name)
    with open(path, 'wb') as file:
        file.write(content)
    return name


def run(*arguments, seconds=30):
    return subprocess.run([UDMAR, *map(str, arguments)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, cwd=WORK.name, check=False,
                          timeout=seconds)


def parse(result):
    document = json.loads(result.stdout)
    if VALIDATOR is not None:
        errors = [error.message for error in VALIDATOR.iter_errors(document)]
        if errors:
            check(False, 'JSON fits the schema', errors)
    return document


def walk(image, rtaddr, device, iova, *options):
    return parse(run('walk', '--json', *options, image, f'{rtaddr:#x}', device, f'{iova:#x}'))['result']


def expect(name, image, rtaddr, device, iova, options=(), end='translated', physical=None, size=None,
           read=True, write_=True, status=None):
    """read and write_: True, or the fault reason."""
    arguments = ('walk', *options, image, f'{rtaddr:#x}', device, f'{iova:#x}')
    result = walk(image, rtaddr, device, iova, *options)
    good = result['end'] == end
    if physical is not None:
        good &= int(result['physical'], 16) == physical
    if size is not None:
        good &= int(result['page_size'], 16) == size
    for key, want in (('read', read), ('write', write_)):
        if end == 'no-data':
            continue
        got = result[key]
        good &= got['allowed'] if want is True else \
            not got['allowed'] and int(got['reason'], 16) == want
    if status is None:
        status = 3 if end == 'no-data' else 0 if read is True or write_ is True else 1
    plain = run(*arguments)
    good &= plain.returncode == status and plain.stderr == ''
    check(good, name, f'{result}\n{plain}')


def fault(name, image, rtaddr, device, iova, reason, write_=None, options=()):
    expect(name, image, rtaddr, device, iova, options, 'fault', read=reason,
           write_=reason if write_ is None else write_)


def golden(name, *arguments):
    path = os.path.join(GOLDEN, name + '.expected')
    result = run(*arguments)
    if UPDATE:
        os.makedirs(GOLDEN, exist_ok=True)
        with open(path, 'w') as file:
            file.write(result.stdout)
    with open(path) as file:
        check(file.read() == result.stdout, f'{name}: the text is as expected', result.stdout)


# ---- legacy mode: levels, superpages, permissions ------------------------------------------------

image = Image()
root = image.root
for levels, device, top in ((3, 1, 1 << 38), (4, 2, 1 << 47), (5, 3, 1 << 56)):
    table = image.domain(device << 3, levels + 10, levels)
    image.map(table, levels, top + 0x345678000, 0xabcd000 | 3)
    image.map(table, levels, top + 0x40000000, 0x8600000 | 3 | 1 << 7, level=2)
    image.map(table, levels, top + 0x80000000, 0xc0000000 | 3 | 1 << 7, level=3)
    image.map(table, levels, 0x1000, 0x5000 | 1)
    image.map(table, levels, 0x2000, 0x6000 | 2)
    image.map(table, levels, 0x3000, 0x7000 | 3)
    image.map(table, levels, 0x4000, 0x8000 | 3)
legacy = write('legacy.img', image.memory)
for levels, device, top in ((3, 1, 1 << 38), (4, 2, 1 << 47), (5, 3, 1 << 56)):
    d = f'00:{device:02x}.0'
    expect(f'{levels} levels: 4 KiB page', legacy, root, d, top + 0x345678abc, physical=0xabcdabc,
           size=4096)
    expect(f'{levels} levels: 2 MiB page', legacy, root, d, top + 0x40123456, physical=0x8723456,
           size=2 << 20)
    expect(f'{levels} levels: 1 GiB page', legacy, root, d, top + 0x89abcdef, physical=0xc9abcdef,
           size=1 << 30)
    expect(f'{levels} levels: read-only page', legacy, root, d, 0x1234, write_=5, physical=0x5234)
    expect(f'{levels} levels: write-only page', legacy, root, d, 0x2234, read=6, physical=0x6234)
    fault(f'{levels} levels: not mapped', legacy, root, d, 0x9000, 6, 5)
    fault(f'{levels} levels: no table', legacy, root, d, 0x7000000000 >> 1, 6, 5)
    fault(f'{levels} levels: beyond the width', legacy, root, d, 1 << 12 + 9 * levels, 4)
fault('no root entry', legacy, root, '05:00.0', 0x1000, 1)
fault('no context entry', legacy, root, '00:1f.7', 0x1000, 2)
fault('a PASID in legacy mode', legacy, root, '00:01.0', 0x1000, 0x31, options=('--pasid=1',))
fault('abort-DMA mode', legacy, root | 3 << 10, '00:01.0', 0x1000, 0x33)
fault('a reserved mode', legacy, root | 2 << 10, '00:01.0', 0x1000, 0x30)
expect('--access=read of a write-only page', legacy, root, '00:01.0', 0x2000, ('--access=read',),
       read=6, status=1)
expect('--access=write of a write-only page', legacy, root, '00:01.0', 0x2000, ('--access=write',),
       read=6, status=0)
golden('legacy-page', 'walk', legacy, hex(root), '00:02.0', hex((1 << 47) + 0x345678abc))
golden('legacy-fault', 'walk', '--brief', legacy, hex(root), '00:02.0', '0x9000')
golden('legacy-dump', 'dump', legacy, hex(root))
check(run('dump', legacy, hex(root)).returncode == 0, 'dump of good tables: exit status 0')
dump = parse(run('dump', '--json', legacy, hex(root)))
found = {(c['source'], i['iova']): i for c in dump['contexts'] for i in c['items']}
check(len(dump['contexts']) == 3 and dump['totals']['complete'] and
      found['0x8', '0x3000']['size'] == '0x2000' and found['0x8', '0x1000']['access'] == 'read' and
      found['0x10', hex((1 << 47) + 0x80000000)]['pages_1g'] == 1, 'dump: contexts, merged ranges', dump)

# The unit's registers narrow what is right.
CAP = 0x3f << 16 | 1 << 10  # 48 bits only, no large pages
expect('--cap: a depth that the unit has', legacy, root, '00:02.0', 0x3000, (f'--cap={CAP:#x}',))
fault('--cap: a depth that it lacks', legacy, root, '00:01.0', 0x3000, 3, options=(f'--cap={CAP:#x}',))
fault('--cap: no 2 MiB pages', legacy, root, '00:02.0', (1 << 47) + 0x40000000, 0xc,
      options=(f'--cap={CAP:#x}',))
fault('--cap: no 1 GiB pages', legacy, root, '00:02.0', (1 << 47) + 0x80000000, 0xc,
      options=(f'--cap={CAP:#x}',))
fault('--cap: MGAW below the width of the table', legacy, root, '00:02.0', (1 << 47) + 0x345678000, 4,
      options=('--cap=0x2e0400',))

# ---- legacy mode: entries that a unit refuses ------------------------------------------------------

image = Image()
root = image.root
table = image.domain(0x08, 1, 4)
image.map(table, 4, 0x1000, 0x5000 | 3)
image.context(0x10, 0x20000000 | 2 << 2 | 1, 1 << 8 | 2)
image.context(0x18, table | 3 << 2 | 1, 1 << 8 | 2)
image.context(0x20, table | 1, 1 << 8 | 5)
image.context(0x28, table | 1 | 1 << 6, 1 << 8 | 2)
image.context(0x30, table | 1, 1 << 8 | 2 | 1 << 40)
image.context(0x38, table | 1 << 2 | 1, 1 << 8 | 2)
image.context(0x40, 0x40000000 | 1, 1 << 8 | 2)
image.context(0x48, table | 1 | 1 << 60, 1 << 8 | 2)
bad = image.domain(0x50, 2, 4)
image.map(bad, 4, 0x200000, 0x300000 | 3 | 1 << 7, level=2)
image.map(bad, 4, 0x40000000, 0x40200000 | 3 | 1 << 7, level=3)
image.map(bad, 4, 0x8000000000, 0x8000000000 | 3 | 1 << 7, level=4)
image.map(bad, 4, 0x10000000000, 0xfee00000 | 3)
image.map(bad, 4, 0x18000000000, 0x5000 | 3 | 1 << 11 | 1 << 62)
image.map(bad, 4, 0x20000000000, 0x9000000000 | 3)
inner = image.map(bad, 4, 0x28000000000, 0x5000 | 3)
image.set(bad + 8 * 5, image.get(bad + 8 * 5) & ~2)
image.set(image.root + 16 * 6, image.page() | 1 | 1 << 5, 0)
image.set(image.root + 16 * 7, image.page() | 1, 1)
image.set(image.root + 16 * 8, 0x70000000 | 1, 0)
wrong = write('wrong.img', image.memory)
expect('pass-through', wrong, root, '00:02.0', 0x123456789, end='pass-through', physical=0x123456789)
fault('pass-through beyond the machine', wrong, root, '00:02.0', 1 << 52, 4)
fault('--ecap: no pass-through', wrong, root, '00:02.0', 0x1000, 3, options=('--ecap=0xf02',))
expect('--ecap: pass-through', wrong, root, '00:02.0', 0x1000, ('--ecap=0xf42',), end='pass-through')
fault('TT 3', wrong, root, '00:03.0', 0x1000, 3)
fault('AW 5', wrong, root, '00:04.0', 0x1000, 3)
fault('a reserved bit of the context entry, low', wrong, root, '00:05.0', 0x1000, 0xb)
fault('a reserved bit of the context entry, high', wrong, root, '00:06.0', 0x1000, 0xb)
expect('TT 1', wrong, root, '00:07.0', 0x1000, physical=0x5000)
fault('--ecap: no device TLB', wrong, root, '00:07.0', 0x1000, 3, options=('--ecap=0xf42',))
expect('the page table is not in the image', wrong, root, '00:08.0', 0x1000, end='no-data')
fault('a table pointer beyond the machine', wrong, root, '00:09.0', 0x1000, 0xb)
fault('a 2 MiB page that is not aligned', wrong, root, '00:0a.0', 0x200000, 0xc)
fault('a 1 GiB page that is not aligned', wrong, root, '00:0a.0', 0x40000000, 0xc)
fault('a page at level 4', wrong, root, '00:0a.0', 0x8000000000, 0xc)
fault('a page in the interrupt range', wrong, root, '00:0a.0', 0x10000000000, 0xe)
expect('SNP and TM without ECAP', wrong, root, '00:0a.0', 0x18000000000, physical=0x5000)
fault('SNP and TM with an ECAP that lacks them', wrong, root, '00:0a.0', 0x18000000000, 0xc,
      options=('--ecap=0xf42',))
fault('a page beyond the machine', wrong, root, '00:0a.0', 0x20000000000, 0xc,
      options=('--address-bits=39',))
expect('write permission that an upper level takes away', wrong, root, '00:0a.0', 0x28000000000,
       write_=5, physical=0x5000)
fault('a reserved bit of the root entry, low', wrong, root, '06:00.0', 0x1000, 0xa)
fault('a reserved bit of the root entry, high', wrong, root, '07:00.0', 0x1000, 0xa)
expect('the context table is not in the image', wrong, root, '08:00.0', 0x1000, end='no-data')
expect('the root table is not in the image', wrong, 0x70000000, '00:01.0', 0x1000, end='no-data')
golden('wrong-dump', 'dump', wrong, hex(root))
result = run('dump', wrong, hex(root))
check(result.returncode == 1, 'dump of wrong tables: exit status 1', result)
parse(run('dump', '--json', wrong, hex(root)))
dump = parse(run('dump', '--json', '--device=00:07.0', wrong, hex(root)))
check([c['source'] for c in dump['contexts']] == ['0x38'], 'dump --device', dump)
check(run('dump', wrong, '0x70000000').returncode == 3, 'dump without its root table: exit status 3')

# ---- scalable mode --------------------------------------------------------------------------------

image = Image()
root = image.root | 1 << 10
directory = image.scalable(0x18, flags=2, rid_pasid=0)
second = image.page()
image.map(second, 4, 0x1000, 0x5000 | 3)
image.map(second, 4, 0x2000, 0x6000 | 1)
image.pasid(directory, 0, second | 2 << 6 | 2 << 2 | 1, 7)
first = image.page()
image.map(first, 4, 0x7f0000001000, 0x8000 | 7, inner=7)
image.map(first, 4, 0x7f0000002000, 0x9000 | 5, inner=7)
image.map(first, 4, 0x7f0000003000, 0xa000 | 3, inner=7)
image.map(first, 4, 0x7f0000200000, 0x600000 | 7 | 1 << 7, level=2, inner=7)
image.map(first, 4, 0xffff800000001000, 0xb000 | 7, inner=7)
image.pasid(directory, 5, 1 << 6 | 1, 8, first)
image.pasid(directory, 70, 4 << 6 | 2 << 2 | 1, 9)
first5 = image.page()
image.map(first5, 5, 1 << 55, 0xc000 | 7, inner=7)
image.pasid(directory, 71, 1 << 6 | 1, 10, first5 | 1 << 2)
image.pasid(directory, 72, 7 << 6 | 1, 10)
image.pasid(directory, 73, 2 << 6 | 2 << 2 | 1 | second, 10, 0, 1)
image.pasid(directory, 74, 2 << 6 | 5 << 2 | 1 | second, 10)
# Nested: guest page tables at guest addresses 0x100000.., which lie at 0x200000.. in the host.
stage2 = image.page()
for i in range(16):
    image.map(stage2, 4, 0x100000 + 4096 * i, 0x200000 + 4096 * i | 3)
image.map(stage2, 4, 0x500000, 0x300000 | 3)
image.map(stage2, 4, 0x501000, 0x301000 | 1)
for level, (at, entry) in enumerate(((0x200000, 0x101000 | 7), (0x201000, 0x102000 | 7),
                                     (0x202000, 0x103000 | 7))):
    image.set(at, entry)
image.set(0x203000 + 8, 0x500000 | 7)
image.set(0x203000 + 16, 0x501000 | 7)
image.set(0x203000 + 24, 0x502000 | 7)
image.set(0x203000 + 32, (1 << 50) | 7)
image.pasid(directory, 80, stage2 | 3 << 6 | 2 << 2 | 1, 11, 0x100000)
image.pasid(directory, 81, stage2 | 3 << 6 | 2 << 2 | 1, 11, 0x900000)
upper = image.scalable(0x0080 | 0x18, rid_pasid=3)
image.pasid(upper, 3, second | 2 << 6 | 2 << 2 | 1, 7)
plain = image.scalable(0x20)
image.scalable(0x28, rid_pasid=1 << 14)
image.scalable(0x30)
image.set((image.get(image.root) & ~0xfff) + 32 * 0x30 + 16, 1)
image.set(plain + 8, 1 << 5 | 1)
image.set(image.root + 16 * 9, image.page() | 1 | 1 << 4)
scalable = write('scalable.img', image.memory)
d = '00:03.0'
expect('scalable: second stage', scalable, root, d, 0x1abc, physical=0x5abc, size=4096)
expect('scalable: read-only', scalable, root, d, 0x2abc, write_=0x79, physical=0x6abc)
fault('scalable: not mapped', scalable, root, d, 0x3000, 0x79)
fault('scalable: beyond the second stage', scalable, root, d, 1 << 48, 0x84)
expect('scalable: devices 10-1f', scalable, root, '00:13.0', 0x1000, physical=0x5000)
P5 = ('--pasid=5',)
expect('first stage: a page', scalable, root, d, 0x7f0000001234, P5, physical=0x8234)
expect('first stage: read-only', scalable, root, d, 0x7f0000002000, P5, write_=0x85)
fault('first stage: for supervisors only', scalable, root, d, 0x7f0000003000, 0x81, options=P5)
expect('first stage: 2 MiB', scalable, root, d, 0x7f0000212345, P5, physical=0x612345, size=2 << 20)
expect('first stage: the upper half', scalable, root, d, 0xffff800000001000, P5, physical=0xb000)
fault('first stage: not canonical', scalable, root, d, 1 << 47, 0x80, options=P5)
fault('first stage: not mapped', scalable, root, d, 0x1000, 0x71, options=P5)
expect('first stage: 5 levels', scalable, root, d, 1 << 55, ('--pasid=71',), physical=0xc000)
expect('scalable: pass-through', scalable, root, d, 0x1234, ('--pasid=70',), end='pass-through')
fault('scalable: PGTT 7', scalable, root, d, 0, 0x5b, options=('--pasid=72',))
fault('scalable: a reserved word of the PASID entry', scalable, root, d, 0, 0x5a, options=('--pasid=73',))
fault('scalable: AW 5', scalable, root, d, 0, 0x5b, options=('--pasid=74',))
fault('scalable: no PASID entry', scalable, root, d, 0, 0x59, options=('--pasid=6',))
fault('scalable: no PASID table', scalable, root, d, 0, 0x51, options=('--pasid=200',))
fault('scalable: a PASID beyond the directory', scalable, root, d, 0, 0x46, options=('--pasid=8192',))
fault('scalable: PASIDE is 0', scalable, root, '00:04.0', 0, 0x45, options=('--pasid=1',))
fault('scalable: RID_PASID beyond the directory', scalable, root, '00:05.0', 0, 0x48)
fault('scalable: a reserved word of the context entry', scalable, root, '00:06.0', 0, 0x42)
fault('scalable: no context entry', scalable, root, '00:07.0', 0, 0x41)
fault('scalable: no root entry', scalable, root, '05:00.0', 0, 0x39)
fault('scalable: a reserved bit of the root entry', scalable, root, '09:00.0', 0, 0x3a)
N = ('--pasid=80',)
expect('nested: a page', scalable, root, d, 0x1abc, N, physical=0x300abc)
expect('nested: read-only in the second stage', scalable, root, d, 0x2abc, N, write_=0x79,
       physical=0x301abc)
fault('nested: the page is not in the second stage', scalable, root, d, 0x3000, 0x79, options=N)
fault('nested: the page is beyond the second stage', scalable, root, d, 0x4000, 0x84, options=N)
fault('nested: the first-stage table is not in the second stage', scalable, root, d, 0, 0x75,
      options=('--pasid=81',))
golden('nested-page', 'walk', scalable, hex(root), d, '0x1abc', '--pasid=80')
golden('scalable-dump', 'dump', scalable, hex(root))
parse(run('dump', '--json', scalable, hex(root)))

# ---- interrupts --------------------------------------------------------------------------------------

image = Image(1 << 20)
root = image.root
irta = image.interrupts(512)
image.interrupt(irta, 1)
image.interrupt(irta, 2, vector=0x41, dst=0x300, low=1 << 4 | 1 << 2 | 1 << 5, sid=0xf0f8)
image.interrupt(irta, 3, sid=0x0203, svt=2)
image.interrupt(irta, 4, svt=0)
for sq in (1, 2, 3):
    image.interrupt(irta, 4 + sq, sid=0x0300, sq=sq)
image.posted(irta, 8, 0x123456780, low=1 << 14)
image.interrupt(irta, 300, vector=0xef)
BROKEN = {16: dict(low=1 << 12), 17: dict(low=1 << 14), 18: dict(low=1 << 24), 19: dict(high=1 << 20),
          20: dict(high=1 << 63), 21: dict(low=3 << 5), 22: dict(low=6 << 5), 23: dict(svt=3),
          24: dict(dst=1), 25: dict(dst=1 << 16)}
for index, what in BROKEN.items():
    image.interrupt(irta, index, **what)
for index, what in {32: dict(low=1 << 2), 33: dict(low=1 << 13), 34: dict(low=1 << 24), 35: dict(low=1 << 37),
                    36: dict(high=1 << 20), 37: dict(high=1 << 31)}.items():
    image.posted(irta, index, 0x1000, **what)
    BROKEN[index] = what
interrupts = write('interrupts.img', image.memory)


def message(index, data=None):
    """The address of a message for an entry; with data, a sub-handle counts."""
    return 0xfee00010 | (index & 0x7fff) << 5 | index >> 15 << 2 | (8 if data is not None else 0)


def raises(name, index, device, what, data=None, register=irta, options=()):
    words = (f'--irta={register:#x}', *options, *(() if data is None else (f'--data={data:#x}',)))
    result = walk(interrupts, root, device, message(index, data), *words)
    plain = run('walk', *words, interrupts, hex(root), device, hex(message(index, data)))
    check(result['end'] == 'interrupt' and result['raises'] == what and plain.returncode == 0 and
          what in plain.stdout, f'interrupt: {name}', f'{result}\n{plain}')


def refused(name, reason, address, device='00:1f.2', options=(), register=irta):
    words = (f'--irta={register:#x}', *options)
    result = walk(interrupts, root, device, address, *words)
    plain = run('walk', *words, interrupts, hex(root), device, hex(address))
    check(result['end'] == 'fault' and int(result['write']['reason'], 16) == reason and
          plain.returncode == 1 and 'stops here' in plain.stdout, f'interrupt: {name}', f'{result}\n{plain}')


raises('an entry', 1, '00:1f.2', 'vector 0x31 to processor 0, edge, fixed')
raises('logical, level, lowest priority', 2, 'f0:1f.0',
       'vector 0x41 to the logical destination 3, level, lowest priority')
for device in ('02:00.0', '03:1f.7'):
    raises('by bus, ' + device, 3, device, 'vector 0x31 to processor 0, edge, fixed')
raises('from any device', 4, '7f:00.0', 'vector 0x31 to processor 0, edge, fixed')
for sq, device in ((1, '03:00.4'), (2, '03:00.6'), (3, '03:00.7')):
    raises(f'SQ {sq}', 4 + sq, device, 'vector 0x31 to processor 0, edge, fixed')
    refused(f'SQ {sq}, another device', 0x26, message(4 + sq), '03:01.0')
refused('SQ 1, a bit that counts', 0x26, message(5), '03:00.2')
refused('SQ 2, a bit that counts', 0x26, message(6), '03:00.1')
raises('posted', 8, '00:1f.2', "the guest's vector 0x50, posted into the descriptor at 0x123456780, urgent")
raises('with a sub-handle', 298, '00:1f.2', 'vector 0xef to processor 0, edge, fixed', data=2)
raises('32-bit ids', 2, 'f0:1f.0', 'vector 0x41 to the logical destination 768, level, lowest priority',
       register=irta | 1 << 11)
raises('--cap with posted interrupts', 8, '00:1f.2',
       "the guest's vector 0x50, posted into the descriptor at 0x123456780, urgent",
       options=(f'--cap={1 << 59:#x}',))
refused('--cap without posted interrupts', 0x24, message(8), options=('--cap=0',))
refused('beyond the table', 0x21, message(512))
refused('beyond the table by its sub-handle', 0x21, message(511, 1), options=('--data=1',))
refused('the highest address', 0x21, message(0x7fff))
refused('index bit 15', 0x21, message(1 << 15))
refused('a reserved part of the data', 0x20, message(0, 1), options=('--data=10001',))
refused('not present', 0x22, message(9))
refused('another sender', 0x26, message(1), '00:1f.3')
refused('another bus', 0x26, message(3), '04:00.0')
refused('compatibility format', 0x25, 0xfee00000)
for index, what in BROKEN.items():
    refused(f'reserved bits, {what}', 0x24, message(index))
result = run('walk', '--irta=10000000', interrupts, hex(root), '0:1.0', hex(message(1)))
check(result.returncode == 3 and 'does not hold' in result.stdout, 'interrupt: the table is not in the image',
      result)
result = run('walk', '--access=read', f'--irta={irta:#x}', interrupts, hex(root), '00:1f.2', hex(message(1)))
check(result.returncode == 1, 'interrupt: nobody reads there', result)
result = run('walk', f'--irta={irta:#x}', interrupts, hex(root), '00:1f.2', '0xfed00000')
check('root entry' in result.stdout and 'interrupt entry' not in result.stdout, '--irta: other addresses are memory',
      result)
golden('interrupt', 'walk', f'--irta={irta:#x}', interrupts, hex(root), '00:1f.2', hex(message(1)))
golden('posted', 'walk', f'--irta={irta:#x}', interrupts, hex(root), '00:1f.2', hex(message(8)))
golden('interrupt-fault', 'walk', '--brief', f'--irta={irta:#x}', interrupts, hex(root), '00:1f.3',
       hex(message(1)))
golden('interrupt-dump', 'dump', f'--irta={irta:#x}', interrupts, hex(root))
check(run('dump', f'--irta={irta:#x}', interrupts, hex(root)).returncode == 1, 'dump: broken interrupt entries')
dump = parse(run('dump', '--json', f'--irta={irta:#x}', interrupts, hex(root)))
found = dump['interrupts']
check(found['entries'] == 512 and len(found['items']) == 9 + len(BROKEN) and
      sum('problem' in item for item in found['items']) == len(BROKEN) == dump['totals']['problems'] and
      dump['totals']['interrupts'] == len(found['items']), 'dump: interrupts as JSON', found)
dump = parse(run('dump', '--json', '--device=00:1f.2', '--limit=2', f'--irta={irta:#x}', interrupts, hex(root)))
check([item['index'] for item in dump['interrupts']['items']] == [1, 4] and
      dump['interrupts']['hidden'] == dump['totals']['interrupts'] - 2 > 0, 'dump: --device and --limit',
      dump['interrupts'])
# What a device may use by SQ or a bus range is not hidden from it: entries 5 to 7 are 03:00's.
for device, wanted in (('03:00.0', [3, 4, 5, 6, 7]), ('03:00.4', [3, 4, 5, 6, 7]), ('03:00.2', [3, 4, 6, 7]),
                       ('03:00.1', [3, 4, 7]), ('02:1f.7', [3, 4])):
    dump = parse(run('dump', '--json', f'--device={device}', '--limit=100000', f'--irta={irta:#x}', interrupts,
                     hex(root)))
    check([item['index'] for item in dump['interrupts']['items'] if item['index'] < 8] == wanted,
          f'dump: --device={device} shows what it may use', dump['interrupts'])
result = run('dump', '--device=00:1f.2', '--limit=0', f'--irta={irta:#x}', interrupts, hex(root))
check('no entry is present' not in result.stdout, 'dump: hidden entries are present', result.stdout)
result = run('dump', '--irta=fff00f', interrupts, hex(root))
check(result.returncode == 3 and result.stdout.count('does not hold') == 256 and
      'no entry is present' not in result.stdout and 'the interrupt table at physical 0xfff000' in result.stderr, 'dump: a table outside of the image',
      result.stdout[-500:])

# ---- kinds of images -------------------------------------------------------------------------------

image = Image(1 << 20)
root = image.root
table = image.domain(0x08, 1, 4)
image.map(table, 4, 0x1000, 0x5000 | 3)
memory = bytes(image.memory)
for bits in (32, 64):
    name = write(f'elf{bits}', elf([(0, memory[:0x12000]), (0x12000, memory[0x12000:]),
                                    (0x40000000, bytes(4096))], bits))
    expect(f'ELF core of {bits} bits, several segments', name, root, '00:01.0', 0x1000, physical=0x5000)
base = write('base.img', memory[0x10000:])
expect('--base', base, root, '00:01.0', 0x1000, ('--base=0x10000',), physical=0x5000)
split = write('split.img', memory[0x12000:] + memory[:0x12000])
expect('--map', split, root, '00:01.0', 0x1000,
       (f'--map=0:{len(memory) - 0x12000}:0x12000', f'--map=0x12000:0:{len(memory) - 0x12000}'),
       physical=0x5000)
core = write('core.img', elf([(0, memory)]))
kind = parse(run('walk', '--json', '--raw', core, hex(root), '00:01.0', '0x1000'))['image']['kind']
check(kind == 'raw image', '--raw takes an ELF file as it is', kind)
for name, content, what in (
        ('short.elf', elf([(0, memory)])[:30], 'ends inside'),
        ('exec.elf', elf([(0, memory)], core=2), 'no core'),
        ('empty.elf', elf([]), 'without memory'),
        ('big.elf', b'\x7fELF\x02\x02' + bytes(100), 'little-endian'),
        ('dump.kdump', b'KDUMP   ' + bytes(100), 'makedumpfile'),
        ('empty.img', b'', 'no memory')):
    result = run('walk', write(name, content), hex(root), '00:01.0', '0x1000')
    check(result.returncode == 3 and what in result.stderr, f'{name} is refused', result)
cut = write('cut.elf', elf([(0, memory)])[:0x11000])
result = run('walk', cut, hex(root), '00:01.0', '0x1000')
check(result.returncode == 3 and 'shorter than its headers' in result.stderr, 'a core that is cut off',
      result)

# ---- hostile tables ----------------------------------------------------------------------------------

image = Image(1 << 20)
root = image.root
table = image.domain(0x08, 1, 5)
for i in range(512):
    image.set(table + 8 * i, table | 3)
maze = image.domain(0x10, 2, 5)
pages = [image.page() for _ in range(4)]
for upper_table, lower in zip([maze] + pages, pages + [0x5000]):
    for i in range(512):
        image.set(upper_table + 8 * i, lower | 3)
hostile = write('hostile.img', image.memory)
expect('a table that leads to itself', hostile, root, '00:01.0', 0x1000, physical=table)
result = run('dump', '--device=00:01.0', hostile, hex(root))
check(result.returncode == 1 and 'leads back' in result.stdout, 'dump: a cycle is not followed',
      result.stdout[:2000])
start = time.time()
result = run('dump', '--tables=20000', hostile, hex(root), seconds=60)
check(result.returncode == 3 and 'gave up' in result.stderr and len(result.stdout) < 1 << 20,
      f'dump: a maze ends ({time.time() - start:.1f} s, {len(result.stdout)} bytes)', result.stderr)
full = Image(4 << 20)
for bus in range(256):
    full.set(full.root + 16 * bus, 0x20000 | 1, 0)
for i in range(256):
    full.set(0x20000 + 16 * i, 0x20000 | 1, 0xffff << 8 | 2)
full_image = write('full.img', full.memory)
start = time.time()
result = run('dump', full_image, hex(full.root), seconds=60)
check(result.returncode in (1, 3) and len(result.stdout) < 32 << 20,
      f'dump: 65536 contexts end ({time.time() - start:.1f} s)', result.stderr)

# ---- command lines -----------------------------------------------------------------------------------

for arguments, status, what in (
        (['walk', '--help'], 0, 'Examples:'), (['dump', '--help'], 0, 'Examples:'),
        (['walk'], 2, ''), (['dump', legacy], 2, ''), (['walk', legacy, 'xyz', '0:1.0', '0'], 2, ''),
        (['walk', legacy, '0x10000', '00:20.0', '0'], 2, ''),
        (['walk', legacy, '0x10000', '00:01.0', 'q'], 2, ''),
        (['walk', '--limit=1', legacy, '0x10000', '00:01.0', '0'], 2, ''),
        (['dump', '--brief', legacy, '0x10000'], 2, ''),
        (['walk', '--pasid=0x100000', legacy, '0x10000', '00:01.0', '0'], 2, ''),
        (['walk', '--irta=x', legacy, '0x10000', '00:01.0', '0'], 2, ''),
        (['walk', '--data=1', legacy, '0x10000', '00:01.0', '0xfee00000'], 2, ''),
        (['walk', '--irta=10007', '--data=1', legacy, '0x10000', '00:01.0', '0x1000'], 2, ''),
        (['walk', '--irta=10007', '--data=100000000', legacy, '0x10000', '00:01.0', '0xfee00000'], 2, ''),
        (['dump', '--data=1', legacy, '0x10000'], 2, ''),
        (['walk', '--map=1:2', legacy, '0x10000', '00:01.0', '0'], 2, ''),
        (['walk', '/nonexistent', '0x10000', '00:01.0', '0'], 3, ''),
        (['walk', '/tmp', '0x10000', '00:01.0', '0'], 3, '')):
    result = run(*arguments)
    check(result.returncode == status and what in result.stdout, f'{" ".join(arguments)}: {status}',
          result)
result = run('walk', '--color=always', legacy, '0x10000', '0000:00:01.0', '0x3000')
check('\033[' in result.stdout and result.returncode == 0, '--color=always, a device with segment')
same = run('walk', legacy, '10000', '0x0008', '3000')
check(same.stdout == run('walk', legacy, '0x10000', '00:01.0', '0x3000').stdout, 'a source id as number')

print(f'1..{count}')
sys.exit(failed != 0)
