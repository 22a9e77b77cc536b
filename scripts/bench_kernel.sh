#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Builds the reference kernel and runs it where instructions are counted. Sourced by ./bench, from
# the top of the tree.

bench_build=build/demo
bench_image=$bench_build/ports/kernel/app/udmar-amd64
bench_modes="strict deferred passthrough bounce strict-dynamic deferred-dynamic \
    strict-caching deferred-caching strict-dynamic-caching deferred-dynamic-caching \
    strict-snoop deferred-snoop strict-dynamic-snoop deferred-dynamic-snoop interrupts"

bench_kernel_build() {
    need_packages gcc gcc-multilib meson ninja-build python3 qemu-system-x86 binutils >&2 || return 1
    if [ ! -f $bench_build/build.ninja ]; then
        meson setup $bench_build -Dtests=false >/dev/null || return 1
    fi
    ninja -C $bench_build ports/kernel/app/udmar-amd64 >/dev/null
}

# bench_words MODE: the kernel's command line for it.
bench_words() {
    local mode
    case "$1" in
    *-snoop) printf 'bench.snoop ' ;;
    esac
    mode=${1%-caching}
    case "${mode%-snoop}" in
    strict) ;;
    deferred) echo "hw.dmar.strict=0 tick" ;;
    passthrough) echo "hw.busdma.default=passthrough" ;;
    bounce) echo "hw.busdma.default=bounce" ;;
    strict-dynamic) echo "bench.dynamic" ;;
    interrupts) echo "bench.interrupts" ;;
    deferred-dynamic) echo "hw.dmar.strict=0 tick bench.dynamic" ;;
    *) echo "bench: there is no mode $1; there are: $bench_modes" >&2; return 2 ;;
    esac
}

# bench_unit MODE: the unit that it runs on.
bench_unit() {
    case "$1" in
    *-caching) echo "intel-iommu,caching-mode=on" ;;
    *) echo "intel-iommu" ;;
    esac
}

# bench_boot MODE [WORDS]: what the kernel prints. A machine of its own: nothing but the device that is
# loaded for (the disk adapter that every q35 has is blocked, or its driver looks for disks for seconds
# of virtual time). There is memory that a 32-bit device cannot reach.
bench_boot() {
    local status
    timeout 1200 qemu-system-x86_64 -machine q35 -accel tcg -cpu max -m 6G -nodefaults \
        -display none -no-reboot -serial stdio -icount shift=0,sleep=off \
        -device isa-debug-exit,iobase=0xf4,iosize=4 -device "$(bench_unit "$1")" \
        -device edu,bus=pcie.0,addr=4.0,dma_mask=0xffffffffffffffff \
        -kernel $bench_image -append "run=bench hw.dmar.enable=1 hw.busdma.pci0:0:31:2=blocked $(bench_words "$1") ${2-}" \
        </dev/null 2>/dev/null | tr -d '\r'
    status=${PIPESTATUS[0]}
    # The debug exit device makes 2 * 16 + 1 of the kernel's success.
    [ "$status" -eq 33 ]
}
