import CSandbox
import Glibc

/// Makes a container's view of the file system: the machine's own as a base, changes in memory, and the volumes.
///
/// Runs in the container's first process, in its own mount namespace. Nothing that it does reaches the machine: the root
/// is an overlay whose upper layer is in the pod's memory file system, other mounted file systems are bound read-only, and
/// `/tmp`, `/run`, `/dev`, `/proc` and `/sys` are the container's own.
struct ContainerRoot {
    private static let readOnly: UInt = 1
    private static let noSetUserID: UInt = 2
    private static let noDevices: UInt = 4
    private static let noPrograms: UInt = 8
    private static let remount: UInt = 32
    private static let bind: UInt = 4096
    private static let recursive: UInt = 16384
    private static let isPrivate: UInt = 1 << 18

    /// Directories that are the container's own, not the machine's.
    private static let own = ["/proc", "/sys", "/dev", "/run", "/tmp"]

    /// The pod's memory file system, as mounted in the pod's first process.
    let pod: String
    let spec: ContainerSpec
    let volumes: PodVolumes

    private var layers: String { "\(self.pod)/containers/\(self.spec.id)" }
    private var root: String { "\(self.layers)/root" }

    /// Makes the root and moves into it.
    func enter() throws(RuntimeError) {
        try Self.mount(nil, "/", nil, Self.recursive | Self.isPrivate)
        for name in ["upper", "work", "root"] { try Files.makeDirectories("\(self.layers)/\(name)") }
        try Self.mount(
            "overlay",
            self.root,
            "overlay",
            0,
            "lowerdir=/,upperdir=\(self.layers)/upper,workdir=\(self.layers)/work"
        )
        self.bindOtherFileSystems()
        try self.mountOwn()
        for directory in self.spec.shown {
            self.openWay(to: directory)
            if Self.isBelow(directory, Self.own) { try self.show(directory) }
        }
        for (path, text) in self.spec.files { try self.write(path, text) }
        for mount in self.spec.mounts { try self.attach(mount) }
        if self.spec.readOnlyRoot {
            try Self.mount(nil, self.root, nil, Self.remount | Self.bind | Self.readOnly)
        }
        try checked(chdir(self.root), "chdir to the container's root")
        try checked(csb_pivot_root(".", "."), "pivot_root")
        try checked(csb_unmount_lazily("."), "leave the machine's root")
        try checked(chdir("/"), "chdir /")
    }

