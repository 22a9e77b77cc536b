#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""udmar table reads what people paste: each table in each form gives what the raw table gives.

    table_test.py BINARY SOURCE_ROOT

Dumps are made by the real programs where they are installed and by dumps.py otherwise. Prints TAP.
UDMAR_CORPUS: real tables; default: ../shared/corpus next to the tree.
"""
import glob
import html
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

import dumps

udmar, root = os.path.abspath(sys.argv[1]), sys.argv[2]
corpus = os.environ.get("UDMAR_CORPUS", os.path.join(root, "..", "shared", "corpus"))
here = os.path.join(root, "tests", "tools", "table")
tests, failures = 0, 0


def report(name, problems):
    global tests, failures
    tests += 1
    failures += bool(problems)
    print(f"{'not ok' if problems else 'ok'} {tests} - {name}")
    for problem in problems[:5]:
        for line in str(problem).splitlines()[:12]:
            print("#", line)


def skip(name, why):
    global tests
    tests += 1
    print(f"ok {tests} - {name} # SKIP {why}")


def run(*arguments, data=b""):
    return subprocess.run([udmar, "table", *arguments], input=data, capture_output=True, timeout=60)


def reading(data):
    """What --json says of a file, but for where in it the tables are."""
    result = run("--json", "-", data=data)
    if result.returncode != 0:
        raise ValueError(f"status {result.returncode}: {result.stderr.decode()}")
    tables = json.loads(result.stdout)["tables"]
    for table in tables:
        table.pop("offset", None)
        table.pop("line", None)
    return tables


def with_sum(data):
    """The same with the right checksum."""
    data = bytearray(data)
    data[9] = (data[9] - sum(data)) % 256
    return bytes(data)


def tables():
    """Names and bytes: one that is always there, and real ones of every length modulo 16."""
    found = {"machine.txt": dumps.acpidump_bytes(os.path.join(here, "machine.txt"))}
    # Rows that are alike, for the stars of hexdump and od.
    zeros = bytearray(found["machine.txt"] + b"\x63\0\x60\0" + bytes(92))
    zeros[4:8] = len(zeros).to_bytes(4, "little")
    found["zeros"] = with_sum(zeros)
    seen = set()
    for path in sorted(glob.glob(os.path.join(corpus, "dmar*", "*.dat"))):
        with open(path, "rb") as file:
            data = file.read()
        key = (len(data) % 16, b"\0" * 48 in data)
        if len(found) < 7 and key not in seen and len(data) == int.from_bytes(data[4:8], "little"):
            seen.add(key)
            found[os.path.basename(path)] = data
    return found


def every(name, make, inputs, wrap=lambda text: text):
    """One form of dump, for all tables."""
    problems = []
    for source, data in inputs.items():
        try:
            text = wrap(make(data))
            text = text.encode() if isinstance(text, str) else text
            if reading(text) != reading(data):
                problems.append(f"{source}: read wrongly\n" + text[:600].decode("latin-1"))
        except ValueError as error:
            problems.append(f"{source}: {error}" + text[:600].decode("latin-1"))
    report(name, problems)


def by_program(arguments):
    def make(data):
        with tempfile.NamedTemporaryFile(suffix=".dat") as file:
            file.write(data)
            file.flush()
            words = [file.name if word == "FILE" else word for word in arguments]
            return subprocess.run(words, capture_output=True, check=True, env=dict(os.environ, LC_ALL="C")).stdout.decode()
    return make


PROGRAMS = [
    "hexdump FILE", "hexdump -C FILE", "hexdump -b FILE", "hexdump -c FILE", "hexdump -d FILE",
    "hexdump -o FILE", "hexdump -x FILE", "hexdump -v -C FILE",
    "od FILE", "od -v FILE", "od -c FILE", "od -x FILE", "od -tx1 FILE", "od -t x1z FILE", "od -Ax -tx1z -v FILE",
    "od -An -tx1 FILE", "od -An -v -tx1 FILE", "od -An -v -tx1z FILE", "od -Ad -tx1 FILE", "od -tx2 FILE", "od -tx4 FILE",
    "od -tx8 FILE", "od -to1 FILE", "od -to2 FILE", "od -to4 FILE", "od -to8 FILE", "od -tu1 FILE",
    "od -td1 FILE", "od -tu2 FILE", "od -td2 FILE", "od -td4 FILE", "od -tu8 FILE", "od -td8 FILE", "od -t x1 -t c FILE",
    "od -t x1 -t u1 FILE", "od -w8 -tx1 FILE", "od -w32 -tx1z FILE",
    "xxd FILE", "xxd -u FILE", "xxd -p FILE", "xxd -p -u FILE", "xxd -p -c 100000 FILE", "xxd -i FILE",
    "xxd -i -u FILE", "xxd -g1 FILE", "xxd -g4 FILE", "xxd -g8 FILE", "xxd -e FILE", "xxd -e -g2 FILE", "xxd -c8 FILE", "xxd -c 32 -g1 FILE",
    "xxd -b FILE", "xxd -a FILE", "xxd -d FILE", "xxd -o 0x7a000000 FILE",
]


def programs(inputs):
    for line in PROGRAMS:
        arguments = line.split()
        sound = inputs
        if "-v" not in arguments and "-An" in arguments:
            # Without offsets, "*" says not how many.
            sound = {name: data for name, data in inputs.items() if not dumps.has_repeats(data)}
        if not shutil.which(arguments[0]):
            skip(line, f"{arguments[0]} is not there")
        else:
            every(line, by_program(arguments), sound)


def own_writers(inputs):
    for name, make in dumps.WRITERS.items():
        every(f"own {name}", make, inputs)


def wrappings(inputs):
    for name, wrap in dumps.WRAPPINGS.items():
        for form in ("acpidump", "hexdump -C", "hexdump", "xxd", "xxd -p", "xxd -i", "od", "print_hex_dump"):
            if (name, form) not in dumps.IMPOSSIBLE:
                every(f"{form}, {name}", dumps.WRITERS[form], inputs, wrap)


def listing(inputs):
    """iasl -d: the listing has the raw data at its end."""
    if not shutil.which("iasl"):
        skip("iasl -d listing", "iasl is not there")
        return

    def make(data):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "dmar.dat")
            with open(path, "wb") as file:
                file.write(data)
            subprocess.run(["iasl", "-d", path], capture_output=True, cwd=folder)
            with open(os.path.join(folder, "dmar.dsl")) as file:
                return file.read()
    every("iasl -d listing", make, inputs)


def several(inputs):
    """Many tables one behind the other in one dump, and many dumps in one file."""
    data = list(inputs.values())
    for form in ("hexdump -C", "hexdump", "xxd -p", "acpidump"):
        problems = []
        together = reading(b"".join(data))
        if reading(dumps.WRITERS[form](b"".join(data)).encode()) != together:
            problems.append("one dump")
        if reading("\n\n".join(dumps.WRITERS[form](one) for one in data).encode()) != together:
            problems.append("dumps")
        report(f"{len(data)} tables in one file, {form}", problems)


def malformed(inputs):
    """A row that is missing, doubled or in the wrong place has its line named; nothing is guessed."""
    data = inputs["machine.txt"]
    for form in ("acpidump", "hexdump -C", "hexdump", "od", "xxd", "print_hex_dump"):
        lines = dumps.WRITERS[form](data).splitlines()
        row = 3
        cases = {
            "missing": lines[:row] + lines[row + 1:],
            "doubled": lines[:row + 1] + lines[row:],
            "swapped": lines[:row] + [lines[row + 1], lines[row]] + lines[row + 2:],
            "cut": lines[:row] + [lines[row][:len(lines[row]) // 3]] + lines[row + 1:],
        }
        problems = []
        for name, text in cases.items():
            result = run("-", data="\n".join(text).encode())
            words = result.stderr.decode()
            if result.returncode != 3 or "line " not in words or "offset" not in words:
                problems.append(f"{name}: {result.returncode} {words}\n" + "\n".join(text[:8]))
        report(f"{form}: a row missing, doubled, swapped or cut is named", problems)
    cut = dumps.WRITERS["xxd -p"](data)[:121]
    result = run("-", data=cut.encode())
    report("xxd -p cut in the middle says how much is there",
           [] if result.returncode == 3 and b"length field" in result.stderr else [result.stderr])
    for name, text in dumps.NO_TABLES.items():
        result = run("-", data=text)
        report(f"{name} is no table",
               [] if result.returncode == 3 and b"no DMAR table" in result.stderr else
               [result.returncode, result.stdout, result.stderr])


def several_files():
    """A heading each, and the worst status; JSON has all files, the ones that cannot be read too."""
    names = [os.path.join(here, name) for name in ("machine.txt", "broken.txt", "several.txt")]
    result = run("--check", *names)
    text = result.stdout.decode()
    problems = [name for name in names if f"=== {name}\n" not in text]
    if result.returncode != 1 or text.index("no defects") > text.index("serious"):
        problems.append((result.returncode, text))
    report("several files have a heading each, and the worst status", problems)
    result = run("--json", names[0], "/nowhere", names[2])
    files = json.loads(result.stdout)["files"]
    counts = [len(file["tables"]) for file in files]
    alone = [json.loads(run("--json", name).stdout) for name in (names[0], names[2])]
    report("several files in JSON, one of which is not there",
           [] if result.returncode == 3 and counts[1] == 0 and [files[0], files[2]] == alone
           and b"/nowhere" in result.stderr else [result.returncode, result.stderr, counts])


def registers():
    """udmar unit reads register dumps with the same around them."""
    with open(os.path.join(root, "tests", "tools", "unit", "dump.txt")) as file:
        text = file.read()
    unit = lambda data: subprocess.run([udmar, "unit", "-"], input=data, capture_output=True, timeout=60)
    wanted = unit(text.encode())
    problems = [] if wanted.returncode == 0 else [wanted.stderr]
    for name in ("quoted", "quoted twice", "CRLF", "CR", "UTF-8 with BOM", "UTF-16LE", "UTF-16BE", "HTML",
                 "HTML quoted", "HTML with breaks", "no-break spaces", "colour", "indented", "trailing blanks"):
        changed = dumps.WRAPPINGS[name](text)
        result = unit(changed.encode() if isinstance(changed, str) else changed)
        if (result.returncode, result.stdout) != (wanted.returncode, wanted.stdout):
            problems.append(f"{name}: {result.returncode} {result.stderr.decode()}")
    report("udmar unit: registers quoted, in HTML, UTF-16, with other line ends", problems)


def unusable(inputs):
    """A DRHD at 0, or with another defect that costs it, is in JSON, tree and picture, and says why."""
    for what, offset, change, meaning in (("at 0", 8, bytes(8), "register base cannot be true (0x0)"),
                                          ("with a broken scope", 17, b"\7", "length of a device scope")):
        for source, data in inputs.items():
            whole = bytearray(data)
            whole[48 + offset:48 + offset + len(change)] = change
            whole = with_sum(whole)
            table = json.loads(run("--json", "-", data=whole).stdout)["tables"][0]
            first = [lost for lost in table["unusable"] if lost["offset"] == 48]
            tree = run("-", data=whole).stdout.decode()
            picture = run("--svg", "-", "-", data=whole).stdout.decode()
            problems = []
            if len(first) != 1 or meaning not in first[0]["defect"] or first[0]["type"] != "DRHD":
                problems.append(table["unusable"])
            if any(structure["offset"] == 48 for structure in table["structures"]):
                problems.append("it is among the usable ones")
            if what == "at 0" and first and (first[0]["base"] != "0x0" or not first[0]["scopes"]):
                problems.append(first)
            if "unit that cannot be used at 0x" not in tree or meaning not in tree:
                problems.append(tree)
            if "unit that cannot be used at 0x" not in picture or picture.count(meaning) < 2:
                problems.append(picture)
            report(f"a unit {what} is shown with its defect: {source}", problems)


class Box:
    def __init__(self, element):
        self.x, self.y, self.width, self.height = (int(element.get(name)) for name in ("x", "y", "width", "height"))


def picture(inputs):
    """Texts stay inside the picture, lines leave the left side and end at the right one, boxes are apart."""
    lspci = os.path.join(here, "machine.lspci")
    sources = [("machine.txt", ["-l", lspci, os.path.join(here, "machine.txt")], b""),
               ("broken.txt", ["-l", lspci, os.path.join(here, "broken.txt")], b"")]
    sources += [(name, ["-"], data) for name, data in inputs.items()]
    for source, arguments, data in sources:
        root = xml.etree.ElementTree.fromstring(run("--svg", "-", *arguments, data=data).stdout)
        boxes = [Box(element) for element in root.iter("{http://www.w3.org/2000/svg}rect") if element.get("x")]
        left = [box for box in boxes if box.x == 20]
        right = [box for box in boxes if box.x > 20]
        problems = []
        for side in (left, right):
            for above, below in zip(side, side[1:]):
                if above.y + above.height >= below.y:
                    problems.append(f"boxes at {above.y} and {below.y} overlap")
        for path in root.iter("{http://www.w3.org/2000/svg}path"):
            numbers = [int(number) for number in re.findall(r"[0-9]+", path.get("d"))]
            start, end = numbers[:2], numbers[-2:]
            if not any(start[0] == box.x + box.width and box.y < start[1] < box.y + box.height for box in left):
                problems.append(f"{path.get('d')} begins at no box")
            if not any(end[0] == box.x and box.y < end[1] < box.y + box.height for box in right):
                problems.append(f"{path.get('d')} ends at no box")
            if numbers[2] < start[0] or numbers[2] > end[0]:
                problems.append(f"{path.get('d')} leaves the space between the sides")
        for text in root.iter("{http://www.w3.org/2000/svg}text"):
            if text.get("class") == "row" and int(text.get("x")) + 7.4 * len(text.text or "") > int(root.get("width")):
                problems.append(f"{text.text} leaves the picture")
        report(f"picture of {source}: boxes apart, lines between them, texts inside", problems)
    text = run("--svg", "-", "-l", lspci, os.path.join(here, "machine.txt")).stdout.decode()
    report("names are whole, SIDP is drawn, and so are devices that no unit names",
           [word for word in ("Cannon Lake PCH PCI Express Root Port<", "properties of integrated devices",
                              "not named, but spoken of", "05:04.0", "00:14.0") if word not in text] +
           ([text] if "..." in text else []))


PROBE = """<script>
const steps = [];
function step(name, element) {
  if (element) element.dispatchEvent(new MouseEvent('click', { bubbles: true }));
  steps.push({ name, marked: document.body.dataset.marked,
    bytes: [...document.querySelectorAll('[data-o].on')].map(e => +e.dataset.o),
    parts: [...document.querySelectorAll('[data-at].on')].map(e => [e.closest('section').id, +e.dataset.at, +e.dataset.size]),
    findings: [...document.querySelectorAll('#findings .on')].map(e => +e.dataset.byte) });
}
step('address');
for (const e of document.querySelectorAll('#tree [data-at]')) step('tree', e);
for (const e of document.querySelectorAll('#picture [data-at]')) step('picture', e);
for (const e of document.querySelectorAll('[data-o]')) step('byte ' + e.dataset.o, e);
for (const e of document.querySelectorAll('#findings [data-byte]')) step('finding ' + e.dataset.byte, e);
const result = document.createElement('pre');
result.id = 'result';
result.textContent = JSON.stringify(steps);
document.body.append(result);
</script>"""


def browser(page, fragment):
    """The steps of PROBE in a page, run by a real browser."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "page.html")
        with open(path, "w") as file:
            file.write(page.replace("</body>", PROBE + "</body>"))
        result = subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu",
                                 f"--user-data-dir={folder}/profile", "--dump-dom", f"file://{path}{fragment}"],
                                capture_output=True, timeout=120)
    dom = result.stdout.decode()
    found = re.search(r'<pre id="result">(.*?)</pre>', dom, re.S)
    if not found:
        raise ValueError("no result: " + result.stderr.decode()[-300:] + dom[-300:])
    return json.loads(html.unescape(found[1]))


