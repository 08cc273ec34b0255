internal import ArgusSystem
internal import CArgusLinux
internal import Glibc

/// Tells systemd that a service is ready (sd_notify(3), NOTIFY_SOCKET): one datagram, nothing where nobody listens.
enum ServiceNotification {
    static func ready(_ invocation: Invocation = .current) {
        guard let name = invocation.variable("NOTIFY_SOCKET") else { return }
        let socket = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { return }
        let descriptor = OwnedDescriptor(owning: socket)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let room = MemoryLayout.size(ofValue: address.sun_path)
        var bytes = Array(name.utf8)
        guard bytes.count < room, bytes.first == UInt8(ascii: "/") || bytes.first == UInt8(ascii: "@") else { return }
        // A name that begins with `@` is in the abstract namespace (unix(7)).
        if bytes[0] == UInt8(ascii: "@") { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
        let message = Array("READY=1\n".utf8)
        withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = sendto(descriptor.rawValue, message, message.count, Int32(MSG_NOSIGNAL), $0, length)
            }
        }
    }
}
