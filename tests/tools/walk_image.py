# SPDX-License-Identifier: BSD-2-Clause
"""Builds memory images with VT-d tables, for tests of udmar walk and dump.

The numbers come from the specification, not from the tool: this is its second opinion.

As a program it writes seeds for fuzz_walk: walk_image.py FOLDER
"""
import os
import struct
import sys


class Image:
    """Physical memory from address 0; pages are handed out from an address upwards."""

    def __init__(self, size=4 << 20, first=0x10000):
        self.memory = bytearray(size)
        self.next = first
        self.root = self.page()

    def page(self, count=1):
        address = self.next
        self.next += 4096 * count
        return address

    def set(self, address, *words):
        for word in words:
            struct.pack_into('<Q', self.memory, address, word)
            address += 8

    def get(self, address):
        return struct.unpack_from('<Q', self.memory, address)[0]

    # ---- contexts

    def context(self, rid, low, high):
        """A legacy context entry; makes the bus's table if there is none."""
        slot = self.root + 16 * (rid >> 8)
        if not self.get(slot) & 1:
            self.set(slot, self.page() | 1, 0)
        at = (self.get(slot) & ~0xfff) + 16 * (rid & 0xff)
        self.set(at, low, high)
        return at

    def domain(self, rid, did, levels, table=None, tt=0):
        table = self.page() if table is None else table
        self.context(rid, table | tt << 2 | 1, did << 8 | levels - 2)
        return table

    def scalable(self, rid, pasid_bits=13, flags=0, rid_pasid=0):
        """A scalable context entry with an empty PASID directory. Returns the directory."""
        slot = self.root + 16 * (rid >> 8) + 8 * (rid >> 7 & 1)
        if not self.get(slot) & 1:
            self.set(slot, self.page() | 1)
        directory = self.page(max(1, (1 << pasid_bits - 6) * 8 // 4096))
        at = (self.get(slot) & ~0xfff) + 32 * (rid & 0x7f)
        self.set(at, directory | pasid_bits - 13 << 9 | flags << 2 | 1, rid_pasid, 0, 0)
        return directory

    def pasid(self, directory, pasid, *words):
        slot = directory + 8 * (pasid >> 6)
        if not self.get(slot) & 1:
            self.set(slot, self.page() | 1)
        at = (self.get(slot) & ~0xfff) + 64 * (pasid & 63)
        self.set(at, *words)
        return at

    # ---- interrupts

    def interrupts(self, entries):
        """An empty interrupt remapping table. Returns the register IRTA for it, with 8-bit ids."""
        table = self.page(max(1, entries * 16 // 4096))
        return table | entries.bit_length() - 2

    def interrupt(self, irta, index, vector=0x31, dst=0, low=0, sid=0x00fa, sq=0, svt=1, high=0):
        """dst: the 32 bits as the entry has them. low, high: more bits."""
        self.set((irta & ~0xfff) + 16 * index, dst << 32 | vector << 16 | 1 | low,
                 svt << 18 | sq << 16 | sid | high)

    def posted(self, irta, index, descriptor, vector=0x50, sid=0x00fa, low=0, high=0):
        self.set((irta & ~0xfff) + 16 * index,
                 (descriptor & 0xffffffff) >> 6 << 38 | vector << 16 | 1 << 15 | 1 | low,
                 descriptor >> 32 << 32 | 1 << 18 | sid | high)

    # ---- page tables

    def map(self, table, levels, iova, entry, level=1, inner=3):
        """Puts an entry at a level, with tables above it. Returns where it stands."""
        for at in range(levels, level, -1):
            slot = table + 8 * (iova >> 3 + 9 * at & 511)
            if not self.get(slot):
                self.set(slot, self.page() | inner)
            table = self.get(slot) & 0xffffffffff000
        slot = table + 8 * (iova >> 3 + 9 * level & 511)
        self.set(slot, entry)
        return slot


def elf(parts, bits=64, core=4):
    """An ELF core with (physical, bytes) segments, not in the order of their addresses."""
    parts = list(reversed(parts))
    header, entry = (64, 56) if bits == 64 else (52, 32)
    data, offset = b'', header + entry * len(parts) + 100
    table = b''
    for physical, content in parts:
        if bits == 64:
            table += struct.pack('<IIQQQQQQ', 1, 0, offset + len(data), 0, physical, len(content),
                                 len(content), 0)
        else:
            table += struct.pack('<IIIIIIII', 1, offset + len(data), 0, physical, len(content),
                                 len(content), 0, 0)
        data += content
    ident = b'\x7fELF' + bytes([2 if bits == 64 else 1, 1, 1]) + bytes(9)
    if bits == 64:
        head = ident + struct.pack('<HHIQQQIHHHHHH', core, 62, 1, 0, header, 0, 0, header, entry,
                                   len(parts), 0, 0, 0)
    else:
        head = ident + struct.pack('<HHIIIIIHHHHHH', core, 3, 1, 0, header, 0, 0, header, entry,
                                   len(parts), 0, 0, 0)
    return head + table + bytes(100) + data


def seeds(folder):
    """Small images behind the 24 bytes that fuzz_walk.c takes as its question."""

    def write(name, image, flags, rid, pasid, iova, wrap=bytes):
        head = struct.pack('<BBHIQII', flags, image.root >> 12, rid, pasid, iova, 0x2f0606, 0xf42)
        with open(os.path.join(folder, name), 'wb') as file:
            file.write(head + wrap(image.memory[:image.next]))

    image = Image(0x20000, 0x1000)
    table = image.domain(0x08, 1, 3)
    image.map(table, 3, 0x1000, 0x5000 | 3)
    image.map(table, 3, 0x40000000, 0x40000000 | 0x83, level=2)
    for flags, name, wrap in ((0, 'legacy', bytes), (4, 'legacy_cap', bytes),
                              (1, 'elf64', lambda memory: elf([(0, bytes(memory))])),
                              (1, 'elf32', lambda memory: elf([(0, bytes(memory))], 32))):
        write(name, image, flags, 0x08, 0, 0x1000, wrap)
    image = Image(0x20000, 0x1000)
    irta = image.root | 7
    image.interrupt(irta, 5)
    image.posted(irta, 6, 0x123456780)
    for index in (5, 6, 300):
        write(f'interrupt{index}', image, 1 << 3, 0xfa, irta & 15, 0xfee00010 | index << 5)
    image = Image(0x20000, 0x1000)
    directory = image.scalable(0x18, flags=2)
    second, first = image.page(), image.page()
    image.map(second, 3, 0x1000, 0x5000 | 3)
    image.map(first, 4, 0x1000, 0x5000 | 7, inner=7)
    image.pasid(directory, 0, second | 2 << 6 | 1 << 2 | 1, 7)
    image.pasid(directory, 5, 1 << 6 | 1, 8, first)
    image.pasid(directory, 6, second | 3 << 6 | 1 << 2 | 1, 9, 0x1000)
    for pasid in (0, 5, 6):
        write(f'scalable{pasid}', image, 1 << 6 | (2 if pasid else 0), 0x18, pasid, 0x1000)


if __name__ == '__main__':
    seeds(sys.argv[1])
