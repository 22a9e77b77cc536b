#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""udmar watch: faults are told while the log goes on, once each, then counted.

    watch_test.py BINARY SOURCE_ROOT

Prints TAP.
"""
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
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
                                     (["--debugfs", "/dev/null"], 2, b"no FILE"),
                                     (["--root", "x" * 5000], 2, b"too long"),
                                     (["/dev/null"], 0, b"")):
        result = subprocess.run([udmar, "watch", *arguments], capture_output=True, timeout=60)
        report(f"udmar watch {' '.join(arguments)[:40]} ends with {status}",
               [] if result.returncode == status and words in result.stderr else [result.returncode, result.stderr])
    result = subprocess.run([udmar, "watch", "-"], input=b"\0" * 100000 + b"x" * 300000 + FAULT.encode()[:-1],
                            capture_output=True, timeout=60)
    report("long lines and NULs do no harm", [] if result.returncode in (0, 1) else [result.returncode, result.stderr])


def listed(number, device="0000:00:1b.0", address=0x1ffcba000, access="write", reason=5):
    """A line of the module's list, as ports/linux/report.c and udmar_fault_format() write it."""
    cause = "the page is not mapped, or the device may not " + ("write it" if access == "write" else "read it")
    return (f"device={device} driver=ahci access={access} address={address:#x} reason={reason:#x} near=0+0 "
            f"fault {number}: device {device} tried to {'write to' if access == 'write' else 'read from'} {address:#x} "
            f"and was stopped: {cause}; the device has no mapping at all [unit 0, source 00d8, reason 0x{reason:02x}, "
            f"record 80ffff05000000d8 {address:016x}]\n")


class Machine(Watch):
    """A program that looks at a copy of a machine's files."""

    def __init__(self, *arguments, faults=None):
        self.root = tempfile.mkdtemp()
        self.faults = os.path.join(self.root, "sys/kernel/debug/udmar/faults")
        os.makedirs(os.path.dirname(self.faults))
        os.mkdir(os.path.join(self.root, "dev"))
        self.kmsg = os.path.join(self.root, "dev/kmsg")
        os.mkfifo(self.kmsg)
        if faults is not None:
            self.list(faults)
        self.process = subprocess.Popen([udmar, "watch", "--root", self.root, *arguments], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def list(self, text):
        with open(self.faults + ".new", "w") as file:
            file.write(text)
        os.rename(self.faults + ".new", self.faults)

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        result = self.end()
        shutil.rmtree(self.root)
        return result


def debugfs():
    watch = Machine("--debugfs", faults="")
    time.sleep(1)
    watch.list(listed(1))
    first = watch.read("Likely cause")
    report("--debugfs: a fault of the module's list is explained",
           [] if "0000:00:1b.0 tried to write to 0x1ffcba000" in first else [first])
    watch.list("".join(listed(n) for n in range(1, 6)) + listed(6, "0000:03:00.0", 0x7f001000, "read", 6))
    second = watch.read("0000:03:00.0 tried to read")
    watch.list("".join(listed(n) for n in range(8, 20)))  # 7 was pushed out
    time.sleep(2)
    status, out, error = watch.interrupt()
    report("--debugfs: another is explained, the first is counted, what was pushed out is said; exit status 1",
           [] if status == 1 and second.count("tried to write to") == 0 and "again: 17 times" in out and
           "too short for 1 fault" in error else [status, second, out, error])

    watch = Machine("--debugfs", "--json", faults="".join(listed(n) for n in range(1, 4)))
    first = documents(watch.read("\n}\n"))
    os.rename(watch.faults, watch.faults + ".old")
    time.sleep(1.5)
    watch.list(listed(1) + listed(2))
    time.sleep(1.5)
    status, out, error = watch.interrupt()
    last = [fault["count"] for one in first + documents(out) for fault in one["faults"]]
    report("--debugfs --json: a module that goes is waited for, and its new list counts on",
           [] if status == 1 and last == [3, 5] and error.count("is gone") == 1 else [status, last, error])

    watch = Machine("--debugfs", "--new", "--json", faults=listed(1) + listed(2))
    time.sleep(1.5)
    watch.list(listed(1) + listed(2) + listed(3, "0000:03:00.0"))
    time.sleep(1.5)
    status, out, error = watch.interrupt()
    report("--debugfs --new: what is in the list at the start is not told",
           [] if [f["device"] for one in documents(out) for f in one["faults"]] == ["0000:03:00.0"] else [status, out, error])

    watch = Machine("--debugfs", faults="nonsense\nfault x: no\nfault -1: no\nfault 99999999999999999999: no\n\0\n" + "fault " * 5000)
    time.sleep(1)
    status, out, error = watch.interrupt()
    report("--debugfs: lines that are no faults do no harm", [] if status == 0 and not out and not error else [status, out, error])

    watch = Machine("--debugfs")
    status, out, error = watch.end()
    report("--debugfs without the module: exit status 3, and why",
           [] if status == 3 and "kernel/debug/udmar/faults: No such file" in error and "module" in error else [status, error])
    shutil.rmtree(watch.root)


def kernel_log():
    """/dev/kmsg, opened by its path."""
    watch = Machine()
    with open(watch.kmsg, "w") as kmsg:
        kmsg.write("".join(f"4,{n},514095{n},-;{line}\n SUBSYSTEM=pci\n" for n, line in enumerate(FAULT.splitlines())))
        kmsg.flush()
        first = watch.read("Likely cause")
        report("/dev/kmsg is read by its path", [] if "5.140951" in first and "0x9c000000" in first else [first])
        status, out, error = watch.interrupt()
    report("/dev/kmsg: control-C ends it with status 1", [] if status == 1 and not error else [status, out, error])
    result = subprocess.run([udmar, "watch", "--root", "/nowhere"], capture_output=True, timeout=60)
    report("/dev/kmsg that is not there: exit status 3",
           [] if result.returncode == 3 and b"/nowhere/dev/kmsg" in result.stderr else [result.returncode, result.stderr])


while_it_runs()
debugfs()
kernel_log()
as_json()
kernel_records()
only_new()
whole_logs()
mistakes()
print(f"1..{tests}")
sys.exit(failures > 0)
