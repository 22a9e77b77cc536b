#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# init of the guest that has every device: all of them work, alone and together, and nothing else
# than what is tried on purpose is stopped.
. /test/lib.sh

DRIVERS="ahci ata_piix ehci-pci uhci_hcd xhci_pci megaraid_sas nvme usb-storage sd_mod e1000 e1000e ext4"

# ---- disks ---------------------------------------------------------------------------------------
# /test/disks: NAME MIB MD5-OF-FIRST-HALF; /tmp/disks gets NAME DEVICE MIB MD5 of those found.

find_disks() {
    local name size sum dev
    : >/tmp/disks
    while read -r name size sum; do
        dev=$(wait_disk "$name")
        claim $? "$name: the disk is there"
        [ -n "$dev" ] && echo "$name $dev $size $sum" >>/tmp/disks
        case $name in
        megasas*) one_at_a_time "$dev" ;;
        esac
    done </test/disks
}

# The emulated megasas answers "busy" for a frame whose 2 KiB do not lie in one piece of memory, which
# one of four does not if the page after its own in guest addresses is not the one after it in memory.
# The driver takes its frames from two at the head of a list, and many requests at once bring such
# ones there: then it tries them for ever (with Linux's own IOMMU driver as well). One request at a
# time leaves the list as it is.
one_at_a_time() { # DEVICE
    echo 1 >"/sys/block/$(basename "$1")/device/queue_depth"
}

read_half() { # DEVICE MIB MD5
    [ "$(sum_of "$1" 0 $(($2 / 2)))" = "$3" ]
}

# The second half belongs to us. Prints the sum that the host will look for.
write_half() { # DEVICE MIB
    local half=$(($2 / 2)) sum
    sum=$(dd if=/tmp/random bs=1M count=$half 2>/dev/null | md5sum | cut -d ' ' -f 1)
    dd if=/tmp/random of="$1" bs=1M seek=$half count=$half oflag=direct conv=notrunc,fsync 2>/dev/null || return 1
    [ "$(sum_of "$1" $half $half)" = "$sum" ] || return 1
    echo "$sum"
}

use_disk() { # NAME DEVICE MIB MD5
    local sum
    read_half "$2" "$3" "$4"
    claim $? "$1: $(($3 / 2)) MiB read past the page cache have the host's checksum"
    sum=$(write_half "$2" "$3")
    claim $? "$1: $(($3 / 2)) MiB written, read back past the page cache, checksum right"
    echo "written $1 $(($3 / 2)) $sum"
}

fill() { # FOLDER ROUND
    local i
    mkdir -p "$1/d$2"
    for i in 1 2 3 4 5 6 7 8; do
        dd if=/tmp/random of="$1/d$2/f$i" bs=4001 skip=$((i * 37 + $2)) count=$((i * 23)) 2>/dev/null || return 1
    done
}

make_fs() { # NAME DEVICE
    local dir=/mnt/$1 round
    mkdir -p "$dir"
    check "$1: a file system is made" /sbin/mke2fs -q -F -t ext4 "$2" || return
    check "$1: it is mounted" mount -t ext4 "$2" "$dir" || return
    for round in 1 2 3 4 5; do
        fill "$dir" $round || claim 1 "$1: files are written"
    done
    (cd "$dir" && find . -type f -exec md5sum {} +) >"/tmp/sums-$1"
    umount "$dir"
    check "$1: fsck finds nothing" /sbin/e2fsck -f -n "$2"
    echo 3 >/proc/sys/vm/drop_caches
    mount -t ext4 "$2" "$dir"
    (cd "$dir" && md5sum -c "/tmp/sums-$1" >/dev/null 2>&1)
    claim $? "$1: $(wc -l <"/tmp/sums-$1") files have their checksums after mounting again"
    umount "$dir"
}

# ---- network -------------------------------------------------------------------------------------

