import Installation

/// What `install`, `upgrade` and `uninstall` print.
struct InstallationOutput: Encodable {
    struct Object: Encodable {
        var kind: String
        var name: String
        var namespace: String
        var change: String
    }

    /// `installed`, `upgraded` or `uninstalled`.
    var action: String
    var namespace: String
    var version: String
    var revision: Int
    var objects: [Object]
    var notes: [String]

    init(_ outcome: InstallationOutcome, action: String, version: String) {
        self.action = action
        self.version = version
        namespace = outcome.namespace
        revision = outcome.revision
        notes = outcome.notes
        objects = outcome.entries.map {
            Object(
                kind: $0.object.kind,
                name: $0.object.name,
                namespace: $0.object.namespace,
                change: $0.change.rawValue
            )
        }
    }

    /// One line, and the notes.
    static func text(_ outcome: InstallationOutcome, action: String, version: String) -> String {
        let changes: [InstallationOutcome.Change] = [.created, .changed, .unchanged, .deleted]
        let counts = changes.filter { outcome.count($0) > 0 }.map { "\(outcome.count($0)) \($0.rawValue)" }
        let words = counts.isEmpty ? "nothing to do" : counts.joined(separator: ", ")
        return "\(action) traffic manager \(version) in namespace \(outcome.namespace) (\(words))"
    }
}

/// What `lint` prints with `--format json`.
struct LintOutput: Encodable {
    struct Finding: Encodable {
        var level: String
        var subject: String
        var message: String
    }

    /// Nothing forbids an installation.
    var ok: Bool
    /// What forbids one, in a sentence.
    var error: String?
    var findings: [Finding]

    init(_ findings: [LintFinding]) {
        let first = findings.first { $0.level == .error }
        ok = first == nil
        error = first.map { "\($0.subject): \($0.message)" }
        self.findings = findings.map { Finding(level: $0.level.rawValue, subject: $0.subject, message: $0.message) }
    }
}
