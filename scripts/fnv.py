#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""fnv.py FILE OFFSET LENGTH: the checksum (FNV-1a, 32 bits) that the reference kernel prints."""
import sys


def main():
    path, offset, length = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with open(path, "rb") as file:
        file.seek(offset)
        data = file.read(length)
    value = 2166136261
    for byte in data:
        value = ((value ^ byte) * 16777619) & 0xFFFFFFFF
    print(f"{value:08x}")


if __name__ == "__main__":
    main()
