#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# The installed library as others use it: pkg-config from C and C++, CMake as docs/PORTING.md tells, a
# meson project. Each links programs and runs them. Prints TAP.
. "$(dirname "$0")/tap.sh"

built=$work/built
stage=$work/stage
run_quietly() {
    "$@" >"$work/log" 2>&1 || { tail -n 30 "$work/log"; return 1; }
}
setup() {
    run_quietly meson setup "$built" "$root" --prefix=/usr/local --libdir=lib -Dtests=false -Dkernel=false -Dtools=true \
        -Doptimization=0 -Ddebug=false
}
try "meson setup" setup
build() {
    run_quietly ninja -C "$built" src/libudmar.a && run_quietly meson install -C "$built" --no-rebuild \
        --destdir "$stage" --tags devel,man
}
try "meson install" build
[ -f "$stage/usr/local/lib/libudmar.a" ] || finish
cd "$work" || exit 1

# ---- what is there -----------------------------------------------------------------------------

headers() {
    diff -r "$root/include/udmar" "$stage/usr/local/include/udmar"
}
try "all public headers and no others" headers
pages() {
    local page
    for page in "$root"/docs/*.1 "$root"/docs/man9/*.9; do
        ls "$stage/usr/local/share/man/man${page##*.}/$(basename "$page")" >/dev/null || return 1
    done
}
try "all manual pages" pages
tool() { # built by others; here it is enough that it would be installed
    meson introspect --installed "$built" | grep -q '"/usr/local/bin/udmar"' &&
        meson introspect --installed "$built" | grep -q 'bash-completion/completions/udmar"'
}
try "the tool and its completion are installed" tool

# ---- one version -------------------------------------------------------------------------------

export PKG_CONFIG_SYSROOT_DIR=$stage PKG_CONFIG_PATH=$stage/usr/local/lib/pkgconfig
export PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
version=$("$root/scripts/version.sh")
cat >version.c <<'EOF'
#include <stdio.h>
#include <string.h>
#include <udmar/udmar.h>
#if UDMAR_VERSION < UDMAR_VERSION_NUMBER(0, 1, 0) || UDMAR_VERSION >= UDMAR_VERSION_NUMBER(UDMAR_VERSION_MAJOR + 1, 0, 0)
#error "the preprocessor cannot compare versions"
#endif
int main(void)
{
    char text[40];
    snprintf(text, sizeof(text), "%d.%d.%d", UDMAR_VERSION_MAJOR, UDMAR_VERSION_MINOR, UDMAR_VERSION_PATCH);
    puts(text);
    return strcmp(text, UDMAR_VERSION_STRING) != 0 || sizeof(UDMAR_VERSION_STRING) != strlen(text) + 1;
}
EOF
versions() {
    # shellcheck disable=SC2046
    gcc -std=c11 -Wall -Wextra -Werror version.c -o version $(pkg-config --cflags udmar) && [ "$(./version)" = "$version" ] &&
        [ "$(pkg-config --modversion udmar)" = "$version" ] &&
        meson introspect --projectinfo "$built" | grep -qF "\"version\": \"$version\"" &&
        head -n 1 "$root/debian/changelog" | grep -qF "udmar ($version)" && grep -q "^## $version " "$root/CHANGES.md"
}
try "headers, udmar.pc, meson, debian/changelog and CHANGES.md have one version" versions

# ---- programs ----------------------------------------------------------------------------------

# Tier 0: a program without any function of the host.
cat >decode.c <<'EOF'
#include <stdio.h>
#include <udmar/status.h>
#include <udmar/table.h>
int main(void)
{
    static unsigned char bytes[64] = { 'D', 'M', 'A', 'R', 64, 0, 0, 0, 1 };
    unsigned char sum = 0;
    struct udmar_table table;
    enum udmar_status status;
    unsigned i;

    bytes[36] = 38;   /* host address width - 1 */
    bytes[50] = 16;   /* a DRHD of 16 bytes, for all devices, registers at 0xfed90000 */
    bytes[52] = 1;
    bytes[58] = 0xd9;
    bytes[59] = 0xfe;
    for (i = 0; i < sizeof(bytes); i++)
        sum = (unsigned char)(sum + bytes[i]);
    bytes[9] = (unsigned char)(256 - sum);
    status = udmar_table_open(bytes, sizeof(bytes), &table);
    puts(udmar_status_string(status));
    return status != UDMAR_OK || udmar_table_check(&table, NULL, NULL) != 0;
}
EOF
# A whole port: the template, which says that it has no memory.
cp "$root"/ports/template/*.[ch] .
port='main.c host.c example.c'
says_no() { # PROGRAM
    local status=0
    "$1" >"$work/out" 2>&1 || status=$?
    [ $status -eq 1 ] || { echo "exit status $status"; cat "$work/out"; return 1; }
}
with_pkg_config() { # COMPILER FLAGS...
    # shellcheck disable=SC2046,SC2086
    "$@" -Wall -Wextra -Werror $port -o port $(pkg-config --cflags --libs udmar) && says_no ./port
}
try "pkg-config, gcc" with_pkg_config gcc -std=c11
try "pkg-config, gcc -pie -O2 -flto" with_pkg_config gcc -std=gnu17 -O2 -flto=auto -fPIE -pie
try "pkg-config, gcc -no-pie" with_pkg_config gcc -std=c11 -no-pie
! command -v clang >/dev/null || try "pkg-config, clang" with_pkg_config clang -std=c11
tier0() { # COMPILER STANDARD SOURCE
    # shellcheck disable=SC2046
    "$1" "$2" -Wall -Wextra -Werror "$3" -o decode $(pkg-config --cflags --libs udmar) && ./decode >/dev/null
}
try "a program that only decodes supplies no function" tier0 gcc -std=c11 decode.c
cp decode.c decode.cc
! command -v g++ >/dev/null || try "the same in C++" tier0 g++ -std=c++17 decode.cc

# ---- CMake -------------------------------------------------------------------------------------

# Each block for CMake in docs/PORTING.md, at most three lines, in a project that the reader has already.
awk '/^```cmake$/ { n++; next } /^```$/ { open = 0 } n > seen { seen = n; open = 1 } open { print > ("block" n ".cmake") }' \
    "$root/docs/PORTING.md"
with_cmake() { # N
    mkdir -p "cmake$1" && cd "cmake$1" || return 1
    [ "$(grep -c . "../block$1.cmake")" -le 3 ] || { echo "more than three lines"; cat "../block$1.cmake"; return 1; }
    cp ../*.[ch] . && ln -s "$root" udmar && "$root/scripts/amalgam.py" one || return 1
    {
        printf 'cmake_minimum_required(VERSION 3.16)\nproject(host LANGUAGES C)\n'
        printf 'add_executable(my_kernel main.c host.c example.c)\n'
        cat "../block$1.cmake"
    } >CMakeLists.txt
    # The one file has one header.
    ! grep -q 'udmar\.c' CMakeLists.txt || sed -i 's,#include <udmar/.*>,#include "udmar.h",' ./*.[ch]
    run_quietly cmake -S . -B out && run_quietly cmake --build out -j 2 && says_no out/my_kernel
}
if command -v cmake >/dev/null; then
    blocks=$(find . -maxdepth 1 -name 'block*.cmake' | wc -l)
    try "docs/PORTING.md has examples for CMake" test "$blocks" -ge 3
    for n in $(seq "$blocks"); do
        try "CMake: $(head -n 1 "block$n.cmake")" with_cmake "$n"
    done
else
    skip "CMake" "cmake is not there"
fi

# ---- meson -------------------------------------------------------------------------------------

with_meson() {
    mkdir -p meson && cd meson && cp ../*.[ch] . &&
        printf "project('host', 'c', default_options: ['c_std=c11'])\nexecutable('my_kernel', 'main.c', 'host.c', 'example.c',\n  dependencies: dependency('udmar', version: '>=%s'))\n" "$version" >meson.build &&
        run_quietly meson setup out && run_quietly ninja -C out && says_no out/my_kernel
}
try "meson: dependency('udmar')" with_meson
finish