def judge_steps(steps, table):
    """What each click must mark, from the JSON of the same table."""
    structures = [(0, 48)] + [(one["offset"], one["length"]) for one in table["structures"] + table["unusable"]]
    scopes = [(scope["offset"], 6 + 2 * len(scope["path"])) for one in table["structures"]
              if one["type"] == "DRHD" for scope in one["scopes"]]
    kinds, problems = set(), []
    for step in steps:
        kinds.add(step["name"].split()[0])
        begin, size = map(int, step["marked"].split("+"))
        if step["bytes"] != list(range(begin, begin + size)):
            problems.append(("bytes", step))
        inside = any(at <= begin and begin + size <= at + length for at, length in structures)
        if not step["parts"] or not inside or any(part[1:] != [begin, size] for part in step["parts"]):
            problems.append(("parts", step))
        if step["name"].split()[0] == "tree" and (begin, size) not in structures:
            problems.append(("no structure", step))
        if step["name"].split()[0] in ("byte", "finding") and not begin <= int(step["name"].split()[1]) < begin + size:
            problems.append(("elsewhere", step))
        if step["name"].startswith("byte "):
            byte = int(step["name"].split()[1])
            smallest = [scope for scope in scopes if scope[0] <= byte < sum(scope)]
            if smallest and smallest != [(begin, size)]:
                problems.append(("not the smallest", step))
        wanted = [one["offset"] for one in table["findings"] if begin <= one["offset"] < begin + size]
        if step["findings"] != wanted:
            problems.append(("findings", step, wanted))
    return problems, kinds


