internal import Cluster

/// `traffic ready [FILE]`: the agent's readiness probe.
package enum AgentReadyProgram {
    /// Tells whether the agent serves.
    ///
    /// - Parameter arguments: the words after `ready`: the file that the agent makes once it serves.
    /// - Returns: 0 when the file is there, else 1.
    package static func main(_ arguments: [String]) -> Int32 {
        FileContents.exists(arguments.first ?? AgentEnvironment.readyFile) ? 0 : 1
    }
}
