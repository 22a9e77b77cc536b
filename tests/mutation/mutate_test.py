#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What counts as a mutant that was found: a failure, a loop and a sleep without end; never a busy machine. TAP."""
import os
import stat
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mutate  # pylint: disable=wrong-import-position

PROGRAMS = [
    ("ends well", "exit 0", "passes"),
    ("fails", "exit 1", "found"),
    ("is killed by a fault", "kill -SEGV $$", "found"),
    ("loops for ever", "while :; do :; done", "found"),
    ("sleeps for ever", "exec sleep 1000", "found", 3),
    # A program that is stopped is ready to run and gets no processor, as on a machine with a high load.
    ("gets no processor", "kill -STOP $$", "no answer", 3),
]


def verdict(program, clock):
    try:
        return "found" if mutate.passes(program, os.environ, 1, clock) is None else "passes"
    except mutate.NoAnswer:
        return "no answer"


def main():
    print(f"1..{len(PROGRAMS)}")
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, text, wanted, *clock) in enumerate(PROGRAMS, 1):
            program = os.path.join(folder, f"program{number}")
            with open(program, "w", encoding="utf-8") as file:
                file.write(f"#!/bin/sh\n{text}\n")
            os.chmod(program, stat.S_IRWXU)
            got = verdict(program, *(clock or [None]))
            print(f"{'ok' if got == wanted else 'not ok'} {number} - a program that {name}: {wanted}"
                  + ("" if got == wanted else f", got {got}"), flush=True)


main()
