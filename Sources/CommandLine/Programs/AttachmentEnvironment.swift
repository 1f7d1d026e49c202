package import Message

/// The environment that an attachment's handler gets, and that `--env-file` and `--env-json` write.
package enum AttachmentEnvironment {
    /// The container's own variables, and what Telepresence adds for the handler to find its way.
    ///
    /// - Parameters:
    ///   - attachment: As the manager has answered it.
    ///   - root: The directory under which the container's volumes are found; nil where nothing is mounted.
    ///   - mounts: The mounted paths, as the container knows them.
    /// - Returns: The variables: `TELEPRESENCE_INTERCEPT_ID` always, `TELEPRESENCE_CONTAINER` where the container is known,
    ///   `TELEPRESENCE_ROOT` and `TELEPRESENCE_MOUNTS` (separated by colons) where there is a `root`.
    package static func variables(
        of attachment: Attachment,
        root: String? = nil,
        mounts: [String] = []
    ) -> [String: String] {
        var variables = attachment.environment
        variables["TELEPRESENCE_INTERCEPT_ID"] = attachment.id
        if !attachment.container.isEmpty { variables["TELEPRESENCE_CONTAINER"] = attachment.container }
        if let root {
            variables["TELEPRESENCE_ROOT"] = root
            variables["TELEPRESENCE_MOUNTS"] = mounts.joined(separator: ":")
        }
        return variables
    }
}
