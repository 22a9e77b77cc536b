#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# udmar walk, dump and explain against Linux's own driver: boots Debian's kernel in QEMU with
# intel_iommu=on, lets devices work, reads the memory out, and compares what the tool finds in the
# tables with what the devices and QEMU's unit really did. Output is TAP.
#
# usage: walk_linux.sh UDMAR [CACHE]
#
# The packages (linux-image, busybox-static) are downloaded once into CACHE and only unpacked.
set -u

udmar=${1:?usage: walk_linux.sh UDMAR [CACHE]}
cache=${2:-${UDMAR_LINUX_CACHE:-${TMPDIR:-/tmp}/udmar-linux-cache}}
here=$(cd "$(dirname "$0")" && pwd)

skip() {
    echo "1..0 # SKIP $1"
    exit 0
}

for program in qemu-system-x86_64 dpkg-deb python3; do
    command -v $program >/dev/null || skip "no $program"
done
[ -x "$udmar" ] || { echo "Bail out! $udmar is not an executable"; exit 1; }

fetch() {
    package=$(apt-cache depends linux-image-amd64 2>/dev/null |
        sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
    [ -n "$package" ] || return 1
    (cd "$cache" && timeout 60 apt-get download "$package" busybox-static >download.log 2>&1)
}

mkdir -p "$cache" || skip "cannot make $cache"
set -- "$cache"/linux-image-*.deb
[ -e "$1" ] && [ -e "$(echo "$cache"/busybox-static*.deb)" ] || fetch ||
    skip "cannot download linux-image and busybox-static"
if [ ! -e "$cache/root/unpacked" ]; then
    for deb in "$cache"/linux-image-*.deb "$cache"/busybox-static*.deb; do
        dpkg-deb -x "$deb" "$cache/root" || skip "cannot unpack $deb"
    done
    : >"$cache/root/unpacked"
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/udmar-linux.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT INT TERM

# A module and what it depends on, dependencies first. The package comes without modules.dep, but
# each module names its own.
modules=$(find "$cache/root" -type d -path '*/lib/modules/*/kernel' | head -n 1)
ordered=
add_module() {
    file=$(find "$modules" -name "$(echo "$1" | tr _ '?').ko" | head -n 1)
    [ -n "$file" ] || return 0
    case " $ordered " in *" $file "*) return 0 ;; esac
    for other in $(tr '\0' '\n' <"$file" | sed -n 's/^depends=//p' | tr ',-' ' ?'); do
        add_module "$other"
    done
    file=$(find "$modules" -name "$(echo "$1" | tr _ '?').ko" | head -n 1)
    ordered="$ordered $file"
}
for module in e1000 e1000e nvme; do
    add_module $module
done

mkdir -p "$work/initramfs/bin" "$work/initramfs/lib" "$work/initramfs/proc" "$work/initramfs/sys" \
    "$work/initramfs/dev"
busybox=$(find "$cache/root" -path "*bin/busybox" -type f | head -n 1)
cp "$busybox" "$work/initramfs/bin/busybox"
names=
for file in $ordered; do
    cp "$file" "$work/initramfs/lib/"
    names="$names $(basename "$file")"
done
cat >"$work/initramfs/init" <<INIT
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
for module in $names; do insmod /lib/\$module; done
INIT
cat >>"$work/initramfs/init" <<'INIT'
for link in /sys/class/net/eth*; do
    n=${link##*eth}
    ifconfig eth$n 10.0.1$n.15 netmask 255.255.255.0 up
    for attempt in 1 2 3 4 5 6; do # the link takes a moment
        ping -c 1 -W 1 10.0.1$n.2 >/dev/null 2>&1 && echo "CHECK ping eth$n ok" && break
        sleep 1
    done
done
sleep 1
dd if=/dev/nvme0n1 of=/dev/null bs=64k count=64 2>/dev/null && echo "CHECK nvme ok"
for device in /sys/kernel/iommu_groups/*/devices/*; do
    echo "GROUP ${device##*/}"
done
for device in /sys/bus/pci/devices/*; do
    read -r start rest <"$device/resource"
    echo "PCI ${device##*/} $(cat "$device/vendor") $(cat "$device/device") $start"
done
# The edu device transfers what its registers say: reads (command 1) from an address that nobody
# has mapped, then writes (command 3) to it.
edu=/sys/bus/pci/devices/0000:00:06.0
echo 1 >$edu/enable
printf '\006' | dd of=$edu/config bs=1 seek=4 conv=notrunc 2>/dev/null
read -r start rest <$edu/resource
devmem $((start + 0x80)) 64 0x12345000
devmem $((start + 0x88)) 64 0x40000
devmem $((start + 0x90)) 64 256
devmem $((start + 0x98)) 64 1
sleep 1
devmem $((start + 0x80)) 64 0x40000
devmem $((start + 0x88)) 64 0x2345678000
devmem $((start + 0x98)) 64 3
sleep 1
echo "READY"
while :; do sleep 100; done
INIT
chmod +x "$work/initramfs/init"
(cd "$work/initramfs" && find . | "$busybox" cpio -o -H newc >"$work/initramfs.cpio" 2>/dev/null)

kernel=$(find "$cache/root/boot" -name 'vmlinuz-*' | head -n 1)
python3 "$here/walk_linux.py" "$udmar" "$kernel" "$work"
