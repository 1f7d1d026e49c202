import Glibc
import Kernel

/// Terminals for containers and for `exec`.
enum PseudoTerminal {
    // The C header's macros are beyond Swift's importer.
    private static let getPeer: UInt = 0x5441
    private static let setSize: UInt = 0x5414
    private static let setLock: UInt = 0x4004_5431

    /// A pair of ends: the near one is ours, the far one a process's terminal.
    static func open() throws(SystemError) -> (near: Descriptor, far: Descriptor) {
        let near = try Descriptor.open("/dev/ptmx", flags: O_RDWR | O_NOCTTY)
        var unlocked: CInt = 0
        guard ioctl(near.rawValue, Self.setLock, &unlocked) == 0 else {
            throw SystemError("unlock", "/dev/ptmx", code: errno)
        }
        let far = ioctl(near.rawValue, Self.getPeer, O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard far >= 0 else { throw SystemError("open the terminal behind", "/dev/ptmx", code: errno) }
        return (near, Descriptor(far))
    }

    /// Tells a terminal its size.
    static func resize(_ near: Descriptor, columns: UInt16, rows: UInt16) {
        var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(near.rawValue, Self.setSize, &size)
    }
}
