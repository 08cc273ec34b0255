internal import ArgusSystem
internal import Glibc

/// The ballast: room that is taken now and given back when the storage is full.
extension DirectoryStore {
    /// Less than this is no reserve worth its file.
    private static let reserveMinByteCount: UInt64 = 64 * 1024

    package func reserve(_ byteCount: UInt64) throws(StoreError) -> UInt64 {
        ballast.lock()
        defer { ballast.unlock() }
        guard byteCount > 0 else {
            try cutBallast()
            return 0
        }
        let file = try makeBallast()
        var wanted = min(byteCount, UInt64(off_t.max))
        while true {
            do throws(StoreError) {
                // Blocks that a ballast of an earlier run holds already are kept; a longer one is cut.
                try translated { () throws(SystemError) in try file.allocate(byteCount: wanted) }
                try storeCall { ftruncate(file.rawValue, off_t(wanted)) }
                return wanted
            } catch .full {
                // What a failed try took is given back first, so that nothing stays taken uncounted.
                try storeCall { ftruncate(file.rawValue, 0) }
                let half = min(wanted / 2, try space().availableBytes)
                guard half >= Self.reserveMinByteCount else { return 0 }
                wanted = half
            } catch .failed(errno: EOPNOTSUPP) {
                return 0
            }
        }
    }

    package func releaseReserve() throws(StoreError) {
        ballast.lock()
        defer { ballast.unlock() }
        try cutBallast()
    }

    /// Empties the file and keeps it: the next reserve then needs no new name.
    private func cutBallast() throws(StoreError) {
        do throws(StoreError) {
            let file = try openBallast(flags: O_RDWR)
            try storeCall { ftruncate(file.rawValue, 0) }
        } catch .missing {
            if isGone() { throw .unavailable }
        }
    }

    private func makeBallast() throws(StoreError) -> OwnedDescriptor {
        do throws(StoreError) {
            return try openBallast(flags: O_RDWR | O_CREAT)
        } catch .missing {
            // Only a directory that was removed lets no file be made in it.
            throw .unavailable
        }
    }

    private func openBallast(flags: Int32) throws(StoreError) -> OwnedDescriptor {
        let file = try translated { () throws(SystemError) in
            try root.open(Self.ballastName, flags: flags | O_NONBLOCK | O_NOCTTY)
        }
        var status = stat()
        try storeCall { fstat(file.rawValue, &status) }
        guard status.st_mode & S_IFMT == S_IFREG, status.st_nlink == 1 else { throw .notAnObject }
        return file
    }
}
