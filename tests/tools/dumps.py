# SPDX-License-Identifier: BSD-2-Clause
"""Writers of hex dumps, and what mail, forums, shells and logs do to them."""
import html
import re


def acpidump_bytes(path):
    """The bytes of the first table in a text of acpidump."""
    found = b""
    with open(path) as lines:
        for line in lines:
            match = re.match(r" +([0-9A-F]{4}): ((?:[0-9A-F]{2} )+)", line)
            if match and int(match[1], 16) == len(found):
                found += bytes.fromhex(match[2])
    return found


def rows(data, width=16):
    return [(at, data[at:at + width]) for at in range(0, len(data), width)]


def has_repeats(data):
    parts = [row for _, row in rows(data)]
    return any(a == b for a, b in zip(parts, parts[1:]))


def characters(row):
    return "".join(chr(byte) if 0x20 <= byte < 0x7f else "." for byte in row)


def acpidump(data):
    lines = ["DMAR @ 0x0000000000000000"]
    for at, row in rows(data):
        lines.append(f"    {at:04X}: {row.hex(' ').upper():<47}  {characters(row)}")
    return "\n".join(lines) + "\n\n"


def squeezed(data, line, end):
    """hexdump and od: rows like the one before are a star."""
    lines, last, star = [], None, False
    for at, row in rows(data):
        if row == last:
            if not star:
                lines.append("*")
            star = True
            continue
        lines.append(line(at, row))
        last, star = row, False
    return "\n".join(lines + [end]) + "\n"


def hexdump_c(data):
    def line(at, row):
        return f"{at:08x}  {row[:8].hex(' '):<23}  {row[8:].hex(' '):<23}  |{characters(row)}|"
    return squeezed(data, line, f"{len(data):08x}")


def words(row):
    row = row + b"\0" * (len(row) % 2)
    return [int.from_bytes(row[i:i + 2], "little") for i in range(0, len(row), 2)]


def hexdump(data):
    return squeezed(data, lambda at, row: f"{at:07x} " + " ".join(f"{word:04x}" for word in words(row)),
                    f"{len(data):07x}")


def od(data):
    return squeezed(data, lambda at, row: f"{at:07o} " + " ".join(f"{word:06o}" for word in words(row)),
                    f"{len(data):07o}")


def xxd(data):
    lines = []
    for at, row in rows(data):
        groups = " ".join(row[i:i + 2].hex() for i in range(0, len(row), 2))
        lines.append(f"{at:08x}: {groups:<39}  {characters(row)}")
    return "\n".join(lines) + "\n"


def xxd_plain(data):
    return "".join(row.hex() + "\n" for _, row in rows(data, 30))


def xxd_include(data):
    lines = ",\n".join("  " + ", ".join(f"0x{byte:02x}" for byte in row) for _, row in rows(data, 12))
    return f"unsigned char dmar_dat[] = {{\n{lines}\n}};\nunsigned int dmar_dat_len = {len(data)};\n"


def print_hex_dump(data):
    """Linux's own routine, with an offset."""
    return "".join(f"DMAR: {at:08x}: {row.hex(' '):<47}  {characters(row)}\n" for at, row in rows(data))


def format_hex(data):
    """PowerShell's Format-Hex."""
    head = "           00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F\n\n"
    return head + "".join(f"{at:08X}   {row.hex(' ').upper():<47}  {characters(row)}\n" for at, row in rows(data))


def debugger(data):
    """gdb's x/8xb."""
    return "".join(f"0x{0x7ffff000 + at:x}:\t" + "\t".join(f"0x{byte:02x}" for byte in row) + "\n"
                   for at, row in rows(data, 8))


def windows_debugger(data):
    """WinDbg's db."""
    lines = []
    for at, row in rows(data):
        text = row[:8].hex(" ") + ("-" + row[8:].hex(" ") if len(row) > 8 else "")
        lines.append(f"00000000`{0x7ffff000 + at:08x}  {text:<47}  {characters(row)}")
    return "\n".join(lines) + "\n"


def compiler_table(data):
    """iasl -tc."""
    lines = ["unsigned char dmar_aml_code[] =\n{"]
    for at, row in rows(data, 8):
        lines.append("    " + "".join(f"0x{byte:02X}," for byte in row) + f"  /* {at:08X}    \"{characters(row)}\" */")
    return "\n".join(lines + ["};"]) + "\n"


def one_line_array(data):
    return "static const u8 dmar[] = { " + ", ".join(f"0x{byte:x}" if byte > 15 else f"0x0{byte:x}" for byte in data) + " };\n"


def double_gap(data):
    """As hexdump -C, but with a colon and without bars."""
    return "".join(f"{at:08x}: {row[:8].hex(' '):<23}  {row[8:].hex(' '):<23}  {characters(row)}\n"
                   for at, row in rows(data))


