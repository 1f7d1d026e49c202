import Cluster

/// What a pod's volumes hold, worked out from its specification and the objects that it names.
struct PodVolumePlan {
    /// A token for a pod's service account.
    struct TokenRequest: Sendable {
        var audiences: [String]
        /// Seconds.
        var lifetime: Int
    }

    let fields: PodFields
    /// An object of the pod's namespace.
    let find: (ResourceKind, String) -> JSONValue?
    /// Makes a token.
    let token: (TokenRequest) throws(RuntimeError) -> String

    /// Every volume by name, or what is missing in the words of the kubelet.
    func volumes() throws(RuntimeError) -> [(name: String, volume: VolumeSpec)] {
        var volumes: [(name: String, volume: VolumeSpec)] = []
        for volume in self.fields.pod.at("spec", "volumes")?.array ?? [] {
            let name = volume["name"]?.string ?? ""
            do throws(RuntimeError) {
                volumes.append((name, try self.volume(volume)))
            } catch {
                throw RuntimeError("MountVolume.SetUp failed for volume \"\(name)\" : \(error)", code: 0)
            }
        }
        return volumes
    }

    private func volume(_ volume: JSONValue) throws(RuntimeError) -> VolumeSpec {
        if volume["emptyDir"] != nil { return .directory }
        if let host = volume["hostPath"] {
            let type = host["type"]?.string ?? ""
            return .host(path: host["path"]?.string ?? "/", create: type == "DirectoryOrCreate")
        }
        if let source = volume["projected"] {
            var files: [VolumeSpec.File] = []
            let mode = UInt32(clamping: source["defaultMode"]?.int ?? 0o644)
            for part in source["sources"]?.array ?? [] { files += try self.files(part, mode: mode) }
            return .files(files)
        }
        for (key, part) in [("configMap", "configMap"), ("secret", "secret"), ("downwardAPI", "downwardAPI")] {
            guard var source = volume[key] else { continue }
            if key == "secret", let name = source["secretName"] { source["name"] = name }
            let mode = UInt32(clamping: source["defaultMode"]?.int ?? 0o644)
            return .files(try self.files([part: source], mode: mode))
        }
        let kind = volume.object?.keys.first { $0 != "name" } ?? "nothing"
        throw RuntimeError("the sandbox has no volumes of the kind \(kind)", code: 0)
    }

    private func files(_ part: [String: JSONValue], mode: UInt32) throws(RuntimeError) -> [VolumeSpec.File] {
        try self.files(.object(part), mode: mode)
    }

    private func files(_ part: JSONValue, mode: UInt32) throws(RuntimeError) -> [VolumeSpec.File] {
        if let request = part["serviceAccountToken"] {
            let audience = request["audience"]?.string ?? ""
            let text = try self.token(
                TokenRequest(
                    audiences: audience.isEmpty ? [] : [audience],
                    lifetime: request["expirationSeconds"]?.int ?? 3600
                )
            )
            return [VolumeSpec.File(path: request["path"]?.string ?? "token", content: Array(text.utf8), mode: mode)]
        }
        if let source = part["downwardAPI"] {
            var files: [VolumeSpec.File] = []
            for item in source["items"]?.array ?? [] {
                let path = item["path"]?.string ?? ""
                let value: String?
                if let field = item.at("fieldRef", "fieldPath")?.string {
                    value = self.fields.value(field)
                } else {
                    let reference = item["resourceFieldRef"] ?? .emptyObject
                    let container = (self.fields.pod.at("spec", "containers")?.array ?? []).first {
                        $0["name"] == reference["containerName"]
                    }
                    value = self.fields.resource(reference, container: container ?? .emptyObject)
                }
                guard let value else { throw RuntimeError("no value for downward API file \(path)", code: 0) }
                files.append(file(path, Array(value.utf8), item, mode))
            }
            return files
        }
        let (kind, source, word) =
            part["secret"].map { (ResourceKind.secrets, $0, "secret") }
            ?? (ResourceKind.configMaps, part["configMap"] ?? .emptyObject, "configmap")
        let name = source["name"]?.string ?? ""
        let optional = source["optional"]?.bool == true
        guard let object = self.find(kind, name) else {
            if optional { return [] }
            throw RuntimeError("\(word) \"\(name)\" not found", code: 0)
        }
        let content = Self.content(object, kind)
        guard let items = source["items"]?.array, !items.isEmpty else {
            return content.sorted { $0.key < $1.key }.map {
                VolumeSpec.File(path: $0.key, content: $0.value, mode: mode)
            }
        }
        var files: [VolumeSpec.File] = []
        for item in items {
            let key = item["key"]?.string ?? ""
            guard let bytes = content[key] else {
                if optional { continue }
                throw RuntimeError("references non-existent \(word) key: \(key)", code: 0)
            }
            files.append(self.file(item["path"]?.string ?? key, bytes, item, mode))
        }
        return files
    }

    private func file(_ path: String, _ content: [UInt8], _ item: JSONValue, _ mode: UInt32) -> VolumeSpec.File {
        VolumeSpec.File(path: path, content: content, mode: item["mode"]?.int.map { UInt32(clamping: $0) } ?? mode)
    }

    private static func content(_ object: JSONValue, _ kind: ResourceKind) -> [String: [UInt8]] {
        let data = object["data"]?.stringMap ?? [:]
        if kind == .secrets { return data.compactMapValues { Base64.decode($0) } }
        let binary = (object["binaryData"]?.stringMap ?? [:]).compactMapValues { Base64.decode($0) }
        return data.mapValues { Array($0.utf8) }.merging(binary) { text, _ in text }
    }
}
