#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The version, as include/udmar/version.h has it: MAJOR.MINOR.PATCH.
exec awk '$1 == "#define" && $2 ~ /^UDMAR_VERSION_(MAJOR|MINOR|PATCH)$/ { printf "%s%s", dot, $3; dot = "." }
    END { print "" }' "$(dirname "$0")/../include/udmar/version.h"
