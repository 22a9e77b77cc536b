#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The Debian packages: built from a copy of the tree, source and binaries, looked through, used, and
# linted. Takes a few minutes: ./check packages runs it. Prints TAP.
. "$(dirname "$0")/tap.sh"

note() { # progress, for who waits
    echo "# $SECONDS s: $*"
}
version=$("$root/scripts/version.sh")
tree=$work/udmar-$version
mkdir "$tree"
(cd "$root" && git ls-files -z --cached --others --exclude-standard |
    while IFS= read -r -d '' file; do [ -e "$file" ] && printf '%s\0' "$file"; done |
    tar -c --null -T - | tar -x -C "$tree") || { echo "Bail out! the tree cannot be copied"; exit 1; }
chmod -R go-w "$tree"

note "building"
build() {
    cd "$tree" && timeout 580 dpkg-buildpackage -us -uc -F >"$work/log" 2>&1 || { tail -n 30 "$work/log"; return 1; }
}
try "dpkg-buildpackage" build
grep -n 'warning:' "$work/log" >"$work/said"
report "the build has no warnings" "$([ -s "$work/said" ] && echo 1 || echo 0)" "$work/said"
architecture=$(dpkg --print-architecture)
changes=$work/udmar_${version}_$architecture.changes
[ -f "$changes" ] || finish

note "linting"
lint() {
    local status=0
    lintian --allow-root --fail-on error --info "$changes" >"$work/lint" 2>&1 || status=$?
    [ $status -eq 0 ] && ! grep -E '^E:' "$work/lint" && return 0
    cat "$work/lint"
    return 1
}
try "lintian finds no errors" lint
grep -E '^W:' "$work/lint" | sed 's/^/# /'

note "looking through"
for package in udmar libudmar-dev; do
    dpkg-deb -x "$work/${package}_${version}_$architecture.deb" "$work/$package"
    dpkg-deb -c "$work/${package}_${version}_$architecture.deb" | awk '{ print $6 }' >"$work/$package.list"
done
has() { # PACKAGE PATH...
    local package=$1 path
    shift
    for path; do
        grep -qxE "\./$path" "$work/$package.list" || echo "$package has no $path"
    done
}
try "udmar has the tool, its page, completion and schemas" has udmar usr/bin/udmar usr/share/man/man1/udmar.1.gz \
    usr/share/bash-completion/completions/udmar usr/share/udmar/explain.json usr/share/doc/udmar/copyright
try "libudmar-dev has library, headers, udmar.pc, pages and the one file" has libudmar-dev \
    'usr/lib/[^/]*/libudmar.a' 'usr/lib/[^/]*/pkgconfig/udmar.pc' usr/include/udmar/udmar.h usr/include/udmar/foreign/mbuf.h \
    usr/share/man/man9/udmar_bus_dma.9.gz usr/share/libudmar-dev/udmar.c usr/share/libudmar-dev/udmar.h
apart() {
    grep -E 'usr/bin|man1|share/udmar' "$work/libudmar-dev.list"
    grep -E 'usr/include|\.a$|man9|\.pc$' "$work/udmar.list"
    return 0
}
try "neither has what is the other's" apart
tool() {
    [ "$("$work/udmar/usr/bin/udmar" --version)" = "udmar $version" ]
}
try "the tool runs" tool
library() {
    cd "$work" && cp "$root"/ports/template/*.[ch] . || return 1
    export PKG_CONFIG_SYSROOT_DIR=$work/libudmar-dev PKG_CONFIG_PATH
    PKG_CONFIG_PATH=$(dirname "$(find "$work/libudmar-dev" -name udmar.pc)")
    PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1 pkg-config --cflags --libs udmar >flags
    # shellcheck disable=SC2046
    gcc -std=c11 -Wall -Wextra -Werror main.c host.c example.c -o port $(cat flags) || return 1
    ./port >out 2>&1
    [ $? -eq 1 ]
}
try "a program is linked with the library, and runs" library
note "done"
finish
