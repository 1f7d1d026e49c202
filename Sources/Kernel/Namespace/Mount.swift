import CKernel
import Glibc

/// Mounts of the calling thread's mount namespace.
package enum Mount {
    /// Puts a file or directory over another.
    package static func bind(_ source: String, on target: String, recursive: Bool = false) throws(SystemError) {
        let flags = UInt(recursive ? 0x1000 | 0x4000 : 0x1000)
        guard mount(source, target, nil, flags, nil) == 0 else { throw .last("bind mount on", target) }
    }

    /// Keeps what is mounted below here to this namespace.
    package static func makePrivate(_ target: String = "/") throws(SystemError) {
        guard mount(nil, target, nil, 0x4000 | (1 << 18), nil) == 0 else {
            throw .last("make mounts private below", target)
        }
    }

    /// Mounts a file system.
    package static func fileSystem(
        _ type: String,
        on target: String,
        options: String = ""
    ) throws(SystemError) {
        let done = options.withCString { mount(type, target, type, 0, $0) == 0 }
        guard done else { throw .last("mount \(type) on", target) }
    }

    /// Takes a mount away, also one in use.
    ///
    /// Missing is fine.
    package static func detach(_ target: String) {
        _ = umount2(target, 2)
    }

    /// Gives the calling thread a mount namespace of its own, nothing of which is seen outside.
    ///
    /// Only for a thread from `DedicatedThread` or `NetworkNamespace.run`, or a process with one thread.
    package static func unshare() throws(SystemError) {
        guard ck_unshare(0x0002_0000 | 0x0200) == 0 else { throw .last("unshare", "mount namespace") }
        try makePrivate()
    }

    /// Moves the calling thread into a process's mount namespace.
    ///
    /// Same condition as `unshare`.
    package static func enter(process: Int32) throws(SystemError) {
        let namespace = try Descriptor.open("/proc/\(process)/ns/mnt", flags: O_RDONLY)
        guard ck_unshare(0x0200) == 0, ck_setns(namespace.rawValue, 0x0002_0000) == 0 else {
            throw .last("setns", "mount namespace of \(process)")
        }
    }
}
