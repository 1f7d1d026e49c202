internal import Foundation

/// A named cluster, user or context, with the folder that its paths start from.
///
/// - Note: `Node` holds values only (scalars, sequences, mappings and marks), but Yams does not say that it is Sendable.
struct KubeconfigEntry: @unchecked Sendable {
    let node: KubeconfigNode
    let directory: String

    /// A path of the file, made absolute.
    func resolve(_ path: String) -> String {
        path.hasPrefix("/") || directory.isEmpty ? path : directory + "/" + path
    }

    /// The bytes of `NAME-data` (base64) or else of the file that `NAME` says.
    ///
    /// - Parameters:
    ///   - name: the field, such as `client-certificate`.
    ///   - marker: what the PEM text must contain.
    ///   - instead: a file that the command line names instead.
    /// - Returns: PEM text, nil when neither field is there.
    /// - Throws: ``KubeconfigError`` naming the field.
    func pem(_ name: String, marker: String, instead: String? = nil) throws(KubeconfigError) -> [UInt8]? {
        if let instead { return try Self.pem(file: instead, flag: name, marker: marker) }
        let bytes: [UInt8]
        let field: String
        if let text = try node.text(name + "-data") {
            field = "\(node.field).\(name)-data"
            guard let data = Data(base64Encoded: text, options: .ignoreUnknownCharacters) else {
                throw KubeconfigError(origin: node.origin, line: node.line, field: field, problem: "is not base64")
            }
            bytes = [UInt8](data)
        } else if let path = try node.text(name) {
            field = "\(node.field).\(name)"
            let absolute = resolve(path)
            guard let data = FileManager.default.contents(atPath: absolute) else {
                let exists = FileManager.default.fileExists(atPath: absolute)
                throw KubeconfigError(
                    origin: node.origin,
                    line: node.line,
                    field: field,
                    problem: exists ? "the file \(absolute) cannot be read" : "there is no file \(absolute)",
                    remedy: exists ? "check its permissions" : "correct the path"
                )
            }
            bytes = [UInt8](data)
        } else {
            return nil
        }
        guard String(decoding: bytes, as: UTF8.self).contains("-----BEGIN \(marker)") || marker.isEmpty else {
            throw KubeconfigError(
                origin: node.origin,
                line: node.line,
                field: field,
                problem: "holds no PEM \(marker.lowercased())"
            )
        }
        return bytes
    }

    private static func pem(file: String, flag: String, marker: String) throws(KubeconfigError) -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: file) else {
            throw KubeconfigError(
                origin: "--\(flag)",
                problem: "the file \(file) cannot be read",
                remedy: "correct the path"
            )
        }
        let bytes = [UInt8](data)
        guard marker.isEmpty || String(decoding: bytes, as: UTF8.self).contains("-----BEGIN \(marker)") else {
            throw KubeconfigError(origin: "--\(flag)", problem: "\(file) holds no PEM \(marker.lowercased())")
        }
        return bytes
    }
}
