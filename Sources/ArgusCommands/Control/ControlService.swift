internal import ArgusCore
internal import ArgusFS
internal import ArgusJournal
internal import ArgusRealm
internal import ArgusSystem
internal import Glibc

/// Where commands find the driver of a mount: the extended attribute of its top directory that holds the socket's path.
enum ControlAttribute {
    static let name = Array("user.argus.control".utf8)

    /// Nil where the mount does not tell: it is dead, another user's, or no folder.
    static func socketPath(ofMount path: String) -> String? {
        extendedAttribute(path, "user.argus.control")
    }
}

/// Where a driver is between start and end, for those who ask and those who wait.
final class DriverState: Sendable {
    let plan: MountPlan
    private let started = SystemClock().now()
    private let lock = Lock()
    private let changed = Condition()
    // Guarded by `lock`.
    nonisolated(unsafe) private var phase = DriverStatus.State.starting
    nonisolated(unsafe) private var end: End?

    struct End: Sendable {
        /// What could not be made durable, in words; nil after a clean end.
        let failure: String?
    }

    init(plan: MountPlan) {
        self.plan = plan
    }

    func status(of folder: FolderSummary) -> DriverStatus {
        DriverStatus(
            folder: folder.name, folderId: folder.id.hex, mountPoint: plan.mountPoint,
            path: plan.place(of: folder.name), pid: getpid(),
            state: lock.withLock { phase }, readOnly: plan.options.isReadOnly, shared: plan.options.allowsOthers,
            since: started.rfc3339, version: Program.version)
    }

    func enter(_ phase: DriverStatus.State) {
        lock.withLock {
            self.phase = phase
            changed.broadcast()
        }
    }

    /// What was served is closed: whoever waits in `waitForEnd` goes on.
    func close(_ failure: String?) {
        lock.withLock {
            end = End(failure: failure)
            changed.broadcast()
        }
    }

    /// How it ended, or nil after `milliseconds`.
    func waitForEnd(milliseconds: UInt64) -> End? {
        lock.withLock {
            if end == nil { _ = changed.wait(lock, nanoseconds: milliseconds * 1_000_000) }
            return end
        }
    }
}

/// Answers what commands ask of a mounted folder. What concerns the mount as a whole, it does for all folders on it.
final class ControlService: Sendable {
    private let state: DriverState
    private let folder: OpenFolder
    private let volume: Volume
    private let checks = RunningChecks()
    private let all: [Volume]

    init(state: DriverState, folder: OpenFolder, volume: Volume, all: [Volume]) {
        self.all = all
        self.state = state
        self.folder = folder
        self.volume = volume
    }

    @Sendable func handle(_ question: ControlRequest.Question, _ client: ControlConversation) throws(ChannelError) {
        switch question {
        case .status:
            var status = state.status(of: folder.summary)
            status.readOnly = volume.isReadOnly
            try client.reply(.status(status))
        case .setReadOnly(let isReadOnly): try setReadOnly(isReadOnly, client)
        case .synchronize:
            guard try synchronize(all, client) else { return }
            try client.reply(.done)
        case .detach: try detach(client)
        case .list(let path): try list(path, client)
        case .explain(let why): try explain(why, client)
        case .check(let repair): try check(repair: repair, client)
        case .journalHeads: try tellJournalHeads(client)
        case .copied(let question):
            guard let claim = question.claim,
                let source = volume.confirm(claim, of: InodeNumber(question.inode))
            else { return try client.reply(.failed("has no such file")) }
            try client.reply(.copySource(fileId: source.fileID.hex, path: Hex.encode(source.path)))
        case .reload:
            do throws(RealmError) { try folder.reload() } catch {
                return try client.reply(.failed(error.message))
            }
            if let failure = volume.adoptMembers(of: folder) { return try client.reply(.failed(failure)) }
            volume.applyPolicy()
            volume.rewrapFiles()
            try client.reply(.done)
        }
    }

    private func setReadOnly(_ isReadOnly: Bool, _ client: ControlConversation) throws(ChannelError) {
        var changed: [Volume] = []
        do throws(FileSystemError) {
            for volume in all where volume.isReadOnly != isReadOnly {
                try volume.setReadOnly(isReadOnly)
                changed.append(volume)
            }
        } catch {
            for volume in changed { try? volume.setReadOnly(!isReadOnly) }
            let message =
                switch error {
                case .busy: "a file is open for writing; close it first (fuser -m shows who has it)"
                case .readOnly: "the folder was mounted for reading alone; unmount it and mount it again"
                default:
                    "not everything could be made durable: \(error.storageCause); free space or repair the storage first"
                }
            return try client.reply(.failed(message))
        }
        try client.reply(.done)
    }

