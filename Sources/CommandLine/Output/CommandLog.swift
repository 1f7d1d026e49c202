import Foundation
import Kernel

/// What commands have failed of late, for `gather-logs`.
struct CommandLog {
    /// Bytes above which the log begins anew.
    private static let limit = 1 << 20

    /// The file.
    let path: String

    init(paths: StatePaths) {
        path = paths.logs + "/cli.log"
    }

    /// Notes a failure of this command; does nothing where there is no log directory.
    func append(_ failure: CommandError) {
        // Only which command it was: arguments may be secrets.
        let command = CommandLine.arguments.dropFirst().first ?? ""
        let text = failure.description.split(separator: "\n").joined(separator: " ")
        let line = "\(WallClock.text(WallClock.milliseconds)) error telepresence \(command): \(text)\n"
        var facts = stat()
        let flags = stat(path, &facts) == 0 && facts.st_size > Self.limit ? O_TRUNC : 0
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND | flags, 0o600)
        guard file >= 0 else { return }
        defer { close(file) }
        let bytes = Array(line.utf8)
        _ = bytes.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
    }
}
