/// One HTTP header field; the name in lower case.
///
/// Pseudo-header fields begin with `:` and come first.
package struct HeaderField: Hashable, Sendable {
    /// Lower case.
    package var name: String
    /// Without line breaks or NUL.
    package var value: String

    /// Makes a field of both parts as given.
    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }

    /// Makes a field of both parts as given.
    package init(name: String, value: String) { self.init(name, value) }

    /// Its share of a header list's size (RFC 9113, 6.5.2).
    var size: Int { self.name.utf8.count + self.value.utf8.count + 32 }
}

extension [HeaderField] {
    /// The value of the first field with this name (lower case); nil when there is none.
    package subscript(name: String) -> String? { self.first { $0.name == name }?.value }
}
