package import Logging

/// Writes a logger's lines into a ``LogStore``, at the store's level.
package struct StoredLogHandler: LogHandler {
    private let label: String
    private let store: LogStore
    package var metadata: Logger.Metadata = [:]

    package init(label: String, store: LogStore) {
        self.label = label
        self.store = store
    }

    /// The store's: setting it on one logger sets it for all.
    package var logLevel: Logger.Level {
        get { store.currentLevel }
        set { store.setLastingLevel(newValue) }
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var text = "\(event.message)"
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        for (key, value) in all.sorted(by: { $0.key < $1.key }) {
            text += SecretFilter.isSecret(key) ? " \(key)=\(SecretFilter.replacement)" : " \(key)=\(value)"
        }
        if let error = event.error { text += " error=\(error)" }
        store.append(event.level, label: label, text)
    }
}
