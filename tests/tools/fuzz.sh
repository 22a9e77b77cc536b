#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Runs the fuzzers of a build folder that was made with CC=clang and -Dtools=true -Dfuzz=true.
#
#   fuzz.sh BUILD [SECONDS] [NAME...]
#
# Seeds are the hand-made inputs next to this script, and the real tables and logs where they are
# (UDMAR_CORPUS, UDMAR_REPORTS; default ../shared/corpus, ../shared/reports). What a fuzzer finds new stays in BUILD/fuzz/NAME; an
# input that makes it fail is printed and lies in BUILD/fuzz.
set -u -o pipefail

here=$(realpath "$(dirname "$0")")
build=$(realpath "${1:?"usage: fuzz.sh BUILD [SECONDS] [NAME...]"}") || exit 2
seconds=${2:-60}
shift $(($# < 2 ? $# : 2))
corpus=${UDMAR_CORPUS:-$here/../../../shared/corpus}
status=0

# seeds NAME: the inputs a fuzzer begins with, as file names.
seeds()
{
    case $1 in
    table_input) ls "$here"/table/*.txt "$build"/tests/tables/*.aml "$corpus"/dmar*/*.dat ;;
    pci_lspci) ls "$here"/table/*.lspci ;;
    explain) ls "$here"/explain/*.log "${UDMAR_REPORTS:-$here/../../../shared/reports}"/*/*.txt ;;
    unit_dump) ls "$here"/unit/*.txt "$here"/unit/*.regset ;;
    walk) ls "$build"/fuzz/walk-images/* ;;
    esac 2>/dev/null
}

run_one()
{
    local name=$1 folder=$build/fuzz/$1

    mkdir -p "$folder/seeds"
    : >"$folder/seeds/nothing" # a fuzzer without seeds still needs one
    # A whole tree of tables is larger than any text.
    local longest=16384
    if [ "$name" = walk ]; then
        longest=65536
        mkdir -p "$build/fuzz/walk-images"
        python3 "$here/walk_image.py" "$build/fuzz/walk-images" >/dev/null
    fi
    seeds "$name" | xargs -r -d '\n' cp -t "$folder/seeds"
    echo "== $name, $seconds s"
    "$build/tests/tools/fuzz_$name" -max_total_time="$seconds" -max_len=$longest -timeout=10 \
        -rss_limit_mb=1024 -print_final_stats=1 -artifact_prefix="$build/fuzz/$name-" \
        "$folder" "$folder/seeds" >"$build/fuzz/$name.log" 2>&1
    local result=$?

    grep -E '^stat::(number_of_executed_units|peak_rss_mb|slowest_unit)' "$build/fuzz/$name.log"
    if [ "$result" -ne 0 ]; then
        grep -E 'ERROR|SUMMARY|Test unit written' "$build/fuzz/$name.log" | head
        status=1
    fi
}

for name in "${@:-}"; do
    if [ -n "$name" ]; then
        run_one "$name"
    else
        for each in explain pci_lspci table_input unit_dump walk; do
            run_one "$each"
        done
    fi
done
exit $status
