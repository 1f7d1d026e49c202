import HTTP2
import Kernel
import NIOCore
import NIOPosix

/// Dials a published manager at several addresses, the first first, the others a little later each (RFC 8305).
struct DirectDial: Sendable {
    /// Why no address led to a connection.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// How long after the one before an address is tried.
    private static let stagger = TimeAmount.milliseconds(250)
    /// For all of it.
    private static let limit = TimeAmount.seconds(3)

    let eventLoop: any EventLoop
    /// Ranges that lead into the virtual interface: a link through it would run over itself.
    let routed: [InternetPrefix]
    /// Addresses in these ranges that keep their own route.
    let kept: Set<InternetAddress>

    /// The first connection that stands; the others are closed.
    func connect(_ addresses: [DirectAddress]) async throws -> (channel: any Channel, address: DirectAddress) {
        let usable = addresses.filter { address in InternetAddress(address.host).map(isUsable) ?? true }
        guard let last = usable.indices.last else {
            throw Failure(description: "its addresses lie in the cluster's own subnets")
        }
        let (eventLoop, dial) = (eventLoop, self)
        let race = try await eventLoop.submit {
            let race = NIOLoopBound(Race(eventLoop, count: last + 1), eventLoop: eventLoop)
            for (index, address) in usable.enumerated() {
                eventLoop.scheduleTask(in: Self.stagger * Int64(index)) { dial.attempt(address, race) }
            }
            eventLoop.scheduleTask(in: Self.limit) { race.value.expire() }
            return race.value.promise.futureResult
        }.get()
        return try await race.get()
    }

    private func attempt(_ address: DirectAddress, _ race: NIOLoopBound<Race>) {
        guard !race.value.isOver else { return }
        let dial = self
        ClientBootstrap(group: eventLoop)
            .connectTimeout(Self.limit)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .connect(host: address.host, port: address.port)
            .whenComplete { result in
                switch result {
                case .success(let channel):
                    // A name may lead anywhere.
                    let remote = channel.remoteAddress?.ipAddress.flatMap { InternetAddress($0) }
                    guard remote.map(dial.isUsable) ?? true else {
                        channel.close(promise: nil)
                        return race.value.failed("\(address) lies in the cluster's own subnets")
                    }
                    race.value.won(channel, address)
                case .failure(let error): race.value.failed("\(address): \(error)")
                }
            }
    }

    private func isUsable(_ address: InternetAddress) -> Bool {
        kept.contains(address) || !routed.contains { $0.contains(address) }
    }
}

/// Which connection stands first.
///
/// Confined to the event loop.
private final class Race {
    let promise: EventLoopPromise<(channel: any Channel, address: DirectAddress)>
    private(set) var isOver = false
    private var remaining: Int
    private var reasons: [String] = []

    init(_ eventLoop: any EventLoop, count: Int) {
        promise = eventLoop.makePromise()
        remaining = count
    }

    func won(_ channel: any Channel, _ address: DirectAddress) {
        guard !isOver else { return channel.close(promise: nil) }
        isOver = true
        promise.succeed((channel, address))
    }

    func failed(_ reason: String) {
        guard !isOver else { return }
        reasons.append(reason)
        remaining -= 1
        if remaining == 0 { end("") }
    }

    func expire() {
        guard !isOver else { return }
        end("no answer in time")
    }

    private func end(_ word: String) {
        isOver = true
        let all = reasons + (word.isEmpty ? [] : [word])
        promise.fail(DirectDial.Failure(description: all.joined(separator: "; ")))
    }
}
