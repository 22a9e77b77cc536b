#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# init of the guest with devices that QEMU has since 7.2: a network card with virtual functions, which come
# and go; UFS and eMMC disks; sound and a touch screen on virtio, which maps its queues here.
. /test/lib.sh

WHOLE=8

# ---- network -------------------------------------------------------------------------------------
# All functions of the card are on one network: each speaks alone, with an address of its own.

interface_of() { # PCI-ADDRESS
    ls "/sys/bus/pci/devices/$1/net" 2>/dev/null | head -n 1
}

wait_interface() { # PCI-ADDRESS
    local i
    for i in $(seq 100); do
        [ -n "$(interface_of "$1")" ] && return 0
        sleep 0.2
    done
    return 1
}

# The way to the peer goes through this function, and answers come to it.
speak() { # PCI-ADDRESS HOST-NUMBER
    local interface i
    interface=$(interface_of "$1")
    ip link set "$interface" up
    ip addr flush dev "$interface"
    ip addr add "10.0.10.$2/32" dev "$interface"
    ip route replace 10.0.10.2/32 dev "$interface" src "10.0.10.$2"
    for i in $(seq 100); do
        [ "$(cat "/sys/class/net/$interface/carrier" 2>/dev/null)" = 1 ] && return 0
        sleep 0.2
    done
    return 1
}

receive() { # MIB MD5
    [ "$(timeout 300 nc 10.0.10.2 "$GET" </dev/null | head -c $(($1 << 20)) | md5sum | cut -d ' ' -f 1)" = "$2" ]
}

send() { # MIB MD5
    [ "$(head -c $(($1 << 20)) /test/net | timeout 300 nc 10.0.10.2 "$PUT")" = "$(($1 << 20)) $2" ]
}

use_function() { # NAME PCI-ADDRESS HOST-NUMBER MIB MD5
    speak "$2" "$3"
    claim $? "$1: the link is up"
    receive "$4" "$5"
    claim $? "$1: $4 MiB received with the peer's checksum"
    send "$4" "$5"
    claim $? "$1: $4 MiB sent, the peer has the same checksum"
    [ "$(field "$2" mode)" = translate ] && [ "$(field "$2" maps)" -gt 0 ] && [ "$(field "$2" refused)" = 0 ]
    claim $? "$1: translate mode, maps were made and none was refused"
}

# Two virtual functions. Each has a requester id of its own, and the unit of the physical function.
use_functions() { # WHEN
    local vf number=20
    functions=$(for vf in "$card"/virtfn*; do basename "$(readlink -f "$vf")"; done)
    [ "$(echo "$functions" | wc -w)" -eq 2 ]
    claim $? "igbvf: two virtual functions ($1)"
    for vf in $functions; do
        wait_interface "$vf"
        claim $? "igbvf: $vf has its driver ($1)"
        [ "$(field "$vf" unit)" = "$(field "$pf" unit)" ] && [ "$(field "$vf" ids)" = "$(echo "$vf" | cut -c 6-)," ]
        claim $? "igbvf: $vf has its own requester id and the physical function's unit ($1)"
        use_function "igbvf: $vf ($1)" "$vf" $number "$PART_MIB" "$PART_MD5"
        number=$((number + 1))
    done
}

no_functions() { # WHEN
    local vf left=0
    for vf in $functions; do
        grep -q "^$vf " $DEBUG/devices && left=$((left + 1))
    done
    [ $left -eq 0 ]
    claim $? "igbvf: the virtual functions are gone from udmar/devices ($1)"
    use_function "igb ($1)" "$pf" 15 "$PART_MIB" "$PART_MD5"
}

use_igb() {
    pf=$(address_of igb)
    card=/sys/bus/pci/devices/$pf
    [ -n "$pf" ] && wait_interface "$pf"
    claim $? "igb: the card is there"
    [ -n "$pf" ] || return
    echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore
    echo 2 >/proc/sys/net/ipv4/conf/all/arp_announce
    use_function igb "$pf" 15 $WHOLE "$(head -c $((WHOLE << 20)) /test/net | md5sum | cut -d ' ' -f 1)"
    check "igbvf: switched on" sh -c "echo 2 >$card/sriov_numvfs"
    use_functions "on"
    use_function "igb (beside them)" "$pf" 15 "$PART_MIB" "$PART_MD5"
    check "igbvf: switched off" sh -c "echo 0 >$card/sriov_numvfs"
    no_functions "off"
    check "igbvf: switched on again" sh -c "echo 2 >$card/sriov_numvfs"
    use_functions "on again"
}

