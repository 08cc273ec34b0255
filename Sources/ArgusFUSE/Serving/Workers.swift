internal import ArgusCore
internal import ArgusFS
internal import ArgusSystem
internal import CArgusLinux
internal import CFuse3
internal import Glibc
internal import Logging
internal import Synchronization

/// The threads that serve a mount: one leads, the others rest.
///
/// The leader takes a request and serves it. As long as it finds all it needs in memory it goes on leading: no thread is
/// woken, and the app's answer costs one write. Before work that takes long (`Operation.worksLong`) it gives the
/// leadership to a resting thread, or to a new one where none rests, and rests itself when it has answered.
///
/// Where it finds that it has to wait (`WaitNotice`), mostly for 0.1 ms of a disk, waking another thread takes as long as
/// the wait: so it hands over where other requests wait already, or did lately, and otherwise leaves that to the deputy,
/// who takes the leadership from a leader that has waited for 1 to 2 ms. The deputy alone watches what waits on hanging
/// storage only, such as opening for writing.
///
/// Invariants: 1. at most one thread leads, and only it reads from the device; 2. a thread serves one request at a time,
/// from buffers of its own; 3. once `isEnding` is set, no thread takes another request, and each ends after the one it
/// serves; 4. `lock` is held for the hand-over alone, never while a request is served; 5. as long as fewer than
/// `maxCount` threads wait, no request is left lying for more than about 2 ms because the leader does.
final class Workers: Sendable {
    /// Threads that a mount starts with.
    private static let startCount = 2
    /// Threads of a mount at most: as many requests may wait for storage, less the one that still answers for names.
    /// Each has buffers of 2 MiB, which take up memory only as far as requests have filled them.
    static let maxCount = 24

    private let device: Int32
    private let receiver: RequestReceiver
    private let router: Router
    private let invalidations: InvalidationQueue
    private let kernelChecksPermission: Bool
    private let kernelAsksBeforeReads: Bool
    private let whenAgreed: @Sendable () -> Void
    /// What INIT agreed on (`KernelFeatures.rawValue`).
    private let features = Atomic<UInt64>(0)

    private let lock = Lock()
    private let vacancy = Condition()
    /// Guarded by `lock`.
    nonisolated(unsafe) private var hasLeader = false
    /// Guarded by `lock`.
    nonisolated(unsafe) private var isEnding = false
    private let deputy = Deputy()
    /// How often requests were found waiting when the leader had waited, lately.
    private let crowding = Atomic<Int>(0)
    /// Threads that wait in `takeLeadership`. Guarded by `lock`.
    nonisolated(unsafe) private var restingCount = 0
    /// Guarded by `lock`.
    nonisolated(unsafe) private var threads: [Thread] = []

    /// `device` stays open until `serve` has returned. `whenAgreed` is called once the kernel has the driver's limits.
    init(
        device: Int32, router: Router, invalidations: InvalidationQueue, kernelChecksPermission: Bool,
        kernelAsksBeforeReads: Bool,
        whenAgreed: @escaping @Sendable () -> Void
    ) throws(SystemError) {
        self.device = device
        self.kernelChecksPermission = kernelChecksPermission
        self.kernelAsksBeforeReads = kernelAsksBeforeReads
        self.whenAgreed = whenAgreed
        receiver = try RequestReceiver(device: device)
        self.router = router
        self.invalidations = invalidations
    }

    /// Serves until the mount is gone or `end` is called, and every request taken is answered.
    func serve() {
        lock.withLock {
            for _ in 0..<Self.startCount { startThread() }
        }
        let watch = Thread.start(name: "fuse-deputy") { self.deputy.watch { self.giveLeadership() } }
        defer {
            deputy.end()
            watch.join()
        }
        var joinedCount = 0
        while let thread = lock.withLock({ joinedCount < threads.count ? threads[joinedCount] : nil }) {
            thread.join()
            joinedCount += 1
        }
    }

