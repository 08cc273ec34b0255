// swift-tools-version: 6.2
import PackageDescription

// The floors of ARGUS, lowest first: a target imports only targets above it in this list. The compiler
// checks it (`--explicit-target-dependency-import-check error`); ARCHITECTURE.md tells the purpose of each.
let package = Package(
    name: "argus",
    targets: [
        // Floor 0: the C libraries, and what Swift cannot say.
        .systemLibrary(name: "CLibcrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .target(name: "CArgusLinux"),

        // Floor 1: nouns, and the operating system.
        .target(name: "ArgusCore"),
        .target(name: "ArgusSystem", dependencies: ["ArgusCore", "CArgusLinux"]),

        // Floor 2: the parts of a folder, each behind its protocol.
        .target(name: "ArgusCrypto", dependencies: ["ArgusCore", "ArgusSystem", "CLibcrypto"]),
        .target(name: "ArgusStore", dependencies: ["ArgusCore", "ArgusSystem"]),
        .target(name: "ArgusPolicy", dependencies: ["ArgusCore"]),
        .target(name: "ArgusIdentity", dependencies: ["ArgusCore", "ArgusSystem"]),
        .target(name: "ArgusJournal", dependencies: ["ArgusCore", "ArgusSystem", "ArgusCrypto"]),

        // Tests. The kit holds conformance suites, fault plans and vectors; it is never a product.
        .target(
            name: "ArgusTestKit",
            dependencies: [
                "ArgusCore", "ArgusSystem", "ArgusCrypto", "ArgusStore", "ArgusPolicy",
                "ArgusIdentity", "ArgusJournal",
            ],
            exclude: ["Index"]),
    ]
        + tests([
            "ArgusCoreTests": ["ArgusCore"],
            "ArgusSystemTests": ["ArgusCore", "ArgusSystem"],
            "ArgusCryptoTests": ["ArgusCore", "ArgusSystem", "ArgusCrypto", "ArgusTestKit"],
            "ArgusStoreTests": ["ArgusCore", "ArgusSystem", "ArgusStore", "ArgusTestKit"],
            "ArgusJournalTests": ["ArgusCore", "ArgusSystem", "ArgusCrypto", "ArgusJournal", "ArgusTestKit"],
        ]),
    swiftLanguageModes: [.v6]
)

func tests(_ targets: [String: [Target.Dependency]]) -> [Target] {
    targets.sorted { $0.key < $1.key }.map { .testTarget(name: $0.key, dependencies: $0.value) }
}

for target in package.targets where target.type != .system && target.name != "CArgusLinux" {
    target.swiftSettings = [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ]
}