    /// What is mounted below the machine's root is no part of the overlay's lower layer: bind it, read-only.
    private func bindOtherFileSystems() {
        guard let table = Files.read("/proc/self/mountinfo") else { return }
        for line in String(decoding: table, as: UTF8.self).split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count > 4 else { continue }
            // Spaces in names are written as \040.
            let path = String(fields[4]).replacing("\\040", with: " ")
            if path == "/" || path == self.pod || Self.isBelow(path, Self.own + [self.pod]) { continue }
            // Container runtimes put these over the machine's; here come the pod's own.
            if self.spec.files[path] != nil { continue }
            let target = self.root + path
            // A file system that cannot be bound is missing in the container, no more.
            guard Files.kind(target) != nil, (try? Self.mount(path, target, nil, Self.bind)) != nil else { continue }
            try? Self.mount(nil, target, nil, Self.bind | Self.remount | Self.readOnly)
        }
    }

    private func mountOwn() throws(RuntimeError) {
        for path in Self.own { try Files.makeDirectories(self.root + path) }
        let plain = Self.noSetUserID | Self.noDevices
        try Self.mount("proc", "\(self.root)/proc", "proc", plain | Self.noPrograms)
        // Without it the container only lacks /sys.
        try? Self.mount("sysfs", "\(self.root)/sys", "sysfs", plain | Self.noPrograms | Self.readOnly)
        try Self.mount("tmpfs", "\(self.root)/run", "tmpfs", plain, "mode=755")
        try Files.makeDirectories("\(self.root)/run/lock", mode: 0o777)
        try Self.mount("tmpfs", "\(self.root)/tmp", "tmpfs", plain, "mode=1777")
        let dev = "\(self.root)/dev"
        try Self.mount("tmpfs", dev, "tmpfs", Self.noSetUserID, "mode=755")
        let devices: [(String, UInt32, UInt32)] = [
            ("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0),
        ]
        for (name, major, minor) in devices {
            try checked(csb_make_device("\(dev)/\(name)", 0o666, major, minor), "make /dev/\(name)")
            chmod("\(dev)/\(name)", 0o666)
        }
        try Files.makeDirectories("\(dev)/shm")
        try Self.mount("tmpfs", "\(dev)/shm", "tmpfs", plain, "mode=1777")
        try Files.makeDirectories("\(dev)/pts")
        try? Self.mount("devpts", "\(dev)/pts", "devpts", Self.noSetUserID, "newinstance,ptmxmode=0666,mode=0620")
        let links = [
            ("pts/ptmx", "ptmx"), ("/proc/self/fd", "fd"), ("/proc/self/fd/0", "stdin"), ("/proc/self/fd/1", "stdout"),
            ("/proc/self/fd/2", "stderr"),
        ]
        for (target, name) in links { symlink(target, "\(dev)/\(name)") }
    }

    /// Lets users other than root pass on the way to a directory, as they could in an image; only in the overlay.
    ///
    /// The tree that the sandbox was built in, or Swift's own libraries, may lie in a home directory.
    private func openWay(to directory: String) {
        var path = self.root
        for part in directory.split(separator: "/") {
            path += "/\(part)"
            var information = stat()
            guard lstat(path, &information) == 0, information.st_mode & S_IFMT == S_IFDIR else { continue }
            if information.st_mode & 0o001 == 0 { chmod(path, information.st_mode & 0o7777 | 0o011) }
        }
    }

    private func show(_ directory: String) throws(RuntimeError) {
        try Files.makeDirectories(self.root + directory)
        try Self.mount(directory, self.root + directory, nil, Self.bind)
        try? Self.mount(nil, self.root + directory, nil, Self.bind | Self.remount | Self.readOnly)
    }

    private func write(_ path: String, _ text: String) throws(RuntimeError) {
        // A link such as that of resolv.conf to systemd's goes; the file takes its place.
        let target = self.root + path
        if Files.kind(target) == S_IFLNK { unlink(target) }
        try Files.write(Files.resolve(path, in: self.root), [UInt8](text.utf8))
    }

    private func attach(_ mount: ContainerSpec.Mount) throws(RuntimeError) {
        guard let volume = self.volumes.path(mount.volume) else {
            throw RuntimeError("volume \"\(mount.volume)\" was not prepared", code: 0)
        }
        var source = volume
        if !mount.subPath.isEmpty {
            // The way down must not leave the volume by links, not even by ones that a container made in it.
            source = Files.resolve(mount.subPath, in: volume)
            if Files.kind(source) == nil { try Files.makeDirectories(source) }
        }
        let target = Files.resolve(mount.path, in: self.root)
        var information = stat()
        guard stat(source, &information) == 0 else { throw RuntimeError("volume \"\(mount.volume)\" at \(source)") }
        if information.st_mode & S_IFMT == S_IFDIR {
            try Files.makeDirectories(target)
        } else if Files.kind(target) == nil {
            if let slash = target.lastIndex(of: "/") { try Files.makeDirectories(String(target[..<slash])) }
            try Files.write(target, [])
        }
        try Self.mount(source, target, nil, Self.bind | Self.recursive)
        if mount.readOnly { try Self.mount(nil, target, nil, Self.bind | Self.remount | Self.readOnly) }
    }

    private static func isBelow(_ path: String, _ parents: [String]) -> Bool {
        parents.contains { path == $0 || path.hasPrefix($0 + "/") }
    }

    static func mount(
        _ source: String?,
        _ target: String,
        _ type: String?,
        _ flags: UInt,
        _ data: String? = nil
    )
        throws(RuntimeError)
    {
        try checked(csb_mount(source, target, type, flags, data), "mount \(source ?? type ?? "") on \(target)")
    }
}
