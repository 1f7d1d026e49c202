import Testing

@testable import Actor
@testable import Host

@Suite struct MountChoiceTests {
    private let problem = "sshfs is not installed; install it"

    @Test("what is wished is had where it can be")
    func wished() {
        for wish in [MountWish.Manner.none, .sync, .fuse] {
            #expect(MountChoice(wish, problem: nil, isHidden: false) == MountChoice(manner: wish))
        }
        #expect(MountChoice(.auto, problem: nil, isHidden: false) == MountChoice(manner: .fuse))
    }

    @Test("where nothing can be mounted, auto copies and says why; a mount is refused with the remedy")
    func problems() {
        let copied = MountChoice(.auto, problem: problem, isHidden: false)
        #expect(copied.manner == .sync && copied.refusal == nil)
        #expect(copied.notice.hasPrefix("sshfs is not installed: the volumes are copied"))
        #expect(MountChoice(.fuse, problem: problem, isHidden: false).refusal == problem)
        for wish in [MountWish.Manner.none, .sync] {
            #expect(MountChoice(wish, problem: problem, isHidden: true) == MountChoice(manner: wish))
        }
    }

    @Test("where programs would not see a mount, auto copies, and one that is asked for comes with a word")
    func hidden() {
        let copied = MountChoice(.auto, problem: nil, isHidden: true)
        #expect(copied.manner == .sync && copied.notice.contains("not shared"))
        let asked = MountChoice(.fuse, problem: nil, isHidden: true)
        #expect(asked.manner == .fuse && asked.refusal == nil && asked.notice.contains("--mount=sync"))
    }

    @Test("sshfs that may not mount is told from sshfs that reaches nobody")
    func refusals() {
        #expect(MountChoice.isRefusal("fusermount3: mount failed: Operation not permitted"))
        #expect(MountChoice.isRefusal("fuse: device not found, try 'modprobe fuse' first"))
        #expect(!MountChoice.isRefusal("read: Connection reset by peer"))
        #expect(!MountChoice.isRefusal("ready"))
    }

    @Test("a mount is as shared as the mount that it is below")
    func shared() {
        let table = MountTable.parse(
            """
            21 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw
            22 21 0:20 / /tmp rw - tmpfs tmpfs rw
            23 22 0:21 / /tmp/own\\040one rw shared:7 master:3 - tmpfs tmpfs rw
            24 21 8:2 / /srv rw shared:2 - ext4 /dev/sdb1 rw
            25 24 8:3 / /srv rw master:2 - ext4 /dev/sdc1 rw
            """
        )
        #expect(MountTable.isShared("/home/me", table))
        #expect(MountTable.isShared("/tmpfile", table))
        #expect(!MountTable.isShared("/tmp/x", table) && !MountTable.isShared("/tmp", table))
        #expect(MountTable.isShared("/tmp/own one/x", table))
        #expect(!MountTable.isShared("/srv/x", table))
        #expect(!MountTable.isShared("/", []))
    }
}
