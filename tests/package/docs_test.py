#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What the documentation promises: examples compile, pages are well-formed and whole, links lead somewhere.

    docs_test.py SOURCE_ROOT

CC is the compiler, default gcc. Prints TAP.
"""
import glob
import os
import re
import shutil
import subprocess
import sys

root = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("UDMAR_SOURCE_ROOT", "."))
compiler = os.environ.get("CC", "gcc").split()
tests, failures = 0, 0


def report(name, problems, skip=None):
    global tests, failures
    tests += 1
    failures += bool(problems)
    print(f"{'not ok' if problems else 'ok'} {tests} - {name}" + (f" # SKIP {skip}" if skip else ""))
    for problem in problems:
        for line in str(problem).splitlines()[:30]:
            print("#", line)


def read(path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


def documents():
    found = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGES.md"]
    for folder in ("docs", "docs/testing", "ports/linux", "ports/template"):
        found += [os.path.relpath(path, root) for path in sorted(glob.glob(os.path.join(root, folder, "*.md")))]
    return found


# ---- examples --------------------------------------------------------------------------------

def blocks(path):
    """(line, language, text) of each fenced block."""
    start, language, text = 0, "", []
    for number, line in enumerate(read(path).splitlines(), 1):
        fence = re.match(r" *```(.*)$", line)
        if fence and not start:
            start, language, text = number, fence[1].strip().lower(), []
        elif fence:
            yield start, language, "\n".join(text) + "\n"
            start = 0
        elif start:
            text.append(line)
    if start:
        yield start, "never closed", ""


def compiles(path, line, text):
    """Problems of a block in C: at file scope, or else, for statements, in a function."""
    scaffold = os.path.join(root, "tests/package/examples", os.path.basename(path)[:-3] + ".h")
    start = [f'#include "{scaffold}"'] if os.path.exists(scaffold) else []
    said = []
    for before, after in (("", ""), ("void example(void);\nvoid example(void)\n{\n", "}\n")):
        source = "\n".join(start + [f'{before}#line {line + 1} "{path}"', text + after])
        run = subprocess.run(compiler + ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function",
                                         f"-I{root}/include", "-fsyntax-only", "-x", "c", "-"],
                             input=source, capture_output=True, text=True)
        if run.returncode == 0 and not run.stderr:
            return []
        said.append(run.stderr)
    # What looks like statements is told as such.
    return [said[1] if re.search(r"expected .* before|data definition has no type|initializer element", said[0])
            and "redefinition" not in said[0] and not re.search(r"^\w.*\)\n\{", text, re.M) else said[0]]


def examples():
    count = 0
    for path in documents():
        for line, language, text in blocks(path):
            if language == "c":
                count += 1
                report(f"{path}:{line}: the example compiles", compiles(path, line, text))
            elif language in ("sh", "bash"):
                run = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True)
                report(f"{path}:{line}: the commands are bash", [run.stderr] if run.returncode or run.stderr else [])
            elif language in ("", "cmake", "json"):
                # Text for people; install_test.sh runs those for CMake. C must not hide among it.
                hidden = re.search(r"^\s*(#include\b|(static |struct |enum |void |int )\w[^\n]*[;{]$)", text, re.M)
                report(f"{path}:{line}: a block without a language has no C", [text] if language == "" and hidden else [])
            else:
                report(f"{path}:{line}: a block in a language that this test knows", [language])
    report("there are examples in C", [] if count >= 20 else [f"{count} found"])


# ---- manual pages ------------------------------------------------------------------------------

def pages():
    return [os.path.relpath(path, root) for path in sorted(glob.glob(root + "/docs/*.[1-9]") + glob.glob(root + "/docs/man9/*"))]


def well_formed():
    for name, command in (("mandoc -T lint", ["mandoc", "-T", "lint", "-W", "style"]),
                          ("groff -ww", ["groff", "-ww", "-mdoc", "-Tutf8"])):
        for path in pages():
            if not shutil.which(command[0]):
                report(f"{path}: {name} has nothing to say", [], f"{command[0]} is not there")
                continue
            run = subprocess.run(command + [os.path.join(root, path)], capture_output=True, text=True)
            said = (run.stdout if command[0] == "mandoc" else "") + run.stderr
            # Pages that refer to each other need not be installed.
            problems = [line for line in said.splitlines() if not re.search("referenced manual not found|outdated mandoc.db", line)]
            report(f"{path}: {name} has nothing to say", problems)


def without_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def functions(path):
    """Functions, and macros that look like one, of a header of busdma."""
    found = set()
    for match in re.finditer(r"^(?:[A-Za-z_].*?[ *])?(_?\w+)\(", without_comments(read(path)), re.M):
        name = match[1]
        if re.match(r"_?bus_?dma|udmar_(dma|device_dma|bounce|piece_of|foreign_length)", name) and not name.endswith("_t"):
            found.add(name)
    return found


def whole():
    named = set()
    for path in pages():
        named |= set(re.findall(r"^\.(?:Fn|Fo|Nm) (\w+)", read(path), re.M))
    headers = ["include/udmar/bus_dma.h", "include/udmar/busdma.h", "include/udmar/piece.h"]
    headers += [os.path.relpath(path, root) for path in sorted(glob.glob(root + "/include/udmar/foreign/*.h"))]
    wanted = set()
    for path in headers:
        found = functions(path)
        wanted |= found
        report(f"every function of {path} stands in a manual page", sorted(found - named))
    report("functions are found in headers", [] if len(wanted) >= 50 else sorted(wanted))
    known = wanted | {"BUS_DMA_TEMPLATE_FILL"}
    for path in pages():
        if path.endswith(".9"):
            gone = {name for name in re.findall(r"^\.(?:Fn|Fo) (\w+)", read(path), re.M)} - known
            report(f"{path} names no function that is not there", sorted(gone))


# ---- links -------------------------------------------------------------------------------------

def links():
    for path in documents():
        problems = []
        for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", read(path), flags=re.S)):
            where = target.split("#")[0]
            if "://" in target or where.startswith("mailto:"):
                continue
            if where and not os.path.exists(os.path.join(root, os.path.dirname(path), where)):
                problems.append(target)
        report(f"{path}: links lead to files that are there", problems)
    top = "\n".join(read("README.md").splitlines()[:15])
    report("README.md leads its three readers on within 15 lines",
           [page for page in ("docs/PORTING.md", "docs/BUSDMA.md", "docs/udmar.1") if f"]({page})" not in top])


examples()
well_formed()
whole()
links()
print(f"1..{tests}")
sys.exit(failures > 0)
