package import ArgumentParser
import Message

/// `telepresence revoke SESSION:NAME`: an administrator ends somebody's attachment.
package struct RevokeCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "End somebody's attachment (for administrators).",
        discussion: """
            Whoever may update the ConfigMap traffic-manager in the traffic manager's namespace may do this. Its owner is \
            told.

            telepresence revoke ann@laptop:web
            """
    )

    @OptionGroup package var global: GlobalOptions

    @Argument(help: "Whose, as a session's id or user@host, and the attachment's name: SESSION:NAME.")
    var target: String

    @Option(name: [.short, .long], help: "Its namespace, where two have the same name.")
    var namespace: String?

    package init() {}

    package func validate() throws {
        guard Self.parts(target) != nil else {
            throw ValidationError("\(target) is not of the form SESSION:NAME, such as ann@laptop:web")
        }
    }

    package func run() async throws {
        try await global.run { terminal in
            guard let parts = Self.parts(target) else { return }
            let client = try await DaemonClient.connected(paths: StatePaths(), name: global.use)
            let order = RevokeOrder(session: parts.session, name: parts.name, namespace: namespace ?? "")
            try await client.revoke(order)
            await client.close()
            terminal.result(
                global.format.isStructured
                    ? try global.format.encode(["revoked": parts.name, "session": parts.session])
                    : "Revoked \(parts.name) of \(parts.session)"
            )
        }
    }

    /// The two halves, split at the last colon: a name has none.
    static func parts(_ text: String) -> (session: String, name: String)? {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let (session, name) = (text[..<colon], text[text.index(after: colon)...])
        guard !session.isEmpty, !name.isEmpty else { return nil }
        return (String(session), String(name))
    }
}
