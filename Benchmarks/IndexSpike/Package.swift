// swift-tools-version: 6.2
import PackageDescription

// What an index in a capsule is compared with: plain SQLite in a file, in two orders of the entry table, and the cost
// of sealing each row by itself. The index itself is measured by Tests/ArgusIndexTests/IndexMeasurement.swift, since
// its interfaces are package-private. Results: docs/design/index.md.
let package = Package(
    name: "index-spike",
    targets: [
        .systemLibrary(name: "CSQLite3", pkgConfig: "sqlite3"),
        .systemLibrary(name: "CLibcrypto", pkgConfig: "libcrypto"),
        .executableTarget(name: "IndexSpike", dependencies: ["CSQLite3", "CLibcrypto"]),
    ],
    swiftLanguageModes: [.v6]
)