find_cards() { # /tmp/cards: NAME INTERFACE NETWORK-NUMBER
    local path number=0 driver interface name
    : >/tmp/cards
    for path in /sys/bus/pci/devices/*/net/*; do
        [ -d "$path" ] || continue
        interface=$(basename "$path")
        driver=$(basename "$(readlink -f "$path/device/driver")")
        name=$driver@$(basename "$(readlink -f "$path/device")")
        echo "$name $interface" >>/tmp/cards.new
    done
    # The emulator numbers its networks by the cards' addresses as well.
    while read -r name interface; do
        ip addr add "10.0.1$number.15/24" dev "$interface"
        ip link set "$interface" up
        echo "$name $interface $number" >>/tmp/cards
        number=$((number + 1))
    done </tmp/cards.new
    [ $number -eq 3 ]
    claim $? "three network cards are there"
    sleep 3
}

# The time limits are for a card that hangs; a busy host may make a good one very slow.
receive() { # NETWORK-NUMBER MIB MD5
    [ "$(timeout 300 nc "10.0.1$1.2" "$GET" </dev/null | head -c $(($2 << 20)) | md5sum | cut -d ' ' -f 1)" = "$3" ]
}

send() { # NETWORK-NUMBER MIB MD5
    [ "$(head -c $(($2 << 20)) /test/net | timeout 300 nc "10.0.1$1.2" "$PUT")" = "$(($2 << 20)) $3" ]
}

use_card() { # NAME NETWORK-NUMBER
    receive "$2" "$NET_MIB" "$NET_MD5"
    claim $? "$1: $NET_MIB MiB received with the peer's checksum"
    send "$2" "$NET_MIB" "$NET_MD5"
    claim $? "$1: $NET_MIB MiB sent, the peer has the same checksum"
}

# ---- all at once ---------------------------------------------------------------------------------

now() { cut -d . -f 1 /proc/uptime; }

# Runs the same thing again and again; one failure ends it.
rounds() { # NAME COMMAND...
    local name=$1 count=0
    shift
    while [ "$(now)" -lt "$END" ]; do
        if ! "$@" >/dev/null 2>&1; then
            echo "not ok $name: round $((count + 1)) under load" >>/tmp/load
            return
        fi
        count=$((count + 1))
    done
    if [ $count -eq 0 ]; then
        echo "not ok $name: under load: no time for one round" >>/tmp/load
        return
    fi
    echo "ok $name: under load with all others, checksums right" >>/tmp/load
    echo "# $name: $count rounds" >>/tmp/load
}

disk_round() { # DEVICE MIB MD5
    read_half "$1" "$2" "$3" && write_half "$1" "$2"
}

fs_round() { # NAME DEVICE
    local dir=/mnt/$1
    mount -t ext4 "$2" "$dir" || return 1
    (cd "$dir" && md5sum -c "/tmp/sums-$1") || return 1
    rm -rf "$dir/d9"
    fill "$dir" 9 || return 1
    umount "$dir"
    /sbin/e2fsck -f -n "$2"
}

card_round() { # NETWORK-NUMBER
    receive "$1" "$PART_MIB" "$PART_MD5" && send "$1" "$PART_MIB" "$PART_MD5"
}

load() {
    local name dev size sum interface number
    END=$(($(now) + LOAD))
    : >/tmp/load
    while read -r name dev size sum; do
        case $name in
        *-fs) rounds "$name" fs_round "$name" "$dev" & ;;
        *) rounds "$name" disk_round "$dev" "$size" "$sum" & ;;
        esac
    done </tmp/disks
    while read -r name interface number; do
        rounds "$name" card_round "$number" &
    done </tmp/cards
    probe_edu "while the load runs"
    faults_told
    claim $? "edu: its faults are in udmar/faults and in the kernel log already"
    [ "$(grep -c ok /tmp/load)" -lt $(($(wc -l </tmp/disks) + 3)) ]
    claim $? "and the load still runs"
    wait
    cat /tmp/load
}

# ---- what must be stopped ------------------------------------------------------------------------

expected=0
probe_edu() { # WHEN
    cat /sys/kernel/debug/edu_probe/claims >/tmp/edu
    expected=$((expected + $(sed -n 's/^faults //p' /tmp/edu)))
    sed -n "s/^ok .*/& ($1)/p; s/^not ok .*/& ($1)/p; s/^skip .*/& ($1)/p" /tmp/edu
}

faults_told() {
    [ "$(grep -c ' driver=edu_probe ' $DEBUG/faults)" -eq $expected ] &&
        dmesg | grep -q 'edu_probe [0-9a-f:.]*: udmar: fault .* was blocked'
}

# The emulated megasas maps 2 KiB for every frame and so reads beyond the driver's memory: a read of
# the page right behind a mapping. That is the emulator's doing; it happens with Linux's driver too.
overreads() {
    sed -n 's/^device=\([^ ]*\) driver=megaraid_sas access=read address=\([^ ]*\) reason=0x6 near=\([^+]*\)+\([^ ]*\) .*/\2 \3 \4/p' \
        $DEBUG/faults | while read -r address base size; do
        [ $((address)) -eq $((base + size)) ] && echo x
    done | wc -l
}

judge_faults() {
    local total edu mega
    total=$(sed -n 's/^faults total=\([0-9]*\).*/\1/p' $DEBUG/counters)
    edu=$(grep -c " driver=edu_probe " $DEBUG/faults)
    mega=$(overreads)
    [ "$edu" -eq "$expected" ]
    claim $? "edu: its $expected forbidden requests are in udmar/faults with its name"
    echo "# faults: $total, of edu $edu, reads of the emulated megasas behind its frames $mega"
    [ "$total" -eq $((edu + mega)) ]
    claim $? "no other fault than those"
    if [ "$total" -ne $((edu + mega)) ]; then
        grep -v ' driver=edu_probe ' $DEBUG/faults | head -n 8 | sed 's/^/# /'
    fi
    [ "$expected" -eq 0 ] || [ "$(dmesg | grep -c 'edu_probe [0-9a-f:.]*: udmar: fault .* was blocked')" -ge 1 ]
    claim $? "the kernel log names the driver and the device of a fault"
}

