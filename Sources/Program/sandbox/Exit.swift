import Glibc

/// Ending the program.
enum Exit {
    /// Ends it with a status.
    static func now(_ status: Int32) -> Never {
        exit(status)
    }

    /// Says what went wrong and ends with status 1.
    static func fail(_ message: String) -> Never {
        let bytes = Array("error: \(message)\n".utf8)
        _ = write(2, bytes, bytes.count)
        exit(1)
    }
}
