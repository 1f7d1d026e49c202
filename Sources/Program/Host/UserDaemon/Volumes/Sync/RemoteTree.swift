import Glibc

/// What lies below a path of an SFTP server.
struct RemoteTree {
    struct Entry: Equatable {
        enum Kind: Equatable {
            case directory
            case file
            case link(String)
        }

        /// Below the path where the tree begins; empty is that itself.
        var path: String
        var kind: Kind
        /// Of a file, in bytes.
        var size = 0
        var mode: UInt32 = 0
        var modified: UInt32 = 0
    }

    /// What is not copied, and why.
    struct Omission: Equatable {
        var path: String
        var reason: String
    }

    /// A directory comes before what is in it.
    private(set) var entries: [Entry] = []
    private(set) var omissions: [Omission] = []
    /// Of all files.
    private(set) var bytes = 0

    private let limits: SyncLimits
    /// Bytes that there is room for.
    private let room: Int

    /// Looks at everything below a path.
    ///
    /// - Parameters:
    ///   - base: The server's path.
    ///   - attributes: Of the path itself; nil means that it is a directory.
    ///   - skipped: Paths below it that do not belong to it.
    ///   - limits: What is too much.
    ///   - room: Bytes that there is room for.
    ///   - client: Whom to ask.
    /// - Throws: `large` when there is too much of it, `refused` when the base itself cannot be read.
    init(
        _ base: String,
        attributes: SFTPReply.Attributes? = nil,
        skipping skipped: Set<String> = [],
        _ limits: SyncLimits,
        room: Int,
        _ client: SFTPClient
    ) throws(SyncProblem) {
        self.limits = limits
        self.room = room
        if let attributes, attributes.mode & S_IFMT != S_IFDIR {
            try add("", attributes)
            return
        }
        var level = [""]
        while !level.isEmpty {
            // A server has only so many descriptors.
            let some = level.prefix(64)
            let replies = try client.exchange(some.map { .list(Self.join(base, $0)) })
            var open: [(path: String, handle: [UInt8])] = []
            for (path, reply) in zip(some, replies) {
                switch reply {
                case .handle(let handle): open.append((path, handle))
                case .status(let code, let words):
                    if path.isEmpty { throw .refused(code, words) }
                    if code != SFTPReply.missing { omissions.append(Omission(path: path, reason: words)) }
                default: throw .lost("the agent's file server has answered nonsense")
                }
            }
            level = try Array(level.dropFirst(64)) + list(open, skipped, client)
        }
        try resolveLinks(base, client)
    }

    /// A path and one below it.
    static func join(_ base: String, _ path: String) -> String {
        if base.isEmpty { return path.isEmpty ? "." : path }
        return path.isEmpty ? base : "\(base)/\(path)"
    }

    /// The contents of files, in the same order; nil for what is no longer there or may not be read.
    static func read(
        _ files: [Entry],
        below base: String,
        _ client: SFTPClient
    ) throws(SyncProblem) -> [[UInt8]?] {
        var contents: [[UInt8]?] = []
        var rest = files[...]
        while !rest.isEmpty {
            // Not too much at once.
            var (count, bytes) = (0, 0)
            for file in rest where count < 64 && (count == 0 || bytes + file.size <= 4 << 20) {
                count += 1
                bytes += file.size
            }
            contents += try readSome(rest.prefix(count), base, client)
            rest = rest.dropFirst(count)
        }
        return contents
    }

    private static func readSome(
        _ files: ArraySlice<Entry>,
        _ base: String,
        _ client: SFTPClient
    ) throws(SyncProblem) -> [[UInt8]?] {
        var contents = [[UInt8]?](repeating: nil, count: files.count)
        var handles: [Int: [UInt8]] = [:]
        let opened = try client.exchange(files.map { .open(join(base, $0.path)) })
        for (index, reply) in opened.enumerated() {
            guard case .handle(let handle) = reply else { continue }
            handles[index] = handle
            contents[index] = []
        }
        let sizes = files.map(\.size)
        var unfinished = handles.keys.filter { sizes[$0] > 0 }.sorted()
        while !unfinished.isEmpty {
            var requests: [SFTPRequest] = []
            for index in unfinished {
                let got = contents[index]?.count ?? 0
                // What has grown meanwhile is read next time.
                requests.append(
                    .read(handles[index] ?? [], offset: UInt64(got), count: UInt32(min(sizes[index] - got, 255 << 10)))
                )
            }
            let replies = try client.exchange(requests)
            var more: [Int] = []
            for (index, reply) in zip(unfinished, replies) {
                switch reply {
                case .data(let bytes) where !bytes.isEmpty:
                    contents[index]? += bytes
                    if contents[index]?.count ?? 0 < sizes[index] { more.append(index) }
                case .data, .status(SFTPReply.end, _): break
                default: contents[index] = nil
                }
            }
            unfinished = more
        }
        _ = try client.exchange(handles.values.map { .close($0) })
        return contents
    }

