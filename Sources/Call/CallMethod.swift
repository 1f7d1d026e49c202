package import Message

/// A method of a service: its name, and the types of its messages.
package struct CallMethod<Request: WireMessage, Response: WireMessage>: Sendable {
    /// Service, such as `Manager`.
    package let service: String
    /// Method, such as `Version`.
    package let name: String

    package init(_ service: String, _ name: String) {
        self.service = service
        self.name = name
    }

    /// The request's `:path`.
    package var path: String { "\(CallFields.pathPrefix)\(service)/\(name)" }
}
