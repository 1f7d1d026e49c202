import Cluster

/// Reads objects that are sent as `application/vnd.kubernetes.protobuf`, as kubectl's own commands do.
///
/// Only what ``ProtobufSchema`` describes is understood; anything else is refused rather than lost.
struct ProtobufReader {
    private enum Value {
        case number(UInt64)
        case bytes(ArraySlice<UInt8>)
    }

    private var rest: ArraySlice<UInt8>

    private init(_ bytes: ArraySlice<UInt8>) { self.rest = bytes }

    /// The object in an envelope: four bytes, then type, and the message.
    static func object(_ body: [UInt8]) throws(StatusError) -> JSONValue {
        guard body.starts(with: [0x6B, 0x38, 0x73, 0]) else {
            throw .badRequest("the protobuf object does not begin with its four magic bytes")
        }
        var envelope = ProtobufReader(body[4...])
        var version = ""
        var kind = ""
        var raw: ArraySlice<UInt8> = []
        while let (number, value) = try envelope.field() {
            guard case .bytes(let bytes) = value else { continue }
            switch number {
            case 1:
                var type = ProtobufReader(bytes)
                while let (number, value) = try type.field() {
                    guard case .bytes(let text) = value else { continue }
                    if number == 1 { version = String(decoding: text, as: UTF8.self) }
                    if number == 2 { kind = String(decoding: text, as: UTF8.self) }
                }
            case 2: raw = bytes
            default: break
            }
        }
        var object = try self.message(kind, raw, depth: 0)
        object["apiVersion"] = .string(version)
        object["kind"] = .string(kind)
        return object
    }

    private static func message(_ type: String, _ bytes: ArraySlice<UInt8>, depth: Int) throws(StatusError) -> JSONValue
    {
        guard depth < 32, let fields = ProtobufSchema.fields(of: type) else {
            throw .unsupportedMediaType(
                "the body of the request was in an unknown format (protobuf of \(type)) - accepted media types include: "
                    + "application/json"
            )
        }
        var reader = ProtobufReader(bytes)
        var result: [String: JSONValue] = [:]
        while let (number, value) = try reader.field() {
            guard let field = fields[number] else {
                if case .number(0) = value { continue }
                if case .bytes(let bytes) = value, bytes.isEmpty { continue }
                throw .unsupportedMediaType(
                    "field \(number) of \(type) is not understood in protobuf here - accepted media types include: "
                        + "application/json"
                )
            }
            if field.type == "-" { continue }
            if field.map {
                guard case .bytes(let entry) = value else { throw self.broken }
                let (key, inner) = try self.entry(entry, field, depth)
                var map = result[field.name]?.object ?? [:]
                map[key] = inner
                result[field.name] = .object(map)
            } else if field.repeated {
                let element = try self.value(value, field, depth) ?? .string("")
                result[field.name] = .array((result[field.name]?.array ?? []) + [element])
            } else if let single = try self.value(value, field, depth) {
                result[field.name] = single
            }
        }
        return .object(result)
    }

    private static func entry(
        _ bytes: ArraySlice<UInt8>,
        _ field: ProtobufSchema.Field,
        _ depth: Int
    ) throws(StatusError) -> (String, JSONValue) {
        var reader = ProtobufReader(bytes)
        var key = ""
        var inner: JSONValue = .string("")
        while let (number, value) = try reader.field() {
            if number == 1, case .bytes(let text) = value { key = String(decoding: text, as: UTF8.self) }
            if number == 2 { inner = try self.value(value, field, depth) ?? .string("") }
        }
        return (key, inner)
    }

    /// The JSON of a value; nil for what JSON leaves out.
    private static func value(
        _ value: Value,
        _ field: ProtobufSchema.Field,
        _ depth: Int
    ) throws(StatusError) -> JSONValue? {
        switch (field.type, value) {
        case ("i", .number(let number)):
            return number == 0 && !field.keepsZero ? nil : .integer(Int64(truncatingIfNeeded: number))
        case ("t", .number(let number)): return number == 0 && !field.keepsZero ? nil : .bool(number != 0)
        case ("s", .bytes(let bytes)):
            return bytes.isEmpty && !field.keepsZero && !field.repeated
                ? nil : .string(String(decoding: bytes, as: UTF8.self))
        case ("b", .bytes(let bytes)): return .string(Base64.encode(Array(bytes)))
        case ("Quantity", .bytes(let bytes)): return try self.texts(bytes).first ?? "0"
        case ("ExtraValue", .bytes(let bytes)): return .array(try self.texts(bytes))
        case ("IntOrString", .bytes(let bytes)): return try self.intOrString(bytes)
        case (let type, .bytes(let bytes)) where type.count > 1:
            let object = try self.message(type, bytes, depth: depth + 1)
            // Structures that are empty are written, too; as JSON they are left out.
            return object.object?.isEmpty == true && !field.repeated ? nil : object
        default: throw self.broken
        }
    }

    private static func texts(_ bytes: ArraySlice<UInt8>) throws(StatusError) -> [JSONValue] {
        var reader = ProtobufReader(bytes)
        var texts: [JSONValue] = []
        while let (number, value) = try reader.field() {
            if number == 1, case .bytes(let text) = value {
                texts.append(.string(String(decoding: text, as: UTF8.self)))
            }
        }
        return texts
    }

    private static func intOrString(_ bytes: ArraySlice<UInt8>) throws(StatusError) -> JSONValue? {
        var reader = ProtobufReader(bytes)
        var isText = false
        var number: Int64 = 0
        var text = ""
        while let (field, value) = try reader.field() {
            switch (field, value) {
            case (1, .number(let type)): isText = type == 1
            case (2, .number(let value)): number = Int64(truncatingIfNeeded: value)
            case (3, .bytes(let bytes)): text = String(decoding: bytes, as: UTF8.self)
            default: break
            }
        }
        return isText ? .string(text) : .integer(number)
    }

    // MARK: Wire format

    private static var broken: StatusError { .badRequest("the protobuf object is malformed") }

    private mutating func varint() throws(StatusError) -> UInt64 {
        var result: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard let byte = self.rest.popFirst() else { throw Self.broken }
            if shift < 64 { result |= UInt64(byte & 0x7F) << shift }
            if byte & 0x80 == 0 { return result }
        }
        throw Self.broken
    }

    private mutating func field() throws(StatusError) -> (Int, Value)? {
        guard !self.rest.isEmpty else { return nil }
        let key = try self.varint()
        let number = Int(truncatingIfNeeded: key >> 3 & 0x1FFF_FFFF)
        switch key & 7 {
        case 0: return (number, .number(try self.varint()))
        case 2:
            let length = try self.varint()
            guard length <= UInt64(self.rest.count) else { throw Self.broken }
            let bytes = self.rest.prefix(Int(length))
            self.rest = self.rest.dropFirst(Int(length))
            return (number, .bytes(bytes))
        case 1, 5:
            let count = key & 7 == 1 ? 8 : 4
            guard self.rest.count >= count else { throw Self.broken }
            let bytes = self.rest.prefix(count)
            self.rest = self.rest.dropFirst(count)
            return (number, .bytes(bytes))
        default: throw Self.broken
        }
    }
}
