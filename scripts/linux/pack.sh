#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Packs folders into an archive that a kernel takes as (a part of) its initramfs.
#
#   scripts/linux/pack.sh OUT FOLDER...
#
# The contents of each FOLDER land at the root. OUT is padded to four bytes, so that archives can be
# put one behind the other with cat.
set -eu -o pipefail
out=$(realpath -m "$1")
shift
: >"$out.part"
for folder in "$@"; do
    # Without "./" in front: the kernel looks for tables of firmware by their whole names.
    (cd "$folder" && find . -mindepth 1 -printf '%P\n' | LC_ALL=C sort | busybox cpio -o -H newc -R 0:0 2>/dev/null) >>"$out.part"
done
truncate -s %4 "$out.part"
mv "$out.part" "$out"
