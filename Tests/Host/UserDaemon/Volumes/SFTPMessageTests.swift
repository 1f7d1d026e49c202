import Testing

@testable import Host

@Suite struct SFTPMessageTests {
    @Test("requests are written as the protocol has them")
    func requests() {
        #expect(SFTPRequest.hello == [0, 0, 0, 5, 1, 0, 0, 0, 3])
        let a: [UInt8] = [0, 0, 0, 1, 97]
        #expect(SFTPRequest.open("a").packet(7) == [0, 0, 0, 18, 3, 0, 0, 0, 7] + a + [0, 0, 0, 1, 0, 0, 0, 0])
        #expect(SFTPRequest.close([97]).packet(7) == [0, 0, 0, 10, 4, 0, 0, 0, 7] + a)
        #expect(
            SFTPRequest.read([97], offset: 1 << 32 + 2, count: 3).packet(7)
                == [0, 0, 0, 22, 5, 0, 0, 0, 7] + a + [0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]
        )
        for (request, kind) in [
            (SFTPRequest.attributes("a"), 7), (.list("a"), 11), (.names([97]), 12), (.target("a"), 19),
        ] as [(SFTPRequest, UInt8)] {
            #expect(request.packet(7) == [0, 0, 0, 10, kind, 0, 0, 0, 7] + a)
        }
    }

    private static let names: [UInt8] =
        // Two names: "a", with everything that attributes may have, and one that is no UTF-8, with nothing.
        [104, 0, 0, 0, 9, 0, 0, 0, 2]
        + [0, 0, 0, 1, 97, 0, 0, 0, 2, 45, 45, 0x80, 0, 0, 15]
        + [0, 0, 0, 1, 0, 0, 0, 2] + [0, 0, 0, 1, 0, 0, 0, 1] + [0, 0, 0x81, 0xa4] + [0, 0, 0, 5, 0, 0, 0, 6]
        + [0, 0, 0, 1, 0, 0, 0, 1, 120, 0, 0, 0, 0]
        + [0, 0, 0, 1, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]

    @Test("replies are read")
    func replies() throws {
        let (id, reply) = try #require(SFTPReply.parse(Self.names[...]))
        #expect(id == 9)
        let attributes = SFTPReply.Attributes(size: 1 << 32 + 2, mode: 0o100644, modified: 6)
        #expect(
            reply
                == .names([
                    SFTPReply.Name(text: "a", attributes: attributes),
                    SFTPReply.Name(text: nil, attributes: SFTPReply.Attributes()),
                ])
        )
        #expect(SFTPReply.parse([2, 0, 0, 0, 3])?.reply == .version(3))
        #expect(SFTPReply.parse([101, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 110, 0, 0, 0, 0])?.reply == .status(2, "n"))
        #expect(SFTPReply.parse([101, 0, 0, 0, 1, 0, 0, 0, 2])?.reply == .status(2, ""))
        #expect(SFTPReply.parse([102, 0, 0, 0, 1, 0, 0, 0, 1, 7])?.reply == .handle([7]))
        #expect(SFTPReply.parse([103, 0, 0, 0, 1, 0, 0, 0, 1, 7])?.reply == .data([7]))
        #expect(SFTPReply.parse([105, 0, 0, 0, 1, 0, 0, 0, 0])?.reply == .attributes(SFTPReply.Attributes()))
    }

    @Test("what is cut short, or claims to be longer than it is, is no reply")
    func cutShort() {
        for count in 0..<Self.names.count { #expect(SFTPReply.parse(Self.names.prefix(count)) == nil, "\(count)") }
        #expect(SFTPReply.parse([104, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]) == nil)
        #expect(SFTPReply.parse([103, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 7]) == nil)
        #expect(SFTPReply.parse([105, 0, 0, 0, 1, 0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]) == nil)
        #expect(SFTPReply.parse([200, 0, 0, 0, 1]) == nil)
    }

    @Test("links that leave their volume, and names that are paths, are known")
    func inside() {
        for (target, path) in [("b", "a"), ("./b", "a"), ("../b", "x/a"), ("x/../b", "a"), ("..data/x", "a")] {
            #expect(RemoteTree.staysInside(target, at: path), "\(target) at \(path)")
        }
        for (target, path) in [
            ("/b", "a"), ("../b", "a"), ("../../b", "x/a"), ("x/../../b", "a"), ("", "a"), ("b", ""),
        ] {
            #expect(!RemoteTree.staysInside(target, at: path), "\(target) at \(path)")
        }
        for name in ["", ".", "..", "a/b", "/", "a\0"] { #expect(!RemoteTree.isName(name), "\(name)") }
        for name in ["a", "..data", "...", "ä ö"] { #expect(RemoteTree.isName(name), "\(name)") }
    }

    @Test("numbers of bytes are told")
    func words() {
        #expect(SyncLimits.words(16 << 20) == "16 MiB")
        #expect(SyncLimits.words(1536) == "1.5 KiB")
    }
}
