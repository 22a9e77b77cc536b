#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Checks the two protocols in all interleavings with spin, and that broken ones are found broken.
# Prints TAP and how many states there were.
set -u -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
cc=${CC:-gcc}
work=$(mktemp -d) || { echo "Bail out! no temporary folder"; exit 1; }
trap 'rm -rf "$work"' EXIT
tests=0
failures=0

# check NAME EXPECTED MODEL SPIN-OPTIONS PAN-OPTIONS: "whole" finds no error, "broken" finds one.
check()
{
    local name=$1 expected=$2 model=$3 options=$4 found states
    local -a mode
    read -ra mode <<<"$5"

    tests=$((tests + 1))
    mkdir -p "$work/$tests"
    cd "$work/$tests" || exit 1
    # shellcheck disable=SC2086 # options are words
    if ! spin $options -a "$here/$model" >spin.log 2>&1 ||
        ! "$cc" -m64 -O2 -w -DMEMLIM=1500 -DVECTORSZ=2048 ${6-} -o pan pan.c >cc.log 2>&1; then
        sed 's/^/# /' spin.log cc.log
        found=unknown
    else
        ./pan -m200000 "${mode[@]}" >pan.log 2>&1
        if grep -q 'errors: 0' pan.log && ! grep -qE 'out of memory|max search depth too small' pan.log; then
            found=whole
        elif grep -q 'errors: [1-9]' pan.log; then
            found=broken
        else
            found=unknown
        fi
        states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' pan.log | head -n 1)
    fi
    if [ $found = "$expected" ]; then
        echo "ok $tests - $name: $found, ${states:-?} states"
    else
        failures=$((failures + 1))
        echo "not ok $tests - $name: $found, should be $expected"
        sed 's/^/# /' pan.log
    fi
}

echo 1..14
check "wait: safety, three callers" whole wait.pml "-DROUNDS=1" "" -DNOCLAIM
check "wait: safety, two callers, three rounds" whole wait.pml "-DCALLERS=2 -DROUNDS=3" "" -DNOCLAIM
check "wait: safety with callers that give up" whole wait.pml "-DTIMEOUTS -DCALLERS=2" "" -DNOCLAIM
check "wait: nobody waits for ever" whole wait.pml "-DCALLERS=2" "-a -f" -DNFAIR=5
check "wait: joining the wait in flight" broken wait.pml "-DJOIN_FLIGHT" "" -DNOCLAIM
check "wait: no commit" broken wait.pml "-DNO_COMMIT -DCALLERS=2" "-a -f" -DNFAIR=5
check "wait: no repair" broken wait.pml "-DNO_REPAIR -DCALLERS=2" "-a -f" -DNFAIR=5
check "wait: a repair without a wait" broken wait.pml "-DNO_NEW_WAIT -DCALLERS=2" "-a -f" -DNFAIR=5
check "table: two callers, two rounds" whole table.pml "" ""
check "table: two callers, three rounds" whole table.pml "-DROUNDS=3" ""
check "table: nobody outruns" broken table.pml "-DNO_OUTRUN" ""
check "table: leaf-only invalidation of a table" broken table.pml "-DLEAF_ONLY" ""
check "table: freed early" broken table.pml "-DEARLY_FREE" ""
check "table: no invalidation" broken table.pml "-DNO_FLUSH" ""
[ $failures = 0 ]
