import Foundation
import Kernel
import NIOCore
import NIOPosix
import Testing

@testable import Network
import TestSupport

@Suite(.ownThreads) struct DNSServerTests {
    private final class Cluster: DNSExchange {
        func exchange(_ query: [UInt8], reply: @escaping ([UInt8]?) -> Void) {
            reply(DNSSamples.answer(query, addresses: 100))
        }
    }

    /// A UDP and a TCP socket on one port; the port that is free for one may be taken for the other.
    private static func sockets() throws -> (datagrams: Descriptor, streams: Descriptor, port: UInt16) {
        var failure = SystemError("bind", code: EADDRINUSE)
        for _ in 0..<50 {
            let datagrams = try Sockets.bindUDP(InternetEndpoint(.loopbackV4, port: 0))
            let port = try Sockets.localEndpoint(datagrams).port
            do throws(SystemError) {
                let streams = try Sockets.listenTCP(InternetEndpoint(.loopbackV4, port: port))
                return (datagrams, streams, port)
            } catch {
                failure = error
            }
        }
        throw failure
    }

    /// Runs `dig` against a server on loopback; the name decides what the fake cluster says.
    private func dig(_ words: String...) async throws -> String {
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let (datagrams, streams, port) = try Self.sockets()
        let server = try await loop.flatSubmit {
            let resolver = DNSResolver(
                eventLoop: loop,
                policy: DNSPolicy(namespace: "default"),
                cluster: Cluster()
            )
            let server = DNSServer(resolver: resolver, eventLoop: loop)
            let bound = NIOLoopBound(server, eventLoop: loop)
            return server.serveDatagrams(on: datagrams).and(server.serveStreams(on: streams)).map { _ in bound }
        }.get()
        defer { loop.execute { server.value.close() } }
        return try await NIOThreadPool.singleton.runIfActive {
            let options = ["@127.0.0.1", "-p", "\(port)", "+time=3", "+tries=1"]
            return try TestProgram.run(["dig"] + options + words).output
        }
    }

    private static let hasDig = FileManager.default.isExecutableFile(atPath: "/usr/bin/dig")

    @Test("dig gets a large answer by UDP with EDNS, and by TCP", .enabled(if: hasDig))
    func large() async throws {
        for words in [["+bufsize=4096"], ["+tcp"], ["+tcp", "+noedns"], ["+noedns"]] {
            let text = try await dig(words[0], words.last ?? "", "web.default")
            #expect(text.contains("status: NOERROR"), "\(words): \(text)")
            #expect(text.contains("ANSWER: 100"), "\(words): \(text)")
            #expect(text.contains("web.default.\t\t4\tIN\tA\t10.96.0.99"), "\(words): \(text)")
        }
    }

    @Test("dig learns of truncation", .enabled(if: hasDig))
    func truncated() async throws {
        let text = try await dig("+noedns", "+ignore", "web.default")
        #expect(text.contains("flags: qr tc rd ra"), "\(text)")
    }

    @Test("dig is told that a name upstream cannot be asked for", .enabled(if: hasDig))
    func failure() async throws {
        #expect(try await dig("www.example.com").contains("status: SERVFAIL"))
    }

    @Test("Several queries on one connection are answered, also after the client's end")
    func pipelined() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let listener = try Sockets.listenTCP(InternetEndpoint(.loopbackV4, port: 0))
        let endpoint = try Sockets.localEndpoint(listener)
        let server = try await loop.flatSubmit {
            let policy = DNSPolicy(namespace: "default")
            let resolver = DNSResolver(eventLoop: loop, policy: policy, cluster: Cluster())
            let server = DNSServer(resolver: resolver, eventLoop: loop)
            let bound = NIOLoopBound(server, eventLoop: loop)
            return server.serveStreams(on: listener).map { bound }
        }.get()
        defer { loop.execute { server.value.close() } }
        let received = try await Task.detached {
            let socket = try Sockets.connectTCP(endpoint)
            for id in UInt16(1)...3 {
                let query = DNSSamples.query("web", id: id)
                let framed = [0, UInt8(query.count)] + query
                // In two parts: the length may come apart from the message.
                _ = write(socket.rawValue, Array(framed.prefix(1)), 1)
                _ = write(socket.rawValue, Array(framed.dropFirst()), framed.count - 1)
            }
            _ = shutdown(socket.rawValue, CInt(SHUT_WR))
            var all: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 65_536)
            while try Sockets.wait(socket, POLLIN, 5000) {
                let count = read(socket.rawValue, &chunk, chunk.count)
                guard count > 0 else { break }
                all += chunk.prefix(count)
            }
            return all
        }.value
        var ids: [UInt16] = []
        var rest = received[...]
        while rest.count > 2 {
            let bytes = Array(rest)
            let length = Int(bytes[0]) << 8 | Int(bytes[1])
            ids.append(UInt16(bytes[2]) << 8 | UInt16(bytes[3]))
            rest = rest.dropFirst(2 + length)
        }
        #expect(ids == [1, 2, 3])
    }
}
