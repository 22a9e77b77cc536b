#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# scripts/release.sh in a copy of the tree: what it refuses, and that the tarball is the same each time,
# checks out, and builds by itself. Prints TAP.
. "$(dirname "$0")/tap.sh"

command -v git >/dev/null || { echo "1..0 # SKIP git is not there"; exit 0; }
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
tree=$work/tree out=$work/out
mkdir "$tree"
# The tree as it is, also what is not committed yet; in a tarball there is no git.
if git -C "$root" rev-parse --git-dir >/dev/null 2>&1; then
    (cd "$root" && git ls-files -z --cached --others --exclude-standard |
        while IFS= read -r -d '' file; do [ -e "$file" ] && printf '%s\0' "$file"; done |
        tar -c --null -T - | tar -x -C "$tree")
else
    (cd "$root" && tar -c --exclude=./build --exclude=./amalgam . | tar -x -C "$tree")
fi
cd "$tree" || exit 1
version=$(scripts/version.sh)
commit() {
    git add -A && git commit -q -m "$1"
}

refused "no git tree" "no git tree" env GIT_CEILING_DIRECTORIES="$work" scripts/release.sh "$out"
git init -q . && commit one
sed -i "s/^## $version .*/## $version (not released yet)/" CHANGES.md && commit undated 2>/dev/null >&2
refused "a version that is not dated" "it has no date" scripts/release.sh "$out"
sed -i "s/^## $version .*/## 999.0.0 (2026-01-01)/" CHANGES.md && commit without >/dev/null
refused "a version without its part of CHANGES.md" "no part for $version" scripts/release.sh "$out"
sed -i "s/^## 999.0.0 .*/## $version (2026-01-01)\n\n## 0.0.1 (2025-01-01)/" CHANGES.md && commit empty >/dev/null
refused "a version whose part is empty" "says nothing about $version" scripts/release.sh "$out"
sed -i '/^## 0.0.1 /d' CHANGES.md
cp debian/changelog "$work/changelog"
sed -i '1s/(.*)/(9.9.9)/' debian/changelog && commit debian >/dev/null
refused "a version that debian/changelog does not know" "debian/changelog" scripts/release.sh "$out"
cp "$work/changelog" debian/changelog
printf '\n## 0.0.1 (2025-01-01)\n\n- Old.\n' >>CHANGES.md
commit good >/dev/null
echo more >>README.md
refused "a file that has changed" "README.md" scripts/release.sh "$out"
git checkout -q README.md
echo >new.txt
refused "a file that is new" "new.txt" scripts/release.sh "$out"
rm new.txt
git tag "v$version" HEAD~1
refused "a version that is tagged elsewhere" "tag of another commit" scripts/release.sh "$out"
git tag -f "v$version" HEAD >/dev/null
refused "no folder" "FOLDER" scripts/release.sh
try "nothing is left where it refuses" test -z "$(ls -A "$out" 2>/dev/null)"

name=udmar-$version
said=$(scripts/release.sh "$out" 2>"$work/said") || true
report "a release is made" "$([ "$said" = "$out/$name.tar.gz" ] && echo 0 || echo 1)" "$work/said"
sums() {
    (cd "$out" && sha256sum --quiet -c SHA256SUMS) && [ "$(wc -l <"$out/SHA256SUMS")" -eq 2 ]
}
try "checksums are right" sums
changes() {
    head -n 1 "$out/$name.changes.md" | grep -qxF "## $version (2026-01-01)" && [ "$(wc -l <"$out/$name.changes.md")" -gt 10 ] &&
        ! grep -F 0.0.1 "$out/$name.changes.md"
}
try "its part of the changes, and no other" changes

again() { # another day, clone, umask, locale and time zone
    git clone -q "$tree" "$work/clone" && cd "$work/clone" && umask 077 && sleep 1 &&
        env TZ=Asia/Tokyo LC_ALL=C.UTF-8 scripts/release.sh "$work/out2" >/dev/null && diff -r "$out" "$work/out2"
}
try "another clone makes the same bytes" again

mkdir "$work/unpacked" && tar -xzf "$out/$name.tar.gz" -C "$work/unpacked"
complete() {
    diff -r --exclude=.git --exclude=amalgam "$tree" "$work/unpacked/$name" &&
        "$tree/scripts/amalgam.py" "$work/amalgam" && diff -r "$work/amalgam" "$work/unpacked/$name/amalgam"
}
try "the tarball is the tree and the amalgam" complete
builds() {
    cd "$work/unpacked/$name" && { meson setup build -Dtests=false -Dkernel=false -Doptimization=0 -Ddebug=false &&
        ninja -C build src/libudmar.a; } >"$work/log" 2>&1 || { cat "$work/log"; return 1; }
    [ "$(meson introspect --projectinfo build | grep -c "\"version\": \"$version\"")" = 1 ] &&
        gcc -std=c11 -fsyntax-only -Wall -Wextra -Werror amalgam/udmar.c
}
try "the tarball builds by itself" builds
finish
