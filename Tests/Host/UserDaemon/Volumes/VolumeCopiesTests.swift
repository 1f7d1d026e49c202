import Foundation
import Glibc
import Kernel
import TestSupport
import Testing

@testable import Host

/// Copies of volumes that the real `sftp-server` serves.
@Suite(.ownThreads, .enabled(if: access(CopyScene.program, X_OK) == 0, "needs openssh-sftp-server"))
struct VolumeCopiesTests {
    @Test("a config map's files come with their modes and times, and change at one stroke")
    func whole() throws {
        let scene = try CopyScene(["/etc/e2e"])
        try scene.publish(["plain": "one", "gone": "x"], "/etc/e2e", mode: 0o440)
        try scene.follow()
        #expect(scene.copies.isComplete && scene.copies.complaint.isEmpty)
        #expect(scene.text("/etc/e2e/plain") == "one")
        #expect(scene.link("/etc/e2e/plain") == "..data/plain")
        #expect(scene.facts("/etc/e2e/..data/plain") == (0o440, 1_000_000))
        #expect(scene.facts("/etc/e2e").mode == 0o700)

        let open = try Descriptor.open(scene.here + "/etc/e2e/..data", flags: O_RDONLY | O_DIRECTORY)
        try scene.publish(["plain": "two", "new": "y"], "/etc/e2e")
        try scene.follow()
        #expect(scene.text("/etc/e2e/plain") == "two")
        #expect(scene.names("/etc/e2e").filter { !$0.hasPrefix("..") } == ["new", "plain"])
        #expect(scene.names("/etc/e2e").count == 4, "no former files")
        #expect(faccessat(open.rawValue, "plain", F_OK, 0) != 0, "the former files are others")
    }

    @Test("files that are written again with what they had are left alone")
    func unchanged() throws {
        let scene = try CopyScene(["/v"])
        try scene.publish(["a": "one"], "/v")
        try scene.follow()
        let before = scene.link("/v/..data")
        try scene.publish(["a": "one"], "/v")
        try scene.reconnect()
        try scene.follow()
        #expect(scene.link("/v/..data") == before)
        try scene.publish(["a": "two"], "/v")
        try scene.follow()
        #expect(scene.link("/v/..data") != before)
        #expect(scene.text("/v/a") == "two")
    }

    @Test("of any other volume each file follows by itself")
    func single() throws {
        let scene = try CopyScene(["/data"])
        try scene.put("one", "/data/a")
        try scene.put("secret", "/data/deep/er/key", mode: 0o400, at: 2_000_000)
        symlink("deep/er/key", scene.there + "/data/link")
        symlink("/etc/passwd", scene.there + "/data/out")
        mkfifo(scene.there + "/data/fifo", 0o600)
        try scene.follow()
        #expect(scene.text("/data/link") == "secret")
        #expect(scene.facts("/data/deep/er/key") == (0o400, 2_000_000))
        #expect(scene.facts("/data/deep").mode == 0o700)
        #expect(scene.names("/data") == ["a", "deep", "link"])
        #expect(scene.copies.complaint.contains("/data/out (a link out of its volume)"))
        #expect(scene.copies.complaint.contains("/data/fifo (neither a file nor a directory)"))

        try scene.put("two", "/data/a", at: 3_000_000)
        try FileManager.default.removeItem(atPath: scene.there + "/data/deep")
        try scene.put("a file now", "/data/deep")
        try scene.put("new", "/data/b/c")
        try scene.follow()
        #expect(scene.text("/data/a") == "two")
        #expect(scene.text("/data/deep") == "a file now")
        #expect(scene.text("/data/b/c") == "new")
        try FileManager.default.removeItem(atPath: scene.there + "/data/b")
        try scene.follow()
        #expect(scene.names("/data") == ["a", "deep", "link"])
    }

    @Test("a file that is written twice within a second is not missed, nor one of another pod")
    func sameTime() throws {
        let scene = try CopyScene(["/data"])
        try scene.put("one", "/data/a")
        try scene.follow()
        try scene.put("two", "/data/a")
        try scene.follow()
        #expect(scene.text("/data/a") == "two")
        try scene.settle()
        try scene.put("six", "/data/a")
        try scene.follow()
        #expect(scene.text("/data/a") == "two", "what looks the same is not read all the time")
        try scene.reconnect()
        try scene.follow()
        #expect(scene.text("/data/a") == "six")
    }

