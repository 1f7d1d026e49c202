import Actor
import HTTP2

/// The head of an HTTP/2 request, for matching it with filters.
///
/// Looks into a block that others hold, without a copy; valid as long as that is.
struct FieldsHead: RequestHead {
    private static let host = Array("host".utf8)
    private static let cookie = Array("cookie".utf8)

    let view: HeaderBlock.View

    var path: UnsafeRawBufferPointer {
        guard let target = view.value(of: ":path") else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        let end = target.firstIndex(of: UInt8(ascii: "?")) ?? target.endIndex
        return UnsafeRawBufferPointer(rebasing: target[..<end])
    }

    func contains(name: [UInt8], value: [UInt8]) -> Bool {
        var found = false
        view.scan { field, content in
            if field.count == name.count, field.elementsEqual(name) {
                found = Self.trimmed(content).elementsEqual(value)
            }
            return !found
        }
        if found { return true }
        // RFC 9113, 8.3.1: what HTTP/1.1 has as `Host`.
        if name == Self.host { return view.value(of: ":authority")?.elementsEqual(value) == true }
        // RFC 9113, 8.2.3: one value in several fields.
        return name == Self.cookie && cookies == value
    }

    private var cookies: [UInt8] {
        var all: [UInt8] = []
        view.scan { field, content in
            guard field.elementsEqual(Self.cookie) else { return true }
            if !all.isEmpty { all += [UInt8(ascii: ";"), UInt8(ascii: " ")] }
            all += content
            return true
        }
        return all
    }

    private static func trimmed(_ value: UnsafeRawBufferPointer) -> Slice<UnsafeRawBufferPointer> {
        let isBlank = { (byte: UInt8) in byte == 0x20 || byte == 0x09 }
        guard let start = value.firstIndex(where: { !isBlank($0) }), let end = value.lastIndex(where: { !isBlank($0) })
        else { return value[value.startIndex..<value.startIndex] }
        return value[start...end]
    }
}
