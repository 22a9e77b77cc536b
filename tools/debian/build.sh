#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Makes udmar_VERSION_ARCHITECTURE.deb of the command line tool.
#
#   tools/debian/build.sh [FOLDER]
#
# FOLDER is where the package goes, default the current one. Wanted: meson, a C compiler, dpkg-dev;
# with libpci-dev the tool knows device names. Nothing else is written outside a temporary folder.
set -eu -o pipefail

root=$(realpath "$(dirname "$0")/../..")
out=$(realpath "${1:-.}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree

meson setup "$work/build" "$root" --prefix=/usr --buildtype=release \
    -Dtools=true -Dkernel=false -Dtests=false >"$work/log" ||
    { cat "$work/log"; exit 1; }
ninja -C "$work/build" tools/udmar >"$work/log" || { cat "$work/log"; exit 1; }
DESTDIR=$tree meson install -C "$work/build" --no-rebuild >"$work/log" ||
    { cat "$work/log"; exit 1; }

strip --strip-unneeded "$tree/usr/bin/udmar"
gzip -9n "$tree/usr/share/man/man1/udmar.1"
mkdir -p "$tree/usr/share/doc/udmar" "$tree/DEBIAN" "$work/debian"
cp "$root/LICENSE" "$tree/usr/share/doc/udmar/copyright"
find "$tree" -type d -exec chmod 755 {} +

# The libraries of the binary, as packages with versions.
version=$(meson introspect --projectinfo "$work/build" |
    sed -nE 's/.*"version": "([^"]+)".*/\1/p')
printf 'Source: udmar\n\nPackage: udmar\nArchitecture: any\n' >"$work/debian/control"
depends=$(cd "$work" && dpkg-shlibdeps -O -e"$tree/usr/bin/udmar" 2>"$work/log") ||
    { cat "$work/log"; exit 1; }
depends=${depends#shlibs:Depends=}

cat >"$tree/DEBIAN/control" <<EOT
Package: udmar
Version: $version
Section: utils
Priority: optional
Architecture: $(dpkg --print-architecture)
Maintainer: The udmar authors <udmar@localhost>
Installed-Size: $(du -sk "$tree" | cut -f 1)
Depends: $depends
Recommends: pci.ids
Suggests: acpica-tools, pciutils
Description: make Intel VT-d (DMA remapping) readable
 Shows what a machine's ACPI DMAR table says and what is wrong with it, what
 remapping units can and cannot do, what a DMA fault means, and where the page
 tables of a memory image lead.
EOT
(cd "$tree" && find usr -type f -exec md5sum {} +) >"$tree/DEBIAN/md5sums"
package=$out/udmar_${version}_$(dpkg --print-architecture).deb
dpkg-deb --root-owner-group --build "$tree" "$package" >/dev/null
echo "$package"
