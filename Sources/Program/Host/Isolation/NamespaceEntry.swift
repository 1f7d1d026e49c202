import CKernel
import Glibc
package import Kernel

/// Runs a program inside an isolated network.
package enum NamespaceEntry {
    /// The hidden sub-command: the holder's process id, then the program and its words.
    package static let command = "isolate-exec"

    /// Runs the hidden sub-command; returns only on failure, with the exit status that a shell would use.
    static func main(_ words: [String]) -> Int32 {
        guard let holder = words.first.flatMap({ Int32($0) }), words.count > 1 else {
            complain("usage: \(command) HOLDER PROGRAM [WORD]...")
            return 2
        }
        let error = exec(holder: holder, command: Array(words.dropFirst()))
        complain("\(error)")
        return error.code == ENOENT ? 127 : 126
    }

    private static func complain(_ text: String) {
        let bytes = Array((text + "\n").utf8)
        _ = write(STDERR_FILENO, bytes, bytes.count)
    }

    /// Enters the holder's user, mount and network namespaces and becomes the program.
    ///
    /// Returns only on failure.
    ///
    /// Must be called while the process has one thread. `command` is looked up in PATH; the working directory stays if
    /// none is given. The result says what failed; a program that is not there is ENOENT from `exec`.
    package static func exec(
        holder: Int32,
        command: [String],
        environment: [String: String]? = nil,
        workingDirectory: String? = nil
    ) -> SystemError {
        guard let file = command.first, !file.isEmpty else { return SystemError("exec", code: EINVAL) }
        do throws(SystemError) {
            let directory: String
            if let workingDirectory {
                directory = workingDirectory
            } else {
                guard let found = getcwd(nil, 0) else { return .last("getcwd") }
                defer { free(found) }
                directory = String(cString: found)
            }
            // All before the first change: afterwards /proc may be out of reach.
            let user = try Descriptor.open("/proc/\(holder)/ns/user", flags: O_RDONLY)
            let mounts = try Descriptor.open("/proc/\(holder)/ns/mnt", flags: O_RDONLY)
            let network = try Descriptor.open("/proc/\(holder)/ns/net", flags: O_RDONLY)
            // Entering the namespace that one is in is an error: a holder of root's has none of its own.
            let own = try Descriptor.open("/proc/self/ns/user", flags: O_RDONLY)
            if !isSame(own, user), ck_setns(user.rawValue, 0x1000_0000) != 0 {
                return .last("setns", "user namespace")
            }
            guard ck_setns(network.rawValue, 0x4000_0000) == 0 else { return .last("setns", "network namespace") }
            guard ck_setns(mounts.rawValue, 0x0002_0000) == 0 else { return .last("setns", "mount namespace") }
            guard chdir(directory) == 0 else { return .last("chdir", directory) }
        } catch {
            return error
        }
        var words: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        if let environment {
            var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
            // The search for the file goes by the program's own PATH.
            if let path = environment["PATH"] { setenv("PATH", path, 1) }
            _ = ck_execvpe(file, &words, &variables)
        } else {
            _ = execvp(file, &words)
        }
        return .last("exec", file)
    }

    private static func isSame(_ left: Descriptor, _ right: Descriptor) -> Bool {
        var one = stat()
        var other = stat()
        guard fstat(left.rawValue, &one) == 0, fstat(right.rawValue, &other) == 0 else { return false }
        return one.st_dev == other.st_dev && one.st_ino == other.st_ino
    }
}
