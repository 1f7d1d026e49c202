import Call
import HTTP2
import Logging
import Message
import NIOCore
import Tunnel

/// Finds a direct way to the manager, moves the session there, and watches that it answers.
///
/// It runs beside the session. When the direct way fails, it gives the session up as lost: the daemon takes it up again
/// through the port-forward, and the next keeper tries again after a while.
struct DirectLinkKeeper: Sendable {
    /// How often addresses are looked for where none is published.
    private static let patience = Duration.seconds(5)
    /// How often a direct link is asked whether it is alive, and for how long.
    private static let pulse = Duration.seconds(2)
    private static let pulseLimit = TimeAmount.seconds(2)
    private static let misses = 3
    /// A direct link that has stood so many pulses is taken for good.
    private static let good = 15
    /// For TLS, identification and the manager's welcome.
    private static let moveLimit = TimeAmount.seconds(10)

    let linker: ManagerLinker
    let dial: DirectDial
    /// Says afresh who the user is.
    let proof: @Sendable () async throws -> WorkstationProof
    /// Takes the session up again.
    let hello: Hello
    let backoff: DirectBackoff
    let logger: Logger

    /// Runs until the session has ended or the task is cancelled.
    func run(_ session: RemoteManagerSession) async {
        while !Task.isCancelled {
            let addresses = session.directAddresses.compactMap { DirectAddress($0) }
            guard !addresses.isEmpty else {
                guard await pause(Self.patience) else { return }
                continue
            }
            guard await pause(backoff.delay) else { return }
            do {
                let proof = try await proof()
                var hello = hello
                hello.credential = proof.token
                hello.publicKey = linker.credential.publicKey
                let way = try await open(addresses, proof)
                do {
                    // What waits for an answer keeps its stream.
                    while try await !session.move(to: way, hello) {
                        try await Task.sleep(for: .milliseconds(200))
                    }
                } catch {
                    linker.eventLoop.execute { way.value.close() }
                    throw error
                }
                return await watch(way, session)
            } catch {
                backoff.failed()
                logger.info("no direct link", metadata: ["reason": "\(error)"])
            }
        }
    }

    private func open(
        _ addresses: [DirectAddress],
        _ proof: WorkstationProof
    ) async throws -> NIOLoopBound<ManagerWay> {
        let (channel, address) = try await dial.connect(addresses)
        // Whoever does not answer in time loses the connection, and whoever waits for it an error.
        let late = linker.eventLoop.scheduleTask(in: Self.moveLimit) { channel.close(promise: nil) }
        defer { late.cancel() }
        let forward = try await linker.forward(over: channel, proof)
        do {
            let (second, _) = try await dial.connect([address])
            let lateToo = linker.eventLoop.scheduleTask(in: Self.moveLimit) { second.close(promise: nil) }
            defer { lateToo.cancel() }
            let reverse = try await linker.reverse(over: second)
            return try await linker.eventLoop.submit { [eventLoop = linker.eventLoop] in
                NIOLoopBound(
                    ManagerWay(forward: forward.value, reverse: reverse.value, name: "direct (\(address))"),
                    eventLoop: eventLoop
                )
            }.get()
        } catch {
            channel.close(promise: nil)
            throw error
        }
    }

    private func watch(_ way: NIOLoopBound<ManagerWay>, _ session: RemoteManagerSession) async {
        var missed = 0
        var answered = 0
        while missed < Self.misses {
            guard await pause(Self.pulse) else {
                // The session has ended: with its link, or because it was told to.
                if session.isLost { backoff.failed() }
                return
            }
            let alive = await isAlive(way)
            missed = alive ? 0 : missed + 1
            if alive { answered += 1 }
            if answered == Self.good { backoff.stood() }
        }
        session.lose("the direct link does not answer")
        backoff.failed()
    }

    private func isAlive(_ way: NIOLoopBound<ManagerWay>) async -> Bool {
        await withCheckedContinuation { continuation in
            linker.eventLoop.execute {
                way.value.forward.ping(timeout: Self.pulseLimit) { continuation.resume(returning: $0 != nil) }
            }
        }
    }

    /// False when the task was cancelled.
    private func pause(_ time: Duration) async -> Bool {
        do {
            try await Task.sleep(for: time)
            return true
        } catch {
            return false
        }
    }
}
