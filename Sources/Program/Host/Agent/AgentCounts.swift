import Tunnel

/// What became of the connections to a pod's ports.
///
/// Confined to the agent's event loop: counting is an addition.
final class AgentCounts {
    /// Tunnels towards workstations.
    let tunnels = TunnelLedger()
    /// Connections that went to the app because nobody has attached.
    var app: UInt64 = 0
    /// Connections that a workstation took.
    var workstation: UInt64 = 0
    /// Those of them that went over a direct link.
    var direct: UInt64 = 0
    /// Connections that went to the app because the workstation did not take them.
    var fallback: UInt64 = 0
    /// Connections that are open.
    var open = 0
}
