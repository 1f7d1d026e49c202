import CKernel
import Glibc

/// A network namespace, kept alive by the descriptor that it holds.
///
/// Work in another namespace is done on a thread of its own, so that the caller's threads never change theirs. A
/// socket belongs for ever to the namespace in which it was made, and a child process starts in the namespace of the
/// thread that spawned it.
package struct NetworkNamespace: Sendable {
    /// `CLONE_NEWNET`.
    package static let kind: CInt = 0x4000_0000

    /// The open `ns/net` file.
    package let descriptor: Descriptor

    /// Takes an open `ns/net` file.
    package init(_ descriptor: Descriptor) {
        self.descriptor = descriptor
    }

    /// The namespace at a path, such as `/run/netns/NAME` or `/proc/PID/ns/net`.
    package init(path: String) throws(SystemError) {
        descriptor = try Descriptor.open(path, flags: O_RDONLY)
    }

    /// The namespace that a process is in.
    package init(process: Int32) throws(SystemError) {
        try self.init(path: "/proc/\(process)/ns/net")
    }

    /// The namespace of the calling thread.
    package static func current() throws(SystemError) -> NetworkNamespace {
        try NetworkNamespace(path: "/proc/thread-self/ns/net")
    }

    /// Makes a namespace that lives as long as the value, a socket or a process in it.
    ///
    /// Its loopback is up.
    package static func create() throws(SystemError) -> NetworkNamespace {
        try DedicatedThread.run { () throws(SystemError) in
            guard ck_unshare(kind) == 0 else { throw .last("unshare", "network namespace") }
            let namespace = try NetworkNamespace(path: "/proc/thread-self/ns/net")
            let netlink = try RouteSocket()
            try netlink.setUp(try netlink.index(of: "lo"), true)
            return namespace
        }
    }

    /// Runs the body on a thread inside the namespace and waits for it.
    ///
    /// The thread has its own working directory and root (`CLONE_FS`), so the body may also change mount namespace.
    package func run<Value: Sendable>(
        _ body: @escaping @Sendable () throws(SystemError) -> Value
    ) throws(SystemError) -> Value {
        let number = descriptor.rawValue
        let value = try DedicatedThread.run { () throws(SystemError) in
            guard ck_setns(number, NetworkNamespace.kind) == 0 else { throw .last("setns", "network namespace") }
            return try body()
        }
        withExtendedLifetime(descriptor) {}
        return value
    }

    /// Gives the namespace a name for `ip netns`, which keeps it alive until `unbind`.
    package func bind(name: String) throws(SystemError) {
        _ = mkdir("/run/netns", 0o755)
        let path = "/run/netns/\(name)"
        let file = try Descriptor.open(path, flags: O_RDONLY | O_CREAT | O_EXCL, mode: 0o444)
        file.close()
        try Mount.bind("/proc/self/fd/\(descriptor.rawValue)", on: path)
    }

    /// Removes a name that `bind` gave.
    ///
    /// Missing is fine.
    package static func unbind(name: String) {
        let path = "/run/netns/\(name)"
        Mount.detach(path)
        _ = unlink(path)
    }
}
