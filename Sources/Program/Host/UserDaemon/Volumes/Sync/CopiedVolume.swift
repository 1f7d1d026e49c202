import Glibc
import Kernel

/// One of the container's volumes, and its copy.
///
/// A volume that the kubelet writes (config maps, secrets, tokens) has a link `..data` to the present files: a change of it is a change
/// of all at one stroke, here as there. In any other volume each file changes by itself.
struct CopiedVolume {
    /// The bytes of a file, as far as they need to be told from others.
    struct Print: Equatable {
        private let value: Int

        init(_ bytes: [UInt8]) {
            var hasher = Hasher()
            bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
            value = hasher.finalize()
        }
    }

    private struct Copied {
        var entry: RemoteTree.Entry
        var print: Print?
        /// How often it is still to be read though it looks the same: its time is told in whole seconds only.
        var doubts = 0
    }

    private enum Content {
        case nothing
        /// Of the kubelet's kind: where `..data` points there, and here, and the prints of all files.
        case whole(target: String, here: String, files: [Copied])
        case single([String: Copied])
    }

    /// Where the container has it, with a slash in front.
    let mount: String
    /// Bytes of the copy.
    private(set) var bytes = 0
    private(set) var omissions: [RemoteTree.Omission] = []

    /// Paths below this one that other volumes have.
    private let nested: Set<String>
    private var content = Content.nothing
    private var isDoubtful = true
    /// How many looks a volume is spared that was too large.
    private var rest = 0

    /// A volume that is not copied yet.
    init(_ mount: String, among mounts: [String]) {
        self.mount = mount
        nested = Set(
            mounts.filter { $0.hasPrefix(mount + "/") && $0 != mount }.map { String($0.dropFirst(mount.count + 1)) }
        )
    }

    /// Below the directory with the copies.
    var path: String { String(mount.drop { $0 == "/" }) }

    /// The copy is what the volume was at the last look.
    var isSettled: Bool { !isDoubtful }

    /// What was seen before may have changed without a sign: there is another server.
    mutating func doubt() {
        isDoubtful = true
        rest = 0
    }

    /// Makes the copy what the volume is now.
    ///
    /// - Parameters:
    ///   - data: Where `..data` points; nil where there is none.
    ///   - attributes: The volume's own; nil where it is not there.
    ///   - base: The server's path of the volume.
    ///   - room: How many bytes the copy may have.
    ///   - limits: What else is too much.
    ///   - tree: Where the copies are.
    ///   - client: Whom to ask.
    /// - Throws: `ended`, `lost`, and `local` when it cannot be written; all else is among the omissions.
    mutating func follow(
        data: String?,
        _ attributes: SFTPReply.Attributes?,
        at base: String,
        room: Int,
        _ limits: SyncLimits,
        _ tree: LocalTree,
        _ client: SFTPClient
    ) throws(SyncProblem) {
        if rest > 0 {
            rest -= 1
            return
        }
        do throws(SyncProblem) {
            if let data {
                try followWhole(data, base, room, limits, tree, client)
            } else if let attributes {
                try followSingle(attributes, base, room, limits, tree, client)
            } else {
                clear(tree)
                omissions = []
                isDoubtful = false
            }
        } catch {
            switch error {
            case .large: rest = 30
            case .refused: break
            default: throw error
            }
            clear(tree)
            omissions = [RemoteTree.Omission(path: "", reason: error.text)]
            isDoubtful = false
        }
    }

    // MARK: the kubelet's kind

    private mutating func followWhole(
        _ first: String,
        _ base: String,
        _ room: Int,
        _ limits: SyncLimits,
        _ tree: LocalTree,
        _ client: SFTPClient
    ) throws(SyncProblem) {
        if case .whole(first, _, _) = content, !isDoubtful { return }
        var target = first
        // The kubelet may be replacing it just now; then the next look will do.
        for _ in 0..<3 {
            let there = "\(base)/\(target)"
            var seen: (RemoteTree, [[UInt8]?])?
            do throws(SyncProblem) {
                let remote = try RemoteTree(there, limits, room: room, client)
                seen = (remote, try RemoteTree.read(remote.entries.filter { $0.kind == .file }, below: there, client))
            } catch {
                guard case .refused(SFTPReply.missing, _) = error else { throw error }
                seen = nil
            }
            guard case .names(let names)? = try client.exchange([.target("\(base)/..data")]).first,
                let now = names.first?.text, RemoteTree.isName(now)
            else { return }
            if now == target, let (remote, contents) = seen {
                return try replaceWhole(target, remote, contents, tree)
            }
            target = now
        }
    }

    private mutating func replaceWhole(
        _ target: String,
        _ remote: RemoteTree,
        _ contents: [[UInt8]?],
        _ tree: LocalTree
    ) throws(SyncProblem) {
        omissions = remote.omissions
        var unread = contents[...]
        var files: [(copied: Copied, bytes: [UInt8])] = []
        for entry in remote.entries {
            guard entry.kind == .file else {
                files.append((Copied(entry: entry), []))
                continue
            }
            if let bytes = unread.popFirst() ?? nil {
                files.append((Copied(entry: entry, print: Print(bytes)), bytes))
            } else {
                omissions.append(RemoteTree.Omission(path: entry.path, reason: "it cannot be read"))
            }
        }
        bytes = remote.bytes
        var former: (here: String, files: [Copied])?
        if case .whole(_, let here, let files) = content { former = (here, files) }
        let isSame = former.map { Self.same($0.files, files.map(\.copied)) } ?? false
        if isSame, let former {
            content = .whole(target: target, here: former.here, files: former.files)
        } else {
            let here = former?.here == "..1" ? "..2" : "..1"
            do throws(SystemError) {
                try write(files, here, former, tree)
            } catch {
                throw .local(error)
            }
            content = .whole(target: target, here: here, files: files.map(\.copied))
        }
        isDoubtful = false
    }

