import Glibc

/// A pod's volumes as its first process lays them out: in a file system in memory that vanishes with the pod.
struct PodVolumes {
    /// Where the pod's file system is mounted, in the pod's own mount namespace.
    let directory: String
    private var hosts: [String: String] = [:]
    private var generation = 0

    init(directory: String) {
        self.directory = directory
    }

    /// The place of a volume; nil when it was never prepared.
    func path(_ name: String) -> String? {
        if let host = self.hosts[name] { return host }
        let path = "\(self.directory)/volumes/\(name)"
        return Files.kind(path) == nil ? nil : path
    }

    /// Lays a volume out, or replaces its files.
    ///
    /// Files appear as the kubelet writes them: in a hidden directory that the link `..data` names, so that a reader sees
    /// either all old or all new ones.
    mutating func prepare(_ name: String, _ volume: VolumeSpec, group: UInt32?) throws(RuntimeError) {
        let root = "\(self.directory)/volumes/\(name)"
        switch volume {
        case .host(let path, let create):
            if create { try Files.makeDirectories(path) }
            self.hosts[name] = path
        case .directory:
            try Files.makeDirectories(root, mode: 0o777)
            chmod(root, group == nil ? 0o777 : 0o2777)
            if let group { chown(root, 0, group) }
        case .files(let files):
            try Files.makeDirectories(root)
            self.generation += 1
            let fresh = "..\(self.generation)"
            let before = Files.link("\(root)/..data")
            try Files.makeDirectories("\(root)/\(fresh)")
            for file in files {
                let path = "\(root)/\(fresh)/\(file.path)"
                if let slash = path.lastIndex(of: "/") { try Files.makeDirectories(String(path[..<slash])) }
                let mode = group == nil ? file.mode : file.mode | (file.mode >> 3 & 0o040) | 0o040
                try Files.write(path, file.content, mode: mode_t(mode))
                if let group { chown(path, 0, group) }
            }
            unlink("\(root)/..next")
            try checked(symlink(fresh, "\(root)/..next"), "symlink in volume \(name)")
            try checked(rename("\(root)/..next", "\(root)/..data"), "rename in volume \(name)")
            for top in Set(files.compactMap { $0.path.split(separator: "/").first.map(String.init) }) {
                if symlink("..data/\(top)", "\(root)/\(top)") != 0, errno != EEXIST {
                    throw RuntimeError("symlink in volume \(name)")
                }
            }
            if let before { Files.removeTree("\(root)/\(before)") }
        }
    }
}
