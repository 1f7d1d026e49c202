import Cluster

/// What a pod's volume holds.
package enum VolumeSpec: Sendable, Equatable {
    /// One file of a volume.
    package struct File: Sendable, Equatable {
        /// Path within the volume.
        package var path: String
        package var content: [UInt8]
        package var mode: UInt32

        /// Describes a file.
        package init(path: String, content: [UInt8], mode: UInt32 = 0o644) {
            self.path = path
            self.content = content
            self.mode = mode
        }
    }

    /// An empty directory in memory, gone with the pod (`emptyDir`).
    case directory
    /// Files (`configMap`, `secret`, `projected`); sent again, they are replaced at one stroke.
    case files([File])
    /// A path of the machine (`hostPath`); `create` makes the directory when it is absent.
    case host(path: String, create: Bool)
}

// MARK: - As a message

extension VolumeSpec {
    func message(name: String, group: UInt32?) -> JSONValue {
        var message: JSONValue = ["name": .string(name)]
        if let group { message["group"] = .integer(Int64(group)) }
        switch self {
        case .directory: message["kind"] = "directory"
        case .files(let files):
            message["kind"] = "files"
            message["files"] = .array(
                files.map {
                    [
                        "path": .string($0.path), "mode": .integer(Int64($0.mode)),
                        "content": .string(Self.hexadecimal($0.content)),
                    ]
                }
            )
        case .host(let path, let create):
            message["kind"] = "host"
            message["path"] = .string(path)
            message["create"] = .bool(create)
        }
        return message
    }

    init(message: JSONValue) {
        switch message["kind"]?.string {
        case "files":
            self = .files(
                (message["files"]?.array ?? []).map {
                    File(
                        path: $0["path"]?.string ?? "",
                        content: Self.bytes(hexadecimal: $0["content"]?.string ?? ""),
                        mode: UInt32(clamping: $0["mode"]?.integer ?? 0o644)
                    )
                }
            )
        case "host":
            self = .host(path: message["path"]?.string ?? "/", create: message["create"]?.bool ?? false)
        default: self = .directory
        }
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count * 2)
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static func bytes(hexadecimal text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        var high: UInt8?
        for digit in text.utf8 {
            let value = digit > 57 ? digit &- 87 : digit &- 48
            if let first = high {
                bytes.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        return bytes
    }
}