    // MARK: looking

    /// Reads open directories to their ends; the directories in them.
    private mutating func list(
        _ open: [(path: String, handle: [UInt8])],
        _ skipped: Set<String>,
        _ client: SFTPClient
    ) throws(SyncProblem) -> [String] {
        var below: [String] = []
        var unread = open
        while !unread.isEmpty {
            let replies = try client.exchange(unread.map { .names($0.handle) })
            var more: [(path: String, handle: [UInt8])] = []
            for (directory, reply) in zip(unread, replies) {
                guard case .names(let names) = reply else { continue }
                more.append(directory)
                for name in names {
                    guard let text = name.text, Self.isName(text) else {
                        if name.text == nil {
                            omissions.append(Omission(path: directory.path, reason: "a name in it is no UTF-8"))
                        }
                        continue
                    }
                    let path = directory.path.isEmpty ? text : "\(directory.path)/\(text)"
                    guard !skipped.contains(path) else { continue }
                    try add(path, name.attributes)
                    if name.attributes.mode & S_IFMT == S_IFDIR { below.append(path) }
                }
            }
            unread = more
        }
        _ = try client.exchange(open.map { .close($0.handle) })
        return below
    }

    private mutating func add(_ path: String, _ attributes: SFTPReply.Attributes) throws(SyncProblem) {
        guard entries.count < limits.entries else { throw .large("it has more than \(limits.entries) files") }
        var entry = Entry(path: path, kind: .file, mode: attributes.mode & 0o777, modified: attributes.modified)
        switch attributes.mode & S_IFMT {
        case S_IFDIR:
            // Its times change with what is in it, which is looked at anyway.
            entry = Entry(path: path, kind: .directory)
        case S_IFLNK: entry = Entry(path: path, kind: .link(""))
        case S_IFREG:
            guard attributes.size <= UInt64(limits.file) else {
                let reason = "a file of more than \(SyncLimits.words(limits.file))"
                omissions.append(Omission(path: path, reason: reason))
                return
            }
            entry.size = Int(attributes.size)
            bytes += entry.size
            guard bytes <= room else {
                throw .large("it makes the volumes larger than \(SyncLimits.words(limits.total))")
            }
        default:
            omissions.append(Omission(path: path, reason: "neither a file nor a directory"))
            return
        }
        entries.append(entry)
    }

    private mutating func resolveLinks(_ base: String, _ client: SFTPClient) throws(SyncProblem) {
        let indices = entries.indices.filter { entries[$0].kind == .link("") }
        guard !indices.isEmpty else { return }
        let replies = try client.exchange(indices.map { .target(Self.join(base, entries[$0].path)) })
        var gone: Set<Int> = []
        for (index, reply) in zip(indices, replies) {
            let path = entries[index].path
            guard case .names(let names) = reply, let target = names.first?.text else {
                gone.insert(index)
                continue
            }
            entries[index].kind = .link(target)
            if !Self.staysInside(target, at: path) {
                gone.insert(index)
                omissions.append(Omission(path: path, reason: "a link out of its volume"))
            }
        }
        entries = entries.indices.filter { !gone.contains($0) }.map { entries[$0] }
    }

    /// Whether a link at a path points to what lies below the same base.
    static func staysInside(_ target: String, at path: String) -> Bool {
        guard !path.isEmpty, !target.isEmpty, !target.hasPrefix("/") else { return false }
        var depth = path.split(separator: "/").count - 1
        for part in target.split(separator: "/") where part != "." {
            depth += part == ".." ? -1 : 1
            if depth < 0 { return false }
        }
        return true
    }

    /// Whether a text can be the name of a file.
    static func isName(_ text: String) -> Bool {
        !text.isEmpty && text != "." && text != ".." && !text.utf8.contains { $0 == 0 || $0 == UInt8(ascii: "/") }
    }
}
