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
    /// Where each of the three comes from: an environment variable, or `default`.
    let origins: (runtime: String, logs: String, rootDaemonSocket: String)

    /// The paths for the caller, from the environment.
    ///
    /// `TELEPRESENCE_RUNTIME_DIR` and `TELEPRESENCE_ROOTD_SOCKET` override; else XDG's directories, else a directory
    /// in /tmp named for the user.
    package init(environment: [String: String] = ProcessInfo.processInfo.environment, user: UInt32 = geteuid()) {
        /// The first variable that says something, with what follows on its value; else the default.
        func chosen(_ variables: [(name: String, rest: String)], _ usual: String) -> (path: String, origin: String) {
            for (name, rest) in variables {
                if let value = environment[name], !value.isEmpty { return (value + rest, name) }
            }
            return (usual, "default")
        }
        let runtime = chosen(
            [("TELEPRESENCE_RUNTIME_DIR", ""), ("XDG_RUNTIME_DIR", "/telepresence")],
            "/tmp/telepresence-\(user)"
        )
        let logs = chosen(
            [("TELEPRESENCE_LOG_DIR", ""), ("XDG_CACHE_HOME", "/telepresence/logs")],
            (environment["HOME"] ?? runtime.path) + "/.cache/telepresence/logs"
        )
        let socket = chosen([("TELEPRESENCE_ROOTD_SOCKET", "")], "/run/telepresence/rootd.sock")
        (self.runtime, self.logs, rootDaemonSocket) = (runtime.path, logs.path, socket.path)
        origins = (runtime.origin, logs.origin, socket.origin)
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
