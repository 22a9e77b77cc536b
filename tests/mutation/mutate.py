#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""mutate.py [-j N] [-v] [--work DIR] [PATTERN...]: breaks the library, one mistake at a time.

Each mutant of mutants/*.txt is made from the sources as they are now, compiled, and given to the
unit tests until one of them fails: then it is killed. One that no test minds has survived, and
needs a test, or a line that says why nobody can tell the difference.

A mutant in a file of mutants:

    == NAME FILE [FUNCTION]
    - text that is in the file (or the function) once; several lines allowed, blanks do not matter
    + what stands there instead; none: nothing
    = why nobody can tell the difference (only for mutants that are expected to survive)

PATTERN: only mutants whose "file of mutants/name" contains one of them.
"""
import argparse
import concurrent.futures
import glob
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
CC = os.environ.get("CC", "gcc")
CFLAGS = ["-std=c11", "-O1", "-fPIC", "-w", "-D_GNU_SOURCE", "-pthread"]

# The tests that know most about a folder come first, then all others; the fastest first in both.
FIRST = {
    "table": ["table", "check", "find_unit", "table_corpus"],
    "unit": ["command", "capability", "invalidate", "queue", "queue_life", "quirk", "fault_log", "fault_log_storms", "takeover",
             "bringup"],
    "interrupt": ["interrupts", "remap_unit", "remap_found", "interrupts_forgotten", "interrupt_lines",
                  "interrupts_words"],
    "policy": ["bringup", "devices", "lifetimes", "own_domain", "identity", "fault_log", "tunable", "takeover", "devices_odd", "instance_odd", "quirk", "fault_locator"],
    "base": ["text", "fault_log", "tunable", "bringup", "command"],
    "space": ["page_table", "page_table_superpages", "domain", "context", "iova", "arena", "cpu_cache", "cpu_cache_batches", "window_magazines",
              "stream_limits", "domain_odd", "mapping_deferred", "stream", "window", "load", "mapping", "fault_locator", "wait_pages"],
    "mapping": ["arena", "cpu_cache", "cpu_cache_batches", "window_magazines", "mapping_low", "segments_page_lists", "stream_limits", "stream_kinds", "stream",
                "window", "load", "mapping", "mapping_deferred", "fault_locator", "flush_unconfirmed", "wait_pages"],
    "busdma": ["counts", "manual_page", "mapping_deferred", "mapping", "load", "tag", "map_dmamem", "bounce_load", "fast_path", "bounce_pages",
               "page_pool", "page_pool_growth", "pieces", "segments", "wait_pages", "translated", "translated_subpage", "window"],
}

# Long runs that find in a minute what the others find at once; --slow gives them to survivors, too.
SLOW = {"soak", "threads", "table_random"}

# Tests of a library that is built otherwise (with more checks), and those of the model, which know no library.
OTHER = {"map_debug", "model", "model_caches", "model_hostile", "model_queue"}


class Mutant:
    def __init__(self, area, name, file, function):
        self.area, self.name, self.file, self.function = area, name, file, function
        self.old, self.new, self.reason = [], [], ""
        self.state, self.by = "", ""

    def title(self):
        return f"{self.area}/{self.name}"


def read_mutants():
    mutants, names = [], set()
    for path in sorted(glob.glob(os.path.join(HERE, "mutants", "*.txt"))):
        area = os.path.splitext(os.path.basename(path))[0]
        for number, line in enumerate(open(path, encoding="utf-8"), 1):
            line = line.rstrip("\n")
            if not line.strip() or line.startswith("#"):
                continue
            if line.startswith("== "):
                words = line.split()
                if len(words) not in (3, 4):
                    sys.exit(f"{path}:{number}: == NAME FILE [FUNCTION]")
                mutants.append(Mutant(area, words[1], words[2], words[3] if len(words) == 4 else ""))
                if mutants[-1].title() in names:
                    sys.exit(f"{path}:{number}: the name is taken")
                names.add(mutants[-1].title())
            elif line[0] in "-+" and mutants:
                (mutants[-1].old if line[0] == "-" else mutants[-1].new).append(line[1:].strip())
            elif line.startswith("= ") and mutants:
                mutants[-1].reason = (mutants[-1].reason + " " + line[2:].strip()).strip()
            else:
                sys.exit(f"{path}:{number}: not understood: {line}")
    return mutants


def function_span(text, name):
    """Where the body of a function stands; braces of functions are alone at the start of a line."""
    for match in re.finditer(r"^[A-Za-z_][^;{}]*?\b" + re.escape(name) + r"\(", text, re.M):
        start = text.find("\n{", match.start())
        between = text[match.start():start]
        if start >= 0 and ";" not in between and "}" not in between:
            return match.start(), text.find("\n}", start) + 2
    return None


def apply(mutant):
    """The file's text with the mistake in it, or None and what is wrong."""
    path = os.path.join(ROOT, mutant.file)
    if not os.path.exists(path):
        return None, "the file is gone"
    text = open(path, encoding="utf-8").read()
    start, end = 0, len(text)
    if mutant.function:
        span = function_span(text, mutant.function)
        if span is None:
            return None, f"the function {mutant.function} is gone"
        start, end = span
    words = " ".join(mutant.old).split()
    pattern = r"\s+".join(re.escape(word) for word in words)
    found = list(re.finditer(pattern, text[start:end]))
    if len(found) != 1:
        return None, f"its text is there {len(found)} times"
    at = found[0]
    return text[:start + at.start()] + "\n".join(mutant.new) + text[start + at.end():], ""


def run(command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **options)


class NoAnswer(Exception):
    """Whether the test minds could not be found out: the machine was too busy."""


class Watch(threading.Timer):
    """Kills a program after some time by the clock, and looks first whether all of it sleeps."""

    def __init__(self, pid, seconds):
        super().__init__(seconds, self.end, [pid])
        self.fired, self.asleep = False, True

    def end(self, pid):
        self.fired = True
        for _ in range(20):
            self.asleep = self.asleep and all(state == "S" for state in self.states(pid))
            time.sleep(0.1)
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it has just ended

    @staticmethod
    def states(pid):
        for path in glob.glob(f"/proc/{pid}/task/*/stat"):
            try:
                with open(path, encoding="utf-8") as file:
                    yield file.read().rpartition(")")[2].split()[0]
            except OSError:
                pass  # that thread has just ended


