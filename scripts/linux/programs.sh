#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Makes the compiler and the build programs of another suite run here, without installing them.
#
#   scripts/linux/programs.sh ROOT LATER BIN      ROOT will be moved to LATER
#
# Each program gets a script in its place that starts it with the loader and the C library of ROOT. BIN
# gets their short names, for PATH.
set -u -o pipefail
. "$(dirname "$0")/../suite.sh"
root=$1 later=$2 bin=$3
mkdir -p "$bin"

# What a program needs from where Debian has it for x86; its own folders it knows itself.
libraries=$later/usr/lib/x86_64-linux-gnu

wrap() { # FILE
    local file=$1
    [ -f "$file" ] && [ -x "$file" ] && [ ! -L "$file" ] || return 0
    # What names a loader is a program; libraries do not.
    LC_ALL=C grep -q -m 1 -a '/lib64/ld-linux-x86-64.so.2' "$file" || return 0
    [ "$(head -c 4 "$file" | tail -c 3)" = ELF ] || return 0
    mv "$file" "$file.elf" || return 1
    suite_program "$later" "$libraries" "$later${file#"$root"}.elf" >"$file" && chmod +x "$file"
}

while read -r -d '' file; do
    wrap "$file" || exit 1
done < <(find "$root"/usr/bin "$root"/usr/libexec/gcc "$root"/usr/lib/linux-kbuild-* -type f -perm /111 -print0)

for file in "$root"/usr/bin/x86_64-linux-gnu-*; do
    name=${file##*/}
    [ "${name%.elf}" = "$name" ] || continue
    ln -sf "$later/usr/bin/$name" "$bin/$name" || exit 1
    ln -sf "$later/usr/bin/$name" "$bin/${name#x86_64-linux-gnu-}" || exit 1
done
[ -x "$root/usr/lib64/ld-linux-x86-64.so.2" ] || { echo "programs.sh: there is no loader in $root" >&2; exit 1; }
