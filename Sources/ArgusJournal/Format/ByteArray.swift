extension [UInt8] {
    /// `withUnsafeBytes` with typed errors, which the standard library's own does not have.
    func withBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try span.withUnsafeBytes(body)
    }
}
