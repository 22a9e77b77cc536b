#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# udmar table and udmar unit, as a user runs them. Prints TAP.
#
#   run.sh [--update] BINARY
#
#   --update            writes the expected outputs instead of comparing; read the difference!
#   UDMAR_SOURCE_ROOT   the tree; default: two folders above this script
#   UDMAR_TABLES        compiled tests/tables/*.asl; those tests are skipped without it
#   UDMAR_CORPUS        real tables; default: ../shared/corpus next to the tree
#   PYTHON              with jsonschema; default: the first python3 that has it
set -u -o pipefail
export LC_ALL=C
unset NO_COLOR

update=
if [ "${1-}" = --update ]; then
    update=1
    shift
fi
udmar=$(realpath "${1:?"usage: run.sh [--update] BINARY"}") || exit 2
root=$(realpath "${UDMAR_SOURCE_ROOT:-$(dirname "$0")/../..}")
here=$root/tests/tools
schemas=$root/tools/udmar/schema
tables=${UDMAR_TABLES-}
corpus=${UDMAR_CORPUS:-$root/../shared/corpus}
work=$(mktemp -d) || { echo "Bail out! no temporary folder"; exit 1; }
trap 'rm -rf "$work"' EXIT
tests=0
failures=0

ok()
{
    tests=$((tests + 1))
    echo "ok $tests - $1"
}

# not_ok NAME: standard input says why.
not_ok()
{
    tests=$((tests + 1))
    failures=$((failures + 1))
    echo "not ok $tests - $1"
    head -n 40 | sed 's/^/# /'
}

skip()
{
    tests=$((tests + 1))
    echo "ok $tests - $1 # SKIP $2"
}

# golden EXPECTED STATUS ARGUMENT...: both outputs as one text, in the folder of the inputs. Standard
# input is $input, nothing by default.
input=/dev/null
golden()
{
    local expected=$here/$1.expected status=$2 name="$1: udmar ${*:3}" got

    (cd "$(dirname "$expected")" && timeout 20 "$udmar" "${@:3}" >"$work/out" 2>&1 <"$input")
    got=$?
    [ -z "$update" ] || cp "$work/out" "$expected"
    if [ "$got" -ne "$status" ]; then
        { echo "exit status $got, not $status"; cat "$work/out"; } | not_ok "$name"
    elif ! diff -u "$expected" "$work/out" >"$work/diff" 2>&1; then
        not_ok "$name" <"$work/diff"
    else
        ok "$name"
    fi
}

# says STATUS WORDS ARGUMENT...: the exit status, and words somewhere in what is printed.
says()
{
    local status=$1 words=$2 name="udmar ${*:3} ends with $1, saying '$2'" got

    (cd "$here/table" && timeout 20 "$udmar" "${@:3}" >"$work/out" 2>&1 </dev/null)
    got=$?
    if [ "$got" -ne "$status" ] || ! grep -qF -- "$words" "$work/out"; then
        { echo "exit status $got"; cat "$work/out"; } | not_ok "$name"
    else
        ok "$name"
    fi
}

find_python()
{
    local python

    for python in ${PYTHON-} python3 /usr/bin/python3; do
        if command -v "$python" >/dev/null && "$python" -c 'import jsonschema' 2>/dev/null; then
            echo "$python"
            return
        fi
    done
}

# ---- expected outputs ----------------------------------------------------------------------------

