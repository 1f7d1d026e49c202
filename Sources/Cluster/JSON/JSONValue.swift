/// A JSON value (RFC 8259): what every Kubernetes object is to this module.
///
/// Objects carry fields that we do not know and must not lose, so they stay values; typed views such as ``PodView`` only
/// read them. Whole numbers that fit 64 bits are ``integer(_:)``, all others ``number(_:)``; `1` and `1.0` differ.
package enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// An object without members.
    package static var emptyObject: JSONValue { .object([:]) }

    /// Reads one JSON text; nothing but white space may follow it.
    ///
    /// - Parameters:
    ///   - bytes: UTF-8 text.
    ///   - limits: depth and size that are accepted.
    /// - Returns: The value.
    /// - Throws: ``JSONError``, which names the byte offset. Never traps.
    package static func parse(_ bytes: [UInt8], limits: JSONLimits = JSONLimits()) throws(JSONError) -> JSONValue {
        try JSONParser.parse(bytes.span, limits: limits)
    }

    /// Reads one JSON text from a string.
    package static func parse(_ text: String, limits: JSONLimits = JSONLimits()) throws(JSONError) -> JSONValue {
        try parse([UInt8](text.utf8), limits: limits)
    }

    /// The value as compact UTF-8 JSON, members in order of their names: equal values give equal bytes.
    package func serialized() -> [UInt8] {
        var serializer = JSONSerializer()
        serializer.write(self)
        return serializer.bytes
    }

    /// The value as compact JSON text.
    package var text: String { String(decoding: serialized(), as: UTF8.self) }
}

// MARK: - Reading and changing

extension JSONValue {
    /// The text, when it is a string.
    package var string: String? {
        guard case .string(let value) = self else { return nil }
        return value
    }

    /// The truth value, when it is one.
    package var bool: Bool? {
        guard case .bool(let value) = self else { return nil }
        return value
    }

    /// The whole number, also when written as `3.0`.
    package var integer: Int64? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int64(exactly: value)
        default: nil
        }
    }

    /// The whole number as `Int`.
    package var int: Int? { integer.flatMap { Int(exactly: $0) } }

    /// Any number.
    package var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    /// The elements, when it is an array.
    package var array: [JSONValue]? {
        guard case .array(let value) = self else { return nil }
        return value
    }

    /// The members, when it is an object.
    package var object: [String: JSONValue]? {
        guard case .object(let value) = self else { return nil }
        return value
    }

    /// Whether it is `null`.
    package var isNull: Bool { self == .null }

    /// The members whose values are strings (labels, annotations, selectors); empty when it is no object.
    package var stringMap: [String: String] {
        guard case .object(let members) = self else { return [:] }
        return members.compactMapValues(\.string)
    }

    /// The elements that are strings; empty when it is no array.
    package var stringArray: [String] { (array ?? []).compactMap(\.string) }

    /// An object of strings.
    package init(stringMap: [String: String]) {
        self = .object(stringMap.mapValues { .string($0) })
    }

    /// A member of an object; nil when it is absent or this is no object.
    ///
    /// Setting nil removes the member. Setting a member of something that is no object replaces it by an object.
    package subscript(key: String) -> JSONValue? {
        get {
            guard case .object(let members) = self else { return nil }
            return members[key]
        }
        set {
            guard case .object(var members) = self else {
                if let newValue { self = .object([key: newValue]) }
                return
            }
            // The enum's copy has to go before the change, else the whole dictionary is copied.
            self = .null
            members[key] = newValue
            self = .object(members)
        }
    }

    /// An element of an array; nil when out of range or when this is no array.
    ///
    /// Setting out of range does nothing.
    package subscript(index: Int) -> JSONValue? {
        get {
            guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
            return elements[index]
        }
        set {
            guard let newValue, case .array(var elements) = self, elements.indices.contains(index) else { return }
            self = .null
            elements[index] = newValue
            self = .array(elements)
        }
    }

    /// The value behind a chain of member names; nil when any of them is absent.
    package func at(_ path: String...) -> JSONValue? {
        var value = self
        for name in path {
            guard let next = value[name] else { return nil }
            value = next
        }
        return value
    }
}

// MARK: - Literals

extension JSONValue: ExpressibleByStringLiteral {
    package init(stringLiteral value: String) { self = .string(value) }
}

extension JSONValue: ExpressibleByStringInterpolation {}

extension JSONValue: ExpressibleByIntegerLiteral {
    package init(integerLiteral value: Int64) { self = .integer(value) }
}

extension JSONValue: ExpressibleByFloatLiteral {
    package init(floatLiteral value: Double) { self = .number(value) }
}

extension JSONValue: ExpressibleByBooleanLiteral {
    package init(booleanLiteral value: Bool) { self = .bool(value) }
}

extension JSONValue: ExpressibleByArrayLiteral {
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
}

extension JSONValue: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(Dictionary(elements, uniquingKeysWith: { _, last in last }))
    }
}

extension JSONValue: CustomStringConvertible {
    package var description: String { text }
}
