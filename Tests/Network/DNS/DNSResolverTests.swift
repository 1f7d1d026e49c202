import NIOCore
import NIOEmbedded
import Testing

@testable import Network

@Suite struct DNSResolverTests {
    /// Answers by a rule, or leaves queries open.
    private final class Fake: DNSExchange {
        var queries: [[UInt8]] = []
        var open: [([UInt8]?) -> Void] = []
        var rule: (([UInt8]) -> [UInt8]?)?

        init(_ rule: (([UInt8]) -> [UInt8]?)? = nil) { self.rule = rule }

        func exchange(_ query: [UInt8], reply: @escaping ([UInt8]?) -> Void) {
            queries.append(query)
            if let rule { reply(rule(query)) } else { open.append(reply) }
        }

        var names: [String] { queries.compactMap { DNSMessage($0)?.question.name.description } }
    }

    private let loop = EmbeddedEventLoop()

    private func resolver(_ cluster: Fake?, _ upstream: Fake?) -> DNSResolver {
        let policy = DNSPolicy(namespace: "default", namespaces: ["shop"])
        return DNSResolver(eventLoop: loop, policy: policy, cluster: cluster, upstream: upstream)
    }

    /// Collects what a resolver replies.
    private final class Replies {
        var all: [[UInt8]] = []
        var messages: [DNSMessage] { all.compactMap { DNSMessage($0) } }
    }

    private func ask(
        _ resolver: DNSResolver,
        _ query: [UInt8],
        over transport: DNSResolver.Transport = .datagram
    ) -> Replies {
        let replies = Replies()
        resolver.answer(query, over: transport) { replies.all.append($0) }
        return replies
    }

    private func code(_ replies: Replies) -> UInt16? { replies.messages.first?.code }

    @Test("A short name is asked in full, and answered as it was asked, with a short lifetime")
    func rename() throws {
        let cluster = Fake { DNSSamples.answer($0, lifetime: 30) }
        let upstream = Fake()
        let replies = ask(resolver(cluster, upstream), DNSSamples.query("web.shop", id: 77))
        #expect(cluster.names == ["web.shop.svc.cluster.local"])
        #expect(upstream.queries.isEmpty)
        let answer = try #require(replies.messages.first)
        #expect(answer.id == 77)
        #expect(answer.question.name == DNSName("web.shop"))
        #expect(answer.answers.map(\.name) == [DNSName("web.shop")])
        #expect(answer.answers.map(\.lifetime) == [4])
    }

    @Test("The case of the asked name comes back")
    func caseKept() throws {
        var query = DNSSamples.query("web.shop")
        query[13] = UInt8(ascii: "W")
        let replies = ask(resolver(Fake { DNSSamples.answer($0) }, Fake()), query)
        #expect(try #require(replies.all.first)[12..<22] == query[12..<22])
    }

    @Test("The Internet's names go upstream unchanged")
    func upstream() {
        let cluster = Fake()
        let upstream = Fake { DNSSamples.answer($0, lifetime: 3) }
        let query = DNSSamples.query("www.example.com")
        let replies = ask(resolver(cluster, upstream), query)
        #expect(cluster.queries.isEmpty)
        #expect(upstream.queries == [query])
        #expect(replies.all == [DNSSamples.answer(query, lifetime: 3)])
    }

    @Test("A name that the cluster denies is asked upstream")
    func fallback() {
        let cluster = Fake { DNSSamples.failure($0, .nameError) }
        let upstream = Fake { DNSSamples.answer($0) }
        let replies = ask(resolver(cluster, upstream), DNSSamples.query("wiki"))
        #expect(upstream.names == ["wiki"])
        #expect(code(replies) == 0)
    }

    @Test("A full name that the cluster denies does not exist")
    func denied() {
        let upstream = Fake()
        let cluster = Fake { DNSSamples.failure($0, .nameError) }
        let replies = ask(resolver(cluster, upstream), DNSSamples.query("x.shop.svc"))
        #expect(code(replies) == 3)
        #expect(replies.messages.first?.question.name == DNSName("x.shop.svc"))
        #expect(upstream.queries.isEmpty)
    }

    @Test("A name exists not only when both say so")
    func doubtfulDenial() {
        let denies = Fake { DNSSamples.failure($0, .nameError) }
        let silent = Fake { _ in nil }
        let fails = Fake { DNSSamples.failure($0, .serverFailure) }
        let query = DNSSamples.query("wiki")
        #expect(code(ask(resolver(denies, denies), query)) == 3)
        #expect(code(ask(resolver(silent, denies), query)) == 2)
        #expect(code(ask(resolver(fails, denies), query)) == 2)
        #expect(code(ask(resolver(nil, denies), query)) == 2)
        // Nobody upstream can be asked: the cluster's word counts.
        #expect(code(ask(resolver(denies, silent), query)) == 3)
        #expect(code(ask(resolver(denies, nil), query)) == 3)
        #expect(code(ask(resolver(silent, nil), query)) == 2)
    }

