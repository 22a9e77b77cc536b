#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The slow figures of docs/testing/: called by ./check.
#
#   report.sh report                         all of the following, about 40 minutes
#   report.sh report coverage                line and branch coverage of src/ from the unit tests, with reasons
#   report.sh report figures                 how much is tried, and how fast: cases, interleavings, faults, fuzzing
#   report.sh report mutation [PATTERN...]   breaks the library in hundreds of ways, one at a time
#   report.sh fuzz [SECONDS [TARGET...]]     the library's fuzzers
#
# The exit status says whether there is something to do.
set -u
cd "$(dirname "$0")/.." || exit 1
. scripts/packages.sh

set_up() { # DIR OPTIONS...
    local dir=build/$1
    shift
    [ -f "$dir/build.ninja" ] || meson setup "$dir" -Dkernel=false "$@" >/dev/null
}

coverage() {
    need_packages gcc meson ninja-build python3 libcmocka-dev acpica-tools || exit 1
    # Tests with threads: counters that are not atomic lose branches now and then.
    CC=gcc set_up coverage -Dbuildtype=debug -Db_coverage=true -Dassertions=disabled -Dc_args=-fprofile-update=atomic || exit 1
    ninja -C build/coverage >build/coverage/build.log || { tail -n 20 build/coverage/build.log; exit 1; }
    find build/coverage -name '*.gcda' -delete
    # The allowance is for a machine that does something else as well.
    meson test -C build/coverage --no-rebuild --suite unit --num-processes 2 --timeout-multiplier 10 \
        >build/coverage/tests.log 2>&1 || { grep -E 'FAIL|TIMEOUT|ERROR' build/coverage/tests.log; exit 1; }
    python3 tests/coverage/coverage.py build/coverage
}

# Without sanitizers: that is how fast the tests are. The fuzzers have theirs.
figures() {
    need_packages gcc clang libclang-rt-14-dev meson ninja-build python3 libcmocka-dev acpica-tools qemu-system-x86 spin ||
        exit 1
    CC=gcc set_up report -Dbuildtype=release -Dassertions=disabled || exit 1
    ninja -C build/report >build/report/build.log || { tail -n 20 build/report/build.log; exit 1; }
    echo "# the tests, one after the other: about four minutes"
    meson test -C build/report --no-rebuild --suite unit --suite spin --suite qemu --num-processes 1 \
        --timeout-multiplier 10 >build/report/tests.log 2>&1 ||
        { grep -E 'FAIL|TIMEOUT|ERROR' build/report/tests.log; exit 1; }
    echo "# the fuzzers: a minute"
    fuzz 60 >build/report/fuzz.log || { cat build/report/fuzz.log; exit 1; }
    python3 scripts/figures.py build/report build/fuzz
}

mutation() {
    need_packages gcc python3 libcmocka-dev acpica-tools || exit 1
    python3 tests/mutation/mutate.py "$@"
}

fuzz() {
    need_packages clang libclang-rt-14-dev meson ninja-build acpica-tools libcmocka-dev || exit 1
    CC=clang set_up fuzz -Dfuzz=true -Db_lundef=false || exit 1
    ninja -C build/fuzz fuzzers >build/fuzz/build.log || { tail -n 20 build/fuzz/build.log; exit 1; }
    local seconds=${1:-3600}
    shift $(($# > 0 ? 1 : 0))
    tests/fuzz/run.sh build/fuzz "$seconds" "$@"
}

mkdir -p build
case "${1-} ${2-}" in
"report mutation") shift 2; mutation "$@" ;;
"report coverage") coverage ;;
"report figures") figures ;;
"report ")
    bad=0
    for part in coverage figures mutation; do
        echo "== $part"
        ("$part") || bad=1
    done
    exit $bad
    ;;
"fuzz "*) shift; fuzz "$@" ;;
*) echo "report.sh: there is no $*; there are:" >&2; sed -n '/^#   /s/^#   //p' "$0" >&2; exit 2 ;;
esac
