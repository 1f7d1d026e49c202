import Glibc
import Kernel

/// The directory with the copies of an attachment's volumes: mode 0700, one process's own, and known by what is in it.
///
/// Nothing else is ever taken for one, and so nothing else is ever removed.
final class SyncPlace {
    let tree: LocalTree
    private let path: String
    private let root: Descriptor

    /// Makes the directory, or takes one over whose process has ended without removing it.
    ///
    /// - Parameters:
    ///   - path: Of the directory; the one above it is there.
    ///   - attempts: How often to try, 20 ms apart, while another process has it, which may only be looking whether it is left behind.
    /// - Throws: `EEXIST` when something else is there, `EBUSY` when another process has it.
    init(_ path: String, attempts: Int = 250) throws(SystemError) {
        self.path = path
        root = try Self.take(path, attempts)
        tree = LocalTree(root)
        guard tree.names.isEmpty || tree.names.contains(LocalTree.stage) else {
            throw SystemError("copy volumes to", path, code: EEXIST)
        }
        guard fchmod(root.rawValue, 0o700) == 0 else { throw .last("chmod", path) }
        tree.remove("")
        try tree.makeDirectory(LocalTree.stage)
    }

    /// Removes everything.
    func remove() {
        Self.empty(tree, path)
    }

    /// Removes a copy that no process has any more; nothing where there is none.
    static func tidy(_ path: String) {
        guard let root = try? open(path) else { return }
        let tree = LocalTree(root)
        if tree.names.contains(LocalTree.stage) { empty(tree, path) }
    }

    /// Removes all such copies that were made in a directory.
    static func tidy(in directory: String) {
        guard let file = try? Descriptor.open(directory, flags: O_RDONLY | O_DIRECTORY) else { return }
        for name in LocalTree(file).names where name.hasPrefix(prefix) { tidy("\(directory)/\(name)") }
    }

    /// What the names of such directories begin with, as Telepresence's do.
    static let prefix = "telfs-"

    /// By this it is known: it goes last.
    private static func empty(_ tree: LocalTree, _ path: String) {
        for name in tree.names where name != LocalTree.stage { tree.remove(name) }
        tree.remove(LocalTree.stage)
        rmdir(path)
    }

    private static func take(_ path: String, _ attempts: Int) throws(SystemError) -> Descriptor {
        var left = attempts
        while true {
            left -= 1
            if mkdir(path, 0o700) != 0, errno != EEXIST { throw .last("mkdir", path) }
            do throws(SystemError) {
                let root = try open(path)
                var (own, present) = (stat(), stat())
                // Whoever had the lock may have removed it meanwhile.
                if fstat(root.rawValue, &own) == 0, lstat(path, &present) == 0, own.st_ino == present.st_ino {
                    return root
                }
            } catch {
                guard error.code == EBUSY || error.code == ENOENT, left > 0 else { throw error }
            }
            usleep(20_000)
        }
    }

    private static func open(_ path: String) throws(SystemError) -> Descriptor {
        let root = try Descriptor.open(path, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        var facts = stat()
        guard fstat(root.rawValue, &facts) == 0, facts.st_uid == geteuid() else {
            throw SystemError("use", path, code: EPERM)
        }
        // Whoever has it keeps the lock for as long as it lives.
        guard flock(root.rawValue, LOCK_EX | LOCK_NB) == 0 else { throw SystemError("lock", path, code: EBUSY) }
        return root
    }
}
