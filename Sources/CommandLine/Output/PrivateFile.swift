import Foundation

/// A file that only its owner can read, for what carries secrets.
enum PrivateFile {
    /// Makes a file, or takes the one that is there, whoever could read that; a pipe or a terminal is taken as it is.
    ///
    /// - Returns: It, empty and open for writing; nil with the reason in `errno`.
    static func open(_ path: String) -> FileHandle? {
        let descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return nil }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0,
            facts.st_mode & S_IFMT != S_IFREG || fchmod(descriptor, 0o600) == 0 && ftruncate(descriptor, 0) == 0
        else {
            let reason = errno
            close(descriptor)
            errno = reason
            return nil
        }
        return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }
}
