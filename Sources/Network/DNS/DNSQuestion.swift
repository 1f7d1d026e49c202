/// What is asked: a name, a record type and a class.
package struct DNSQuestion: Hashable, Sendable {
    package var name: DNSName
    package var type: UInt16
    package var classCode: UInt16

    package init(_ name: DNSName, type: UInt16, classCode: UInt16 = 1) {
        self.name = name
        self.type = type
        self.classCode = classCode
    }

    /// A.
    package static let a: UInt16 = 1
    /// AAAA.
    package static let aaaa: UInt16 = 28
    /// PTR.
    package static let ptr: UInt16 = 12
}
