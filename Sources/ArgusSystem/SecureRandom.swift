internal import CArgusLinux

/// The kernel's random generator (getrandom(2)).
package enum SecureRandom {
    /// Fills the buffer; waits until the generator is seeded. Traps where the kernel has none: nothing may go on
    /// with bytes that are not random.
    package static func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        guard let start = buffer.baseAddress, buffer.count > 0 else { return }
        let cause = argus_system_random(start, buffer.count)
        precondition(cause == 0, "getrandom(2) failed")
    }
}

/// Zeroes memory that held a secret; the compiler cannot leave it out (explicit_bzero(3)).
package func wipe(_ buffer: UnsafeMutableRawBufferPointer) {
    guard let start = buffer.baseAddress else { return }
    argus_system_wipe(start, buffer.count)
}
