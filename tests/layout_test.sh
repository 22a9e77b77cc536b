#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# What the tree promises about itself: 'add all the files of src/' is a valid build instruction, the
# host interface is all that the library asks for, rooms are entered downwards only, files and
# functions stay short. Prints TAP.
#
#   UDMAR_SOURCE_ROOT   the tree; default: the folder above this script
#   CC, CXX             default gcc, g++
#   CLANG_FORMAT        default clang-format-14, else clang-format
set -u -o pipefail
shopt -s lastpipe # verdict counts at the end of pipes
export LC_ALL=C

root=${UDMAR_SOURCE_ROOT:-$(dirname "$0")/..}
cd "$root" || { echo "Bail out! $root is not there"; exit 1; }
cc=${CC:-gcc}
cxx=${CXX:-g++}
work=$(mktemp -d) || { echo "Bail out! no temporary folder"; exit 1; }
trap 'rm -rf "$work"' EXIT

max_file=900
max_function=60
max_parameters=6
tests=0
failures=0

# ---- reporting -----------------------------------------------------------------------------------

# verdict NAME: ok when standard input is empty, else not ok with its first lines as diagnostics.
verdict()
{
    local found

    found=$(cat)
    tests=$((tests + 1))
    if [ -z "$found" ]; then
        echo "ok $tests - $1"
        return
    fi
    failures=$((failures + 1))
    echo "not ok $tests - $1"
    head -n 40 <<<"$found" | sed 's/^/# /'
}

skip()
{
    tests=$((tests + 1))
    echo "ok $tests - $1 # SKIP $2"
}

# Runs shell function $1 for each line of standard input, on both of the processors that we have.
for_each()
{
    xargs -r -d '\n' -n 1 -P 2 bash -c "$1"' "$@"' bash
}

library_sources()
{
    find src -name '*.c' | sort
}

# What people wrote; build folders may lie anywhere else.
written_files()
{
    find . -maxdepth 1 -type f
    find include src ports tests tools bench demo docs scripts -type f 2>/dev/null
}

# ---- the list of sources -------------------------------------------------------------------------

check_source_list()
{
    grep -o "'[^']*\.c'" src/meson.build | tr -d "'" | sort >"$work/listed"
    library_sources | sed 's,^src/,,' >"$work/present"
    {
        comm -23 "$work/listed" "$work/present" | sed 's,$, is listed but is not there,'
        comm -13 "$work/listed" "$work/present" | sed 's,$, is not listed,'
        uniq -d "$work/listed" | sed 's,$, is listed twice,'
        [ -s "$work/present" ] || echo "src/ has no .c file"
    } | verdict "src/meson.build lists every .c below src/ and nothing else"
}

# ---- compiling -----------------------------------------------------------------------------------

# A kernel's flags, and no header but the compiler's own.
freestanding=(-std=c11 -O2 -Wall -Wextra -Werror -ffreestanding -Iinclude -Isrc
    -nostdinc -isystem "$("$cc" -print-file-name=include)"
    -fno-pic -fno-pie -fno-stack-protector -fno-asynchronous-unwind-tables)
export UDMAR_CC=$cc UDMAR_WORK=$work UDMAR_FLAGS="${freestanding[*]}"

compile_one()
{
    local object

    object=$UDMAR_WORK/m$UDMAR_BITS/$(tr / _ <<<"${1%.c}").o
    # shellcheck disable=SC2086 # flags are words
    "$UDMAR_CC" "-m$UDMAR_BITS" $UDMAR_FLAGS -c "$1" -o "$object" 2>&1 ||
        echo "$1 does not compile alone"
}
export -f compile_one

check_compile()
{
    export UDMAR_BITS=$1
    mkdir -p "$work/m$1"
    library_sources | for_each compile_one |
        verdict "every .c of src/ compiles alone, freestanding, -m$1"
}

c_header_one()
{
    # shellcheck disable=SC2086
    echo "#include <udmar/$1>" | "$UDMAR_CC" $UDMAR_FLAGS -fsyntax-only -x c - 2>&1 ||
        echo "$1 does not compile alone"
}
cxx_header_one()
{
    echo "#include <udmar/$1>" |
        "$UDMAR_CXX" -std=c++17 -Wall -Wextra -Werror -Iinclude -fsyntax-only -x c++ - 2>&1 ||
        echo "$1 does not compile alone"
}
export UDMAR_CXX=$cxx
export -f c_header_one cxx_header_one

