#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# udmar in stock Debian kernels, with the drivers that come with them. Prints TAP.
#
#   scripts/linux/check.sh [options] [BOOT...]     only these boots; --list has them
#     --list         the boots
#     --plain        those that ./check runs without a word: all devices under load, refusals
#     --keep         leave consoles and disks in build/linux/run
#     --table FILE   write the table of devices of the longest run there, in Markdown
#     --load SECONDS instead of what each boot has
#
# Boots with qemu=11 want that QEMU, which scripts/qemu/fetch.sh brings; the others run on the one in PATH.
set -u -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
# shellcheck source=scripts/packages.sh
. "$top/scripts/packages.sh"
# shellcheck source=scripts/linux/machine.sh
. "$here/machine.sh"

# name | series | processors | threads | seconds of load | guest script | more
#   more, separated by commas without blanks around: plain, qemu=..., iommu=..., append=..., tunables=...,
#   mode=..., parameters=... (further ones of the module), linux-iommu, words=... (with _ for blanks), unit=... and domain=... (what the files of
#   debugfs must show). Tunables are separated by blanks here and by commas on the way into the guest,
#   where busybox's insmod would take what is behind a blank for another parameter.
# With preempt=full Linux switches threads wherever it may: what sleeps or counts where it must not is
# found sooner.
boots="
full-6.1|6.1|2|multi|60|devices|plain
full-6.12|6.12|2|single|20|devices|
registers-6.1|6.1|1|single|0|devices|tunables=hw.dmar.qi=0,unit=invalidation=registers,append=preempt=full
deferred-6.12|6.12|1|single|0|devices|tunables=hw.dmar.strict=0 hw.dmar.width=48,iommu=aw-bits=48,domain=width=48_.*strict=0
caching-6.12|6.12|2|single|0|devices|iommu=caching-mode=on,unit=caching-mode=1,append=preempt=full
identity-6.1|6.1|2|single|0|devices|tunables=hw.busdma.default=identity,mode=identity
life-6.1|6.1|1|single|0|life|plain
life-6.12|6.12|2|single|0|life|
suspend-6.1|6.1|2|single|0|suspend|plain,bzimage
suspend-6.12|6.12|1|single|0|suspend|bzimage,tunables=hw.dmar.strict=0,iommu=caching-mode=on
own-6.1|6.1|1|single|0|refuse|plain,linux-iommu,append=intel_iommu=on,words=translation_is_on
queue-6.12|6.12|1|single|0|refuse|plain,linux-iommu,append=intel_iommu=off,words=interrupt_remapping_is_on
none-6.12|6.12|1|single|0|refuse|plain,iommu=none,words=firmware_has_no_DMAR_table
table-6.1|6.1|1|single|0|refuse|plain,bad-table,words=the_DMAR_table_is_not_usable
newer-6.1|6.1|2|single|0|newer|plain,qemu=11
newer-6.12|6.12|2|single|0|newer|qemu=11
full-7.2|7.2|2|single|20|devices|
registers-7.2|7.2|1|single|0|devices|tunables=hw.dmar.qi=0,unit=invalidation=registers,append=preempt=full
deferred-7.2|7.2|1|single|0|devices|tunables=hw.dmar.strict=0 hw.dmar.width=48,iommu=aw-bits=48,domain=width=48
caching-7.2|7.2|2|single|0|devices|iommu=caching-mode=on,unit=caching-mode=1,append=preempt=full
page-by-page-7.2|7.2|1|single|0|devices|parameters=iommu=0
life-7.2|7.2|2|single|0|life|parameters=iommu=0
queue-7.2|7.2|1|single|0|refuse|linux-iommu,append=intel_iommu=off,words=interrupt_remapping_is_on
newer-7.2|7.2|2|single|0|newer|qemu=11
"

keep=false plain=false table= load= only=()
while [ $# -gt 0 ]; do
    case $1 in
    --list) sed -n 's/|.*//p' <<<"$boots"; exit 0 ;;
    --keep) keep=true ;;
    --plain) plain=true ;;
    --table) table=$2; shift ;;
    --load) load=$2; shift ;;
    -h | --help) sed -n '/^#   /s/^#   //p' "$0"; exit 0 ;;
    -*) echo "check.sh: there is no option $1" >&2; exit 2 ;;
    *) only+=("$1") ;;
    esac
    shift
