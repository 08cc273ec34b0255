/// What kernel and driver agree on when a mount begins: the flags of INIT (linux/fuse.h), both words of them.
package struct KernelFeatures: OptionSet, Hashable, Sendable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }

    package static let asyncRead = KernelFeatures(rawValue: 1 << 0)
    package static let atomicTruncate = KernelFeatures(rawValue: 1 << 3)
    package static let exportSupport = KernelFeatures(rawValue: 1 << 4)
    package static let bigWrites = KernelFeatures(rawValue: 1 << 5)
    package static let umaskInDriver = KernelFeatures(rawValue: 1 << 6)
    package static let automaticInvalidation = KernelFeatures(rawValue: 1 << 12)
    package static let readDirectoryPlus = KernelFeatures(rawValue: 1 << 13)
    package static let readDirectoryPlusAuto = KernelFeatures(rawValue: 1 << 14)
    package static let asyncDirectIO = KernelFeatures(rawValue: 1 << 15)
    package static let parallelDirectoryOperations = KernelFeatures(rawValue: 1 << 18)
    package static let accessControlLists = KernelFeatures(rawValue: 1 << 20)
    package static let maxPages = KernelFeatures(rawValue: 1 << 22)
    package static let cachesSymlinks = KernelFeatures(rawValue: 1 << 23)
    package static let explicitInvalidation = KernelFeatures(rawValue: 1 << 25)
    package static let killsSetIDInDriver = KernelFeatures(rawValue: 1 << 28)
    package static let extendedSetXattr = KernelFeatures(rawValue: 1 << 29)
    package static let directIOAllowsMapping = KernelFeatures(rawValue: 1 << 36)
    package static let extendedInit = KernelFeatures(rawValue: 1 << 30)

    /// What the driver asks for, where the kernel offers it.
    ///
    /// Absences that matter: WRITEBACK_CACHE (it takes sizes and times over, delays errors and hides the writer),
    /// POSIX_LOCKS and FLOCK_LOCKS (locks stay in the kernel,
    /// which alone uses the folder), NO_OPEN_SUPPORT (every open is checked and journalled), AUTO_INVAL_DATA (the
    /// driver is the only writer and says when content changed), but for mounts with `asksBeforeReads`.
    package static let wanted: KernelFeatures = [
        .asyncRead, .atomicTruncate, .exportSupport, .bigWrites, .readDirectoryPlus, .readDirectoryPlusAuto,
        .asyncDirectIO, .parallelDirectoryOperations, .maxPages, .cachesSymlinks, .explicitInvalidation,
        .killsSetIDInDriver, .extendedSetXattr, .extendedInit, .umaskInDriver, .directIOAllowsMapping,
    ]

    /// What is asked for besides where the kernel checks POSIX permission. POSIX_ACL makes it decide by access control
    /// lists too, and brings `default_permissions` with it.
    package static let wantedOfCheckingKernel: KernelFeatures = [.accessControlLists]
}

/// The limits that the driver sets, and the version it speaks.
package enum Protocol {
    package static let major: UInt32 = 7
    /// The newest version whose answers the driver writes; newer requests it knows need no newer version.
    package static let minor: UInt32 = 38
    /// Linux 5.4: the first whose structures all have the size that the driver reads and writes.
    package static let minorMin: UInt32 = 31

    package static let pageByteCount = 4096
    /// Pages in a READ or WRITE: 1 MiB, the kernel's own limit for unprivileged mounts (fs.fuse.max_pages_limit).
    package static let requestPagesMax = 256
    package static let requestMaxBytes = requestPagesMax * pageByteCount

    /// Requests that nobody waits for (readahead, direct I/O) that the kernel sends at once; past the second number it
    /// takes the mount for congested and holds readahead back.
    package static let backgroundMax: UInt16 = 64
    package static let congestionThreshold: UInt16 = 48

    /// How long the kernel believes a name or its absence, and attributes. The driver is the only writer and says when
    /// something changes behind the kernel, so it is as long as a day.
    package static let cacheSeconds: UInt64 = 86_400
}
