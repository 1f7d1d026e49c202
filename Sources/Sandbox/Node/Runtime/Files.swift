import Glibc

/// The file operations of the pod runtime, without Foundation: it runs between fork and exec.
enum Files {
    /// Makes a directory and those above it.
    ///
    /// What exists is left alone.
    static func makeDirectories(_ path: String, mode: mode_t = 0o755) throws(RuntimeError) {
        if mkdir(path, mode) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
            throw RuntimeError("mkdir \(path)")
        }
        try self.makeDirectories(String(path[..<slash]))
        guard mkdir(path, mode) == 0 || errno == EEXIST else { throw RuntimeError("mkdir \(path)") }
    }

    /// Writes a whole file anew.
    static func write(_ path: String, _ bytes: [UInt8], mode: mode_t = 0o644) throws(RuntimeError) {
        let file = try checked(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode), "open \(path)")
        defer { close(file) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            rest = rest.dropFirst(try checked(count, "write \(path)"))
        }
        // The mode as asked for, whatever the umask.
        fchmod(file, mode)
    }

    /// Reads a whole file; nil when it cannot be read.
    static func read(_ path: String) -> [UInt8]? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = Glibc.read(file, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return count == 0 ? bytes : nil }
            bytes.append(contentsOf: chunk[..<count])
        }
    }

    /// What stands at a path, not following a last symbolic link; nil when nothing does.
    static func kind(_ path: String) -> mode_t? {
        var information = stat()
        guard lstat(path, &information) == 0 else { return nil }
        return information.st_mode & S_IFMT
    }

    /// The target of a symbolic link; nil when the path is none.
    static func link(_ path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink(path, &buffer, buffer.count)
        return count >= 0 ? String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
    }

    /// The place inside `root` that `path` means for a process whose root directory it is.
    ///
    /// Symbolic links are followed within the root; parts that do not exist stay as they are.
    static func resolve(_ path: String, in root: String) -> String {
        var pending = path.split(separator: "/").map(String.init).reversed() as [String]
        var found: [String] = []
        var links = 0
        while let part = pending.popLast() {
            if part == "." { continue }
            if part == ".." {
                _ = found.popLast()
                continue
            }
            let place = root + "/" + (found + [part]).joined(separator: "/")
            if links < 40, let target = self.link(place) {
                links += 1
                if target.hasPrefix("/") { found = [] }
                pending.append(contentsOf: target.split(separator: "/").map(String.init).reversed())
            } else {
                found.append(part)
            }
        }
        return found.isEmpty ? root : root + "/" + found.joined(separator: "/")
    }

    /// Removes a directory and all below it; what cannot be removed stays.
    static func removeTree(_ path: String) {
        guard Files.kind(path) == S_IFDIR, let directory = opendir(path) else {
            unlink(path)
            return
        }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        closedir(directory)
        for name in names { self.removeTree("\(path)/\(name)") }
        rmdir(path)
    }
}
