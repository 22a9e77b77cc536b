#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Runs the library's fuzzers of a build folder made with CC=clang and -Dfuzz=true. Prints TAP: one
# point a target.
#
#   run.sh BUILD [SECONDS [NAME...]]
#
# SECONDS (default: UDMAR_FUZZ_SECONDS, else 30) are for all targets together, two at a time; operations
# on the model get half of both processors. Seeds are tests/fuzz/seeds/NAME, the compiled tables and what earlier runs
# have found, which stays in BUILD/fuzz/NAME. BUILD/fuzz/executions.txt has a line for each run of a target:
# its name, executions, seconds. An input that fails lies in BUILD/fuzz, its log beside
# it; run the target on that file to see it again.
set -u -o pipefail

here=$(realpath "$(dirname "$0")")
build=$(realpath "${1:?"usage: run.sh BUILD [SECONDS [NAME...]]"}") || exit 2
seconds=${2:-${UDMAR_FUZZ_SECONDS:-30}}
# ./check goes the same way every time, so that it says something about a change; who asks for a time
# looks for what is new.
chance=()
[ $# -lt 2 ] && [ -z "${UDMAR_FUZZ_SECONDS-}" ] && chance=(-seed=1)
shift $(($# < 2 ? $# : 2))
names=("$@")
[ ${#names[@]} -gt 0 ] || names=(ops faults found scopes table tunables)
tests=0
failures=0

# Two lanes, one for each processor that we have. ops weighs as much as four others.
lane_of=() lane_weight=(0 0)
for name in "${names[@]}"; do
    weight=1 lane=0
    [ "$name" = ops ] && weight=4
    [ "${lane_weight[1]}" -lt "${lane_weight[0]}" ] && lane=1
    lane_of+=("$lane")
    lane_weight[lane]=$((lane_weight[lane] + weight))
done

# share NAME LANE: seconds of the whole.
share()
{
    local weight=1 time

    [ "$1" = ops ] && weight=4
    time=$((seconds * weight / lane_weight[$2]))
    echo $((time > 0 ? time : 1))
}

# The table target wants a control block before a table: flags, segment, function, no bridges.
compiled_tables()
{
    local table

    for table in "$build"/tests/tables/*.aml; do
        [ -f "$table" ] && { printf '\1\0\20\0\0'; cat "$table"; } >"$1/${table##*/}"
    done
}

fuzz() # NAME SECONDS: its result in a file
{
    local name=$1 time=$2 found=$build/fuzz/$1 log=$build/fuzz/$1.log seeds=$build/fuzz/seeds-$1
    local program=$build/tests/fuzz/fuzz_$1 options=()

    mkdir -p "$found" "$seeds"
    cp -r "$here/seeds/$name/." "$seeds" 2>/dev/null
    [ "$name" = table ] && compiled_tables "$seeds"
    [ -f "$here/$name.dict" ] && options+=("-dict=$here/$name.dict")
    "$program" -max_total_time="$time" -max_len=4096 -timeout=20 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="$build/fuzz/$name-" "${options[@]}" "${chance[@]}" \
        "$found" "$seeds" >"$log" 2>&1
    echo $? >"$build/fuzz/$name.status"
}

lane() # NUMBER
{
    local i

    for i in "${!names[@]}"; do
        [ "${lane_of[$i]}" = "$1" ] && fuzz "${names[$i]}" "$(share "${names[$i]}" "$1")"
    done
}

tell() # NAME LANE
{
    local name=$1 log=$build/fuzz/$1.log executions

    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    echo "$name ${executions:-0} $(share "$name" "$2")" >>"$build/fuzz/executions.txt"

    tests=$((tests + 1))
    if [ "$(cat "$build/fuzz/$name.status" 2>/dev/null)" = 0 ]; then
        echo "ok $tests - $name"
    else
        failures=$((failures + 1))
        echo "not ok $tests - $name"
        grep -aE 'not true|violation|ERROR|SUMMARY|runtime error|Test unit written' "$log" |
            head -n 12 | sed 's/^/# /'
    fi
    echo "# $(share "$name" "$2") s, ${executions:-?} executions," \
        "$(grep -aoE 'cov: [0-9]+ ft: [0-9]+' "$log" | tail -n 1 |
            sed -E 's/cov: ([0-9]+) ft: ([0-9]+)/\1 edges, \2 features/')"
}

rm -f "$build"/fuzz/*.status
lane 0 &
lane 1 &
wait
for i in "${!names[@]}"; do
    tell "${names[$i]}" "${lane_of[$i]}"
done
echo "1..$tests"
[ $failures -eq 0 ]
