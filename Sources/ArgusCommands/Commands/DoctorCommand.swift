internal import ArgumentParser
internal import ArgusRealm
internal import ArgusSystem
internal import Glibc

/// `argusfs doctor`: looks for what goes wrong first.
struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Look for what keeps this machine, this user or this realm from working.",
        discussion: """
            Looks at the kernel, /dev/fuse, fusermount3, /etc/fuse.conf, the configuration, the realm and its key, the folders' \
            storage and the mounts. Changes nothing and asks for nothing: the realm is opened with a key file, a passphrase file or \
            after `unlock`. Exit status: 0, nothing is in the way; 1, something is.
            """)

    @OptionGroup var listing: ListingOptions
    @OptionGroup var realm: RealmOptions

    func run() throws {
        var invocation = Invocation.current
        var doctor = Doctor()
        doctor.examineMachine()
        // What of the configuration can be read is used, so that the realm it names is looked at, too.
        invocation.settings = doctor.examineConfiguration(in: invocation.configurationDirectory)
        let access = Invocation.$current.withValue(invocation) { realm.access }
        doctor.examineRealm(access)
        doctor.examineMounts(.current())
        doctor.examineMountPoints(fstab: smallFile("/etc/fstab", maxBytes: 1 << 20) ?? "", .current())
        if listing.json {
            try JSONOutput.print(doctor.findings)
        } else {
            for finding in doctor.findings {
                let mark = finding.state.rawValue.padded(to: 7)
                try Standard.outputLine("\(mark)  \(finding.subject): \(Table.printable(finding.message))")
            }
        }
        if doctor.findings.contains(where: { $0.state == .failure }) { throw ExitStatusOnly(exitStatus: .failure) }
    }
}

extension String {
    fileprivate func padded(to count: Int) -> String {
        self + String(repeating: " ", count: max(0, count - self.count))
    }
}

/// Collects what is found, in the order in which a mount would meet it.
struct Doctor {
    enum State: String, Encodable {
        case ok
        /// Works, but not for everybody, or not as well as it could.
        case warning
        case failure
    }

    struct Finding: Encodable {
        var state: State
        var subject: String
        /// What is so and, where something is wrong, after a semicolon what to do.
        var message: String
    }

    private(set) var findings: [Finding] = []

    private mutating func add(_ state: State, _ subject: String, _ message: String) {
        findings.append(Finding(state: state, subject: subject, message: message))
    }

    private var isRoot: Bool { geteuid() == 0 }

    // MARK: The machine

    mutating func examineMachine() {
        examineKernel()
        examineDevice()
        examineMountProgram()
        let opensToOthers = MountOptionList.allowsOthers(
            fuseConfiguration: smallFile("/etc/fuse.conf", maxBytes: 1 << 20) ?? "")
        if isRoot || opensToOthers {
            add(.ok, "shared mounts", "are allowed to this user")
        } else {
            add(
                .warning, "shared mounts",
                "are for root alone here; for -o allow_other add the line user_allow_other to /etc/fuse.conf")
        }
        examineLockedMemory()
    }

