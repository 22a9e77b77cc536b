#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# One boot as a TAP test: scripts/boot_test.sh [machine.sh options] IMAGE COMMAND-LINE
# The claims of the kernel are the test's points; the console log is shown when anything failed.
set -u

here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

"$here/machine.sh" --keep "$dir" "$@" </dev/null >"$dir/console" 2>"$dir/qemu"
status=$?
if [ $status -eq 77 ]; then
    echo "1..0 # SKIP $(sed -n 's/^machine.sh: //p' "$dir/qemu")"
    exit 0
fi
tr -d '\r' <"$dir/console" >"$dir/log"
grep -E '^(ok |not ok |1\.\.)' "$dir/log"
claims=$(grep -cE '^(ok|not ok) ' "$dir/log")

# What the kernel believes to have written must be on the disks.
disk_failures=0
while read -r sum image; do
    found=$(python3 "$here/fnv.py" "$dir/$image" $((64 * 512)) $((640 * 1024)))
    [ "$found" = "$sum" ] && continue
    disk_failures=$((disk_failures + 1))
    echo "# $image holds checksum $found, the kernel wrote $sum"
done < <(sed -nE 's/^ok .*disk adapter at 02:01\.0: .*written.*checksum ([0-9a-f]+)$/\1 disk1.img/p;
                  s/^ok .*disk adapter at 00:1f\.2: .*written.*checksum ([0-9a-f]+)$/\1 disk0.img/p' "$dir/log")

if [ $status -ne 0 ] || [ $disk_failures -ne 0 ] || ! grep -q '^1\.\.' "$dir/log"; then
    console=/dev/stdout
    # meson shows only the end of what a test prints; ./check shows these files whole.
    if [ -n "${UDMAR_FAILED_BOOTS-}" ]; then
        mkdir -p "$UDMAR_FAILED_BOOTS"
        console=$(mktemp "$UDMAR_FAILED_BOOTS/boot.XXXXXX")
    fi
    {
        echo "# the boot failed (status $status, $claims claims): $*"
        echo "# the console said:"
        sed 's/^/# | /' "$dir/log"
        sed 's/^/# qemu: /' "$dir/qemu"
    } >>"$console"
    exit 1
fi