check_golden()
{
    local name

    golden table/machine 0 table machine.txt
    golden table/machine-lspci 0 table --lspci machine.lspci machine.txt
    golden table/machine-tree 0 table --lspci machine-tree.lspci machine.txt
    golden table/machine-check 0 table --check --lspci machine.lspci machine.txt
    golden table/broken-machine 1 table --check --lspci machine.lspci broken.txt
    golden table/machine-json 0 table --json --lspci machine.lspci machine.txt
    golden table/machine-svg 0 table --svg - --lspci machine.lspci machine.txt
    golden table/broken 0 table broken.txt
    golden table/broken-check 1 table --check broken.txt
    golden table/broken-json 1 table --json --check broken.txt
    golden table/several 0 table several.txt
    golden table/several-check 1 table --check several.txt
    golden table/past-end-check 1 table -c past-end.txt
    golden table/truncated 3 table truncated.txt
    golden table/truncated-check 1 table --check truncated.txt
    golden table/sysfs 3 table --sysfs ../unit/sysfs
    golden table/colour 0 table --color=always machine.txt
    golden table/help 0 table --help
    golden unit/help 0 unit --help
    golden unit/haswell 0 unit --version 10 --cap d2008c20660462 --ecap f010da
    golden unit/scalable 0 unit scalable.regset
    golden unit/dump 0 unit dump.txt
    golden unit/sysfs-text 0 unit --sysfs sysfs
    golden unit/sysfs-json 0 unit --json --sysfs sysfs
    golden unit/all-ones 1 unit --cap ffffffffffffffff --ecap ffffffffffffffff
    if [ -z "$tables" ]; then
        skip "the tables of tests/tables" "UDMAR_TABLES is not set"
        return
    fi
    for name in all-types qemu-like two-units; do
        input=$tables/$name.aml
        golden "table/$name" 0 table -
        golden "table/$name-json" 0 table --json -
        input=/dev/null
    done
}

# ---- the command line ----------------------------------------------------------------------------

check_usage()
{
    says 0 "Usage: udmar COMMAND" --help
    says 0 "Usage: udmar table" help table
    says 0 "udmar " --version
    says 2 "no command"
    says 2 "no command tabel" tabel
    says 2 "no option --colour" --colour
    says 2 "unrecognized option '--chekc'" table --chekc
    says 2 "try 'udmar table --help'" table --chekc
    says 0 "=== several.txt" table machine.txt several.txt
    says 1 "=== broken.txt" table --check machine.txt broken.txt
    says 3 "=== machine.txt" table nothing machine.txt
    says 3 "nothing: No such file" table --json nothing machine.txt
    says 2 "exclude each other" table -n -l machine.lspci machine.txt
    says 2 "--color takes" table --color=red machine.txt
    says 2 "cannot both go" table --json --svg - machine.txt
    says 2 "go together" unit --cap 10
    says 2 "goes with" unit --version 10
    says 2 "is no hexadecimal number" unit --cap 1ffffffffffffffff --ecap 0
    says 2 "is no hexadecimal number" unit --cap -1 --ecap 0
    says 3 "No such file" table nothing
    says 3 "Is a directory" table .
    says 3 "no PCI function" table --lspci broken.txt machine.txt
    says 3 "no DMAR table in this text" table machine.lspci
    says 3 "it is empty" table /dev/null
    printf '\177ELF\0\1\2\3 a program, and no table\0\0' >"$work/program"
    says 3 "no DMAR table in it" table "$work/program"
    says 3 "cannot write" table --svg /nowhere/picture.svg machine.txt
    says 3 "this is a DMAR table" unit "$work/raw.dat"
    says 3 "too few" unit "$work/short.dat"
    says 3 "no ECAP" unit ../unit/no-ecap.txt
    says 3 "line 2: the value at offset 0x10" unit ../unit/bad-value.txt
}

check_output()
{
    local name="a full disk is an error"

    if [ ! -w /dev/full ]; then
        skip "$name" "there is no /dev/full"
    elif "$udmar" table "$here/table/machine.txt" >/dev/full 2>"$work/out"; [ $? -ne 3 ]; then
        not_ok "$name" <"$work/out"
    else
        ok "$name"
    fi
    name="no colour where standard output is no terminal"
    if "$udmar" table "$here/table/machine.txt" | grep -q $'\033'; then
        not_ok "$name" </dev/null
    else
        ok "$name"
    fi
    if ! command -v script >/dev/null; then
        skip "colour on a terminal, but not with NO_COLOR" "script is not there"
        return
    fi
    name="colour on a terminal"
    TERM=xterm script -qec "$udmar table $here/table/machine.txt" /dev/null >"$work/out" </dev/null
    if grep -q $'\033' "$work/out"; then ok "$name"; else not_ok "$name" <"$work/out"; fi
    name="NO_COLOR turns colour off"
    NO_COLOR=1 TERM=xterm script -qec "$udmar table $here/table/machine.txt" /dev/null \
        >"$work/out" </dev/null
    if grep -q $'\033' "$work/out"; then not_ok "$name" <"$work/out"; else ok "$name"; fi
}

