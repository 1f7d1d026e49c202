/// A filter, ready to be asked for every request.
package struct RequestMatcher: Sendable {
    private struct Header: Sendable {
        let name: [UInt8]
        let value: [UInt8]
    }

    private enum Path: Sendable {
        case any
        case equal([UInt8])
        case prefix([UInt8])
        case regex(PathPattern)
    }

    /// More would cost every request.
    package static let maximumHeaders = 32
    /// Of a header's value and of a path.
    package static let maximumLength = 4096

    package let filter: TrafficFilter
    private let headers: [Header]
    private let path: Path

    /// Checks a filter and compiles its regular expression.
    ///
    /// - Throws: what is wrong with it, for the user.
    package init(_ filter: TrafficFilter) throws(FilterProblem) {
        self.filter = filter
        guard filter.headers.count <= Self.maximumHeaders else {
            throw FilterProblem("\(filter.headers.count) headers are too many: at most \(Self.maximumHeaders)")
        }
        var headers: [Header] = []
        for (name, value) in filter.headers.sorted(by: { $0.key < $1.key }) {
            try Self.check(name: name, value: value)
            headers.append(Header(name: Array(name.utf8), value: Array(value.utf8)))
        }
        self.headers = headers
        switch filter.path {
        case .any: path = .any
        case .equal(let text): path = .equal(try Self.literal(text))
        case .prefix(let text): path = .prefix(try Self.literal(text))
        case .regex(let pattern): path = .regex(try PathPattern(pattern))
        }
    }

    /// Whether a request is one of those that the filter is for.
    package func matches(_ head: some RequestHead) -> Bool {
        for header in headers where !head.contains(name: header.name, value: header.value) { return false }
        switch path {
        case .any: return true
        case .equal(let wanted): return unsafe head.path.elementsEqual(wanted)
        case .prefix(let start): return unsafe head.path.starts(with: start)
        case .regex(let pattern): return unsafe pattern.matches(head.path)
        }
    }

    /// Names are tokens (RFC 9110, 5.6.2) in lower case, as HTTP/2 has them; of values only what can be sent is taken.
    private static func check(name: String, value: String) throws(FilterProblem) {
        let marks = Array("!#$%&'*+-.^_`|~".utf8)
        let isToken = name.utf8.allSatisfy { byte in
            (97...122).contains(byte) || (48...57).contains(byte) || marks.contains(byte)
        }
        guard !name.isEmpty, isToken, name.utf8.count <= 256 else {
            throw FilterProblem(
                "\"\(name)\" cannot be the name of a header: it may have letters in lower case, digits and -_.~!#$%&'*+^`|"
            )
        }
        let isPrintable = value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }
        guard !value.isEmpty, isPrintable, value.utf8.count <= maximumLength else {
            throw FilterProblem("the value of header \(name) is empty, too long or has control characters")
        }
        let blanks: [UInt8] = [0x20, 0x09]
        guard let first = value.utf8.first, let last = value.utf8.last, !blanks.contains(first), !blanks.contains(last)
        else { throw FilterProblem("the value of header \(name) begins or ends with white space, which is not sent") }
    }

    private static func literal(_ path: String) throws(FilterProblem) -> [UInt8] {
        guard path.utf8.first == UInt8(ascii: "/"), path.utf8.count <= maximumLength else {
            throw FilterProblem("the path \"\(path)\" must begin with / and have at most \(maximumLength) bytes")
        }
        guard path.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f }) else {
            throw FilterProblem(
                "the path \"\(path)\" has white space or control characters: write them as %20 and so on"
            )
        }
        // What is matched is the path alone.
        guard !path.utf8.contains(UInt8(ascii: "?")), !path.utf8.contains(UInt8(ascii: "#")) else {
            throw FilterProblem("the path \"\(path)\" has a query or a fragment: only the path before it is matched")
        }
        return Array(path.utf8)
    }
}

extension RequestMatcher {
    /// Whether the requests of this come before those of the other: the more headers the earlier.
    ///
    /// So filters with headers come before filters by path alone. Of equals the older comes first, which is not known here.
    package func precedes(_ other: RequestMatcher) -> Bool {
        headers.count > other.headers.count
    }
}