done
need_packages gcc libc6-dev make libelf1 qemu-system-x86 busybox-static kmod e2fsprogs xz-utils python3 >&2 || exit 1

run=$top/build/linux/run
rm -rf "$run"
mkdir -p "$run"
modules="ahci ata_piix ehci-pci uhci_hcd xhci_pci megaraid_sas nvme usb-storage sd_mod e1000 e1000e ext4"
modules+=" igb igbvf ufshcd-pci sdhci-pci mmc_block virtio_pci virtio_input virtio_snd?"
tests=0 failures=0 children=()
cleanup() {
    [ ${#children[@]} -eq 0 ] || kill "${children[@]}" 2>/dev/null
    $keep || rm -f "$run"/*/*.img "$run"/*/*.cpio
}
trap cleanup EXIT

point() { # ok|not-ok TEXT
    tests=$((tests + 1))
    if [ "$1" = ok ]; then
        echo "ok $tests - $2"
    else
        echo "not ok $tests - $2"
        failures=$((failures + 1))
    fi
}

# Below scripts/qemu/run.sh, boots that want another QEMU are left out: they have their own turn.
wanted() { # BOOT MORE
    local name series
    series=$(option "$2" qemu)
    [ -z "$series" ] || [ "$series" = "${UDMAR_QEMU_SERIES:-$series}" ] || return 1
    if [ ${#only[@]} -eq 0 ]; then
        ! $plain || [ -n "$(option "$2" plain)" ]
        return
    fi
    for name in "${only[@]}"; do
        [ "$name" = "$1" ] && return 0
    done
    return 1
}

# The kernels that the wanted boots are of.
wanted_series() {
    local name series more

    while IFS='|' read -r name series _ _ _ _ more; do
        if [ -n "$name" ] && wanted "$name" "$more"; then
            echo "$series"
        fi
    done <<<"$boots" | sort -uV
}

option() { # MORE NAME: its value, or "yes" for a word alone
    tr , '\n' <<<"$1" | sed -n "s/^$2=//p; s/^$2\$/yes/p" | head -n 1
}

# What the run needs of this machine. A guest with all devices has 6 GiB, of which it touches one.
atonce=2
enough() {
    local file memory space
    for file in null urandom; do
        [ -c /dev/$file ] && [ -r /dev/$file ] && continue
        echo "Bail out! /dev/$file is not there: a folder with device files has to be mounted"
        return 1
    done
    memory=$(($(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo) / 1024))
    space=$(df -Pm "$run" | awk 'END { print $4 }')
    if [ "$memory" -lt 2500 ]; then
        echo "Bail out! $memory MiB of memory are free, and a guest with all devices needs 2500"
        return 1
    fi
    if [ "$memory" -lt 5000 ]; then
        echo "# $memory MiB of memory are free: one guest at a time"
        atonce=1
    fi
    # 0.8 GiB for each kernel with its headers, twice while it is unpacked, and the disks.
    if [ ! -f "$top/build/linux/6.12/complete" ] && [ "$space" -lt 5000 ] || [ "$space" -lt 2000 ]; then
        echo "Bail out! $space MiB are free where $run is, and kernels and disks need up to 5000"
        return 1
    fi
}

# Says why where a boot's QEMU cannot be had. What it says on its way here is shown at once.
lacks_qemu() { # SERIES, or nothing
    local status
    [ -n "$1" ] || return 0
    "$top/scripts/qemu/fetch.sh" "$1" 2>&1 >/dev/null | tee "$run/fetch-qemu" | sed -u 's/^/# /' >&2
    status=${PIPESTATUS[0]}
    [ "$status" -eq 0 ] || tail -n 1 "$run/fetch-qemu"
    return "$status"
}

# ---- what all boots share ------------------------------------------------------------------------

declare -A ready
prepare_series() { # SERIES
    local status
    # A download takes a while: what it says is shown at once.
    "$here/fetch.sh" "$1" 2>&1 >/dev/null | tee "$run/fetch-$1" | sed -u 's/^/# /'
    status=${PIPESTATUS[0]}
    if [ "$status" -eq 77 ]; then
        ready[$1]="skip $(tail -n 1 "$run/fetch-$1")"
        return
    fi
    ready[$1]=no
    if [ "$status" -ne 0 ]; then
        point not-ok "Debian's kernel $1 is fetched"
        return
    fi
    if ! "$here/build.sh" "$1" >/dev/null 2>"$run/build-$1" ||
        ! "$here/build.sh" "$1" "$top/tests/linux/edu" >/dev/null 2>>"$run/build-$1"; then
        sed 's/^/# /' "$run/build-$1"
        point not-ok "the module builds for Debian's kernel $1 without warnings"
        return
    fi
    point ok "the module builds for Debian's kernel $1 ($(cat "$top/build/linux/$1/release")) without warnings"
    # shellcheck disable=SC2086 # module names are words
    if ! "$here/initramfs.sh" "$1" "$run/base-$1.cpio" $modules 2>"$run/initramfs-$1"; then
        sed 's/^/# /' "$run/initramfs-$1"
        point not-ok "an initramfs for Debian's kernel $1"
        return
    fi
    ready[$1]=yes
}

# A table that Linux takes from the initramfs in the place of the firmware's: its width cannot be. It
# has to have the makers' names of the one that it replaces, and a higher revision.
bad_table() { # FOLDER
    mkdir -p "$1/kernel/firmware/acpi"
    python3 - "$1/kernel/firmware/acpi/dmar.aml" <<'PYTHON'
import struct, sys
table = bytearray(struct.pack("<4sIBB6s8sI4sIBB10x", b"DMAR", 48, 1, 0, b"BOCHS ", b"BXPC    ",
                              0x7FFFFFFF, b"TEST", 1, 2, 0))
table[9] = -sum(table) & 255
open(sys.argv[1], "wb").write(table)
PYTHON
}

# From 7.2 on NVMe has a domain in which Linux gives out the addresses (ports/linux/iommu.c).
nvme_mode() { # SERIES MORE
    local mode
    mode=$(option "$2" mode)
    if [ "$1" = 7.2 ] && [ -z "$mode" ] && [ "$(option "$2" parameters)" != iommu=0 ]; then
        echo domain
    else
        echo "${mode:-translate}"
    fi
}

# ---- one boot ------------------------------------------------------------------------------------

boot() { # NAME SERIES CPUS THREADS LOAD SCRIPT MORE
    local name=$1 series=$2 cpus=$3 threads=$4 seconds=$5 script=$6 more=$7 dir=$run/$1
    local own=$run/$1/own value args=() options=() first=() disk began=$SECONDS
    mkdir -p "$own/test" "$own/ours"
    for disk in $linux_disks $newer_disks; do
        cp --reflink=auto "$run/disks/${disk%:*}.img" "$dir/"
    done
    cp --reflink=auto "$run/disks/hot.img" "$dir/"
    cp "$run/disks/disks" "$run/disks/newer-disks" "$run/disks/plugged" "$run/sound" "$top/tests/linux/lib.sh" "$own/test/"
    cp "$top/tests/linux/$script.sh" "$own/init"
    cp "$top/build/linux/$series/module/udmar.ko" "$top/build/linux/$series/edu-modules/edu_probe.ko" "$own/ours/"
    value=$(option "$more" domain)
    cat >"$own/test/plan" <<PLAN
LABEL="$name"
LOAD=${load:-$seconds}
CPUS=$cpus
PATIENCE=$((${UDMAR_TIMEOUT:-600} - 40))
NVME_MODE=$(nvme_mode "$series" "$more")
PARAMETERS="$(option "$more" parameters)"
TUNABLES="$(option "$more" tunables | tr ' ' ,)"
MODE=$(value=$(option "$more" mode); echo "${value:-translate}")
UNIT="$(option "$more" unit)"
DOMAIN="${value//_/ }"
WORDS="$(option "$more" words | tr _ ' ')"
GET=$get
PUT=$put
NET_MIB=$net_mib
NET_MD5=$(md5sum <"$run/net" | cut -d ' ' -f 1)
PART_MIB=$part_mib
PART_MD5=$(head -c ${part_mib}M "$run/net" | md5sum | cut -d ' ' -f 1)
PLAN
    options=(--cpus "$cpus" --threads "$threads" --timeout "${UDMAR_TIMEOUT:-600}")
    value=$(option "$more" iommu)
    [ -z "$value" ] || options+=(--iommu "$value")
    value=$(option "$more" append)
    [ -z "$value" ] || options+=(--append "$value")
    [ -z "$(option "$more" linux-iommu)" ] || options+=(--linux-iommu)
    [ -z "$(option "$more" bzimage)" ] || options+=(--bzimage)
    if [ -n "$(option "$more" bad-table)" ]; then
        bad_table "$dir/early"
        "$here/pack.sh" "$dir/early.cpio" "$dir/early"
        first=("$dir/early.cpio")
    fi
    if [ "$script" = devices ]; then
        cp "$run/net" "$own/test/"
        all_devices "$dir"
        options+=(--memory 6G)
        # Frames that the emulator does not take, see one_at_a_time() in tests/linux/devices.sh.
        args+=(-trace megasas_qf_map_failed -qmp "unix:$dir/qmp,server=on,wait=off")
        "$here/plug.py" "$dir/raw" "$dir/qmp" nvme,id=hot0,serial=HOT,drive=hot,bus=rp3 >"$dir/plug" 2>&1 &
    elif [ "$script" = newer ]; then
        cp "$run/net" "$own/test/"
        newer_devices "$dir"
    else
        few_devices "$dir"
    fi
    "$here/pack.sh" "$dir/own.cpio" "$own"
    value=$(option "$more" qemu)
    local at=("$here/boot.sh")
    [ -z "$value" ] || at=("$top/scripts/qemu/run.sh" "$value" "$here/boot.sh")
    "${at[@]}" "$series" "${options[@]}" "${first[@]}" "$run/base-$series.cpio" "$dir/own.cpio" \
        -- "${args[@]}" </dev/null >"$dir/raw" 2>"$dir/qemu"
    echo $? >"$dir/status"
    [ "$script" != devices ] || kill $! 2>/dev/null
    echo $((SECONDS - began)) >"$dir/seconds"
    tr -d '\r' <"$dir/raw" >"$dir/console"
}

# ---- what came of it -----------------------------------------------------------------------------

# What the guest says it has written must be in the image, and its file systems must be sound.
judge_disks() { # NAME
    local dir=$run/$1 disk half sum found
    while read -r disk half sum; do
        found=$(tail -c "${half}M" "$dir/$disk.img" | md5sum | cut -d ' ' -f 1)
        # Under load the guest writes the same bytes again and again.
        point "$([ "$found" = "$sum" ] && echo ok || echo not-ok)" "$1: $disk: the host finds what the guest wrote"
    done < <(sed -n 's/^written //p' "$dir/console")
    for disk in ahci-fs nvme-fs; do
        grep -q "^ok $disk: a file system is made" "$dir/console" || continue
        if PATH=$PATH:/sbin:/usr/sbin e2fsck -f -n "$dir/$disk.img" >"$dir/fsck" 2>&1; then
            point ok "$1: $disk: the host's fsck finds nothing"
        else
            point not-ok "$1: $disk: the host's fsck finds nothing"
            sed 's/^/# /' "$dir/fsck"
        fi
    done
}

judge() { # NAME SCRIPT
    local dir=$run/$1 line before=$failures
    while read -r line; do
        case $line in
        "ok "*) point ok "$1: ${line#ok }" ;;
        "not ok "*) point not-ok "$1: ${line#not ok }" ;;
        "skip "*) tests=$((tests + 1)); echo "ok $tests - $1: ${line#skip } # SKIP" ;;
        "# "*) echo "$line" ;;
        esac
    done < <(grep -aE '^(ok|not ok|skip|#) ' "$dir/console")
    if [ "$2" = devices ]; then
        line=$(grep -ac megasas_qf_map_failed "$dir/qemu")
        [ "$line" = 0 ] || echo "# $1: the emulated megasas did not take a frame $line times"
        echo "# $1: what each device did"
        "$here/table.py" --text "$dir/console" | sed 's/^/# /'
        judge_disks "$1"
    elif [ "$2" = newer ]; then
        echo "# $1: what each device did"
        "$here/table.py" --text "$dir/console" | sed 's/^/# /'
        judge_disks "$1"
    fi
    if [ "$2" != refuse ]; then
        line=$(grep -ac 'udmar: translation is off for the shutdown' "$dir/console")
        point "$([ "$line" = 1 ] && echo ok || echo not-ok)" "$1: translation goes off when the machine does"
    fi
    # Warnings of the kernel, from whomever, would be about us: it is clean without the module.
    line=$(grep -acE 'WARNING:|BUG:|Oops|Call Trace|soft lockup|rcu.*stall' "$dir/console")
    point "$([ "$line" = 0 ] && echo ok || echo not-ok)" "$1: no warning in the kernel's log"
    line=$(grep -c '^-- end of the kernel log' "$dir/console")
    if [ "$line" = 1 ] && [ "$(cat "$dir/status")" = 0 ]; then
        point ok "$1: the guest came to its end"
        echo "#   ($1: $(cat "$dir/seconds") s)"
    else
        point not-ok "$1: the guest came to its end"
    fi
    if [ $failures -ne "$before" ]; then
        echo "# the end of $1's console:"
        grep -avE '^(ok|#) ' "$dir/console" | tail -n 60 | sed 's/^/# | /'
        grep -av megasas_qf_map_failed "$dir/qemu" | tail -n 5 | sed 's/^/# qemu: /'
    fi
}

