internal import ArgusStore

/// A file's capsule as it lies on storage, for a program that the key is withheld from.
struct Ciphertext: Sendable {
    /// Nil for a file that has no capsule.
    let object: (any BackingObject)?

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StoreError) -> Int {
        guard let object else { return 0 }
        return try object.read(into: buffer, at: offset)
    }
}
