# SPDX-License-Identifier: BSD-2-Clause
#
# What the scripts of this folder share; sourced. Prints TAP.
set -u -o pipefail
export LC_ALL=C

root=$(realpath "${UDMAR_SOURCE_ROOT:-$(dirname "${BASH_SOURCE[0]}")/../..}")
work=$(mktemp -d) || { echo "Bail out! no temporary folder"; exit 1; }
trap 'rm -rf "$work"' EXIT
tests=0
failures=0

report() { # NAME STATUS FILE-WITH-DIAGNOSTICS
    tests=$((tests + 1))
    if [ "$2" -eq 0 ]; then
        echo "ok $tests - $1"
    else
        failures=$((failures + 1))
        echo "not ok $tests - $1"
        head -n 40 "$3" | sed 's/^/# /'
    fi
}

# try NAME COMMAND...: a test that a command succeeds, within four minutes and in silence.
try() {
    local title=$1 result=0
    shift
    if declare -F "$1" >/dev/null; then
        ("$@") >"$work/said" 2>&1 || result=$?
    else
        timeout 240 "$@" >"$work/said" 2>&1 || result=$?
    fi
    [ $result -ne 124 ] || echo "it took more than four minutes" >>"$work/said"
    [ $result -ne 0 ] || [ ! -s "$work/said" ] || result=1
    report "$title" $result "$work/said"
}

# refused NAME WORDS COMMAND...: a test that a command fails and says the words.
refused() {
    local name=$1 words=$2 status=0
    shift 2
    timeout 240 "$@" >"$work/said" 2>&1 && echo "it succeeded" >>"$work/said" && status=1
    grep -qF -- "$words" "$work/said" || status=1
    report "$name" $status "$work/said"
}

skip() { # NAME REASON
    tests=$((tests + 1))
    echo "ok $tests - $1 # SKIP $2"
}

# Tests that may run beside each other: later NAME COMMAND..., then together runs them two at a time.
later() {
    local name=$1
    shift
    printf '%s\0' "$name" >>"$work/later.names"
    printf 'timeout 240 %s\0' "${*@Q}" >>"$work/later.commands"
}
together() {
    local name n=0 status
    mkdir -p "$work/later"
    n=0
    while IFS= read -r -d '' command; do
        n=$((n + 1))
        printf '%s\0' "$n" "$command"
    done <"$work/later.commands" |
        WORK=$work xargs -0 -n 2 -P 2 bash -c 'eval "$2" >"$WORK/later/$1" 2>&1; echo $? >"$WORK/later/$1.status"' bash
    n=0
    while IFS= read -r -d '' name; do
        n=$((n + 1))
        status=$(cat "$work/later/$n.status")
        [ "$status" -ne 124 ] || echo "it took more than four minutes" >>"$work/later/$n"
        [ "$status" -ne 0 ] || [ ! -s "$work/later/$n" ] || status=1
        report "$name" "$status" "$work/later/$n"
    done <"$work/later.names"
    rm -rf "$work/later" "$work/later.names" "$work/later.commands"
}

finish() {
    echo "1..$tests"
    [ "$failures" -eq 0 ]
    exit
}
