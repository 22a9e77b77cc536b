#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The whole library as two files.

    scripts/amalgam.py FOLDER

Writes FOLDER/udmar.h (all of include/udmar) and FOLDER/udmar.c (all of src, in the order of the
layers). They need each other, the compiler's own headers, and the host's functions. The output
depends on the tree alone. Two runs give the same bytes.
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LAYERS = ["base", "table", "unit", "space", "mapping", "interrupt", "policy", "busdma"]
LOCAL = re.compile(r'^[ \t]*#[ \t]*include[ \t]+(?:<(udmar/[^>]+)>|"([^"]+)")')

# clang would complain of each inline function that this file itself does not use.
UNUSED = ('#pragma GCC diagnostic push\n#pragma GCC diagnostic ignored "-Wunused-function"\n',
          "#pragma GCC diagnostic pop\n")

INTRODUCTION = """\
/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * udmar {version}, {what}, made by scripts/amalgam.py: change the sources instead.
 *
{licence}
 *
{text}
 */
"""
HEADER_TEXT = """\
All public headers of the library in one. FreeBSD's names (bus_dma_tag_create() and the like)
come with it unless UDMAR_WITHOUT_BUS_DMA is defined. Types that belong to a kernel come on
demand: define UDMAR_WITH_... and, for types of your own, UDMAR_PORT_... and the readers, ahead of
including this. It may be included again with more of these defined."""
SOURCE_TEXT = """\
The library. Compile it with -std=c11 or later (gnu11, c17, ...) and your kernel's flags. Switches:
UDMAR_SINGLE_THREAD (here and for every user of udmar.h), UDMAR_WITHOUT_FAULT_TEXT,
UDMAR_WITHOUT_TABLE_CHECK, UDMAR_WITHOUT_STREAMS, UDMAR_WITHOUT_BUSDMA (leaves busdma(9) out, and
the host functions of tier 3), UDMAR_HOST_INLINE, UDMAR_DEBUG (watches itself). docs/PORTING.md explains them."""


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def version():
    header = read("include/udmar/version.h")
    return ".".join(re.search(rf"UDMAR_VERSION_{part} (\d+)", header)[1] for part in ("MAJOR", "MINOR", "PATCH"))


def included(line):
    """The path of a header of ours that a line includes, from the root of the tree."""
    found = LOCAL.match(line)
    if not found:
        return None
    return "include/" + found[1] if found[1] else "src/" + found[2]


def conditional_includes(path):
    """Headers of ours that a file includes, each with whether a condition decides about it."""
    depth, guarded = 0, path.endswith(".h")
    for line in read(path).splitlines():
        word = re.match(r"[ \t]*#[ \t]*(if|ifdef|ifndef|endif)\b", line)
        if word:
            depth += -1 if word[1] == "endif" else 1
        elif included(line):
            yield included(line), depth > (1 if guarded else 0)


def in_order(paths):
    """The files and all that they include, each after what it includes."""
    order = []

    def visit(path):
        if path not in order:
            for other, _ in conditional_includes(path):
                visit(other)
            order.append(path)

    for path in paths:
        visit(path)
    return order


