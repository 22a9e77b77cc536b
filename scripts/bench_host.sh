#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Builds the programs of tests/bench and runs them. Sourced by ./bench, from the top of the tree.

host_build=build/bench
host_turns=1000

bench_host_build() {
    need_packages gcc meson ninja-build python3 >&2 || return 1
    if [ ! -f $host_build/build.ninja ]; then
        # -O2 as a kernel would have it.
        meson setup $host_build -Dtests=false -Dkernel=false -Dbench=true >/dev/null || return 1
    fi
    ninja -C $host_build tests/bench/bench-host tests/bench/bench-host-one-wait >/dev/null
}

# Instructions of a 4 KiB load and unload on the host, counted by valgrind: the same in every run.
bench_host_callgrind() {
    local file count
    need_packages valgrind >&2 || return 1
    file=$(mktemp)
    echo "measuring: callgrind..." >&2
    valgrind --tool=callgrind --callgrind-out-file="$file" --toggle-collect=bench_cycle \
        $host_build/tests/bench/bench-host cycles $host_turns >/dev/null 2>&1
    count=$(sed -n 's/^totals: //p' "$file")
    rm -f "$file"
    [ "${count:-0}" -gt 0 ] || { echo "bench: callgrind counted nothing" >&2; return 1; }
    printf '{"what": "load+unload", "size": 4096, "mode": "callgrind", "avg": %s, "unit": "instructions"}\n' \
        "$(python3 -c "print(round($count / $host_turns, 1))")"
}

# bench_host_run [MEASUREMENT...]: all of them or those, as JSON lines.
bench_host_run() {
    local what
    [ $# -gt 0 ] || set -- table iova threads waits memory callgrind
    for what in "$@"; do
        case "$what" in
        callgrind) bench_host_callgrind || return 1 ;;
        waits)
            $host_build/tests/bench/bench-host waits || return 1
            $host_build/tests/bench/bench-host-one-wait waits || return 1
            ;;
        *) $host_build/tests/bench/bench-host "$what" || return 1 ;;
        esac
    done
}
