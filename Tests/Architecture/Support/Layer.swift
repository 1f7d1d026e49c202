import Testing

/// One target: where its sources are, and what they may import (design, section 7).
struct Layer: Sendable, CustomTestStringConvertible {
    let target: String
    /// Under `Sources`.
    let folder: String
    /// Targets of this package.
    let own: Set<String>
    /// Products of other packages.
    let foreign: Set<String>

    var testDescription: String { target }

    init(_ target: String, folder: String? = nil, own: Set<String> = [], foreign: Set<String> = []) {
        self.target = target
        self.folder = folder ?? target
        self.own = own
        self.foreign = foreign
    }

    /// Modules of the system: the C library and what belongs to Swift.
    static let system: Set<String> = [
        "Glibc", "Darwin", "Synchronization", "FoundationEssentials", "Dispatch", "Swift",
    ]

    /// Where Foundation itself may be imported: YAML and exec plugins need it, and what only people start may have it.
    static let foundationAllowed: Set<String> = ["Kubeconfig", "CommandLine", "Sandbox", "telepresence", "sandbox"]

    /// The table; a line is changed only together with the design.
    static let all: [Layer] = [
        Layer("Kernel", own: ["CKernel"]),
        Layer("TLS", own: ["COpenSSL"]),
        Layer("HTTP2", own: ["CNghttp2", "Kernel", "TLS"], foreign: ["NIOCore", "NIOPosix", "DequeModule"]),
        Layer("Message"),
        Layer("Call", own: ["Message", "HTTP2"], foreign: ["NIOCore", "DequeModule"]),
        Layer("Tunnel", own: ["HTTP2", "Kernel"], foreign: ["NIOCore", "NIOPosix", "DequeModule"]),
        Layer("HTTPFilter", foreign: ["NIOCore", "DequeModule"]),
        Layer("Network", own: ["Kernel", "Message"], foreign: ["NIOCore", "NIOPosix", "DequeModule"]),
        Layer(
            "Cluster",
            own: ["HTTP2", "TLS"],
            foreign: ["NIOCore", "NIOPosix", "NIOHTTP1", "NIOWebSocket", "Logging"]
        ),
        Layer("Kubeconfig", own: ["Cluster", "TLS"], foreign: ["Yams"]),
        Layer("Installation", own: ["Cluster", "Kubeconfig"], foreign: ["Yams"]),
        Layer("Actor", own: ["Message", "CPCRE2"], foreign: ["DequeModule", "Logging"]),
        Layer(
            "CommandLine",
            own: ["Call", "Message", "HTTP2", "Kernel", "Installation"],
            foreign: ["Yams", "NIOCore", "NIOPosix", "ArgumentParser", "Logging"]
        ),
        Layer(
            "Sandbox",
            own: ["Cluster", "HTTP2", "TLS", "Kernel", "CZlib", "CSandbox"],
            foreign: ["NIOCore", "NIOPosix", "NIOHTTP1", "NIOWebSocket", "Logging", "DequeModule"]
        ),
        Layer(
            "Host",
            folder: "Program/Host",
            own: [
                "Actor", "Call", "Message", "Tunnel", "HTTPFilter", "Network", "Cluster", "HTTP2", "TLS", "Kernel",
                "CKernel",
            ],
            foreign: ["NIOCore", "NIOPosix", "NIOHTTP1", "Logging", "DequeModule"]
        ),
        Layer(
            "telepresence",
            folder: "Program/telepresence",
            own: ["CommandLine", "Host", "Cluster", "Kubeconfig", "Message"],
            foreign: ["ArgumentParser"]
        ),
        Layer("traffic", folder: "Program/traffic", own: ["Host", "Kernel"], foreign: ["Logging"]),
        Layer("sandbox", folder: "Program/sandbox", own: ["Sandbox"], foreign: ["ArgumentParser", "Logging"]),
    ]
}
