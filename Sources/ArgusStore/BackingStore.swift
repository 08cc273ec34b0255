package import ArgusCore

/// The opaque name of an object in a backing store: 16 bytes that say nothing about what the object holds.
package struct ObjectName: Hashable, Sendable, CustomStringConvertible {
    package let identifier: Identifier<ObjectNameKind>

    package init(_ identifier: Identifier<ObjectNameKind>) { self.identifier = identifier }

    /// 32 lower-case hexadecimal digits.
    package var hex: String { identifier.hex }
    package var description: String { hex }
}

package enum ObjectNameKind {}

/// Why a store could not do what it was asked.
package enum StoreError: Error, Hashable, Sendable {
    /// There is no object of that name.
    case missing
    /// An object of that name exists already.
    case exists
    /// What lies under that name is no regular file, or the store's own layout was tampered with.
    case notAnObject
    /// The storage has no room left (ENOSPC, EDQUOT).
    case full
    /// The storage refuses writes (EROFS, EACCES, EPERM).
    case readOnly
    /// The process has no descriptor left (EMFILE, ENFILE).
    case tooManyOpen
    /// The store itself is gone: unmounted or removed beneath.
    case unavailable
    /// The storage failed, with the errno it gave.
    case failed(errno: Int32)
}

/// Free and total room of a store, in bytes and objects.
package struct StoreSpace: Hashable, Sendable {
    package var totalBytes: UInt64
    package var freeBytes: UInt64
    package var availableBytes: UInt64
    package var totalObjects: UInt64
    package var freeObjects: UInt64

    package init(
        totalBytes: UInt64, freeBytes: UInt64, availableBytes: UInt64, totalObjects: UInt64, freeObjects: UInt64
    ) {
        self.totalBytes = totalBytes
        self.freeBytes = freeBytes
        self.availableBytes = availableBytes
        self.totalObjects = totalObjects
        self.freeObjects = freeObjects
    }
}

/// One open object: a flat, sparse array of bytes. Safe to use from several threads.
package protocol BackingObject: AnyObject, Sendable {
    /// Fills `buffer` from `offset` on; returns fewer bytes only where the object ends.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(StoreError) -> Int
    /// Writes all of `buffer`, or throws; after an error any part of it may have been written.
    func write(_ buffer: UnsafeRawBufferPointer, at offset: UInt64) throws(StoreError)
    /// Cuts the object, or extends it with zeros.
    func truncate(to size: UInt64) throws(StoreError)
    /// Frees the space of `range`, which then reads as zeros; the size stays.
    func punchHole(_ range: Range<UInt64>) throws(StoreError)
    /// Makes `range` read as zeros; its space may stay set aside for what is written there next. The size stays.
    func clear(_ range: Range<UInt64>) throws(StoreError)
    /// Lets storage begin to read `range`, which is about to be asked for. Does not wait, and cannot fail.
    func prefetch(_ range: Range<UInt64>)
    /// Makes everything written so far durable (fdatasync(2)). After an error nothing is known about
    /// what was written since the last success.
    func sync() throws(StoreError)
    /// The object's size in bytes.
    func size() throws(StoreError) -> UInt64
    /// Bytes that the object takes up on storage.
    func allocatedBytes() throws(StoreError) -> UInt64
}

extension BackingObject {
    package func clear(_ range: Range<UInt64>) throws(StoreError) { try punchHole(range) }
    package func prefetch(_ range: Range<UInt64>) {}
}

/// Where capsules lie: a flat set of named objects. Untrusted: what it returns may have been altered by anyone.
///
/// Safe to use from several threads.
package protocol BackingStore: Sendable {
    /// Makes an empty object; its name is durable after `syncName` or `syncAll`.
    func create(_ name: ObjectName) throws(StoreError) -> any BackingObject
    func open(_ name: ObjectName, writable: Bool) throws(StoreError) -> any BackingObject
    /// Removes the name; objects that are open stay readable and writable.
    func remove(_ name: ObjectName) throws(StoreError)
    func exists(_ name: ObjectName) throws(StoreError) -> Bool
    /// Calls `body` for each object, in no particular order, until it returns false. What is in the store but
    /// cannot be an object of its own making (a stray file) is passed to `stray` with its place.
    func forEachObject(_ body: (ObjectName) -> Bool, stray: (String) -> Void) throws(StoreError)
    /// Makes the existence of the object's name durable.
    func syncName(_ name: ObjectName) throws(StoreError)
    /// Makes everything in the store durable: all content, all names, all removals (syncfs(2)).
    func syncAll() throws(StoreError)
    /// Where administrators find the object: an absolute path for a directory store.
    func location(of name: ObjectName) -> String
    func space() throws(StoreError) -> StoreSpace
    /// Sets aside up to `byteCount` bytes that only `releaseReserve` gives back, so that writes accepted below that
    /// amount can always be stored. Returns how many bytes are reserved: 0 where the store cannot preallocate.
    func reserve(_ byteCount: UInt64) throws(StoreError) -> UInt64
    /// Gives the reserve back to the store's free room.
    func releaseReserve() throws(StoreError)
}
