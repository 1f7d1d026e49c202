/// A request's head, for matching it with filters.
///
/// Looks into bytes that others hold, without a copy; valid as long as these are.
package struct HeadView {
    private let bytes: UnsafeRawBufferPointer
    private let target: Range<Int>
    private let fieldsStart: Int

    init(bytes: UnsafeRawBufferPointer, facts: HeadFacts) {
        self.bytes = bytes
        target = facts.target
        fieldsStart = facts.fieldsStart
    }

    /// The path without query, of a target in whatever form (RFC 9112, 3.2); empty where it has none.
    package var path: UnsafeRawBufferPointer {
        var start = target.lowerBound
        if start < target.upperBound, bytes[start] != 0x2F, let authority = authorityStart {
            start = authority
            while start < target.upperBound, bytes[start] != 0x2F, bytes[start] != 0x3F { start += 1 }
        }
        var end = start
        while end < target.upperBound, bytes[end] != 0x3F { end += 1 }
        return bytes.part(start..<end)
    }

    /// Behind the `://` of a target in absolute form.
    private var authorityStart: Int? {
        var index = target.lowerBound
        while index + 2 < target.upperBound {
            if bytes[index] == 0x3A, bytes[index + 1] == 0x2F, bytes[index + 2] == 0x2F { return index + 3 }
            index += 1
        }
        return nil
    }

    /// Whether a field with this name, in lower case, has this value.
    package func contains(name: [UInt8], value: [UInt8]) -> Bool {
        var start = fieldsStart
        while start < bytes.count, bytes[start] != ByteClass.carriageReturn {
            var end = start
            while end < bytes.count, bytes[end] != ByteClass.carriageReturn { end += 1 }
            if isField(bytes.part(start..<end), name, value) { return true }
            start = end + 2
        }
        return false
    }

    private func isField(_ line: UnsafeRawBufferPointer, _ name: [UInt8], _ value: [UInt8]) -> Bool {
        guard line.count > name.count, line[name.count] == 0x3A else { return false }
        for index in name.indices where ByteClass.lowercased(line[index]) != name[index] { return false }
        return line.part(name.count + 1..<line.count).trimmed.elementsEqual(value)
    }
}
