/// What is asked of an SFTP server, version 3 (draft-ietf-secsh-filexfer-02): only what reading needs.
enum SFTPRequest: Equatable {
    /// `SSH_FXP_OPENDIR`; a handle is the answer.
    case list(String)
    /// `SSH_FXP_READDIR`: some names, until a status says that there are no more.
    case names([UInt8])
    /// `SSH_FXP_LSTAT`.
    case attributes(String)
    /// `SSH_FXP_READLINK`.
    case target(String)
    /// `SSH_FXP_OPEN`, to read.
    case open(String)
    /// `SSH_FXP_READ`.
    case read([UInt8], offset: UInt64, count: UInt32)
    /// `SSH_FXP_CLOSE`.
    case close([UInt8])

    /// The first packet of a client: `SSH_FXP_INIT`, version 3.
    static let hello: [UInt8] = [0, 0, 0, 5, 1, 0, 0, 0, 3]

    /// The packet, with its length in front.
    func packet(_ id: UInt32) -> [UInt8] {
        var body: [UInt8] = []
        switch self {
        case .open(let path):
            body = Self.begin(3, id) + Self.string(Array(path.utf8))
            // SSH_FXF_READ, and no attributes.
            body += Self.number(1) + Self.number(0)
        case .close(let handle): body = Self.begin(4, id) + Self.string(handle)
        case .read(let handle, let offset, let count):
            body = Self.begin(5, id) + Self.string(handle)
            body += Self.number(UInt32(truncatingIfNeeded: offset >> 32))
            body += Self.number(UInt32(truncatingIfNeeded: offset)) + Self.number(count)
        case .attributes(let path): body = Self.begin(7, id) + Self.string(Array(path.utf8))
        case .list(let path): body = Self.begin(11, id) + Self.string(Array(path.utf8))
        case .names(let handle): body = Self.begin(12, id) + Self.string(handle)
        case .target(let path): body = Self.begin(19, id) + Self.string(Array(path.utf8))
        }
        return Self.number(UInt32(body.count)) + body
    }

    private static func begin(_ kind: UInt8, _ id: UInt32) -> [UInt8] { [kind] + number(id) }

    private static func number(_ value: UInt32) -> [UInt8] {
        [
            UInt8(truncatingIfNeeded: value >> 24), UInt8(truncatingIfNeeded: value >> 16),
            UInt8(truncatingIfNeeded: value >> 8), UInt8(truncatingIfNeeded: value),
        ]
    }

    private static func string(_ bytes: [UInt8]) -> [UInt8] { number(UInt32(bytes.count)) + bytes }
}