def page(inputs):
    broken = os.path.join(here, "broken.txt")
    with open(broken, "rb") as file:
        texts = {"broken.txt": file.read(), **inputs}
    for source, data in texts.items():
        text = run("--html", "-", "-", data=data).stdout.decode()
        outside = re.findall(r"<link|<img|<iframe| (?:src|href)=|url\(|@import|https?:[^ \"<]*", text)
        report(f"page of {source} loads nothing",
               [] if set(outside) == {"http://www.w3.org/2000/svg"} and "default-src 'none'" in text else outside)
        if not shutil.which("chromium"):
            skip(f"page of {source} in a browser", "chromium is not there")
            continue
        table = json.loads(run("--json", "-", data=data).stdout)["tables"][0]
        problems, kinds = judge_steps(browser(text, "#48"), table)
        if kinds != {"address", "tree", "picture", "byte"} | ({"finding"} if table["findings"] else set()):
            problems.append(kinds)
        report(f"page of {source}: clicks on tree, picture, bytes and findings mark the same", problems)
    evil = bytearray(inputs["machine.txt"])
    evil[10:16] = b"<b>&\"'"
    text = run("--html", "-", "-", data=with_sum(evil)).stdout.decode()
    report("markup in a table's text is shown, not taken", [] if "<b>&" not in text and "&lt;b&gt;&amp;" in text else [text[:900]])


inputs = tables()
few = dict(list(inputs.items())[:3])
unusable(few)
picture(few)
page(dict(list(few.items())[:2]))
registers()
several_files()
programs(inputs)
own_writers(inputs)
wrappings(dict(list(inputs.items())[:3]))
listing({name: data for name, data in inputs.items()})
several(inputs)
malformed(inputs)
print(f"1..{tests}")
sys.exit(failures > 0)