check_headers()
{
    local headers

    headers=$(cd include/udmar && ls -- *.h */*.h)
    for_each c_header_one <<<"$headers" | verdict "every public header compiles alone as C11"
    if ! command -v "$cxx" >/dev/null; then
        skip "every public header compiles alone as C++17" "$cxx is not there"
        return
    fi
    for_each cxx_header_one <<<"$headers" | verdict "every public header compiles alone as C++17"
}

# ---- what the library needs ----------------------------------------------------------------------

# host.h without comments; the tier marks, which are comments, become lines of their own before.
host_prototypes()
{
    sed -E 's,^/\* -+ Tier ([0-9]+).*\*/$,@tier \1,' include/udmar/host.h |
        sed -E -e 's,/\*([^*]|\*[^/])*\*+/,,g' -e '/\/\*/,/\*\//d' |
        grep -oE '^@tier [0-9]+|\budmar_host_[a-z0-9_]+ *\(' | sed 's/ *($//'
}

# What compilers call by themselves. The 64-bit division of their run-time library is not among it: a
# kernel that passes arguments in registers (-mregparm) gets wrong results from that.
helpers()
{
    printf '%s\n' memcpy memmove memset memcmp
}

check_undefined()
{
    local format=elf_x86_64 name="the library needs the functions of host.h and nothing else, -m$1"

    [ "$1" = 64 ] || format=elf_i386
    if ! ld -r -m "$format" -o "$work/m$1.o" "$work/m$1"/*.o 2>"$work/ld"; then
        { echo "ld -r fails"; cat "$work/ld"; } | verdict "$name"
        return
    fi
    nm -u "$work/m$1.o" | awk '{ print $NF }' | sort -u >"$work/needed"
    host_prototypes | grep -v '^@' | sort -u >"$work/offered"
    helpers | sort >"$work/helpers"
    comm -12 "$work/needed" "$work/helpers" | paste -sd ' ' | sed "s/^/# helpers, -m$1: /"
    comm -23 "$work/needed" "$work/helpers" >"$work/asked"
    {
        comm -23 "$work/asked" "$work/offered" | sed 's,$, is needed but not in host.h,'
        comm -13 "$work/asked" "$work/offered" | sed 's,$, is in host.h but not needed,'
    } | verdict "$name"
}

# A host that wants less: each switch of docs/PORTING.md, all of them without busdma, and one thread.
small_one()
{
    # shellcheck disable=SC2086
    "$UDMAR_CC" -m64 $UDMAR_FLAGS $UDMAR_SWITCHES $UDMAR_OUTPUT -c "$1" \
        -o "$UDMAR_WORK/small/$(tr / _ <<<"${1%.c}").o" 2>&1 || echo "$1 does not compile with $UDMAR_SWITCHES"
}
export -f small_one

check_small()
{
    local switches='-DUDMAR_WITHOUT_FAULT_TEXT -DUDMAR_WITHOUT_TABLE_CHECK -DUDMAR_WITHOUT_STREAMS'

    mkdir -p "$work/small"
    export UDMAR_SWITCHES UDMAR_OUTPUT=-fsyntax-only
    for UDMAR_SWITCHES in "-DUDMAR_DEBUG -DUDMAR_DEBUG_MAPS" "$switches"; do
        library_sources | for_each small_one | verdict "every .c of src/ compiles with $UDMAR_SWITCHES"
    done
    UDMAR_SWITCHES="$switches -DUDMAR_SINGLE_THREAD" UDMAR_OUTPUT=
    library_sources | for_each small_one | verdict "every .c of src/ compiles with $UDMAR_SWITCHES"
    # The last of these has every switch. Without busdma, and what it and streams map with, tier 1 is all
    # that it needs.
    rm -f "$work"/small/src_busdma_* "$work"/small/src_mapping_mapping.o
    ld -r -o "$work/small.o" "$work"/small/*.o
    nm -u "$work/small.o" | awk '{ print $NF }' | sort -u >"$work/needed"
    {
        host_prototypes | sed '/@tier 2/,$d' | grep -v '^@'
        helpers
    } | sort >"$work/offered"
    comm -23 "$work/needed" "$work/offered" | sed 's,$, is needed,' |
        verdict "the smallest library needs tier 1 alone"
}

# Hosts whose objects share one folder, and those that compile one file.
check_names()
{
    library_sources | xargs -n 1 basename | sort | uniq -d | sed 's,$, is there twice,' |
        verdict "no two .c of src/ have the same name"
    library_sources | sed 's,.*,#include "&",' >"$work/all.c"
    # shellcheck disable=SC2086
    for bits in 64 32; do
        "$cc" "-m$bits" $UDMAR_FLAGS -I. -fsyntax-only "$work/all.c" 2>&1 | grep -E 'error|warning' |
            verdict "all of src/ compiles as one file, -m$bits"
    done
}

# Caller-owned instances, many in one process: nothing that lives in the image may change.
check_globals()
{
    nm -A "$work"/m64/*.o "$work"/m32/*.o | awk '$(NF - 1) ~ /^[bBdDC]$/' | sed "s,^$work/,," |
        verdict "no variable that lives as long as the program in src/"
}

# ---- tiers ---------------------------------------------------------------------------------------

# "tier number-of-prototypes" for each tier; tier 0 is the one without functions.
counted_tiers()
{
    host_prototypes | awk '
        BEGIN { count[0] = 0 }
        /^@tier/ { tier = $2; count[tier] += 0; next }
        { count[tier + 0]++ }
        END { for (t in count) print t, count[t] }' | sort
}

# "tier number" wherever standard input says how many functions a tier has: "tier 2 ... 6 functions",
# or the rows of a table that is headed "| tier | ... | functions |".
claimed_tiers()
{
    tr -d '*`' | tr '[:upper:]' '[:lower:]' | awk '
        match($0, /tier [0-9]+/) {
            tier = substr($0, RSTART + 5, RLENGTH - 5)
            rest = substr($0, RSTART + RLENGTH)
            if (match(rest, /[0-9]+ functions?/))
                print tier, substr(rest, RSTART, RLENGTH) + 0
        }
        !/^\|/ { table = 0 }
        table && split($0, cell, /[ \t]*\|[ \t]*/) && cell[2] ~ /^[0-9]+$/ {
            last = cell[1]
            for (i = 2; i in cell; i++)
                if (cell[i] != "")
                    last = cell[i]
            print cell[2], last
        }
        /^\| *tier *\|.*\| *functions *\|/ { table = 1 }' | sort -u
}

