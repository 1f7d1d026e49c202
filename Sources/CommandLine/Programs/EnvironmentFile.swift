import Foundation

/// The file of `--env-file` or `--env-json`.
package enum EnvironmentFile {
    /// Refuses a path that cannot be written; `option` is the one that named it.
    package static func check(_ path: String, option: String) throws {
        let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
        let writable = access(path, F_OK) == 0 ? access(path, W_OK) == 0 : access(directory, W_OK) == 0
        guard writable else { throw refusal(path, option) }
    }

    /// Writes variables to a file that only its owner can read: environments carry secrets.
    package static func write(
        _ variables: [String: String],
        to path: String,
        _ syntax: EnvironmentSyntax,
        option: String
    ) throws {
        guard let file = PrivateFile.open(path) else { throw refusal(path, option) }
        try file.write(contentsOf: Data(try syntax.text(variables).utf8))
    }

    private static func refusal(_ path: String, _ option: String) -> CommandError {
        CommandError("\(option) \(path) cannot be written: \(String(cString: strerror(errno)))")
    }
}
