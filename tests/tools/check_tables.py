#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""JSON against the schemas, and real tables against what iasl reads in them (their .dsl files).

Prints lines "ok - ..." and "not ok - ...", which run.sh counts.
"""
import argparse
import glob
import json
import os
import re
import subprocess
import time
import xml.dom.minidom

import jsonschema

FIELD = re.compile(r"^\[([0-9A-F]+)h \d+\s+\d+\]\s+(.*?) : (.*)$")

# iasl's name of a field: the key of udmar's JSON, and how to read the value.
HEX = lambda text: int(text.split()[0], 16)
SCOPE_FIELDS = {"Enumeration ID": "enumeration_id", "PCI Bus Number": "start_bus"}


def read_dsl(path):
    """What iasl says: header fields, and structures with scopes. Structures it does not know are
    given with type and length only."""
    header, structures, scope = {}, [], None
    with open(path, errors="replace") as lines:
        for line in lines:
            if line.startswith("Raw Table Data"):
                break
            match = FIELD.match(line)
            if not match:
                continue
            offset, name, value = int(match[1], 16), match[2].strip(), match[3].strip()
            if name == "Subtable Type":
                structures.append({"offset": offset, "type": HEX(value), "scopes": []})
                scope = None
            elif name == "Device Scope Type":
                scope = {"offset": offset, "type": HEX(value), "path": []}
                structures[-1]["scopes"].append(scope)
            elif scope is not None and name == "PCI Path":
                device, function = value.split(",")
                scope["path"].append(f"{int(device, 16):02x}.{int(function, 16):x}")
            elif scope is not None and name in SCOPE_FIELDS:
                scope[SCOPE_FIELDS[name]] = HEX(value)
            elif structures and scope is None:
                structures[-1].setdefault(name, value)
            elif not structures:
                header[name] = value
    return header, structures


NAMES = ["DRHD", "RMRR", "ATSR", "RHSA", "ANDD", "SATC", "SIDP"]


def expected_structure(theirs):
    """A structure of read_dsl() in the words of the JSON."""
    kind = NAMES[theirs["type"]]
    result = {"offset": theirs["offset"], "type": kind, "length": HEX(theirs["Length"])}
    if "PCI Segment Number" in theirs:
        result["segment"] = HEX(theirs["PCI Segment Number"])
    if kind == "DRHD":
        result["include_all"] = HEX(theirs["Flags"]) & 1 == 1
        result["base"] = hex(HEX(theirs["Register Base Address"]))
    elif kind == "RMRR":
        result["base"] = hex(HEX(theirs["Base Address"]))
        result["limit"] = hex(HEX(theirs["End Address (limit)"]))
    elif kind == "ATSR":
        result["all_ports"] = HEX(theirs["Flags"]) & 1 == 1
    elif kind == "RHSA":
        result["base"] = hex(HEX(theirs["Base Address"]))
        result["proximity_domain"] = HEX(theirs["Proximity Domain"])
    elif kind == "ANDD":
        result["number"] = HEX(theirs["Device Number"])
        result["name"] = theirs["Device Name"].strip('"')
    return result


def compare(table, dsl):
    """Differences between udmar's and iasl's reading, as texts; and how many fields agree."""
    header, structures = read_dsl(dsl)
    wrong, agreed = [], 0

    def same(what, ours, theirs):
        nonlocal agreed
        if ours == theirs:
            agreed += 1
        else:
            wrong.append(f"{what}: udmar {ours!r}, iasl {theirs!r}")

    flags = HEX(header["Flags"])
    same("length", table["length"], HEX(header["Table Length"]))
    same("revision", table["revision"], HEX(header["Revision"]))
    same("width", table["host_address_width"], HEX(header["Host Address Width"]) + 1)
    same("flags", (table["interrupt_remapping"], table["x2apic_opt_out"],
                   table["dma_control_opt_in"]), (flags & 1 == 1, flags & 2 == 2, flags & 4 == 4))
    # iasl of 2020 stops at type 5 and above; up to there both must have the same structures, but for
    # those that udmar says it has lost.
    lost = {finding["offset"] for finding in table["findings"] if finding["severity"] == "serious"}
    structures = [theirs for theirs in structures if theirs["offset"] not in lost]
    known = [theirs for theirs in structures if theirs["type"] <= 4]
    ours = table["structures"]
    if len(known) == len(structures):
        same("structures", len(ours), len(known))
    for our, their in zip(ours, known):
        for key, value in expected_structure(their).items():
            same(f"{our['type']} at {our['offset']}, {key}", our.get(key), value)
        for scope, theirs in zip(our.get("scopes", []), their["scopes"]):
            for key, value in theirs.items():
                same(f"scope at {scope['offset']}, {key}", scope[key], value)
        same(f"scopes of {our['offset']}", len(our.get("scopes", [])), len(their["scopes"]))
    return wrong, agreed


class Tester:
    def __init__(self, arguments):
        self.arguments = arguments

    def run(self, *words, good=(0,)):
        result = subprocess.run([self.arguments.udmar, *words], capture_output=True, timeout=60)
        if result.returncode not in good:
            raise RuntimeError(f"{words}: exit status {result.returncode}: {result.stderr}")
        return result.stdout.decode()

    def schema(self, name):
        with open(os.path.join(self.arguments.schemas, name + ".json")) as file:
            schema = json.load(file)
        jsonschema.Draft7Validator.check_schema(schema)
        return jsonschema.Draft7Validator(schema)

    def valid(self, schema, text):
        document = json.loads(text)
        for error in schema.iter_errors(document):
            raise RuntimeError(f"{list(error.absolute_path)}: {error.message[:200]}")
        return document

    def inputs(self):
        """The hand-made tables, with and without their machine, and units."""
        schema, folder = self.schema("table"), os.path.join(self.arguments.inputs, "table")
        for name in sorted(glob.glob(os.path.join(folder, "*.txt"))):
            self.valid(schema, self.run("table", "--json", name, good=(0, 3)))
            lspci = os.path.join(folder, "machine.lspci")
            self.valid(schema, self.run("table", "--json", "-l", lspci, name, good=(0, 3)))
        yield "JSON of the hand-made tables follows schema/table.json"
        schema, folder = self.schema("unit"), os.path.join(self.arguments.inputs, "unit")
        for words in (["--sysfs", os.path.join(folder, "sysfs")],
                      [os.path.join(folder, "scalable.regset")],
                      [os.path.join(folder, "dump.txt")],
                      ["--cap", "ffffffffffffffff", "--ecap", "1"],
                      ["--cap", "0", "--ecap", "0"], ["--cap", "d2008c40660062", "--ecap", "f050da"]):
            self.valid(schema, self.run("unit", "--json", *words, good=(0, 1)))
        yield "JSON of units follows schema/unit.json"

    def corpus(self):
        """Every real table: JSON valid, the same reading as iasl's, pictures that are XML."""
        tables = sorted(glob.glob(os.path.join(self.arguments.corpus, "dmar*", "*.dat")))
        if not tables:
            print(f"ok - real tables # SKIP no corpus at {self.arguments.corpus}")
            return
        schema, agreed, defects, slowest = self.schema("table"), 0, 0, 0
        largest = max(tables, key=os.path.getsize)
        for path in tables:
            table = self.valid(schema, self.run("table", "--json", path))["tables"][0]
            wrong, count = compare(table, path[:-4] + ".dsl")
            if wrong:
                raise RuntimeError(f"{os.path.basename(path)}: {wrong[:5]}")
            agreed += count
            defects += len(table["findings"]) > 0
            xml.dom.minidom.parseString(self.run("table", "--svg", "-", path))
            begin = time.monotonic()
            self.run("table", path)
            slowest = max(slowest, time.monotonic() - begin)
        print(f"# {len(tables)} real tables, {agreed} fields as iasl reads them, {defects} with "
              f"defects; the largest has {os.path.getsize(largest)} bytes, the slowest took "
              f"{slowest * 1000:.0f} ms")
        yield f"{len(tables)} real tables: valid JSON, iasl's reading, pictures"

    def several(self):
        """All real tables in one file: as many tables come out as went in."""
        tables = sorted(glob.glob(os.path.join(self.arguments.corpus, "dmar*", "*.dat")))
        if not tables:
            return
        together = b"".join(open(path, "rb").read() for path in tables)
        begin = time.monotonic()
        result = subprocess.run([self.arguments.udmar, "table", "--json", "-"], input=together,
                                capture_output=True, timeout=60)
        print(f"# all of them in one file take {(time.monotonic() - begin) * 1000:.0f} ms")
        found = len(json.loads(result.stdout)["tables"])
        if found != len(tables):
            raise RuntimeError(f"{found} of {len(tables)} tables")
        yield "all real tables in one file"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("udmar", "schemas", "inputs", "corpus"):
        parser.add_argument("--" + name, required=True)
    tester = Tester(parser.parse_args())
    for part in (tester.inputs, tester.corpus, tester.several):
        try:
            for line in part():
                print("ok -", line)
        except (RuntimeError, KeyError, ValueError, subprocess.TimeoutExpired) as error:
            print("not ok -", part.__doc__.split(":")[0].split(".")[0])
            print("#", repr(error)[:600])


main()
