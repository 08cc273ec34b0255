// swift-tools-version: 6.2
import PackageDescription

// The floors of ARGUS, lowest first: a target imports only targets above it in this list. The compiler
// checks it (`--explicit-target-dependency-import-check error`); ARCHITECTURE.md tells the purpose of each.
let package = Package(
    name: "argus",
    products: [
        .executable(name: "argusfs", targets: ["argusfs"]),
        // For Benchmarks/, which are packages of their own; nothing of it is installed.
        .library(
            name: "ArgusParts",
            targets: [
                "ArgusCore", "ArgusSystem", "ArgusCrypto", "ArgusStore", "ArgusCapsule", "ArgusIndex", "ArgusPolicy",
                "ArgusIdentity", "ArgusJournal", "CArgusAllocations",
            ]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    ],
    targets: [
        // Floor 0: the C libraries, and what Swift cannot say.
        .systemLibrary(name: "CFuse3", pkgConfig: "fuse3", providers: [.apt(["libfuse3-dev"])]),
        .systemLibrary(name: "CLibcrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CSQLite3", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .target(name: "CArgusLinux"),

        // Floor 1: nouns, and the operating system.
        .target(name: "ArgusCore"),
        .target(name: "ArgusSystem", dependencies: ["ArgusCore", "CArgusLinux"]),

        // Floor 2: the parts of a folder, each behind its protocol.
        .target(name: "ArgusCrypto", dependencies: ["ArgusCore", "ArgusSystem", "CLibcrypto"]),
        .target(name: "ArgusStore", dependencies: ["ArgusCore", "ArgusSystem"]),
        .target(name: "ArgusCapsule", dependencies: ["ArgusCore", "ArgusSystem", "ArgusCrypto", "ArgusStore"]),
        .target(
            name: "ArgusIndex",
            dependencies: ["ArgusCore", "ArgusSystem", "ArgusStore", "ArgusCapsule", "CSQLite3"]),
        .target(name: "ArgusPolicy", dependencies: ["ArgusCore"]),
        .target(name: "ArgusIdentity", dependencies: ["ArgusCore", "ArgusSystem", "CArgusLinux"]),
        .target(name: "ArgusJournal", dependencies: ["ArgusCore", "ArgusSystem", "ArgusCrypto"]),

        // Floor 3: the filesystem. It knows no FUSE, no SQL and no host path.
        .target(
            name: "ArgusFS",
            dependencies: [
                "ArgusCore", "ArgusSystem", "ArgusCrypto", "ArgusStore", "ArgusCapsule", "ArgusIndex", "ArgusPolicy",
                "ArgusIdentity", "ArgusJournal",
            ]),

        // Floor 4: the driver, and the realm on disk.
        .target(
            name: "ArgusFUSE",
            dependencies: [
                "ArgusCore", "ArgusSystem", "ArgusFS", "CFuse3", "CArgusLinux",
                .product(name: "Logging", package: "swift-log"),
            ]),
        .target(
            name: "ArgusRealm",
            dependencies: [
                "ArgusCore", "ArgusSystem", "ArgusCrypto", "ArgusStore", "ArgusCapsule", "ArgusIndex", "ArgusPolicy",
                "ArgusIdentity", "ArgusJournal", "ArgusFS",
            ]),

        // Floor 6: commands as a library, executables as shells.
        .target(
            name: "ArgusCommands",
            dependencies: [
                "ArgusCore", "ArgusSystem", "ArgusCrypto", "ArgusStore", "ArgusCapsule", "ArgusIndex", "ArgusPolicy",
                "ArgusIdentity", "ArgusJournal", "ArgusFS", "ArgusFUSE", "ArgusRealm", "CArgusLinux",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        .executableTarget(name: "argusfs", dependencies: ["ArgusCommands"]),

        // Makes the calls that tests compare between file systems.
        .executableTarget(name: "argus-exerciser"),

        // Tests. The kit holds conformance suites, fault plans and vectors; it is never a product.
        .target(name: "CArgusAllocations"),
        .target(name: "CArgusInterposer"),
        .target(
            name: "ArgusTestKit",
            dependencies: [
                "CArgusInterposer",
                "ArgusCore", "ArgusSystem", "ArgusCrypto", "ArgusStore", "ArgusCapsule", "ArgusIndex", "ArgusPolicy",
                "ArgusIdentity", "ArgusJournal", "ArgusFS",
            ]),
        // The built program on real mounts; it knows nothing of the floors above.
        .target(name: "ArgusMountKit", dependencies: ["CArgusLinux"]),
    ]
        + tests([
            "ArgusCoreTests": ["ArgusCore"],
            "ArgusSystemTests": ["ArgusCore", "ArgusSystem"],
            "ArgusCryptoTests": ["ArgusCore", "ArgusSystem", "ArgusCrypto", "ArgusTestKit"],
            "ArgusStoreTests": ["ArgusCore", "ArgusSystem", "ArgusStore", "ArgusTestKit", "ArgusMountKit"],
            "ArgusCrashTests": [
                "ArgusCore", "ArgusSystem", "ArgusStore", "ArgusJournal", "ArgusFS", "ArgusFUSE", "ArgusRealm",
                "ArgusTestKit", "ArgusMountKit",
            ],
            "ArgusCapsuleTests": [
                "ArgusCore", "ArgusSystem", "ArgusCrypto", "ArgusStore", "ArgusCapsule", "ArgusTestKit",
            ],
            "ArgusIndexTests": [
                "ArgusCore", "ArgusSystem", "ArgusCrypto", "ArgusStore", "ArgusCapsule", "ArgusIndex", "ArgusTestKit",
            ],
            "ArgusPolicyTests": ["ArgusCore", "ArgusPolicy"],
            "ArgusIdentityTests": ["ArgusCore", "ArgusSystem", "ArgusIdentity"],
            "ArgusJournalTests": [
                "ArgusCore", "ArgusSystem", "ArgusCrypto", "ArgusJournal", "ArgusTestKit", "CArgusAllocations",
            ],
            "ArgusFSTests": [
                "ArgusCore", "ArgusSystem", "ArgusCrypto", "ArgusStore", "ArgusCapsule", "ArgusIndex", "ArgusPolicy",
                "ArgusIdentity", "ArgusJournal", "ArgusFS", "ArgusTestKit",
            ],
            "ArgusFUSETests": ["ArgusCore", "ArgusSystem", "ArgusFS", "ArgusFUSE", "ArgusTestKit"],
            "FileSystemTests": ["ArgusMountKit", "argusfs", "argus-exerciser"],
            "ArgusCommandsTests": [
                "ArgusCore", "ArgusSystem", "ArgusJournal", "ArgusCommands", "ArgusTestKit", "ArgusMountKit",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            "ArgusMountTests": ["ArgusMountKit"],
            "ArgusRealmTests": [
                "ArgusCore", "ArgusSystem", "ArgusCrypto", "ArgusStore", "ArgusPolicy", "ArgusIdentity", "ArgusJournal",
                "ArgusFS", "ArgusRealm", "ArgusTestKit", "ArgusMountKit", "CArgusAllocations",
            ],
        ]),
    swiftLanguageModes: [.v6]
)

func tests(_ targets: [String: [Target.Dependency]]) -> [Target] {
    targets.sorted { $0.key < $1.key }.map { .testTarget(name: $0.key, dependencies: $0.value) }
}

for target in package.targets where target.type != .system && !target.name.hasPrefix("C") {
    target.swiftSettings = [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ]
}