# ---- the table -----------------------------------------------------------------------------------

mode_for() { # DRIVER
    case $1 in
    nvme*) echo "$NVME_MODE" ;;
    *) echo "$MODE" ;;
    esac
}

judge_device() { # DRIVER ADDRESS
    local mode wanted
    mode=$(field "$2" mode)
    wanted=$(mode_for "$1")
    [ -n "$2" ] && [ "$mode" = "$wanted" ]
    claim $? "$1: $wanted mode"
    [ "$MODE" = translate ] || return
    [ "$(field "$2" maps)" -gt 0 ] && [ "$(field "$2" refused)" = 0 ]
    claim $? "$1: maps were made and none was refused"
}

# The files of debugfs that nothing else here reads: what the tunables were for must show in them.
judge_files() {
    local address
    [ "$(grep -c "^unit 0 .*state=translating.*$UNIT" $DEBUG/units)" -eq 1 ]
    claim $? "udmar/units: one, translating${UNIT:+, $UNIT}"
    [ "$MODE" = translate ] || return
    address=$(address_of nvme)
    [ "$(grep -c "^domain .*$DOMAIN.* table-pages=[1-9].*devices=.*$address," $DEBUG/domains)" -eq 1 ]
    claim $? "udmar/domains: nvme is in one with tables${DOMAIN:+, $DOMAIN}"
}

judge_table() {
    local driver
    for driver in ahci ata_piix ehci-pci uhci_hcd xhci_hcd megaraid_sas nvme e1000 e1000e; do
        judge_device $driver "$(address_of $driver)"
    done
    for driver in megaraid_sas nvme e1000; do
        judge_device "$driver, the second" "$(address_of $driver 2)"
    done
    if [ "$MODE" = translate ]; then
        [ "$(field "$(address_of e1000 2)" ids)" != "$(address_of e1000 2 | cut -c 6-)," ]
        claim $? "e1000 behind the PCI bridge: the bridge's requester id as well"
    fi
    show_table
}

# ---- one comes and goes --------------------------------------------------------------------------

replace_nvme() {
    local dev address
    dev=$(find_disk nvme) || return
    address=$(basename "$(readlink -f "/sys/block/$(basename "$dev")/device/device")")
    echo 1 >"/sys/bus/pci/devices/$address/remove"
    ! grep -q "^$address " $DEBUG/devices
    claim $? "nvme: removed, and gone from udmar/devices"
    echo 1 >/sys/bus/pci/rescan
    dev=$(wait_disk nvme)
    claim $? "nvme: there again after a rescan"
    [ "$(field "$address" mode)" = "$NVME_MODE" ]
    claim $? "nvme: the new device has its mode"
    read_half "$dev" 32 "$(sed -n 's/^nvme 32 //p' /test/disks)"
    claim $? "nvme: and reads with the right checksum"
}

# The host plugs a disk into a root port that was empty when the module was loaded.
plug_nvme() {
    local dev address
    echo "-- plug"
    dev=$(wait_disk hot)
    claim $? "hot-added nvme: the disk is there"
    [ -n "$dev" ] || return
    address=$(basename "$(readlink -f "/sys/block/$(basename "$dev")/device/device")")
    [ "$(field "$address" mode)" = "$NVME_MODE" ]
    claim $? "hot-added nvme: $NVME_MODE mode"
    use_disk hot "$dev" 32 "$(sed -n 's/^hot //p' /test/plugged)"
}

# ---- the run -------------------------------------------------------------------------------------

start
dd if=/dev/urandom of=/tmp/random bs=1M count=20 2>/dev/null
check "udmar.ko is loaded" insmod /ours/udmar.ko $PARAMETERS tunables="$TUNABLES"
for module in $DRIVERS; do
    insert "$module" || claim 1 "$module is loaded"
done
insmod /ours/edu_probe.ko
find_disks
find_cards
[ "$(grep -c processor /proc/cpuinfo)" -eq "$CPUS" ]
claim $? "$CPUS processors"

while read -r name dev size sum; do
    case $name in
    *-fs) make_fs "$name" "$dev" ;;
    *) use_disk "$name" "$dev" "$size" "$sum" ;;
    esac
done </tmp/disks
while read -r name interface number; do
    use_card "$name" "$number"
done </tmp/cards
# Drivers of devices that keep physical addresses do not need the module.
if [ "$MODE" = translate ]; then
    ! rmmod udmar 2>/dev/null
    claim $? "udmar.ko cannot be removed while drivers use it"
fi
if [ "$LOAD" -gt 0 ]; then
    load
elif [ "$MODE" = translate ]; then
    probe_edu "alone"
fi
# First, because what a device has done is forgotten when it goes.
judge_table
judge_files
replace_nvme
plug_nvme
judge_faults
finish
