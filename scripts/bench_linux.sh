#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Debian's kernels with Linux's own driver and with udmar, where instructions are counted. Sourced by
# ./bench, from the top of the tree.

linux_kernels="6.1 6.12 7.2"
linux_modes="linux-strict linux-lazy linux-passthrough linux-off udmar-strict udmar-deferred"
linux_end_modes="linux-off linux-strict udmar-strict udmar-deferred"
linux_workloads="nvme-1M e1000-receive e1000e-receive ahci-1M"
linux_run=build/linux/bench

linux_build() { # KERNEL
    local folder
    need_packages gcc libc6-dev make libelf1 qemu-system-x86 busybox-static kmod e2fsprogs xz-utils python3 >&2 || return 1
    mkdir -p $linux_run
    folder=$(scripts/linux/fetch.sh "$1") || return 1
    scripts/linux/build.sh "$1" >/dev/null || return 1
    scripts/linux/build.sh "$1" "$PWD/tests/linux/bench" >/dev/null || return 1
    scripts/linux/initramfs.sh "$1" "$linux_run/base-$1.cpio" ahci sd_mod nvme e1000 e1000e || return 1
    linux_release=$(cat "$folder/release")
    gcc -O2 -Wall -Wextra -Werror -static -o $linux_run/workload tests/linux/count/workload.c || return 1
    gcc -O2 -Wall -Wextra -Werror -shared -fPIC -o $linux_run/count.so tests/linux/count/count.c || return 1
}

# linux_words MODE: how boot.sh starts the kernel for it, and what the guest's plan says.
linux_options() {
    case $1 in
    linux-strict) options=(--linux-iommu --append "intel_iommu=on iommu.strict=1") ;;
    linux-lazy) options=(--linux-iommu --append "intel_iommu=on iommu.strict=0") ;;
    linux-passthrough) options=(--linux-iommu --append "intel_iommu=on iommu.passthrough=1") ;;
    *) options=() ;;
    esac
}

linux_plan() { # MODE
    case $1 in
    udmar-strict) echo "UDMAR=yes TUNABLES=" ;;
    udmar-deferred) echo "UDMAR=yes TUNABLES=hw.dmar.strict=0" ;;
    *) echo "UDMAR= TUNABLES=" ;;
    esac
}

# linux_guest KERNEL FOLDER INIT MODE: what this guest brings along, into FOLDER.cpio; its plan has
# what is on standard input as well.
linux_guest() {
    rm -rf "$2"
    mkdir -p "$2"
    { linux_plan "$4"; cat; } >"$2/plan"
    cp "$3" "$2/init"
    cp "build/linux/$1/module/udmar.ko" "build/linux/$1/bench-modules/dma_bench.ko" $linux_run/workload "$2/"
    scripts/linux/pack.sh "$2.cpio" "$2"
}

# linux_calls KERNEL MODE [interrupts]: the DMA API alone, or what an interrupt costs, counted by the
# clock. Rows on standard output.
linux_calls() {
    local folder=$linux_run/calls-$1-$2${3-} options
    linux_options "$2"
    linux_guest "$1" "$folder" tests/linux/bench/init "$2" <<<"ARGUMENTS='mode=$2 kernel=$1${3:+ $3=1}'"
    scripts/linux/boot.sh "$1" --icount --timeout 3000 "${options[@]}" "$linux_run/base-$1.cpio" "$folder.cpio" \
        -- -device edu,addr=0x1b,dma_mask=0xffffffffffffffff </dev/null 2>"$folder/qemu" | tr -d '\r' >"$folder/console"
    if ! grep -q '^end 0' "$folder/console" || grep -qE '[ :]fault |WARNING:|BUG:|Oops' "$folder/console"; then
        tail -n 5 "$folder/console" "$folder/qemu" >&2
        return 1
    fi
    grep '^{"what"' "$folder/console"
}

# linux_symbols KERNEL: where the kernel's own functions are, which is the same in every boot, into a
# file that stays. Its System.map is empty in Debian's package.
linux_symbols() {
    local folder=$linux_run/symbols-$1
    [ -s "build/linux/$1/symbols" ] && return
    linux_guest "$1" "$folder" tests/linux/bench/init linux-off <<<"SYMBOLS=kernel"
    scripts/linux/boot.sh "$1" --timeout 600 "$linux_run/base-$1.cpio" "$folder.cpio" </dev/null 2>"$folder/qemu" |
        tr -d '\r' | grep '^symbol ' >"$folder/symbols"
    mv "$folder/symbols" "build/linux/$1/symbols"
}

