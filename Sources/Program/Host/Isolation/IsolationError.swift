import Glibc
package import Kernel

/// Why an isolated network could not be made or entered.
package struct IsolationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What went wrong, for people.
    package let description: String

    package init(_ description: String) {
        self.description = description
    }

    /// Says what a failed system call means here.
    package init(_ error: SystemError) {
        let hint =
            switch (error.operation, error.subject) {
            case ("open", "/dev/net/tun") where error.code == ENOENT || error.code == ENODEV || error.code == ENXIO:
                "; isolated mode needs it (as root: modprobe tun; in a container: --device /dev/net/tun)"
            case ("open", "/dev/net/tun"):
                "; isolated mode needs it readable and writable (as root: chmod 666 /dev/net/tun, its usual mode)"
            case ("unshare", _), (_, "/proc/self/setgroups"), (_, "/proc/self/uid_map"):
                "; isolated mode needs unprivileged user namespaces (\(Self.remedy))"
            default: ""
            }
        description = "\(error)\(hint)"
    }

    /// How the setting is changed that forbids user namespaces, as far as it can be seen.
    private static var remedy: String {
        let settings = [
            ("user/max_user_namespaces", "0", "15000"),
            ("kernel/unprivileged_userns_clone", "0", "1"),
            ("kernel/apparmor_restrict_unprivileged_userns", "1", "0"),
        ]
        for (name, bad, good) in settings where SmallFile.text("/proc/sys/\(name)").hasPrefix("\(bad)\n") {
            return "as root: sysctl -w \(name.map { $0 == "/" ? "." : String($0) }.joined())=\(good)"
        }
        return "in a container: its seccomp profile must allow unshare"
    }
}