# ---- the run -------------------------------------------------------------------------------------

enough || exit 1
lacking=
for series in $(wanted_series); do
    # One answer of an archive that is away is enough.
    if [ -n "$lacking" ] && [ ! -f "$top/build/linux/$series/complete" ]; then
        ready[$series]=$lacking
        continue
    fi
    prepare_series "$series"
    [[ ${ready[$series]} != skip* ]] || lacking=${ready[$series]}
done
if [[ -n $lacking && " ${ready[*]}" != *" yes"* && " ${ready[*]}" != *" no"* ]]; then
    echo "1..0 # SKIP Linux: ${lacking#skip }"
    exit 0
fi
# shellcheck disable=SC2086 # disks are words
make_disks "$run/disks" disks $linux_disks
# shellcheck disable=SC2086
make_disks "$run/disks" newer-disks $newer_disks
gcc -O2 -Wall -Wextra -static -o "$run/sound" "$top/tests/linux/sound/play.c" || exit 1
make_plugged_disk "$run/disks"
net_mib=24 part_mib=4
head -c ${net_mib}M /dev/urandom >"$run/net"
"$here/peer.py" "$run/net" >"$run/ports" &
children+=($!)
for _ in $(seq 50); do
    [ -s "$run/ports" ] && break
    sleep 0.1
