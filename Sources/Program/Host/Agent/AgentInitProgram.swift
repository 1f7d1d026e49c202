internal import Cluster
internal import Kernel
package import Logging

/// `traffic agent-init`: sends what comes to a pod's ports to its agent, before the app starts.
///
/// Only packets that arrive from outside the pod are redirected: what the agent and the app send each other inside it, and
/// the agent's own connections to the app, stay as they are.
package enum AgentInitProgram {
    /// Installs the redirects that the environment lists.
    ///
    /// Returns the exit status.
    package static func main(_ arguments: [String], logger: Logger) -> Int32 {
        guard arguments.isEmpty else {
            logger.error("agent-init takes no arguments", metadata: ["arguments": "\(arguments)"])
            return 64
        }
        let name = Cluster.PortRedirect.environmentName
        let text = ProgramEnvironment.current[name] ?? ""
        guard let redirects = Cluster.PortRedirect.parse(text) else {
            logger.error("the list of redirects is wrong", metadata: ["variable": "\(name)", "value": "\(text)"])
            return 65
        }
        guard !redirects.isEmpty else {
            logger.info("nothing to redirect")
            return 0
        }
        do throws(SystemError) {
            try FilterTable.install(
                redirects.map { redirect in
                    Kernel.PortRedirect(
                        redirect.transport == "udp" ? .udp : .tcp,
                        from: UInt16(clamping: redirect.from),
                        to: UInt16(clamping: redirect.to)
                    )
                }
            )
        } catch {
            logger.error(
                "ports cannot be redirected; the container needs the capability NET_ADMIN",
                metadata: ["reason": "\(error)"]
            )
            return 1
        }
        logger.info("redirected", metadata: ["ports": "\(text)"])
        return 0
    }
}