    /// True when everything is durable; otherwise the client has been told why not.
    private func synchronize(_ volumes: [Volume], _ client: ControlConversation) throws(ChannelError) -> Bool {
        do throws(FileSystemError) {
            for volume in volumes { try volume.synchronizeAll() }
            return true
        } catch {
            try client.reply(
                .failed(
                    "not everything could be made durable: \(error.storageCause); free space or repair the storage, and try again"
                ))
            return false
        }
    }

    private func tellJournalHeads(_ client: ControlConversation) throws(ChannelError) {
        let heads: [JournalHead]
        do throws(RealmError) { heads = try folder.journalHeads() } catch {
            return try client.reply(.failed(error.message))
        }
        try client.reply(
            .journalHeads(
                heads.map {
                    JournalHeadReport(sequence: $0.sequence, hash: Hex.encode($0.hash), stream: $0.stream?.hex)
                }))
    }

    private func detach(_ client: ControlConversation) throws(ChannelError) {
        guard try synchronize(all, client) else { return }
        try client.reply(.synchronized)
        let pollMilliseconds: UInt64 = 50
        while true {
            if let end = state.waitForEnd(milliseconds: pollMilliseconds) {
                return try client.reply(end.failure.map(ControlReply.failed) ?? .done)
            }
            if client.isAbandoned(waitMilliseconds: 0) { return }
        }
    }

    private func explain(_ why: WhyQuestion, _ client: ControlConversation) throws(ChannelError) {
        guard let path = Hex.decode(why.path), let right = Rights(text: why.right) else {
            return try client.reply(.failed("the question is malformed"))
        }
        guard try synchronize([volume], client) else { return }
        let explanation: Explanation
        do throws(RealmError) {
            explanation = try folder.explain(right, at: path, account: why.person, program: why.program)
        } catch {
            return try client.reply(.failed(error.message))
        }
        try client.reply(.explanation(WhyReport(explanation)))
    }

    private func check(repair: Bool, _ client: ControlConversation) throws(ChannelError) {
        guard checks.begin() else { return try client.reply(.failed(Self.endingMessage)) }
        defer { checks.end() }
        let clock = SystemClock()
        var told = clock.monotonicNanoseconds()
        let findings: [CheckFinding]
        do throws(RealmError) {
            findings = try folder.check(volume, repair: repair) { step in
                guard clock.monotonicNanoseconds() >= told + Self.progressNanoseconds else { return !checks.areEnding }
                told = clock.monotonicNanoseconds()
                do throws(ChannelError) { try client.reply(.progress(CheckProgressReport(step))) } catch {
                    // Nobody waits for the result any more.
                    return false
                }
                return !checks.areEnding
            }
        } catch {
            return try client.reply(.failed(error.message))
        }
        for finding in findings { try client.reply(.finding(CheckReport(finding))) }
        try client.reply(.done)
    }

    /// Ends checks under way and waits for that; none begins any more.
    func endChecks() { checks.endAll() }

    private static let endingMessage = "is being unmounted; check it again in a moment"
    private static let progressNanoseconds: UInt64 = 100_000_000

    private func list(_ pathHex: String, _ client: ControlConversation) throws(ChannelError) {
        guard let path = Hex.decode(pathHex), !path.isEmpty else {
            return try client.reply(.failed("the path is malformed"))
        }
        // What is still on its way to the index is listed as well.
        guard try synchronize([volume], client) else { return }
        var batch: [MappingRow] = []
        var broken: ChannelError?
        do throws(RealmError) {
            try folder.listing(path) { row in
                batch.append(MappingRow(row))
                if batch.count < Self.rowsPerMessage { return true }
                do throws(ChannelError) {
                    try client.reply(.rows(batch))
                    batch.removeAll(keepingCapacity: true)
                    return true
                } catch {
                    broken = error
                    return false
                }
            }
        } catch {
            return try client.reply(.failed(error.message))
        }
        if let broken { throw broken }
        if !batch.isEmpty { try client.reply(.rows(batch)) }
        try client.reply(.done)
    }

    /// Paths are at most 4 KiB in practice: a message of these stays far below its limit.
    private static let rowsPerMessage = 64
}

extension Volume {
    /// Brings the top directory in step with the members; why not, where that fails.
    func adoptMembers(of folder: OpenFolder) -> String? {
        do throws(RealmError) {
            let list = try folder.topDirectoryList()
            do throws(FileSystemError) { try adoptMembers(list) } catch {
                return
                    "the members' list of the top directory could not be stored (\(error)); free space, and try again"
            }
            return nil
        } catch {
            return error.message
        }
    }
}

extension ControlServer {
    /// Starts serving; nil where the realm lies on storage that is read-only, so that commands find no driver.
    static func started(at path: String, handler: @escaping Handler) throws(CommandError) -> ControlServer? {
        do throws(SystemError) {
            let server = try ControlServer(path: path, handler: handler)
            server.start()
            return server
        } catch {
            if error.errno == EROFS { return nil }
            throw CommandError("control socket", "cannot be made in the realm's run directory: \(error.description)")
        }
    }
}