    /// Under `lock`.
    private func startThread() {
        threads.append(Thread.start(name: "fuse-\(threads.count)") { self.work() })
    }

    /// Takes no further request. Does not wait.
    func end() {
        lock.withLock {
            isEnding = true
            vacancy.broadcast()
        }
        receiver.interrupt()
    }

    private func work() {
        let request = RequestBuffer()
        let answer = AnswerBuffer()
        while takeLeadership() {
            lead(request, answer)
        }
    }

    /// Rests until no thread leads; false where serving ends.
    private func takeLeadership() -> Bool {
        lock.withLock {
            restingCount += 1
            defer { restingCount -= 1 }
            while hasLeader, !isEnding { vacancy.wait(lock) }
            guard !isEnding else { return false }
            hasLeader = true
            return true
        }
    }

    private func giveLeadership() {
        lock.withLock {
            hasLeader = false
            if restingCount > 0 {
                vacancy.signal()
            } else if threads.count < Self.maxCount, !isEnding {
                startThread()
            }
        }
    }

    /// Serves requests until one of them has to wait; that is served last, under another leader.
    private func lead(_ buffer: RequestBuffer, _ answer: AnswerBuffer) {
        while true {
            guard case .request(let byteCount) = receiver.next(into: buffer.bytes) else { return end() }
            if serve(UnsafeRawBufferPointer(rebasing: buffer.bytes.prefix(byteCount)), answer) { return }
        }
    }

    /// True where the leadership was given away meanwhile.
    private func serve(_ bytes: UnsafeRawBufferPointer, _ buffer: AnswerBuffer) -> Bool {
        let header: RequestHeader
        let body: RequestBody
        do throws(DecodingError) {
            (header, body) = try RequestDecoder.header(of: bytes)
        } catch {
            log.error("the kernel sent what is no request", metadata: ["bytes": "\(bytes.count)"])
            return false
        }
        let reply = Reply(descriptor: device, unique: header.unique, opcode: header.opcode)
        let operation: Operation
        do throws(DecodingError) {
            let decoder = RequestDecoder(features: KernelFeatures(rawValue: features.load(ordering: .relaxed)))
            operation = try decoder.operation(header, body)
        } catch {
            refuse(header, error, reply)
            return false
        }
        if case .initialize(let offer) = operation {
            initialize(offer, reply, buffer)
            return false
        }
        var turn = Turn(workers: self)
        let result: Result<Answer, FileSystemError>
        if operation.worksLong {
            turn.end()
            result = Result { () throws(FileSystemError) in try router.answer(operation, of: header, in: buffer) }
        } else {
            result = withUnsafeMutablePointer(to: &turn) { turn in
                WaitNotice.with(
                    { $0?.assumingMemoryBound(to: Turn.self).pointee.willWait() },
                    mayHang: { $0?.assumingMemoryBound(to: Turn.self).pointee.mayHang() }, turn
                ) {
                    Result { () throws(FileSystemError) in try router.answer(operation, of: header, in: buffer) }
                }
            }
        }
        // Who tells the kernel to drop pages may wait for requests that another thread must serve.
        if invalidations.isHastened { turn.end() }
        // Before the answer: what the app asks next is no crowd.
        let isOver = turn.isOver()
        switch result {
        case .success(let answer): send(answer, from: buffer, reply)
        case .failure(let error): reply.fail(error.errno)
        }
        if isOver { invalidations.tellAfterAnswer() }
        return isOver
    }

    /// A thread's time as leader while it serves one request.
    private struct Turn {
        unowned(unsafe) let workers: Workers
        private var hasEnded = false
        /// The wait that the deputy watches.
        private var watched: UInt64?
        private var hasWaited = false

        init(workers: Workers) { self.workers = workers }

        /// Gives the leadership away, unless it is gone.
        mutating func end() {
            guard !hasEnded else { return }
            hasEnded = true
            if let watched, !workers.deputy.endWait(watched) { return }
            workers.giveLeadership()
        }

