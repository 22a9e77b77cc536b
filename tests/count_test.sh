#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# ./check counts a program that ends in an error as a failure, whatever its points say. Prints TAP.
set -u
cd "$(dirname "$0")/.." || exit 1
work=$(mktemp -d) || { echo "Bail out! no temporary folder"; exit 1; }
trap 'rm -rf "$work"' EXIT
mkdir "$work/meson-logs"
tests=0

# expect NAME LINE POINTS-AS-XML RESULT STATUS: what count.py says of one program with these logs.
expect()
{
    local said

    tests=$((tests + 1))
    printf '<testsuites>%s</testsuites>' "$3" >"$work/meson-logs/testlog.junit.xml"
    printf '{"name": "udmar:unit / one", "result": "%s", "returncode": %s}\n' "$4" "$5" >"$work/meson-logs/testlog.json"
    said=$(python3 scripts/count.py 0 "$work" | tail -n 1)
    if [ "$said" = "$2" ]; then
        echo "ok $tests - $1"
    else
        echo "not ok $tests - $1"
        echo "# said: $said"
    fi
}

points='<testsuite name="udmar.udmar:unit / one" errors="0"><testcase name="1 - a"/><testcase name="2 - b"/></testsuite>'
broken='<testsuite name="udmar.udmar:unit / one" errors="0"><testcase name="1 - a"/><testcase name="2 - b"><failure/></testcase></testsuite>'
early='<testsuite name="udmar.udmar:unit / one" errors="1"><testcase name="1 - a"/></testsuite>'
plain='<testsuite name="udmar" errors="0"><testcase name="udmar:unit / one"><failure/></testcase></testsuite>'
skipped='<testsuite name="udmar.udmar:unit / one" errors="0"><testcase name="1 - a"><skipped/></testcase><testcase name="2 - b"/></testsuite>'

echo 1..7
expect "all is well" "2 passed, 0 failed" "$points" OK 0
expect "a point fails" "1 passed, 1 failed" "$broken" FAIL 1
expect "all points are right, a sanitizer objects at the exit" "2 passed, 1 failed" "$points" ERROR 66
expect "the program breaks off" "1 passed, 1 failed" "$early" ERROR 139
expect "a program without points fails" "0 passed, 1 failed" "$plain" FAIL 1
expect "a program of which there is nothing but its end" "0 passed, 1 failed" "" TIMEOUT -15
expect "a point is skipped" "1 passed, 0 failed, 1 skipped" "$skipped" OK 0