compare_tiers()
{
    comm -23 "$work/claimed" "$work/counted" | sed -E 's/(.*) (.*)/tier \1 does not have \2/'
    comm -13 "$work/claimed" "$work/counted" |
        sed -E 's/(.*) (.*)/tier \1 has \2, which is not said/'
}

check_tiers()
{
    counted_tiers >"$work/counted"
    sed '/^#ifndef/q' include/udmar/host.h | claimed_tiers >"$work/claimed"
    compare_tiers | verdict "host.h counts the functions of its tiers right"
    if [ ! -e docs/PORTING.md ]; then
        skip "docs/PORTING.md counts the functions of the tiers right" "it is not there"
        return
    fi
    claimed_tiers <docs/PORTING.md >"$work/claimed"
    compare_tiers | verdict "docs/PORTING.md counts the functions of the tiers right"
}

# ---- sizes ---------------------------------------------------------------------------------------

check_sizes()
{
    find src -name '*.[ch]' -exec wc -l {} + |
        awk -v max=$max_file '$2 != "total" && $1 > max { print $2 " has " $1 " lines" }' |
        verdict "no file of src/ has more than $max_file lines"
    # .clang-format puts the braces of a function, and only these, alone at the start of a line.
    find src -name '*.[ch]' -exec awk -v max=$max_function '
        FNR == 1 { start = 0; open = 0 }
        /^[A-Za-z_]/ && !start { start = FNR; name = $0 }
        /^{/ { open = 1 }
        open && /^}/ {
            if (FNR - start + 1 > max)
                print FILENAME ": " FNR - start + 1 " lines: " name
            start = 0
            open = 0
        }
        !open && (/;[ \t]*$/ || /^}/ || /^[ \t]*$/ || /^#/) { start = 0 }' {} + |
        verdict "no function of src/ has more than $max_function lines"
}

