#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The base of an initramfs: busybox, the file system tools, a kernel's modules with their order.
#
#   scripts/linux/initramfs.sh SERIES OUT MODULE...      MODULE? may be missing in that kernel
#
# Writes OUT, an uncompressed cpio archive. Kernels read several archives one behind the other, so
# what a test brings along (init, our modules, programs) is a small archive of its own: see pack.sh.
# In it: /bin (busybox and its links, /sbin/mke2fs, /sbin/e2fsck with their libraries), /modules/*.ko,
# and /modules/NAME.order for each MODULE: what to insert before it and it, in order.
set -u -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)

series=${1:?usage: initramfs.sh SERIES OUT MODULE...}
out=${2:?usage: initramfs.sh SERIES OUT MODULE...}
shift 2
kernel=$top/build/linux/$series
release=$(cat "$kernel/release") || exit 1
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

mkdir -p "$tree"/{bin,sbin,proc,sys,dev,tmp,mnt,modules,lib64,etc}
busybox=$(command -v busybox) || { echo "initramfs.sh: busybox-static is needed" >&2; exit 1; }
if ldd "$busybox" >/dev/null 2>&1; then
    echo "initramfs.sh: $busybox is not static; the package busybox-static has one that is" >&2
    exit 1
fi
cp "$busybox" "$tree/bin/busybox"
for applet in $("$busybox" --list); do
    [ "$applet" = busybox ] || ln -s busybox "$tree/bin/$applet"
done

# A program and the libraries that it names.
add_program() { # NAME
    local path library
    path=$(PATH=$PATH:/sbin:/usr/sbin command -v "$1") || { echo "initramfs.sh: $1 is needed" >&2; return 1; }
    cp -L "$path" "$tree/sbin/"
    ldd "$path" | grep -oE '/[^ ]+' | while read -r library; do
        mkdir -p "$tree$(dirname "$library")"
        cp -L "$library" "$tree$library"
    done
}
rm "$tree/bin/mke2fs" 2>/dev/null
rm "$tree/bin/mkfs.ext2" 2>/dev/null
add_program mke2fs || exit 1
add_program e2fsck || exit 1

for module in "$@"; do
    optional=
    [ "$module" = "${module%\?}" ] || optional=yes module=${module%\?}
    order=$(modprobe -d "$kernel/root" -S "$release" --show-depends "$module" 2>&1) || {
        [ -z "$optional" ] || continue
        echo "$order" >&2
        echo "initramfs.sh: $release has no module $module" >&2
        exit 1
    }
    : >"$tree/modules/$module.order"
    while read -r verb path rest; do
        [ "$verb" = insmod ] || continue
        # Busybox's insmod wants them without compression.
        name=$(basename "$path" .xz)
        if [ -f "$tree/modules/$name" ]; then
            :
        elif [ "$path" = "${path%.xz}" ]; then
            cp "$path" "$tree/modules/"
        else
            unxz -c "$path" >"$tree/modules/$name" || exit 1
        fi
        echo "$name $rest" >>"$tree/modules/$module.order"
    done <<<"$order"
done
"$here/pack.sh" "$out" "$tree"
