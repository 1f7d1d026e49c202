import Foundation
import Glibc
import Kernel
import TestSupport
import Testing

@testable import Host

/// The holder as it ships: the program `telepresence` beside the tests, in its hidden sub-command.
@Suite("Isolated networks", .ownThreads, .enabled(if: Programs.telepresence != nil && geteuid() == 0))
struct IsolatedNetworkTests {
    @Test("Inside there is an interface with default routes and a resolver; outside nothing changes")
    func inside() throws {
        let before = try Programs.output(["/usr/sbin/ip", "-o", "link"])
        let network = try IsolatedNetwork.start(executable: Programs.path())
        let inside = { (words: [String]) in
            try Programs.output([Programs.path(), "isolate-exec", "\(network.holder)"] + words)
        }
        #expect(
            try inside(["ip", "-o", "-4", "route"]).contains("default dev tel0 proto static scope link src 246.246.0.1")
        )
        #expect(try inside(["ip", "-o", "-6", "route"]).contains("default dev tel0"))
        #expect(try inside(["ip", "-o", "addr"]).contains("246.246.0.1/16"))
        #expect(try inside(["cat", "/etc/resolv.conf"]).contains("nameserver 246.246.0.2\n"))
        #expect(try inside(["id", "-u"]) == "0\n")
        #expect(try inside(["pwd"]) == FileManager.default.currentDirectoryPath + "\n")
        #expect(try Programs.output(["/usr/sbin/ip", "-o", "link"]) == before)
        #expect(try !String(contentsOfFile: "/etc/resolv.conf", encoding: .utf8).contains("246.246"))
        #expect(network.listeners.count == 2)
        network.stop()
        #expect(kill(network.holder, 0) != 0)
    }

    @Test("Sockets are made inside, and reach a program that listens there")
    func socketsInside() throws {
        let network = try IsolatedNetwork.start(executable: Programs.path())
        defer { network.stop() }
        let endpoint = try #require(InternetEndpoint("127.0.0.1:8080"))
        #expect(throws: SystemError("connect", "127.0.0.1:8080", code: ECONNREFUSED)) {
            try network.connectTCP(endpoint)
        }
        let inside = try NetworkNamespace(process: network.holder)
        let listener = try inside.listenTCP(endpoint)
        let client = try network.connectTCP(endpoint)
        let server = try Sockets.accept(listener)
        #expect(try Sockets.peerEndpoint(server) == Sockets.localEndpoint(client))
    }

    @Test("The end of the holder is noticed, and the exit status of a missing program is a shell's")
    func ends() throws {
        let network = try IsolatedNetwork.start(executable: Programs.path())
        #expect(try Programs.status([Programs.path(), "isolate-exec", "\(network.holder)", "no-such-program"]) == 127)
        kill(network.holder, SIGKILL)
        network.waitForEnd()
        #expect(throws: SystemError.self) { try network.connectTCP(InternetEndpoint(.loopbackV4, port: 1)) }
        network.stop()
    }

    @Test("An ordinary user needs nothing but the device")
    func ordinaryUser() throws {
        let directory = "/tmp/host-test-\(getpid())"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let copy = directory + "/telepresence"
        // By a process of its own: a test beside this one would pass a file open for writing on to its children.
        _ = try Programs.run(["/bin/cp", Programs.path(), copy])
        chmod(directory, 0o755)
        let script = """
            mount --make-rprivate / && mount -t tmpfs tmpfs /dev/net && mknod /dev/net/tun c 10 200 &&
            chmod 666 /dev/net/tun && cp \(try Programs.path()) \(copy) && exec setpriv --reuid 65534 --regid 65534 --clear-groups \(copy) isolate-holder
            """
        let network = try IsolatedNetwork.start(executable: "/usr/bin/unshare", arguments: ["-m", "sh", "-c", script])
        defer { network.stop() }
        let words = [
            "/usr/bin/setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", copy, "isolate-exec",
            "\(network.holder)", "sh", "-c",
            "id -u; cat /etc/resolv.conf; ip -o -4 addr; touch /tmp/x-$$ && rm /tmp/x-$$",
        ]
        let output = try Programs.output(words)
        #expect(output.hasPrefix("65534\n"))
        #expect(output.contains("246.246.0.2") && output.contains("246.246.0.1/16"))
    }

    @Test("Without the device the reason is said")
    func withoutDevice() throws {
        let script =
            "mount --make-rprivate / && mount -t tmpfs tmpfs /dev/net && exec \(try Programs.path()) isolate-holder"
        do {
            _ = try IsolatedNetwork.start(executable: "/usr/bin/unshare", arguments: ["-m", "sh", "-c", script])
            Issue.record("started without a device")
        } catch {
            #expect(error.description.contains("open /dev/net/tun: No such file or directory; isolated mode needs it"))
        }
    }

    @Test("A device that may not be opened is named with the remedy")
    func forbiddenDevice() throws {
        let directory = "/tmp/host-test-forbidden-\(getpid())"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let copy = directory + "/telepresence"
        _ = try Programs.run(["/bin/cp", Programs.path(), copy])
        chmod(directory, 0o755)
        let script = """
            mount --make-rprivate / && mount -t tmpfs tmpfs /dev/net && mknod /dev/net/tun c 10 200 &&
            chmod 600 /dev/net/tun && exec setpriv --reuid 65534 --regid 65534 --clear-groups \(copy) isolate-holder
            """
        do {
            _ = try IsolatedNetwork.start(executable: "/usr/bin/unshare", arguments: ["-m", "sh", "-c", script])
            Issue.record("started without the device")
        } catch {
            #expect(error.description.contains("/dev/net/tun: Permission denied"))
            #expect(error.description.contains("chmod 666 /dev/net/tun"))
        }
    }

    @Test("Root keeps its rights over other users' files, and nothing is left in /tmp")
    func root() throws {
        let before = Set(try FileManager.default.contentsOfDirectory(atPath: "/tmp").filter { $0.contains("resolv") })
        let file = "/tmp/host-test-owner-\(getpid())"
        #expect(FileManager.default.createFile(atPath: file, contents: Data("x".utf8)))
        defer { unlink(file) }
        chmod(file, 0o600)
        chown(file, 65534, 65534)
        let network = try IsolatedNetwork.start(executable: Programs.path())
        defer { network.stop() }
        let words = [try Programs.path(), "isolate-exec", "\(network.holder)", "cat", file]
        #expect(try Programs.output(words) == "x")
        let after = Set(try FileManager.default.contentsOfDirectory(atPath: "/tmp").filter { $0.contains("resolv") })
        #expect(after == before)
    }

    @Test("Name services that do not go by resolv.conf are left out")
    func nameServices() {
        let ubuntu = "passwd: files\nhosts: files mdns4_minimal [NOTFOUND=return] dns\n"
        #expect(ResolverMount.plainSwitch(ubuntu) == "passwd: files\nhosts: files dns\n")
        #expect(ResolverMount.plainSwitch("hosts: files resolve [!UNAVAIL=return] dns") == "hosts: files dns")
        #expect(ResolverMount.plainSwitch("hosts: files dns\n") == nil)
        #expect(ResolverMount.plainSwitch("") == nil)
    }
}
