internal import ArgusSystem
internal import Glibc

/// Large reads of what is on storage alone, right into the caller's buffer.
///
/// Ciphertext is read once and kept as plaintext by whoever asked; a second copy in the page cache would cost the
/// memory twice, and for content that is not there yet most of the time of a sequential read: measured, 60 % of it went
/// into copying out of pages that had just been filled.
final class DirectReads: Sendable {
    /// Shorter reads profit from what the page cache reads ahead.
    private static let byteCountMin = 128 << 10
    private static let alignment = 4096

    private let lock = Lock()
    // Sound: read and written under `lock`.
    nonisolated(unsafe) private var wasTried = false
    nonisolated(unsafe) private var opened: Int32?

    deinit {
        if let opened { close(opened) }
    }

    /// Nil where the page cache is the better place to ask.
    func read(
        from file: borrowing OwnedDescriptor, into buffer: UnsafeMutableRawBufferPointer, at position: Int
    ) -> Int? {
        guard buffer.count >= Self.byteCountMin,
            (Int(bitPattern: buffer.baseAddress) | position | buffer.count) % Self.alignment == 0,
            file.isMostlyUncached(buffer.count, at: position), let descriptor = descriptor(of: file)
        else { return nil }
        WaitNotice.give()
        let count = pread(descriptor, buffer.baseAddress, buffer.count, position)
        // The end of the file and errors are told by the usual way.
        guard count > 0, count % Self.alignment == 0 else { return nil }
        return count
    }

    /// Stays open as long as this object.
    private func descriptor(of file: borrowing OwnedDescriptor) -> Int32? {
        lock.lock()
        defer { lock.unlock() }
        if !wasTried {
            wasTried = true
            opened = file.reopenedDirect()?.release()
            // What the page cache read ahead would only be copied out of it again.
            if opened != nil { posix_fadvise(file.rawValue, 0, 0, POSIX_FADV_RANDOM) }
        }
        return opened
    }
}
