import Cluster

/// The container that an `exec` or `attach` leads to, and what is wanted there.
struct ExecTarget: Sendable {
    let pod: JSONValue
    let options: ExecOptions
    let access: NodeAccess

    /// Starts the process, or joins the container's own.
    func begin() async throws(StatusError) -> ExecSession {
        self.options.command.isEmpty
            ? try await self.access.attach(self.pod, self.options) : try await self.access.exec(self.pod, self.options)
    }

    /// What the client is told at the end, as a `Status` in JSON.
    static func report(_ outcome: ExecSession.Outcome) -> JSONValue {
        switch outcome {
        case .status(0): return ["metadata": .object([:]), "status": "Success"]
        case .status(let code):
            return [
                "metadata": .object([:]), "status": "Failure", "reason": "NonZeroExitCode",
                "message": .string("command terminated with non-zero exit code: exit status \(code)"),
                "details": ["causes": [["reason": "ExitCode", "message": .string("\(code)")]]],
            ]
        case .lost(let message): return StatusError.internalError(message).body
        }
    }
}