    @Test("Names of the cluster that cannot be asked for fail for now")
    func noCluster() {
        #expect(code(ask(resolver(nil, Fake { DNSSamples.answer($0) }), DNSSamples.query("web.shop.svc"))) == 2)
    }

    @Test("A silent cluster fails a full name after 4 s, and sends a short one upstream after 2 s")
    func silence() {
        let upstream = Fake { DNSSamples.answer($0) }
        let resolver = resolver(Fake(), upstream)
        let full = ask(resolver, DNSSamples.query("web.shop.svc"))
        let short = ask(resolver, DNSSamples.query("web.shop"))
        loop.advanceTime(by: .milliseconds(1999))
        #expect(full.all.isEmpty)
        #expect(short.all.isEmpty)
        loop.advanceTime(by: .milliseconds(2))
        #expect(code(short) == 0)
        #expect(full.all.isEmpty)
        loop.advanceTime(by: .seconds(2))
        #expect(code(full) == 2)
    }

    @Test("An answer that comes too late is dropped")
    func late() {
        let cluster = Fake()
        let replies = ask(resolver(cluster, Fake()), DNSSamples.query("web.shop.svc"))
        loop.advanceTime(by: .seconds(5))
        cluster.open.first?(DNSSamples.answer(cluster.queries[0]))
        #expect(replies.all.count == 1)
        #expect(code(replies) == 2)
    }

    @Test("Equal queries in flight are asked once and answered each under its id")
    func shared() {
        let cluster = Fake()
        let resolver = resolver(cluster, Fake())
        let first = ask(resolver, DNSSamples.query("web", id: 1))
        let second = ask(resolver, DNSSamples.query("web", id: 2))
        let other = ask(resolver, DNSSamples.query("web", id: 3, type: 28))
        #expect(cluster.queries.count == 2)
        cluster.open[0](DNSSamples.answer(cluster.queries[0]))
        #expect(first.messages.map(\.id) == [1])
        #expect(second.messages.map(\.id) == [2])
        #expect(other.all.isEmpty)
        _ = ask(resolver, DNSSamples.query("web", id: 4))
        #expect(cluster.queries.count == 3)
    }

    @Test("An answer beyond the client's limit is truncated by UDP and whole by TCP")
    func truncation() throws {
        let resolver = resolver(Fake { DNSSamples.answer($0, addresses: 60) }, Fake())
        let short = try #require(ask(resolver, DNSSamples.query("web")).messages.first)
        #expect(short.flags & 0x0200 != 0)
        #expect(short.answers.isEmpty)
        let wide = ask(resolver, DNSEdit.withRoom(DNSSamples.query("web")))
        #expect(wide.messages.first?.answers.count == 60)
        let stream = ask(resolver, DNSSamples.query("web"), over: .stream)
        #expect(stream.messages.first?.answers.count == 60)
    }

    @Test("A query by TCP asks for large answers, and its answer has no EDNS that was not asked for")
    func streamEDNS() throws {
        let cluster = Fake { query in
            guard let asked = DNSMessage(query) else { return nil }
            var answer = DNSMessage.response(to: asked, .noError)
            answer.additionals = asked.additionals
            return answer.wire
        }
        let replies = ask(resolver(cluster, Fake()), DNSSamples.query("web"), over: .stream)
        #expect(DNSMessage(cluster.queries[0])?.additionals.map(\.classCode) == [4096])
        #expect(try #require(replies.messages.first).additionals.isEmpty)
    }

    @Test("What is no query is refused, or ignored where no answer is due")
    func nonsense() {
        let resolver = resolver(Fake(), Fake())
        #expect(ask(resolver, []).all.isEmpty)
        #expect(ask(resolver, [1, 2, 3]).all.isEmpty)
        #expect(ask(resolver, DNSSamples.answer).all.isEmpty)
        let header: [UInt8] = [0, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]
        let refusal = ask(resolver, header + [0xc0, 12]).all
        #expect(refusal.map { $0.prefix(2) + $0[3...3] } == [[0, 9, 0x81]])
    }

    @Test("A broken answer is a failure, not passed on")
    func brokenAnswer() {
        let resolver = resolver(Fake(), Fake { Array(DNSSamples.answer($0).dropLast(3)) })
        #expect(code(ask(resolver, DNSSamples.query("www.example.com"))) == 2)
    }
}
