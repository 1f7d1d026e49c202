/// What a client of `exec` or `attach` wants.
package struct ExecOptions: Sendable, Equatable {
    /// The container; never empty.
    package var container: String
    /// Program and arguments; empty to be joined to the container's own process (`attach`).
    package var command: [String] = []
    /// Whether the client sends standard input.
    package var input = false
    /// Whether it takes standard output.
    package var output = false
    /// Whether it takes standard error; never with a terminal, which has only one output.
    package var error = false
    /// Whether the process gets a terminal.
    package var terminal = false

    /// Options for a container, with nothing connected.
    package init(container: String) { self.container = container }
}