# ---- disks ---------------------------------------------------------------------------------------

use_disk() { # NAME MIB MD5
    local dev half=$(($2 / 2)) sum
    dev=$(wait_disk "$1")
    claim $? "$1: the disk is there"
    [ -n "$dev" ] || return
    [ "$(sum_of "$dev" 0 $half)" = "$3" ]
    claim $? "$1: $half MiB read past the page cache have the host's checksum"
    sum=$(dd if=/tmp/random bs=1M count=$half 2>/dev/null | md5sum | cut -d ' ' -f 1)
    dd if=/tmp/random of="$dev" bs=1M seek=$half count=$half oflag=direct conv=notrunc,fsync 2>/dev/null &&
        [ "$(sum_of "$dev" $half $half)" = "$sum" ]
    claim $? "$1: $half MiB written, read back past the page cache, checksum right"
    echo "written $1 $half $sum"
}

# ---- the rest ------------------------------------------------------------------------------------

# Of a virtio device udmar knows the function that carries it.
use_virtio() { # NAME SUBSYSTEM-ID
    local path address
    path=$(grep -l "0x$2" /sys/bus/pci/devices/*/subsystem_device /sys/bus/pci/devices/*/device 2>/dev/null | head -n 1)
    address=$(basename "$(dirname "$path")")
    [ -n "$path" ] && [ "$(field "$address" driver)" = virtio-pci ] && [ "$(field "$address" mode)" = translate ] &&
        [ "$(field "$address" coherent)" -gt 0 ] && [ "$(field "$address" refused)" = 0 ]
    claim $? "$1: its queues are mapped ($address)"
}

use_sound() {
    if [ ! -f /modules/virtio_snd.order ]; then
        echo "skip virtio-sound: this kernel has no driver for it"
        return
    fi
    use_virtio virtio-sound 1059
    check "virtio-sound: a second of sound is played" /test/sound
    [ "$(field "$(grep -l 0x1059 /sys/bus/pci/devices/*/device | cut -d / -f 6)" faults)" = 0 ]
    claim $? "virtio-sound: no fault"
}

# ---- the run -------------------------------------------------------------------------------------

start
# A driver that is part of the kernel has its devices already; the module leaves physical addresses to those.
early=$(ls /sys/bus/pci/drivers/virtio-pci 2>/dev/null | grep '^0000:')
for address in $early; do
    echo "$address" >/sys/bus/pci/drivers/virtio-pci/unbind
done
dd if=/dev/urandom of=/tmp/random bs=1M count=20 2>/dev/null
check "udmar.ko is loaded" insmod /ours/udmar.ko $PARAMETERS tunables="$TUNABLES"
for module in igb igbvf ufshcd-pci sd_mod sdhci-pci mmc_block virtio_pci virtio_input virtio_snd; do
    [ -f "/modules/$module.order" ] || continue
    insert $module || claim 1 "$module is loaded"
done
for address in $early; do
    echo "$address" >/sys/bus/pci/drivers/virtio-pci/bind
done
# Older drivers do not know the emulator's UFS adapter by its number.
[ ! -d /sys/bus/pci/drivers/ufshcd ] || echo 1b36 0013 >/sys/bus/pci/drivers/ufshcd/new_id 2>/dev/null
[ "$(grep -c processor /proc/cpuinfo)" -eq "$CPUS" ]
claim $? "$CPUS processors"
use_igb
while read -r name size sum; do
    use_disk "$name" "$size" "$sum"
done </test/newer-disks
use_sound
use_virtio virtio-multitouch 1052
for driver in igb igbvf ufshcd sdhci-pci; do
    [ "$(field "$(address_of $driver)" mode)" = "$MODE" ] && [ "$(field "$(address_of $driver)" maps)" -gt 0 ]
    claim $? "$driver: $MODE mode, maps were made"
done
grep -q '^faults total=0 ' $DEBUG/counters
claim $? "no fault"
grep -q '^faults total=0 ' $DEBUG/counters || sed 's/^/# /' $DEBUG/faults
show_table
check "igbvf: switched off at the end" sh -c "echo 0 >$card/sriov_numvfs"
finish
