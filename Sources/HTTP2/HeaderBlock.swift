/// A list of header fields as it travels: their bytes, in order.
///
/// Unlike a list of ``HeaderField`` it keeps values that are no UTF-8, and what is not to be put into compression tables;
/// that is what passing on needs.
package struct HeaderBlock: Hashable, Sendable {
    /// One field's share of the bytes: the name, then the value.
    struct Entry: Hashable {
        var nameLength: Int32
        var valueLength: Int32
        /// Nobody may put it into a compression table (RFC 7541, 7.1.3).
        var neverIndexed: Bool
    }

    /// All names and values, one after the other.
    private(set) var bytes: [UInt8] = []
    private(set) var entries: [Entry] = []

    package init() {}

    /// Takes the fields as they are.
    package init(_ fields: [HeaderField]) {
        for field in fields { append(field) }
    }

    /// How many fields there are.
    package var count: Int { entries.count }

    /// Adds a field; the name in lower case.
    package mutating func append(_ field: HeaderField) {
        bytes.append(contentsOf: field.name.utf8)
        bytes.append(contentsOf: field.value.utf8)
        note(field.name.utf8.count, field.value.utf8.count, neverIndexed: false)
    }

    /// Adds a field of bytes.
    mutating func append(
        name: UnsafeBufferPointer<UInt8>,
        value: UnsafeBufferPointer<UInt8>,
        neverIndexed: Bool
    ) {
        if bytes.isEmpty {
            // A usual request's.
            bytes.reserveCapacity(512)
            entries.reserveCapacity(16)
        }
        bytes.append(contentsOf: name)
        bytes.append(contentsOf: value)
        note(name.count, value.count, neverIndexed: neverIndexed)
    }

    private mutating func note(_ name: Int, _ value: Int, neverIndexed: Bool) {
        entries.append(
            Entry(nameLength: Int32(clamping: name), valueLength: Int32(clamping: value), neverIndexed: neverIndexed)
        )
    }

    /// As text; of what is no UTF-8, an approximation.
    package var fields: [HeaderField] {
        bytes.withUnsafeBufferPointer { bytes in
            var offset = 0
            return entries.map { entry in
                let middle = offset + Int(entry.nameLength)
                let end = middle + Int(entry.valueLength)
                defer { offset = end }
                return HeaderField(
                    String(decoding: bytes[offset..<middle], as: UTF8.self),
                    String(decoding: bytes[middle..<end], as: UTF8.self)
                )
            }
        }
    }

    /// Runs `body` with a view of the fields that is valid only inside.
    package func withView<Value>(_ body: (View) -> Value) -> Value {
        bytes.withUnsafeBytes { body(View(bytes: $0, entries: entries)) }
    }

    /// Whether it is the head of an interim response (RFC 9110, 15.2): its first field is `:status`, of three digits.
    var isInterim: Bool {
        guard let first = entries.first, first.nameLength == 7, first.valueLength == 3 else { return false }
        return bytes[7] == UInt8(ascii: "1") && bytes.starts(with: ":status".utf8)
    }
}

extension HeaderBlock {
    /// The fields where they lie.
    package struct View {
        fileprivate let bytes: UnsafeRawBufferPointer
        fileprivate let entries: [Entry]

        /// Calls `body` with each field's name and value until it returns false.
        package func scan(_ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool) {
            var offset = 0
            for entry in entries {
                let middle = offset + Int(entry.nameLength)
                let end = middle + Int(entry.valueLength)
                let name = UnsafeRawBufferPointer(rebasing: bytes[offset..<middle])
                if !body(name, UnsafeRawBufferPointer(rebasing: bytes[middle..<end])) { return }
                offset = end
            }
        }

        /// The value of the first field with this name, in lower case; nil where there is none.
        package func value(of wanted: StaticString) -> UnsafeRawBufferPointer? {
            var found: UnsafeRawBufferPointer?
            wanted.withUTF8Buffer { wanted in
                scan { name, value in
                    if name.count == wanted.count, name.elementsEqual(wanted) { found = value }
                    return found == nil
                }
            }
            return found
        }
    }
}

extension HeaderBlock: ExpressibleByArrayLiteral {
    package init(arrayLiteral elements: HeaderField...) { self.init(elements) }
}
