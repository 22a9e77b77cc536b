#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""udmar watch: faults are told while the log goes on, once each, then counted.

    watch_test.py BINARY SOURCE_ROOT

Prints TAP.
"""
import json
import os
import select
import signal
import subprocess
import sys
import time

udmar, root = os.path.abspath(sys.argv[1]), sys.argv[2]
logs = os.path.join(root, "tests", "tools", "explain")
tests, failures = 0, 0

FAULT = ("DMAR: DRHD: handling fault status reg 3\n"
         "DMAR: [DMA Read NO_PASID] Request device [00:02.0] fault addr 0x9c000000 "
         "[fault reason 0x06] PTE Read access is not set\n")
OTHER = FAULT.replace("00:02.0", "03:00.0").replace("9c000000", "7f001000")


def report(name, problems):
    global tests, failures
    tests += 1
    failures += bool(problems)
    print(f"{'not ok' if problems else 'ok'} {tests} - {name}")
    for problem in problems:
        for line in str(problem).splitlines()[:30]:
            print("#", line)


class Watch:
    """A program that runs, with a pipe as its log."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([udmar, "watch", *arguments, "-"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def write(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def read(self, wanted, seconds=30):
        """What is printed until words come, or until the time is over."""
        text, end = "", time.monotonic() + seconds
        while wanted not in text and time.monotonic() < end:
            if select.select([self.process.stdout], [], [], 0.1)[0]:
                part = os.read(self.process.stdout.fileno(), 65536)
                if not part:
                    break
                text += part.decode()
        return text

    def end(self):
        out, error = self.process.communicate(timeout=60)
        return self.process.returncode, out.decode(), error.decode()


def documents(text):
    decoder, found, at = json.JSONDecoder(), [], 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        value, at = decoder.raw_decode(text, at)
        found.append(value)
    return found


def while_it_runs():
    watch = Watch()
    watch.write("a line\n" + FAULT)
    first = watch.read("Likely causes")
    report("a fault is explained while the log goes on",
           [] if "0000:00:02.0" in first and "0x9c000000" in first else [first])
    watch.write(FAULT + OTHER)
    second = watch.read("0000:03:00.0")
    report("another is explained, the first one not again",
           [] if "0x7f001000" in second and second.count("tried to read from 0x9c000000") == 0 else [second])
    watch.write(FAULT[:50])
    watch.write(FAULT[50:])
    status, out, error = watch.end()
    report("at the end the counts are told; exit status 1",
           [] if status == 1 and "0000:00:02.0 again: 3 times so far" in out and not error and
           "tried to" not in out else [status, out, error])


def as_json():
    watch = Watch("--json")
    watch.write(FAULT)
    first = documents(watch.read("\n}\n"))
    watch.write(FAULT * 4 + OTHER)
    status, out, error = watch.end()
    later = documents(out)
    faults = [(fault["device"], fault["count"]) for one in first + later for fault in one["faults"]]
    report("JSON: a document for what is new and for what has become more",
           [] if status == 1 and sorted(faults) == [("0000:00:02.0", 1), ("0000:00:02.0", 5), ("0000:03:00.0", 1)]
           and len(first) == 1 else [status, faults, out, error])


def kernel_records():
    """As /dev/kmsg has them: prefix, message, continuation."""
    lines = FAULT.splitlines()
    text = (f"4,339,5140900,-;{lines[0]}\n SUBSYSTEM=pci\n DEVICE=+pci:0000:00:02.0\n"
            f"3,340,5140950,-;{lines[1]}\n6,341,6000000,-;usb 1-1: new device\n")
    result = subprocess.run([udmar, "watch", "-"], input=text.encode(), capture_output=True, timeout=60)
    out = result.stdout.decode()
    report("records of /dev/kmsg, with their time",
           [] if result.returncode == 1 and "5.140950" in out and "0x9c000000" in out else [out, result.stderr])


def only_new():
    watch = Watch("--new", "--json")
    watch.write(FAULT * 3)
    time.sleep(2)
    watch.write(OTHER)
    found = documents(watch.read("\n}\n"))
    watch.process.send_signal(signal.SIGINT)
    status, out, error = watch.end()
    report("--new: what was there at the start is not told; control-C ends it with status 1",
           [] if status == 1 and [fault["device"] for one in found + documents(out) for fault in one["faults"]] ==
           ["0000:03:00.0"] else [status, found, out, error])


def whole_logs():
    """The same groups and counts as explain finds in a log, however it comes."""
    for name in sorted(os.listdir(logs)):
        if not name.endswith(".log"):
            continue
        path = os.path.join(logs, name)
        explain = json.loads(subprocess.run([udmar, "explain", "--json", path], capture_output=True, timeout=60).stdout)
        result = subprocess.run([udmar, "watch", "--json", path], capture_output=True, timeout=60)
        told = documents(result.stdout.decode())
        key = lambda fault: (fault["device"], fault["line"])
        last = {key(fault): fault["count"] for one in told for fault in one["faults"]}
        wanted = {key(fault): fault["count"] for fault in explain["faults"]}
        messages = sum(len(one["messages"]) for one in told)
        unread = sum(one["unread"] for one in told)
        problems = []
        if last != wanted:
            problems.append((last, wanted))
        if messages != len(explain["messages"]) or unread != explain["unread"]:
            problems.append((messages, len(explain["messages"]), unread, explain["unread"]))
        if result.returncode != (1 if explain["faults"] or explain["unread"] else result.returncode):
            problems.append(result.returncode)
        report(f"{name}: as explain says", problems)


def mistakes():
    for arguments, status, words in ((["/nowhere"], 3, b"No such file"), (["."], 3, b"cannot read"),
                                     (["--colour"], 2, b"option"), (["a", "b"], 2, b"one FILE"),
                                     (["--table", "/nowhere", "/dev/null"], 3, b"/nowhere"),
                                     (["--lspci", "/nowhere", "/dev/null"], 3, b"/nowhere"),
                                     (["/dev/null"], 0, b"")):
        result = subprocess.run([udmar, "watch", *arguments], capture_output=True, timeout=60)
        report(f"udmar watch {' '.join(arguments)} ends with {status}",
               [] if result.returncode == status and words in result.stderr else [result.returncode, result.stderr])
    result = subprocess.run([udmar, "watch", "-"], input=b"\0" * 100000 + b"x" * 300000 + FAULT.encode()[:-1],
                            capture_output=True, timeout=60)
    report("long lines and NULs do no harm", [] if result.returncode in (0, 1) else [result.returncode, result.stderr])


while_it_runs()
as_json()
kernel_records()
only_new()
whole_logs()
mistakes()
print(f"1..{tests}")
sys.exit(failures > 0)