# linux_profile KERNEL MODE WHAT: by function, one map and one unmap of a size, or a pass of a workload.
linux_profile() {
    local folder=$linux_run/profile-$1-$2 options
    linux_symbols "$1"
    case " $linux_workloads " in
    *" $3 "*)
        linux_drivers "$1" "$2" "$folder" ,by=address <<<"ONLY=$3 SYMBOLS=yes" || return 1
        python3 scripts/linux/profile.py "$folder/counts" "$folder/console" "build/linux/$1/symbols"
        return
        ;;
    esac
    linux_options "$2"
    linux_guest "$1" "$folder" tests/linux/bench/init "$2" <<<"SYMBOLS=modules ARGUMENTS='mode=$2 kernel=$1 profile=$3'"
    scripts/linux/boot.sh "$1" --icount --timeout 3000 "${options[@]}" "$linux_run/base-$1.cpio" "$folder.cpio" \
        -- -device edu,addr=0x1b,dma_mask=0xffffffffffffffff -plugin "file=$linux_run/count.so,out=$folder/counts,by=address" \
        </dev/null 2>"$folder/qemu" | tr -d '\r' >"$folder/console"
    grep -q '^end 0' "$folder/console" || { grep -v '^symbol' "$folder/console" >&2; return 1; }
    python3 scripts/linux/profile.py "$folder/counts" "$folder/console" "build/linux/$1/symbols"
}

# linux_drivers KERNEL MODE FOLDER PLUGIN-OPTIONS: a guest whose drivers move bytes, its plan as
# linux_guest takes it. FOLDER gets counts and console.
linux_drivers() {
    local folder=$3 options peer port
    linux_options "$2"
    linux_guest "$1" "$folder" tests/linux/count/init "$2"
    [ -f $linux_run/content ] || head -c 8M /dev/urandom >$linux_run/content
    scripts/linux/peer.py $linux_run/content >"$folder/ports" &
    peer=$!
    for _ in $(seq 100); do
        [ -s "$folder/ports" ] && break
        sleep 0.1
    done
    read -r port _ <"$folder/ports"
    echo "PORT=$port" >>"$folder/plan"
    scripts/linux/pack.sh "$folder.cpio" "$folder"
    for name in nvme ahci; do
        [ -f $linux_run/$name.img ] || head -c 64M /dev/urandom >$linux_run/$name.img
    done
    scripts/linux/boot.sh "$1" --timeout "${UDMAR_TIMEOUT:-600}" "${options[@]}" "$linux_run/base-$1.cpio" "$folder.cpio" \
        -- -plugin "file=$linux_run/count.so,out=$folder/counts$4" \
        -drive "if=none,id=nvme,file=$linux_run/nvme.img,format=raw,cache=unsafe,file.locking=off" -device nvme,serial=NV0,drive=nvme,addr=0x17 \
        -drive "if=none,id=ahci,file=$linux_run/ahci.img,format=raw,cache=unsafe,file.locking=off" -device ide-hd,drive=ahci,bus=ide.0 \
        -netdev user,id=n0,net=10.0.10.0/24 -device e1000,netdev=n0,addr=0x15,romfile=,mac=52:54:00:00:00:10 \
        -netdev user,id=n1,net=10.0.11.0/24 -device e1000e,netdev=n1,addr=0x16,romfile=,mac=52:54:00:00:00:11 \
        </dev/null 2>"$folder/qemu" | tr -d '\r' >"$folder/console"
    kill $peer 2>/dev/null
    [ -s "$folder/counts" ]
}

# linux_end KERNEL MODE: instructions for 4 KiB through a whole driver. Rows on standard output.
linux_end() {
    local folder=$linux_run/end-$1-$2 status
    linux_drivers "$1" "$2" "$folder" "" </dev/null
    python3 scripts/linux/end_rows.py "$1" "$2" "$folder/counts" "$folder/console"
    status=$?
    [ $status -eq 0 ] || tail -n 5 "$folder/console" "$folder/qemu" >&2
    return $status
}
