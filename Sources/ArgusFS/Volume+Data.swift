internal import ArgusCapsule
package import ArgusCore
internal import ArgusIndex
internal import ArgusJournal
internal import ArgusStore
internal import ArgusSystem
internal import Synchronization

extension Volume {
    /// 16 TiB, the bound of a capsule.
    static let maxFileByteCount: UInt64 = 1 << 44

    package func read(
        _ handle: HandleID, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer, isDirect: Bool = false,
        caller: Caller
    ) throws(FileSystemError) -> Int {
        let handle = try handles.find(handle)
        guard let content = handle.content else { throw .isDirectory }
        try requirePermitted(handle, .read)
        if let ciphertext = handle.ciphertext {
            // A mapping would bring it into the pages that others read.
            guard isDirect else { throw .accessDenied }
            let count: Int
            do throws(StoreError) { count = try ciphertext.read(at: offset, into: buffer) } catch {
                throw FileSystemError(error)
            }
            handle.bytesRead.wrappingAdd(UInt64(count), ordering: .relaxed)
            return count
        }
        try load(handle.inode, content)
        let count: Int
        do throws(CapsuleError) { count = try content.read(at: offset, into: buffer) } catch {
            throw failure(error, of: handle.inode)
        }
        handle.bytesRead.wrappingAdd(UInt64(count), ordering: .relaxed)
        if !handle.flags.contains(.noAccessTime) { noteAccess(handle.inode) }
        if content.hasCutHandles { keepFromCutHandles(handle.inode, offset..<offset + UInt64(buffer.count)) }
        return count
    }

    package func write(
        _ handle: HandleID, at offset: UInt64, from bytes: UnsafeRawBufferPointer, killsSetID: Bool,
        isWriteBack: Bool = false, caller: Caller
    ) throws(FileSystemError) -> Int {
        let handle = try handles.find(handle)
        guard handle.flags.writes, let content = handle.content else { throw .badHandle }
        guard offset <= Self.maxFileByteCount, UInt64(bytes.count) <= Self.maxFileByteCount - offset else {
            throw .fileTooLarge
        }
        if isWriteBack {
            try requireWriteBack(handle, offset..<offset + UInt64(bytes.count))
        } else {
            try requirePermitted(handle, .write)
        }
        try store(bytes, at: offset, in: handle.inode, content, killsSetID: killsSetID)
        if content.hasCutHandles { keepFromCutHandles(handle.inode, offset..<offset + UInt64(bytes.count)) }
        handle.bytesWritten.wrappingAdd(UInt64(bytes.count), ordering: .relaxed)
        return bytes.count
    }

    /// Takes bytes into a content: marks the file as changed, buffers, and writes out where buffers are many.
    private func store(
        _ bytes: UnsafeRawBufferPointer, at offset: UInt64, in inode: InodeNumber, _ content: FileContent,
        killsSetID: Bool
    ) throws(FileSystemError) {
        try load(inode, content)
        try noteChange(of: inode, killsSetID: killsSetID)
        let sizeBefore = content.size
        let now = parts.clock.monotonicNanoseconds()
        do throws(CapsuleError) { try content.write(at: offset, from: bytes, now: now) } catch {
            throw failure(error, of: inode)
        }
        if !hasReserve.load(ordering: .relaxed) {
            // Nothing is accepted that may not fit: the data is sealed and stored before the answer.
            do throws(FileSystemError) {
                try deletingGarbageWhereFull { () throws(FileSystemError) in try sealNow(inode, content) }
            } catch {
                content.writing.withLock {
                    content.discard(from: offset, count: bytes.count, restoringSize: sizeBefore)
                }
                throw error
            }
        } else if pool.usedBytes > configuration.limits.dirtyBytes {
            try sealNow(inode, content)
        }
        noteUnwritten(inode, isUrgent: content.dirtyByteCount >= configuration.limits.dirtyBytesPerFile)
    }

