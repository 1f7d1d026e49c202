internal import COpenSSL

/// OpenSSL's per-thread queue of errors.
enum ErrorQueue {
    /// Empties the queue; needed before each call whose outcome `SSL_get_error` judges.
    static func clear() { ERR_clear_error() }

    /// Takes the oldest entry and empties the queue.
    ///
    /// - Returns: The code (0 when there was none) and its text.
    static func take() -> (code: UInt, text: String) {
        let code = ERR_get_error()
        ERR_clear_error()
        guard code != 0 else { return (0, "no reason given") }
        if let reason = ERR_reason_error_string(code) { return (UInt(code), String(cString: reason)) }
        return (UInt(code), "error \(code)")
    }

    /// The text of the oldest entry; the queue is empty afterwards.
    static func takeText() -> String { self.take().text }
}
