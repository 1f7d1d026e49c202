import Glibc
import Kernel
import NIOCore
import NIOPosix
import Testing

@testable import Tunnel

@Suite("The reserve of descriptors")
struct DescriptorReserveTests {
    @Test(
        "A connection on one of the last descriptors is refused, and any other is not",
        .enabled(if: DescriptorLimit.value <= 1 << 20, "so high a descriptor would take the kernel gigabytes")
    )
    func last() async throws {
        // Not the very last ones: other tests may want some for a moment.
        let high = Int32(clamping: DescriptorLimit.value - DescriptorLimit.reserve + 7)
        #expect(await check { dup2($0, high) } == "refused")
        #expect(await check { dup($0) } == "taken")
    }

    /// Connects a socket whose descriptor `move` has chosen.
    private func check(_ move: (Int32) -> Int32) async -> String {
        var pair: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0 else { return "no socket" }
        defer { for descriptor in pair { close(descriptor) } }
        let moved = move(pair[0])
        guard moved >= 0 else { return "no descriptor" }
        let group = MultiThreadedEventLoopGroup.singleton
        do {
            let channel = try await ClientBootstrap(group: group)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture { try DescriptorReserve.check(channel) }
                }
                .withConnectedSocket(moved).get()
            try await channel.close()
            return "taken"
        } catch is DescriptorReserve.Exhausted {
            return "refused"
        } catch {
            return "\(error)"
        }
    }
}
