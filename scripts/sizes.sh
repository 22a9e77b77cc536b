#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Bytes of code and constants of the library, as docs/PORTING.md has them: scripts/sizes.sh [-m32]
# CC, default gcc, with -Os and nothing else that a kernel would add.
set -u
cd "$(dirname "$0")/.." || exit 1
bits=${1:--m64}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

compile_one() {
    # shellcheck disable=SC2086 # words
    "${CC:-gcc}" $flags -c "$1" -o "$work/$(tr / _ <<<"$1").o"
}
export -f compile_one
export work

size_of() { # SWITCHES...: of the files in $sources
    rm -f "$work"/*.o
    export flags="$bits -std=c11 -Os -ffreestanding -fno-pic -fno-asynchronous-unwind-tables -Iinclude -Isrc $*"
    xargs -P 2 -n 1 bash -c 'compile_one "$1"' bash <<<"$sources"
    size -t "$work"/*.o | awk 'END { print $1 }'
}

row() { # NAME SWITCHES...
    local name=$1
    shift
    printf '| %s | %s |\n' "$name" "$(size_of "$@")"
}

sources=$(find src -name '*.c' | sort)
echo '| build | bytes |'
echo '|---|---:|'
row 'everything'
row '`UDMAR_WITHOUT_FAULT_TEXT`' -DUDMAR_WITHOUT_FAULT_TEXT
row '`UDMAR_WITHOUT_TABLE_CHECK`' -DUDMAR_WITHOUT_TABLE_CHECK
row '`UDMAR_WITHOUT_STREAMS`' -DUDMAR_WITHOUT_STREAMS
sources=$(find src -name '*.c' ! -path 'src/busdma/*' | sort)
row 'without `src/busdma/`'
row 'all four' -DUDMAR_WITHOUT_FAULT_TEXT -DUDMAR_WITHOUT_TABLE_CHECK -DUDMAR_WITHOUT_STREAMS
row 'all four and `UDMAR_SINGLE_THREAD`' -DUDMAR_WITHOUT_FAULT_TEXT -DUDMAR_WITHOUT_TABLE_CHECK -DUDMAR_WITHOUT_STREAMS -DUDMAR_SINGLE_THREAD
