import TestSupport
import Testing

@Suite(.ownThreads) struct SourceRuleTests {
    @Test("no file is longer than 600 lines", arguments: ["Sources", "Tests"])
    func length(folder: String) throws {
        for source in try Repository.sources(folder) {
            #expect(source.lines.count <= 600, "\(source.path) has \(source.lines.count) lines")
        }
    }

    @Test("nothing in the sources can trap by a forced try, a forced cast or an assertion that stays in release builds")
    func traps() throws {
        let banned = ["try!", "as!", "fatalError(", "preconditionFailure(", "precondition("]
        for source in try Repository.sources("Sources") {
            for (number, line) in source.lines.enumerated() {
                let code = Self.code(line)
                for word in banned where code.contains(word) && !code.contains("." + word) {
                    Issue.record("\(source.path):\(number + 1): \(word)")
                }
            }
        }
    }

    @Test("each way around the concurrency checks has its reason in a comment above it")
    func escapes() throws {
        let escapes = ["@unchecked Sendable", "nonisolated(unsafe)", "@preconcurrency import"]
        for source in try Repository.sources("Sources") {
            for (number, line) in source.lines.enumerated()
            where escapes.contains(where: { Self.code(line).contains($0) }) {
                let reason = Self.hasComment(above: number, in: source.lines) || line.contains("//")
                #expect(reason, "\(source.path):\(number + 1): no reason given")
            }
        }
    }

    @Test("event-loop types stay where the design has them")
    func eventLoops() throws {
        let allowed: Set<String> = [
            "HTTP2", "Tunnel", "HTTPFilter", "Network", "Call", "Cluster", "Sandbox", "Program", "CommandLine",
        ]
        for source in try Repository.sources("Sources") {
            let folder = source.path.split(separator: "/").dropFirst().first.map(String.init) ?? ""
            for line in source.lines {
                guard let module = Repository.importedModule(line), module.hasPrefix("NIO") else { continue }
                #expect(allowed.contains(folder), "\(source.path) imports \(module)")
                if folder == "Call" || folder == "HTTPFilter" {
                    #expect(module == "NIOCore", "\(source.path) imports \(module)")
                }
            }
        }
    }

    @Test("state machines and actors do no input or output")
    func pure() throws {
        for source in try Repository.sources("Sources/Actor") + Repository.sources("Sources/Message") {
            for line in source.lines {
                guard let module = Repository.importedModule(line) else { continue }
                #expect(
                    !["Glibc", "Foundation", "FoundationEssentials", "Dispatch"].contains(module),
                    "\(source.path): \(module)"
                )
            }
        }
        for source in try Repository.sources("Sources") where source.path.hasSuffix("Machine.swift") {
            for line in source.lines {
                guard let module = Repository.importedModule(line) else { continue }
                #expect(module != "NIOPosix" && module != "Glibc", "\(source.path) imports \(module)")
            }
        }
    }

    /// A line without its comment. (A `//` in a string cuts it too, which only hides what stands behind it.)
    private static func code(_ line: Substring) -> Substring {
        guard let comment = line.firstRange(of: "//") else { return line }
        return line[..<comment.lowerBound]
    }

    /// Whether a comment stands above a line, with attributes and modifiers in between at most.
    private static func hasComment(above number: Int, in lines: [Substring]) -> Bool {
        guard number > 0 else { return false }
        let above = lines[number - 1].drop(while: { $0 == " " })
        return above.hasPrefix("//") || (above.hasPrefix("@") && hasComment(above: number - 1, in: lines))
    }
}
