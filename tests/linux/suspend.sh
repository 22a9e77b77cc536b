#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# init of a guest with one NVMe disk and two edu devices: the machine sleeps in S3, more than once.
. /test/lib.sh

disk_reads() { # TEXT
    local dev
    dev=$(wait_disk nvme) && [ "$(sum_of "$dev" 0 16)" = "$(sed -n 's/^nvme 32 //p' /test/disks)" ]
    claim $? "$1"
}

# The real-time clock wakes it. This firmware does not put the power registers back (PMBASE and ACPI_EN of the
# ICH9), without which the machine neither sleeps once more nor goes off.
lpc=/sys/bus/pci/devices/0000:00:1f.0/config
sleeps() {
    local status
    dd if=$lpc of=/tmp/lpc bs=1 skip=64 count=5 2>/dev/null
    echo 0 >/sys/class/rtc/rtc0/wakealarm
    echo +4 >/sys/class/rtc/rtc0/wakealarm
    echo mem >/sys/power/state
    status=$?
    dd if=/tmp/lpc of=$lpc bs=1 seek=64 conv=notrunc 2>/dev/null
    return $status
}

start
# Nothing that prints on a console that is asleep, and S3 where the kernel would choose idle.
echo deep >/sys/power/mem_sleep 2>/dev/null
grep -q 'deep' /sys/power/mem_sleep
claim $? "this machine has S3"
check "loaded" insmod /ours/udmar.ko tunables="$TUNABLES"
insert nvme
disk_reads "the disk reads translated"
for night in 1 2 3; do
    before=$(dmesg | grep -c 'its registers are lost')
    check "night $night: the machine sleeps and wakes" sleeps
    [ "$(dmesg | grep -c 'its registers are lost')" = $((before + 1)) ]
    claim $? "night $night: the unit has lost its registers"
    [ "$(dmesg | grep -c 'udmar: translation is on again')" = "$night" ]
    claim $? "night $night: and has them again"
    [ "$(field "$(address_of nvme)" mode)" = translate ]
    claim $? "night $night: the disk is translated"
    echo 3 >/proc/sys/vm/drop_caches
    disk_reads "night $night: the disk reads"
done
[ "$(sed -n 's/^faults total=\([0-9]*\).*/\1/p' $DEBUG/counters)" = 0 ]
claim $? "no fault"
insmod /ours/edu_probe.ko
claim $? "a driver that comes after it is served"
rmmod edu_probe
! grep -q 'queue-errors=[1-9]\|timeouts=[1-9]' $DEBUG/counters
claim $? "no queue error, no time-out"
finish
