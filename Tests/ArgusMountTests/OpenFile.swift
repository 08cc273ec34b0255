import ArgusMountKit
import Glibc

/// A process of some person that has a file of the mount open and mapped, and tries everything with it when it is told to.
final class OpenFile {
    private let program: Program
    private let place: String

    /// Opens `file`, reads, changes the first bytes through a mapping where `writes`, and waits.
    init(
        _ file: String, in folder: MountedFolder, as person: Person? = nil, writes: Bool = true,
        keepsReading: Bool = false
    ) throws {
        var template = Array("\(folder.scratch.path)/open-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw KitError("mkdtemp(3) failed") }
        place = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        chmod(place, 0o777)
        program = try folder.start(
            "exec python3 -c \"$1\" \"$2\" \"$3\" \"$4\" \"$5\"",
            [Self.script, file, place, writes ? "w" : "r", keepsReading ? "k" : ""], as: person)
        try wait(for: "ready")
    }

    private func wait(for name: String) throws {
        for _ in 0..<3000 where access("\(place)/\(name)", F_OK) != 0 { usleep(10_000) }
        guard access("\(place)/\(name)", F_OK) == 0 else {
            throw KitError("the process did not come to '\(name)': \(program.wait().error)")
        }
    }

    /// Lets the process try; what came of each attempt by name: `ok`, an errno's name, or a signal's.
    func attempt() throws -> [String: String] {
        close(open("\(place)/go", O_CREAT | O_WRONLY, 0o666))
        let text = try program.wait().required().output
        var results: [String: String] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 1).map(String.init)
            if words.count == 2 { results[words[0]] = words[1] }
        }
        return results
    }

    private static let script = """
        import errno, mmap, os, signal, sys, time
        path, place, mode, keeps = sys.argv[1:5]
        writes = mode == 'w'
        fd = os.open(path, os.O_RDWR if writes else os.O_RDONLY)
        size = os.fstat(fd).st_size
        mapping = mmap.mmap(fd, size, prot=mmap.PROT_READ | (mmap.PROT_WRITE if writes else 0))
        os.pread(fd, 4096, 0)
        if writes: mapping[0:5] = b'DIRTY'
        open(place + '/ready', 'w').close()
        count = 0
        while not os.path.exists(place + '/go'):
            if keeps: os.pread(fd, size, 0); count += 1
            else: time.sleep(0.01)
        def attempt(name, body):
            try: body(); print(name, 'ok')
            except OSError as error: print(name, errno.errorcode[error.errno])
        def fault(name, body):
            child = os.fork()
            if child == 0:
                body()
                os._exit(0)
            status = os.waitpid(child, 0)[1]
            print(name, signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else 'ok')
        attempt('read', lambda: os.pread(fd, 4096, 4096))
        answered = 0
        for place in range(500):
            try:
                os.pread(fd, 4096, place % 16 * 4096)
                answered += 1
            except OSError: pass
        print('answered', answered)
        if writes:
            attempt('write', lambda: os.pwrite(fd, b'x', 8192))
            attempt('truncate', lambda: os.ftruncate(fd, size))
            attempt('allocate', lambda: os.posix_fallocate(fd, 0, size))
        attempt('seek', lambda: os.lseek(fd, 0, os.SEEK_HOLE))
        attempt('open', lambda: os.open(path, os.O_RDONLY))
        attempt('reopen', lambda: os.open('/proc/self/fd/%d' % fd, os.O_RDONLY))
        fault('map-read', lambda: mapping[8192])
        if writes: fault('map-write', lambda: mapping.__setitem__(slice(8192, 8193), b'E'))
        print('count', count)
        """
}
