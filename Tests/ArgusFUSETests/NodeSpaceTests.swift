import ArgusCore
import Testing

@testable import ArgusFUSE

@Suite("Numbers of nodes where several folders share a mount")
struct NodeSpaceTests {
    @Test("a folder alone on its mount keeps its own numbers")
    func alone() {
        #expect(NodeSpace.whole.node(.root) == 1)
        #expect(NodeSpace.whole.node(InodeNumber(1 << 60)) == 1 << 60)
    }

    @Test("each of a thousand folders has a place of its own, whatever their order, and every number leads back")
    func places() throws {
        // Half of them want the same place.
        let ids = (0..<UInt64(1000)).map { FolderID(high: $0, low: $0 < 500 ? 7 : $0 &* 0x9E37_79B9_7F4A_7C15) }
        let spaces = NodeSpace.spaces(for: ids)
        #expect(NodeSpace.spaces(for: ids.reversed()) == spaces)
        #expect(Set(spaces.values.map(\.base)).count == 1000)
        #expect(!spaces.values.contains { $0.base == 0 || $0.base >> 63 != 0 })
        for inode in [InodeNumber.root, InodeNumber(2), InodeNumber(1 << 48 - 1)] {
            for space in spaces.values {
                let node = InodeNumber(space.node(inode))
                #expect(NodeSpace.base(of: node) == space.base && NodeSpace.inode(of: node) == inode)
            }
        }
    }

    @Test("a folder's place does not move when others come and go, unless they want the same one")
    func stability() {
        let one = FolderID(high: 5, low: 1234)
        let alone = NodeSpace.spaces(for: [one])[one]
        #expect(NodeSpace.spaces(for: [FolderID(high: 9, low: 99), one, FolderID(high: 1, low: 3)])[one] == alone)
    }
}
