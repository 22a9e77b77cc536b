#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The kernel base alone, as TAP: its self-test, and that an exception and a panic end in a dump that
# can be read. scripts/base_test.sh IMAGE
set -u

here=$(cd "$(dirname "$0")" && pwd)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
number=0

point() { # HELD TEXT
    number=$((number + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $number - $2"
    else
        echo "not ok $number - $2"
        sed 's/^/# | /' "$log"
    fi
}

boot() { # [OPTIONS] IMAGE COMMAND-LINE
    "$here/machine.sh" "$@" </dev/null 2>&1 | tr -d '\r' >"$log"
    return "${PIPESTATUS[0]}"
}

boot "$1" "" && grep -q 'base self-test: 0 failures' "$log"
point $? "the self-test of the base passes"
boot --hpet-msi "$1" "" && grep -q 'base self-test: 0 failures' "$log" && grep -q 'by message of timer' "$log"
point $? "so it does where the HPET sends messages"
boot --x2apic "$1" "apic=x2apic"
status=$?
if [ $status -eq 77 ]; then
    number=$((number + 1))
    echo "ok $number - the same in x2APIC mode # SKIP this QEMU does not emulate it"
else
    [ $status -eq 0 ] && grep -q 'base self-test: 0 failures' "$log" && grep -q 'local APIC in x2APIC mode' "$log"
    point $? "the same in x2APIC mode"
fi
! boot "$1" "test=fault" && grep -q 'exception 14: page fault' "$log" &&
    grep -qE '^(rip|eip) [0-9a-f]{8}' "$log" && grep -q 'back trace:' "$log"
point $? "an exception is dumped: name, registers, back trace"
! boot "$1" "test=stack" && grep -qi 'stack' "$log"
point $? "a stack overflow is caught and named"
! boot "$1" "test=panic" && grep -q 'the kernel panicked' "$log"
point $? "a panic ends the kernel with a status of its own"
echo "1..$number"
