import Testing

@testable import ArgusFUSE

@Suite("Kernel and driver agree before the first request")
struct HandshakeTests {
    private func out(_ offer: KernelOffer, checksPermission: Bool = false) -> [UInt8]? {
        switch Handshake.answer(offer, checksPermission: checksPermission) {
        case .agreed(let out, _), .askAgain(let out): withUnsafeBytes(of: out) { Array($0) }
        case .refused: nil
        }
    }

    private func u32(_ bytes: [UInt8]?, _ offset: Int) -> UInt32? {
        bytes?.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self) }
    }

    private func features(_ bytes: [UInt8]?) -> KernelFeatures? {
        guard let low = u32(bytes, 12), let high = u32(bytes, 32) else { return nil }
        return KernelFeatures(rawValue: UInt64(high) << 32 | UInt64(low))
    }

    @Test("on what both can, and never on what the driver must not have")
    func features() {
        let everything = KernelFeatures(rawValue: .max)
        let bytes = out(KernelOffer(major: 7, minor: 45, readAheadMaxBytes: 131_072, features: everything))
        let flags = features(bytes)
        #expect(flags == .wanted)
        // POSIX_LOCKS, FLOCK_LOCKS, AUTO_INVAL_DATA, WRITEBACK_CACHE, NO_OPEN_SUPPORT, POSIX_ACL (it would make the
        // kernel check permission on a personal mount too), NO_OPENDIR_SUPPORT.
        for bit in [1, 10, 12, 16, 17, 20, 24] {
            #expect(flags?.contains(KernelFeatures(rawValue: 1 << bit)) == false)
        }
    }

    @Test("on access control lists where the kernel is to decide by them")
    func accessControlLists() {
        let everything = KernelFeatures(rawValue: .max)
        let offer = KernelOffer(major: 7, minor: 45, readAheadMaxBytes: 131_072, features: everything)
        let flags = features(out(offer, checksPermission: true))
        #expect(flags == KernelFeatures.wanted.union(.accessControlLists))
    }

    @Test("on attributes before reads where revocation is to be strict")
    func attributesBeforeReads() {
        let everything = KernelFeatures(rawValue: .max)
        let offer = KernelOffer(major: 7, minor: 45, readAheadMaxBytes: 131_072, features: everything)
        guard case .agreed(_, let agreed) = Handshake.answer(offer, checksPermission: true, asksBeforeReads: true)
        else {
            Issue.record("the kernel is new enough")
            return
        }
        // The kernel takes the second for an answer where it gets both.
        #expect(agreed.contains(.automaticInvalidation) && !agreed.contains(.explicitInvalidation))
    }

    @Test("on limits: 1 MiB a request, times of one nanosecond")
    func limits() {
        let bytes = out(KernelOffer(major: 7, minor: 45, readAheadMaxBytes: 131_072, features: .wanted))
        #expect(bytes?.count == 64)
        #expect(u32(bytes, 0) == 7)
        #expect(u32(bytes, 4) == 38)
        #expect(u32(bytes, 8) == 1 << 20)
        #expect(u32(bytes, 16) == 0x0030_0040)
        #expect(u32(bytes, 20) == 1 << 20)
        #expect(u32(bytes, 24) == 1)
        #expect(u32(bytes, 28) == 256)
    }

    @Test("on the older of two versions", arguments: [(UInt32(31), UInt32(31)), (38, 38), (99, 38)])
    func version(offered: UInt32, agreed: UInt32) {
        #expect(u32(out(KernelOffer(major: 7, minor: offered, readAheadMaxBytes: 0, features: [])), 4) == agreed)
    }

    @Test("or not at all: a newer kernel is asked again, an older one refused")
    func disagreement() {
        #expect(u32(out(KernelOffer(major: 8, minor: 0, readAheadMaxBytes: 0, features: [])), 0) == 7)
        #expect(out(KernelOffer(major: 7, minor: 30, readAheadMaxBytes: 0, features: [])) == nil)
        #expect(out(KernelOffer(major: 6, minor: 99, readAheadMaxBytes: 0, features: [])) == nil)
    }
}
