import Foundation
package import Message

/// The container's environment, for handlers and for `--env-file`.
package enum EnvironmentFile {
    /// The container's variables and Telepresence's own.
    package static func variables(of attachment: Attachment) -> [String: String] {
        var variables = attachment.environment
        variables["TELEPRESENCE_INTERCEPT_ID"] = attachment.id
        if let container = attachment.ports.first?.container, !container.isEmpty {
            variables["TELEPRESENCE_CONTAINER"] = container
        }
        return variables
    }

    /// Refuses a path that cannot be written.
    package static func check(_ path: String) throws {
        let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
        let writable = access(path, F_OK) == 0 ? access(path, W_OK) == 0 : access(directory, W_OK) == 0
        guard writable else {
            throw CommandError("--env-file \(path) cannot be written: \(String(cString: strerror(errno)))")
        }
    }

    /// Writes `KEY=VALUE` lines, sorted, readable by the owner only: environments carry secrets.
    ///
    /// The format is docker's, which has no way to write a line break: such a value is put in double quotes with
    /// its line breaks as `\n`.
    package static func write(_ variables: [String: String], to path: String) throws {
        let lines = variables.sorted { $0.key < $1.key }.map { "\($0.key)=\(quoted($0.value))\n" }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        guard descriptor >= 0 else {
            throw CommandError("--env-file \(path) cannot be written: \(String(cString: strerror(errno)))")
        }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        try file.write(contentsOf: Data(lines.joined().utf8))
    }

    static func quoted(_ value: String) -> String {
        guard value.contains(where: \.isNewline) else { return value }
        let escaped = value.replacingOccurrences(of: "\\", with: "\\\\")
            .replacingOccurrences(of: "\"", with: "\\\"")
            .replacingOccurrences(of: "\r", with: "\\r")
            .replacingOccurrences(of: "\n", with: "\\n")
        return "\"\(escaped)\""
    }
}
