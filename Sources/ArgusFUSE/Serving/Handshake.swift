internal import ArgusCore
internal import CFuse3

/// INIT: kernel and driver agree on a version, features and limits, before any other request.
enum Handshake {
    enum Outcome {
        /// The answer, and what both sides can do.
        case agreed(fuse_init_out, KernelFeatures)
        /// The kernel is newer by a major version, and asks again with an older one.
        case askAgain(fuse_init_out)
        /// The kernel is too old.
        case refused
    }

    /// `checksPermission`: the mount has `default_permissions`. `asksBeforeReads`: it asks for
    /// attributes before it reads from its cache where it has none.
    static func answer(
        _ offer: KernelOffer, checksPermission: Bool = false, asksBeforeReads: Bool = false
    ) -> Outcome {
        var out = fuse_init_out()
        out.major = Protocol.major
        out.minor = Protocol.minor
        if offer.major > Protocol.major { return .askAgain(out) }
        guard offer.major == Protocol.major, offer.minor >= Protocol.minorMin else { return .refused }

        var wanted = checksPermission ? KernelFeatures.wanted.union(.wantedOfCheckingKernel) : .wanted
        if asksBeforeReads {
            wanted.insert(.automaticInvalidation)
            wanted.remove(.explicitInvalidation)
        }
        let agreed = offer.features.intersection(wanted)
        out.minor = min(offer.minor, Protocol.minor)
        out.max_readahead = max(offer.readAheadMaxBytes, UInt32(Protocol.requestMaxBytes))
        out.flags = UInt32(truncatingIfNeeded: agreed.rawValue)
        out.flags2 = UInt32(truncatingIfNeeded: agreed.rawValue >> 32)
        out.max_background = Protocol.backgroundMax
        out.congestion_threshold = Protocol.congestionThreshold
        out.max_write = UInt32(Protocol.requestMaxBytes)
        out.max_pages = UInt16(Protocol.requestPagesMax)
        out.time_gran = 1
        return .agreed(out, agreed)
    }
}
