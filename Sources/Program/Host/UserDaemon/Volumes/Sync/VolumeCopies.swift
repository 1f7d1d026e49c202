/// Copies of a container's volumes that follow them, as far as they are small.
struct VolumeCopies {
    private var volumes: [CopiedVolume]
    private let base: String
    private let limits: SyncLimits
    private let tree: LocalTree

    /// Copies of nothing yet.
    ///
    /// - Parameters:
    ///   - mounts: Where the container has its volumes.
    ///   - base: The server's path of the container's root; empty is where the server begins.
    ///   - limits: What is too much.
    ///   - tree: Where the copies are.
    init(_ mounts: [String], base: String = "", limits: SyncLimits = SyncLimits(), in tree: LocalTree) {
        var paths: [String] = []
        for mount in mounts {
            let parts = mount.split(separator: "/").filter { $0 != "." }
            // The container's root itself cannot be one, and no path of Kubernetes has such parts.
            guard !parts.isEmpty, !parts.contains("..") else { continue }
            paths.append("/" + parts.joined(separator: "/"))
        }
        paths = Set(paths).sorted()
        volumes = paths.map { CopiedVolume($0, among: paths) }
        self.base = base
        self.limits = limits
        self.tree = tree
    }

    /// Every volume has been looked at, and its copy is what it was then.
    var isComplete: Bool { volumes.allSatisfy(\.isSettled) }

    /// What is not copied, for people; empty where all is.
    var complaint: String {
        let all = volumes.flatMap { volume in
            volume.omissions.map { "\(volume.mount)\($0.path.isEmpty ? "" : "/")\($0.path) (\($0.reason))" }
        }
        guard !all.isEmpty else { return "" }
        let more = all.count > 5 ? " and \(all.count - 5) more" : ""
        return "not copied: \(all.prefix(5).joined(separator: ", "))\(more)"
    }

    /// There is another server now.
    mutating func doubt() {
        for index in volumes.indices { volumes[index].doubt() }
    }

    /// Looks at all volumes once, and copies what has changed.
    mutating func follow(_ client: SFTPClient) throws(SyncProblem) {
        var questions: [SFTPRequest] = []
        for volume in volumes {
            let path = RemoteTree.join(base, volume.path)
            questions += [.target("\(path)/..data"), .attributes(path)]
        }
        let answers = try client.exchange(questions)
        var single: [Int] = []
        var looks: [(data: String?, attributes: SFTPReply.Attributes?)] = []
        for index in volumes.indices {
            var look: (data: String?, attributes: SFTPReply.Attributes?) = (nil, nil)
            if case .names(let names) = answers[2 * index], let target = names.first?.text,
                target.hasPrefix(".."), RemoteTree.isName(target)
            {
                look.data = target
            }
            if case .attributes(let attributes) = answers[2 * index + 1] { look.attributes = attributes }
            looks.append(look)
            if look.data == nil { single.append(index) }
        }
        // Configuration comes first where there is not room for all.
        for index in volumes.indices.filter({ looks[$0].data != nil }) + single {
            let others = volumes.indices.reduce(0) { $0 + ($1 == index ? 0 : volumes[$1].bytes) }
            try volumes[index].follow(
                data: looks[index].data,
                looks[index].attributes,
                at: RemoteTree.join(base, volumes[index].path),
                room: limits.total - others,
                limits,
                tree,
                client
            )
        }
    }
}
