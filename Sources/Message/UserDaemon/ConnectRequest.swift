/// Asks the user daemon to connect to a cluster.
package struct ConnectRequest: WireMessage {
    /// Path of the kubeconfig; empty means the usual places.
    package var kubeconfigPath: String
    /// Context in it; empty means the current one.
    package var context: String
    /// Namespace; empty means that of the context.
    package var namespace: String
    /// Namespace of the traffic manager; empty means ambassador.
    package var managerNamespace: String
    /// Use an own network namespace in place of the workstation's.
    package var isolated: Bool
    /// Namespaces whose names resolve; none means all.
    package var mappedNamespaces: [String]
    /// Prefixes to route to the cluster besides its own.
    package var alsoProxy: [String]
    /// Prefixes never to route to the cluster.
    package var neverProxy: [String]
    /// The kubeconfig itself, when it has no path.
    package var kubeconfigData: [UInt8]
    /// The caller's environment, for credential plug-ins and KUBECONFIG.
    package var environment: [String: String]
    /// Name of the connection; empty means context-namespace.
    package var name: String
    /// What the command line says of the way to the API server.
    package var flags: KubernetesFlags?

    package init(
        kubeconfigPath: String = "",
        context: String = "",
        namespace: String = "",
        managerNamespace: String = "",
        isolated: Bool = false,
        mappedNamespaces: [String] = [],
        alsoProxy: [String] = [],
        neverProxy: [String] = [],
        kubeconfigData: [UInt8] = [],
        environment: [String: String] = [:],
        name: String = "",
        flags: KubernetesFlags? = nil
    ) {
        self.kubeconfigPath = kubeconfigPath
        self.context = context
        self.namespace = namespace
        self.managerNamespace = managerNamespace
        self.isolated = isolated
        self.mappedNamespaces = mappedNamespaces
        self.alsoProxy = alsoProxy
        self.neverProxy = neverProxy
        self.kubeconfigData = kubeconfigData
        self.environment = environment
        self.name = name
        self.flags = flags
    }

    /// Every field at its default.
    package init() {
        self.init(kubeconfigPath: "")
    }

    package static let table = MessageTable(
        "ConnectRequest",
        [
            FieldRow(1, "kubeconfig_path", .string),
            FieldRow(2, "context", .string),
            FieldRow(3, "namespace", .string),
            FieldRow(4, "manager_namespace", .string),
            FieldRow(5, "isolated", .bool),
            FieldRow(6, "mapped_namespaces", .repeated(.string)),
            FieldRow(7, "also_proxy", .repeated(.string)),
            FieldRow(8, "never_proxy", .repeated(.string)),
            FieldRow(9, "kubeconfig_data", .bytes),
            FieldRow(10, "environment", .map),
            FieldRow(11, "name", .string),
            FieldRow(12, "flags", .optional(.message("KubernetesFlags"))),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, kubeconfigPath)
        writer.string(2, context)
        writer.string(3, namespace)
        writer.string(4, managerNamespace)
        writer.bool(5, isolated)
        writer.string(6, mappedNamespaces)
        writer.string(7, alsoProxy)
        writer.string(8, neverProxy)
        writer.bytes(9, kubeconfigData)
        writer.map(10, environment)
        writer.string(11, name)
        writer.message(12, flags)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: kubeconfigPath = try reader.string(field)
            case 2: context = try reader.string(field)
            case 3: namespace = try reader.string(field)
            case 4: managerNamespace = try reader.string(field)
            case 5: isolated = try reader.bool(field)
            case 6: mappedNamespaces.append(try reader.string(field, repeated: true))
            case 7: alsoProxy.append(try reader.string(field, repeated: true))
            case 8: neverProxy.append(try reader.string(field, repeated: true))
            case 9: kubeconfigData = try reader.bytes(field)
            case 10: try reader.mapEntry(field, into: &environment)
            case 11: name = try reader.string(field)
            case 12: flags = try reader.message(field)
            default: break
            }
        }
    }
}
