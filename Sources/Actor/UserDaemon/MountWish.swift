package import Message

/// How an attachment's volumes are to come to the workstation.
package struct MountWish: Sendable, Hashable {
    /// The manner.
    package enum Manner: String, Sendable {
        /// Not at all.
        case none = ""
        /// As a file system: sshfs.
        case fuse
        /// As copies that follow.
        case sync
    }

    package var manner: Manner
    /// The directory; empty lets the user daemon make one.
    package var point: String
    package var readOnly: Bool
    /// Where it makes one; empty means beside its socket.
    package var root: String

    package init(manner: Manner = .none, point: String = "", readOnly: Bool = false, root: String = "") {
        self.manner = manner
        self.point = point
        self.readOnly = readOnly
        self.root = root
    }

    /// The wish in a request; what is not known is not mounted.
    package init(_ request: InterceptRequest) {
        self.init(
            manner: Manner(rawValue: request.mount) ?? .none,
            point: request.mountPoint,
            readOnly: request.mountReadOnly,
            root: request.mountsRoot
        )
    }
}

/// Where an attachment's volumes are at the workstation, or why not.
package struct MountState: Sendable, Hashable {
    /// The directory; empty while they are not there.
    package var point: String
    /// Empty where all is well.
    package var error: String

    package init(point: String = "", error: String = "") {
        self.point = point
        self.error = error
    }
}
