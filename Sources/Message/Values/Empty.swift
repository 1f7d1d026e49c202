/// Nothing: the request or answer of a call that says all by its name.
package struct Empty: WireMessage {
    package init() {}

    package static let table = MessageTable("Empty", [])

    package func encode(to writer: inout FieldWriter) {}

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while try reader.next() != nil {}
    }
}
