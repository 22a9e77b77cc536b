#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""plug.py CONSOLE SOCKET DEVICE: adds a device to a guest when it asks for it.

Waits for the line "-- plug" in the file CONSOLE, then tells QEMU at its QMP SOCKET to add DEVICE,
which is written as after -device. Prints QEMU's answers. Is killed when the guest never asks.
"""
import json
import socket
import sys
import time


def asked(path):
    try:
        with open(path, "rb") as file:
            return any(line.rstrip() == b"-- plug" for line in file)
    except FileNotFoundError:
        return False


def main():
    console, path, device = sys.argv[1:]
    driver, *properties = device.split(",")
    while not asked(console):
        time.sleep(0.5)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        stream = connection.makefile("rw")
        for command, arguments in (
            ("qmp_capabilities", {}),
            ("device_add", {"driver": driver, **dict(item.split("=", 1) for item in properties)}),
        ):
            json.dump({"execute": command, "arguments": arguments}, stream)
            stream.flush()
            while not {"return", "error"} & (answer := json.loads(stream.readline())).keys():
                pass
            print(command, answer, flush=True)


if __name__ == "__main__":
    main()
