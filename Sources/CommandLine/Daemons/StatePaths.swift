import Foundation

/// Where the daemons of one user meet their command line: sockets and logs.
///
/// A connection has a name; each name has its own user daemon and so its own socket. The directory is the user's
/// own with mode 0700, which, with SO_PEERCRED on the socket, is what keeps other users out.
package struct StatePaths: Sendable {
    /// The directory of the user daemons' sockets.
    package let runtime: String
    /// The directory of the daemons' logs.
    package let logs: String
    /// The root daemon's socket, one for the machine.
    package let rootDaemonSocket: String

    /// The paths for the caller, from the environment.
    ///
    /// `TELEPRESENCE_RUNTIME_DIR` and `TELEPRESENCE_ROOTD_SOCKET` override; else XDG's directories, else a directory
    /// in /tmp named for the user.
    package init(environment: [String: String] = ProcessInfo.processInfo.environment, user: UInt32 = geteuid()) {
        if let given = environment["TELEPRESENCE_RUNTIME_DIR"], !given.isEmpty {
            runtime = given
        } else if let xdg = environment["XDG_RUNTIME_DIR"], !xdg.isEmpty {
            runtime = xdg + "/telepresence"
        } else {
            runtime = "/tmp/telepresence-\(user)"
        }
        if let given = environment["TELEPRESENCE_LOG_DIR"], !given.isEmpty {
            logs = given
        } else if let cache = environment["XDG_CACHE_HOME"], !cache.isEmpty {
            logs = cache + "/telepresence/logs"
        } else {
            logs = (environment["HOME"] ?? runtime) + "/.cache/telepresence/logs"
        }
        rootDaemonSocket = environment["TELEPRESENCE_ROOTD_SOCKET"] ?? "/run/telepresence/rootd.sock"
    }

    /// The socket of the user daemon that holds the connection called `name`; the unnamed one for nil.
    package func userDaemonSocket(name: String?) -> String {
        "\(runtime)/\(Self.label(name)).sock"
    }

    /// The log of the user daemon that holds the connection called `name`.
    package func userDaemonLog(name: String?) -> String {
        "\(logs)/\(Self.label(name)).log"
    }

    /// The root daemon's log.
    package var rootDaemonLog: String { "\(logs)/rootd.log" }

    /// Makes both directories, and refuses a runtime directory that somebody else could have prepared.
    package func prepare() throws {
        for directory in [runtime, logs] {
            try FileManager.default.createDirectory(
                atPath: directory,
                withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700]
            )
        }
        var facts = stat()
        guard lstat(runtime, &facts) == 0, facts.st_mode & S_IFMT == S_IFDIR else {
            throw CommandError("\(runtime) is not a directory", remedy: "remove it, or set TELEPRESENCE_RUNTIME_DIR")
        }
        guard facts.st_uid == geteuid(), facts.st_mode & 0o077 == 0 else {
            throw CommandError(
                "\(runtime) is not private: owner \(facts.st_uid), mode \(String(facts.st_mode & 0o777, radix: 8))",
                remedy: "remove it, or set TELEPRESENCE_RUNTIME_DIR to a directory of mode 0700"
            )
        }
    }

    private static func label(_ name: String?) -> String {
        guard let name, !name.isEmpty else { return "userd" }
        // A name becomes part of a path: keep letters, digits, dash, dot and underscore only.
        let safe = name.map { $0.isASCII && ($0.isLetter || $0.isNumber || "-._".contains($0)) ? $0 : "_" }
        return "userd-" + String(safe)
    }
}
