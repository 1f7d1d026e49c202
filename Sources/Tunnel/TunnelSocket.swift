package import NIOCore
package import NIOPosix

/// How the sockets at the ends of tunnels are set up.
package enum TunnelSocket {
    /// Reads of up to 256 KiB measured best; small connections must not pay for it, so it grows from 8 KiB.
    package static var readBuffers: AdaptiveRecvByteBufferAllocator {
        AdaptiveRecvByteBufferAllocator(minimum: 4096, initial: 8192, maximum: 262_144)
    }

    /// Sets a channel that others made up like those of `bootstrap`. On the channel's loop.
    static func tune(_ channel: any Channel) {
        // Options of a channel that is closed already do not matter.
        channel.setOption(.recvAllocator, value: readBuffers).whenFailure { _ in }
        channel.setOption(.writeBufferWaterMark, value: waterMark).whenFailure { _ in }
    }

    /// A socket's queue: filled up to 1 MiB, then its source waits until 256 KiB are left.
    static var waterMark: ChannelOptions.Types.WriteBufferWaterMark { .init(low: 262_144, high: 1_048_576) }

    /// A bootstrap for a TCP dial whose channel does not read before it is spliced.
    package static func bootstrap(_ eventLoop: any EventLoop, timeout: TimeAmount) -> ClientBootstrap {
        ClientBootstrap(group: eventLoop)
            .connectTimeout(timeout)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.autoRead, value: false)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.recvAllocator, value: readBuffers)
            .channelOption(.writeBufferWaterMark, value: waterMark)
    }
}
