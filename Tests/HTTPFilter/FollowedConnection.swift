import NIOCore
import TestSupport

@testable import HTTPFilter

/// Shows a request follower bytes in pieces, as its owner does, and notes what it finds.
struct FollowedConnection {
    /// What was found, in order.
    enum Entry: Equatable, CustomStringConvertible {
        case request(head: String, path: String, body: String)
        case malformed(rest: String)
        case partial(String)

        var description: String {
            switch self {
            case .request(let head, let path, let body):
                "request(\(head.debugDescription), \(path), \(body.debugDescription))"
            case .malformed(let rest): "malformed(\(rest.debugDescription))"
            case .partial(let rest): "partial(\(rest.debugDescription))"
            }
        }
    }

    private var follower = RequestFollower()
    private var pending: [UInt8] = []
    private var open: (head: String, path: String, body: String)?
    private(set) var expectations: [HTTPFilter.Expectation] = []
    private(set) var entries: [Entry] = []
    private var isMalformed = false

    /// Follows a text that comes in these pieces.
    static func follow(_ pieces: [ArraySlice<UInt8>]) -> FollowedConnection {
        var connection = FollowedConnection()
        for piece in pieces { connection.receive(piece) }
        connection.finish()
        return connection
    }

    /// Follows a text that comes at once.
    static func follow(_ text: String) -> [Entry] { follow([Array(text.utf8)[...]]).entries }

    private mutating func receive(_ piece: ArraySlice<UInt8>) {
        pending += piece
        while !pending.isEmpty, !isMalformed {
            switch pending.withUnsafeBytes({ follower.look($0) }) {
            case .partialHead: return
            case .head(let count):
                close()
                let path = pending.withUnsafeBytes { String(decoding: follower.view($0).path, as: UTF8.self) }
                open = (take(count), path, "")
                expectations.append(follower.expectation)
                follower.accept()
                if follower.isAtHead { close() }
            case .body(let count):
                let part = take(count)
                open?.body += part
                if follower.isAtHead { close() }
            case .malformed:
                // How much of a broken body was passed on before depends on how it was cut.
                let body = follower.isAtHead ? "" : open?.body ?? ""
                if !body.isEmpty { open?.body = "" }
                pending.insert(contentsOf: body.utf8, at: 0)
                close()
                isMalformed = true
            }
        }
    }

    private mutating func finish() {
        close()
        if isMalformed {
            entries.append(.malformed(rest: take(pending.count)))
        } else if !pending.isEmpty {
            entries.append(.partial(take(pending.count)))
        }
    }

    private mutating func close() {
        guard let open else { return }
        entries.append(.request(head: open.head, path: open.path, body: open.body))
        self.open = nil
    }

    private mutating func take(_ count: Int) -> String {
        defer { pending.removeFirst(count) }
        return String(decoding: pending.prefix(count), as: UTF8.self)
    }

    /// Cuts a text at random places.
    static func pieces(_ text: String, _ random: inout SplitMix64) -> [ArraySlice<UInt8>] {
        var rest = Array(text.utf8)[...]
        var pieces: [ArraySlice<UInt8>] = []
        while !rest.isEmpty {
            let count = Int.random(in: 1...max(1, min(rest.count, 40)), using: &random)
            pieces.append(rest.prefix(count))
            rest = rest.dropFirst(count)
        }
        return pieces
    }
}