# Functions that busdma(9) has made as they are have names of the public kind; load_slow_path() is
# the second half of one.
check_parameters()
{
    find src -name '*.[ch]' -exec awk -v max=$max_parameters '
        FNR == 1 { text = "" }
        /^[A-Za-z_]/ && /\(/ { text = ""; reading = 1 }
        reading { text = text $0 }
        reading && /\)[^,]*$/ {
            reading = 0
            inside = text
            sub(/^[^(]*\(/, "", inside)
            name = text
            sub(/\(.*/, "", name)
            sub(/.*[ *]/, "", name)
            if (gsub(/,/, ",", inside) + 1 > max && name !~ /^(udmar_[a-z]|load_slow_path$)/)
                print FILENAME ": " name
        }' {} + | sort -u | verdict "no function of src/ has more than $max_parameters parameters"
}

# ---- looks ---------------------------------------------------------------------------------------

check_format()
{
    local name="clang-format has nothing to change in include, src, ports and tests" format

    format=${CLANG_FORMAT:-$(command -v clang-format-14 || command -v clang-format)}
    if [ -z "$format" ] || ! command -v "$format" >/dev/null; then
        skip "$name" "clang-format is not there"
        return
    fi
    {
        find include src ports tests -name '*.[ch]' | sort |
            xargs -r -d '\n' -n 16 -P 2 "$format" --dry-run -Werror 2>&1 || echo "$format fails"
    } | grep -E ': error:|^Error| fails$' | verdict "$name"
}

check_licences()
{
    written_files | grep -E '(\.(c|h|S|sh)|/meson\.build)$' |
        while read -r file; do
            head -n 3 "$file" | grep -q 'SPDX-License-Identifier: BSD-2-Clause' || echo "$file"
        done | verdict "every source names its licence in the first three lines"
}

# ---- tests ---------------------------------------------------------------------------------------

# tests/unit/LAYER/test_SOURCE[_SUFFIX].c tests SOURCE of src/LAYER, or of tests/model; what is in whole/ goes
# through several layers.
check_unit_tests()
{
    local file layer folder name

    find tests/unit -name 'test_*.c' | sort | while read -r file; do
        layer=$(cut -d/ -f3 <<<"$file")
        case $layer in
        whole) continue ;;
        model) folder=tests/model ;;
        *) folder=src/$layer ;;
        esac
        name=${file##*/test_}
        name=${name%.c}
        # The longest name first: test_queue_life.c tests queue_life.c, test_load_errors.c tests load.c.
        while [ -n "$name" ] && [ -z "$(find "$folder" -name "$name.[ch]" 2>/dev/null)" ]; do
            [[ $name == *_* ]] && name=${name%_*} || name=
        done
        [ -n "$name" ] || echo "$file is named after no source of $folder"
    done | verdict "each unit test is named after the source that it tests, in its layer's folder"
    find tests -path '*/test_*.c' | xargs -n 1 basename | sort | uniq -d | sed 's,$, is there twice,' |
        verdict "no two test programs have the same name"
}

# ---- the direction of dependencies ---------------------------------------------------------------

# check_room ROOM 'rooms it may enter' 'public headers it may use'
check_room()
{
    grep -rnE '^[ \t]*#[ \t]*include' "src/$1" 2>&1 |
        awk -v rooms="$2" -v headers="$3" '
        function among(word, list) { return index(" " list " ", " " word " ") > 0 }
        {
            where = $0
            sub(/^[^:]*:[^:]*:/, "")
            if (match($0, /<udmar\/[^>]*>/))
                good = among(substr($0, RSTART + 7, RLENGTH - 10), headers)
            else if (match($0, /"[^"]*"/)) {
                split(substr($0, RSTART + 1, RLENGTH - 2), part, "/")
                good = among(part[1], rooms)
            } else
                good = match($0, /<std[a-z]*\.h>/) > 0
            if (!good)
                print where
        }' | verdict "src/$1 looks downwards only"
}

check_rooms()
{
    local plain="status types" low="host table unit fault domain"

    check_room base "base" "$plain host"
    check_room table "table" "$plain table"
    check_room unit "base table unit" "$plain host table unit fault"
    check_room interrupt "base unit interrupt" "$plain host unit interrupt"
    check_room space "base table unit space" "$plain $low"
    check_room mapping "base unit space mapping" "$plain $low stream"
    check_room policy "base table unit space mapping interrupt policy" \
        "$plain $low interrupt tunable udmar"
    check_room busdma "base unit space mapping policy busdma" \
        "$plain $low tunable udmar busdma bus_dma"
    find src -mindepth 1 -maxdepth 1 -type d |
        grep -vxE 'src/(base|table|unit|space|mapping|interrupt|policy|busdma)' |
        sed 's,$, is no room that this test knows,' | verdict "src/ has no other folders"
}

check_source_list
check_compile 64
check_compile 32
check_headers
check_undefined 64
check_undefined 32
check_small
check_names
check_globals
check_tiers
check_sizes
check_parameters
check_format
check_licences
check_unit_tests
check_rooms
echo "1..$tests"
[ "$failures" -eq 0 ]
