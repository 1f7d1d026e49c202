import CSandbox
import Glibc

/// The last steps of a process on its way to being a container's: terminal, credentials, program.
struct ContainerProcess {
    let spec: ContainerSpec

    /// Becomes the program.
    ///
    /// Comes back only by throwing.
    func become() throws(RuntimeError) {
        if self.spec.terminal { csb_set_controlling_terminal(0) }
        // A missing working directory is made, as container runtimes do.
        if chdir(self.spec.workingDirectory) != 0 {
            try Files.makeDirectories(self.spec.workingDirectory)
            try checked(chdir(self.spec.workingDirectory), "chdir to \(self.spec.workingDirectory)")
        }
        try self.dropPrivileges()
        umask(0o022)
        csb_reset_signals()
        try self.execute()
    }

    private func dropPrivileges() throws(RuntimeError) {
        let capabilities = self.spec.capabilities
        for capability in 0..<64 where capabilities & (1 << UInt64(capability)) == 0 {
            // Fails past the last capability that the kernel knows: there is nothing left to drop.
            guard csb_drop_bounding(CInt(capability)) == 0 else { break }
        }
        try checked(setgroups(self.spec.groups.count, self.spec.groups), "setgroups")
        try checked(setgid(self.spec.group), "setgid \(self.spec.group)")
        try checked(setuid(self.spec.user), "setuid \(self.spec.user)")
        if self.spec.user == 0 {
            try checked(csb_set_capabilities(capabilities, capabilities, 0), "set capabilities")
        }
        if self.spec.noNewPrivileges { try checked(csb_set_no_new_privileges(), "set no_new_privs") }
        // A change of credentials clears it.
        csb_set_parent_death_signal(SIGKILL)
    }

    private func execute() throws(RuntimeError) {
        guard let program = self.spec.arguments.first, !program.isEmpty else {
            throw RuntimeError("no command specified", code: 0)
        }
        let path = self.spec.environment.last { $0.hasPrefix("PATH=") }?.dropFirst(5) ?? "/usr/bin:/bin"
        let candidates =
            program.contains("/")
            ? [program] : path.split(separator: ":", omittingEmptySubsequences: true).map { "\($0)/\(program)" }
        var arguments: [UnsafeMutablePointer<CChar>?] = self.spec.arguments.map { strdup($0) } + [nil]
        var environment: [UnsafeMutablePointer<CChar>?] = self.spec.environment.map { strdup($0) } + [nil]
        var failure = ENOENT
        for candidate in candidates {
            execve(candidate, &arguments, &environment)
            if errno != ENOENT, errno != ENOTDIR { failure = errno }
        }
        if failure == ENOENT {
            let place =
                program.contains("/")
                ? "stat \(program): no such file or directory" : "executable file not found in $PATH"
            throw RuntimeError("exec: \"\(program)\": \(place)", code: 0)
        }
        throw RuntimeError("exec: \"\(program)\"", code: failure)
    }
}
