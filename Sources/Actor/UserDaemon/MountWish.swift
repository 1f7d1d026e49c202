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
        /// As a file system where this workstation can, else as copies.
        case auto
    }

    package var manner: Manner
    /// The directory; empty lets the user daemon make one.
    package var point: String
    package var readOnly: Bool
    /// Where it makes one; empty means beside its socket.
    package var root: String
    /// Nobody waits for it.
    package var isBeside: Bool

    package init(
        manner: Manner = .none,
        point: String = "",
        readOnly: Bool = false,
        root: String = "",
        isBeside: Bool = false
    ) {
        self.manner = manner
        self.point = point
        self.readOnly = readOnly
        self.root = root
        self.isBeside = isBeside
    }

    /// The wish in a request; what is not known is not mounted.
    package init(_ request: InterceptRequest) {
        self.init(
            manner: Manner(rawValue: request.mount) ?? .none,
            point: request.mountPoint,
            readOnly: request.mountReadOnly,
            root: request.mountsRoot,
            isBeside: request.mountBeside
        )
    }
}

/// Where an attachment's volumes are at the workstation, or why not.
package struct MountState: Sendable, Hashable {
    /// The directory; empty while they are not there.
    package var point: String
    /// Why they are not there, or what of them is not; empty where all is well.
    package var error: String
    /// What the user should know of the manner that was chosen.
    package var notice: String

    package init(point: String = "", error: String = "", notice: String = "") {
        self.point = point
        self.error = error
        self.notice = notice
    }
}
