#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Makes sure that Debian packages are there: need_packages NAME... Installs what is missing when it
# may, and prints the one line to run when it may not. Sourced by ./demo and ./check.

missing_packages() {
    local name
    for name in "$@"; do
        dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || echo "$name"
    done
}

need_packages() {
    local missing as_root=() log
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -eq 0 ] && return 0
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null || ! sudo -n true 2>/dev/null; then
            echo "These packages are missing. Please run:" >&2
            case " ${missing[*]} " in
            *:i386*) echo "  sudo dpkg --add-architecture i386 && sudo apt-get update && sudo apt-get install -y ${missing[*]}" >&2 ;;
            *) echo "  sudo apt-get update && sudo apt-get install -y ${missing[*]}" >&2 ;;
            esac
            return 1
        fi
        as_root=(sudo -n)
    fi
    echo "installing packages: ${missing[*]}"
    log=$(mktemp)
    case " ${missing[*]} " in
    *:i386*) "${as_root[@]}" dpkg --add-architecture i386 ;;
    esac
    # An index that could not be refreshed in part may still have all that is needed.
    "${as_root[@]}" apt-get update -q >"$log" 2>&1
    if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
        --no-install-recommends "${missing[@]}" >>"$log" 2>&1; then
        tail -n 15 "$log" >&2
        echo "the packages could not be installed: ${missing[*]}" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}
