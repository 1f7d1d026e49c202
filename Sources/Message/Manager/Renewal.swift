/// The answer to RenewRequest.
package struct Renewal: WireMessage {
    /// The certificate, when there is one.
    package var certificate: IssuedCertificate?
    /// A call status code; 0 is success.
    package var code: UInt32
    /// Why it was refused, for people.
    package var message: String

    package init(
        certificate: IssuedCertificate? = nil,
        code: UInt32 = 0,
        message: String = ""
    ) {
        self.certificate = certificate
        self.code = code
        self.message = message
    }

    /// Every field at its default.
    package init() {
        self.init(certificate: nil)
    }

    package static let table = MessageTable(
        "Renewal",
        [
            FieldRow(1, "certificate", .optional(.message("IssuedCertificate"))),
            FieldRow(2, "code", .unsigned(bits: 32)),
            FieldRow(3, "message", .string),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.message(1, certificate)
        writer.unsigned(2, code)
        writer.string(3, message)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: certificate = try reader.message(field)
            case 2: code = try reader.unsigned(field)
            case 3: message = try reader.string(field)
            default: break
            }
        }
    }
}
