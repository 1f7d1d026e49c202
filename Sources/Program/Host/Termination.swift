import Dispatch
import Glibc

/// The end of a daemon that is asked for by SIGTERM or SIGINT.
package enum Termination {
    /// Returns once one of the two has come, or the task is cancelled.
    package static func signalled() async {
        let (signals, continuation) = AsyncStream.makeStream(of: Void.self)
        let sources = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { continuation.yield() }
            source.resume()
            return source
        }
        for await _ in signals { break }
        sources.forEach { $0.cancel() }
    }
}
