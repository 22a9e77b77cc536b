#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A newer QEMU than the system's, unpacked from Debian's packages and never installed.
#
#   scripts/qemu/fetch.sh 10|11
#
# 10 is what Debian's trixie has, 11 what forky has. Prints a folder below build/qemu, where then are:
#   bin/qemu-system-x86_64, bin/qemu-system-i386   to be run as the system's own (see run.sh)
#   version                                        the package's version
#   root/                                          QEMU with every library that it needs, unpacked
#   .use                                           who uses the folder holds a shared lock on this file
#
# Which version that is, the suite's package lists say; they are this folder's own, and are asked for
# again after a day. What was fetched once is used again as long as they name the same version, and also
# when no archive can be reached. Another version gets another folder; the old one goes when no check
# uses it any more.
# Exit status 0; 1 when something went wrong; 77 when there is no archive and nothing was kept.
set -u -o pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/scripts/download.sh"
. "$top/scripts/suite.sh"

series=${1-}
case $series in
10) suite=trixie ;;
11) suite=forky ;;
*) echo "usage: fetch.sh 10|11" >&2; exit 2 ;;
esac
home=$top/build/qemu
apt=$home/.apt-$series
mkdir -p "$home"

# Two checks at once must not unpack into the same folder.
exec 9>"$home/.lock-$series"
flock 9

newest_kept() {
    find "$home" -maxdepth 2 -path "*/$series-*/complete" -printf '%T@ %h\n' | sort -n | tail -n 1 | cut -d ' ' -f 2-
}
kept=$(newest_kept)
if [ -n "$kept" ] && [ -n "$(find "$apt/asked" -mmin -1440 2>/dev/null)" ]; then
    echo "$kept"
    exit 0
fi

skip() { # WHY
    if [ -n "$kept" ]; then
        echo "$1: using QEMU $(cat "$kept/version"), fetched earlier" >&2
        echo "$kept"
        exit 0
    fi
    echo "QEMU $series: $1" >&2
    exit 77
}

suite_open "$suite" "$apt" || skip "$suite_why"
install=(-y --no-install-recommends install qemu-system-x86)
suite_refresh || skip "$suite_why"
newest() {
    apt-cache "${suite_apt[@]}" show --no-all-versions qemu-system-x86 2>/dev/null | sed -n 's/^Version: //p' | head -n 1
}
version=$(newest)
[ -n "$version" ] || skip "$suite has no package qemu-system-x86"
number=${version#*:}
# A suite that is not released yet goes on; what a version can do is probed, so a later one serves as well.
if [ "${number%%.*}" -lt "$series" ]; then
    skip "$suite has QEMU $number"
elif [ "${number%%.*}" -gt "$series" ]; then
    echo "$suite has QEMU $number by now, which takes the place of $series" >&2
fi
folder=$home/$series-$number
if [ -f "$folder/complete" ]; then
    touch "$apt/asked" "$folder/complete"
    echo "$folder"
    exit 0
fi

size=$(suite_size "${install[@]}")
echo "fetching QEMU $number of $suite with its libraries: $size MiB" >&2
download() {
    apt-get "${suite_apt[@]}" --download-only "${install[@]}" >"$apt/log" 2>&1 9>&-
}
get() {
    with_progress "$apt/archives" "$size" download
}
# Lists that are older than the archive name files that have gone.
if ! get; then
    { suite_refresh && [ "$(newest)" = "$version" ] && get; } ||
        skip "QEMU $number could not be fetched ($(sed -n 's/^E: //p' "$apt/log" | head -n 1))"
fi

new=$home/.new-$series
rm -rf "$new"
mkdir -p "$new/root" "$new/bin" || exit 1
for deb in "$apt"/archives/*.deb; do
    dpkg -x "$deb" "$new/root" || exit 1
done
rm -rf "$apt"/archives/*.deb
# Documentation and other languages are half of it.
rm -rf "$new"/root/usr/share/{doc,man,locale,icons,bash-completion}

# Modules of the system's QEMU would be tried, too, and end this one: a path of the same length in its place.
sed -i 's#/usr/lib/x86_64-linux-gnu/qemu#/nowhere/x86_64-linux-gnu/qemu#g' "$new"/root/usr/bin/qemu-system-* || exit 1

# The loader and the C library of the same suite; the system's know nothing of them.
root=$folder/root
for name in qemu-system-x86_64 qemu-system-i386; do
    [ -x "$new/root/usr/bin/$name" ] || { echo "the packages have no $name" >&2; exit 1; }
    cat >"$new/bin/$name" <<SCRIPT
#!/bin/sh
root='${root//\'/\'\\\'\'}'
QEMU_MODULE_DIR=\$root/usr/lib/x86_64-linux-gnu/qemu
export QEMU_MODULE_DIR
exec "\$root/usr/lib64/ld-linux-x86-64.so.2" --library-path "\$root/usr/lib/x86_64-linux-gnu" \\
    "\$root/usr/bin/$name" -L "\$root/usr/share/qemu" -L "\$root/usr/share/seabios" -L "\$root/usr/lib/ipxe/qemu" "\$@"
SCRIPT
    chmod +x "$new/bin/$name"
done
echo "$number" >"$new/version"
: >"$new/.use"
: >"$new/complete"
rm -rf "$folder"
mv "$new" "$folder"
if ! "$folder/bin/qemu-system-x86_64" --version >"$apt/log" 2>&1; then
    sed 's/^/qemu: /' "$apt/log" >&2
    rm -rf "$folder"
    exit 1
fi
for old in "$home/$series"-*; do
    [ "$old" = "$folder" ] || flock -n "$old/.use" rm -rf "$old"
done
touch "$apt/asked"
echo "$folder"
