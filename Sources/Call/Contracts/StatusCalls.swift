package import Message

/// The methods of the service `Status`, answered by every component.
///
/// A request's `target` says whom it is for; who is asked for another passes it on.
package enum StatusCalls {
    /// The state: a full snapshot, then what changes.
    ///
    /// Server stream; it ends after the snapshot where `once` is set.
    package static let watch = CallMethod<StatusRequest, StatusReport>("Status", "Watch")
    /// What has been logged, and with `follow` what is logged from now on.
    ///
    /// Server stream.
    package static let logs = CallMethod<LogRequest, LogLine>("Status", "Logs")
    /// Changes what is logged, for some time.
    ///
    /// Unary.
    package static let setLogLevel = CallMethod<LogLevelRequest, LogLevelResult>("Status", "SetLogLevel")
}
