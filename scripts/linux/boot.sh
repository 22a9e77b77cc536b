#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Boots a kernel that fetch.sh has unpacked, in QEMU's q35 machine under software emulation.
#
#   scripts/linux/boot.sh SERIES [options] ARCHIVE... [-- QEMU-ARGUMENTS...]
#     --cpus N          default 1; with more, one emulator thread runs them all (see below)
#     --threads multi   one emulator thread for each processor
#     --memory SIZE     default 2G
#     --iommu OPTIONS   for the remapping unit, such as aw-bits=48; "none" leaves it out
#     --append WORDS    more of the kernel's command line
#     --bzimage         the packed kernel: QEMU writes an ELF file into memory at each reset, and a wake-up is one
#     --linux-iommu     without intel_iommu=off intremap=off: Linux's own driver may have the units
#     --timeout SECONDS default 300
#     --icount          count instructions: time is their number, and runs repeat exactly
#
# ARCHIVEs are put one behind the other as the initramfs. The serial console is on standard output
# and input. QEMU-ARGUMENTS add devices; the remapping unit stands before them, as it must.
#
# Linux 6.12 with several emulator threads dies early in its boot now and then, in the patching of
# its own code, so several processors share one thread unless somebody asks for more.
#
# Exit status: QEMU's, 124 when the time is up.
set -u -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)

series=${1:?usage: boot.sh SERIES [options] ARCHIVE... [-- QEMU-ARGUMENTS...]}
shift
cpus=1 threads=single memory=2G iommu= append= limit=300 packed= off="intel_iommu=off intremap=off" icount=()
archives=()
while [ $# -gt 0 ]; do
    case $1 in
    --cpus) cpus=$2; shift ;;
    --threads) threads=$2; shift ;;
    --memory) memory=$2; shift ;;
    --iommu) iommu=$2; shift ;;
    --append) append=$2; shift ;;
    --timeout) limit=$2; shift ;;
    --bzimage) packed=yes ;;
    --linux-iommu) off= ;;
    --icount) icount=(-icount shift=0,sleep=off -seed 1 -rtc base=2024-01-01,clock=vm) ;;
    --) shift; break ;;
    -*) echo "boot.sh: there is no option $1" >&2; exit 2 ;;
    *) archives+=("$1") ;;
    esac
    shift
done
kernel=$top/build/linux/$series/vmlinux
[ -z "$packed" ] || kernel=$top/build/linux/$series/root/boot/vmlinuz-$(cat "$top/build/linux/$series/release")
[ -f "$kernel" ] || { echo "there is no kernel $series: run scripts/linux/fetch.sh" >&2; exit 1; }

unit=(-device "intel-iommu,intremap=on${iommu:+,$iommu}")
[ "$iommu" = none ] && unit=()
initramfs=$(mktemp)
trap 'rm -f "$initramfs"' EXIT
cat "${archives[@]}" >"$initramfs" || exit 1
timeout --foreground "$limit" qemu-system-x86_64 -M q35 -accel "tcg,thread=$threads" -cpu max -smp "$cpus" \
    -m "$memory" -nodefaults -display none -no-reboot -serial stdio -monitor none "${icount[@]}" \
    -kernel "$kernel" -initrd "$initramfs" \
    -append "console=ttyS0 quiet panic=-1 no_timer_check $off${append:+ $append}" "${unit[@]}" "$@"
