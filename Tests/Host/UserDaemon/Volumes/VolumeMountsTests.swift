import Actor
import Foundation
import Message
import NIOCore
import NIOPosix
import Testing

@testable import Host

@Suite("Mounts of volumes", .timeLimit(.minutes(1))) struct VolumeMountsTests {
    @Test("two first mounts at once share the socket for the guards' callers")
    func twoAtOnce() async throws {
        let root = NSTemporaryDirectory() + "mounts-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: root) }
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let targets = try await loop.submit { NIOLoopBound(LocalTargets(eventLoop: loop), eventLoop: loop) }.get()
        // Its guards end at once, and are started again after a while.
        let mounts = VolumeMounts(
            socket: root + "/s",
            eventLoop: loop,
            targets: targets,
            executable: "/bin/false",
            logger: ManagerScene.logger
        )
        async let one = Self.mount("one", mounts)
        async let two = Self.mount("two", mounts)
        let states = await [one, two]
        #expect(states.map(\.error) == ["", ""])
        #expect(states.allSatisfy { !$0.point.isEmpty })
        await mounts.close()
        // And anew after it was closed.
        #expect(await Self.mount("three", mounts).error == "")
        await mounts.close()
    }

    private static func mount(_ name: String, _ mounts: VolumeMounts) async -> MountState {
        var attachment = Message.Attachment(id: "id-\(name)", spec: AttachmentSpec(name: name))
        attachment.mounts = ["/data"]
        return await mounts.mount(attachment, MountWish(manner: .sync, isBeside: true), isIsolated: false)
    }
}
