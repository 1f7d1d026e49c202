import Glibc

/// Paths of this process.
enum Paths {
    /// A path from the root, whatever the working directory becomes.
    static func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? path : "\(self.workingDirectory)/\(path)"
    }

    /// The directory in which the program was started.
    static var workingDirectory: String {
        var buffer = [CChar](repeating: 0, count: 4096)
        guard getcwd(&buffer, buffer.count) != nil else { return "/" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The program's own file.
    static var program: String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        return String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The directory of the program's own file.
    static var binaries: String {
        let program = self.program
        return String(program[..<(program.lastIndex(of: "/") ?? program.startIndex)])
    }
}
