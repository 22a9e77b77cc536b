#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Exit status 0 when this machine runs 32-bit programs.
set -u
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
echo 'int main(void) { return 0; }' >"$dir/program.c"
gcc -m32 "$dir/program.c" -o "$dir/program" && "$dir/program" 2>/dev/null
