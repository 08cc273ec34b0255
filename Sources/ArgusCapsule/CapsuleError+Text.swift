internal import ArgusStore

/// What was found, in words for who checks storage or reads the journal: both say the same of the same thing.
extension CapsuleFinding {
    package var text: String {
        switch self {
        case .truncated: "the capsule is cut short, or has no slot left"
        case .header(let slot): "slot \(slot) has no header of a capsule"
        case .wrongIdentity(let slot): "slot \(slot) is that of another folder or file"
        case .keyCommitment(let slot): "the file's key is not that of slot \(slot)"
        case .root(let slot): "the root in slot \(slot) is not authentic"
        case .otherSlot(let slot): "slot \(slot) is not the one that the newest root names"
        case .mapPage(let page): "map page \(page) is not authentic"
        case .dataPage(let page, let offset): "page \(page), at byte \(offset) of the file, is not authentic"
        case .freeList: "the list of free pages is not authentic"
        case .freePage(let page): "free page \(page) is not zero"
        case .keptPage(let page): "page \(page), kept for the older root, is not authentic"
        case .pageCount: "pages are used twice, or neither used nor free"
        case .trailingBytes: "there are bytes behind the last page"
        case .rolledBack(let found, let expected):
            "the newest root has commit \(found), and \(expected) was durable: it was rolled back"
        case .unexpectedRoot(let found, let expected) where found == expected:
            "the root with commit \(found) is another one than was left"
        case .unexpectedRoot(let found, let expected):
            "the newest root has commit \(found), and \(expected) was the newest that was left"
        }
    }
}

extension CapsuleError {
    package var text: String {
        switch self {
        case .unauthentic(let finding): finding.text
        case .noKey(let generation):
            "the capsule is sealed with key \(generation), which the folder does not have"
        case .newerFormat(let found, let supported):
            "the capsule has format \(found), this version knows up to \(supported)"
        case .fileTooLarge: "the capsule has reached the largest size there is"
        case .poisoned: "an earlier sync of the capsule failed"
        case .store(let cause): "the capsule \(cause.text)"
        case .crypto: "libcrypto failed"
        }
    }
}
