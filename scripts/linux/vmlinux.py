#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""vmlinux.py BZIMAGE OUT: takes the ELF kernel out of a bzImage.

The boot protocol's header says where the compressed payload lies (2.08 and later: payload_offset,
payload_length); its first bytes say how it is compressed.
"""
import struct
import subprocess
import sys

# First bytes, and the program that reads the stream from its standard input. The kernel puts the
# unpacked size behind the stream, so a complaint about trailing bytes is no error.
PACKERS = [
    (b"\xfd7zXZ\x00", ["xz", "-dc", "--single-stream"]),
    (b"\x1f\x8b\x08", ["gzip", "-dc"]),
    (b"\x28\xb5\x2f\xfd", ["zstd", "-dcq"]),
    (b"\x02\x21\x4c\x18", ["lz4", "-dc"]),
    (b"\x04\x22\x4d\x18", ["lz4", "-dc"]),
    (b"BZh", ["bzip2", "-dc"]),
    (b"\x5d\x00\x00", ["xz", "--format=lzma", "-dc"]),
]


def payload(image):
    if image[0x202:0x206] != b"HdrS":
        raise ValueError("it has no Linux boot header")
    (version,) = struct.unpack_from("<H", image, 0x206)
    if version < 0x208:
        raise ValueError(f"boot protocol {version:#x} does not say where the payload lies")
    setup = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (setup + 1) * 512 + offset
    if start + length > len(image) or length < 8:
        raise ValueError("its payload lies outside of the file")
    return image[start : start + length]


def unpack(data):
    if data[:4] == b"\x7fELF":
        return data
    for magic, command in PACKERS:
        if data.startswith(magic):
            try:
                # The last four bytes are the unpacked size.
                done = subprocess.run(command, input=data[:-4], capture_output=True, check=False)
            except FileNotFoundError:
                raise ValueError(f"it is packed with {command[0]}, which is not installed") from None
            if done.stdout[:4] != b"\x7fELF":
                raise ValueError(f"{command[0]} finds no ELF file in it: {done.stderr.decode().strip()}")
            return done.stdout
    raise ValueError(f"it is packed in a way unknown here ({data[:6].hex()})")


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: vmlinux.py BZIMAGE OUT")
    try:
        with open(sys.argv[1], "rb") as file:
            kernel = unpack(payload(file.read()))
    except (OSError, ValueError) as error:
        sys.exit(f"vmlinux.py: {sys.argv[1]}: {error}")
    with open(sys.argv[2], "wb") as file:
        file.write(kernel)


if __name__ == "__main__":
    main()
