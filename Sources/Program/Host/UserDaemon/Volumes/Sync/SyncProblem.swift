import Kernel

/// Why volumes are not copied.
enum SyncProblem: Error {
    /// Nobody wants the copies any more.
    case ended
    /// The connection with the server is lost.
    case lost(String)
    /// The server does not give it: the status and its words.
    case refused(UInt32, String)
    /// It is too large to be copied.
    case large(String)
    /// It cannot be written here.
    case local(SystemError)

    /// For people.
    var text: String {
        switch self {
        case .ended: "the attachment has ended"
        case .lost(let reason), .large(let reason): reason
        case .refused(let code, let words): words.isEmpty ? "refused (SFTP status \(code))" : words
        case .local(let error): "\(error)"
        }
    }
}
