internal import ArgusSystem
internal import CArgusInterposer
internal import Glibc

/// Who is asked before this process does something to files, and told afterwards.
protocol FileObserver: AnyObject, Sendable {
    /// What is to become of the call: it may be made to fail, or to wait here.
    func verdict(on call: argus_call) -> FileVerdict
    /// True: `didMake` is told the result, on the same thread, with no other call of this observer's in between.
    func willMake(_ call: argus_call) -> Bool
    func didMake(_ call: argus_call, result: Int64)
}

enum FileVerdict {
    case made
    case failing(errno: Int32)
    /// A read or write moves at most that many bytes.
    case shortened(byteCount: Int)
}

/// The file calls of this process, as `CArgusInterposer` sees them, passed to whoever observes them at the moment.
///
/// This is how tests look at storage without a seam in what they test: capsules, index, journal and realm files pass
/// through the same few functions of the C library. One recorder at a time, any number of fault plans.
enum FileTap {
    private struct State {
        var faults: [any FileObserver] = []
        var recorder: (any FileObserver)?
    }

    private static let lock = Lock()
    // Sound: read and written under `lock` alone.
    nonisolated(unsafe) private static var state = State()
    /// Held by the one recording.
    private static let turn = Lock()

    private static let isInstalled: Void = argus_intercept(
        { call, verdict in
            guard let call, let verdict else { return false }
            let state = FileTap.lock.withLock { FileTap.state }
            for observer in state.faults {
                switch observer.verdict(on: call.pointee) {
                case .made: continue
                case .failing(let errno):
                    verdict.pointee.error = errno
                    return false
                case .shortened(let byteCount):
                    verdict.pointee.count_max = UInt64(byteCount)
                }
            }
            return state.recorder?.willMake(call.pointee) ?? false
        },
        { call, result in
            guard let call else { return }
            FileTap.lock.withLock { FileTap.state.recorder }?.didMake(call.pointee, result: result)
        })

    static func recording<R>(with recorder: any FileObserver, _ body: () throws -> R) rethrows -> R {
        turn.lock()
        defer { turn.unlock() }
        change { $0.recorder = recorder }
        defer { change { $0.recorder = nil } }
        return try body()
    }

    static func add(_ faults: any FileObserver) { change { $0.faults.append(faults) } }

    static func remove(_ faults: any FileObserver) { change { $0.faults.removeAll { $0 === faults } } }

    private static func change(_ body: (inout State) -> Void) {
        _ = isInstalled
        lock.withLock {
            body(&state)
            argus_set_intercepting(state.recorder != nil || !state.faults.isEmpty)
        }
    }

    /// The absolute path that a descriptor and a name relative to it lead to; nil where that cannot be told.
    static func path(_ descriptor: Int32, _ name: UnsafePointer<CChar>?) -> String? {
        var path = ""
        if let name, name.pointee == CChar(UInt8(ascii: "/")) { return String(cString: name) }
        if descriptor == AT_FDCWD { return nil }
        let got = withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer -> Int in
            guard let start = buffer.baseAddress else { return -1 }
            let count = readlink("/proc/self/fd/\(descriptor)", start, buffer.count)
            if count > 0 { path = String(decoding: buffer[..<count], as: UTF8.self) }
            return count
        }
        guard got > 0 else { return nil }
        if let name { path += "/" + String(cString: name) }
        return path
    }
}

/// A boot of the machine that never was: what a thread takes for the time after a power cut.
package enum PretendedBoot {
    /// Runs `body` as if the machine had started again since, for the `number`-th time. This thread only.
    package static func run<R>(_ number: UInt64, _ body: () throws -> R) rethrows -> R {
        let digits = String(number, radix: 16)
        let padded = String(repeating: "0", count: 12 - min(12, digits.utf8.count)) + digits
        argus_pretend_boot_id("b0070000-0000-4000-8000-" + padded)
        defer { argus_pretend_boot_id(nil) }
        return try body()
    }

    package static func id(_ number: UInt64) -> [UInt8] {
        [0xB0, 0x07, 0, 0, 0, 0, 0x40, 0, 0x80, 0]
            + (0..<6).reversed().map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    }
}
