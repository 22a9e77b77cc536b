#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Makes a release out of the commit that is checked out:
#
#   scripts/release.sh FOLDER
#
#   FOLDER/udmar-VERSION.tar.gz       the tree, with the library as amalgam/udmar.c and udmar.h
#   FOLDER/udmar-VERSION.changes.md   the part of CHANGES.md about it
#   FOLDER/SHA256SUMS                 of both
#
# The same commit gives the same bytes. It refuses a tree with changes that are not committed, a version
# whose part of CHANGES.md is missing, empty or not dated, one that debian/changelog does not know, and
# one whose tag is on another commit. Nothing is left in FOLDER when it refuses.
set -eu -o pipefail
export LC_ALL=C TZ=UTC

refuse() {
    echo "release: $*" >&2
    exit 1
}

[ $# -eq 1 ] && [ "${1#-}" = "$1" ] || { sed -n '/^#   /s/^#   //p' "$0" >&2; exit 2; }
mkdir -p "$1"
out=$(realpath "$1")
cd "$(dirname "$0")/.."
git rev-parse --verify -q HEAD >/dev/null || refuse "this is no git tree with a commit"
dirty=$(git status --porcelain) || refuse "git status fails"
[ -z "$dirty" ] || refuse "the tree has changes that are not committed:
$dirty"

version=$(scripts/version.sh)
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || refuse "include/udmar/version.h has no version"
name=udmar-$version
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# From "## VERSION (YYYY-MM-DD)" to the next one.
heading=$(grep -m 1 -F "## $version " CHANGES.md) || refuse "CHANGES.md has no part for $version"
[[ $heading =~ ^"## $version ("20[0-9]{2}-[01][0-9]-[0-3][0-9]")"$ ]] ||
    refuse "CHANGES.md says \"$heading\": it has no date"
awk -v heading="$heading" '/^## / { inside = $0 == heading } inside' CHANGES.md >"$work/$name.changes.md"
grep -qE '^- ' "$work/$name.changes.md" || refuse "CHANGES.md says nothing about $version"
head -n 1 debian/changelog | grep -qF "udmar ($version)" || refuse "debian/changelog begins with another version than $version"
if tagged=$(git rev-parse -q --verify "v$version^{commit}") && [ "$tagged" != "$(git rev-parse HEAD)" ]; then
    refuse "v$version is the tag of another commit"
fi

SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
git archive --format=tar --prefix="$name/" HEAD | tar -x -C "$work"
"$work/$name/scripts/amalgam.py" "$work/$name/amalgam"
find "$work/$name" -name __pycache__ -prune -exec rm -rf {} +
# Modes as git has them, whatever the umask: a file is executable or not.
find "$work/$name" \( -type d -o -type f -perm -u+x \) -exec chmod 755 {} +
find "$work/$name" -type f ! -perm -u+x -exec chmod 644 {} +
tar -c -C "$work" --format=ustar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
    "$name" | gzip -9n >"$work/$name.tar.gz"
(cd "$work" && sha256sum "$name.changes.md" "$name.tar.gz" >SHA256SUMS)
mv "$work/$name.changes.md" "$work/$name.tar.gz" "$work/SHA256SUMS" "$out/"
echo "$out/$name.tar.gz"
