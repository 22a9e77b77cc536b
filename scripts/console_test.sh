#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The console, as TAP: every command once, and what it must show. scripts/console_test.sh IMAGE
set -u

here=$(cd "$(dirname "$0")" && pwd)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
number=0

# Not before the port is set up: what comes in that moment is lost, as on any machine.
type_commands() {
    for _ in $(seq 600); do
        grep -qa 'reference kernel' "$log" && break
        sleep 0.1
    done
    printf '%s\n' help 'show dmar' 'show domains' 'show maps 00:04.0' 'walk 00:04.0 0x2000' \
        'attack write-kernel 0' 'attack after-unload 1' 'show faults' 'show busdma' \
        'show interrupts' 'forge of-another 0' 'forge nobody' \
        'show nonsense' 'walk 00:04.0 zero' 'walk 0:9.9 0' 'attack nobody' 'attack read-kernel 99' \
        'no-such-command' 'exit 0'
}
type_commands | "$here/machine.sh" "$1" "hw.dmar.enable=1 run=console" 2>/dev/null >"$log"
status=${PIPESTATUS[1]}
sed -i 's/\r//g' "$log"

shows() { # PATTERN TEXT
    number=$((number + 1))
    if grep -qE "$1" "$log"; then
        echo "ok $number - $2"
    else
        echo "not ok $number - $2"
        sed 's/^/# | /' "$log"
    fi
}

shows '^  walk <device> <address>  ' "help lists the commands"
shows 'unit 0  registers 0xfed90000 .* translating' "show dmar: the unit"
shows '00:04\.0  translate .*the default' "show dmar: what a device got and why"
shows '00:04\.0  domain [0-9]+  translate  3 levels' "show domains"
shows 'fee00000-0000feefffff  reserved' "show maps: the MSI window"
shows 'level [12]  table .*not present: the walk ends here' "walk: to the entry that stops it"
shows 'edu at 00:04\.0 writes to the kernel.*memory is intact' "attack: a write that is stopped"
shows 'edu at 00:05\.0 writes to its own buffer.*memory is intact' "attack: after unload"
shows '^fault 1: QEMU edu device \(0000:00:04\.0\) tried to write' "show faults: as sentences"
shows '2 faults, 0 no longer kept' "show faults: counted"
shows 'busdma  refused tags 0, .* called off 0' "show busdma: nobody did anything wrong"
shows 'remapped by 1 unit; 1 table, 256 entries' "show interrupts: the state"
shows '^  0x[0-9a-f]{2}    [0-9]+ +[0-9]+ +I/O APIC [0-9]+ pin 4$' "show interrupts: a pin, its vector and its entry"
shows '^ +0 +[0-9]+  [0-9a-f]{16} [0-9a-f]{16}  00:1f\.2 +processor 0 vector 0x[0-9a-f]{2} edge, from 00:1f\.2' \
    "show interrupts: an entry of the table"
shows 'edu at 00:04\.0 is given the interrupt message of 00:03\.0.*: no interrupt arrived' "forge: what is stopped"
shows 'what is one of old-format' "a wrong forgery says what there is"
shows 'usage: show' "a wrong show says what there is"
shows 'usage: walk' "a wrong address says how it is written"
shows 'no such device is attached' "a wrong device is named"
shows 'what is one of write-kernel' "a wrong attack says what there is"
number=$((number + 1))
if [ "$status" -eq 0 ]; then
    echo "ok $number - exit ends the machine with success"
else
    echo "not ok $number - exit ends the machine with success"
fi
echo "1..$number"
