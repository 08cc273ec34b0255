internal import ArgusCapsule
internal import ArgusStore
internal import Glibc

extension IndexError {
    /// What a failure of the index's own capsule means to the index's user.
    init(_ error: CapsuleError) {
        switch error {
        case .unauthentic(let finding):
            self = .unauthentic(reason: "the index's capsule is not authentic: \(finding.text)")
        case .noKey: self = .unauthentic(reason: "no key at hand opens the index's capsule")
        case .newerFormat(let found, let supported):
            self = .newerFormat(found: UInt32(found), supported: UInt32(supported))
        case .fileTooLarge: self = .full
        case .poisoned: self = .storage(errno: EIO)
        case .crypto: self = .storage(errno: EIO)
        case .store(let cause):
            switch cause {
            case .full: self = .full
            case .readOnly: self = .readOnly
            case .missing, .notAnObject: self = .unauthentic(reason: "the index's capsule is absent")
            case .exists: self = .storage(errno: EEXIST)
            case .tooManyOpen: self = .storage(errno: EMFILE)
            case .unavailable: self = .storage(errno: ENODEV)
            case .failed(let errno): self = .storage(errno: errno)
            }
        }
    }
}
