import Foundation
import Testing

@testable import Sandbox

@Suite struct FilesTests {
    @Test("a path is resolved within a root, links and all, and never leaves it")
    func resolve() throws {
        let root = NSTemporaryDirectory() + "files-\(UUID().uuidString)"
        defer { Files.removeTree(root) }
        try Files.makeDirectories(root + "/run/secrets")
        try Files.makeDirectories(root + "/var")
        symlink("/run", root + "/var/run")
        symlink("../../../../etc", root + "/var/up")
        symlink("loop", root + "/loop")
        #expect(Files.resolve("/var/run/secrets/x", in: root) == root + "/run/secrets/x")
        #expect(Files.resolve("var/up/passwd", in: root) == root + "/etc/passwd")
        #expect(Files.resolve("/../../etc/./x/../y", in: root) == root + "/etc/y")
        #expect(Files.resolve("/loop/x", in: root).hasPrefix(root))
        #expect(Files.resolve("/", in: root) == root)
    }

    @Test("files of a volume are replaced at one stroke and those that have gone stay gone")
    func volume() throws {
        let root = NSTemporaryDirectory() + "volumes-\(UUID().uuidString)"
        defer { Files.removeTree(root) }
        var volumes = PodVolumes(directory: root)
        try volumes.prepare(
            "v",
            .files([.init(path: "a", content: [1]), .init(path: "d/b", content: [2])]),
            group: nil
        )
        let path = try #require(volumes.path("v"))
        #expect(Files.read(path + "/a") == [1] && Files.read(path + "/d/b") == [2])
        try volumes.prepare("v", .files([.init(path: "a", content: [3])]), group: nil)
        #expect(Files.read(path + "/a") == [3] && Files.read(path + "/d/b") == nil)
        #expect(volumes.path("w") == nil)
    }
}
