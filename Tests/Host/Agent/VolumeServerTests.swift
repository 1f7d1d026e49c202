import Foundation
import Glibc
import Kernel
import TestSupport
import Testing

@testable import Host

/// The real `sftp-server` behind Landlock, as the agent starts it.
@Suite(.ownThreads, .enabled(if: VolumeServer.problem() == nil, "needs openssh-sftp-server and Landlock"))
struct VolumeServerTests {
    /// A directory with a volume in it, and what must not be reached beside it.
    private final class Place {
        let root: String
        var volume: String { root + "/app" }

        init() throws {
            root = NSTemporaryDirectory() + "volumes-\(UUID().uuidString)"
            for name in ["/app/etc", "/other"] {
                try FileManager.default.createDirectory(atPath: root + name, withIntermediateDirectories: true)
            }
            try "inside".write(toFile: root + "/app/etc/config", atomically: false, encoding: .utf8)
            try "outside".write(toFile: root + "/other/secret", atomically: false, encoding: .utf8)
            symlink(root + "/other/secret", root + "/app/link")
            symlink("../other", root + "/app/directory")
            symlink("etc/config", root + "/app/own")
        }

        deinit { try? FileManager.default.removeItem(atPath: root) }
    }

    /// A client of the protocol, as far as the tests need one (draft-ietf-secsh-filexfer-02).
    private struct Client {
        let socket: Descriptor

        init(_ directory: String, readOnly: Bool = false) throws {
            let traffic = try #require(Programs.telepresence).replacing("/telepresence", with: "/traffic")
            socket = try VolumeServer.start(directory, readOnly: readOnly, executable: traffic)
            try socket.setNonBlocking(false)
            try send(1, [0, 0, 0, 3])
            try #require(try receive().first == 2, "a version")
        }

        private func number(_ value: Int) -> [UInt8] {
            (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) }
        }

        private func text(_ text: String) -> [UInt8] { number(text.utf8.count) + Array(text.utf8) }

        private func send(_ kind: UInt8, _ body: [UInt8]) throws {
            let packet = number(body.count + 1) + [kind] + body
            try #require(write(socket.rawValue, packet, packet.count) == packet.count)
        }

        private func take(_ count: Int) throws -> [UInt8] {
            var bytes: [UInt8] = []
            while bytes.count < count {
                var buffer = [UInt8](repeating: 0, count: count - bytes.count)
                let got = read(socket.rawValue, &buffer, buffer.count)
                try #require(got > 0, "the server has ended")
                bytes += buffer[..<got]
            }
            return bytes
        }

        private func receive() throws -> [UInt8] {
            try take(try take(4).reduce(0) { $0 << 8 | Int($1) })
        }

        /// The kind of the answer to an open: 102 is a handle, 101 a refusal.
        ///
        /// Flags: 1 read, 2 write, 8 create.
        func open(_ path: String, flags: Int = 1) throws -> UInt8 {
            try send(3, number(7) + text(path) + number(flags) + number(0))
            return try receive()[0]
        }

        /// The kind of the answer to a listing.
        func list(_ path: String) throws -> UInt8 {
            try send(11, number(7) + text(path))
            return try receive()[0]
        }
    }

    @Test("what is below the mounts is read, listed and written")
    func inside() throws {
        let place = try Place()
        let client = try Client(place.volume)
        #expect(try client.open("etc/config") == 102)
        #expect(try client.open(place.volume + "/own") == 102)
        #expect(try client.list(".") == 102)
        #expect(try client.open("etc/new", flags: 2 | 8) == 102)
        #expect(access(place.volume + "/etc/new", F_OK) == 0)
    }

    @Test(
        "nothing else is, neither by its path nor by links nor by /proc",
        arguments: [
            "/other/secret", "/app/link", "/app/directory/secret", "/app/../other/secret",
        ]
    )
    func outside(path: String) throws {
        let place = try Place()
        let client = try Client(place.volume)
        #expect(try client.open(place.root + path) == 101)
        #expect(try client.open(place.root + path, flags: 2) == 101)
        #expect(try client.list(place.root + "/other") == 101)
        #expect(try client.list(place.root) == 101)
        for path in ["/proc/self/environ", "/proc/1/environ", "/proc/self/root/etc/passwd", "/etc/passwd"] {
            #expect(try client.open(path) == 101, "\(path)")
        }
        #expect(try client.open(place.root + "/other/new", flags: 2 | 8) == 101)
        #expect(access(place.root + "/other/new", F_OK) != 0)
        #expect(try client.open("etc/config") == 102, "the server goes on")
    }

    @Test("a server that only reads writes nothing")
    func readOnly() throws {
        let place = try Place()
        let client = try Client(place.volume, readOnly: true)
        #expect(try client.open("etc/config") == 102)
        #expect(try client.open("etc/config", flags: 2) == 101)
        #expect(try client.open("etc/new", flags: 2 | 8) == 101)
        #expect(access(place.volume + "/etc/new", F_OK) != 0)
    }

    @Test("a machine that cannot confine serves nothing, and says why")
    func problem() {
        #expect(VolumeServer.problem(landlock: 0)?.contains("Landlock") == true)
        #expect(VolumeServer.problem(program: "/nowhere")?.contains("openssh-sftp-server") == true)
    }
}
