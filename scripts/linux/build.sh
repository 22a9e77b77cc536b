#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Builds a module for a kernel that fetch.sh has unpacked.
#
#   scripts/linux/build.sh SERIES              udmar.ko, from src/ and ports/linux
#   scripts/linux/build.sh SERIES FOLDER       what the Kbuild file in FOLDER makes
#
# Prints the folder with the .ko files. The compiler's output is in build.log there; warnings of our
# own files are errors of this script.
set -u -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)

series=${1:?usage: build.sh SERIES [FOLDER]}
folder=${2-}
kernel=$top/build/linux/$series
release=$(cat "$kernel/release") || { echo "there is no kernel $series: run scripts/linux/fetch.sh" >&2; exit 1; }
# The compiler that the kernel wants, where it is not the system's.
[ ! -d "$kernel/bin" ] || PATH=$kernel/bin:$PATH
headers=$kernel/root/usr/src/linux-headers-$release
exec 9>"$top/build/linux/.build-lock-$series"
flock 9

if [ -z "$folder" ]; then
    out=$kernel/module
    mkdir -p "$out"
    make -s -C "$top/ports/linux" KDIR="$headers" BUILD="$out" -j2 >"$out/build.log" 2>&1
else
    # Objects land beside what they are made from: a tree of links keeps them out of the sources.
    out=$kernel/$(basename "$folder")-modules
    mkdir -p "$out"
    find "$out" -type l -delete
    cp -rsf "$(realpath "$folder")"/. "$out/"
    make -s -C "$headers" M="$out" -j2 modules >"$out/build.log" 2>&1
fi
status=$?
if [ $status -ne 0 ] || grep -v 'pahole version differs' "$out/build.log" | grep -q 'warning:'; then
    grep -vE 'BTF' "$out/build.log" | head -n 60 >&2
    echo "the build for $release failed or has warnings: $out/build.log" >&2
    exit 1
fi
echo "$out"
