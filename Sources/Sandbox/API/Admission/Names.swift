/// The forms of names that Kubernetes permits.
enum Names {
    /// A DNS label (RFC 1123): lower case letters, digits and dashes.
    static func isLabel(_ text: String) -> Bool { self.isLabel(text[...]) && text.utf8.count <= 63 }

    /// A DNS label that begins with a letter (RFC 1035).
    static func isLetterLabel(_ text: String) -> Bool {
        self.isLabel(text) && text.utf8.first.map { (97...122).contains($0) } ?? false
    }

    /// Labels joined by dots.
    static func isSubdomain(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 253
            && text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { self.isLabel($0) }
    }

    /// A path segment, as RBAC objects are named.
    static func isSegment(_ text: String) -> Bool {
        !text.isEmpty && text != "." && text != ".." && !text.contains("/") && !text.contains("%")
    }

    /// The key of an entry of a ConfigMap or Secret.
    static func isDataKey(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 253 && text != "." && !text.hasPrefix("..")
            && text.utf8.allSatisfy { self.isLetterOrDigit($0) || [45, 46, 95].contains($0) }
    }

    /// The value of a label.
    static func isLabelValue(_ text: String) -> Bool {
        guard let first = text.utf8.first, let last = text.utf8.last else { return true }
        return text.utf8.count <= 63 && self.isLetterOrDigit(first) && self.isLetterOrDigit(last)
            && text.utf8.allSatisfy { self.isLetterOrDigit($0) || [45, 46, 95].contains($0) }
    }

    /// The key of a label or annotation: a name, or a DNS prefix, a slash and a name.
    static func isQualified(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let name = parts.last, parts.count <= 2, !name.isEmpty, self.isLabelValue(String(name)) else {
            return false
        }
        return parts.count == 1 || self.isSubdomain(String(parts[0]))
    }

    /// The name of a port: at most 15 of lower case letters, digits and single dashes, one letter at least.
    static func isPortName(_ text: String) -> Bool {
        self.isLabel(text[...]) && text.utf8.count <= 15 && !text.contains("--")
            && text.utf8.contains { (97...122).contains($0) }
    }

    private static func isLabel(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, let last = text.utf8.last, first != 45, last != 45 else { return false }
        return text.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == 45 }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
    }
}