# ---- a machine: its table and its devices, in a copy of /sys ---------------------------------------

# Bytes of hex digits on standard input.
bytes()
{
    local digits

    # shellcheck disable=SC2013 # words, not lines
    for digits in $(cat); do
        # shellcheck disable=SC2059
        printf "\\x$digits"
    done
}

make_sysfs()
{
    local address="" line file

    mkdir -p "$1/firmware/acpi/tables" "$1/bus/pci/devices"
    sed -nE 's/^ +[0-9A-F]{4}: (([0-9A-F]{2} )+).*/\1/p' "$here/table/machine.txt" |
        bytes >"$1/firmware/acpi/tables/DMAR"
    while IFS= read -r line; do
        if [[ $line =~ ^([0-9a-f]{2}:[0-9a-f]{2}\.[0-7])\  ]]; then
            address=${BASH_REMATCH[1]}
            mkdir -p "$1/bus/pci/devices/0000:$address"
        elif [[ $line =~ ^[0-9a-f]{2}:\ (.*) ]]; then
            file=$1/bus/pci/devices/0000:$address/config
            bytes <<<"${BASH_REMATCH[1]}" >>"$file"
        fi
    done <"$here/table/machine.lspci"
}

# Headings, places and kinds: names depend on the PCI id database of the machine.
without_names()
{
    local kinds='endpoint|bridge( to ..-..)?|all others|below [^ ]+'

    sed -E "s/^(  [+\\]- [^ ]+( = [^ ]+)? +($kinds)( +unit [0-9])?).*/\1/"
}

check_machine()
{
    local name="sysfs gives the same devices as lspci"

    make_sysfs "$work/sys"
    "$udmar" table --sysfs "$work/sys" 2>&1 | without_names >"$work/own"
    without_names <"$here/table/machine-lspci.expected" >"$work/theirs"
    if diff -u "$work/theirs" "$work/own" >"$work/diff"; then
        ok "$name"
    else
        not_ok "$name" <"$work/diff"
    fi
    name="--no-devices leaves them out"
    "$udmar" table -n --sysfs "$work/sys" >"$work/own" 2>&1
    if diff -u "$here/table/machine.expected" "$work/own" >"$work/diff"; then
        ok "$name"
    else
        not_ok "$name" <"$work/diff"
    fi
}

# ---- programs in Python: JSON against the schemas, real tables against iasl's reading -------------

check_python()
{
    local python

    python=$(find_python)
    if [ -z "$python" ]; then
        skip "JSON follows the schemas" "python3-jsonschema is not there"
        return
    fi
    "$python" "$here/check_tables.py" --udmar "$udmar" --schemas "$schemas" --inputs "$here" \
        --corpus "$corpus" >"$work/python" 2>&1 || echo "not ok - check_tables.py ends well" \
        >>"$work/python"
    while IFS= read -r line; do
        case $line in
        "ok - "*"# SKIP "*) skip "$(sed 's/^ok - //; s/ # SKIP.*//' <<<"$line")" "${line##*# SKIP }" ;;
        "ok - "*) ok "${line#ok - }" ;;
        "not ok - "*) not_ok "${line#not ok - }" <"$work/python" ;;
        "# "*) echo "$line" ;;
        esac
    done <"$work/python"
}

printf 'DMAR\060\000\000\000%0100d' 0 >"$work/raw.dat"
printf '\020\000\000\000\000' >"$work/short.dat"
check_golden
check_usage
check_output
check_machine
check_python
echo "1..$tests"
[ "$failures" -eq 0 ]
