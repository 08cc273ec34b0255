import ArgusMountKit
import Testing

@Suite("A killed driver", .tags(.fuse))
struct CrashTests {
    /// Files written in a loop by one process: `N` with fsync where N is even, and without where it is odd. Each line of the
    /// log says what is certain, and since when: "N seconds".
    private static let load = """
        python3 - "$1" <<'END'
        import os, random, sys, time
        def content(number): return (b"%d " % number) * (1 + number * 7919 % 4000)
        log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        top = os.open(".", os.O_RDONLY)
        number = int(time.time() * 1000) * 1000
        try:
            while True:
                number += 1
                name = "d%d" % (number % 7)
                os.makedirs(name, exist_ok=True)
                path = "%s/%d" % (name, number)
                file = os.open(path + ".new", os.O_WRONLY | os.O_CREAT, 0o644)
                os.write(file, content(number))
                if number % 2 == 0: os.fsync(file)
                os.close(file)
                os.rename(path + ".new", path)
                if number % 2 == 0:
                    directory = os.open(name, os.O_RDONLY); os.fsync(directory); os.close(directory); os.fsync(top)
                os.write(log, b"%d %f\\n" % (number, time.monotonic()))
        except OSError: pass
        END
        """

    /// Prints files that should be there and are not, or not whole: with the moment of the kill, and the log.
    private static let verify = """
        python3 - "$1" "$2" <<'END'
        import os, sys
        def content(number): return (b"%d " % number) * (1 + number * 7919 % 4000)
        killed = float(sys.argv[2]); synced = lazy = young = 0
        for line in open(sys.argv[1]):
            number, moment = line.split(); number = int(number); age = killed - float(moment)
            must = number % 2 == 0 or age > 1.0
            try: whole = open("d%d/%d" % (number % 7, number), "rb").read() == content(number)
            except OSError: whole = False
            if must and not whole: print("lost: %d, %s, %.3f s old" % (number, "odd" if number % 2 else "synced", age))
            if number % 2 == 0: synced += 1
            elif must: lazy += 1
            else: young += 1
        print("%d %d %d" % (synced, lazy, young))
        END
        """

    @Test("loses nothing that was synced and nothing older than a second, and its folder mounts at once and is clean")
    func kill() throws {
        let rounds = TestRun.isLong ? 50 : 6
        let folder = try MountedFolder()
        var counts = [0, 0, 0]
        for round in 1...rounds {
            let log = "\(folder.home)/log\(round)"
            let load = try folder.start(Self.load, [log])
            let delay = Double.random(in: 0.2...2.5)
            try folder.shell("sleep \(delay)", in: "/").required()
            let moment = try folder.shell("python3 -c 'import time; print(time.monotonic())'", in: "/").required()
                .output
            try folder.killDriver()
            load.signal(9)
            _ = load.wait()
            try folder.mount()
            let result = try folder.shell(Self.verify, log, String(moment.dropLast())).required().output
            #expect(!result.contains("lost"), "round \(round): \(result)")
            for (place, count) in result.split(separator: "\n").last?.split(separator: " ").enumerated()
                ?? [].enumerated()
            {
                counts[place] += Int(count) ?? 0
            }
            try folder.unmount()
            let check = try folder.argusfs("check", MountedFolder.name)
            #expect(check.status == 0, "round \(round): \(check.output)\(check.error)")
            try folder.mount()
        }
        print("\(rounds) kills: \(counts[0]) synced files, \(counts[1]) older than a second, \(counts[2]) younger")
        #expect(counts[0] > 0)
    }
}
