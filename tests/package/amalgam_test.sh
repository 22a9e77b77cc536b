#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# udmar.c and udmar.h as others compile them: compilers, standards, switches, widths, a <stdint.h>
# of the host's own; and programs that are linked with them alone. Prints TAP.
. "$(dirname "$0")/tap.sh"

amalgam=$work/amalgam
try "the amalgam is made" "$root/scripts/amalgam.py" "$amalgam"
"$root/scripts/amalgam.py" "$work/again"
try "it is the same the second time" diff -r "$amalgam" "$work/again"
[ -f "$amalgam/udmar.c" ] || finish
cd "$work" || exit 1

strict='-Wall -Wextra -Wpedantic -Werror'
echo '#include "udmar.h"' >whole.c
all_types='-Iamalgam -DUDMAR_WITH_CCB -DUDMAR_WITH_CRYPTO -DUDMAR_WITH_MTX'

# ---- it compiles -----------------------------------------------------------------------------

# object NAME COMPILER-AND-FLAGS: compiles udmar.c to NAME.o.
object() {
    local name=$1
    shift
    # shellcheck disable=SC2086,SC2048 # words
    later "udmar.c: $*" $* -ffreestanding -c amalgam/udmar.c -o "$name.o"
}
object gcc "gcc -std=c11 -O2 $strict"
object clang "clang -std=c11 -Oz $strict"
object size "gcc -std=c11 -Os -Wall -Wextra -Werror -fno-pic"
object pie "gcc -std=c11 -O1 -fpie -Wall -Wextra -Werror"
object lto "gcc -std=c11 -O1 -flto=auto -Wall -Wextra -Werror"
object i386 "gcc -std=c11 -m32 -march=i586 -O1 -Wall -Wextra -Werror -fno-pie"
object single "gcc -std=c11 -O0 -DUDMAR_SINGLE_THREAD $strict"
object least "gcc -std=c11 -O0 -DUDMAR_SINGLE_THREAD -DUDMAR_WITHOUT_FAULT_TEXT -DUDMAR_WITHOUT_TABLE_CHECK -DUDMAR_WITHOUT_STREAMS -DUDMAR_WITHOUT_BUSDMA $strict"
for standard in gnu11 c17 gnu17 c2x; do
    for compiler in gcc clang "gcc -m32" "clang -m32"; do
        # shellcheck disable=SC2086
        later "udmar.c: $compiler -std=$standard" $compiler -std=$standard $strict -fsyntax-only amalgam/udmar.c
    done
done
# C99 has no anonymous unions, which every compiler takes all the same.
later "udmar.c: gcc -std=c99" gcc -std=c99 -Wall -Wextra -Werror -fsyntax-only amalgam/udmar.c
for switch in UDMAR_WITHOUT_{FAULT_TEXT,TABLE_CHECK,STREAMS,BUSDMA,BUS_DMA} UDMAR_DEBUG UDMAR_DEBUG_MAPS; do
    for compiler in gcc clang; do
        # shellcheck disable=SC2086
        later "udmar.c: $compiler -D$switch" $compiler -std=c11 $strict -D$switch -fsyntax-only amalgam/udmar.c
    done
done

# ---- a <stdint.h> of the host's own ----------------------------------------------------------

