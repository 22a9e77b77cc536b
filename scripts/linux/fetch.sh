#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A Debian kernel with its headers, unpacked from the distribution's packages and never installed.
#
#   scripts/linux/fetch.sh SERIES      SERIES is 6.1 or 6.12
#
# Prints the folder, build/linux/SERIES, where then are:
#   release       the kernel's release, as uname -r says it
#   vmlinux       the kernel as an ELF file, which QEMU starts without a decompressor
#   root/         the packages, unpacked; root/usr/src/linux-headers-RELEASE is ready for make M=
#
# Which release that is, the package lists say. What was fetched once is used again as long as the
# lists name the same release, and also when no archive can be reached.
# Exit status 0; 1 when something went wrong; 77 when there is no archive and nothing was kept.
set -u -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
. "$top/scripts/download.sh"

series=${1-}
case $series in
6.1 | 6.12) ;;
*) echo "usage: fetch.sh 6.1|6.12" >&2; exit 2 ;;
esac
kept=$top/build/linux/$series
mkdir -p "$top/build/linux"

# Two builds at once must not unpack into the same folder.
exec 9>"$top/build/linux/.lock-$series"
flock 9

# The packages that a package needs, by name; alternatives and virtual ones are left out.
depends() { # PACKAGE
    apt-cache depends "$1" 2>/dev/null | sed -n 's/^ *|*Depends: \([^<]*\)$/\1/p'
}

# The image that Debian's metapackages name as the current one of a series.
current_image() {
    local meta
    for meta in linux-image-amd64 "linux-image-$series-amd64"; do
        depends "$meta"
    done | grep -E "^linux-image-${series//./\\.}\.[0-9].*-amd64$" | sort -V | tail -n 1
}

image=$(current_image)
# Without a network neither may take long.
quick=(-q -o Acquire::Retries=0 -o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30)
refresh() {
    [ "$(id -u)" -eq 0 ] && apt-get update "${quick[@]}" >/dev/null 2>&1 9>&-
}
if [ -z "$image" ]; then
    refresh
    image=$(current_image)
fi
release=${image#linux-image-}
if [ -f "$kept/complete" ] && { [ -z "$release" ] || [ "$(cat "$kept/release")" = "$release" ]; }; then
    echo "$kept"
    exit 0
fi
if [ -z "$release" ]; then
    echo "no package list names a Debian kernel of series $series (is this Debian, has apt-get update run?)" >&2
    exit 77
fi

new=$top/build/linux/.new-$series
rm -rf "$new"
mkdir -p "$new/deb" "$new/root" || exit 1
headers=linux-headers-$release
mapfile -t more < <(depends "$headers" | grep -E '^linux-headers-.*-common$|^linux-kbuild-')
if [ ${#more[@]} -ne 2 ]; then
    echo "$headers should need one package of common headers and one of build programs, not: ${more[*]-}" >&2
    exit 1
fi
total=0
for name in "$image" "$headers" "${more[@]}"; do
    total=$((total + $(apt-cache show --no-all-versions "$name" | sed -n 's/^Size: //p' | head -n 1)))
done
echo "fetching $image, $headers, ${more[*]}: $((total / 1048576)) MiB" >&2
download() {
    (cd "$new/deb" && apt-get download "${quick[@]}" -o APT::Sandbox::User= "$image" "$headers" "${more[@]}") >"$new/log" 2>&1
}
get() {
    with_progress "$new/deb" $((total / 1048576)) download
}
if ! get; then
    # Lists that are older than the archive name files that have gone.
    { refresh; get; } || {
        if [ -f "$kept/complete" ]; then
            echo "$image could not be fetched: using $(cat "$kept/release"), fetched earlier" >&2
            echo "$kept"
            exit 0
        fi
        echo "$image could not be fetched: $(sed -n 's/^E: //p' "$new/log" | head -n 1)" >&2
        exit 77
    }
fi
for deb in "$new"/deb/*.deb; do
    dpkg -x "$deb" "$new/root" || exit 1
done
rm -rf "$new/deb"

# The makefile of the headers names its other half by an absolute path.
sed -i "s#/usr/src/linux-headers#$kept/root/usr/src/linux-headers#g" \
    "$new/root/usr/src/$headers/Makefile" || exit 1
# With a vmlinux beside the headers the build wants a program for type information that is not needed.
rm -f "$new/root/usr/src/$headers/vmlinux"
for name in scripts tools; do
    [ -e "$new/root/usr/src/$headers/$name" ] || {
        echo "$headers has no $name that can be followed" >&2
        exit 1
    }
done
python3 "$here/vmlinux.py" "$new/root/boot/vmlinuz-$release" "$new/vmlinux" || exit 1

# Modules may be compressed; busybox's insmod and depmod of other releases are happier without.
find "$new/root/lib/modules" -name '*.ko.xz' -exec unxz {} + || exit 1
depmod -b "$new/root" -F "$new/root/boot/System.map-$release" "$release" || exit 1
echo "$release" >"$new/release"
: >"$new/complete"
rm -rf "$kept"
mv "$new" "$kept"
echo "$kept"