        mutating func willWait() {
            guard !hasEnded else { return }
            hasWaited = true
            let wasCrowded = workers.crowding.load(ordering: .relaxed) > 1
            let isCrowded = workers.receiver.hasRequest
            if wasCrowded || isCrowded {
                workers.noteCrowding(isCrowded)
                return end()
            }
            mayHang()
        }

        mutating func mayHang() {
            guard !hasEnded, watched == nil else { return }
            watched = workers.deputy.beginWait()
        }

        /// Whether the thread leads no more. To be asked once, when the request is answered.
        func isOver() -> Bool {
            guard !hasEnded, let watched else { return hasEnded }
            guard workers.deputy.endWait(watched) else { return true }
            if hasWaited { workers.noteCrowding(workers.receiver.hasRequest) }
            return false
        }
    }

    /// Remembers the last few waits of the leader; it need not be exact.
    private func noteCrowding(_ isCrowded: Bool) {
        let known = crowding.load(ordering: .relaxed)
        crowding.store(isCrowded ? min(known + 1, 4) : max(known - 1, 0), ordering: .relaxed)
    }

    private func send(_ answer: Answer, from buffer: AnswerBuffer, _ reply: consuming Reply) {
        switch answer {
        case .none: reply.omit()
        case .payload(let count): reply.send(UnsafeRawBufferPointer(rebasing: buffer.bytes.prefix(count)))
        }
    }

    private func refuse(_ header: RequestHeader, _ error: DecodingError, _ reply: consuming Reply) {
        let isUnanswered = Opcode(rawValue: header.opcode)?.isUnanswered ?? false
        if error == .malformed {
            log.error("a request is malformed", metadata: ["opcode": "\(header.opcode)"])
        }
        guard !isUnanswered else { return reply.omit() }
        switch error {
        case .malformed: reply.fail(EIO)
        case .refused(let errno): reply.fail(errno)
        case .invalid(let cause): reply.fail(cause.errno)
        }
    }

    private func initialize(_ offer: KernelOffer, _ reply: consuming Reply, _ buffer: AnswerBuffer) {
        let outcome = Handshake.answer(
            offer, checksPermission: kernelChecksPermission, asksBeforeReads: kernelAsksBeforeReads)
        switch outcome {
        case .agreed(let out, let agreed):
            features.store(agreed.rawValue, ordering: .relaxed)
            send(buffer.put(out), from: buffer, reply)
            whenAgreed()
        case .askAgain(let out):
            send(buffer.put(out), from: buffer, reply)
        case .refused:
            log.error(
                "the kernel's FUSE is too old; Linux 5.4 or newer is needed",
                metadata: ["version": "\(offer.major).\(offer.minor)"])
            reply.fail(EPROTO)
        }
    }
}

/// A worker's room for one request, laid out so that the content of a WRITE begins on a page.
private final class RequestBuffer {
    /// `fuse_in_header` and `fuse_write_in`.
    private static let prefixByteCount = RequestHeader.byteCount + MemoryLayout<fuse_write_in>.size

    private let pages: UnsafeMutableRawBufferPointer
    /// As long as the kernel demands for the agreed size of a WRITE.
    let bytes: UnsafeMutableRawBufferPointer

    /// Traps where the system has no memory: a worker starts with it, or not at all.
    init() {
        let page = Protocol.pageByteCount
        guard let base = argus_fuse_map_buffer(page + Protocol.requestMaxBytes) else {
            preconditionFailure("no memory for the buffers of a mount")
        }
        pages = UnsafeMutableRawBufferPointer(start: base, count: page + Protocol.requestMaxBytes)
        bytes = UnsafeMutableRawBufferPointer(rebasing: pages[(page - Self.prefixByteCount)...])
    }

    deinit {
        if let base = pages.baseAddress { argus_fuse_unmap_buffer(base, pages.count) }
    }
}
