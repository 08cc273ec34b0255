internal import ArgusCore

/// What stands behind the fixed fields of a root: type u16, length u16, value; again and again.
extension CapsuleRoot {
    /// Extension types from here on must be understood.
    static let criticalExtension: UInt16 = 0x8000
    /// 16 bytes: the folder that the pages are sealed as those of.
    static let originExtension: UInt16 = 0x8002
    /// Together they leave room for the largest header.
    private static let extensionsMaxByteCount = 256

    /// Takes `origin` from the extensions, and notes the first critical one that this version does not know.
    mutating func readExtensions() throws(MalformedBytes) {
        for field in try extensionFields() {
            if field.type == Self.originExtension {
                guard origin == nil, let folder = field.value.withUnsafeBytes({ FolderID(bytes: $0) }) else {
                    throw MalformedBytes()
                }
                origin = folder
            } else if field.type >= Self.criticalExtension, unknownExtension == nil {
                unknownExtension = field.type
            }
        }
    }

    /// The pages are those of `folder`; nil: of the one in the header.
    mutating func setOrigin(_ folder: FolderID?) throws(CapsuleError) {
        guard let others = try? extensionFields().filter({ $0.type != Self.originExtension }) else { throw .crypto }
        var writer = ByteWriter()
        for field in others {
            writer.integer(field.type)
            writer.integer(UInt16(field.value.count))
            writer.append(field.value)
        }
        if let folder {
            writer.integer(Self.originExtension)
            writer.integer(UInt16(FolderID.byteCount))
            writer.identifier(folder)
        }
        guard writer.bytes.count <= max(Self.extensionsMaxByteCount, extensions.count) else {
            throw .newerFormat(found: others.first?.type ?? 0, supported: CapsuleFormat.version)
        }
        extensions = writer.bytes
        origin = folder
    }

    private func extensionFields() throws(MalformedBytes) -> [(type: UInt16, value: [UInt8])] {
        let result = extensions.withUnsafeBytes { bytes in
            Result { () throws(MalformedBytes) -> [(type: UInt16, value: [UInt8])] in
                var fields: [(type: UInt16, value: [UInt8])] = []
                var reader = ByteReader(bytes)
                while reader.remaining > 0 {
                    let type: UInt16 = try reader.integer()
                    fields.append((type, try reader.bytes(Int(try reader.integer(UInt16.self)))))
                }
                return fields
            }
        }
        return try result.get()
    }
}
