/// Replaces the names of pods and namespaces, so that a report may be shown to strangers.
struct Anonymizer {
    private var replacements: [String: String] = [:]
    private var counts: [String: Int] = [:]

    /// From now on `name` becomes `KIND-NUMBER`.
    mutating func hide(_ name: String, as kind: String) {
        // Shorter ones would be found in the middle of everything.
        guard name.count >= 3, replacements[name] == nil else { return }
        counts[kind, default: 0] += 1
        replacements[name] = "\(kind)-\(counts[kind] ?? 0)"
    }

    /// The text without the hidden names, the longest first, as one may begin with another.
    func clean(_ text: String) -> String {
        replacements.sorted { ($1.key.count, $0.key) < ($0.key.count, $1.key) }.reduce(text) { text, pair in
            text.replacing(pair.key, with: pair.value)
        }
    }
}