# own_headers FOLDER 32-BIT-TYPE 64-BIT-TYPE: the four headers that a kernel may have of its own, by
# what docs/PORTING.md says that they must define and nothing more.
own_headers() {
    mkdir -p "$1"
    cat >"$1/stdint.h" <<EOF
#ifndef OWN_STDINT_H
#define OWN_STDINT_H
typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef unsigned $2 uint32_t;
typedef signed $2 int32_t;
typedef unsigned $3 uint64_t;
typedef __UINTPTR_TYPE__ uintptr_t;
#define UINT16_MAX 0xffff
#define UINT32_MAX __UINT32_MAX__
#define UINT64_MAX __UINT64_MAX__
#define INT32_MAX 0x7fffffff
#define UINTPTR_MAX __UINTPTR_MAX__
#define SIZE_MAX __SIZE_MAX__
#define UINT32_C(number) ((uint32_t)number##ul)
#define UINT64_C(number) ((uint64_t)number##ull)
#endif
EOF
    cat >"$1/stddef.h" <<'EOF'
#ifndef OWN_STDDEF_H
#define OWN_STDDEF_H
typedef __SIZE_TYPE__ size_t;
#define NULL ((void *)0)
#endif
EOF
    printf '#define bool _Bool\n#define true 1\n#define false 0\n' >"$1/stdbool.h"
    cat >"$1/stdarg.h" <<'EOF'
#ifndef OWN_STDARG_H
#define OWN_STDARG_H
typedef __builtin_va_list va_list;
#define va_start(list, last) __builtin_va_start(list, last)
#define va_arg(list, type) __builtin_va_arg(list, type)
#define va_end(list) __builtin_va_end(list)
#endif
EOF
}
own_headers own/long int long
own_headers own/longlong int 'long long'
own_headers own/long32 long 'long long'
for compiler in gcc clang; do
    for own in "-m64 long" "-m64 longlong" "-m32 long32" "-m32 longlong"; do
        # shellcheck disable=SC2086
        set -- $own
        later "udmar.c: $compiler $1, a <stdint.h> of the host's own ($2)" $compiler "$1" -std=c11 -nostdinc \
            -isystem "own/$2" -ffreestanding -Wall -Wextra -Werror -fsyntax-only amalgam/udmar.c
        # shellcheck disable=SC2086
        later "udmar.h with all types: $compiler $1, a <stdint.h> of the host's own ($2)" $compiler "$1" -std=c11 \
            -nostdinc -isystem "own/$2" -ffreestanding -Wall -Wextra -Werror $all_types -fsyntax-only whole.c
    done
done
together

# ---- what it asks for --------------------------------------------------------------------------

# As tests/layout_test.sh reads host.h; tier 1 ends at the mark of tier 2.
tiers() { # LAST-LINE-PATTERN
    sed -n "1,/$1/p" "$root/include/udmar/host.h" | sed -E 's,/\*([^*]|\*[^/])*\*+/,,g; /\/\*/,/\*\//d' |
        grep -oE '\budmar_host_[a-z0-9_]+ *\(' | tr -d ' ('
}
asks() { # OBJECT OFFERED-FILE
    nm -u "$1" | awk '{ print $NF }' | grep -vxE 'memcpy|memmove|memset|memcmp|_GLOBAL_OFFSET_TABLE_|__stack_chk_fail|__x86\..*' |
        grep -vxFf "$2" && return 1
    [ -s "$1" ]
}
changes() { # OBJECT: variables that live as long as the program
    [ -s "$1" ] && ! nm "$1" | awk '$(NF - 1) ~ /^[bBdDC]$/' | grep .
}
tiers '\$no such line' >all
tiers 'Tier 2:' | grep -v udmar_host_lock >one
try "tier 1 is found in host.h" test "$(wc -l <one)" -eq 16
for name in gcc clang size pie i386; do
    try "$name.o asks for the host's functions and nothing else" asks $name.o all
done
for name in size i386; do # the others have constants that a loader relocates
    try "$name.o has no variables" changes $name.o
done
grep -v -e udmar_host_lock -e udmar_host_cpu -e udmar_host_interrupt all >without-threads
try "for one thread it asks for none of tier 2" asks single.o without-threads
try "the least of it asks for tier 1 alone" asks least.o one

# ---- the header --------------------------------------------------------------------------------

cat >use.cc <<'EOF'
#include "udmar.h"
int use(struct udmar_device *device);
int use(struct udmar_device *device)
{
    bus_dma_tag_t tag = nullptr;
    return bus_dma_tag_create(udmar_device_dma_tag(device), 1, 0, BUS_SPACE_MAXADDR, BUS_SPACE_MAXADDR, nullptr, nullptr,
                              4096, 1, 4096, 0, nullptr, nullptr, &tag) + UDMAR_VERSION;
}
EOF
for compiler in g++ clang++; do
    for standard in c++11 c++17 c++20 gnu++20; do
        for types in '' "$all_types"; do
            # shellcheck disable=SC2086
            later "udmar.h: $compiler -std=$standard $types" $compiler -std=$standard -Wall -Wextra -Wpedantic -Werror \
                -Iamalgam $types -fsyntax-only use.cc
        done
    done
