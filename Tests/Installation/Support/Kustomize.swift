import Cluster
import Foundation
@testable import Installation
import TestSupport

/// What kubectl makes of a directory below `k8s/`.
enum Kustomize {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    static let kubectl: String? = {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
        return (folders + [root.path + "/.tools/bin"]).map { $0 + "/kubectl" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }()

    /// The objects of an overlay, by what they are.
    static func objects(_ folder: String) throws -> [ObjectReference: JSONValue] {
        let words = [kubectl ?? "kubectl", "kustomize", root.appending(path: "k8s/" + folder).path]
        let (status, text) = try TestProgram.run(words)
        guard status == 0 else { throw InstallationError(.invalid, "kubectl kustomize \(folder)") }
        return table(try YAMLReader.documents(text, origin: folder).map { try knownObject($0) })
    }

    static func table(_ objects: [ManifestObject]) -> [ObjectReference: JSONValue] {
        Dictionary(objects.map { ($0.reference, canonical($0.json)) }, uniquingKeysWith: { first, _ in first })
    }

    private static func knownObject(_ json: JSONValue) throws -> ManifestObject {
        guard let object = ManifestObject(json) else { throw InstallationError(.invalid, "unknown kind: \(json)") }
        return object
    }

    /// The object with its variables in the order of their names, which has no meaning here.
    private static func canonical(_ json: JSONValue) -> JSONValue {
        switch json {
        case .object(let members):
            var members = members.mapValues { canonical($0) }
            if let variables = members["env"]?.array {
                members["env"] = .array(variables.sorted { ($0["name"]?.string ?? "") < ($1["name"]?.string ?? "") })
            }
            return .object(members)
        case .array(let elements): return .array(elements.map { canonical($0) })
        default: return json
        }
    }
}
