import Foundation
import Testing

@testable import CommandLine

@Suite struct ClientConfigurationTests {
    @Test("intercept.mountsRoot is read, whatever else is there")
    func mountsRoot() throws {
        let text = "timeouts: {agentInstall: 2m}\nintercept:\n  mountsRoot: /home/me/mounts/\n  defaultPort: 8080\n"
        #expect(try ClientConfiguration(text: text, origin: "x").mountsRoot == "/home/me/mounts")
        for text in ["", "{}", "intercept: {}", "intercept:", "# nothing"] {
            #expect(try ClientConfiguration(text: text, origin: "x") == ClientConfiguration())
        }
    }

    @Test(
        "what cannot be meant is refused, with the file's name",
        arguments: [
            "intercept: {mountsRoot: relative}", "intercept: {mountsRoot: [/a]}", "intercept: {mountsRoot: ''}", "a: [",
        ]
    )
    func wrong(text: String) {
        let error = #expect(throws: CommandError.self) { try ClientConfiguration(text: text, origin: "/x/config.yml") }
        #expect(error?.message.contains("/x/config.yml") == true)
    }

    @Test("the file is the user's own, where XDG has it")
    func place() throws {
        #expect(ClientConfiguration.path(["HOME": "/h"]) == "/h/.config/telepresence/config.yml")
        #expect(ClientConfiguration.path(["HOME": "/h", "XDG_CONFIG_HOME": "/c"]) == "/c/telepresence/config.yml")
        #expect(ClientConfiguration.path([:]) == nil)
        #expect(try ClientConfiguration.load(environment: ["HOME": "/nowhere"]) == ClientConfiguration())
    }

    @Test("--mount tells what is wanted")
    func mount() {
        #expect(MountArgument(argument: "true") == .fuse(path: "", readOnly: false))
        #expect(MountArgument(argument: "/a/:ro") == .fuse(path: "/a", readOnly: true))
        #expect(MountArgument(argument: "false") == MountArgument.none)
        #expect(MountArgument(argument: "sync") == .sync)
        #expect(MountArgument(argument: "auto") == .automatic)
        #expect(MountArgument(argument: "sync:ro") == nil)
        #expect(MountArgument(argument: "") == nil)
    }
}
