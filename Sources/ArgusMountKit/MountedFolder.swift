internal import Glibc

/// A realm with one confidential folder, made and used by the built program as a person would: real keys, a real mount,
/// a driver in a process of its own.
///
///     let folder = try MountedFolder()                // personal, private, mounted on folder.mountPoint
///     try folder.shell("echo secret > file").required()
///     try folder.remount()                            // unmount, drop caches, a new driver
///     #expect(try folder.shell("cat file").output == "secret\n")
///
/// Unmounts and removes everything when it is dropped, also where the test failed. A mount that fails throws: a test
/// that cannot mount is no test that passed. The driver is `argusfs` beside the tests, or ARGUS_TEST_PROGRAM.
package final class MountedFolder {
    package static let name = "docs"

    package let scratch: Scratch
    package let person: Person
    package var realm: String { scratch.path + "/home/realm" }
    package var keyFile: String { scratch.path + "/home/realm.key" }
    package var mountPoint: String { scratch.path + "/mount" }
    /// A directory of the person's own outside the mount.
    package var home: String { scratch.path + "/home" }
    package var storage: String { scratch.path + "/storage" }
    private let options: [String]

    /// Makes realm, folder and mount. `members` as `--member` takes them; none makes the folder private.
    package init(
        as person: Person = .current, members: [String] = [], options: [String] = [], mounts: Bool = true
    ) throws(KitError) {
        scratch = try Scratch()
        self.person = person
        self.options = options
        for directory in ["home", "mount", "storage"] {
            guard mkdir("\(scratch.path)/\(directory)", 0o755) == 0 else { throw KitError("mkdir(2) failed") }
        }
        if person != .current {
            let owner = "\(person.uid):\(person.gid)"
            let chown = ["chown", owner, home, mountPoint, storage]
            try Program(chown, as: getuid() == 0 ? .current : .root).wait().required()
        }
        try argusfs("init").required()
        let memberOptions = members.flatMap { ["--member", $0] }
        try argusfs(["folder", "create", Self.name, "--storage", storage] + memberOptions).required()
        if mounts { try mount() }
    }

    /// The program under test.
    package static let program: String = {
        if let chosen = getenv("ARGUS_TEST_PROGRAM") { return String(cString: chosen) }
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = buffer.withUnsafeMutableBytes { bytes -> Int in
            guard let start = bytes.bindMemory(to: CChar.self).baseAddress else { return 0 }
            return readlink("/proc/self/exe", start, bytes.count)
        }
        let tests = String(decoding: buffer[..<max(0, count)], as: UTF8.self)
        return tests[..<(tests.lastIndex(of: "/") ?? tests.startIndex)] + "/argusfs"
    }()

    package var environment: [String: String] {
        ["HOME": home, "ARGUS_REALM": realm, "ARGUS_KEY_FILE": keyFile, "TMPDIR": home]
    }

    // MARK: Running programs

    /// Runs `argusfs` with the realm and its key in the environment.
    @discardableResult
    package func argusfs(
        _ arguments: [String], as person: Person? = nil, environment: [String: String] = [:], input: String = ""
    ) throws(KitError) -> Finished {
        try Program(
            [try program(for: person ?? self.person)] + arguments, as: person ?? self.person,
            environment: self.environment.merging(environment) { $1 }, input: input
        ).wait()
    }

    @discardableResult
    package func argusfs(_ arguments: String..., as person: Person? = nil) throws(KitError) -> Finished {
        try argusfs(arguments, as: person)
    }

    /// Runs a script of sh(1) at the top of the mount, or in `directory`. `$1`… are the arguments.
    @discardableResult
    package func shell(
        _ script: String, _ arguments: String..., as person: Person? = nil, in directory: String? = nil
    ) throws(KitError) -> Finished {
        try start(script, arguments, as: person, in: directory).wait()
    }

    /// Starts a script without waiting for it.
    package func start(
        _ script: String, _ arguments: [String] = [], as person: Person? = nil, in directory: String? = nil
    ) throws(KitError) -> Program {
        // The directory is entered by the person: it may be nobody else's to enter.
        try Program(
            ["/bin/sh", "-euc", "cd -- \"$1\"; shift; \(script)", "sh", directory ?? mountPoint] + arguments,
            as: person ?? self.person, environment: environment)
    }

    /// Where a person finds the program: for others a copy, since the build directory may be in a home that is closed.
    func program(for person: Person) throws(KitError) -> String {
        if person == .current { return Self.program }
        let copy = scratch.path + "/argusfs"
        if access(copy, X_OK) != 0 { try Program(["install", "-m", "755", Self.program, copy]).wait().required() }
        return copy
    }

    // MARK: Mounting

    package func mount(options: [String]? = nil) throws(KitError) {
        try argusfs(["mount", Self.name, mountPoint] + (options ?? self.options)).required()
    }

    package func unmount() throws(KitError) {
        try argusfs("umount", mountPoint).required()
    }

    /// Unmounts, drops the machine's caches, and mounts anew: what is read then comes from storage through a new driver.
    package func remount() throws(KitError) {
        try unmount()
        try Program(["/bin/sh", "-c", "sync; echo 3 > /proc/sys/vm/drop_caches"], as: .root).wait().required()
        try mount()
    }

    /// The driver's process, as `argusfs status` names it.
    package func driver() throws(KitError) -> Int32 {
        let text = try argusfs("status", "--json").required().output
        guard let status = try? JSON(text: text), let pid = status.array.first?["pid"]?.number else {
            throw KitError("status names no driver: \(text)")
        }
        return Int32(pid)
    }

    /// Ends the driver as a crash would (SIGKILL), and waits until it is gone.
    package func killDriver() throws(KitError) {
        let pid = try driver()
        try Program(["kill", "-9", String(pid)], as: person).wait().required()
        guard Tree.ends(pid, withinSeconds: 60) else { throw KitError("the driver \(pid) outlives SIGKILL") }
    }

    // MARK: Comparing

    /// Every name, mode, size, link count, time, target, attribute and content below a directory, as text.
    package func fingerprint(of directory: String? = nil) throws(KitError) -> String {
        try shell(
            """
            find . -printf '%P|%y|%m|%n|%U:%G|%l|%T@|' \\( -type f -printf '%s\\n' -o -printf '\\n' \\) | LC_ALL=C sort
            find . -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum
            getfattr -Rhd -m '^(user|trusted|security)\\.' -e hex . 2>/dev/null | grep -v '^user.argus' || :
            """, in: directory
        ).required().output
    }
}
