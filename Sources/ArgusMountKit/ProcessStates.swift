internal import Glibc

/// Where processes are in the kernel, for the report on one that hangs.
enum ProcessStates {
    /// A process, what it started, the processes of its session, and every driver: a program that hangs in a mount waits
    /// for one.
    static func text(of pid: Int32) -> String {
        let below = Set(Tree.descendants(of: pid))
        return Tree.names("/proc").compactMap { Int32($0) }
            .filter { below.contains($0) || isOfInterest($0, session: pid) }.map(describe).joined()
    }

    private static func isOfInterest(_ pid: Int32, session: Int32) -> Bool {
        // Behind the name, which may hold anything: state, parent, group, session (proc(5)).
        let fields = Tree.text("/proc/\(pid)/stat").split(separator: ")").last?.split(separator: " ") ?? []
        let words = Tree.text("/proc/\(pid)/cmdline").split(separator: "\0")
        return fields.count > 3 && fields[3] == String(session) || words.count > 1 && words[1] == "driver"
    }

    private static func describe(_ pid: Int32) -> String {
        let command = Tree.text("/proc/\(pid)/cmdline").split(separator: "\0").joined(separator: " ")
        let threads = Tree.names("/proc/\(pid)/task").map { thread in
            let place = "/proc/\(pid)/task/\(thread)"
            let calls = Tree.text(place + "/stack").split(separator: "\n").prefix(6).compactMap { line in
                line.split(separator: " ").last?.split(separator: "+").first
            }
            let name = Tree.text(place + "/comm").split(separator: "\n").joined()
            return "  \(thread) \(name): \(calls.joined(separator: " < "))\n"
        }
        return "\(pid) \(command.prefix(200))\n\(threads.joined())"
    }
}
