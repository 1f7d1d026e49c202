extension AgentRoutes.Target {
    /// Where the workstation wants a connection to one of the pod's own ports: it knows it by its ticket, not by an address.
    package init(podPortOf attachment: String, session: String) {
        self.init(attachmentID: attachment, sessionID: session, address: "pod-port.invalid", port: 1)
    }
}
