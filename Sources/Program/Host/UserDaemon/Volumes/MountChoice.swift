import Actor

/// How volumes come to this workstation, by what is wished and what can be.
struct MountChoice: Equatable {
    /// `fuse` or `sync`; `none` where nothing is wished.
    var manner: MountWish.Manner
    /// What the user should know of it; empty when there is nothing.
    var notice = ""
    /// Why it cannot be as it is wished; nil when it can.
    var refusal: String?

    init(manner: MountWish.Manner) { self.manner = manner }

    /// - Parameters:
    ///   - wish: what the user wants.
    ///   - problem: why this workstation cannot mount, then a remedy after a semicolon; nil when it can.
    ///   - isHidden: those who are to see a mount would not: they have a mount namespace of their own, to which it is not passed on.
    init(_ wish: MountWish.Manner, problem: String?, isHidden: Bool) {
        manner = wish
        let hidden = "programs in the isolated network do not see this machine's mounts, which are not shared"
        switch wish {
        case .fuse:
            refusal = problem
            if isHidden { notice = "\(hidden); --mount=sync copies the volumes" }
        case .auto:
            // The remedy is taken already.
            let cause = problem?.split(separator: ";").first.map(String.init) ?? (isHidden ? hidden : nil)
            manner = cause == nil ? .fuse : .sync
            notice = cause.map(Self.notice) ?? ""
        case .sync, .none: break
        }
    }

    /// What is told where volumes are copied since they cannot be mounted.
    static func notice(_ cause: String) -> String {
        "\(cause): the volumes are copied, as with --mount=sync; what is written to the copies stays here"
    }

    /// Whether sshfs ended with this line because it may not mount here, whatever is behind the tunnel.
    static func isRefusal(_ line: String) -> Bool {
        // As libfuse and its helper begin what they have to say.
        line.hasPrefix("fusermount") || line.hasPrefix("fuse:")
    }
}
