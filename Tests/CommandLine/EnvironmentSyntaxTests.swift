import Foundation
import TestSupport
import Testing

@testable import CommandLine

@Suite("The files of --env-file", .ownThreads) struct EnvironmentSyntaxTests {
    private static let awkward = [
        "PLAIN": "value", "SPACES": "  a b  ", "QUOTES": "it's \"so\"", "DOLLAR": "$HOME `id` \\n",
        "LINES": "one\ntwo\n",
        "EMPTY": "", "HASH": "a # b", "UNICODE": "grün",
    ]

    @Test("a shell that reads the file has every value as it was", arguments: ["sh", "sh:export"])
    func shell(syntax: String) throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "env-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let syntax = try #require(EnvironmentSyntax(argument: syntax))
        // One that everybody could read, and longer than what comes.
        let former = Data(repeating: 0x61, count: 10_000)
        #expect(
            FileManager.default.createFile(atPath: path, contents: former, attributes: [.posixPermissions: 0o644])
        )
        try EnvironmentFile.write(Self.awkward, to: path, syntax, option: "--env-file")
        #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
        for (name, value) in Self.awkward {
            // Exported ones reach a program, the others only the shell itself.
            let show = syntax.exports ? "printenv \(name)" : "printf '%s\\n' \"$\(name)\""
            #expect(try Self.output("/bin/sh", "-c", ". \(path); \(show)") == value + "\n")
        }
    }

    @Test("each reader gets its own notation")
    func notations() throws {
        let table: [(String, String)] = [
            ("docker", "A=it's $x\nB=\"1\\n2\"\n"), ("compose", "A=\"it's $$x\"\nB=\"1\\n2\"\n"),
            ("csh", "set A='it'\\''s $x'\nset B='1\\\n2'\n"),
            ("csh:export", "setenv A 'it'\\''s $x'\nsetenv B '1\\\n2'\n"),
            ("ps", "$A='it''s $x'\n$B='1\n2'\n"), ("ps:export", "$Env:A='it''s $x'\n$Env:B='1\n2'\n"),
            ("cmd", "set \"A=it's $x\"\nset \"B=1 2\"\n"),
            ("json", "{\n  \"A\" : \"it's $x\",\n  \"B\" : \"1\\n2\"\n}\n"),
        ]
        for (name, text) in table {
            #expect(
                try #require(EnvironmentSyntax(argument: name)).text(["A": "it's $x", "B": "1\n2"]) == text,
                "\(name)"
            )
        }
    }

    @Test("names that a shell cannot have are left out and said; notations that are not there are refused")
    func oddities() throws {
        #expect(
            try EnvironmentSyntax(.sh).text(["my.name": "x"])
                == "# my.name: no variable of a shell can be called that\n"
        )
        #expect(try EnvironmentSyntax(.docker).text(["my.name": "x"]) == "my.name=x\n")
        for word in ["", "bash", "docker:export", "sh:", "json:export"] {
            #expect(EnvironmentSyntax(argument: word) == nil)
        }
    }

    private static func output(_ words: String...) throws -> String {
        try TestProgram.run(words).output
    }
}
