import Foundation
import Testing

@testable import ArgusCommands

/// What `argusfs doctor` says of what a new user meets first. Whatever it says, it changes nothing.
@Suite struct DoctorTests {
    @Test("a realm that is none, and one that cannot be entered, are failures with advice")
    func missingRealm() throws {
        var doctor = Doctor()
        doctor.examineRealm(
            RealmAccess(realm: "/nowhere/" + UUID().uuidString, keyFile: "/nowhere/key", passphraseFile: nil))
        #expect(doctor.findings.count == 1)
        #expect(doctor.findings.first?.state == .failure)
        #expect(doctor.findings.first?.message.contains("argusfs init") == true)
    }

    @Test("each problem of the configuration is a failure, and what can be read of it is used")
    func configuration() throws {
        let place = NSTemporaryDirectory() + "argus-doctor-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: place) }
        let file = place + "/argusfs.toml"
        try "realm = '/srv/realm'\nrelm = 1\nkey-file = key\n".write(toFile: file, atomically: false, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
        var doctor = Doctor()
        let settings = doctor.examineConfiguration(in: place)
        #expect(settings.realm == "/srv/realm")
        #expect(doctor.findings.map(\.state) == [.failure, .failure])
        #expect(doctor.findings.first?.message.hasPrefix(file + ":2: ") == true)
    }

    @Test("files where fstab mounts a folder, and none is mounted, are a warning; an empty directory is none")
    func mountPoints() throws {
        let place = NSTemporaryDirectory() + "argus doctor-" + UUID().uuidString
        for name in ["empty", "stray"] {
            try FileManager.default.createDirectory(atPath: "\(place)/\(name)", withIntermediateDirectories: true)
        }
        defer { try? FileManager.default.removeItem(atPath: place) }
        try "x".write(toFile: place + "/stray/file", atomically: false, encoding: .utf8)
        let shown = place.replacingOccurrences(of: " ", with: "\\040")
        var doctor = Doctor()
        doctor.examineMountPoints(
            fstab: """
                # a \(shown)/stray argusfs defaults
                plans \(shown)/stray argusfs defaults 0 0
                diary\t\(shown)/empty\tfuse.argusfs\tnoauto
                /dev/sda1 \(shown)/stray ext4 defaults 0 1
                gone \(shown)/gone argusfs defaults
                """, .current())
        #expect(doctor.findings.map(\.state) == [.warning, .ok])
        #expect(doctor.findings.first?.message.contains(place + "/stray has files of its own") == true)
    }

    @Test("every finding about the machine has a subject, and every failure says what to do")
    func machine() {
        var doctor = Doctor()
        doctor.examineMachine()
        doctor.examineMounts(.current())
        #expect(doctor.findings.map(\.subject).starts(with: ["kernel", "/dev/fuse", "fusermount3"]))
        for finding in doctor.findings where finding.state != .ok {
            #expect(finding.message.contains("; "), "\(finding.subject)")
        }
    }
}
