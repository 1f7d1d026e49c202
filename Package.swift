// swift-tools-version: 6.2
import PackageDescription

/// Settings of every Swift target: language mode 6, explicit imports, no warnings left standing.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .treatAllWarnings(as: .error),
]

/// Targets that never touch raw memory prove it.
let safe: [SwiftSetting] = settings + [.strictMemorySafety()]

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioWebSocket = Target.Dependency.product(name: "NIOWebSocket", package: "swift-nio")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
    name: "telepresence",
    products: [
        .executable(name: "telepresence", targets: ["telepresence"]),
        .executable(name: "traffic", targets: ["traffic"]),
        .executable(name: "sandbox", targets: ["sandbox"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // C libraries and what Swift cannot call itself.
        .target(name: "CKernel", path: "Sources/Shims/CKernel"),
        .target(name: "CSandbox", path: "Sources/Shims/CSandbox"),
        .systemLibrary(
            name: "CNghttp2",
            path: "Sources/Shims/CNghttp2",
            pkgConfig: "libnghttp2",
            providers: [.apt(["libnghttp2-dev"])]
        ),
        .systemLibrary(
            name: "COpenSSL",
            path: "Sources/Shims/COpenSSL",
            pkgConfig: "openssl",
            providers: [.apt(["libssl-dev"])]
        ),
        .systemLibrary(
            name: "CZlib",
            path: "Sources/Shims/CZlib",
            pkgConfig: "zlib",
            providers: [.apt(["zlib1g-dev"])]
        ),
        .systemLibrary(
            name: "CPCRE2",
            path: "Sources/Shims/CPCRE2",
            pkgConfig: "libpcre2-8",
            providers: [.apt(["libpcre2-dev"])]
        ),

        // The hops of a byte, in order.
        .target(name: "Kernel", dependencies: ["CKernel"], swiftSettings: settings),
        .target(name: "TLS", dependencies: ["COpenSSL"], swiftSettings: settings),
        .target(
            name: "HTTP2",
            dependencies: ["CNghttp2", "Kernel", "TLS", nioCore, nioPosix, deque],
            swiftSettings: settings
        ),
        .target(name: "Message", swiftSettings: safe),
        .target(name: "Call", dependencies: ["Message", "HTTP2", nioCore, deque], swiftSettings: safe),
        .target(
            name: "Tunnel",
            dependencies: ["HTTP2", "Kernel", nioCore, nioPosix, deque],
            swiftSettings: settings
        ),
        .target(name: "HTTPFilter", dependencies: [nioCore, deque], swiftSettings: settings),
        .target(
            name: "Network",
            dependencies: ["Kernel", "Message", nioCore, nioPosix, deque],
            swiftSettings: settings
        ),
        .target(
            name: "Cluster",
            dependencies: ["HTTP2", "TLS", nioCore, nioPosix, nioHTTP1, nioWebSocket, logging],
            swiftSettings: settings
        ),
        .target(name: "Kubeconfig", dependencies: ["Cluster", "TLS", yams], swiftSettings: safe),
        .target(name: "Actor", dependencies: ["Message", "CPCRE2", deque, logging], swiftSettings: safe),
        .target(
            name: "Installation",
            dependencies: ["Cluster", "Kubeconfig", yams],
            // Links to k8s/: what kubectl applies is what the binary carries.
            exclude: ["Resources/base/kustomization.yaml", "Resources/client/kustomization.yaml"],
            resources: [
                .embedInCode("Resources/base/namespace.yaml"),
                .embedInCode("Resources/base/rbac.yaml"),
                .embedInCode("Resources/base/deployment.yaml"),
                .embedInCode("Resources/base/services.yaml"),
                .embedInCode("Resources/base/webhook.yaml"),
                .embedInCode("Resources/client/client.yaml"),
                .embedInCode("Resources/values.yaml"),
                .embedInCode("Resources/values.schema.json"),
            ],
            swiftSettings: settings
        ),
        .target(
            name: "CommandLine",
            dependencies: [
                "Call", "Message", "HTTP2", "Kernel", "Installation", arguments, yams, nioCore, nioPosix, logging,
            ],
            swiftSettings: settings
        ),
        .target(
            name: "Sandbox",
            dependencies: [
                "Cluster", "HTTP2", "TLS", "Kernel", "CZlib", "CSandbox",
                nioCore, nioPosix, nioHTTP1, nioWebSocket, logging, deque,
            ],
            swiftSettings: settings
        ),

        // Programs: join actors with their effects.
        .target(
            name: "Host",
            dependencies: [
                "Actor", "Call", "Message", "Tunnel", "HTTPFilter", "Network", "Cluster", "HTTP2", "TLS", "Kernel",
                "CKernel", nioCore, nioPosix, nioHTTP1, logging, deque,
            ],
            path: "Sources/Program/Host",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "telepresence",
            dependencies: ["CommandLine", "Host", "Cluster", "Kubeconfig", "Message", arguments],
            path: "Sources/Program/telepresence",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "traffic",
            dependencies: ["Host", "Kernel", logging],
            path: "Sources/Program/traffic",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "sandbox",
            dependencies: ["Sandbox", arguments, logging],
            path: "Sources/Program/sandbox",
            swiftSettings: settings
        ),

        // Load for scripts/bench.
        .executableTarget(
            name: "bench-load",
            dependencies: ["Kernel"],
            path: "Benchmarks/Load",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "bench-registry",
            dependencies: [
                "Host", "Actor", "Call", "Message", "HTTP2", "TLS", "Kernel", nioCore, nioPosix, logging,
            ],
            path: "Benchmarks/Registry",
            swiftSettings: settings
        ),

        .target(
            name: "TestSupport",
            dependencies: ["HTTP2", "TLS", "Kernel", nioCore, nioPosix],
            path: "Tests/Support",
            swiftSettings: settings
        ),
        .testTarget(
            name: "KernelTests",
            dependencies: ["TestSupport", "Kernel"],
            path: "Tests/Kernel",
            swiftSettings: settings
        ),
        .testTarget(name: "TLSTests", dependencies: ["TLS"], path: "Tests/TLS", swiftSettings: settings),
        .testTarget(
            name: "HTTP2Tests",
            dependencies: ["TestSupport", "HTTP2", "TLS", "Kernel", nioCore, nioPosix, nioEmbedded],
            path: "Tests/HTTP2",
            swiftSettings: settings
        ),
        .testTarget(
            name: "MessageTests",
            dependencies: ["TestSupport", "Message"],
            path: "Tests/Message",
            swiftSettings: settings
        ),
        .testTarget(
            name: "CallTests",
            dependencies: ["TestSupport", "Call", "Message", "HTTP2", nioCore],
            path: "Tests/Call",
            swiftSettings: settings
        ),
        .testTarget(
            name: "TunnelTests",
            dependencies: ["TestSupport", "Tunnel", "HTTP2", "TLS", "Kernel", nioCore, nioPosix],
            path: "Tests/Tunnel",
            swiftSettings: settings
        ),
        .testTarget(
            name: "HTTPFilterTests",
            dependencies: ["TestSupport", "HTTPFilter", nioCore],
            path: "Tests/HTTPFilter",
            swiftSettings: settings
        ),
        .testTarget(
            name: "NetworkTests",
            dependencies: ["TestSupport", "Network", "Kernel", "Message", nioCore, nioPosix, nioEmbedded],
            path: "Tests/Network",
            swiftSettings: settings
        ),
        .testTarget(
            name: "ClusterTests",
            dependencies: [
                "TestSupport", "Cluster", "Kubeconfig", "HTTP2", "TLS", nioCore, nioPosix, nioHTTP1, nioWebSocket,
                logging,
            ],
            path: "Tests/Cluster",
            swiftSettings: settings
        ),
        .testTarget(
            name: "ActorTests",
            dependencies: ["TestSupport", "Actor", "Message", logging],
            path: "Tests/Actor",
            swiftSettings: settings
        ),
        .testTarget(
            name: "InstallationTests",
            dependencies: ["TestSupport", "Installation", "Cluster"],
            path: "Tests/Installation",
            swiftSettings: settings
        ),
        .testTarget(
            name: "CommandLineTests",
            dependencies: ["TestSupport", "CommandLine", "Message", arguments, yams],
            path: "Tests/CommandLine",
            swiftSettings: settings
        ),
        .testTarget(
            name: "SandboxTests",
            dependencies: ["TestSupport", "Sandbox", "Cluster", "HTTP2", "TLS", nioCore, nioPosix, nioHTTP1],
            path: "Tests/Sandbox",
            swiftSettings: settings
        ),
        .testTarget(
            name: "HostTests",
            dependencies: [
                "TestSupport",
                "Host", "Actor", "Message", "Call", "HTTP2", "HTTPFilter", "Tunnel", "TLS", "Cluster", "Kernel",
                "Sandbox", "CNghttp2",
                nioCore, nioPosix, logging,
            ],
            path: "Tests/Host",
            swiftSettings: settings
        ),
        .testTarget(
            name: "ArchitectureTests",
            dependencies: ["TestSupport"],
            path: "Tests/Architecture",
            swiftSettings: settings
        ),
    ]
)
