extension NetworkNamespace {
    /// A TCP socket that listens inside the namespace; it may be accepted from anywhere.
    package func listenTCP(_ endpoint: InternetEndpoint, backlog: Int32 = 1024) throws(SystemError) -> Descriptor {
        try run { () throws(SystemError) in try Sockets.listenTCP(endpoint, backlog: backlog) }
    }

    /// A TCP connection made from inside the namespace.
    ///
    /// Blocks until it stands or fails.
    package func connectTCP(
        _ endpoint: InternetEndpoint,
        timeoutMilliseconds: Int32 = 10_000
    ) throws(SystemError) -> Descriptor {
        try run { () throws(SystemError) in
            try Sockets.connectTCP(endpoint, timeoutMilliseconds: timeoutMilliseconds)
        }
    }

    /// A UDP socket bound inside the namespace.
    package func bindUDP(_ endpoint: InternetEndpoint) throws(SystemError) -> Descriptor {
        try run { () throws(SystemError) in try Sockets.bindUDP(endpoint) }
    }

    /// A UDP socket inside the namespace that talks to one peer.
    package func connectUDP(_ peer: InternetEndpoint) throws(SystemError) -> Descriptor {
        try run { () throws(SystemError) in try Sockets.connectUDP(peer) }
    }
}