done
for type in PAGES MBUF UIO BIO MEMDESC CCB CRYPTO MTX; do
    later "udmar.h: UDMAR_WITH_$type alone" gcc -std=c11 -Wall -Wextra -Wpedantic -Werror -DUDMAR_WITH_$type \
        -Iamalgam -fsyntax-only whole.c
done
cat >twice.c <<'EOF'
#include "udmar.h"
struct mbuf { struct mbuf *next; void *data; int length; };
#define UDMAR_PORT_MBUF
#define UDMAR_WITH_MBUF
#define udmar_mbuf_next(m)  ((m)->next)
#define udmar_mbuf_total(m) ((uint64_t)(m)->length)
#define udmar_mbuf_piece(m, index, out) ((index) == 0 && udmar_piece_of_buffer((m)->data, (uint64_t)(m)->length, (out)))
#include "udmar.h"
struct bio { int own; };
struct uio { int own; };
struct mtx { int own; };
struct vm_page { int own; };
struct memdesc { int own; };
union ccb { int own; };
struct cryptop { int own; };
int use(bus_dma_tag_t tag, bus_dmamap_t map, struct mbuf *m, int *count);
int use(bus_dma_tag_t tag, bus_dmamap_t map, struct mbuf *m, int *count)
{
    return bus_dmamap_load_mbuf_sg(tag, map, m, NULL, count, 0);
}
EOF
later "udmar.h, then again with mbufs of one's own, and no other type" gcc -std=c11 -Wall -Wextra -Werror -Iamalgam -fsyntax-only twice.c
cat >names.c <<'EOF'
#define UDMAR_WITHOUT_BUS_DMA
#include "udmar.h"
typedef char *bus_dma_tag_t, bus_addr_t;
int bus_dma_tag_create(int own);
EOF
refused "types that need FreeBSD's names, without these" "UDMAR_WITHOUT_BUS_DMA" \
    gcc -std=c11 -DUDMAR_WITHOUT_BUS_DMA -DUDMAR_WITH_MBUF -Iamalgam -fsyntax-only whole.c
later "UDMAR_WITHOUT_BUS_DMA leaves FreeBSD's names to the host" gcc -std=c11 -Iamalgam -fsyntax-only names.c
together

# ---- programs ----------------------------------------------------------------------------------

# The template port, with its includes replaced by the one header. It has to say that it has no memory.
for file in example.c example.h host.c main.c; do
    sed 's,#include <udmar/.*>,#include "udmar.h",' "$root/ports/template/$file" >"$file"
done
program() { # NAME OBJECT FLAGS...
    local name=$1 object=$2
    shift 2
    "$@" -Iamalgam example.c host.c main.c "$object" -o "$name" || return 1
    file_runs "$name"
}
file_runs() {
    local status=0 emulator=
    if [ "${1#i386}" != "$1" ] && ! "$root/scripts/runs32.sh"; then
        emulator=qemu-i386
        command -v $emulator >/dev/null || { echo "no qemu-i386 on a machine that runs no 32-bit programs"; return 1; }
    fi
    $emulator "./$1" >"$1.out" 2>&1 || status=$?
    [ $status -eq 1 ] || { echo "exit status $status"; cat "$1.out"; return 1; }
}
try "the template port with the object of gcc, -fpie" program pie-program pie.o gcc -std=c11 -fpie -pie
try "the same with clang's, as no PIE" program clang-program clang.o clang -std=c11 -no-pie
try "the same with -flto" program lto-program lto.o gcc -std=c11 -O1 -flto=auto
try "the same for i386" program i386-program i386.o gcc -m32 -std=c11 -no-pie
finish
