import Glibc
import Kernel

/// Runs a tool to its end, in the namespaces of the calling thread.
enum Subprocess {
    /// Blocks until the tool ends; its exit status (128 and more for a signal) and what it wrote to standard error.
    static func run(_ arguments: [String], input: String) throws(SystemError) -> (status: CInt, error: String) {
        let standardInput = try Descriptor.pipe()
        let standardError = try Descriptor.pipe()
        let files: [CInt: ProgramLaunch.File] = [
            0: .descriptor(standardInput.reading.rawValue), 1: .null, 2: .descriptor(standardError.writing.rawValue),
        ]
        let process = try ProgramLaunch(arguments[0], Array(arguments.dropFirst()), files: files).start()
        standardInput.reading.close()
        standardError.writing.close()
        var rest = Array(input.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(standardInput.writing.rawValue, $0.baseAddress, $0.count) }
            guard count > 0 else { break }
            rest = rest.dropFirst(count)
        }
        standardInput.writing.close()
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(standardError.reading.rawValue, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            text.append(contentsOf: chunk[..<count])
        }
        return (try ProgramLaunch.status(of: process), String(decoding: text, as: UTF8.self))
    }
}
