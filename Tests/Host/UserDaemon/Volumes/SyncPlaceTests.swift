import Foundation
import Glibc
import Kernel
import Testing

@testable import Host

@Suite struct SyncPlaceTests {
    private final class Directory {
        let path = NSTemporaryDirectory() + "places-\(UUID().uuidString)"
        init() { mkdir(path, 0o700) }
        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    @Test("a directory of our own is made, private, and removed with all that is in it")
    func own() throws {
        let directory = Directory()
        let path = directory.path + "/telfs-a"
        let place = try SyncPlace(path)
        var facts = stat()
        #expect(stat(path, &facts) == 0 && facts.st_mode & 0o777 == 0o700)
        try place.tree.write([1], to: "a/b/c", mode: 0o400, modified: 0)
        chmod(path + "/a/b", 0o500)
        place.remove()
        #expect(access(path, F_OK) != 0)
    }

    @Test("another's directory is neither taken nor tidied")
    func foreign() throws {
        let directory = Directory()
        let path = directory.path + "/telfs-a"
        mkdir(path, 0o755)
        try "mine".write(toFile: path + "/file", atomically: false, encoding: .utf8)
        #expect(throws: SystemError("copy volumes to", path, code: EEXIST)) { try SyncPlace(path) }
        SyncPlace.tidy(in: directory.path)
        #expect(access(path + "/file", F_OK) == 0)
        symlink(path, directory.path + "/telfs-b")
        #expect(throws: SystemError.self) { try SyncPlace(directory.path + "/telfs-b") }
    }

    @Test("a copy is taken over, or tidied away, only once its process has ended")
    func left() throws {
        let directory = Directory()
        let path = directory.path + "/telfs-a"
        do {
            let place = try SyncPlace(path)
            try place.tree.write([1], to: "a", mode: 0o400, modified: 0)
            #expect(throws: SystemError("lock", path, code: EBUSY)) { try SyncPlace(path, attempts: 1) }
            SyncPlace.tidy(in: directory.path)
            #expect(access(path + "/a", F_OK) == 0)
            withExtendedLifetime(place) {}
        }
        do {
            let place = try SyncPlace(path)
            #expect(place.tree.names == [LocalTree.stage])
        }
        // A program that another test is just starting has the lock as well, for a moment.
        let deadline = ContinuousClock.now + .seconds(20)
        while access(path, F_OK) == 0, ContinuousClock.now < deadline {
            SyncPlace.tidy(in: directory.path)
            usleep(10_000)
        }
        #expect(access(path, F_OK) != 0)
    }
}
