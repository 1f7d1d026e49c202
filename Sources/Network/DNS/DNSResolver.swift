package import NIOCore

/// Answers programs' queries: from the cluster for the cluster's names, from the workstation's resolvers for all others.
///
/// Concurrency model: confined to `eventLoop`.
package final class DNSResolver {
    /// How the query came; decides how long an answer may be.
    package enum Transport: Sendable {
        case datagram, stream
    }

    private struct Waiter {
        let query: [UInt8]
        let reply: ([UInt8]) -> Void
    }

    private struct Key: Hashable {
        let query: ArraySlice<UInt8>
        let transport: Transport
    }

    /// Longest lifetime that programs see, in seconds: names move when a session ends.
    static let lifetimeLimit: UInt32 = 4

    /// Which names go where.
    ///
    /// May be changed at any time.
    package var policy: DNSPolicy

    /// The way to the cluster's resolver; nil while there is none.
    package var cluster: (any DNSExchange)?

    /// The way to the workstation's own resolvers; nil when there are none.
    package var upstream: (any DNSExchange)?

    /// What has been asked and answered.
    package private(set) var counters = DNSCounters()

    private let eventLoop: any EventLoop
    private let timeout: TimeAmount
    private var waiters: [Key: [Waiter]] = [:]

    /// `timeout` limits each exchange; half of it where another exchange follows.
    package init(
        eventLoop: any EventLoop,
        policy: DNSPolicy,
        cluster: (any DNSExchange)? = nil,
        upstream: (any DNSExchange)? = nil,
        timeout: TimeAmount = .seconds(4)
    ) {
        self.eventLoop = eventLoop
        self.policy = policy
        self.cluster = cluster
        self.upstream = upstream
        self.timeout = timeout
    }

    /// Answers a query; `reply` is called once on the event loop, or never when the query is no query at all.
    ///
    /// Equal queries that come while one is under way share its answer. A name of the cluster that cannot be asked for
    /// gets SERVFAIL, which makes programs try again, not NXDOMAIN, which they believe.
    package func answer(_ query: [UInt8], over transport: Transport, reply: @escaping ([UInt8]) -> Void) {
        guard let question = DNSMessage.question(of: query) else {
            if let failure = DNSEdit.failure(query, .formatError) { reply(failure) }
            return
        }
        counters.queries += 1
        let key = Key(query: query[2...], transport: transport)
        guard waiters[key] == nil else {
            waiters[key]?.append(Waiter(query: query, reply: reply))
            return
        }
        waiters[key] = [Waiter(query: query, reply: reply)]
        let wide = transport == .stream ? DNSEdit.withRoom(query) : query
        switch policy.route(question.name) {
        case .upstream:
            counters.upstream += 1
            ask(upstream, wide, timeout) { [self] in finish(key, $0) }
        case .cluster(let candidates, let fallback):
            counters.cluster += 1
            let limit = transport == .stream ? 65_535 : DNSEdit.limit(of: query)
            askCluster(wide, question.name, candidates[...], limit, fallback: fallback) { [self] in finish(key, $0) }
        }
    }

    private func askCluster(
        _ query: [UInt8],
        _ name: DNSName,
        _ candidates: ArraySlice<DNSName>,
        _ limit: Int,
        fallback: Bool,
        _ done: @escaping ([UInt8]?) -> Void
    ) {
        let more = fallback || candidates.count > 1
        guard let candidate = candidates.first,
            let asked = candidate == name ? query : DNSEdit.query(query, for: candidate)
        else {
            done(DNSEdit.failure(query, .nameError))
            return
        }
        ask(cluster, asked, more ? .nanoseconds(timeout.nanoseconds / 2) : timeout) { [self] response in
            let code = response.map { $0[3] & 0xf }
            if more, code != 0 {
                if candidates.count > 1 {
                    askCluster(query, name, candidates.dropFirst(), limit, fallback: fallback, done)
                } else {
                    askUpstream(query, clusterSaysNo: code == Self.nameError, done)
                }
                return
            }
            guard let response else {
                done(nil)
                return
            }
            if candidate == name {
                done(response)
            } else {
                done(DNSEdit.response(response, to: query, asked: name, queried: candidate, limit: limit))
            }
        }
    }

    private static let nameError = UInt8(DNSMessage.Code.nameError.rawValue)

    /// Asks upstream for a name that the cluster does not have, or of which it did not say whether it has it.
    ///
    /// Both must have denied the name before a program is told so. Where there is nobody upstream who could know it, the
    /// cluster's word is enough: offline, a misspelt name must not look like a fault.
    private func askUpstream(_ query: [UInt8], clusterSaysNo: Bool, _ done: @escaping ([UInt8]?) -> Void) {
        ask(upstream, query, timeout) { response in
            if let response {
                done(clusterSaysNo || response[3] & 0xf != Self.nameError ? response : nil)
            } else {
                done(clusterSaysNo ? DNSEdit.failure(query, .nameError) : nil)
            }
        }
    }

    /// One exchange; `done` gets a response with a whole header, or nil.
    private func ask(
        _ exchange: (any DNSExchange)?,
        _ query: [UInt8],
        _ timeout: TimeAmount,
        _ done: @escaping ([UInt8]?) -> Void
    ) {
        guard let exchange else {
            done(nil)
            return
        }
        let once = Once(done)
        let bound = NIOLoopBound(once, eventLoop: eventLoop)
        let timer = eventLoop.scheduleTask(in: timeout) { bound.value.finish(nil) }
        exchange.exchange(query) { response in
            timer.cancel()
            once.finish(response.flatMap { $0.count >= 12 ? $0 : nil })
        }
    }

    private func finish(_ key: Key, _ response: [UInt8]?) {
        guard let waiting = waiters.removeValue(forKey: key) else { return }
        var answer = response
        if var bytes = response, DNSEdit.capLifetimes(&bytes, to: Self.lifetimeLimit) {
            answer = key.transport == .stream ? DNSEdit.withoutRoom(bytes, for: waiting[0].query) : bytes
        } else {
            answer = nil
        }
        if let code = answer.map({ $0[3] & 0xf }) {
            if code == Self.nameError { counters.unknown += 1 }
        } else {
            counters.failed += 1
        }
        for waiter in waiting {
            guard var bytes = answer ?? DNSEdit.failure(waiter.query, .serverFailure) else { continue }
            DNSEdit.setID(&bytes, waiter.query.network16(0))
            waiter.reply(bytes)
        }
    }
}

/// A callback that fires once.
private final class Once {
    private var callback: (([UInt8]?) -> Void)?

    init(_ callback: @escaping ([UInt8]?) -> Void) { self.callback = callback }

    func finish(_ response: [UInt8]?) {
        let callback = callback
        self.callback = nil
        callback?(response)
    }
}
