internal import Foundation
internal import Yams

/// The merged kubeconfig of a user: clusters, users and contexts by name.
///
/// Several files merge as kubectl merges them: of several entries with one name, and of several current contexts, the first
/// counts. Paths in a file are relative to it. Nothing but the files' syntax is checked until ``access(_:)`` needs it.
package struct Kubeconfig: Sendable {
    /// The files, as messages name them.
    package let origin: String
    /// The current context's name, if any.
    package private(set) var currentContext: String?
    /// The names of all contexts, in the files' order.
    package private(set) var contextNames: [String] = []
    var contexts: [String: KubeconfigEntry] = [:]
    var clusters: [String: KubeconfigEntry] = [:]
    var users: [String: KubeconfigEntry] = [:]

    /// Reads the files that kubectl would read.
    ///
    /// - Parameters:
    ///   - path: the file that the command line names; then no other is read.
    ///   - environment: `KUBECONFIG` lists files, `HOME` holds the default `.kube/config`.
    ///   - optional: no file at all is as good as an empty one, because the command line says enough.
    /// - Returns: What they say together.
    /// - Throws: ``KubeconfigError``.
    package static func load(
        path: String?,
        environment: [String: String],
        optional: Bool = false
    ) throws(KubeconfigError) -> Kubeconfig {
        if let path, !path.isEmpty {
            guard let data = FileManager.default.contents(atPath: path) else { throw unreadable(path) }
            return try Kubeconfig(files: [(path, [UInt8](data))])
        }
        let list = environment["KUBECONFIG"] ?? ""
        let paths: [String]
        let remedy: String
        if list.isEmpty {
            paths = [(environment["HOME"] ?? NSHomeDirectory()) + "/.kube/config"]
            remedy = "name one with --kubeconfig or the environment variable KUBECONFIG"
        } else {
            paths = list.split(separator: ":").map(String.init)
            remedy = "correct the environment variable KUBECONFIG, or name a file with --kubeconfig"
        }
        var files: [(String, [UInt8])] = []
        for path in paths {
            guard FileManager.default.fileExists(atPath: path) else { continue }
            guard let data = FileManager.default.contents(atPath: path) else { throw unreadable(path) }
            files.append((path, [UInt8](data)))
        }
        guard !files.isEmpty || optional else {
            throw KubeconfigError(
                origin: paths.joined(separator: ":"),
                problem: "there is no such file",
                remedy: remedy
            )
        }
        return try Kubeconfig(files: files)
    }

    private static func unreadable(_ path: String) -> KubeconfigError {
        FileManager.default.fileExists(atPath: path)
            ? KubeconfigError(origin: path, problem: "the file cannot be read", remedy: "check its permissions")
            : KubeconfigError(origin: path, problem: "there is no such file", remedy: "check the path given")
    }

    /// Merges texts that were read already.
    ///
    /// - Parameter files: each with the path that messages name and that relative paths start from.
    /// - Throws: ``KubeconfigError`` for what is not YAML, with its line.
    package init(files: [(path: String, text: [UInt8])]) throws(KubeconfigError) {
        origin = files.map(\.path).joined(separator: ":")
        for file in files {
            guard file.text.count <= 16 << 20 else {
                throw KubeconfigError(origin: file.path, problem: "the file is longer than 16 MiB")
            }
            let text = String(decoding: file.text, as: UTF8.self)
            guard let node = try Self.compose(text, origin: file.path) else { continue }
            let root = KubeconfigNode(origin: file.path, field: "", node: node)
            guard case .mapping = node else {
                throw root.error("is no kubeconfig: it holds no mapping", remedy: "check that this is the right file")
            }
            let directory = (file.path as NSString).deletingLastPathComponent
            if currentContext == nil { currentContext = try root.text("current-context") }
            try Self.merge(root, list: "contexts", kind: "context", directory, into: &contexts) {
                contextNames.append($0)
            }
            try Self.merge(root, list: "clusters", kind: "cluster", directory, into: &clusters) { _ in }
            try Self.merge(root, list: "users", kind: "user", directory, into: &users) { _ in }
        }
    }

    private static func compose(_ text: String, origin: String) throws(KubeconfigError) -> Node? {
        do {
            return try Yams.compose(yaml: text)
        } catch let error as YamlError {
            let remedy = "correct the file; kubectl config view would refuse it too"
            switch error {
            case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
                .composer(_, let problem, let mark, _):
                throw KubeconfigError(origin: origin, line: mark.line, problem: "not YAML: \(problem)", remedy: remedy)
            default:
                throw KubeconfigError(origin: origin, problem: "not YAML: \(error)", remedy: remedy)
            }
        } catch {
            throw KubeconfigError(origin: origin, problem: "not YAML: \(error)")
        }
    }

    private static func merge(
        _ root: KubeconfigNode,
        list: String,
        kind: String,
        _ directory: String,
        into entries: inout [String: KubeconfigEntry],
        _ added: (String) -> Void
    ) throws(KubeconfigError) {
        for element in try root.list(list) {
            guard let name = try element.text("name") else { throw element.error("has no name") }
            guard entries[name] == nil else { continue }
            guard let value = try element.member(kind) else {
                // kubectl writes users without any credential this way.
                if kind == "user" {
                    entries[name] = KubeconfigEntry(
                        node: KubeconfigNode(
                            origin: element.origin,
                            field: "users[\"\(name)\"]",
                            node: Node.mapping([:])
                        ),
                        directory: directory
                    )
                    added(name)
                    continue
                }
                throw element.error("has no '\(kind)'")
            }
            let node = KubeconfigNode(origin: element.origin, field: "\(list)[\"\(name)\"]", node: value.node)
            entries[name] = KubeconfigEntry(node: node, directory: directory)
            added(name)
        }
    }
}
