/// Keeps a call within reach; on the client's side, when the last writer and reader are gone the call is cancelled.
final class CallHandle: Sendable {
    let exchange: CallExchange
    private let cancels: Bool

    init(_ exchange: CallExchange, cancels: Bool) {
        self.exchange = exchange
        self.cancels = cancels
    }

    deinit {
        if cancels { exchange.cancel() }
    }
}
