/// A process in a pod and its ends, as the node hands them to the API server.
///
/// The descriptors are the receiver's to close. With a terminal, `input` and `output` are the same open file.
package struct ExecSession: Sendable {
    /// What is written here is the process's input.
    package var input: CInt?
    /// The process's output.
    package var output: CInt?
    /// The process's error output.
    package var error: CInt?
    /// Waits for the end: the exit status, or words when it cannot be told.
    package var exit: @Sendable () async -> Outcome
    /// Tells the process's terminal its size in columns and rows.
    package var resize: @Sendable (_ columns: UInt16, _ rows: UInt16) -> Void
    /// Called when the client ends its input, before `input` is closed.
    package var inputEnded: @Sendable () -> Void

    /// Called when the client has gone: a terminal hangs up.
    package var closed: @Sendable () -> Void = {}

    /// How a process ended.
    package enum Outcome: Sendable, Equatable {
        case status(Int)
        case lost(String)
    }

    /// A session with no descriptors yet.
    package init(
        exit: @escaping @Sendable () async -> Outcome,
        resize: @escaping @Sendable (UInt16, UInt16) -> Void = { _, _ in },
        inputEnded: @escaping @Sendable () -> Void = {}
    ) {
        self.exit = exit
        self.resize = resize
        self.inputEnded = inputEnded
    }
}
