# SPDX-License-Identifier: BSD-2-Clause
# What the scripts that run inside the guest share. busybox sh; /test/plan has what the host says:
#   TUNABLES, LOAD (seconds), GET and PUT (ports of the peer), NET_MIB, NET_MD5, PART_MIB, PART_MD5, LABEL, PATIENCE...
#
# Each claim is one line on the console, "ok TEXT" or "not ok TEXT"; the host numbers them.

PATH=/bin:/sbin
DEBUG=/sys/kernel/debug/udmar

start() {
    mount -t proc proc /proc
    mount -t sysfs sys /sys
    mount -t devtmpfs dev /dev
    mount -t debugfs debug /sys/kernel/debug
    mount -t tmpfs tmp /tmp
    # Lines of the kernel would come in the middle of ours; they are shown at the end.
    dmesg -n 1
    . /test/plan
    # What hangs shows where, before the host loses patience. No child of ours: load() waits for those.
    ( (
        sleep "$PATIENCE"
        echo "not ok the guest hangs"
        echo w >/proc/sysrq-trigger
        cat /proc/interrupts $DEBUG/counters $DEBUG/faults 2>/dev/null | sed 's/^/| /'
        finish
    ) & )
}

finish() {
    echo "-- kernel log"
    dmesg | sed 's/^/| /'
    echo "-- end of the kernel log"
    dmesg -n 7
    poweroff -f
}

claim() { # STATUS TEXT
    if [ "$1" -eq 0 ]; then
        echo "ok $2"
    else
        echo "not ok $2"
    fi
}

# Like claim, with a command instead of a status.
check() { # TEXT COMMAND...
    local text=$1
    shift
    "$@" >/tmp/out 2>&1
    local status=$?
    claim $status "$text"
    [ $status -eq 0 ] || sed 's/^/# /' /tmp/out
    return $status
}

insert() { # MODULE: with what it needs, in order
    local file rest
    while read -r file rest; do
        grep -q "^$(echo "${file%.ko}" | tr - _) " /proc/modules && continue
        insmod "/modules/$file" $rest || return 1
    done <"/modules/$1.order"
}

# A module that must not load, and what the log must say about it.
refused() { # TEXT WORDS ARGUMENTS...
    local text=$1 words=$2 before
    shift 2
    before=$(dmesg | wc -l)
    if insmod /ours/udmar.ko "$@" 2>/dev/null; then
        claim 1 "$text: refused"
        rmmod udmar
        return
    fi
    dmesg | tail -n +$((before + 1)) >/tmp/said
    grep -q "$words" /tmp/said
    claim $? "$text: refused, and the log says why"
    # insmod tries in two ways, so there are two of these.
    grep 'udmar: refused' /tmp/said | head -n 1 | sed 's/^\[[^]]*\]/#/'
    [ ! -d $DEBUG ]
    claim $? "$text: nothing stays behind"
}

# A device's field in a line of udmar/devices.
field() { # PCI-ADDRESS NAME
    grep "^$1 " $DEBUG/devices | tr ' ' '\n' | sed -n "s/^$2=//p"
}

# PCI address of the function that a driver has; of several, the one in line $2.
address_of() { # DRIVER [NUMBER]
    grep " driver=$1 " $DEBUG/devices | cut -d ' ' -f 1 | sort | sed -n "${2-1}p"
}

# What the units have had to say, and the table of devices, which the console keeps.
show_table() {
    ! grep -q 'queue-errors=[1-9]\|timeouts=[1-9]' $DEBUG/counters
    claim $? "no queue error, no time-out"
    echo "-- table"
    cat $DEBUG/devices
    echo "-- end of the table"
    sed 's/^/# /' $DEBUG/units $DEBUG/counters
}

# The block device whose first sector carries this name.
find_disk() { # NAME
    local dev
    for dev in /dev/sd? /dev/nvme?n1 /dev/mmcblk?; do
        [ -b "$dev" ] || continue
        if [ "$(dd if="$dev" bs=512 count=1 2>/dev/null | head -c 32 | tr -d '\0')" = "udmar disk $1" ]; then
            echo "$dev"
            return 0
        fi
    done
    return 1
}

wait_disk() { # NAME
    local i
    for i in $(seq 100); do
        find_disk "$1" && return 0
        sleep 0.2
    done
    return 1
}

# MD5 of a part of a disk, read past the page cache.
sum_of() { # DEVICE FIRST-MIB MIB
    echo 1 >/proc/sys/vm/drop_caches
    dd if="$1" bs=1M skip="$2" count="$3" iflag=direct 2>/dev/null | md5sum | cut -d ' ' -f 1
}
