internal import ArgusSystem
internal import Glibc

/// Finding, making and recognising a store.
extension DirectoryStore {
    /// Longer than any marker that this or a later version writes in its first line.
    private static let markerMaxByteCount = 256
    private static let markerPrefix = "argus-store "

    /// Opens the directory by its absolute path, so that `location(of:)` needs no working directory.
    static func openRoot(_ path: String, create: Bool) throws(DirectoryStoreError) -> DirectoryHandle {
        do throws(SystemError) {
            return try DirectoryHandle(path: try absolute(path))
        } catch  where error.errno == ENOENT && create {
            do throws(StoreError) {
                try makeRoot(path)
                return try translated { () throws(SystemError) in try DirectoryHandle(path: try absolute(path)) }
            } catch { throw error == .missing ? .missing : .store(error) }
        } catch  where error.errno == ENOENT {
            throw .missing
        } catch  where error.errno == ENOTDIR {
            throw .notADirectory
        } catch {
            throw .store(StoreError(error))
        }
    }

    private static func makeRoot(_ path: String) throws(StoreError) {
        do throws(StoreError) {
            try storeCall { mkdir(path, 0o700) }
        } catch .exists {
            // Another process was faster.
        }
        let parent = try translated { () throws(SystemError) in
            try OwnedDescriptor.open(path + "/..", flags: O_RDONLY | O_DIRECTORY)
        }
        try storeCall { fsync(parent.rawValue) }
    }

    private static func absolute(_ path: String) throws(SystemError) -> String {
        guard let resolved = realpath(path, nil) else { throw SystemError(errno: errno, call: "realpath(3)") }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// Accepts a store of this format; with `create`, makes an empty directory one.
    static func checkMarker(in root: DirectoryHandle, create: Bool) throws(DirectoryStoreError) {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try root.readFile(markerName, maxByteCount: markerMaxByteCount)
        } catch  where error.errno == ENOENT {
            guard create else { throw .notAStore }
            return try makeMarker(in: root)
        } catch  where error.errno == EFBIG || error.errno == EINVAL || error.errno == ELOOP {
            throw .notAStore
        } catch {
            throw .store(StoreError(error))
        }
        let line = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first ?? ""
        guard line.hasPrefix(markerPrefix), let found = Int(line.dropFirst(markerPrefix.count)), found >= 1 else {
            throw .notAStore
        }
        guard found <= format else { throw .newerFormat(found: found, supported: format) }
    }

    private static func makeMarker(in root: DirectoryHandle) throws(DirectoryStoreError) {
        let isEmpty: Bool
        do throws(SystemError) {
            isEmpty = try root.names().allSatisfy(isOwn)
            if isEmpty { try root.replaceFile(markerName, with: Array("\(markerPrefix)\(format)\n".utf8)) }
        } catch {
            throw .store(StoreError(error))
        }
        guard isEmpty else { throw .notEmpty }
    }

    /// Whether a file in the root is the store's, or the filesystem's, own.
    static func isOwn(_ name: String) -> Bool {
        [markerName, lockName, ballastName, "lost+found"].contains(name)
            || name.hasPrefix(DirectoryHandle.temporaryPrefix)
    }
}
