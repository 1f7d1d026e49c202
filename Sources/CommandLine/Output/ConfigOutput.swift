import Installation
import Message

/// What `config view` prints: each value with its source.
struct ConfigOutput: Encodable, Equatable {
    struct Setting: Encodable, Equatable {
        var value: String
        /// An environment variable, a file, `traffic-manager`, or `default`.
        var source: String
    }

    struct Client: Encodable, Equatable {
        var runtimeDir: Setting
        var logDir: Setting
        var rootDaemonSocket: Setting
        var logLevel: Setting
        /// Files, separated by colons.
        var kubeconfig: Setting
        /// Of the kubeconfig; nil where it cannot be read or names none.
        var kubernetesContext: Setting?
        var kubernetesServer: Setting?
        var namespace: Setting?
        var managerNamespace: Setting
        /// The user's file, whether it is there or not; nil for a user without a home.
        var configFile: Setting?
        /// Where the directories for volumes are made; empty for the runtime directory.
        var mountsRoot: Setting
    }

    struct Connection: Encodable, Equatable {
        var kubernetesContext: Setting
        var kubernetesServer: Setting
        var namespace: Setting
        var managerNamespace: Setting
        var isolated: Setting
        var serviceSubnets: Setting
        var podSubnets: Setting
        var dnsAddress: Setting
        var clusterDomain: Setting
    }

    var client: Client
    /// Nil without a connection.
    var connection: Connection?

    /// - Throws: `CommandError` where config.yml is there and cannot be used.
    init(paths: StatePaths, environment: [String: String]) throws {
        let list = environment["KUBECONFIG"] ?? ""
        let usual = (environment["HOME"] ?? "") + "/.kube/config"
        let kubeconfig = Setting(value: list.isEmpty ? usual : list, source: list.isEmpty ? "default" : "KUBECONFIG")
        let level = environment["TELEPRESENCE_LOG_LEVEL"] ?? ""
        let mountsRoot = try ClientConfiguration.load(environment: environment).mountsRoot
        let origin = environment["XDG_CONFIG_HOME"] == nil ? "HOME" : "XDG_CONFIG_HOME"
        client = Client(
            runtimeDir: Setting(value: paths.runtime, source: paths.origins.runtime),
            logDir: Setting(value: paths.logs, source: paths.origins.logs),
            rootDaemonSocket: Setting(value: paths.rootDaemonSocket, source: paths.origins.rootDaemonSocket),
            logLevel: level.isEmpty
                ? Setting(value: "info", source: "default") : Setting(value: level, source: "TELEPRESENCE_LOG_LEVEL"),
            kubeconfig: kubeconfig,
            managerNamespace: Setting(value: "ambassador", source: "default"),
            configFile: ClientConfiguration.path(environment).map { Setting(value: $0, source: origin) },
            mountsRoot: Setting(value: mountsRoot, source: mountsRoot.isEmpty ? "default" : "config.yml")
        )
        // A kubeconfig that is missing or broken is the business of `connect`.
        let contexts = try? ClusterContext.all(kubeconfig: nil, environment: environment)
        guard let current = contexts?.first(where: \.isCurrent) else { return }
        client.kubernetesContext = Setting(value: current.name, source: "kubeconfig")
        client.kubernetesServer = Setting(value: current.server, source: "kubeconfig")
        client.namespace = Setting(value: current.namespace, source: "kubeconfig")
    }

    /// What applies in a connection.
    static func connection(_ info: ConnectionInfo) -> Connection {
        func chosen(_ value: String) -> Setting { Setting(value: value, source: "connect") }
        func told(_ value: String) -> Setting { Setting(value: value, source: "traffic-manager") }
        return Connection(
            kubernetesContext: chosen(info.context),
            kubernetesServer: chosen(info.server),
            namespace: chosen(info.namespace),
            managerNamespace: chosen(info.managerNamespace),
            isolated: chosen("\(info.isolated)"),
            serviceSubnets: told(info.serviceSubnets.joined(separator: ", ")),
            podSubnets: told(info.podSubnets.joined(separator: ", ")),
            dnsAddress: told(info.dnsAddress),
            clusterDomain: told(info.clusterDomain)
        )
    }
}
