import ArgusCore
import Testing

@Suite("Rights")
struct RightsTests {
    @Test(
        "a right brings those it implies",
        arguments: [
            ([], []), (.list, .list), (.read, [.list, .read]), (.write, [.list, .read, .write]),
            (.delete, .delete), (.export, [.list, .read, .export]), (.manage, .all),
            ([.delete, .write], [.list, .read, .write, .delete]),
        ] as [(Rights, Rights)])
    func closure(rights: Rights, closed: Rights) {
        #expect(rights.closure == closed)
    }

    @Test("closing is monotonic and closes once", arguments: 0..<UInt32(64))
    func closureProperties(bits: UInt32) {
        let rights = Rights(rawValue: bits)
        #expect(rights.closure.isSuperset(of: rights))
        #expect(rights.closure.closure == rights.closure)
        for (_, more) in Rights.named { #expect(rights.union(more).closure.isSuperset(of: rights.closure)) }
    }

    @Test("a list of rights is read and written", arguments: 1..<UInt32(64))
    func roundTrip(bits: UInt32) throws {
        let rights = Rights(rawValue: bits)
        #expect(try #require(Rights(text: rights.text)) == rights)
    }

    @Test(
        "what is no list of rights is refused", arguments: ["", "reads", "read,", ",read", "read, list", "READ", "all"])
    func refused(text: String) {
        #expect(Rights(text: text) == nil)
    }
}
