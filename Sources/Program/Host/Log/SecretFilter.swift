/// Keeps what opens doors out of logs.
///
/// Nothing of the product logs such things on purpose; this is for texts of others, such as errors that quote a request.
package enum SecretFilter {
    /// What stands in a secret's place.
    package static let replacement = "<redacted>"
    private static let secretWords = ["secret", "token", "password", "authorization", "credential"]

    /// Whether a value with this name is a secret.
    package static func isSecret(_ key: String) -> Bool {
        let key = key.lowercased()
        return secretWords.contains { key.contains($0) }
    }

    /// The text on one line, without bearer tokens and private keys.
    package static func clean(_ text: String) -> String {
        var text = text
        if let begin = text.firstRange(of: "-----BEGIN "), text[begin.lowerBound...].contains("PRIVATE KEY-----") {
            text = text[..<begin.lowerBound] + replacement
        }
        // Lines are read one by one: a line break would look like two.
        if text.utf8.contains(where: { $0 == 10 || $0 == 13 }) {
            text = String(text.map { $0.isNewline ? " " : $0 })
        }
        guard text.contains("eyJ") || text.contains("earer ") else { return text }
        var bearer = false
        let words = text.split(separator: " ", omittingEmptySubsequences: false).map { word -> Substring in
            defer { bearer = word.lowercased().hasSuffix("bearer") }
            return bearer && !word.isEmpty || isWebToken(word) ? Substring(replacement) : word
        }
        return words.joined(separator: " ")
    }

    /// Whether a word has a JSON web token in it: three parts of base64url, the first of which begins `{"`.
    private static func isWebToken(_ word: Substring) -> Bool {
        guard let begin = word.firstRange(of: "eyJ") else { return false }
        return word[begin.lowerBound...].split(separator: ".").count >= 3
    }
}
