#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Packages of another suite of Debian, with lists of their own; nothing of the system is read or
# changed but where its archive is. No package counts as installed, so that all that is needed comes,
# down to the C library and its loader. Sourced by scripts/qemu/fetch.sh and scripts/linux/fetch.sh,
# whose lock is file descriptor 9.

# Sets suite_apt, the options of apt-get and apt-cache. False: why not is in suite_why.
suite_open() { # SUITE FOLDER
    local suite=$1 apt=$2 archive keys=/usr/share/keyrings/debian-archive-keyring.gpg
    suite_why= suite_apt=()
    mkdir -p "$apt/lists/partial" "$apt/archives/partial"
    [ "$(dpkg --print-architecture 2>/dev/null)" = amd64 ] || { suite_why="this is no amd64 Debian"; return 1; }
    archive=$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1)
    [ -n "$archive" ] || { suite_why="no package list of this machine is Debian's"; return 1; }
    [ -f $keys ] || { suite_why="the package debian-archive-keyring is missing"; return 1; }
    : >"$apt/status"
    echo "deb [arch=amd64 signed-by=$keys] $archive $suite main" >"$apt/sources.list"
    suite_apt=(-q -o Acquire::Retries=0 -o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30
        -o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null -o APT::Default-Release=
        -o "Dir::State::lists=$apt/lists" -o "Dir::State::status=$apt/status"
        -o "Dir::State::extended_states=$apt/extended" -o "Dir::Cache::archives=$apt/archives"
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=
        -o APT::Architectures::=amd64)
    suite_folder=$apt suite_name=$suite
}

suite_refresh() {
    apt-get "${suite_apt[@]}" -o APT::Update::Error-Mode=any update >"$suite_folder/log" 2>&1 9>&- && return
    suite_why="$suite_name's package lists could not be fetched ($(sed -n 's/^[EW]: //p' "$suite_folder/log" | head -n 1))"
    return 1
}

# MiB that apt-get would fetch for a command.
suite_size() { # COMMAND...
    apt-get "${suite_apt[@]}" --print-uris "$@" 2>/dev/null | awk "/^'/ { sum += \$3 } END { print int(sum / 1048576) + 1 }"
}

# A program that starts ROOT/PROGRAM with the loader and the C library of its suite.
suite_program() { # ROOT LIBRARIES PROGRAM
    printf '#!/bin/sh\nexec %q --library-path %q --argv0 "$0" %q "$@"\n' "$1/usr/lib64/ld-linux-x86-64.so.2" "$2" "$3"
}