    @Test("a mount that is one file is copied")
    func file() throws {
        let scene = try CopyScene(["/etc"])
        try scene.put("x", "/etc/app.conf")
        scene.copies = VolumeCopies(["/etc/app.conf"], base: scene.there, in: scene.place.tree)
        try scene.follow()
        #expect(scene.text("/etc/app.conf") == "x")
        #expect(scene.names("/etc") == ["app.conf"])
    }

    @Test("what is too large is left out, and told")
    func large() throws {
        let scene = try CopyScene(["/big", "/config", "/many"], SyncLimits(total: 1000, file: 400, entries: 5))
        for name in ["a", "b", "c"] { try scene.put(String(repeating: "x", count: 380), "/big/\(name)") }
        for name in 0..<6 { try scene.put("", "/many/\(name)") }
        try scene.publish(["small": "x", "large": String(repeating: "x", count: 401)], "/config")
        try scene.follow()
        #expect(scene.names("") == [".telfs", "config"])
        #expect(scene.text("/config/small") == "x")
        #expect(scene.copies.isComplete)
        for text in [
            "/config/large (a file of more than", "/many (it has more than 5 files)",
            "/big (it makes the volumes larger than",
        ] {
            #expect(scene.copies.complaint.contains(text), "\(scene.copies.complaint)")
        }
        // Once there is room, another server finds it so.
        unlink(scene.there + "/big/a")
        try scene.reconnect()
        try scene.follow()
        #expect(scene.names("/big") == ["b", "c"])
    }

    @Test("a volume within another is its own")
    func nested() throws {
        let scene = try CopyScene(["/data", "/data/config", "/data/deep/er"], SyncLimits(total: 1000, file: 900))
        try scene.put("x", "/data/a")
        try scene.put("y", "/data/deep/b")
        try scene.put("z", "/data/deep/er/c")
        try scene.publish(["plain": "one"], "/data/config")
        try scene.follow()
        #expect(scene.text("/data/a") == "x")
        #expect(scene.text("/data/config/plain") == "one")
        #expect(scene.text("/data/deep/er/c") == "z")
        try scene.put(String(repeating: "x", count: 600), "/data/a")
        try scene.put(String(repeating: "x", count: 600), "/data/deep/b")
        try scene.follow()
        #expect(scene.text("/data/a") == nil && scene.text("/data/deep/b") == nil, "it is too large now")
        #expect(scene.text("/data/config/plain") == "one")
        #expect(scene.text("/data/deep/er/c") == "z")
    }

    @Test("a volume may become one of the other kind, or go")
    func kinds() throws {
        let scene = try CopyScene(["/v"])
        try scene.put("x", "/v/a")
        try scene.follow()
        try FileManager.default.removeItem(atPath: scene.there + "/v/a")
        try scene.publish(["b": "y"], "/v")
        try scene.follow()
        #expect(scene.names("/v").filter { !$0.hasPrefix("..") } == ["b"])
        #expect(scene.text("/v/b") == "y")
        try FileManager.default.removeItem(atPath: scene.there + "/v")
        try scene.put("z", "/v/c")
        try scene.follow()
        #expect(scene.names("/v") == ["c"])
        try FileManager.default.removeItem(atPath: scene.there + "/v")
        try scene.follow()
        #expect(scene.names("") == [".telfs"])
    }

    @Test("what is put in the way here is never followed")
    func links() throws {
        let scene = try CopyScene(["/data"])
        try scene.put("x", "/data/deep/a")
        try scene.follow()
        let outside = scene.root + "/outside"
        mkdir(outside, 0o700)
        try "mine".write(toFile: outside + "/a", atomically: false, encoding: .utf8)
        try FileManager.default.removeItem(atPath: scene.here + "/data/deep")
        symlink(outside, scene.here + "/data/deep")
        try scene.put("y", "/data/deep/a", at: 2_000_000)
        try scene.follow()
        #expect(try String(contentsOfFile: outside + "/a", encoding: .utf8) == "mine")
        #expect(scene.text("/data/deep/a") == "y")
        symlink(outside, scene.here + "/data/more")
        scene.place.remove()
        #expect(try String(contentsOfFile: outside + "/a", encoding: .utf8) == "mine")
        #expect(access(scene.here, F_OK) != 0)
    }
}
