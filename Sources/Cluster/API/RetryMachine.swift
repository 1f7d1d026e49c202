/// Decides whether a request that was answered with an error is sent again, and when.
///
/// Pure; times are in seconds.
///
/// 429 says that the server has not looked at the request: every verb may come again. 500, 502, 503 and 504 may have acted:
/// only what does no harm twice comes again. What the server itself asks for (Retry-After) is kept to; without it the
/// waits double from a quarter of a second, each between half of it and all of it.
struct RetryMachine {
    /// Tries after the first.
    private static let limit = 8
    private static let shortest = 0.25
    private static let longest = 8.0
    /// A server that wants us to come back later than that gets no second request: the caller is told.
    private static let patience = 60.0

    private var tries = 0

    /// How long to wait before the next try; nil means that the error is the caller's.
    ///
    /// - Parameters:
    ///   - status: the HTTP status.
    ///   - retryAfter: the header of that name.
    ///   - repeatable: doing it twice does no harm.
    ///   - remaining: what is left of the request's time.
    ///   - jitter: a random number from 0 to 1.
    /// - Returns: seconds to wait before the next try; nil when there is to be none.
    mutating func onStatus(
        _ status: Int,
        retryAfter: Double?,
        repeatable: Bool,
        remaining: Double,
        jitter: Double
    ) -> Double? {
        switch status {
        case 429: break
        case 500, 502, 503, 504: guard repeatable else { return nil }
        default: return nil
        }
        // A bare 500 is mostly a bug, not a hiccup: not worth eight tries.
        guard tries < (status == 500 ? 2 : Self.limit) else { return nil }
        var wait = Self.shortest
        for _ in 0..<min(tries, 10) { wait *= 2 }
        wait = min(wait, Self.longest) * (0.5 + jitter / 2)
        if let retryAfter {
            guard retryAfter <= Self.patience else { return nil }
            // Everybody was told the same second: spread a little.
            wait = retryAfter + jitter * 0.25
        }
        guard wait < remaining else { return nil }
        tries += 1
        return wait
    }
}
