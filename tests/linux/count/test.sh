#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The plugin that ./bench linux counts with, on the QEMU in PATH, as TAP: a program whose instructions
# are known. Versions differ in their plugin interface.
set -u
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

command -v qemu-system-x86_64 >/dev/null || { echo "1..0 # SKIP qemu-system-x86_64 is not there"; exit 0; }
point() { # STATUS TEXT
    number=$((${number-0} + 1))
    [ "$1" -eq 0 ] || printf 'not '
    echo "ok $number - $2"
}
gcc -O2 -Wall -Wextra -Werror -shared -fPIC -o "$dir/count.so" "$here/count.c" &&
    gcc -m32 -nostdlib -static -no-pie -Wl,--build-id=none,-Ttext=0x100000,-n -o "$dir/loop" "$here/loop.S"
point $? "plugin and program are built"
timeout 60 qemu-system-x86_64 -M q35 -accel tcg -nodefaults -display none -device isa-debug-exit,iobase=0xf4,iosize=1 \
    -plugin "file=$dir/count.so,out=$dir/counts,by=address" -kernel "$dir/loop" >"$dir/log" 2>&1
grep -qx 'count 2001' "$dir/counts"
point $? "2,001 instructions between the marks"
[ "$(grep -c '^at .* 1000$' "$dir/counts")" -eq 2 ]
point $? "two of them 1,000 times, each at its address"
sed 's/^/# /' "$dir/log" "$dir/counts" 2>/dev/null | head -n 20
echo "1..$number"