    /// Marks the file as changed since its last durable commit, with the times that a write leaves.
    func noteChange(of inode: InodeNumber, killsSetID: Bool) throws(FileSystemError) {
        let needsRow = try transact { () throws(Missing) -> Bool in
            let node = try node(inode)
            let hasCapabilities = try extendedAttributes(of: node)[Self.capabilityName] != nil
            let losesSetID = killsSetID && node.row.attributes.permissions & 0o6000 != 0
            let now = parts.clock.now()
            node.row.attributes.modified = now
            node.row.attributes.changed = now
            node.hasUnqueuedTimes = true
            return node.row.capsule?.isDirty != true || losesSetID || hasCapabilities
        }
        guard needsRow else { return }
        try change { () throws(Missing) in
            let node = try node(inode)
            if killsSetID { clearSetID(of: node) }
            dropCapabilities(of: node)
            if node.row.capsule?.isDirty != true { node.markNumber = names.queue.current }
            if node.row.capsule != nil {
                node.row.capsule?.isDirty = true
            } else {
                node.row.capsule = .unwritten(generation: parts.keys.current.generation)
            }
            put(node)
        }
    }

    /// Lets the data writer know of a content that has changed, and the row of its size.
    private func noteUnwritten(_ inode: InodeNumber, isUrgent: Bool = false) {
        let isFirst = lock.withLock { () -> Bool in
            names.changedFiles.insert(inode)
            names.nodes[inode]?.hasUnqueuedTimes = true
            if isUrgent { names.urgentFiles.append(inode) }
            return names.changedFiles.count == 1
        }
        if isFirst || isUrgent { dataWork.signal() }
    }

    /// relatime, strictatime or noatime (mount(8)). Returns whether the access time was moved.
    @discardableResult
    func noteAccess(_ inode: InodeNumber) -> Bool {
        guard !isReadOnly, configuration.accessTimes != .none else { return false }
        let now = parts.clock.now()
        return lock.withLock {
            guard let node = names.nodes[inode] else { return false }
            let attributes = node.row.attributes
            guard
                configuration.accessTimes == .strict || attributes.accessed <= attributes.modified
                    || attributes.accessed <= attributes.changed
                    || now.seconds - attributes.accessed.seconds >= 86_400
            else { return false }
            node.row.attributes.accessed = now
            node.hasUnqueuedTimes = true
            return true
        }
    }

    /// Sets the size of a file: what is cut is gone, what is added reads as zeros.
    func resize(_ inode: InodeNumber, to size: UInt64) throws(FileSystemError) {
        try withContent(of: inode) { content throws(FileSystemError) in
            guard content.size != size else { return }
            try noteChange(of: inode, killsSetID: false)
            try changeCapsule(inode, content) { content, now throws(CapsuleError) in
                try content.setSize(size, now: now)
            }
        }
    }

    /// Runs `body` with the content of a file, open or not.
    private func withContent(
        of inode: InodeNumber, _ body: (FileContent) throws(FileSystemError) -> Void
    ) throws(FileSystemError) {
        let content = try transact { () throws(Missing) -> FileContent in retainContent(of: try node(inode)) }
        defer { releaseContent(of: inode) }
        waitForFilling(of: content)
        try load(inode, content)
        try body(content)
    }

    private func changeCapsule(
        _ inode: InodeNumber, _ content: FileContent, _ body: (FileContent, UInt64) throws(CapsuleError) -> Void
    ) throws(FileSystemError) {
        let now = parts.clock.monotonicNanoseconds()
        do throws(CapsuleError) {
            try content.writing.withLock { () throws(CapsuleError) in try body(content, now) }
        } catch {
            throw failure(error, of: inode)
        }
        noteUnwritten(inode)
    }

    package func allocate(
        _ handle: HandleID, mode: AllocateMode, offset: UInt64, count: UInt64, caller: Caller
    ) throws(FileSystemError) {
        let handle = try handles.find(handle)
        guard handle.flags.writes, let content = handle.content else { throw .badHandle }
        guard count > 0 else { throw .invalidArgument }
        guard offset <= Self.maxFileByteCount, count <= Self.maxFileByteCount - offset else { throw .fileTooLarge }
        let supported: [AllocateMode] = [
            [], .keepSize, [.punchHole, .keepSize], .zeroRange, [.zeroRange, .keepSize],
        ]
        guard supported.contains(mode) else { throw .notSupported }
        try requirePermitted(handle, .write)
        let frees = mode.contains(.punchHole) || mode.contains(.zeroRange)
        if !frees {
            // Copy-on-write cannot set blocks aside for one file; what certainly does not fit is refused.
            let end = offset + count
            let missing = end - min(end, max(offset, content.allocatedByteCount))
            try deletingGarbageWhereFull { () throws(FileSystemError) in
                let space: UInt64
                do throws(StoreError) { space = try parts.store.space().availableBytes } catch {
                    throw FileSystemError(error)
                }
                guard missing <= space else { throw .noSpace }
            }
            if mode.contains(.keepSize) || end <= content.size { return }
        }
        try load(handle.inode, content)
        try noteChange(of: handle.inode, killsSetID: caller.uid != 0)
        try changeCapsule(handle.inode, content) { content, now throws(CapsuleError) in
            if frees { try content.punch(offset..<offset + count, now: now) }
            if !mode.contains(.keepSize), offset + count > content.size {
                try content.setSize(offset + count, now: now)
            }
        }
    }

