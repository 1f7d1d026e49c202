import Call
import Foundation
import Message

/// Asks all components for their logs and states.
///
/// What fails is noted; the rest goes on.
struct Gathering {
    private let paths: StatePaths
    private let use: String?
    /// What has been found.
    private(set) var collection = LogCollection()
    /// Knows the names to hide.
    private(set) var anonymizer = Anonymizer()

    init(paths: StatePaths, use: String?) {
        self.paths = paths
        self.use = use
    }

    /// The daemons at this workstation, and the versions of all.
    mutating func daemons(chosen: Set<String>) async {
        if chosen.contains("cli") {
            collection.addFile("cli.log", at: CommandLog(paths: paths).path)
        }
        if chosen.contains("user") {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: paths.logs)) ?? []
            for name in names.sorted() where name.hasPrefix("userd") && name.hasSuffix(".log") {
                collection.addFile(name, at: "\(paths.logs)/\(name)")
            }
            await state("userd")
        }
        if chosen.contains("root") {
            collection.addFile("rootd.log", at: paths.rootDaemonLog)
            await state("rootd")
        }
        var versions = VersionOutput(client: ProductVersion.text)
        if let client = try? await DaemonClient.running(paths: paths, name: use) {
            if let status = try? await client.status() {
                versions = VersionOutput(status)
                collection.add("status/connection.json", Self.json(StatusOutput(status)))
                if let connection = status.connection {
                    anonymizer.hide(connection.namespace, as: "namespace")
                    anonymizer.hide(connection.managerNamespace, as: "namespace")
                }
            }
            await client.close()
        }
        collection.add("versions.json", Self.json(versions))
    }

    /// The traffic manager and the agents, as far as the user may see them.
    mutating func cluster(manager: Bool, agents: String, yaml: Bool) async {
        guard let state = await state("manager", keep: manager) else { return }
        let (name, namespace) = (state.component?.name ?? "", await managerNamespace())
        anonymizer.hide(name, as: "manager")
        if manager { await log("manager", as: "traffic-manager") }
        var pods = manager && !name.isEmpty && !namespace.isEmpty ? ["\(namespace)/\(name)"] : []
        for session in state.sessions.sorted(by: { $0.owner < $1.owner }) where session.kind == .agent {
            anonymizer.hide(session.owner, as: "pod")
            anonymizer.hide(session.namespace, as: "namespace")
            anonymizer.hide(String(session.workload.split(separator: "/").last ?? ""), as: "workload")
            guard session.linked, agents.lowercased() != "none",
                agents.lowercased() == "all" || session.owner.contains(agents)
            else { continue }
            let target = "agent/\(session.namespace)/\(session.owner)"
            let file = "traffic-agent-\(session.owner).\(session.namespace)"
            await log(target, as: file)
            await self.state(target, as: file)
            pods.append("\(session.namespace)/\(session.owner)")
        }
        if yaml { await manifests(pods) }
    }

    @discardableResult
    private mutating func state(
        _ target: String,
        as name: String? = nil,
        keep: Bool = true
    ) async -> StatusReport? {
        do {
            let line = try await StatusLine.open(target, paths: paths, use: use)
            let state = try await line.snapshot()
            await line.close()
            let file = name ?? (target == "manager" ? "traffic-manager" : target)
            if keep { collection.add("status/\(file).json", Self.json(StatusReportOutput(state))) }
            return state
        } catch {
            collection.miss("state of \(target)", error)
            return nil
        }
    }

    private mutating func log(_ target: String, as name: String) async {
        do {
            var text = ""
            let line = try await StatusLine.open(target, paths: paths, use: use)
            try await line.logs(LogRequest()) { text += $0.display + "\n" }
            await line.close()
            collection.add("\(name).log", text)
        } catch {
            collection.miss("log of \(target)", error)
        }
    }

    private mutating func manifests(_ pods: [String]) async {
        guard !pods.isEmpty else { return }
        do {
            let client = try await DaemonClient.connected(paths: paths, name: use)
            for manifest in try await client.manifests(pods) {
                let words = manifest.pod.split(separator: "/")
                guard manifest.error.isEmpty, words.count == 2 else {
                    collection.miss("YAML of \(manifest.pod)", CommandError(manifest.error))
                    continue
                }
                collection.add("\(words[1]).\(words[0]).yaml", manifest.text)
            }
            await client.close()
        } catch {
            collection.miss("YAML of the pods", error)
        }
    }

    private func managerNamespace() async -> String {
        guard let client = try? await DaemonClient.running(paths: paths, name: use) else { return "" }
        let status = try? await client.status()
        await client.close()
        return status?.connection?.managerNamespace ?? ""
    }

    private static func json(_ value: some Encodable) -> String {
        ((try? OutputFormat.json.encode(value)) ?? "{}") + "\n"
    }
}
