internal import ArgusCore
package import ArgusIndex

/// What every `MappingIndex` does: one check for each promise of the protocol, run on a fresh, empty index each.
///
/// A test calls them all for its implementation:
/// `@Test(arguments: MappingIndexConformance.checks) func index(_ check: …) throws { try check.run(MyHome()) }`.
package enum MappingIndexConformance {
    package struct Check: Sendable, CustomStringConvertible {
        /// The promise, as a sentence.
        package let description: String
        package let run: @Sendable (any IndexHome) throws -> Void

        init(_ description: String, _ run: @escaping @Sendable (any IndexHome) throws -> Void) {
            self.description = description
            self.run = run
        }
    }

    /// A promise that was not kept.
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
        package init(_ description: String) { self.description = description }
    }

    package static let checks = rowChecks + listingChecks + commitChecks + verificationChecks

    static func expect(_ condition: Bool, _ otherwise: @autoclosure () -> String) throws(Failure) {
        if !condition { throw Failure(otherwise()) }
    }

    static func expect<Result>(
        _ expected: IndexError, _ what: String, _ body: () throws(IndexError) -> Result
    ) throws(Failure) {
        do throws(IndexError) {
            _ = try body()
        } catch {
            guard error == expected else { throw Failure("\(what): \(error) instead of \(expected)") }
            return
        }
        throw Failure("\(what): no error instead of \(expected)")
    }
}

/// Where an index under test lives: it makes it, and finds it again after a restart.
package protocol IndexHome: Sendable {
    /// A new, empty index.
    func make() throws -> any MappingIndex
    /// Closes `index`, lets go of everything in memory, and opens what was committed.
    func reopen(_ index: any MappingIndex) throws -> any MappingIndex
}

/// The home of the in-memory index.
package struct MemoryIndexHome: IndexHome {
    package init() {}

    package func make() throws -> any MappingIndex { MemoryIndex() }

    package func reopen(_ index: any MappingIndex) throws -> any MappingIndex {
        guard let memory = index as? MemoryIndex else {
            throw MappingIndexConformance.Failure("this home has memory indexes only")
        }
        try memory.close()
        return memory.reopened()
    }
}