    package func seek(
        _ handle: HandleID, offset: UInt64, whence: SeekWhence, caller: Caller
    ) throws(FileSystemError) -> UInt64 {
        let handle = try handles.find(handle)
        guard let content = handle.content else { throw .badHandle }
        try requirePermitted(handle, .read)
        let size = content.size
        guard offset < size else { throw .noSuchDevice }
        try load(handle.inode, content)
        if content.dirtyByteCount > 0 { try sealNow(handle.inode, content) }
        guard let capsule = content.capsule else {
            guard whence == .hole else { throw .noSuchDevice }
            return offset
        }
        let page = offset / FileContent.pageByteCount
        let found: UInt64?
        do throws(CapsuleError) {
            switch whence {
            case .data: found = try capsule.nextData(fromPage: page)
            case .hole: found = try capsule.nextHole(fromPage: page)
            }
        } catch {
            throw failure(error, of: handle.inode)
        }
        let position = found.map { max(offset, $0 * FileContent.pageByteCount) } ?? size
        if whence == .data && position >= size { throw .noSuchDevice }
        return min(size, position)
    }

    /// Copies inside the folder: the app sees no byte of it. One record tells source and destination.
    package func copyRange(
        from source: HandleID, at sourceOffset: UInt64, to destination: HandleID, at destinationOffset: UInt64,
        count: UInt64, caller: Caller
    ) throws(FileSystemError) -> UInt64 {
        let from = try handles.find(source)
        let to = try handles.find(destination)
        guard from.flags.reads, to.flags.writes, let input = from.content, let output = to.content else {
            throw .badHandle
        }
        try requirePermitted(from, .read)
        try requirePermitted(to, .write)
        let size = input.size
        guard sourceOffset < size else { return 0 }
        let total = min(count, size - sourceOffset)
        guard destinationOffset <= Self.maxFileByteCount, total <= Self.maxFileByteCount - destinationOffset else {
            throw .fileTooLarge
        }
        if from.inode == to.inode {
            let ranges = (sourceOffset..<sourceOffset + total, destinationOffset..<destinationOffset + total)
            guard !ranges.0.overlaps(ranges.1) else { throw .invalidArgument }
        }
        try load(from.inode, input)
        let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(min(1 << 20, total)), alignment: 4096)
        defer {
            wipe(scratch)
            scratch.deallocate()
        }
        var event = AuditEvent(
            activity: .copy, status: .success, actor: actor(caller), fileID: from.fileID,
            place: place(of: from.inode), secondPlace: place(of: to.inode))
        event.copy = .exact
        return try recorded(event, correcting: .attributes(to.inode)) { event throws(FileSystemError) in
            var done: UInt64 = 0
            while done < total {
                let step = UnsafeMutableRawBufferPointer(rebasing: scratch[..<Int(min(1 << 20, total - done))])
                let got: Int
                do throws(CapsuleError) { got = try input.read(at: sourceOffset + done, into: step) } catch {
                    throw failure(error, of: from.inode)
                }
                guard got > 0 else { break }
                do throws(FileSystemError) {
                    try store(
                        UnsafeRawBufferPointer(rebasing: step[..<got]), at: destinationOffset + done, in: to.inode,
                        output,
                        killsSetID: caller.uid != 0)
                } catch {
                    // What was copied is copied, and recorded (copy_file_range(2)).
                    guard done > 0 else { throw error }
                    break
                }
                done += UInt64(got)
            }
            kernelCache?.invalidateContent(of: to.inode, range: destinationOffset..<destinationOffset + done)
            from.bytesRead.wrappingAdd(done, ordering: .relaxed)
            to.bytesWritten.wrappingAdd(done, ordering: .relaxed)
            to.bytesCopied.wrappingAdd(done, ordering: .relaxed)
            event.byteCount = done
            return done
        }
    }
}
