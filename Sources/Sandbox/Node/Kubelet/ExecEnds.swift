import Glibc
import Kernel

/// The two sides of the descriptors of a process that `exec` runs.
struct ExecEnds {
    /// Standard input, output and error, for the process.
    let process: [Descriptor]
    private let input: Descriptor?
    private let output: Descriptor?
    private let error: Descriptor?
    private let terminal: Descriptor?

    /// Makes what the options ask for; what they do not ask for is empty, or dropped.
    init(_ options: ExecOptions) throws(SystemError) {
        if options.terminal {
            let pair = try PseudoTerminal.open()
            self.process = [pair.far, pair.far, pair.far]
            self.terminal = try pair.near.duplicate()
            self.input = options.input ? try pair.near.duplicate() : nil
            self.output = pair.near
            self.error = nil
            return
        }
        let null = try Descriptor.open("/dev/null", flags: O_RDWR)
        let input = options.input ? try Descriptor.pipe() : nil
        let output = options.output ? try Descriptor.pipe() : nil
        let error = options.error ? try Descriptor.pipe() : nil
        self.process = [input?.reading ?? null, output?.writing ?? null, error?.writing ?? null]
        self.input = input?.writing
        self.output = output?.reading
        self.error = error?.reading
        self.terminal = nil
    }

    /// Tells the terminal its size; does nothing without one.
    var resize: @Sendable (UInt16, UInt16) -> Void {
        { [terminal] columns, rows in
            if let terminal { PseudoTerminal.resize(terminal, columns: columns, rows: rows) }
        }
    }

    /// The far ends as a session, which owns them from here on.
    func session(exit: @escaping @Sendable () async -> ExecSession.Outcome) -> ExecSession {
        let terminal = self.terminal
        var session = ExecSession(exit: exit)
        session.closed = { terminal?.close() }
        session.input = self.input?.take()
        session.output = self.output?.take()
        session.error = self.error?.take()
        return session
    }
}
