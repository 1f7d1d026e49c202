extension AgentRoutes.Target {
    /// Where the workstation wants an attachment's volumes: it knows them by their ticket, not by an address.
    package init(volumesOf attachment: String, session: String) {
        self.init(attachmentID: attachment, sessionID: session, address: "volumes.invalid", port: 1)
    }
}
