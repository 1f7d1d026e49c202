import Glibc
import Kernel

/// Programs of the system that a test asks.
package enum TestProgram {
    /// What becomes of what it writes to standard error.
    package enum Errors { case shown, dropped, joined }

    /// Runs a program, by path or name on PATH, to its end; its exit status (128 and more for a signal) and what it printed.
    ///
    /// Blocks the calling thread, in whose namespaces the program runs.
    package static func run(
        _ words: [String],
        environment: [String: String]? = nil,
        errors: Errors = .shown
    ) throws -> (status: Int32, output: String) {
        let pipe = try Descriptor.pipe()
        var launch = ProgramLaunch(words[0], Array(words.dropFirst()), environment: environment)
        launch.files = [STDIN_FILENO: .null, STDOUT_FILENO: .descriptor(pipe.writing.rawValue)]
        switch errors {
        case .shown: break
        case .dropped: launch.files[STDERR_FILENO] = .null
        case .joined: launch.files[STDERR_FILENO] = .descriptor(STDOUT_FILENO)
        }
        let process = try launch.start()
        pipe.writing.close()
        var output: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(pipe.reading.rawValue, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            output += buffer[..<count]
        }
        return (try ProgramLaunch.status(of: process), String(decoding: output, as: UTF8.self))
    }
}
