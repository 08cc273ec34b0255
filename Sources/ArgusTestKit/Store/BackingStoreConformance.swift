internal import ArgusCore
package import ArgusStore

/// What every `BackingStore` does: one check for each promise of the protocol, run on a fresh, empty store each.
///
/// A test calls them all for its implementation:
/// `@Test(arguments: BackingStoreConformance.checks) func store(_ check: …) throws { try check.run(MyStore()) }`.
/// What a power cut leaves behind cannot be checked from inside; `FaultStore` has tests of its own for that.
package enum BackingStoreConformance {
    package struct Check: Sendable, CustomStringConvertible {
        /// The promise, as a sentence.
        package let description: String
        package let run: @Sendable (any BackingStore) throws -> Void

        init(_ description: String, _ run: @escaping @Sendable (any BackingStore) throws -> Void) {
            self.description = description
            self.run = run
        }
    }

    /// A promise that was not kept.
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
        package init(_ description: String) { self.description = description }
    }

    package static let checks = contentChecks + nameChecks + storeChecks + threadChecks

    static func expect(_ condition: Bool, _ otherwise: @autoclosure () -> String) throws(Failure) {
        if !condition { throw Failure(otherwise()) }
    }

    static func expect<Result>(
        _ expected: StoreError, _ what: String, _ body: () throws(StoreError) -> Result
    ) throws(Failure) {
        do throws(StoreError) {
            _ = try body()
        } catch {
            guard error == expected else { throw Failure("\(what): \(error) instead of \(expected)") }
            return
        }
        throw Failure("\(what): no error instead of \(expected)")
    }

    static func name(_ number: UInt64 = 1) -> ObjectName {
        // Spread over the first byte, as random names are.
        ObjectName(.init(high: number &* 0x9E37_79B9_7F4A_7C15, low: number))
    }

    static func pattern(_ count: Int, seed: UInt8 = 1) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) &+ UInt8(truncatingIfNeeded: $0 >> 8) &+ seed }
    }
}

extension BackingObject {
    /// Up to `count` bytes from `offset` on.
    package func bytes(_ count: Int, at offset: UInt64 = 0) throws(StoreError) -> [UInt8] {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 16)
        defer { buffer.deallocate() }
        buffer.initializeMemory(as: UInt8.self, repeating: 0xEE)
        let got = try read(into: buffer, at: offset)
        return [UInt8](buffer.prefix(got))
    }

    package func write(_ bytes: [UInt8], at offset: UInt64 = 0) throws(StoreError) {
        try bytes.span.withUnsafeBytes { buffer throws(StoreError) in try write(buffer, at: offset) }
    }
}
