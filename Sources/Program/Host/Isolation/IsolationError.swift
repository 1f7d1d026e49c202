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
            case ("open", "/dev/net/tun"):
                "; isolated mode needs it readable and writable (mode 0666), as most systems have it"
            case ("unshare", _):
                "; isolated mode needs unprivileged user namespaces (sysctl user.max_user_namespaces, "
                    + "kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns)"
            default: ""
            }
        description = "\(error)\(hint)"
    }
}