def text_of(path, in_place=()):
    """A file without its includes of ours; those of in_place stand where they were included."""
    lines = []
    for line in read(path).splitlines():
        other = included(line)
        if other in in_place:
            lines += text_of(other).splitlines()
        elif other is None:
            lines.append(line)
    text = "\n".join(lines)
    # The introduction has the licence; conditions about includes only are empty now.
    text = re.sub(r"/\* SPDX-License-Identifier: [^*]*\*/\n", "", text)
    text = re.sub(r"#ifn?def \w+\n(?:#else\n)?#endif\n", "", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n"


def banner(path):
    return f"\n/* ==== {path} {'=' * max(4, 88 - len(path))} */\n\n"


def introduction(what, text):
    licence = read("LICENSE")
    comment = lambda words: "\n".join((" * " + line).rstrip() for line in words.strip().splitlines())
    return INTRODUCTION.format(version=version(), what=what, licence=comment(licence), text=comment(text))


def switch_of(path):
    return "UDMAR_WITH_" + os.path.basename(path)[:-2].upper()


def demands(order):
    """Which foreign type brings which others, said to the preprocessor; users before what they use."""
    text = []
    for path in reversed(order):
        lines = []
        for line in read(path).splitlines():
            other = included(line)
            if other in order:
                lines += [f"#ifndef {switch_of(other)}", f"#define {switch_of(other)}", "#endif"]
            elif re.match(r"#(ifn?def UDMAR_PORT_|else|endif)", line):
                lines.append(line)
            elif line.startswith("static inline") or line.startswith("struct ") or line.startswith('extern "C"'):
                break
        # What follows the includes: the condition of the C++ brackets is open here.
        block = re.sub(r"#ifn?def \w+\n(?:#else\n)?#endif\n", "", "\n".join(lines) + "\n")
        if "#define" in block:
            text.append(f"#ifdef {switch_of(path)}\n{block}#endif\n")
    return "\n" + "".join(text)


def header():
    public = sorted("include/udmar/" + name for name in os.listdir(ROOT + "/include/udmar") if name.endswith(".h"))
    foreign = sorted("include/udmar/foreign/" + name for name in os.listdir(ROOT + "/include/udmar/foreign"))
    single, host, bus_dma = ("include/udmar/" + name for name in ("host_single.h", "host.h", "bus_dma.h"))
    public = [path for path in public if path not in (single, host, bus_dma, "include/udmar/foreign.h")]
    text = ""
    # The host's last: what UDMAR_HOST_INLINE names may include this file again.
    for path in in_order(public):
        text += banner(path) + text_of(path)
    text += banner(bus_dma) + "#ifndef UDMAR_WITHOUT_BUS_DMA\n" + text_of(bus_dma) + "#endif\n"
    text += banner(host) + text_of(host, (single,))
    order = [path for path in in_order(foreign) if path in foreign]
    text += banner("include/udmar/foreign.h") + demands(order).lstrip("\n")
    wanted = " || ".join(f"defined({switch_of(path)})" for path in order)
    text += ("#if defined(UDMAR_WITHOUT_BUS_DMA) && \\\n    (" + wanted.replace(" || defined(UDMAR_WITH_MEMDESC)", " || \\\n     defined(UDMAR_WITH_MEMDESC)") +
             ")\n#error \"udmar: UDMAR_WITH_... needs FreeBSD's names, without UDMAR_WITHOUT_BUS_DMA\"\n#endif\n")
    for path in order:
        text += banner(path) + f"#ifdef {switch_of(path)}\n" + text_of(path) + "#endif\n"
    names = ", ".join(switch_of(path)[len("UDMAR_WITH_"):] for path in order)
    words = HEADER_TEXT
    return introduction("its public headers in one", words + f"\nThere are: {names}.") + text


def source():
    sources = sorted(re.findall(r"'([a-z_]+(?:/[a-z0-9_]+)+\.c)'", read("src/meson.build")),
                     key=lambda path: (LAYERS.index(path.split("/")[0]), path))
    files = in_order("src/" + path for path in sources)
    text = '#define UDMAR_ONE_FILE\n#include "udmar.h"\n'
    for path in files:
        if path.startswith("src/"):
            text += banner(path)
            busdma = path.startswith("src/busdma/")
            part = text_of(path)
            if path.endswith(".h"):
                part = UNUSED[0] + part + UNUSED[1]
            text += f"#ifndef UDMAR_WITHOUT_BUSDMA\n{part}#endif\n" if busdma else part
    return introduction("the library in one file", SOURCE_TEXT) + text


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__.strip())
    os.makedirs(sys.argv[1], exist_ok=True)
    for name, text in (("udmar.h", header()), ("udmar.c", source())):
        with open(os.path.join(sys.argv[1], name), "w", encoding="utf-8", newline="\n") as file:
            file.write(text)


main()
