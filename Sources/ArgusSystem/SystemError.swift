internal import Glibc

/// A system call failed: which one, and with what errno (errno(3)).
///
/// It names no file: a path may carry what nobody else is to know.
package struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
    package let errno: Int32
    /// The call as its manual page is titled: "openat(2)".
    package let call: String

    package init(errno: Int32, call: String) {
        self.errno = errno
        self.call = call
    }

    package var description: String { "\(call): \(String(cString: strerror(errno)))" }
}

/// Makes a system call that answers -1 on failure, again while a signal interrupts it.
///
/// errno is read right after the call, before anything else can change it.
@discardableResult
func systemCall<Value: SignedInteger>(_ call: String, _ body: () -> Value) throws(SystemError) -> Value {
    while true {
        let value = body()
        let cause = errno
        if value != -1 { return value }
        if cause != EINTR { throw SystemError(errno: cause, call: call) }
    }
}

/// Like `systemCall`, for a call that takes `name` as a C string.
///
/// Fails with EINVAL where the name has a NUL: the kernel would see a shorter one.
@discardableResult
func systemCall(_ call: String, on name: String, _ body: (UnsafePointer<CChar>) -> Int32) throws(SystemError) -> Int32 {
    guard !name.utf8.contains(0) else { throw SystemError(errno: EINVAL, call: call) }
    let (value, cause) = name.withCString { pointer -> (Int32, Int32) in
        while true {
            let value = body(pointer)
            let cause = errno
            if value != -1 || cause != EINTR { return (value, cause) }
        }
    }
    if value == -1 { throw SystemError(errno: cause, call: call) }
    return value
}
