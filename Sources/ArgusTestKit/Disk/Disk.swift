internal import Glibc

/// A directory tree that could be found after a power cut, to be laid out on a real filesystem.
package struct Disk: Sendable {
    let state: DiskState
    let nodes: [FileLog.Node]

    /// Lays the tree out in the directory `path`, which is there and empty.
    package func write(to path: String) throws {
        try write(directory: 0, to: path)
    }

    private func write(directory: Int, to path: String) throws {
        for (name, node) in state.entries[directory] ?? [:] {
            let place = path + "/" + name
            if nodes[node].isDirectory {
                guard mkdir(place, 0o700) == 0 else { throw FileTapError(errno: errno, path: place) }
                try write(directory: node, to: place)
            } else {
                try (state.contents[node] ?? SparseBytes()).write(toFile: place)
            }
        }
    }
}

package struct FileTapError: Error {
    package let errno: Int32
    package let path: String
}

extension SparseBytes {
    fileprivate func write(toFile path: String) throws {
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw FileTapError(errno: errno, path: path) }
        defer { close(file) }
        forEachPage { offset, bytes in
            _ = bytes.withUnsafeBytes { pwrite(file, $0.baseAddress, $0.count, off_t(offset)) }
        }
        guard ftruncate(file, off_t(size)) == 0 else { throw FileTapError(errno: errno, path: path) }
    }

    /// The content of a file; pages of zeros count as holes.
    init(contentsOfFile path: String) throws {
        self.init()
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw FileTapError(errno: errno, path: path) }
        defer { close(file) }
        var buffer = [UInt8](repeating: 0, count: Self.pageByteCount)
        var offset: off_t = 0
        while true {
            let count = pread(file, &buffer, buffer.count, offset)
            guard count >= 0 else { throw FileTapError(errno: errno, path: path) }
            if count == 0 { break }
            buffer.withUnsafeBytes { bytes in
                guard let start = bytes.baseAddress, bytes[0] != 0 || memcmp(start, start + 1, count - 1) != 0 else {
                    return
                }
                write(UnsafeRawBufferPointer(rebasing: bytes[..<count]), at: UInt64(offset))
            }
            offset += off_t(count)
        }
        truncate(to: UInt64(offset))
    }
}
