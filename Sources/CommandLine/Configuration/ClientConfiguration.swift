import Foundation
import Yams

/// What the user has set for all commands: `telepresence/config.yml` in `$XDG_CONFIG_HOME`, else in `~/.config`.
///
/// Its keys are Telepresence's own; those that are not used here are passed over.
package struct ClientConfiguration: Equatable {
    /// `intercept.mountsRoot`: the directory in which those for volumes are made; empty leaves it to the user daemon.
    package var mountsRoot = ""

    /// What holds where there is no file.
    package init() {}

    /// Reads the text of a file.
    ///
    /// - Parameters:
    ///   - text: YAML.
    ///   - origin: The file, as messages name it.
    /// - Throws: `CommandError` that names the file and the key.
    package init(text: String, origin: String) throws {
        let node: Node?
        do {
            node = try Yams.compose(yaml: text)
        } catch {
            throw CommandError("\(origin) is not YAML: \(error)", remedy: "mend or remove the file")
        }
        guard let root = node?["intercept"]?["mountsRoot"] else { return }
        guard let path = root.scalar?.string, path.hasPrefix("/") else {
            throw CommandError(
                "intercept.mountsRoot in \(origin) is no absolute path",
                remedy: "write it as /home/me/mounts"
            )
        }
        mountsRoot = path
        while mountsRoot.count > 1, mountsRoot.hasSuffix("/") { mountsRoot.removeLast() }
    }

    /// Reads the user's file; without one, what holds without.
    ///
    /// - Throws: `CommandError` that names the file.
    package static func load(
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws -> ClientConfiguration {
        guard let path = path(environment), let bytes = FileManager.default.contents(atPath: path) else {
            return ClientConfiguration()
        }
        return try ClientConfiguration(text: String(decoding: bytes, as: UTF8.self), origin: path)
    }

    /// Where the user's file is; nil for a user without a home.
    package static func path(_ environment: [String: String]) -> String? {
        if let directory = environment["XDG_CONFIG_HOME"], directory.hasPrefix("/") {
            return directory + "/telepresence/config.yml"
        }
        return environment["HOME"].map { $0 + "/.config/telepresence/config.yml" }
    }
}
