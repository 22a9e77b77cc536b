#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# init of a guest whose kernel or machine does not fit: $WORDS is what the log must say.
. /test/lib.sh

start
refused "$LABEL" "$WORDS"
insert nvme
dev=$(wait_disk nvme) && [ "$(sum_of "$dev" 0 16)" = "$(sed -n 's/^nvme 32 //p' /test/disks)" ]
claim $? "$LABEL: the machine goes on, its disk reads"
finish