    /// As the kubelet does: the new files beside the old ones, then the link, then the names.
    private mutating func write(
        _ files: [(copied: Copied, bytes: [UInt8])],
        _ here: String,
        _ former: (here: String, files: [Copied])?,
        _ tree: LocalTree
    ) throws(SystemError) {
        if former == nil { clear(tree) }
        let place = RemoteTree.join(path, here)
        tree.remove(place)
        try tree.makeDirectory(place)
        for (copied, bytes) in files { try Self.write(copied.entry, bytes, below: place, tree) }
        try tree.link(here, at: RemoteTree.join(path, "..data"))
        let names = Self.names(files.map(\.copied))
        for name in names where !nested.contains(where: { $0 == name || $0.hasPrefix(name + "/") }) {
            let link = RemoteTree.join(path, name)
            if tree.target(link) != "..data/\(name)" { try tree.link("..data/\(name)", at: link) }
        }
        guard let former else { return }
        for name in Self.names(former.files).subtracting(names) { tree.remove(RemoteTree.join(path, name)) }
        tree.remove(RemoteTree.join(path, former.here))
    }

    private static func names(_ files: [Copied]) -> Set<String> {
        Set(files.map(\.entry.path).filter { !$0.contains("/") })
    }

    /// Whether the files are the same but for their times, which are the kubelet's.
    private static func same(_ files: [Copied], _ others: [Copied]) -> Bool {
        guard files.count == others.count else { return false }
        let known = Dictionary(files.map { ($0.entry.path, $0) }, uniquingKeysWith: { first, _ in first })
        return others.allSatisfy { other in
            guard let file = known[other.entry.path] else { return false }
            return file.entry.kind == other.entry.kind && file.entry.mode == other.entry.mode
                && file.print == other.print
        }
    }

    // MARK: all others

    private mutating func followSingle(
        _ attributes: SFTPReply.Attributes,
        _ base: String,
        _ room: Int,
        _ limits: SyncLimits,
        _ tree: LocalTree,
        _ client: SFTPClient
    ) throws(SyncProblem) {
        let remote = try RemoteTree(base, attributes: attributes, skipping: nested, limits, room: room, client)
        var known: [String: Copied]
        if case .single(let files) = content { known = files } else { known = [:] }
        let doubtful = remote.entries.filter { entry in
            guard entry.kind == .file else { return false }
            guard let file = known[entry.path], file.entry == entry else { return true }
            return isDoubtful || file.doubts > 0
        }
        let contents = try RemoteTree.read(doubtful, below: base, client)
        omissions = remote.omissions
        do throws(SystemError) {
            if case .single = content {
            } else {
                clear(tree)
                if attributes.mode & S_IFMT == S_IFDIR { try tree.makeDirectory(path) }
            }
            let there = Dictionary(remote.entries.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
            // What is in a directory goes before it.
            for (path, file) in known.sorted(by: { $0.key > $1.key }) {
                guard let entry = there[path], Self.isAlike(entry.kind, file.entry.kind) else {
                    tree.remove(RemoteTree.join(self.path, path))
                    known[path] = nil
                    continue
                }
            }
            content = .single(known)
            for entry in remote.entries where entry.kind != .file && known[entry.path]?.entry != entry {
                try Self.write(entry, [], below: path, tree)
                known[entry.path] = Copied(entry: entry)
            }
            for (entry, bytes) in zip(doubtful, contents) {
                guard let bytes else {
                    // It has gone meanwhile, or never comes.
                    omissions.append(RemoteTree.Omission(path: entry.path, reason: "it cannot be read"))
                    tree.remove(RemoteTree.join(path, entry.path))
                    known[entry.path] = nil
                    continue
                }
                let (print, former) = (Print(bytes), known[entry.path])
                let isSame = former?.entry == entry && former?.print == print
                if !isSame { try Self.write(entry, bytes, below: path, tree) }
                known[entry.path] = Copied(
                    entry: entry,
                    print: print,
                    doubts: isSame ? max(0, (former?.doubts ?? 0) - 1) : 2
                )
            }
        } catch {
            throw .local(error)
        }
        content = .single(known)
        bytes = remote.bytes
        isDoubtful = false
    }

    private static func isAlike(_ kind: RemoteTree.Entry.Kind, _ other: RemoteTree.Entry.Kind) -> Bool {
        (kind == .directory) == (other == .directory)
    }

    // MARK: here

    private static func write(
        _ entry: RemoteTree.Entry,
        _ bytes: [UInt8],
        below place: String,
        _ tree: LocalTree
    ) throws(SystemError) {
        let path = RemoteTree.join(place, entry.path)
        switch entry.kind {
        case .directory: try tree.makeDirectory(path)
        case .link(let target): try tree.link(target, at: path)
        case .file: try tree.write(bytes, to: path, mode: entry.mode, modified: entry.modified)
        }
    }

    /// Takes the copy away, and nothing that other volumes have below it.
    private mutating func clear(_ tree: LocalTree) {
        switch content {
        case .nothing: return
        case .whole(_, let here, let files):
            for name in Self.names(files) { tree.remove(RemoteTree.join(path, name)) }
            for name in ["..data", here] { tree.remove(RemoteTree.join(path, name)) }
        case .single(let files):
            for (name, file) in files.sorted(by: { $0.key > $1.key }) {
                let path = RemoteTree.join(path, name)
                if file.entry.kind == .directory { tree.removeEmpty(path) } else { tree.remove(path) }
            }
        }
        tree.removeEmpty(path)
        content = .nothing
        bytes = 0
    }
}
