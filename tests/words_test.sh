#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# One word for one thing: the library uses the words of its field and none of its own, every structure
# has an entry in the glossary, and documents name files and functions that exist. Prints TAP.
#
#   UDMAR_SOURCE_ROOT   the tree; default: the folder above this script
set -u -o pipefail
shopt -s lastpipe # verdict counts at the end of pipes
export LC_ALL=C

root=${UDMAR_SOURCE_ROOT:-$(dirname "$0")/..}
cd "$root" || { echo "Bail out! $root is not there"; exit 1; }
work=$(mktemp -d) || { echo "Bail out! no temporary folder"; exit 1; }
trap 'rm -rf "$work"' EXIT

tests=0
failures=0

# ---- reporting -----------------------------------------------------------------------------------

# verdict NAME: ok when standard input is empty, else not ok with its first lines as diagnostics.
verdict()
{
    local found

    found=$(cat)
    tests=$((tests + 1))
    if [ -z "$found" ]; then
        echo "ok $tests - $1"
        return
    fi
    failures=$((failures + 1))
    echo "not ok $tests - $1"
    head -n 40 <<<"$found" | sed 's/^/# /'
}

# ---- words ---------------------------------------------------------------------------------------

# Extended expressions, one a line. Before and behind a word stands anything but a letter, so rack is
# found in rack_take and not in track.
banned()
{
    cat <<'END'
stand[_-]ins?
rare_[a-z]+|[a-z]+_rare
lent
racks?
at[ _]hand
quick(ly)?
slowly
resting
(un)?settle[sd]?
strayed
watched
somebody('s)?
all the same
in the books
of the moment
END
}

# Lines of code that still have such a word, and wait for the change that gives them another one:
# "FILE CODE". One that is not in its file any more has to go from here.
excused()
{
    :
}

# The text of a file without what is excused in it. A comment may be broken between any two words, so
# it comes as one line.
words_of()
{
    local text other excuse

    text=$(tr -s '\n ' ' ' <"$1" | sed 's, \* , ,g')
    excused | while read -r other excuse; do
        [ "$other" != "$1" ] || text=${text//"$excuse"/ }
    done
    echo "$text"
}

check_words()
{
    local file code

    banned | paste -sd '|' >"$work/banned"
    {
        find include src -name '*.[ch]' | sort | while read -r file; do
            words_of "$file" |
                grep -oiE "[^A-Za-z]($(cat "$work/banned"))([^A-Za-z]|\$)" | sed "s,^,$file: ,"
        done
        excused | while read -r file code; do
            grep -qF -- "$code" "$file" || echo "$file: '$code' is excused, and not there"
        done
    } | verdict "include/ and src/ have no word of their own where the field has one"
}

# In a backtrace a name stands alone: verb and object, not one bare word.
check_names()
{
    find src -name '*.[ch]' -exec awk '
        /^[a-z]/ && /\(/ && !/^(typedef|extern)/ {
            name = $0
            sub(/ *\(.*/, "", name)
            sub(/.*[ *]/, "", name)
            if (name ~ /^[a-z]+$/)
                print FILENAME ": " name
        }' {} + | verdict "no function of src/ is called one bare word"
}

check_glossary()
{
    grep -rhoE 'struct udmar__[a-z0-9_]+' src --include='*.[ch]' | sort -u |
        while read -r _ name; do
            grep -qF "struct $name\`" docs/glossary.md || echo "struct $name has no entry"
        done | verdict "docs/glossary.md has every structure of src/"
}

# ---- what documents name -------------------------------------------------------------------------

documents()
{
    find README.md docs ports -name '*.md' | sort
}

# All that is named in backticks outside of listings, "FILE NAME" a line.
quoted()
{
    documents | while read -r file; do
        # shellcheck disable=SC2016 # backticks are meant
        sed '/^```/,/^```/d' "$file" | grep -oE '`[^` ]+`' | tr -d '`' | sed "s,^,$file ,"
    done
}

# Files of other projects, of which the documents speak: drivers of FreeBSD, and those of a build.
foreign='^(ata-dma|ehci_pci|em_txrx|hdac|if_(bce|bge|em|ix|msk|re)|ig[bc]_txrx|ix_txrx|isp_(freebsd|library|pci)|mfi_pci|mps_pci|mpt_(cam|pci)|nvme_(ctrlr|qpair)|uhci_pci|usb_busdma|virtio_blk|virtqueue|(sys/net/)?iflib|(sound/pcm/)?buffer)[.]c$|^(one/)?udmar[.][ch]$'

# Every path below the root, and every end of it that begins at a folder or at the file.
ends_of_paths()
{
    {
        find . -maxdepth 1 -type f
        find include src ports tests tools bench demo docs scripts debian -type f 2>/dev/null
    } | awk '{
        sub(/^\.\//, "")
        print
        while (sub(/^[^\/]*\//, ""))
            print
    }' | sort -u
}

check_files()
{
    ends_of_paths >"$work/there"
    quoted | grep -E ' [A-Za-z0-9_./-]+\.(c|h|S|sh|py|md|build|pml|json|svg|ld)$' |
        sed 's, \./, ,' | awk -v foreign="$foreign" '$2 !~ foreign' | sort -u |
        awk 'NR == FNR { there[$0] = 1; next }
            !($2 in there) { print $1 ": " $2 " is not there" }' "$work/there" - |
        verdict "every file that documents name is there"
}

check_functions()
{
    grep -rhoE '\budmar_[a-z0-9_]+' include src ports tests tools bench demo scripts 2>/dev/null \
        --include='*.[ch]' --include='*.py' --include='*.sh' --include=meson.build |
        cat - <(find ports -name 'udmar_*' -printf '%f\n' | sed 's/\..*//') <(echo udmar_load) |
        sort -u >"$work/known" # loader.conf has a module's name in front of _load
    documents | while read -r file; do
        # A name that ends with an underscore is the beginning of several.
        grep -oE '\budmar_[a-z0-9_]*[a-z0-9]\b(\(|[^*_a-z0-9]|$)' "$file" | grep -oE '^udmar_[a-z0-9_]*' |
            sort -u | comm -23 - "$work/known" | sed "s,^,$file: ,; s,\$, is in no source,"
    done | verdict "every udmar_ name of the documents is in a source"
}

check_words
check_names
check_glossary
check_files
check_functions
echo "1..$tests"
[ "$failures" -eq 0 ]
