import Foundation
import Message
import TestSupport
import Testing

@Suite struct WireMessageTests {
    private static let types = Dictionary(
        uniqueKeysWithValues: (everyMessage + [Sampler.self]).map { ($0.table.name, $0) }
    )

    private func recoded(_ type: any WireMessage.Type, _ bytes: [UInt8]) throws -> [UInt8] {
        func decode<Value: WireMessage>(_ type: Value.Type) throws -> [UInt8] {
            let value = try Value(decoding: bytes)
            let again = value.encoded()
            // Doubles that are not numbers differ from themselves; their bytes do not.
            #expect(try Value(decoding: again).encoded() == again)
            return again
        }
        return try decode(type)
    }

    @Test("A valid vector reads and writes the same in both codecs", arguments: Specification.vectors("valid"))
    func valid(vector: Specification.Vector) throws {
        let type = try #require(Self.types[vector.message])
        let bytes = try Tree.hex(vector.hex)
        #expect(try recoded(type, bytes) == bytes)
        guard let json = vector.valueJSON else { return }
        let tree = try Tree.json(try JSONSerialization.jsonObject(with: json), vector.message)
        #expect(try tree.bytes(vector.message) == bytes)
        #expect(try Tree.parse(bytes[...], vector.message) == tree)
    }

    @Test("A readable vector reads as its canonical form", arguments: Specification.vectors("readable"))
    func readable(vector: Specification.Vector) throws {
        let type = try #require(Self.types[vector.message])
        #expect(try recoded(type, try Tree.hex(vector.hex)) == Tree.hex(try #require(vector.canonical)))
    }

    @Test("An invalid vector fails with its error", arguments: Specification.vectors("invalid"))
    func invalid(vector: Specification.Vector) throws {
        let type = try #require(Self.types[vector.message])
        let name = try #require(vector.error)
        let expected = try #require(WireError(rawValue: name))
        let bytes = try Tree.hex(vector.hex)
        #expect(throws: expected) { try recoded(type, bytes) }
    }

    @Test("There are vectors of every kind")
    func vectorsThere() {
        #expect(Specification.vectors("valid").count >= 25)
        #expect(Specification.vectors("readable").count >= 6)
        let errors = Set(Specification.vectors("invalid").compactMap(\.error))
        #expect(errors == Set(WireError.allCases.map(\.rawValue)).subtracting(["tooLarge"]))
    }

    @Test("A message over 4 MiB is refused before it is read")
    func tooLarge() {
        let bytes = [UInt8](repeating: 0, count: WireLimits.maximumMessageLength + 1)
        #expect(throws: WireError.tooLarge) { try Empty(decoding: bytes) }
    }

    @Test("Values that tests name read as written")
    func namedValues() throws {
        let hello = Hello(
            kind: .agent,
            sessionID: "s",
            agent: AgentHello(
                workloadName: "web",
                containers: [ContainerInfo(name: "app", environment: ["B": "2", "A": "", "": "x"])],
                ports: [AgentPort(containerPort: 65535, protocol: .udp)]
            ),
            secret: [0, 255]
        )
        #expect(try ParticipantMessage(decoding: ParticipantMessage.hello(hello).encoded()) == .hello(hello))
        #expect(try Sampler(decoding: [1, 1, 3]).signed == -2)
        #expect(try ManagerMessage(decoding: []) == .unknown)
    }

    @Test("Random messages agree with the second codec", arguments: everyMessage.map { $0.table.name } + ["Sampler"])
    func random(name: String) throws {
        let type = try #require(Self.types[name])
        var generator = SplitMix64(seed: 0x5EED)
        for _ in 0..<100 {
            let tree = Tree.random(name, using: &generator)
            let bytes = try tree.bytes(name)
            #expect(try recoded(type, bytes) == bytes)
            #expect(try Tree.parse(bytes[...], name) == tree)
        }
    }

    @Test("A message cut at any byte fails or is a shorter message", arguments: everyMessage.map { $0.table.name })
    func truncation(name: String) throws {
        let type = try #require(Self.types[name])
        var generator = SplitMix64(seed: 0xC07)
        for _ in 0..<4 {
            let bytes = try Tree.random(name, using: &generator).bytes(name)
            for count in 0..<bytes.count {
                let prefix = Array(bytes.prefix(count))
                do {
                    #expect(try recoded(type, prefix) == prefix)
                } catch {
                    #expect(error as? WireError == .truncated)
                }
            }
        }
    }

    @Test("Random and damaged bytes never trap", arguments: everyMessage.map { $0.table.name } + ["Sampler"])
    func fuzz(name: String) throws {
        let type = try #require(Self.types[name])
        var generator = SplitMix64(seed: 0xF022)
        for round in 0..<400 {
            var bytes: [UInt8]
            if round % 2 == 0 {
                bytes = (0..<Int.random(in: 0...40, using: &generator)).map { _ in
                    Bool.random(using: &generator)
                        ? .random(in: 0...12, using: &generator) : .random(in: 0...255, using: &generator)
                }
            } else {
                bytes = try Tree.random(name, using: &generator).bytes(name)
                for _ in 0..<Int.random(in: 1...4, using: &generator) where !bytes.isEmpty {
                    bytes[Int.random(in: 0..<bytes.count, using: &generator)] = .random(in: 0...255, using: &generator)
                }
            }
            _ = try? recoded(type, bytes)
        }
    }

    @Test("Tables are those of messages.md, and tags ascend")
    func tables() throws {
        let written = try Specification.sections()
        var found: Set<String> = []
        for type in everyMessage {
            let table = type.table
            let title = table.name + (table.isChoice ? " (choice)" : "")
            found.insert(title)
            #expect(written[title] == table.rows.map { "\($0.tag) | \($0.name) | \($0.kind.markdown)" }, "\(title)")
            #expect(table.rows.map(\.tag) == table.rows.map(\.tag).sorted())
            #expect(Set(table.rows.map(\.tag)).count == table.rows.count)
        }
        for (name, cases) in everyEnumeration {
            found.insert("enum \(name)")
            #expect(written["enum \(name)"] == cases.dropFirst().map { "\($0.1) | \($0.0)" }, "enum \(name)")
        }
        #expect(Set(written.keys) == found)
    }

    @Test("Every message of the code is in the list of the tests")
    func listComplete() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Sources/Message")
        let files = FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil)
        var count = 0
        while let file = files?.nextObject() as? URL {
            guard file.pathExtension == "swift" else { continue }
            if try String(contentsOf: file, encoding: .utf8).contains(": WireMessage {") { count += 1 }
        }
        #expect(count == everyMessage.count)
    }
}
