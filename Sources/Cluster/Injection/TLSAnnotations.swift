/// Reads what a pod's annotations say about TLS on its ports, and finds the certificates for the agent.
///
/// An annotation is `telepresence.io/WHAT.PORT`, PORT being a container port's number or name:
///
/// - `downstream-tls-secret: SECRET` or `downstream-tls-path: PATH`: the certificate that callers are shown.
/// - `upstream-tls-secret: SECRET` or `upstream-tls-path: PATH`: the certificate that the app is shown, and whom the agent believes.
/// - `upstream-insecure-skip-verify: enabled`: the app's certificate is not looked at.
/// - `upstream-probe-timeout: 2s`: how long the app may take for a handshake.
///
/// A secret gets a volume of its own, which may be missing: then the agent says so, and the pod starts. A path is one in the port's
/// container and has to be on a volume that is mounted there. What is wrong is left out with a warning, never a reason to refuse.
struct TLSAnnotations {
    /// Where the agent finds certificates.
    private static let root = "/var/run/secrets/telepresence-tls"

    /// The settings by the place of the target.
    private(set) var settings: [Int: AgentConfig.TLS] = [:]
    /// Why others have none although they are annotated.
    private(set) var problems: [Int: String] = [:]
    /// Elements of the pod's `volumes`.
    private(set) var volumes: [JSONValue] = []
    /// Elements of the agent's `volumeMounts`.
    private(set) var mounts: [JSONValue] = []
    /// What is wrong with the annotations.
    private(set) var warnings: [String] = []

    private let pod: JSONValue
    private let containers: [AppContainer]
    private let ownVolumes: Bool
    /// The annotations by port, as they are written there.
    private var said: [Int: [Kind: String]] = [:]
    /// Where the secrets are, by name.
    private var places: [String: String] = [:]

    private enum Kind: String, CaseIterable {
        case downstreamSecret = "downstream-tls-secret"
        case downstreamPath = "downstream-tls-path"
        case upstreamSecret = "upstream-tls-secret"
        case upstreamPath = "upstream-tls-path"
        case skipVerify = "upstream-insecure-skip-verify"
        case probeTimeout = "upstream-probe-timeout"
    }

    /// Reads a pod's annotations.
    ///
    /// - Parameters:
    ///   - pod: the pod.
    ///   - containers: its containers.
    ///   - targets: the ports that the agent stands in front of.
    ///   - ownVolumes: false where the agent can have no volumes of its own.
    init(pod: JSONValue, containers: [AppContainer], targets: [TargetPort], ownVolumes: Bool = true) {
        self.pod = pod
        self.containers = containers
        self.ownVolumes = ownVolumes
        let annotations = pod.at("metadata", "annotations")?.object ?? [:]
        for (name, value) in annotations.sorted(by: { $0.key < $1.key }) {
            read(name, value, targets)
        }
        for (place, target) in targets.enumerated() {
            guard let said = said[place], problems[place] == nil else { continue }
            do throws(Problem) {
                settings[place] = try setting(said, target)
            } catch {
                warn(place, "TLS on port \(target.number) is passed on as it is: \(error.reason)")
            }
        }
    }

    private mutating func read(_ name: String, _ value: JSONValue, _ targets: [TargetPort]) {
        guard name.hasPrefix(InjectionAnnotations.prefix) else { return }
        let parts = name.dropFirst(InjectionAnnotations.prefix.count)
            .split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let kind = Kind(rawValue: String(parts[0])) else { return }
        guard parts.count == 2, !parts[1].isEmpty else {
            return warnings.append("the annotation \(name) names no port: write \(name).PORT")
        }
        let port = String(parts[1])
        guard let place = place(of: port, targets) else {
            let isDeclared = containers.contains { $0.ports.contains { $0.name == port || String($0.number) == port } }
            warnings.append(
                isDeclared
                    ? "the annotation \(name) is of no use: no service leads to TCP port \(port)"
                    : "the annotation \(name) is of no use: no container has a port \(port)"
            )
            return
        }
        let text = (value.string ?? "").trimmed
        guard !text.isEmpty else {
            return warn(place, "the annotation \(name) is empty: TLS on port \(port) is passed on as it is")
        }
        if let other = said[place]?[kind], other != text {
            return warn(place, "two annotations \(kind.rawValue) name port \(port): TLS is passed on as it is")
        }
        said[place, default: [:]][kind] = text
    }

    /// The target that a name or a number stands for.
    private func place(of port: String, _ targets: [TargetPort]) -> Int? {
        targets.firstIndex { target in
            guard target.transport == "tcp" else { return false }
            return String(target.number) == port || target.declared?.name == port
                || containers.contains { $0.ports.contains { $0.name == port && $0.number == target.number } }
        }
    }

    private mutating func warn(_ place: Int, _ text: String) {
        warnings.append(text)
        problems[place] = problems[place] ?? text
    }

    /// Why an annotation is of no use.
    private struct Problem: Error {
        let reason: String
    }

