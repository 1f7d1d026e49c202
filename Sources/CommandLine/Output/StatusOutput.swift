package import Message

/// What `status` prints.
package struct StatusOutput: Encodable, Equatable {
    struct UserDaemon: Encodable, Equatable {
        var running = false
        var version: String?
        var pid: UInt32?
        var status = "not running"
        var error: String?
        var roundTripMicroseconds: UInt64?
        var bytesIn: UInt64?
        var bytesOut: UInt64?
    }

    struct RootDaemon: Encodable, Equatable {
        var running = false
        var version: String?
        var pid: UInt32?
        var interface: String?
        var routes: [String] = []
        var dnsHook: String?
    }

    var userDaemon = UserDaemon()
    var rootDaemon = RootDaemon()
    var connection: ConnectionOutput?
    var attachments: [AttachmentOutput] = []
    var links: [StatusReportOutput.Link] = []
    private var linkLines: [String] = []

    private enum CodingKeys: String, CodingKey {
        case userDaemon, rootDaemon, connection, attachments, links
    }

    package init() {}

    package init(_ status: StatusInfo) {
        userDaemon = UserDaemon(
            running: true,
            version: status.version,
            pid: status.pid,
            status: status.state,
            error: status.error.isEmpty ? nil : status.error,
            roundTripMicroseconds: status.roundTripMicroseconds == 0 ? nil : status.roundTripMicroseconds,
            bytesIn: status.bytesIn,
            bytesOut: status.bytesOut
        )
        if let root = status.rootDaemon {
            rootDaemon = RootDaemon(
                running: true,
                version: root.version,
                pid: root.pid,
                interface: root.interface.isEmpty ? nil : root.interface,
                routes: root.routes,
                dnsHook: root.dnsHook.isEmpty ? nil : root.dnsHook
            )
        }
        connection = status.connection.map(ConnectionOutput.init)
        attachments = status.attachments.map { attachment in
            AttachmentOutput(attachment, way: status.ways.first { $0.attachmentID == attachment.id })
        }
        links = status.links.map { StatusReportOutput.Link($0) }
        linkLines = status.links.map(StatusText.link)
    }

    package var text: String {
        var lines = ["User daemon: \(userDaemon.running ? "running" : "not running")"]
        func add(_ label: String, _ value: String?) {
            guard let value, !value.isEmpty else { return }
            let padding = String(repeating: " ", count: max(0, 18 - label.count))
            lines.append("  \(label)\(padding): \(value)")
        }
        if userDaemon.running {
            add("Version", userDaemon.version)
            add("Process", userDaemon.pid.map { "\($0)" })
            add("Status", userDaemon.status)
            add("Error", userDaemon.error)
        }
        if let connection {
            add("Kubernetes server", connection.kubernetesServer)
            add("Kubernetes context", connection.kubernetesContext)
            add("Namespace", connection.namespace)
            add("Mode", connection.isolated ? "isolated" : "host")
            add("Interface", connection.interface)
            add("Subnets", (connection.serviceSubnets + connection.podSubnets).joined(separator: ", "))
            add("Names", "\(connection.clusterDomain) by \(connection.dnsAddress), hook \(connection.dnsHook)")
            add("Link", connection.link + roundTrip)
            for line in linkLines { lines.append("    \(line)") }
        }
        lines.append("Root daemon: \(rootDaemon.running ? "running" : "not running")")
        if rootDaemon.running {
            add("Version", rootDaemon.version)
            add("Process", rootDaemon.pid.map { "\($0)" })
            add("Routes", rootDaemon.routes.joined(separator: ", "))
        }
        lines.append("Traffic manager: \(connection == nil ? "not connected" : "connected")")
        if let connection {
            add("Version", connection.managerVersion)
            add("Namespace", connection.managerNamespace)
            add("Session", connection.sessionId)
        }
        for attachment in attachments { lines.append(attachment.text) }
        return lines.joined(separator: "\n")
    }

    private var roundTrip: String {
        guard let microseconds = userDaemon.roundTripMicroseconds else { return "" }
        return " (round trip \(Double(microseconds / 10) / 100) ms)"
    }
}
