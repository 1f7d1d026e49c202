import Foundation
import Message
import TestSupport

/// A value of any message by the names of its fields, with its own encoder and decoder.
///
/// Written apart from the product's codec and in another manner: it works on slices, by the field tables alone. Fields
/// at their defaults are absent.
indirect enum Tree: Equatable {
    case number(UInt64)
    case text(String)
    case raw([UInt8])
    case list([Tree])
    case object([String: Tree])

    struct Malformed: Error {}

    static let tables = Dictionary(
        uniqueKeysWithValues: (everyMessage + [Sampler.self]).map { ($0.table.name, $0.table) }
    )

    // MARK: bytes to tree

    static func parse(_ bytes: ArraySlice<UInt8>, _ name: String) throws -> Tree {
        guard let table = tables[name] else { throw Malformed() }
        var groups: [UInt64: [ArraySlice<UInt8>]] = [:]
        var rest = bytes
        while !rest.isEmpty {
            let tag = try number(&rest)
            let length = try number(&rest)
            guard let count = Int(exactly: length), count <= rest.count else { throw Malformed() }
            groups[tag, default: []].append(rest.prefix(count))
            rest = rest.dropFirst(count)
        }
        var object: [String: Tree] = [:]
        for row in table.rows {
            guard let found = groups[row.tag] else { continue }
            object[row.name] = try value(row.kind, found)
        }
        return .object(object)
    }

    private static func value(_ kind: FieldKind, _ found: [ArraySlice<UInt8>]) throws -> Tree {
        switch kind {
        case .repeated(let element):
            return .list(try found.map { try value(element, [$0]) })
        case .map:
            var entries: [String: Tree] = [:]
            for entry in found {
                var parts: [UInt64: ArraySlice<UInt8>] = [:]
                var rest = entry
                while !rest.isEmpty {
                    let tag = try number(&rest)
                    let count = Int(try number(&rest))
                    parts[tag] = rest.prefix(count)
                    rest = rest.dropFirst(count)
                }
                entries[String(decoding: parts[1] ?? [], as: UTF8.self)] =
                    .text(String(decoding: parts[2] ?? [], as: UTF8.self))
            }
            return .object(entries)
        case .optional(let inner):
            return try value(inner, found)
        default:
            guard found.count == 1, var bytes = found.first else { throw Malformed() }
            switch kind {
            case .string: return .text(String(decoding: bytes, as: UTF8.self))
            case .bytes: return .raw(Array(bytes))
            case .message(let name): return try parse(bytes, name)
            case .double: return .number(bytes.reduce(0) { $0 << 8 | UInt64($1) })
            default: return .number(try number(&bytes))
            }
        }
    }

    private static func number(_ bytes: inout ArraySlice<UInt8>) throws -> UInt64 {
        guard let last = bytes.firstIndex(where: { $0 < 128 }) else { throw Malformed() }
        let digits = bytes[bytes.startIndex...last]
        bytes = bytes[(last + 1)...]
        return digits.reversed().reduce(0) { $0 << 7 | UInt64($1 & 127) }
    }

    // MARK: tree to bytes

    func bytes(_ name: String) throws -> [UInt8] {
        guard case .object(let object) = self, let table = Self.tables[name] else { throw Malformed() }
        return try table.rows.flatMap { row in
            try object[row.name].map { try Self.fields(row.tag, row.kind, $0) } ?? []
        }
    }

    private static func fields(_ tag: UInt64, _ kind: FieldKind, _ tree: Tree) throws -> [UInt8] {
        switch (kind, tree) {
        case (.repeated(let element), .list(let trees)):
            return try trees.flatMap { try fields(tag, element, $0) }
        case (.optional(let inner), _):
            return try fields(tag, inner, tree)
        case (.map, .object(let entries)):
            let sorted = entries.sorted { Array($0.key.utf8).lexicographicallyPrecedes(Array($1.key.utf8)) }
            return try sorted.flatMap { key, value in
                guard case .text(let text) = value else { throw Malformed() }
                let first = key.isEmpty ? [] : field(1, Array(key.utf8))
                return field(tag, first + (text.isEmpty ? [] : field(2, Array(text.utf8))))
            }
        case (.string, .text(let text)): return field(tag, Array(text.utf8))
        case (.bytes, .raw(let raw)): return field(tag, raw)
        case (.message(let name), .object): return field(tag, try tree.bytes(name))
        case (.double, .number(let bits)): return field(tag, (0..<8).map { UInt8(bits >> (56 - 8 * $0) & 255) })
        case (_, .number(let number)): return field(tag, digits(number))
        default: throw Malformed()
        }
    }

    private static func field(_ tag: UInt64, _ body: [UInt8]) -> [UInt8] {
        digits(tag) + digits(UInt64(body.count)) + body
    }

    private static func digits(_ number: UInt64) -> [UInt8] {
        number < 128 ? [UInt8(number)] : [UInt8(number & 127) | 128] + digits(number >> 7)
    }

    // MARK: JSON to tree

    static func json(_ value: Any, _ name: String) throws -> Tree {
        guard let object = value as? [String: Any], let table = tables[name] else { throw Malformed() }
        guard Set(object.keys).isSubset(of: table.rows.map(\.name)) else { throw Malformed() }
        var result: [String: Tree] = [:]
        for row in table.rows {
            guard let found = object[row.name] else { continue }
            result[row.name] = try json(found, row.kind)
        }
        return .object(result)
    }

    private static func json(_ value: Any, _ kind: FieldKind) throws -> Tree {
        switch kind {
        case .repeated(let element):
            guard let list = value as? [Any] else { throw Malformed() }
            return .list(try list.map { try json($0, element) })
        case .optional(let inner): return try json(value, inner)
        case .map:
            guard let entries = value as? [String: String] else { throw Malformed() }
            return .object(entries.mapValues { .text($0) })
        case .message(let name): return try json(value, name)
        case .string:
            guard let text = value as? String else { throw Malformed() }
            return .text(text)
        case .bytes:
            guard let text = value as? String else { throw Malformed() }
            return .raw(try hex(text))
        case .signed:
            guard let number = value as? Int64 else { throw Malformed() }
            return .number(number < 0 ? UInt64(-1 - number) * 2 + 1 : UInt64(number) * 2)
        case .double:
            guard let number = value as? Double else { throw Malformed() }
            return .number(number.bitPattern)
        case .bool:
            guard let bool = value as? Bool else { throw Malformed() }
            return .number(bool ? 1 : 0)
        case .unsigned, .enumeration:
            if let text = value as? String, let number = UInt64(text) { return .number(number) }
            guard let number = value as? UInt64 else { throw Malformed() }
            return .number(number)
        }
    }

    static func hex(_ text: String) throws -> [UInt8] {
        let digits = Array(text.utf8)
        return try stride(from: 0, to: digits.count, by: 2).map {
            guard let byte = UInt8(String(decoding: digits[$0..<min($0 + 2, digits.count)], as: UTF8.self), radix: 16)
            else { throw Malformed() }
            return byte
        }
    }

    // MARK: random trees

    static func random(_ name: String, using generator: inout SplitMix64, depth: Int = 0) -> Tree {
        guard let table = tables[name] else { return .object([:]) }
        var object: [String: Tree] = [:]
        for row in table.isChoice ? Array(table.rows.shuffled(using: &generator).prefix(1)) : table.rows {
            guard table.isChoice || Bool.random(using: &generator) else { continue }
            let tree = random(row.kind, using: &generator, depth: depth)
            if case .message = row.kind, tree == .object([:]), !table.isChoice { continue }
            if tree == .list([]) || (row.kind == .map && tree == .object([:])) { continue }
            object[row.name] = tree
        }
        return .object(object)
    }

    private static func random(_ kind: FieldKind, using generator: inout SplitMix64, depth: Int) -> Tree {
        switch kind {
        case .repeated(let element):
            let count = depth > 4 ? 0 : Int.random(in: 0...3, using: &generator)
            return .list((0..<count).map { _ in random(element, using: &generator, depth: depth + 1) })
        case .optional(let inner): return random(inner, using: &generator, depth: depth)
        case .map:
            let pairs = (0..<Int.random(in: 0...4, using: &generator)).map { index in
                ("K\(index)" + word(&generator), Tree.text(Bool.random(using: &generator) ? "" : word(&generator)))
            }
            return .object(Dictionary(pairs) { first, _ in first })
        case .message(let name): return random(name, using: &generator, depth: depth + 1)
        case .string: return .text(word(&generator))
        case .bytes:
            return .raw(
                (0...Int.random(in: 0...9, using: &generator)).map { _ in .random(in: 0...255, using: &generator) }
            )
        case .bool: return .number(1)
        case .enumeration(let name):
            let cases = everyEnumeration.first { $0.name == name }?.cases ?? []
            return .number(cases.dropFirst().randomElement(using: &generator)?.1 ?? 1)
        case .unsigned(let bits):
            let value =
                (generator.next() >> UInt64(64 - bits)) >> UInt64.random(in: 0..<UInt64(bits), using: &generator)
            return .number(max(1, value))
        case .signed, .double: return .number(generator.next() | 1)
        }
    }

    private static func word(_ generator: inout SplitMix64) -> String {
        let letters = Array("abcXYZ09-._/:é€😀")
        return String(
            (0...Int.random(in: 0...12, using: &generator)).map { _ in letters.randomElement(using: &generator) ?? "a" }
        )
    }
}
