#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# init of a guest whose kernel or machine does not fit: $WORDS is what the log must say.
. /test/lib.sh

start
refused "udmar.ko" "$WORDS"
insert nvme
dev=$(wait_disk nvme) && [ "$(sum_of "$dev" 0 16)" = "$(sed -n 's/^nvme 32 //p' /test/disks)" ]
claim $? "the machine goes on, its disk reads"
finish
