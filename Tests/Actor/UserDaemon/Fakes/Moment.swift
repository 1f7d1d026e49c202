/// Something that happens once; who waits for it goes on then.
struct Moment: Sendable {
    private let stream: AsyncStream<Void>
    private let feed: AsyncStream<Void>.Continuation

    init() {
        (stream, feed) = AsyncStream.makeStream(of: Void.self)
    }

    /// It happens; again changes nothing.
    func come() { feed.finish() }

    /// Returns once it has happened, or the task is cancelled.
    func wait() async {
        for await _ in stream {}
    }

    /// Returns once it has happened, even to a task that is cancelled.
    func hold() async {
        let moment = self
        await Task { await moment.wait() }.value
    }
}
