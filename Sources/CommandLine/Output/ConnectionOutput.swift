package import Message

/// A connection as `connect` and `status` print it.
package struct ConnectionOutput: Encodable, Equatable {
    var name: String?
    var kubernetesContext: String
    var kubernetesServer: String
    var namespace: String
    var managerNamespace: String
    var managerVersion: String
    var sessionId: String
    var serviceSubnets: [String]
    var podSubnets: [String]
    var dnsAddress: String
    var clusterDomain: String
    var link: String
    var isolated: Bool
    var alreadyConnected: Bool
    var interface: String
    var dnsHook: String
    var warnings: [String]

    package init(_ info: ConnectionInfo) {
        name = info.name.isEmpty ? nil : info.name
        kubernetesContext = info.context
        kubernetesServer = info.server
        namespace = info.namespace
        managerNamespace = info.managerNamespace
        managerVersion = info.managerVersion
        sessionId = info.sessionID
        serviceSubnets = info.serviceSubnets
        podSubnets = info.podSubnets
        dnsAddress = info.dnsAddress
        clusterDomain = info.clusterDomain
        link = info.link
        isolated = info.isolated
        alreadyConnected = info.alreadyConnected
        interface = info.interface
        dnsHook = info.dnsHook
        warnings = info.warnings
    }
}
