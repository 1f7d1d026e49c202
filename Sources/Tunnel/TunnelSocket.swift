package import NIOCore
package import NIOPosix

/// How the sockets at the ends of tunnels are dialled and set up.
package enum TunnelSocket {
    /// Dials TCP; the channel does not read before it is spliced.
    ///
    /// - Parameters:
    ///   - destination: A name or an address; names are resolved off the loop.
    ///   - eventLoop: Where the channel lives.
    ///   - timeout: How long the dial may take.
    ///   - connecting: Gets each channel before it is connected, so that the dial can be cancelled by closing it.
    /// - Returns: The channel, on `eventLoop`.
    package static func dialTCP(
        _ destination: TunnelDestination,
        on eventLoop: any EventLoop,
        timeout: TimeAmount,
        connecting: @escaping @Sendable (any Channel) -> Void = { _ in }
    ) -> EventLoopFuture<any Channel> {
        let bootstrap = self.bootstrap(eventLoop, timeout: timeout) { channel in
            connecting(channel)
            try DescriptorReserve.check(channel)
        }
        // An address needs neither the resolver's thread nor the race between families.
        if let address = try? SocketAddress(ipAddress: destination.host, port: Int(destination.port)) {
            return bootstrap.connect(to: address)
        }
        return bootstrap.connect(host: destination.host, port: Int(destination.port))
    }

    /// A bootstrap for a TCP dial whose channel does not read before it is spliced.
    ///
    /// - Parameters:
    ///   - eventLoop: Where the channel lives.
    ///   - timeout: How long the dial may take.
    ///   - initializer: Gets each channel before it is connected.
    /// - Returns: The bootstrap, without options of its own.
    package static func bootstrap(
        _ eventLoop: any EventLoop,
        timeout: TimeAmount,
        initializer: @escaping @Sendable (any Channel) throws -> Void = { _ in }
    ) -> ClientBootstrap {
        ClientBootstrap(group: eventLoop)
            .connectTimeout(timeout)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try self.holdReading(channel)
                    try initializer(channel)
                }
            }
    }

    /// Sets up a channel that is being made so that it does not read before it is spliced.
    ///
    /// On the channel's loop, in its initializer: a bootstrap's own options are set by a chain of futures, which costs as much as a dial.
    package static func holdReading(_ channel: any Channel) throws {
        guard let options = channel.syncOptions else { return }
        try options.setOption(.allowRemoteHalfClosure, value: true)
        try options.setOption(.autoRead, value: false)
    }

    /// Sets up a channel that others made, as splices do themselves: half-close and buffers.
    ///
    /// On the channel's loop.
    ///
    /// An accepted channel also needs `autoRead` off until it is spliced.
    package static func tune(_ channel: any Channel) {
        // Options that a channel does not know, or of one that is closed already, do not matter.
        guard let options = channel.syncOptions else { return }
        try? options.setOption(.allowRemoteHalfClosure, value: true)
        try? options.setOption(.recvAllocator, value: self.readBuffers)
        try? options.setOption(.writeBufferWaterMark, value: .init(low: 128 << 10, high: 512 << 10))
    }

    /// Reads of up to 256 KiB measured best; small connections must not pay for it, so it grows.
    package static var readBuffers: AdaptiveRecvByteBufferAllocator {
        AdaptiveRecvByteBufferAllocator(minimum: 4 << 10, initial: 16 << 10, maximum: 256 << 10)
    }

    /// Makes a connected UDP socket that does not read before it is spliced.
    ///
    /// - Parameters:
    ///   - destination: A name or an address; names are resolved off the loop.
    ///   - eventLoop: Where the channel lives.
    /// - Returns: The channel, on `eventLoop`.
    package static func dialUDP(
        _ destination: TunnelDestination,
        on eventLoop: any EventLoop
    ) -> EventLoopFuture<any Channel> {
        let (host, port) = (destination.host, Int(destination.port))
        let address =
            if let literal = try? SocketAddress(ipAddress: host, port: port) {
                eventLoop.makeSucceededFuture(literal)
            } else {
                NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop) {
                    try SocketAddress.makeAddressResolvingHost(host, port: port)
                }
            }
        return address.flatMap { address in
            DatagramBootstrap(group: eventLoop)
                .channelOption(.autoRead, value: false)
                .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 65_536))
                .connect(to: address)
        }
    }
}
