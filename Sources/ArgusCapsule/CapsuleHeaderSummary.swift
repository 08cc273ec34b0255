package import ArgusCore
package import ArgusStore

/// What a capsule's header tells without keys. Nothing of it is authentic.
package struct CapsuleHeaderSummary: Hashable, Sendable {
    package var formatVersion: UInt16
    package var suite: UInt16
    package var pageByteCount: Int
    package var identity: CapsuleIdentity
    package var fileKeyGeneration: KeyGeneration
    /// Generations of the folder keys that the file key is wrapped under.
    package var folderKeyGenerations: [KeyGeneration]
    /// Types of stanzas for other holders.
    package var otherStanzaTypes: [UInt16]
    /// The slots that hold a header.
    package var slots: [Int]
    package var objectByteCount: UInt64
}

extension Capsule {
    /// Reads the headers alone: what the capsule says it is. Keys are not needed.
    package static func inspect(_ object: any BackingObject) throws(CapsuleError) -> CapsuleHeaderSummary {
        var headers: [SlotHeader] = []
        var failure = CapsuleError.unauthentic(.truncated)
        for slot in 0..<CapsuleFormat.slotCount {
            let page = try Slot.bytes(of: object, number: slot)
            guard page.contains(where: { $0 != 0 }) else { continue }
            let parsed = page.withUnsafeBytes { page in
                Result { () throws(CapsuleError) in try SlotHeader(page, slot: slot) }
            }
            switch parsed {
            case .success(let header): headers.append(header)
            case .failure(let error): failure = error
            }
        }
        guard let header = headers.first else { throw failure }
        let size = try stored { () throws(StoreError) in try object.size() }
        return CapsuleHeaderSummary(
            formatVersion: CapsuleFormat.version, suite: CapsuleFormat.suite,
            pageByteCount: CapsuleFormat.pageByteCount, identity: header.identity,
            fileKeyGeneration: header.fileKeyGeneration,
            folderKeyGenerations: header.stanzas.compactMap { FolderStanza($0)?.generation },
            otherStanzaTypes: header.stanzas.filter { FolderStanza($0) == nil }.map(\.type),
            slots: headers.map(\.slot), objectByteCount: size)
    }
}