def passes(program, environment, limit, clock=None):
    """The seconds of processor time that a program took, or None: it failed, or will never end.

    Its limit is one of processor time, since the machine may be busy with other things. It is given a second
    try with four times the limit before it counts as endless. The clock stops only who gets no processor time:
    who sleeps then will never end, and of the others nothing is known.
    """
    for seconds in (limit, 4 * limit):
        child = subprocess.Popen(["sh", "-c", f'ulimit -t {seconds}; exec "$0"', program], env=environment,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        watch = Watch(child.pid, clock or 60 + 10 * seconds)
        watch.start()
        _, status, used = os.wait4(child.pid, 0)
        watch.cancel()
        child.returncode = status  # it has been waited for
        if not watch.fired and os.waitstatus_to_exitcode(status) not in (-signal.SIGXCPU, -signal.SIGKILL):
            return used.ru_utime + used.ru_stime if status == 0 else None
        if watch.fired and watch.asleep:
            return None
    if watch.fired:
        raise NoAnswer(f"{os.path.basename(program)} was not done after {watch.interval} seconds of the clock")
    return None


class Bench:
    """Everything compiled once; a mutant recompiles what it changes and links the library anew."""

    def __init__(self, work, slow, only):
        self.work, self.slow, self.only = work, slow, only
        self.sources = sorted(glob.glob(os.path.join(ROOT, "src", "**", "*.c"), recursive=True))
        self.objects = os.path.join(work, "objects")
        os.makedirs(self.objects, exist_ok=True)
        headers = [h for folder in ("include", "src", "tests/model", "tests/unit")
                   for h in glob.glob(os.path.join(ROOT, folder, "**", "*.h"), recursive=True)]
        self.headers = max(os.path.getmtime(h) for h in [*headers, __file__])
        # One failure is enough: cmocka need not go on.
        self.environment = dict(os.environ, UDMAR_SOURCE_ROOT=ROOT, UDMAR_TABLES=os.path.join(work, "tables"),
                                CMOCKA_TEST_ABORT="1")
        self.environment.pop("CMOCKA_MESSAGE_OUTPUT", None)
        self.tests = {}  # name: seconds that it took the last time, to begin with the fastest
        self.seconds = {}  # name: seconds without a mutant, in this run
        self.measuring = threading.Lock()
        self.killers = self.recall("killers")  # mutant: the test of an earlier run, which is tried first
        self.times = self.recall("seconds")

    def recall(self, what):
        path = os.path.join(self.work, what + ".txt")
        if not os.path.exists(path):
            return {}
        with open(path, encoding="utf-8") as file:
            return dict(line.split() for line in file if len(line.split()) == 2)

    def includes(self, extra=()):
        return [f"-I{p}" for p in extra] + [f"-I{os.path.join(ROOT, p)}" for p in
                                            ("include", "src", "tests/model", "tests/unit")]

    def object_of(self, source):
        return os.path.join(self.objects, os.path.relpath(source, ROOT).replace(os.sep, "_")[:-2] + ".o")

    def compile(self, source, out, extra=()):
        result = run([CC, *CFLAGS, "-MMD", *self.includes(extra), "-c", source, "-o", out], cwd=ROOT)
        return result.stdout.decode(errors="replace") if result.returncode else ""

    def compile_once(self, source):
        """What an earlier run has compiled is good as long as neither the source nor a header has changed."""
        out = self.object_of(source)
        if os.path.exists(out) and os.path.getmtime(out) > max(os.path.getmtime(source), self.headers):
            return ""
        return self.compile(source, out)

    def depends(self, source, header):
        """Does this source of the library include the header, directly or not?"""
        with open(self.object_of(source)[:-2] + ".d", encoding="utf-8") as file:
            return os.path.join(ROOT, header) in file.read().split()

    def link_library(self, objects, out):
        return run([CC, "-shared", "-o", out, *objects]).returncode == 0

    def tables(self):
        os.makedirs(self.environment["UDMAR_TABLES"], exist_ok=True)
        for asl in glob.glob(os.path.join(ROOT, "tests", "tables", "*.asl")):
            out = os.path.join(self.environment["UDMAR_TABLES"], os.path.basename(asl)[:-4])
            run(["timeout", "20", "iasl", "-p", out, asl])

    def build(self, pool):
        model = sorted(glob.glob(os.path.join(ROOT, "tests", "model", "*.c")))
        model = [m for m in model if os.path.basename(m) != "bench.c"]
        support = [s for s in glob.glob(os.path.join(ROOT, "tests", "unit", "fixture", "*.c"))]
        support += [os.path.join(ROOT, "tests", "model", "bench.c")]
        tests = sorted(glob.glob(os.path.join(ROOT, "tests", "unit", "*", "test_*.c")))
        tests = [t for t in tests if self.slow or os.path.basename(t)[len("test_"):-2] not in SLOW]
        tests = [t for t in tests if os.path.basename(t)[len("test_"):-2] not in OTHER]
        if self.only:
            tests = [t for t in tests if os.path.basename(t)[len("test_"):-2] in self.only]
        for text in pool.map(self.compile_once, self.sources + model + support):
            if text:
                sys.exit(text)
        self.link_library([self.object_of(s) for s in self.sources], os.path.join(self.work, "libudmar.so"))
        self.link_library([self.object_of(s) for s in model], os.path.join(self.work, "libmodel.so"))
        archive = os.path.join(self.work, "libsupport.a")
        run(["ar", "rcs", archive, *[self.object_of(s) for s in support]])
        self.tables()
        for text in pool.map(self.link_test, tests):
            if text:
                print(f"left out: {text}")

    def link(self, object_file, program, folders):
        """A test with the first library found in the folders."""
        return run([CC, "-pthread", "-o", program, object_file, os.path.join(self.work, "libsupport.a"),
                    *[f"-L{folder}" for folder in folders], "-ludmar", "-lmodel", "-lcmocka",
                    "-Wl,--allow-shlib-undefined"]).returncode == 0

    def link_test(self, source):
        name = os.path.basename(source)[len("test_"):-2]
        program = os.path.join(self.work, "test_" + name)
        if self.compile_once(source):
            return f"test_{name} does not compile with the folders that the others need"
        if not self.link(self.object_of(source), program, [self.work]):
            return f"test_{name} needs more than the library, the model and its support"
        self.tests[name] = float(self.times.get(name, 1))
        return ""

    def seconds_of(self, name):
        """Before its first use in a run a test passes without a mutant, or there is no use in going on."""
        with self.measuring:
            if name not in self.seconds:
                seconds = self.passes(name, self.work, 300)
                if seconds is None:
                    print(f"test_{name} fails without any mutant", flush=True)
                    os._exit(2)
                self.seconds[name] = seconds
        return self.seconds[name]

    def source_of(self, name):
        return glob.glob(os.path.join(ROOT, "tests", "unit", "*", f"test_{name}.c"))[0]

    def link_again(self, name, folder):
        """A test with what it has in line from the mutant's header."""
        out = os.path.join(folder, f"test_{name}.o")
        self.compile(self.source_of(name), out, [os.path.join(folder, "src"), os.path.join(folder, "include")])
        self.link(out, os.path.join(folder, "test_" + name), [folder, self.work])

    def passes(self, name, library, limit):
        """The seconds of processor time that it took, or None: it failed, or will never end."""
        environment = dict(self.environment, LD_LIBRARY_PATH=f"{library}:{self.work}")
        program = os.path.join(library, "test_" + name)
        if not os.path.exists(program):
            program = os.path.join(self.work, "test_" + name)
        return passes(program, environment, int(limit) + 1)

    def order(self, mutant):
        first = FIRST.get(mutant.file.split("/")[1], [])
        first = sorted((t for t in first if t in self.tests), key=lambda t: self.tests[t])
        others = sorted((t for t in self.tests if t not in first), key=lambda t: self.tests[t])
        known = [t for t in [self.killers.get(mutant.title())] if t in self.tests]
        return list(dict.fromkeys(known + first + others))

    def remember(self, mutants):
        self.killers.update({m.title(): m.by for m in mutants if m.state == "killed"})
        self.times.update(self.seconds)
        for what, known in (("killers", self.killers), ("seconds", self.times)):
            with open(os.path.join(self.work, what + ".txt"), "w", encoding="utf-8") as file:
                file.writelines(f"{name} {value}\n" for name, value in sorted(known.items()))

    def give_to(self, mutant, folder, names):
        """Until one of the tests minds."""
        mutant.state = "survived"
        for name in names:
            try:
                if self.passes(name, folder, 2 + 4 * self.seconds_of(name)) is None:
                    mutant.state, mutant.by = "killed", name
                    return
            except NoAnswer as reason:
                mutant.state, mutant.by = "no answer", str(reason)

    def try_mutant(self, mutant):
        text, problem = apply(mutant)
        if text is None:
            mutant.state, mutant.by = "gone", problem
            return mutant
        folder = os.path.join(self.work, f"mutant-{threading.get_ident()}")
        shutil.rmtree(folder, ignore_errors=True)
        changed = os.path.join(folder, mutant.file)
        os.makedirs(os.path.dirname(changed))
        with open(changed, "w", encoding="utf-8") as file:
            file.write(text)
        objects = [self.object_of(s) for s in self.sources]
        if mutant.file.endswith(".c"):
            again = [os.path.join(ROOT, mutant.file)]
        else:
            again = [s for s in self.sources if self.depends(s, mutant.file)]
        for source in again:
            out = os.path.join(folder, os.path.basename(self.object_of(source)))
            broken = self.compile(changed if mutant.file.endswith(".c") else source, out,
                                  [os.path.join(folder, "src"), os.path.join(folder, "include")])
            if broken:
                mutant.state, mutant.by = "does not compile", broken.splitlines()[0]
                return mutant
            objects[self.sources.index(source)] = out
        if not self.link_library(objects, os.path.join(folder, "libudmar.so")):
            mutant.state, mutant.by = "does not compile", "the library does not link"
            return mutant
        self.give_to(mutant, folder, self.order(mutant))
        if mutant.state == "survived" and mutant.file.endswith(".h"):
            # What is inline is in the tests' own objects as well.
            again = [t for t in self.order(mutant) if self.depends(self.source_of(t), mutant.file)]
            for name in again:
                self.link_again(name, folder)
            self.give_to(mutant, folder, again)
        shutil.rmtree(folder, ignore_errors=True)
        return mutant


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-j", type=int, default=2)
    parser.add_argument("-v", action="store_true", help="say which test kills each")
    parser.add_argument("--work", default=os.path.join(ROOT, "build", "mutation"))
    parser.add_argument("--slow", action="store_true", help="with the tests that run long, too")
    parser.add_argument("--only", help="these tests alone, as in page_table,queue: for who writes one")
    parser.add_argument("--dry", action="store_true", help="only look whether each mutant can be made")
    parser.add_argument("patterns", nargs="*")
    options = parser.parse_args()
    mutants = [m for m in read_mutants()
               if not options.patterns or any(p in m.title() for p in options.patterns)]
    if options.dry:
        bad = [(m.title(), apply(m)[1]) for m in mutants if apply(m)[0] is None]
        for title, why in bad:
            print(f"gone: {title}: {why}")
        print(f"{len(mutants)} mutants, {len(bad)} gone")
        sys.exit(bool(bad))
    start = time.monotonic()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    bench = Bench(options.work, options.slow, options.only.split(",") if options.only else [])
    with concurrent.futures.ThreadPoolExecutor(options.j) as pool:
        bench.build(pool)
        print(f"{len(bench.tests)} test programs, {len(mutants)} mutants", flush=True)
        work = [pool.submit(bench.try_mutant, m) for m in mutants]
        for done, future in enumerate(concurrent.futures.as_completed(work), 1):
            mutant = future.result()
            if done % 50 == 0:
                bench.remember(mutants)
                print(f"# {done} of {len(mutants)}, {time.monotonic() - start:.0f} s", flush=True)
            if mutant.state != "killed" or options.v:
                print(f"{mutant.state}: {mutant.title()} ({mutant.file}) {mutant.by}", flush=True)
    bench.remember(mutants)
    count = {s: sum(1 for m in mutants if m.state == s) for s in ("killed", "survived", "no answer", "gone",
                                                                     "does not compile")}
    answered = [m for m in mutants if m.state == "survived" and m.reason]
    for mutant in answered:
        print(f"answered: {mutant.title()}: {mutant.reason}")
    wrong = [m for m in mutants if m.state == "killed" and m.reason]
    for mutant in wrong:
        print(f"killed though it says that nobody can tell: {mutant.title()} by {mutant.by}")
    print(f"{len(mutants)} mutants in {time.monotonic() - start:.0f} s: {count['killed']} killed, "
          f"{count['survived']} survived ({len(answered)} of them answered), "
          f"{count['no answer']} without an answer (the machine was too busy), {count['gone']} gone, "
          f"{count['does not compile']} do not compile")
    sys.exit(count["survived"] > len(answered) or
             count["no answer"] + count["gone"] + count["does not compile"] + len(wrong) > 0)


if __name__ == "__main__":
    main()