done
read -r get put <"$run/ports"

# $atonce at a time; results in the order of the list.
pids=() names=()
while IFS='|' read -r name series cpus threads seconds script more; do
    [ -n "$name" ] && wanted "$name" "$more" || continue
    case ${ready[$series]} in
    skip*)
        tests=$((tests + 1))
        echo "ok $tests - $name # SKIP ${ready[$series]#skip }"
        continue
        ;;
    no) continue ;;
    esac
    lacking=$(lacks_qemu "$(option "$more" qemu)") || {
        tests=$((tests + 1))
        echo "ok $tests - $name # SKIP $lacking"
        continue
    }
    while [ "$(jobs -rp | wc -l)" -gt $atonce ]; do # the peer is one, too
        sleep 0.3
    done
    boot "$name" "$series" "$cpus" "$threads" "$seconds" "$script" "$more" &
    pids+=($!) names+=("$name|$script")
done <<<"$boots"
for i in "${!pids[@]}"; do
    wait "${pids[$i]}"
    judge "${names[$i]%|*}" "${names[$i]#*|}"
done
if [ -n "$table" ] && [ -f "$run/full-6.1/console" ]; then
    "$here/table.py" --markdown "$run/full-6.1/console" >"$table"
fi
echo "1..$tests"
[ $failures -eq 0 ]
