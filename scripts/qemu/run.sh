#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Runs a command whose QEMU is of a series: 10 and 11 as fetch.sh unpacks them, "system" for the own one.
#
#   scripts/qemu/run.sh system|10|11 COMMAND...
#
# Everything of this tree takes qemu-system-x86_64 and -i386 from PATH, and that is what changes here;
# UDMAR_QEMU_SERIES says which one it is.
# Exit status: the command's; 77 with one line when that QEMU cannot be had.
set -u -o pipefail
here=$(cd "$(dirname "$0")" && pwd)

series=${1:?usage: run.sh system|10|11 COMMAND...}
shift
export UDMAR_QEMU_SERIES=$series
[ "$series" = system ] && exec "$@"
folder=$("$here/fetch.sh" "$series") || exit
# As long as the command runs, no other check takes the folder away.
exec 8<"$folder/.use"
flock -s 8
export PATH="$folder/bin:$PATH"
exec "$@"
