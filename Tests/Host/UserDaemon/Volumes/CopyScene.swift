import Foundation
import Glibc
import Kernel
import Testing

@testable import Host

/// A container's volumes in a directory, Debian's `sftp-server` that serves them, and copies.
final class CopyScene {
    static let program = "/usr/lib/openssh/sftp-server"

    let root: String
    let place: SyncPlace
    var copies: VolumeCopies
    var client: SFTPClient
    private var generation = 0

    /// Where the volumes are.
    var there: String { root + "/there" }
    /// Where the copies are.
    var here: String { root + "/here" }

    init(_ mounts: [String], _ limits: SyncLimits = SyncLimits()) throws {
        root = NSTemporaryDirectory() + "copies-\(UUID().uuidString)"
        for mount in mounts {
            let path = root + "/there" + mount
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
        place = try SyncPlace(root + "/here")
        copies = VolumeCopies(mounts, base: root + "/there", limits: limits, in: place.tree)
        client = try Self.server()
    }

    deinit { try? FileManager.default.removeItem(atPath: root) }

    /// Another server, as after a pod was replaced.
    func reconnect() throws {
        client = try Self.server()
        copies.doubt()
    }

    private static func server() throws -> SFTPClient {
        let (near, far) = try UnixSockets.pair()
        let process = try HostProgram.spawn(program, ["-e", "-R"], standardInput: far, standardOutput: far)
        far.close()
        pthread_detach(try DedicatedThread.start { while waitpid(process, nil, 0) < 0, errno == EINTR {} })
        return try SFTPClient(near, lifeline: -1)
    }

    /// One look at the volumes.
    func follow() throws { try copies.follow(client) }

    /// Looks until what a file is said to be is not doubted any more.
    func settle() throws { for _ in 0..<4 { try follow() } }

    // MARK: the volumes

    /// Writes a file of a volume, with a time long past unless another is given.
    func put(_ text: String, _ path: String, mode: mode_t = 0o644, at time: Int = 1_000_000) throws {
        let full = there + path
        try FileManager.default.createDirectory(
            atPath: URL(fileURLWithPath: full).deletingLastPathComponent().path,
            withIntermediateDirectories: true
        )
        try text.write(toFile: full, atomically: false, encoding: .utf8)
        chmod(full, mode)
        let moment = timespec(tv_sec: time, tv_nsec: 0)
        utimensat(AT_FDCWD, full, [moment, moment], 0)
    }

    /// Replaces a volume's files as the kubelet does.
    func publish(_ files: [String: String], _ volume: String, mode: mode_t = 0o644) throws {
        let root = there + volume
        generation += 1
        let before = try? FileManager.default.destinationOfSymbolicLink(atPath: root + "/..data")
        for (name, text) in files { try put(text, "\(volume)/..2026_\(generation)/\(name)", mode: mode) }
        symlink("..2026_\(generation)", root + "/..next")
        rename(root + "/..next", root + "/..data")
        for name in files.keys { symlink("..data/\(name)", "\(root)/\(name)") }
        for name in try FileManager.default.contentsOfDirectory(atPath: root)
        where !name.hasPrefix("..") && files[name] == nil { unlink("\(root)/\(name)") }
        if let before { try FileManager.default.removeItem(atPath: "\(root)/\(before)") }
    }

    // MARK: the copies

    func text(_ path: String) -> String? { try? String(contentsOfFile: here + path, encoding: .utf8) }

    func names(_ path: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: here + path)) ?? []).sorted()
    }

    func facts(_ path: String) -> (mode: mode_t, modified: Int) {
        var facts = stat()
        lstat(here + path, &facts)
        return (facts.st_mode & 0o7777, facts.st_mtim.tv_sec)
    }

    func link(_ path: String) -> String? { try? FileManager.default.destinationOfSymbolicLink(atPath: here + path) }
}
