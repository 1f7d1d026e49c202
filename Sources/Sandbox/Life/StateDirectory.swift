import Glibc

/// The directory in which a running sandbox keeps what others need of it.
package struct StateDirectory: Sendable {
    /// Its path.
    package let path: String

    /// Names a directory; `open` makes it.
    package init(path: String) {
        self.path = path
    }

    /// The process number of the sandbox.
    package var processFile: String { "\(self.path)/sandbox.pid" }
    /// The administrator's kubeconfig (client certificate).
    package var kubeconfig: String { "\(self.path)/kubeconfig" }
    /// A kubeconfig of another user: `token` (administrator by token), `expired` (its token is), `nobody` (no rights).
    package func kubeconfig(of user: String) -> String { "\(self.path)/kubeconfig-\(user)" }
    /// Where `sandbox fault` leaves its orders.
    package var faults: String { "\(self.path)/faults" }
    /// Where the sandbox says which it has obeyed.
    package var faultsObeyed: String { "\(self.path)/faults-obeyed" }
    /// Where pods' output goes.
    package var logs: String { "\(self.path)/logs" }

    /// The process number of the sandbox that runs here; nil when none does.
    package var runningProcess: Int32? {
        guard let text = Files.read(self.processFile),
            let process = Int32(String(decoding: text, as: UTF8.self).split(separator: "\n").first ?? ""),
            kill(process, 0) == 0,
            // Process numbers come round again: another program may have it by now.
            let command = Files.read("/proc/\(process)/cmdline"),
            String(decoding: command, as: UTF8.self).contains("sandbox")
        else { return nil }
        return process
    }

    /// Makes the directory and takes it for this process.
    package func open() throws(RuntimeError) {
        if let process = self.runningProcess {
            throw RuntimeError(
                "a sandbox already runs in \(self.path) (process \(process)); end it with: sandbox down --state \(self.path)",
                code: 0
            )
        }
        try Files.makeDirectories(self.path, mode: 0o755)
        try Files.write(self.processFile, Array("\(getpid())\n".utf8))
    }

    /// Writes a file that only its owner may read.
    package func write(_ path: String, _ text: String) throws(RuntimeError) {
        try Files.write(path, Array(text.utf8), mode: 0o600)
    }

    /// The text of a file; nil when it cannot be read.
    package func read(_ path: String) -> String? {
        Files.read(path).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Writes the administrator's kubeconfig to another place as well, readable by its owner alone.
    package func copyKubeconfig(to path: String) throws(RuntimeError) {
        guard path != self.kubeconfig, let text = self.read(self.kubeconfig) else { return }
        // Whoever waits for the file must not see half of it.
        try self.write(path + ".new", text)
        guard rename(path + ".new", path) == 0 else { throw RuntimeError("write \(path)") }
    }

    /// Removes what the sandbox made.
    package func remove() {
        for name in [
            "sandbox.pid", "kubeconfig", "kubeconfig-token", "kubeconfig-expired", "kubeconfig-nobody", "ca.crt",
            "faults", "faults-obeyed",
        ] {
            unlink("\(self.path)/\(name)")
        }
        Files.removeTree(self.logs)
        rmdir(self.path)
    }
}