    private mutating func setting(_ said: [Kind: String], _ target: TargetPort) throws(Problem) -> AgentConfig.TLS {
        for (secret, path) in [(Kind.downstreamSecret, Kind.downstreamPath), (.upstreamSecret, .upstreamPath)]
        where said[secret] != nil && said[path] != nil {
            throw Problem(reason: "it has both \(secret.rawValue) and \(path.rawValue)")
        }
        var skips = false
        if let text = said[.skipVerify] {
            switch text.lowercased() {
            case "enabled", "true": skips = true
            case "disabled", "false": break
            default:
                throw Problem(reason: "upstream-insecure-skip-verify is neither enabled nor disabled, but '\(text)'")
            }
        }
        var timeout = AgentConfig.TLS.usualProbeTimeout
        if let text = said[.probeTimeout] {
            guard let read = Self.milliseconds(text) else {
                throw Problem(
                    reason: "upstream-probe-timeout has to be 1ms to 10m, such as 500ms or 10s, not '\(text)'"
                )
            }
            timeout = read
        }
        let former = (volumes, mounts, places)
        do throws(Problem) {
            guard let downstream = try directory(said[.downstreamSecret], said[.downstreamPath], target) else {
                throw Problem(reason: "without downstream-tls-secret or downstream-tls-path nothing can be read of it")
            }
            return AgentConfig.TLS(
                downstream: downstream,
                upstream: try directory(said[.upstreamSecret], said[.upstreamPath], target),
                skipsVerification: skips,
                probeTimeout: timeout
            )
        } catch {
            (volumes, mounts, places) = former
            throw error
        }
    }

    private mutating func directory(
        _ secret: String?,
        _ path: String?,
        _ target: TargetPort
    ) throws(Problem) -> String? {
        if let secret { return try directory(ofSecret: secret) }
        if let path { return try directory(ofPath: path, in: containers[target.container]) }
        return nil
    }

    private mutating func directory(ofSecret secret: String) throws(Problem) -> String {
        guard ownVolumes else {
            throw Problem(
                reason:
                    "an agent in an ephemeral container cannot mount the secret \(secret); a path that the container "
                    + "has mounted would do"
            )
        }
        // What the API server would refuse must not cost the pod.
        guard secret.utf8.count <= 253, secret.utf8.allSatisfy(Self.isOfName) else {
            throw Problem(reason: "'\(secret)' cannot be the name of a secret")
        }
        if let place = places[secret] { return place }
        let taken = (pod.at("spec", "volumes")?.array ?? []).compactMap { $0["name"]?.string }
        var number = places.count + 1
        while taken.contains("\(AgentEnvironment.tlsVolumePrefix)\(number)") { number += 1000 }
        let volume = JSONValue.string("\(AgentEnvironment.tlsVolumePrefix)\(number)")
        let place = "\(Self.root)/secret/\(secret)"
        volumes.append(["name": volume, "secret": ["secretName": .string(secret), "optional": true]])
        mounts.append(["name": volume, "mountPath": .string(place), "readOnly": true])
        places[secret] = place
        return place
    }

    private mutating func directory(ofPath path: String, in container: AppContainer) throws(Problem) -> String {
        guard path.hasPrefix("/"), !path.split(separator: "/").contains("..") else {
            throw Problem(reason: "'\(path)' is no absolute path")
        }
        var path = path[...]
        while path.count > 1, path.hasSuffix("/") { path = path.dropLast() }
        let candidates = (container.json["volumeMounts"]?.array ?? []).compactMap { mount -> (String, JSONValue)? in
            guard mount["name"]?.string?.isEmpty == false, var at = mount["mountPath"]?.string else { return nil }
            while at.count > 1, at.hasSuffix("/") { at = String(at.dropLast()) }
            return path == at || at == "/" || path.hasPrefix(at + "/") ? (at, mount) : nil
        }
        guard let (at, mount) = candidates.max(by: { $0.0.utf8.count < $1.0.utf8.count }) else {
            throw Problem(reason: "container \(container.name) has no volume mounted at \(path)")
        }
        guard mount["subPathExpr"] == nil, ownVolumes || mount["subPath"] == nil else {
            throw Problem(
                reason: "the agent cannot mount a part of a volume as \(at) of container \(container.name) is"
            )
        }
        let place = "\(Self.root)/path/\(container.name)\(at == "/" ? "" : at)"
        if !mounts.contains(where: { $0["mountPath"]?.string == place }) {
            var copy: JSONValue = ["name": mount["name"] ?? "", "mountPath": .string(place), "readOnly": true]
            copy["subPath"] = mount["subPath"]
            mounts.append(copy)
        }
        return place + (at == "/" ? String(path) : String(path.dropFirst(at.count)))
    }

    private static func isOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
            UInt8(ascii: "."):
            true
        default: false
        }
    }

    /// Reads a length of time, such as `500ms`, `2s` or `1.5m`: 1 ms to 10 minutes.
    static func milliseconds(_ text: String) -> Int? {
        let units: [(String, Double)] = [("ms", 1), ("s", 1000), ("m", 60_000)]
        guard let (unit, length) = units.first(where: { text.hasSuffix($0.0) }) else { return nil }
        let digits = text.dropLast(unit.count)
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2E }), let count = Double(digits) else {
            return nil
        }
        let time = count * length
        return 1...600_000 ~= time ? Int(time) : nil
    }
}

extension String {
    fileprivate var trimmed: String {
        let start = drop(while: \.isWhitespace)
        return String(start.reversed().drop(while: \.isWhitespace).reversed())
    }
}
