package import Message
import Synchronization

/// Who has connected and attached, and how often: for metrics.
///
/// Behind a mutex: it is written a few times per session.
package final class UsageCounts: Sendable {
    /// A user at a workstation.
    package struct Client: Sendable, Hashable {
        /// user@host.
        package let name: String
        package let installID: String
    }

    /// What is counted of attachments.
    package struct Use: Sendable, Hashable {
        package let client: Client
        package let kind: AttachmentKind
    }

    /// Clients that are told apart at most; those that come later are counted as one without a name.
    private static let limit = 1000

    private struct State {
        var connects: [Client: UInt64] = [:]
        var attaches: [Use: UInt64] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    /// How often each has connected.
    package var connects: [Client: UInt64] { state.withLock { $0.connects } }
    /// How often each has attached.
    package var attaches: [Use: UInt64] { state.withLock { $0.attaches } }

    /// A workstation has a new session.
    package func connected(_ hello: Hello) {
        guard let client = Self.client(hello) else { return }
        state.withLock { state in
            let name = Self.known(client, state)
            state.connects[name, default: 0] += 1
        }
    }

    /// A workstation has a new attachment.
    package func attached(_ hello: Hello?, _ kind: AttachmentKind) {
        guard let client = hello.flatMap(Self.client) else { return }
        state.withLock { state in
            let name = Self.known(client, state)
            state.attaches[Use(client: name, kind: kind), default: 0] += 1
        }
    }

    /// The client of a hello; nil for agents.
    package static func client(_ hello: Hello) -> Client? {
        hello.client.map { Client(name: "\($0.user)@\($0.host)", installID: $0.installID) }
    }

    private static func known(_ client: Client, _ state: State) -> Client {
        state.connects[client] != nil || state.connects.count < limit ? client : Client(name: "", installID: "")
    }
}
