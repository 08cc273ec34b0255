internal import ArgusCapsule
internal import ArgusCore
internal import ArgusIndex
internal import ArgusJournal
internal import ArgusStore

extension FileSystemError {
    init(_ error: StoreError) {
        self =
            switch error {
            case .full: .noSpace
            case .readOnly: .readOnly
            case .tooManyOpen: .tooManyOpenFiles
            case .missing, .exists, .notAnObject, .unavailable, .failed: .inputOutput
            }
    }

    init(_ error: CapsuleError) {
        self =
            switch error {
            case .store(let cause): FileSystemError(cause)
            case .fileTooLarge: .fileTooLarge
            default: .inputOutput
            }
    }

    init(_ error: IndexError) {
        self =
            switch error {
            case .full: .noSpace
            case .readOnly: .readOnly
            case .unauthentic, .newerFormat, .corrupt, .storage: .inputOutput
            }
    }

    init(_ error: JournalError) {
        self =
            switch error {
            case .full: .noSpace
            case .storage, .unauthentic, .newerFormat, .closed: .inputOutput
            }
    }
}
