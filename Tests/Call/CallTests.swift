import Call
import HTTP2
import Message
import NIOCore
import NIOPosix
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct CallTests {
    private static let echo = CallMethod<VersionInfo, VersionInfo>("Test", "Echo")
    private static let count = CallMethod<Heartbeat, Heartbeat>("Test", "Count")
    private static let chat = CallMethod<Heartbeat, Heartbeat>("Test", "Chat")
    private static let fail = CallMethod<Empty, Empty>("Test", "Fail")
    private static let hang = CallMethod<Empty, Empty>("Test", "Hang")
    private static let flood = CallMethod<Heartbeat, VersionInfo>("Test", "Flood")

    /// What handlers saw, for tests to wait for.
    private actor Diary {
        private var entries: Set<String> = []
        private var waiting: [(String, CheckedContinuation<Void, Never>)] = []

        func note(_ entry: String) {
            entries.insert(entry)
            let due = waiting.filter { $0.0 == entry }
            waiting.removeAll { $0.0 == entry }
            for (_, continuation) in due { continuation.resume() }
        }

        func has(_ entry: String) -> Bool { entries.contains(entry) }

        func wait(_ entry: String) async {
            guard !entries.contains(entry) else { return }
            await withCheckedContinuation { waiting.append((entry, $0)) }
        }
    }

    private static func router(_ diary: Diary) -> CallRouter {
        var router = CallRouter()
        router.unary(echo) { request, _ in request }
        router.serverStream(count) { request, writer, _ in
            for number in 0..<request.sequence { try await writer.send(Heartbeat(sequence: number)) }
        }
        router.bidirectional(chat) { requests, writer, _ in
            var sum: UInt64 = 0
            for try await request in requests {
                sum += request.sequence
                try await writer.send(Heartbeat(sequence: sum))
            }
            await diary.note("chat over")
        }
        router.unary(fail) { _, _ in throw CallStatus(.notFound, "no é, 100 %") }
        router.unary(hang) { _, _ in
            await diary.note("hanging")
            do {
                try await Task.sleep(for: .seconds(600))
            } catch {
                await diary.note("cancelled")
                throw error
            }
            return Empty()
        }
        router.serverStream(flood) { request, writer, _ in
            let text = String(repeating: "x", count: 100_000)
            for number in 0..<request.sequence {
                try await writer.send(VersionInfo(version: text, name: String(number)))
                await diary.note("sent \(number)")
            }
        }
        return router
    }

    private func withCalls(
        window: Int? = nil,
        _ body: (CallClient, LinkPair, Diary) async throws -> Void
    ) async throws {
        let diary = Diary()
        let router = Self.router(diary)
        var dialler = LinkConfiguration()
        if let window { dialler.streamWindow = window }
        let pair = try await LinkPair.connect(
            dialler: dialler,
            listener: LinkConfiguration { router.serve($0) }
        )
        do {
            try await body(CallClient(link: pair.dialler), pair, diary)
        } catch {
            await pair.close()
            throw error
        }
        await pair.close()
    }

    private func status(_ body: () async throws -> Void) async -> CallStatus? {
        do {
            try await body()
            return nil
        } catch {
            return error as? CallStatus
        }
    }

    @Test("A unary call answers, also many at once")
    func unary() async throws {
        try await withCalls { client, _, _ in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<200 {
                    group.addTask {
                        let request = VersionInfo(version: String(number))
                        let response = try await client.unary(Self.echo, request, timeout: .seconds(30))
                        #expect(response == request)
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test("A message of four megabytes passes, one byte more does not")
    func sizes() async throws {
        try await withCalls { client, _, _ in
            // Tag and length take five bytes.
            let text = String(repeating: "y", count: WireLimits.maximumMessageLength - 5)
            let back = try await client.unary(Self.echo, VersionInfo(version: text))
            #expect(back.version == text)
            let over = VersionInfo(version: text + "y")
            let status = await status { _ = try await client.unary(Self.echo, over) }
            #expect(status?.code == .resourceExhausted)
        }
    }

    @Test("A frame that announces too much ends the call before it is buffered")
    func oversize() async throws {
        try await withCalls { _, pair, _ in
            let loop = pair.dialler.eventLoop
            let promise = loop.makePromise(of: String?.self)
            loop.execute {
                do {
                    let stream = try pair.dialler.open(
                        [
                            HeaderField(":method", "POST"), HeaderField(":scheme", "https"),
                            HeaderField(":authority", "x"), HeaderField(":path", Self.echo.path),
                            HeaderField("content-type", CallFields.contentType),
                        ],
                        endStream: false
                    )
                    stream.onHeaders = { fields, _ in promise.succeed(fields["tp-status"]) }
                    stream.write(ByteBuffer(bytes: [0, 0, 0x40, 0, 1]))
                } catch {
                    promise.fail(error)
                }
            }
            let answer = try await promise.futureResult.get()
            #expect(answer == "8")
        }
    }

    @Test("A server stream gives its messages in order")
    func serverStream() async throws {
        try await withCalls { client, _, _ in
            var got: [UInt64] = []
            for try await beat in try await client.serverStream(Self.count, Heartbeat(sequence: 500)) {
                got.append(beat.sequence)
            }
            #expect(got == Array(0..<500))
        }
    }

    @Test("Both sides talk, and the end of the requests ends the call")
    func bidirectional() async throws {
        try await withCalls { client, _, diary in
            let (writer, responses) = try await client.bidirectional(Self.chat)
            for number in 1...50 {
                try await writer.send(Heartbeat(sequence: UInt64(number)))
                let sum = try await responses.next()
                #expect(sum?.sequence == UInt64(number * (number + 1) / 2))
            }
            writer.finish()
            let last = try await responses.next()
            #expect(last == nil)
            await diary.wait("chat over")
        }
    }

    @Test("An error's code and words come through")
    func failure() async throws {
        try await withCalls { client, _, _ in
            let failed = await status { _ = try await client.unary(Self.fail, Empty()) }
            #expect(failed == CallStatus(.notFound, "no é, 100 %"))
            let unknown = await status { _ = try await client.unary(CallMethod<Empty, Empty>("Test", "None"), Empty()) }
            #expect(unknown == CallStatus(.unimplemented, "there is no method /telepresence.v1.Test/None"))
        }
    }

    @Test("A deadline ends the call on both sides")
    func deadline() async throws {
        try await withCalls { client, _, diary in
            // On a loaded machine the deadline may pass before the handler has begun.
            var patience = Duration.milliseconds(50)
            repeat {
                let time = patience
                let late = await status { _ = try await client.unary(Self.hang, Empty(), timeout: time) }
                #expect(late?.code == .deadlineExceeded)
                patience = patience * 2
            } while await !diary.has("hanging")
            await diary.wait("cancelled")
        }
    }

    @Test("Cancelling the task stops the handler; so does letting go of the call")
    func cancel() async throws {
        try await withCalls { client, _, diary in
            let call = Task { _ = try await client.unary(Self.hang, Empty()) }
            await diary.wait("hanging")
            call.cancel()
            let ended1 = await status { try await call.value }
            #expect(ended1?.code == .cancelled)
            await diary.wait("cancelled")
        }
        try await withCalls { client, _, diary in
            do {
                _ = try await client.serverStream(Self.hang, Empty())
            }
            await diary.wait("cancelled")
        }
    }

    @Test("A lost link is UNAVAILABLE for the caller and stops the handler")
    func linkLoss() async throws {
        try await withCalls { client, pair, diary in
            let call = Task { _ = try await client.unary(Self.hang, Empty()) }
            await diary.wait("hanging")
            pair.listener.eventLoop.execute { pair.listener.channel.close(promise: nil) }
            let ended2 = await status { try await call.value }
            #expect(ended2?.code == .unavailable)
            await diary.wait("cancelled")
            let ended3 = await status { _ = try await client.unary(Self.echo, VersionInfo()) }
            #expect(ended3?.code == .unavailable)
        }
    }

    @Test("A reader that stops stalls its own call only, and nothing grows without limit")
    func backPressure() async throws {
        try await withCalls(window: 64 << 10) { client, _, diary in
            let slow = try await client.serverStream(Self.flood, Heartbeat(sequence: 400))
            let first = try await slow.next()
            #expect(first?.name == "0")
            // Another call goes through while the slow one is stalled.
            for _ in 0..<50 { _ = try await client.unary(Self.echo, VersionInfo(name: "quick")) }
            // 40 MB are not on their way: what is in flight is bounded by window, queue and high water.
            #expect(await !diary.has("sent 60"))
            var next = 1
            while let message = try await slow.next() {
                #expect(message.name == String(next))
                next += 1
            }
            #expect(next == 400)
        }
    }

    @Test("What is no call is left to others; a wrong content type is refused")
    func notCalls() async throws {
        try await withCalls { _, pair, _ in
            for (method, path, type, expected) in [
                ("GET", "/telepresence.v1.Test/Echo", CallFields.contentType, "404"),
                ("POST", "/other", CallFields.contentType, "404"),
                ("POST", "/telepresence.v1.Test/Echo", "application/grpc", "415"),
            ] {
                let promise = pair.dialler.eventLoop.makePromise(of: String?.self)
                pair.dialler.eventLoop.execute {
                    do {
                        let stream = try pair.dialler.open(
                            [
                                HeaderField(":method", method), HeaderField(":scheme", "https"),
                                HeaderField(":authority", "x"), HeaderField(":path", path),
                                HeaderField("content-type", type),
                            ],
                            endStream: true
                        )
                        stream.onHeaders = { fields, _ in promise.succeed(fields[":status"]) }
                    } catch {
                        promise.fail(error)
                    }
                }
                let answer = try await promise.futureResult.get()
                #expect(answer == expected)
            }
        }
    }
}
