# SPDX-License-Identifier: BSD-2-Clause
"""udmar explain against logs in every format it knows. TAP.

usage: explain_test.py UDMAR SOURCE_ROOT [--update]

Forms are in explain_forms.py, causes in explain_causes.py. explain/NAME.log gives explain/NAME.expected; --update writes what the tool says now, to be read
before it is committed. The JSON is checked against the schema where python3-jsonschema is there.
"""
import glob
import json
import os
import subprocess
import sys
import tempfile

UDMAR, ROOT = os.path.abspath(sys.argv[1]), sys.argv[2]
UPDATE = '--update' in sys.argv
LOGS = os.path.join(ROOT, 'tests/tools/explain')
SCHEMA = os.path.join(ROOT, 'tools/udmar/schema/explain.json')
count = failed = 0


def check(good, name, detail=''):
    global count, failed
    count += 1
    failed += not good
    print(f'{"ok" if good else "not ok"} {count} - {name}', flush=True)
    if detail and not good:
        for line in str(detail).splitlines()[:40]:
            print('# ' + line)


def run(*arguments, text=None):
    return subprocess.run([UDMAR, 'explain', *arguments], input=text, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, cwd=LOGS, check=False)


def explain(text):
    result = run('--json', text=text)
    return json.loads(result.stdout)


def validator():
    try:
        import jsonschema
    except ImportError:
        return None
    with open(SCHEMA) as file:
        schema = json.load(file)
    return lambda document: jsonschema.validate(document, schema)


validate = validator()

for path in sorted(glob.glob(os.path.join(LOGS, '*.log'))):
    name = os.path.basename(path)
    expected_path = path[:-4] + '.expected'
    result = run(name)
    if UPDATE:
        with open(expected_path, 'w') as file:
            file.write(result.stdout)
    with open(expected_path) as file:
        expected = file.read()
    check(result.stdout == expected, f'{name}: the text is as expected', result.stdout)
    status = 0 if name == 'clean.log' else 1
    check(result.returncode == status and result.stderr == '', f'{name}: exit status {status}',
          result)
    with open(path, errors='replace') as file:
        piped = run(text=file.read())
    check(piped.stdout.replace('standard input', name) == expected,
          f'{name}: the same through standard input')
    document = json.loads(run('--json', name).stdout)
    if validate is None:
        check(True, f'{name}: JSON fits the schema # SKIP no jsonschema')
    else:
        try:
            validate(document)
            check(True, f'{name}: JSON fits the schema')
        except Exception as error:
            check(False, f'{name}: JSON fits the schema', error)

line = 'DMAR: [DMA Write NO_PASID] Request device [02:00.0] fault addr {:#x} [fault reason 0x05] x\n'
faults = explain(''.join(line.format(0x10000000 + 4096 * i) for i in range(500)))['faults']
check(len(faults) == 1 and faults[0]['count'] == 500 and faults[0]['pattern'] == 'ascending' and
      faults[0]['highest'] == '0x101f3fff', 'a storm of ascending pages is one group', faults)
faults = explain(''.join(line.format((i * 7919 % 100003) << 24) for i in range(500)))['faults']
check(len(faults) <= 6 and sum(f['count'] for f in faults) == 500 and
      any(f['pattern'] == 'scattered' for f in faults), 'scattered faults do not flood', faults)
faults = explain(line.format(0x1000) * 3 + 'dmar_fault: 893 callbacks suppressed\n')['faults']
check(len(faults) == 1 and faults[0]['count'] == 3 and faults[0]['suppressed'] == 893,
      'suppressed messages are counted', faults)
document = explain(''.join(line.replace('02:00.0', f'{i >> 5 & 255:02x}:{i & 31:02x}.0').format(4096)
                           for i in range(6000)))
check(document['fault_count'] == 6000 and document['dropped'] > 0, 'thousands of devices have a limit',
      {key: document[key] for key in ('fault_count', 'dropped')})
result = run(text='\x1b[31mudmar\0 DMAR: [Firmware Bug]: \x1b]0;title\x07 here\n')
check(result.returncode == 1 and '\x1b' not in result.stdout, 'control characters do not reach the '
      'terminal', result)

with tempfile.NamedTemporaryFile('w', suffix='.txt') as lspci:
    lspci.write('00:02.0 VGA compatible controller [0300]: Intel Corporation Some Graphics '
                '[8086:46a6] (rev 0c)\n')
    lspci.flush()
    result = run('--lspci=' + lspci.name, text=line.replace('02:00.0', '00:02.0').format(0x1000))
    check('Some Graphics' in result.stdout and 'graphics device' in result.stdout,
          '--lspci gives names and kinds', result)

document = explain('(XEN) [VT-D]DMAR:[DMA Read] Request device [0000:00:02.0] fault addr 1000, '
                   'iommu reg = 0\n(XEN) [VT-D]DMAR: reason 06 - x\n(XEN)     l9[000] = 0\n')
check(document['fault_count'] == 1, 'a table level that cannot be (found by fuzzing)', document)

for arguments, status, what in (
        (['--help'], 0, 'Examples:'), (['--colour'], 2, ''), (['a', 'b'], 2, ''),
        (['--dmesg', 'clean.log'], 2, ''), (['--table=/nonexistent', 'clean.log'], 3, ''),
        (['--table=clean.log', 'clean.log'], 3, ''), (['--color=pink', 'clean.log'], 2, ''),
        (['/nonexistent'], 3, ''), (['--lspci=/nonexistent', 'clean.log'], 3, '')):
    result = run(*arguments)
    check(result.returncode == status and what in result.stdout,
          f'explain {" ".join(arguments)}: exit status {status}', result)
result = run('--color=always', 'xen.log')
check('\033[' in result.stdout, '--color=always')

print(f'1..{count}')
sys.exit(failed != 0)
