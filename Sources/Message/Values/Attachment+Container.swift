extension Attachment {
    /// The container that its environment and volumes are of: the one asked for, else that of its first port; empty when neither
    /// is known.
    package var container: String {
        spec.container.isEmpty ? ports.first?.container ?? "" : spec.container
    }
}
