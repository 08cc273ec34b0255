#!/usr/bin/env python3
"""Requests that the kernel makes of a driver for each operation, and strict opens a second.

    requests.py [--check] [--seconds N] ARGUSFS

Counts the driver's answers (write calls in /proc/PID/io; the journal is mapped, and nothing is written otherwise where no
content is) for many operations of one kind, and compares them with a limit: --check exits with 1 where one is passed. Opens
a second of a strict folder, by the number of processes that open, are printed and decide nothing.
"""
import json, multiprocessing, os, shutil, subprocess, sys, tempfile, time

COUNT = 300
# Operation: most requests of one. An open is OPEN and RELEASE. A creation is LOOKUP, CREATE, RELEASE; some
# attributes are asked for anew, and a notice or a batch of the index may fall into the time.
LIMITS = {"open and close": 2.2, "create and close": 3.6, "stat": 0.2, "rename": 2.6, "unlink": 1.6, "list 300 names": 12}


def operations(top):
    names = [f"{top}/f{number}" for number in range(COUNT)]

    def create(number): os.close(os.open(names[number], os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    def opened(number): os.close(os.open(names[number], os.O_RDONLY))
    def stat(number): os.stat(names[number])
    def rename(number): os.rename(names[number], names[number] + "r")
    def unlink(number): os.unlink(names[number] + "r")
    yield "create and close", create, COUNT
    yield "open and close", opened, COUNT
    yield "stat", stat, COUNT
    yield "list 300 names", lambda number: os.listdir(top), 1
    yield "rename", rename, COUNT
    yield "unlink", unlink, COUNT


def answers(driver):
    # The driver is closed to other processes of its own user.
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    counters = subprocess.run(as_root + ["cat", f"/proc/{driver}/io"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return int(next(line for line in counters.splitlines() if line.startswith("syscw")).split()[1])


def settled(driver):
    """Closes come after close(2): waits until none has for a while."""
    before, rest = answers(driver), 0
    while rest < 4:
        time.sleep(0.05)
        now = answers(driver)
        rest = rest + 1 if now == before else 0
        before = now
    return before


def opener(path, seconds, results):
    count, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        os.close(os.open(path, os.O_RDONLY))
        count += 1
    results.put(count)


def main():
    arguments = sys.argv[1:]
    check = "--check" in arguments
    if check: arguments.remove("--check")
    seconds = 3.0
    if "--seconds" in arguments:
        place = arguments.index("--seconds")
        seconds = float(arguments[place + 1])
        del arguments[place:place + 2]
    if len(arguments) != 1: sys.exit(__doc__)
    program = os.path.abspath(arguments[0])
    home = tempfile.mkdtemp(prefix="argus-requests-", dir="/var/tmp")
    environment = dict(os.environ, HOME=home, ARGUS_REALM=home + "/realm", ARGUS_KEY_FILE=home + "/key")

    def run(*words):
        return subprocess.run([program, *words], env=environment, check=True, stdout=subprocess.PIPE).stdout

    top, exceeded = home + "/mount", False
    os.mkdir(top)
    run("init")
    run("folder", "create", "docs")
    run("mount", "docs", top)
    try:
        driver = json.loads(run("status", "--json"))[0]["pid"]
        for name, operation, count in operations(top):
            before = settled(driver)
            for number in range(count): operation(number)
            each = (settled(driver) - before) / count
            passed = each > LIMITS[name]
            exceeded |= passed
            print(f"{name:30} {each:6.2f} requests, at most {LIMITS[name]}{': EXCEEDED' if passed else ''}")
        if not check:
            with open(top + "/a", "w") as file: file.write("one\n")
            run("folder", "set", "docs", "audit=strict")
            for count in (1, 8):
                results = multiprocessing.Queue()
                workers = [multiprocessing.Process(target=opener, args=(top + "/a", seconds, results)) for _ in range(count)]
                for worker in workers: worker.start()
                total = sum(results.get() for _ in workers)
                for worker in workers: worker.join()
                print(f"strict, {count} processes: {total / seconds:.0f} opens a second")
    finally:
        run("umount", top)
        shutil.rmtree(home)
    if check and exceeded: sys.exit(1)


main()
