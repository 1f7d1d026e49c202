package import Kernel

/// Who talks to whom, as the program on this machine sees it.
package struct Flow: Hashable, Sendable, CustomStringConvertible {
    /// The program's end.
    package let source: InternetEndpoint

    /// Where the program wants to go.
    package let destination: InternetEndpoint

    package init(source: InternetEndpoint, destination: InternetEndpoint) {
        self.source = source
        self.destination = destination
    }

    package var description: String { "\(source) -> \(destination)" }
}
