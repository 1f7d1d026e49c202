/// How the manager learns which addresses are pods' (`TELEPRESENCE_POD_CIDR_STRATEGY`, `TELEPRESENCE_POD_CIDRS`).
package enum PodSubnetStrategy: Sendable, Equatable {
    /// By the nodes where they may be read and say so, else by the pods there are.
    case auto
    /// `spec.podCIDRs` of the nodes.
    case nodes
    /// The fewest prefixes that hold the addresses of the pods there are.
    case pods
    /// Those that the environment names.
    case given([String])

    /// Why the environment cannot be followed.
    package struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
        package let description: String
    }

    /// Reads the environment; prefixes alone mean the strategy `environment`.
    package init(environment: [String: String]) throws(Failure) {
        let words = (environment["TELEPRESENCE_POD_CIDRS"] ?? "").split { $0 == "," || $0.isWhitespace }.map(
            String.init
        )
        for word in words where !SubnetCover.isPrefix(word) {
            throw Failure(description: "TELEPRESENCE_POD_CIDRS: '\(word)' is no subnet; write 10.244.0.0/16")
        }
        switch environment["TELEPRESENCE_POD_CIDR_STRATEGY"] ?? "" {
        case "": self = words.isEmpty ? .auto : .given(words)
        case "auto": self = .auto
        case "nodePodCIDRs": self = .nodes
        case "coverPodIPs": self = .pods
        case "environment":
            guard !words.isEmpty else {
                throw Failure(
                    description:
                        "TELEPRESENCE_POD_CIDR_STRATEGY is environment, but TELEPRESENCE_POD_CIDRS names no subnet"
                )
            }
            self = .given(words)
        case let other:
            throw Failure(
                description: "TELEPRESENCE_POD_CIDR_STRATEGY is '\(other)'; "
                    + "use auto, nodePodCIDRs, coverPodIPs or environment"
            )
        }
    }
}
