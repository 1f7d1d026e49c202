/// Kubernetes' `$(NAME)` references in the values of environment variables, arguments and mount paths.
enum EnvironmentReferences {
    /// Puts other names into a text's references.
    ///
    /// `$$` stays as it is (Kubernetes makes it `$`), and so does what only looks like a reference.
    ///
    /// - Parameters:
    ///   - text: the text as it stands in the manifest.
    ///   - renamed: the new name of a variable, or nil to leave its references alone.
    /// - Returns: The text with the references changed.
    static func rewrite(_ text: String, _ renamed: (String) -> String?) -> String {
        let bytes = Array(text.utf8)
        guard bytes.contains(UInt8(ascii: "$")) else { return text }
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            guard byte == UInt8(ascii: "$"), index + 1 < bytes.count else {
                result.append(byte)
                index += 1
                continue
            }
            if bytes[index + 1] == UInt8(ascii: "$") {
                result += [byte, byte]
                index += 2
                continue
            }
            guard bytes[index + 1] == UInt8(ascii: "("),
                let end = bytes[(index + 2)...].firstIndex(of: UInt8(ascii: ")"))
            else {
                result.append(byte)
                index += 1
                continue
            }
            let name = String(decoding: bytes[(index + 2)..<end], as: UTF8.self)
            result += Array("$(\(renamed(name) ?? name))".utf8)
            index = end + 1
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// The text whose expansion is `text` itself.
    static func literal(_ text: String) -> String {
        text.contains("$") ? text.split(separator: "$", omittingEmptySubsequences: false).joined(separator: "$$") : text
    }
}
