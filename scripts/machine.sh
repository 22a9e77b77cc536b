#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The machine that the reference kernel runs on, in QEMU: one AHCI adapter, e1000e and two edu devices
# at the root complex; AHCI, e1000 and edu behind a PCIe root port and a PCIe-to-PCI bridge.
#
#   scripts/machine.sh [options] IMAGE COMMAND-LINE
#     --memory SIZE     default 512M
#     --aw BITS         width of the remapping unit, 39 (default) or 48
#     --caching-mode    the unit caches not-present entries
#     --no-pt           the unit cannot pass requests through (QEMU 11 has none like that)
#     --no-unit         no remapping unit at all
#     --no-ir           the unit cannot remap interrupts
#     --x2apic          a processor with x2APIC mode (say apic=x2apic to the kernel, too) and a unit that
#                       takes 32-bit APIC ids; status 77 where QEMU emulates neither
#     --hpet-msi        the HPET can send messages
#     --narrow          one more edu, at 00:07.0, whose DMA reaches 28 address bits (say narrow to the
#                       kernel, too: a driver cannot find that out)
#     --plain BITS      QEMU's 32- or 64-bit program with the processor that it has by default; else the
#                       64-bit program and a processor with every feature
#     --old-bridge      a bridge that shows no PCI Express capability (82801), with e1000 in its slots 0
#                       and 1: the function in slot 0 has the id that the other one's requests may carry
#     --keep DIR        where the disk images are left; default: a folder that goes away
#
# The console is on standard output and input. QEMU's own remarks go to standard error.
# The kernel is told QEMU's series as well, in a word qemu=7.
# Exit status 0 when the kernel ended with success, 1 when it did not, 2 for a wrong call, 77 where this QEMU
# has no such machine.
set -u

memory=512M
unit=intel-iommu
aw=39
extra=
narrow=
old=
no_pt=
keep=
x2apic=
hpet=()
qemu=(qemu-system-x86_64 -cpu max)
while [ $# -gt 0 ]; do
    case "$1" in
    --memory) memory=$2; shift 2 ;;
    --aw) aw=$2; shift 2 ;;
    --caching-mode) extra+=,caching-mode=on; shift ;;
    --no-pt) no_pt=yes; shift ;;
    --no-unit) unit=; shift ;;
    --no-ir) extra+=,intremap=off; shift ;;
    --x2apic) x2apic=yes; shift ;;
    --hpet-msi) hpet=(-global hpet.msi=on); shift ;;
    --narrow) narrow=yes; shift ;;
    --plain) case "$2" in
        32) qemu=(qemu-system-i386) ;;
        64) qemu=(qemu-system-x86_64) ;;
        *) echo "machine.sh: --plain takes 32 or 64" >&2; exit 2 ;;
        esac; shift 2 ;;
    --old-bridge) old=yes; shift ;;
    --keep) keep=$2; shift 2 ;;
    --) shift; break ;;
    -*) echo "machine.sh: there is no option $1" >&2; exit 2 ;;
    *) break ;;
    esac
done
if [ $# -ne 2 ]; then
    echo "usage: machine.sh [options] IMAGE COMMAND-LINE" >&2
    exit 2
fi

# What the kernel has to know of the emulator; attacks on interrupts end differently in each.
version=$("${qemu[0]}" --version | sed -nE '1s/.*version ([0-9]+).*/\1/p')

# An emulator that lacks a feature only warns of it, unless it is told to enforce it.
if [ -n "$x2apic" ]; then
    qemu=("${qemu[0]}" -cpu max,x2apic=on,enforce)
    extra+=,eim=on
    if ! echo quit | "${qemu[@]}" -machine q35 -accel tcg -nodefaults -display none -S -monitor stdio \
        -device intel-iommu,intremap=on,eim=on >/dev/null 2>&1; then
        echo "machine.sh: QEMU $version does not emulate x2APIC mode" >&2
        exit 77
    fi
fi

dir=$keep
if [ -z "$dir" ]; then
    dir=$(mktemp -d)
    trap 'rm -rf "$dir"' EXIT
fi
mkdir -p "$dir"
truncate -s 8M "$dir/disk0.img" "$dir/disk1.img"

# Versions differ in the properties of the unit.
properties=
has() { # PROPERTY
    [ -n "$properties" ] || properties=$("${qemu[0]}" -device intel-iommu,help)
    grep -q "^  $1=" <<<"$properties"
}
if [ -n "$no_pt" ]; then
    has pt || {
        echo "machine.sh: all units of this QEMU pass requests through" >&2
        exit 77
    }
    extra+=,pt=off
fi

devices=()
[ -n "$unit" ] && devices+=(-device "$unit,aw-bits=$aw$extra")
edu=edu,dma_mask=0xffffffffffffffff
devices+=(
    -device ide-hd,bus=ide.0,drive=d0
    -device e1000e,netdev=n0,bus=pcie.0,addr=3.0,romfile=
    -device "$edu,bus=pcie.0,addr=4.0"
    -device "$edu,bus=pcie.0,addr=5.0"
    -device pcie-root-port,id=rootport0,bus=pcie.0,addr=6.0,chassis=1
    -device pcie-pci-bridge,id=bridge0,bus=rootport0
    -device ahci,id=ahci1,bus=bridge0,addr=1
    -device ide-hd,bus=ahci1.0,drive=d1
    -device e1000,netdev=n1,bus=bridge0,addr=2,romfile=
    -device "$edu,bus=bridge0,addr=3"
)
[ -n "$narrow" ] && devices+=(-device edu,bus=pcie.0,addr=7.0)
[ -n "$old" ] && devices+=(
    -device i82801b11-bridge,id=oldbridge,bus=pcie.0,addr=1e.0
    -netdev user,id=n2 -device e1000,netdev=n2,bus=oldbridge,addr=0,romfile=
    -netdev user,id=n3 -device e1000,netdev=n3,bus=oldbridge,addr=1,romfile=
)
timeout "${UDMAR_TIMEOUT:-180}" "${qemu[@]}" -machine q35 -accel tcg -m "$memory" \
    -nodefaults -display none -no-reboot -serial stdio \
    -device isa-debug-exit,iobase=0xf4,iosize=4 \
    -drive "if=none,id=d0,file=$dir/disk0.img,format=raw" \
    -drive "if=none,id=d1,file=$dir/disk1.img,format=raw" \
    -netdev user,id=n0 -netdev user,id=n1 \
    "${hpet[@]}" "${devices[@]}" -kernel "$1" -append "$2 qemu=$version"
status=$?
case $status in
33) exit 0 ;;
124) echo "machine.sh: the kernel did not end within ${UDMAR_TIMEOUT:-180} seconds" >&2 ;;
93) echo "machine.sh: the kernel panicked" >&2 ;;
95) echo "machine.sh: the kernel ended in an exception" >&2 ;;
0) echo "machine.sh: the machine was reset" >&2 ;;
esac
exit 1
