internal import ArgusSystem
internal import CArgusLinux
internal import Glibc

/// Two sockets connected with each other.
struct SocketPair: ~Copyable {
    let first: OwnedDescriptor
    let second: OwnedDescriptor

    /// Keeps the first and closes the second.
    consuming func intoFirst() -> OwnedDescriptor { first }
}

/// Unix sockets by a path of any length: the address names the socket through a descriptor of its directory, since an
/// address holds 107 bytes (unix(7)).
enum LocalSocket {
    /// Binds and listens; only the owner can connect. What has the name already is removed.
    static func listen(at path: String, backlog: Int32) throws(SystemError) -> OwnedDescriptor {
        let socket = try makeSocket()
        try withAddress(of: path) { (address, length, directory, name) throws(SystemError) in
            if unlinkat(directory, name, 0) != 0, errno != ENOENT {
                throw SystemError(errno: errno, call: "unlinkat(2)")
            }
            // The socket's own mode is what bind(2) makes the file with; the caller's umask applies as well.
            guard fchmod(socket.rawValue, 0o600) == 0 else { throw SystemError(errno: errno, call: "fchmod(2)") }
            guard bind(socket.rawValue, address, length) == 0 else { throw SystemError(errno: errno, call: "bind(2)") }
        }
        guard Glibc.listen(socket.rawValue, backlog) == 0 else { throw SystemError(errno: errno, call: "listen(2)") }
        return socket
    }

    static func connect(to path: String) throws(SystemError) -> OwnedDescriptor {
        let socket = try makeSocket()
        try withAddress(of: path) { (address, length, _, _) throws(SystemError) in
            guard Glibc.connect(socket.rawValue, address, length) == 0 else {
                throw SystemError(errno: errno, call: "connect(2)")
            }
        }
        return socket
    }

    /// The next client, or nil where `wake` became readable first.
    static func accept(on socket: borrowing OwnedDescriptor, orWake wake: borrowing OwnedDescriptor) throws(SystemError)
        -> OwnedDescriptor?
    {
        while true {
            var polls = [
                pollfd(fd: socket.rawValue, events: Int16(POLLIN), revents: 0),
                pollfd(fd: wake.rawValue, events: Int16(POLLIN), revents: 0),
            ]
            let count = poll(&polls, 2, -1)
            if count < 0, errno != EINTR { throw SystemError(errno: errno, call: "poll(2)") }
            if count <= 0 { continue }
            if polls[1].revents != 0 { return nil }
            let client = argus_accept(socket.rawValue)
            let cause = errno
            if client >= 0 { return OwnedDescriptor(owning: client) }
            if cause != EINTR, cause != ECONNABORTED { throw SystemError(errno: cause, call: "accept4(2)") }
        }
    }

    /// Two connected sockets.
    static func pair() throws(SystemError) -> SocketPair {
        var sockets: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &sockets) == 0 else {
            throw SystemError(errno: errno, call: "socketpair(2)")
        }
        return SocketPair(first: OwnedDescriptor(owning: sockets[0]), second: OwnedDescriptor(owning: sockets[1]))
    }

    /// Who connected the socket (SO_PEERCRED of unix(7)): set by the kernel when it connected.
    static func peer(of socket: Int32) throws(SystemError) -> (uid: UInt32, pid: Int32) {
        var uid: UInt32 = 0
        var pid: Int32 = 0
        guard argus_peer_credentials(socket, &uid, &pid) == 0 else {
            throw SystemError(errno: errno, call: "getsockopt(2)")
        }
        return (uid, pid)
    }

    private static func makeSocket() throws(SystemError) -> OwnedDescriptor {
        let socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { throw SystemError(errno: errno, call: "socket(2)") }
        return OwnedDescriptor(owning: socket)
    }

    private static func withAddress(
        of path: String,
        _ body: (UnsafePointer<sockaddr>, socklen_t, _ directory: Int32, _ name: String) throws(SystemError) -> Void
    ) throws(SystemError) {
        guard let slash = path.lastIndex(of: "/") else { throw SystemError(errno: EINVAL, call: "bind(2)") }
        let name = String(path[path.index(after: slash)...])
        let parent = slash == path.startIndex ? "/" : String(path[..<slash])
        let opened = argus_open_path(parent, 1)
        guard opened >= 0 else { throw SystemError(errno: errno, call: "open(2)") }
        let directory = OwnedDescriptor(owning: opened)

        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let place = Array("/proc/self/fd/\(directory.rawValue)/\(name)".utf8)
        guard place.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw SystemError(errno: ENAMETOOLONG, call: "bind(2)")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: place) }
        let failure: SystemError? = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                do throws(SystemError) {
                    try body(raw, socklen_t(MemoryLayout<sockaddr_un>.size), directory.rawValue, name)
                    return nil
                } catch {
                    return error
                }
            }
        }
        if let failure { throw failure }
    }
}
