/// A port-forward that was open and failed: what the far side said.
package struct PortForwardError: Error, Sendable, Hashable, CustomStringConvertible {
    package let message: String

    package var description: String { "the port-forward failed: \(message)" }
}
