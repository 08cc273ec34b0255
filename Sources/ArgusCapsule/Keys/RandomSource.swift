internal import ArgusSystem

/// Where keys and nonces come from. Tests and vectors bring their own; nothing else may.
package protocol RandomSource: Sendable {
    func fill(_ buffer: UnsafeMutableRawBufferPointer)
}

/// The kernel's generator (getrandom(2)).
package struct SystemRandom: RandomSource {
    package init() {}
    package func fill(_ buffer: UnsafeMutableRawBufferPointer) { SecureRandom.fill(buffer) }
}
