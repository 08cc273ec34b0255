internal import ArgusCore
internal import ArgusFS
internal import CFuse3

/// Operations on open files and directories.
extension Dispatcher {
    func answerFiles(
        _ operation: Operation, of header: RequestHeader, in buffer: AnswerBuffer
    ) throws(FileSystemError) -> Answer {
        let caller = header.caller
        switch operation {
        case .open(let flags, let killsSetID):
            return buffer.put(
                fuse_open_out(
                    try volume.open(header.node, flags: flags, killsSetID: killsSetID, caller: caller)))
        case .read(let handle, let offset, let count, let isDirect):
            let room = UnsafeMutableRawBufferPointer(rebasing: buffer.bytes.prefix(count))
            return .payload(count: try volume.read(handle, at: offset, into: room, isDirect: isDirect, caller: caller))
        case .write(let handle, let offset, let data, let killsSetID, let isWriteBack):
            let count = try volume.write(
                handle, at: offset, from: data, killsSetID: killsSetID, isWriteBack: isWriteBack, caller: caller)
            return buffer.put(fuse_write_out(size: UInt32(count), padding: 0))
        case .flush(let handle):
            try volume.flush(handle, caller: caller)
        case .release(let handle, _):
            volume.release(handle)
        case .synchronize(let handle, let dataOnly):
            try volume.synchronize(handle, dataOnly: dataOnly, caller: caller)
        case .allocate(let handle, let mode, let offset, let count):
            try volume.allocate(handle, mode: mode, offset: offset, count: count, caller: caller)
        case .seek(let handle, let offset, let whence):
            return buffer.put(
                fuse_lseek_out(offset: try volume.seek(handle, offset: offset, whence: whence, caller: caller)))
        case .copyRange(let copy):
            return try answerCopy(copy, caller, in: buffer)
        default: throw .notImplemented
        }
        return .empty
    }

    private func answerCopy(
        _ copy: CopyArguments, _ caller: Caller, in buffer: AnswerBuffer
    ) throws(FileSystemError) -> Answer {
        // The older answer has 32 bits, and is a whole number of pages so that the rest starts aligned.
        let count = copy.isWide ? copy.count : min(copy.count, UInt64(UInt32.max) & ~UInt64(Protocol.pageByteCount - 1))
        let copied = try volume.copyRange(
            from: copy.source, at: copy.sourceOffset, to: copy.destination, at: copy.destinationOffset, count: count,
            caller: caller)
        return copy.isWide ? buffer.put(copied) : buffer.put(fuse_write_out(size: UInt32(copied), padding: 0))
    }

    func answerDirectories(
        _ operation: Operation, of header: RequestHeader, in buffer: AnswerBuffer
    ) throws(FileSystemError) -> Answer {
        let caller = header.caller
        switch operation {
        case .openDirectory:
            return buffer.put(fuse_open_out(directory: try volume.openDirectory(header.node, caller: caller)))
        case .readDirectory(let handle, let cookie, let count, let withAttributes):
            return try list(
                handle, of: header, after: cookie, withAttributes: withAttributes,
                in: UnsafeMutableRawBufferPointer(rebasing: buffer.bytes.prefix(count)))
        case .releaseDirectory(let handle):
            volume.releaseDirectory(handle)
        case .synchronizeDirectory(let handle):
            try volume.synchronizeDirectory(handle, caller: caller)
        default: throw .notImplemented
        }
        return .empty
    }

    /// `.` and `..` come first, with cookies 1 and 2; the volume's own begin at 3.
    private func list(
        _ handle: HandleID, of header: RequestHeader, after cookie: DirectoryCookie, withAttributes: Bool,
        in room: UnsafeMutableRawBufferPointer
    ) throws(FileSystemError) -> Answer {
        var writer = DirectoryWriter(room, withAttributes: withAttributes)
        if cookie < 1, !writer.append(dots: 1, space.node(header.node), cookie: 1) { return .empty }
        if cookie < 2, !writer.append(dots: 2, parent(of: header.node), cookie: 2) {
            return .payload(count: writer.count)
        }
        try volume.readDirectory(handle, after: max(cookie, 2), caller: header.caller) {
            writer.append($0, as: telling)
        }
        return .payload(count: writer.count)
    }

    /// A removed directory has no parent any more, and lists itself. Above a folder among others is the mount's top.
    private func parent(of directory: InodeNumber) -> UInt64 {
        if directory == .root { return NodeSpace.whole.node(.root) }
        do throws(FileSystemError) {
            return space.node(try volume.parent(of: directory).inode)
        } catch {
            return space.node(directory)
        }
    }
}