    private mutating func examineKernel() {
        var name = utsname()
        uname(&name)
        let release = withUnsafeBytes(of: &name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let numbers = release.split { !$0.isNumber }.prefix(2).compactMap { Int($0) }
        if numbers.count == 2, (numbers[0], numbers[1]) < (5, 4) {
            add(.failure, "kernel", "Linux \(release) is too old; use Linux 5.4 or newer")
        } else {
            add(.ok, "kernel", "Linux \(release)")
        }
    }

    private mutating func examineDevice() {
        do throws(SystemError) {
            _ = try OwnedDescriptor.open("/dev/fuse", flags: O_RDWR)
            add(.ok, "/dev/fuse", "can be used")
        } catch {
            switch error.errno {
            case ENOENT, ENODEV, ENXIO:
                add(
                    .failure, "/dev/fuse",
                    "is missing; load the kernel module with `modprobe fuse`, or give the container the device")
            case EACCES,
                EPERM where !isRoot:
                add(.failure, "/dev/fuse", "may not be opened by this user; run `chmod 666 /dev/fuse` as root")
            default:
                add(.failure, "/dev/fuse", "cannot be opened (\(error.description)); give the container the device")
            }
        }
    }

    private mutating func examineMountProgram() {
        let places = ["/usr/bin", "/bin", "/usr/local/bin", "/usr/sbin", "/sbin"].map { "\($0)/fusermount3" }
        guard let place = places.first(where: { access($0, X_OK) == 0 }) else {
            return add(
                isRoot ? .warning : .failure, "fusermount3",
                "is not installed, and only root can mount without it; install the package fuse3")
        }
        var status = stat()
        guard stat(place, &status) == 0, status.st_uid == 0, status.st_mode & S_ISUID != 0 else {
            return add(
                isRoot ? .warning : .failure, "fusermount3",
                "has no set-user-id bit, so that only root can mount; run `chmod u+s \(place)` as root")
        }
        add(.ok, "fusermount3", place)
    }

    /// A driver with a few folder keys takes less than this.
    private static let lockedMinBytes: rlim_t = 256 << 10

    private mutating func examineLockedMemory() {
        var limit = rlimit()
        getrlimit(Int32(__RLIMIT_MEMLOCK.rawValue), &limit)
        if !isRoot, limit.rlim_cur < Self.lockedMinBytes {
            add(
                .warning, "locked memory",
                "is limited to \(byteCountText(UInt64(limit.rlim_cur))), so that keys could be swapped out; raise `ulimit -l`"
            )
        } else {
            add(.ok, "locked memory", "keys are kept out of swap")
        }
    }

    // MARK: The configuration

    mutating func examineConfiguration(in directory: String) -> Settings {
        let (settings, files, problems) = SettingsFiles(directory).read()
        for problem in problems { add(.failure, "configuration", problem.description) }
        if problems.isEmpty {
            add(.ok, "configuration", files.isEmpty ? "none in \(directory)" : files.joined(separator: ", "))
        }
        return settings
    }

    // MARK: The realm

    mutating func examineRealm(_ access: RealmAccess) {
        let path = access.path
        let summary: RealmSummary
        do throws(RealmError) { summary = try Realm.inspect(at: path) } catch {
            return add(.failure, "realm", "\(path) \(error.message)")
        }
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & 0o077 != 0 {
            add(.warning, "realm", "\(path) can be entered by others; run chmod 700 on it")
        } else {
            add(.ok, "realm", path)
        }
        guard let unlock = examineKey(access.source, summary, at: path) else { return }
        do throws(RealmError) {
            let realm = try Realm.open(at: path, unlock: unlock)
            add(.ok, "key", "opens the realm")
            examineFolders(of: realm)
        } catch {
            add(.failure, "key", "\(path): \(error.message)")
        }
    }

    /// What opens the realm without asking anybody; nil where nothing does.
    private mutating func examineKey(_ source: CredentialSource, _ summary: RealmSummary, at path: String) -> Unlock? {
        switch source {
        case .keyFile(let file):
            examineMode(of: file)
            return .keyFile(file)
        case .passphraseFile(let file):
            examineMode(of: file)
            do throws(CommandError) { return .passphrase(try Passphrase.read(from: file)) } catch {
                add(.failure, "key", error.description)
                return nil
            }
        case .unspecified:
            if let key = KernelKeyring(realm: summary.id).key() { return .masterKey(key) }
            if summary.methods.contains(.passphrase) {
                add(
                    .ok, "key", "is a passphrase, which was not asked for; `argusfs unlock` leaves it to later commands"
                )
            } else {
                add(.failure, "key", "is a key file; give it with --key-file FILE or in ARGUS_KEY_FILE")
            }
            return nil
        }
    }

    private mutating func examineMode(of file: String) {
        var status = stat()
        guard stat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_mode & 0o077 != 0 else { return }
        add(.warning, "key", "\(file) can be read by others; run chmod 600 on it")
    }

    /// Below it, writes are stored before they are answered.
    private static let freeMinBytes: UInt64 = 96 << 20

    private mutating func examineFolders(of realm: Realm) {
        let folders: [FolderSummary]
        do throws(RealmError) { folders = try realm.folders() } catch {
            return add(.failure, "folders", error.message)
        }
        if folders.isEmpty { add(.ok, "folders", "there is none yet; make one with `argusfs folder create NAME`") }
        for folder in folders {
            let subject = "folder \(Table.printable(folder.name))"
            var space = statvfs()
            guard statvfs(folder.storage, &space) == 0 else {
                let cause = String(cString: strerror(errno))
                add(
                    .failure, subject,
                    "its storage \(folder.storage) cannot be reached (\(cause)); mount the disk that holds it")
                continue
            }
            let free = UInt64(space.f_bavail) * UInt64(space.f_frsize)
            if access(folder.storage, W_OK) != 0 {
                add(
                    .failure, subject,
                    "its storage \(folder.storage) refuses writes; remount it writable, or mount with -o ro")
            } else if free < Self.freeMinBytes {
                add(
                    .warning, subject,
                    "its storage has \(byteCountText(free)) free; free some, or writing becomes slow and ends")
            } else {
                add(.ok, subject, folder.holder.map { "in use by process \($0)" } ?? "not mounted")
            }
        }
    }

    // MARK: Mounts

    mutating func examineMounts(_ table: MountTable) {
        for entry in table.entries where entry.isFolder {
            if MountPoint.isDead(entry.mountPoint) {
                add(
                    .failure, "mount",
                    "the driver of \(entry.mountPoint) has ended; mount the folder there again, or run `umount -l` on it"
                )
            } else {
                add(.ok, "mount", entry.mountPoint)
            }
        }
    }

    /// What lies where fstab(5) mounts folders, while none is mounted there: somebody wrote it without knowing.
    mutating func examineMountPoints(fstab: String, _ table: MountTable) {
        for line in fstab.split(separator: "\n") {
            let fields = line.split(whereSeparator: \.isWhitespace).map(String.init)
            guard fields.count >= 3, ["argusfs", "fuse.argusfs"].contains(fields[2]), !fields[0].hasPrefix("#") else {
                continue
            }
            let place = MountTable.unescaped(fields[1])
            guard table.top(at: place) == nil, let names = try? DirectoryHandle(path: place).names() else { continue }
            if names.isEmpty {
                add(.ok, "mount point", "\(place) is empty while nothing is mounted there")
            } else {
                add(
                    .warning, "mount point",
                    "\(place) has files of its own, unencrypted, while no folder is mounted there; mount the folder "
                        + "elsewhere and move them into it")
            }
        }
    }
}
