#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# init of a guest with one NVMe disk and two edu devices: the module comes, goes and is refused.
. /test/lib.sh

disk_reads() { # TEXT
    local dev
    dev=$(wait_disk nvme) && [ "$(sum_of "$dev" 0 16)" = "$(sed -n 's/^nvme 32 //p' /test/disks)" ]
    claim $? "$1"
}

# A driver whose disk is being looked at for partitions says that it is in use.
remove_nvme() {
    local i
    for i in $(seq 50); do
        rmmod nvme 2>/dev/null && return 0
        sleep 0.2
    done
    return 1
}

come_and_go() { # NUMBER
    insmod /ours/udmar.ko $PARAMETERS tunables="hw.dmar.qi=$(($1 % 2))" && insert nvme && wait_disk nvme >/dev/null &&
        remove_nvme && rmmod udmar
}

start
refused "a tunable that is none" 'tunable hw.dmar.nonsense=1' tunables="hw.dmar.nonsense=1"
refused "a tunable with a wrong value" 'tunable hw.dmar.strict=9' tunables="hw.dmar.strict=9"
refused "words that are no tunables" 'no tunable begins like strict=0' tunables="strict=0"
refused "hw.dmar.enable=0" 'hw.dmar.enable=0' tunables="hw.dmar.enable=0"
refused "bound=perhaps" 'bound=perhaps' bound=perhaps

check "loaded" insmod /ours/udmar.ko $PARAMETERS
insert nvme
insmod /ours/edu_probe.ko
disk_reads "the disk reads translated"
! rmmod udmar 2>/dev/null
claim $? "not removed while drivers use it"
rmmod edu_probe
! rmmod udmar 2>/dev/null
claim $? "not removed while one driver uses it"
check "nvme.ko is removed" remove_nvme
check "removed when no driver uses it" rmmod udmar
[ ! -d $DEBUG ]
claim $? "debugfs is gone"
insert nvme
disk_reads "the disk reads without it"

refused "a driver came first, and bound=refuse" 'is bound to nvme already' bound=refuse
check "loaded after a driver" insmod /ours/udmar.ko $PARAMETERS
[ "$(field "$(address_of nvme)" mode)" = identity ]
claim $? "the device that had a driver keeps its physical addresses"
disk_reads "and its disk reads"
[ "$(sed -n 's/^faults total=\([0-9]*\).*/\1/p' $DEBUG/counters)" = 0 ]
claim $? "no fault"
check "removed although that driver is bound" rmmod udmar
disk_reads "the disk reads on"
check "nvme.ko is removed" remove_nvme

nvme=$(basename "$(dirname "$(grep -l 0x010802 /sys/bus/pci/devices/*/class)")")
slot=$(printf '%d' "0x$(echo "$nvme" | cut -c 9-10)")
check "loaded with the disk blocked" insmod /ours/udmar.ko $PARAMETERS tunables="hw.busdma.pci0:0:$slot:0=blocked,hw.dmar.qi=0"
insert nvme
sleep 2
[ "$(field "$nvme" mode)" = blocked ] && [ -z "$(ls /dev/nvme0n1 2>/dev/null)" ]
claim $? "a blocked device gets no mapping, and its driver gives up"
check "nvme.ko is removed" remove_nvme
check "removed" rmmod udmar

come_and_go 1 && come_and_go 2 && come_and_go 3 && come_and_go 4 && come_and_go 5
claim $? "loaded and removed five times with a driver in between"
insert nvme
disk_reads "the disk reads after all that"
check "nvme.ko is removed" remove_nvme
check "loaded for the shutdown" insmod /ours/udmar.ko $PARAMETERS
insert nvme
disk_reads "the disk reads translated again"
rmmod nvme
insmod /ours/edu_probe.ko leave=1
rmmod edu_probe
! rmmod udmar 2>/dev/null
claim $? "not removed while a page is mapped that a driver left behind"
insert nvme
disk_reads "the disk reads while that page is mapped"
finish
