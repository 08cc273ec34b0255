internal import CArgusLinux
internal import Glibc

/// Places more than one component below a directory, for trees that others can write to.
extension DirectoryHandle {
    /// How the kernel is kept from leaving the tree.
    package enum BeneathMethod: Sendable {
        /// One call, which refuses symbolic links and mounts on the way (openat2(2), Linux 5.6).
        case resolve
        /// One call a component, each refusing a symbolic link: for kernels and sandboxes without openat2(2).
        case steps
    }

    /// Names a place without opening what lies there (O_PATH, open(2)): for `openBeneath`.
    package static var placeFlag: Int32 { argus_place_flag }

    /// The method that works here.
    package var beneathMethod: BeneathMethod { argus_can_open_beneath(descriptor) != 0 ? .resolve : .steps }

    /// Opens a relative path without following a symbolic link anywhere; always O_CLOEXEC.
    ///
    /// Fails with ELOOP (in steps: ENOTDIR for one on the way) where there is a link. `path` is a C string, so that
    /// callers who open often build it on the stack.
    package func openBeneath(
        _ path: UnsafePointer<CChar>, flags: Int32, mode: UInt32 = 0o600, by method: BeneathMethod
    ) throws(SystemError) -> OwnedDescriptor {
        let descriptor = descriptor
        if flags & (O_ACCMODE | O_CREAT) != O_RDONLY { WaitNotice.giveIfHanging() }
        if method == .resolve, WaitNotice.isWanted, flags & O_CREAT == 0 {
            let opened = argus_open_beneath_cached(descriptor, path, flags, mode)
            if opened >= 0 { return OwnedDescriptor(owning: opened) }
            WaitNotice.give()
        }
        let opened =
            switch method {
            case .resolve:
                try systemCall("openat2(2)") { argus_open_beneath(descriptor, path, flags, mode) }
            case .steps:
                try systemCall("openat(2)") { argus_open_beneath_in_steps(descriptor, path, flags, mode) }
            }
        return OwnedDescriptor(owning: opened)
    }
}
