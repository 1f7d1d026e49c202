import ArgumentParser
import Foundation
import TestSupport
import Testing

@testable import CommandLine

@Suite("Completion", .ownThreads) struct CompletionTests {
    @Test("bash reads the script and completes commands with it")
    func bash() throws {
        let script = FileManager.default.temporaryDirectory.appending(path: "completion-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: script) }
        try Data(Telepresence.completionScript(for: .bash).utf8).write(to: URL(filePath: script))
        // What bash itself does when TAB is pressed after `telepresence int`.
        let press = """
            set -e; source \(script)
            words=$(complete -p telepresence); function=${words#*-F }; function=${function%% *}
            COMP_WORDS=(telepresence int); COMP_CWORD=1; COMP_LINE='telepresence int'; COMP_POINT=16
            "$function" telepresence int telepresence || true
            echo "${COMPREPLY[@]}"
            """
        let output = try TestProgram.run(["/bin/bash", "--norc", "-c", press]).output
        #expect(output.trimmingCharacters(in: .whitespacesAndNewlines) == "intercept")
    }
}