WRITERS = {
    "acpidump": acpidump, "hexdump -C": hexdump_c, "hexdump": hexdump, "od": od, "xxd": xxd,
    "xxd -p": xxd_plain, "xxd -i": xxd_include, "print_hex_dump": print_hex_dump,
    "Format-Hex": format_hex, "gdb": debugger, "WinDbg": windows_debugger, "iasl -tc": compiler_table,
    "array in one line": one_line_array, "double gap": double_gap,
}


def each(function):
    return lambda text: "".join(function(i, line) + "\n" for i, line in enumerate(text.split("\n")[:-1]))


def wrapped(text):
    """Mail programs break lines at 72 characters."""
    lines = []
    for line in text.split("\n"):
        while len(line) > 60 and " " in line[:60].strip():
            cut = line.rfind(" ", 0, 60)
            lines.append(line[:cut])
            line = line[cut + 1:]
        lines.append(line)
    return "\n".join(lines)


def crash_log(text):
    """Other messages between the rows."""
    stamp = each(lambda i, line: f"[    {i * 7 % 10}.{i:06d}] {line}")
    other = "[    1.500000] ACPI: Reserving DMAR table memory at [mem 0x7a5e1000-0x7a5e10af]\n"
    lines = stamp(text).splitlines(True)
    return other + "".join(line + (other if i % 3 == 2 else "") for i, line in enumerate(lines)) + other


WRAPPINGS = {
    "quoted": each(lambda i, line: ("> " + line).rstrip()),
    "quoted twice": each(lambda i, line: ">> " + line),
    "quoted with blanks": each(lambda i, line: "> > " + line),
    "dmesg": crash_log,
    "dmesg -T": each(lambda i, line: f"[Mon Nov 30 19:31:{i % 60:02d} 2026] {line}"),
    "dmesg -x": each(lambda i, line: f"kern  :info  : [    0.{i:06d}] {line}"),
    "dmesg -r": each(lambda i, line: f"<6>[    0.{i:06d}] {line}"),
    "syslog": each(lambda i, line: f"Nov  1 00:00:{i % 60:02d} host kernel: [   10.{i:06d}] {line}"),
    "journalctl": each(lambda i, line: f"Nov 30 12:00:{i % 60:02d} host kernel: {line}"),
    "journalctl iso": each(lambda i, line: f"2026-11-30T12:00:{i % 60:02d}+0000 host kernel: {line}"),
    "journalctl monotonic": each(lambda i, line: f"[    0.{i:06d}] host kernel: {line}"),
    "rsyslog": each(lambda i, line: f"2026-11-30T12:00:{i % 60:02d}.123456+00:00 host kernel: [    1.{i:06d}] {line}"),
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "CR": lambda text: text.replace("\n", "\r"),
    "UTF-8 with BOM": lambda text: text.encode("utf-8-sig"),
    "UTF-16LE": lambda text: b"\xff\xfe" + text.replace("\n", "\r\n").encode("utf-16-le"),
    "UTF-16BE": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    "HTML": lambda text: "<html><body><p>my table</p><pre class=\"x\">" + html.escape(text) + "</pre></body></html>",
    "HTML quoted": lambda text: "".join("&gt; " + html.escape(line) + "<br>\n" for line in text.split("\n")[:-1]),
    "HTML with breaks": lambda text: "<div>" + "<br/>".join(html.escape(line).replace("  ", "&nbsp;&nbsp;") for line in text.split("\n")) + "</div>",
    "no-break spaces": lambda text: text.replace(" ", "\u00a0"),
    "colour": each(lambda i, line: f"\033[32m{line[:6]}\033[0m{line[6:]}\033[K"),
    "prompt and prose": lambda text: "Hi all,\nhere is it, dead or alive:\n\n$ sudo dump 0\n" + text + "\n$ \n-- \nbad\nAda 44\n",
    "indented": each(lambda i, line: "        " + line),
    "upper case": lambda text: text.upper().replace("0X", "0x"),
    "trailing blanks": each(lambda i, line: line + "   "),
    "forum code": lambda text: "[code]\n" + text + "[/code]\n",
    "diff": each(lambda i, line: "+" + line),
    "wrapped": wrapped,
}

# Rows without offsets whose numbers a mail program has broken are still rows, so these are few.
IMPOSSIBLE = set()

NO_TABLES = {
    "prose": b"The DMAR table is broken. 44 4d 41 is not all.\n",
    "a dump of something else": xxd(bytes(range(256)) * 4).encode(),
    "an FADT": acpidump(b"FACP" + bytes(240)).encode(),
    "digits": b"0 0 0 0 0 0\n" * 4000,
    "one long line of digits": b"0 " * 200000,
    "UTF-16 without anything": b"\xff\xfe",
    "half a character": b"\xff\xfe\x41",
    "letters": b"a" * 100000,
    "stars": b"00000000  00 00\n*\nffffffffffffffff  00\n",
}
