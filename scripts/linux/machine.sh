# SPDX-License-Identifier: BSD-2-Clause
# The machines of ./check linux, as QEMU arguments. Sourced.

# Disks: name and size in MiB. The slow ones are small.
linux_disks="ahci:32 ahci-fs:64 ide:32 ehci:16 uhci:2 xhci:32 megasas:32 megasas2:32 nvme:32 nvme-fs:64"

random_disk() { # FILE NAME MIB
    { printf 'udmar disk %s' "$2"; head -c 32 /dev/zero; } | head -c 32 >"$1"
    head -c $(($3 * 1048576 - 32)) /dev/urandom >>"$1"
}

# Random contents, with the disk's name in front. FOLDER/LIST: NAME MIB MD5-OF-FIRST-HALF.
make_disks() { # FOLDER LIST NAME:MIB...
    local folder=$1 list=$1/$2 disk name size
    shift 2
    mkdir -p "$folder"
    : >"$list"
    for disk in "$@"; do
        name=${disk%:*} size=${disk#*:}
        random_disk "$folder/$name.img" "$name" "$size"
        echo "$name $size $(head -c $((size / 2))M "$folder/$name.img" | md5sum | cut -d ' ' -f 1)" >>"$list"
    done
}

# One more, which comes while the machine runs. FOLDER/plugged: "hot" and the MD5 of its first half.
make_plugged_disk() { # FOLDER
    random_disk "$1/hot.img" hot 32
    echo "hot $(head -c 16M "$1/hot.img" | md5sum | cut -d ' ' -f 1)" >"$1/plugged"
}

drive() { # FOLDER NAME
    args+=(-drive "if=none,id=$2,file=$1/$2.img,format=raw,cache=unsafe")
}

# Everything at once. Functions whose place matters to the guest have an address.
all_devices() { # FOLDER-WITH-DISKS; fills args
    local name
    args=()
    for name in $linux_disks hot; do
        drive "$1" "${name%:*}"
    done
    args+=(
        -device ide-hd,drive=ahci,bus=ide.0
        -device ide-hd,drive=ahci-fs,bus=ide.1
        -device piix3-ide,id=pide,addr=0x10 -device ide-hd,drive=ide,bus=pide.0
        -device usb-ehci,id=ehci0,addr=0x11 -device usb-storage,bus=ehci0.0,drive=ehci
        -device piix3-usb-uhci,id=uhci0,addr=0x12 -device usb-storage,bus=uhci0.0,drive=uhci
        -device qemu-xhci,id=xhci0,addr=0x13 -device usb-storage,bus=xhci0.0,drive=xhci
        -device megasas,id=mega,addr=0x14 -device scsi-hd,bus=mega.0,drive=megasas
        -netdev user,id=n0,net=10.0.10.0/24 -device e1000,netdev=n0,addr=0x15,romfile=
        -netdev user,id=n1,net=10.0.11.0/24 -device e1000e,netdev=n1,addr=0x16,romfile=
        -device nvme,serial=NV0,drive=nvme,addr=0x17
        -device pcie-root-port,id=rp1,slot=1,chassis=1,addr=0x18
        -device nvme,serial=NV1,drive=nvme-fs,bus=rp1
        -device pcie-root-port,id=rp2,slot=2,chassis=2,addr=0x19
        -device pcie-pci-bridge,id=pb,bus=rp2
        -netdev user,id=n2,net=10.0.12.0/24 -device e1000,netdev=n2,bus=pb,addr=3,romfile=
        -device pcie-root-port,id=rp3,slot=3,chassis=3,addr=0x1d
        -device megasas-gen2,id=mega2,addr=0x1a -device scsi-hd,bus=mega2.0,drive=megasas2
        -device "edu,addr=0x1b,dma_mask=0xffffffffffffffff"
        -device "edu,addr=0x1c,dma_mask=0xffffffffffffffff"
    )
}

# What QEMU has got since 7.2, as far as Linux has drivers for it.
newer_disks="ufs:32 emmc:32"
newer_devices() { # FOLDER-WITH-DISKS; fills args
    args=()
    drive "$1" ufs
    drive "$1" emmc
    args+=(
        -device pcie-root-port,id=rp1,slot=1,chassis=1,addr=0x18
        -netdev user,id=n0,net=10.0.10.0/24 -device igb,netdev=n0,bus=rp1,romfile=
        -device ufs,id=ufs0,serial=UFS0,addr=0x10 -device ufs-lu,bus=ufs0,drive=ufs,lun=0
        -device sdhci-pci,id=sdhci0,addr=0x11 -device emmc,drive=emmc
        -audiodev none,id=quiet -device virtio-sound-pci,audiodev=quiet,iommu_platform=on,disable-legacy=on,addr=0x12
        -device virtio-multitouch-pci,iommu_platform=on,disable-legacy=on,addr=0x13
    )
}

# One disk, and two that move bytes as they are told.
few_devices() { # FOLDER-WITH-DISKS; fills args
    args=()
    drive "$1" nvme
    args+=(
        -device nvme,serial=NV0,drive=nvme,addr=0x17
        -device "edu,addr=0x1b,dma_mask=0xffffffffffffffff"
        -device "edu,addr=0x1c,dma_mask=0xffffffffffffffff"
    )
}
