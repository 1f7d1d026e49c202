/// Which policy each of a pod's mounts has: pure.
///
/// A rule is for a volume, by its name, or for a path in the container and all below it. What the pod's annotations say goes before
/// what the administrator says, and that before what is usual: `/tmp` is the workstation's own, all else is served. Within one of
/// these, a volume's name goes before a path, a longer path before a shorter one.
package struct MountPolicies: Sendable, Hashable {
    /// Rules by the name of a volume or by a path, which begins with a slash.
    package typealias Rules = [String: MountPolicy]

    /// Where nobody says anything.
    package static let usual: Rules = ["/tmp": .local, "/": .remote]

    private var layers: [Rules]

    /// The policies of a pod.
    ///
    /// - Parameters:
    ///   - pod: its annotations are read.
    ///   - administrator: for all pods that say nothing else.
    ///   - warnings: what is wrong with the annotations is added.
    package init(pod: JSONValue, administrator: Rules = [:], warnings: inout [String]) {
        layers = [administrator, Self.usual]
        let name = InjectionAnnotations.mountPolicies
        if let text = pod.at("metadata", "annotations", name)?.string {
            switch Self.parse(text) {
            case .success(let rules): layers.insert(rules, at: 0)
            case .failure(let problem):
                // Who wrote it wanted to keep something back: what, is not known.
                layers = [["/": .ignore]]
                warnings.append("the annotation \(name) is wrong, so that no volumes are served: \(problem.text)")
            }
        }
        let ignored = InjectionAnnotations.list(InjectionAnnotations.ignoredVolumeMounts, of: pod) ?? []
        if !ignored.isEmpty {
            layers.insert(Dictionary(ignored.map { ($0, .ignore) }, uniquingKeysWith: { first, _ in first }), at: 0)
        }
    }

    /// What is wrong with a text of rules.
    package struct Problem: Error, Hashable {
        package let text: String
    }

    /// Reads rules: a JSON object of policies' names by volumes' names or paths.
    package static func parse(_ text: String) -> Result<Rules, Problem> {
        let json: JSONValue
        do throws(JSONError) {
            json = try JSONValue.parse(text, limits: JSONLimits(size: 1 << 16))
        } catch {
            return .failure(Problem(text: error.description))
        }
        guard let object = json.object else { return .failure(Problem(text: "it is no JSON object")) }
        var rules: Rules = [:]
        for (key, value) in object {
            guard let name = value.string, let policy = MountPolicy(name) else {
                let names = MountPolicy.allCases.map(\.rawValue).joined(separator: ", ")
                return .failure(Problem(text: "the policy of \(key) is none of \(names)"))
            }
            rules[key] = policy
        }
        return .success(rules)
    }

    /// The policy of a mount.
    package func policy(volume: String, path: String) -> MountPolicy {
        for rules in layers {
            if let policy = rules[volume] { return policy }
            let longest = rules.keys.filter { Self.covers($0, path) }.max { $0.utf8.count < $1.utf8.count }
            if let longest, let policy = rules[longest] { return policy }
        }
        return .remote
    }

    private static func covers(_ prefix: String, _ path: String) -> Bool {
        guard prefix.hasPrefix("/") else { return false }
        var prefix = prefix[...]
        while prefix.hasSuffix("/") { prefix = prefix.dropLast() }
        return prefix.isEmpty || path == prefix || path.hasPrefix(prefix + "/")
    }
}
