import Glibc
import Kernel

/// What lies below a directory of our own: reached name by name, so that no link is ever followed out of it.
///
/// Paths are relative to the directory, without `.` and `..`; empty is the directory itself. Files and links appear by renaming what was
/// written at `stage`.
struct LocalTree {
    /// Where things are made, and by which the directory is known as a copy of volumes.
    static let stage = ".telfs"

    private let root: Descriptor

    init(_ root: Descriptor) {
        self.root = root
    }

    /// Makes a directory, and those above it, where they are missing; what else goes by their names is removed.
    func makeDirectory(_ path: String) throws(SystemError) {
        _ = try directory(path, making: true)
    }

    /// Writes a file, at one stroke.
    ///
    /// - Parameters:
    ///   - bytes: All of it.
    ///   - path: Where; its directory is made.
    ///   - mode: The permissions.
    ///   - modified: Seconds since 1970.
    /// - Throws: When there is no room, or no right to.
    func write(_ bytes: [UInt8], to path: String, mode: UInt32, modified: UInt32) throws(SystemError) {
        let fresh = "\(Self.stage)/file"
        let stage = try directory(Self.stage, making: true)
        unlinkat(stage.rawValue, "file", 0)
        let number = openat(stage.rawValue, "file", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard number >= 0 else { throw .last("create", path) }
        let file = Descriptor(number)
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(number, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .last("write", path) }
            rest = rest.dropFirst(count)
        }
        guard fchmod(number, mode_t(mode & 0o777 | 0o400)) == 0 else { throw .last("chmod", path) }
        let moment = timespec(tv_sec: time_t(modified), tv_nsec: 0)
        guard futimens(number, [moment, moment]) == 0 else { throw .last("utimens", path) }
        file.close()
        try move(fresh, to: path)
    }

    /// Makes a link, or changes where it points, at one stroke.
    func link(_ target: String, at path: String) throws(SystemError) {
        let stage = try directory(Self.stage, making: true)
        unlinkat(stage.rawValue, "link", 0)
        guard symlinkat(target, stage.rawValue, "link") == 0 else { throw .last("symlink", path) }
        try move("\(Self.stage)/link", to: path)
    }

    /// Where a link points; nil when there is none.
    func target(_ path: String) -> String? {
        guard let (parent, name) = try? place(path, making: false) else { return nil }
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlinkat(parent.rawValue, name, &buffer, buffer.count)
        return count < 0 ? nil : String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Removes what is there, with all that is below; nothing where there is nothing.
    func remove(_ path: String) {
        if path.isEmpty { return Self.empty(root.rawValue) }
        guard let (parent, name) = try? place(path, making: false) else { return }
        Self.remove(name, in: parent.rawValue)
    }

    /// Removes a directory if nothing is in it.
    func removeEmpty(_ path: String) {
        guard let (parent, name) = try? place(path, making: false) else { return }
        unlinkat(parent.rawValue, name, AT_REMOVEDIR)
    }

    /// The names in the directory itself.
    var names: [String] { Self.names(in: root.rawValue) }

    // MARK: names

    private func move(_ path: String, to new: String) throws(SystemError) {
        let (from, old) = try place(path, making: false)
        let (to, name) = try place(new, making: true)
        if renameat(from.rawValue, old, to.rawValue, name) == 0 { return }
        // A directory is in the way.
        Self.remove(name, in: to.rawValue)
        guard renameat(from.rawValue, old, to.rawValue, name) == 0 else { throw .last("rename", new) }
    }

    /// The directory of a path, and its last name.
    private func place(_ path: String, making: Bool) throws(SystemError) -> (Descriptor, String) {
        let parts = path.split(separator: "/")
        guard let last = parts.last else { throw SystemError("use", path, code: EINVAL) }
        return (try directory(parts.dropLast().joined(separator: "/"), making: making), String(last))
    }

    private func directory(_ path: String, making: Bool) throws(SystemError) -> Descriptor {
        var present = root
        for part in path.split(separator: "/") {
            let name = String(part)
            guard name != ".", name != ".." else { throw SystemError("use", path, code: EINVAL) }
            let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
            var number = openat(present.rawValue, name, flags)
            if number < 0, making {
                if errno != ENOENT { Self.remove(name, in: present.rawValue) }
                guard mkdirat(present.rawValue, name, 0o700) == 0 else { throw .last("mkdir", path) }
                number = openat(present.rawValue, name, flags)
            }
            guard number >= 0 else { throw .last("open", path) }
            present = Descriptor(number)
        }
        return present
    }

    private static func remove(_ name: String, in directory: CInt) {
        if unlinkat(directory, name, 0) == 0 || errno == ENOENT { return }
        let number = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard number >= 0 else { return }
        let inner = Descriptor(number)
        empty(inner.rawValue)
        inner.close()
        unlinkat(directory, name, AT_REMOVEDIR)
    }

    private static func empty(_ directory: CInt) {
        // Whoever works in it may have taken away the right to.
        fchmod(directory, 0o700)
        for name in names(in: directory) { remove(name, in: directory) }
    }

    private static func names(in directory: CInt) -> [String] {
        let copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard copy >= 0, let stream = fdopendir(copy) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
