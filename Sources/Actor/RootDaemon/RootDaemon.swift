package import Message

/// The root daemon: one network at a time, owned by one link, undone when the link goes however that happens.
///
/// It carries no traffic. Set-up and undo run to their end inside the actor, so nothing comes in between.
package actor RootDaemon {
    private let network: any RootNetwork
    private let version: String
    private let process: UInt32
    private var machine = RootDaemonMachine()
    private var established: (any EstablishedNetwork)?
    private var gone: Set<RootOwner> = []

    package init(network: any RootNetwork, version: String, process: UInt32) {
        self.network = network
        self.version = version
        self.process = process
    }

    /// Sets up a network for the owner.
    package func setUp(_ setup: NetworkSetup, for owner: RootOwner) throws(RootFailure) -> any EstablishedNetwork {
        // A request that was still on its way here when its link went.
        guard !gone.contains(owner) else { throw RootFailure(.absent, "the connection is gone") }
        if case .refuse(let failure) = machine.setUp(owner) { throw failure }
        do throws(RootFailure) {
            let made = try network.setUp(setup)
            established = made
            machine.setUpEnded(success: true)
            return made
        } catch {
            machine.setUpEnded(success: false)
            throw error
        }
    }

    /// Routes other subnets.
    package func updateRoutes(_ routes: [String], for owner: RootOwner) throws(RootFailure) {
        guard machine.owner == owner, let established else {
            throw RootFailure(.absent, "this connection has no network set up")
        }
        try established.replaceRoutes(routes)
    }

    /// Undoes the owner's network; nothing to undo is fine.
    package func tearDown(for owner: RootOwner) throws(RootFailure) {
        try end(machine.tearDown(owner))
    }

    /// Undoes the network of a link that has gone.
    package func lost(_ owner: RootOwner) {
        gone.insert(owner)
        try? end(machine.lost(owner))
    }

    /// Undoes everything, because the daemon ends.
    package func shutDown() {
        try? end(machine.shutDown())
    }

    /// Whether the daemon may end for the sake of the asker.
    package func mayQuit(for owner: RootOwner) throws(RootFailure) {
        if let other = machine.owner, other != owner {
            throw RootFailure(.busy, "the network is in use by the user daemon with process id \(other.process)")
        }
    }

    /// What the daemon is doing.
    package var status: RootStatus {
        RootStatus(
            version: version,
            pid: process,
            interface: established?.result.interface ?? "",
            routes: established?.routes ?? [],
            dnsHook: established?.result.dnsHook ?? "",
            ownerPID: machine.owner?.process ?? 0
        )
    }

    private func end(_ action: RootDaemonMachine.OnEnd) throws(RootFailure) {
        switch action {
        case .undo:
            established?.undo()
            established = nil
        case .nothing: break
        case .refuse(let failure): throw failure
        }
    }
}
