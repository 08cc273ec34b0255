// swift-tools-version: 6.2
import PackageDescription

// What single steps cost: sealing and opening a page, finding it, a batch of the index, a decision, a record. Run it by
// Benchmarks/Micro/run; packaging/test runs it with --check, which fails where a counter is above its limit. Times are
// printed and decide nothing.
let package = Package(
    name: "argus-micro",
    dependencies: [.package(name: "argus", path: "../..")],
    targets: [
        .executableTarget(name: "micro", dependencies: [.product(name: "ArgusParts", package: "argus")], path: "Sources/Micro")
    ],
    swiftLanguageModes: [.v6]
)
