#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A Debian kernel with its headers, unpacked from the distribution's packages and never installed.
#
#   scripts/linux/fetch.sh SERIES      SERIES is 6.1, 6.12 or 7.2
#
# 6.1 and 6.12 are bookworm's, whose lists are the system's own; 7.2 is forky's, whose lists are kept
# beside it. Its headers want forky's compiler, which is unpacked into the same root.
#
# Prints the folder, build/linux/SERIES, where then are:
#   release       the kernel's release, as uname -r says it
#   vmlinux       the kernel as an ELF file, which QEMU starts without a decompressor
#   root/         the packages, unpacked; root/usr/src/linux-headers-RELEASE is ready for make M=
#   bin/          7.2: the compiler and its friends, in front of everything else in PATH
#
# Which release that is, the package lists say. What was fetched once is used again as long as the
# lists name the same release, and also when no archive can be reached.
# Exit status 0; 1 when something went wrong; 77 when there is no archive and nothing was kept.
set -u -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
. "$top/scripts/download.sh"
. "$top/scripts/suite.sh"

series=${1-}
case $series in
6.1 | 6.12) suite= ;;
7.2) suite=forky ;;
*) echo "usage: fetch.sh 6.1|6.12|7.2" >&2; exit 2 ;;
esac
kept=$top/build/linux/$series
apt=$top/build/linux/.apt-$series
mkdir -p "$top/build/linux"

# Two builds at once must not unpack into the same folder.
exec 9>"$top/build/linux/.lock-$series"
flock 9

# What another suite has is asked for once a day.
if [ -n "$suite" ] && [ -f "$kept/complete" ] && [ -n "$(find "$apt/asked" -mmin -1440 2>/dev/null)" ]; then
    echo "$kept"
    exit 0
fi

use_kept() { # WHY
    echo "$1: using $(cat "$kept/release"), fetched earlier" >&2
    echo "$kept"
    exit 0
}
skip() { # WHY
    [ ! -f "$kept/complete" ] || use_kept "$1"
    echo "$1" >&2
    exit 77
}

# ---- which packages -------------------------------------------------------------------------------

# Without a network neither may take long.
lists=(-q -o Acquire::Retries=0 -o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30 -o APT::Sandbox::User=)
if [ -n "$suite" ]; then
    suite_open "$suite" "$apt" || skip "$suite_why"
    lists=("${suite_apt[@]}")
fi
refresh() {
    if [ -n "$suite" ]; then
        suite_refresh
    else
        [ "$(id -u)" -eq 0 ] && apt-get update "${lists[@]}" >/dev/null 2>&1 9>&-
    fi
}

# The packages that a package needs, by name; alternatives and virtual ones are left out.
depends() { # PACKAGE
    apt-cache "${lists[@]}" depends "$1" 2>/dev/null | sed -n 's/^ *|*\(Pre\)*Depends: \([^<]*\)$/\2/p'
}

# The image that Debian's metapackages name as the current one of a series.
current_image() {
    local meta
    for meta in linux-image-amd64 "linux-image-$series-amd64"; do
        depends "$meta"
    done | grep -E "^linux-image-${series//./\\.}\.[0-9].*-amd64$" | sort -V | tail -n 1
}

# Lists of our own are asked for again after a day.
if [ -n "$suite" ] && [ -z "$(find "$apt/asked" -mmin -1440 2>/dev/null)" ]; then
    refresh || skip "$suite_why"
    touch "$apt/asked"
fi
image=$(current_image)
if [ -z "$image" ]; then
    refresh
    image=$(current_image)
fi
release=${image#linux-image-}
if [ -f "$kept/complete" ] && { [ -z "$release" ] || [ "$(cat "$kept/release")" = "$release" ]; }; then
    echo "$kept"
    exit 0
fi
[ -n "$release" ] ||
    skip "no package list names a Debian kernel of series $series (is this Debian, has apt-get update run?)"

# From 7 on the image is four packages, and the headers need compiler and libraries of their suite.
headers=linux-headers-$release
mapfile -t packages < <(
    printf '%s\n' "$image" "$headers"
    depends "$image" | grep -E "^linux-(base|binary|modules)-[0-9]"
    depends "$headers" | grep -E '^linux-headers-.*-common$|^linux-kbuild-'
)
case $series:${#packages[@]} in
6.*:4 | 7.*:7) ;;
*)
    echo "$image and $headers should need common headers, build programs and, from 7 on, three parts of the image: ${packages[*]}" >&2
    exit 1
    ;;
esac
tools=()
if [ -n "$suite" ]; then
    # The compiler that the kernel was built with; kbuild brings the rest.
    mapfile -t tools < <(depends "$headers" | sed -n 's/^\(gcc-[0-9]*\)-for-host$/\1-x86-64-linux-gnu/p')
    [ ${#tools[@]} -eq 1 ] || { echo "$headers should name one compiler, not: ${tools[*]-}" >&2; exit 1; }
fi

# ---- fetching -------------------------------------------------------------------------------------

new=$top/build/linux/.new-$series
rm -rf "$new"
mkdir -p "$new/deb" "$new/root" || exit 1
total=0
for name in "${packages[@]}"; do
    total=$((total + $(apt-cache "${lists[@]}" show --no-all-versions "$name" | sed -n 's/^Size: //p' | head -n 1)))
done
total=$((total / 1048576))
programs=(-y --no-install-recommends --download-only install "${tools[@]}" linux-kbuild-"${release%-amd64}")
[ -z "$suite" ] || total=$((total + $(suite_size "${programs[@]}")))
echo "fetching ${packages[*]} ${tools[*]-}: $total MiB" >&2
download() {
    {
        (cd "$new/deb" && apt-get download "${lists[@]}" "${packages[@]}") || return 1
        if [ -n "$suite" ]; then
            apt-get "${lists[@]}" -o "Dir::Cache::archives=$new/deb" "${programs[@]}" 9>&-
        fi
    } >"$new/log" 2>&1
}
get() {
    with_progress "$new/deb" "$total" download
}
mkdir -p "$new/deb/partial"
if ! get; then
    # Lists that are older than the archive name files that have gone.
    { refresh; get; } || skip "$image could not be fetched: $(sed -n 's/^E: //p' "$new/log" | head -n 1)"
fi
for deb in "$new"/deb/*.deb; do
    dpkg -x "$deb" "$new/root" || exit 1
done
rm -rf "$new/deb" "$new"/root/usr/share/{doc,man,locale,info}

# ---- made ready -----------------------------------------------------------------------------------

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
[ -z "$suite" ] || "$here/programs.sh" "$new/root" "$kept/root" "$new/bin" || exit 1
# Newer packages know nothing beside /usr.
[ -e "$new/root/lib" ] || ln -s usr/lib "$new/root/lib"
image=$new/root/boot/vmlinuz-$release
[ -f "$image" ] || image=$new/root/usr/lib/modules/$release/vmlinuz
python3 "$here/vmlinux.py" "$image" "$new/vmlinux" || exit 1

symbols=(-F "$new/root/boot/System.map-$release")
[ -f "${symbols[1]}" ] || symbols=()
depmod -b "$new/root" "${symbols[@]}" "$release" || exit 1
echo "$release" >"$new/release"
: >"$new/complete"
rm -rf "$kept"
mv "$new" "$kept"
echo "$kept"
