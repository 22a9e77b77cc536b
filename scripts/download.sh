#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Downloads that say how far they are. Sourced by scripts/qemu/fetch.sh and scripts/linux/fetch.sh, whose lock is
# file descriptor 9.

# Runs a command that fills a folder with so many MiB; its status.
with_progress() { # FOLDER MIB COMMAND...
    local folder=$1 size=$2 shows status
    shift 2
    {
        before=0
        while sleep 5; do
            here=$(du -sm "$folder" | cut -f 1)
            [ "$here" -le $((before + 1)) ] || echo "  $here of $size MiB are here" >&2
            before=$here
        done
    } 9>&- &
    shows=$!
    "$@"
    status=$?
    kill $shows
    wait $shows 2>/dev/null
    return $status
}
