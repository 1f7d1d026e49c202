import Glibc
import Kernel

/// Programs of the system, started without a shell.
enum HostProgram {
    /// Starts a program; its output goes where ours goes.
    @discardableResult
    static func spawn(
        _ executable: String,
        _ arguments: [String],
        standardInput: Descriptor? = nil,
        standardOutput: Descriptor? = nil
    ) throws(SystemError) -> pid_t {
        var launch = ProgramLaunch(executable, arguments)
        launch.files[STDIN_FILENO] = standardInput.map { .descriptor($0.rawValue) } ?? .null
        if let standardOutput { launch.files[STDOUT_FILENO] = .descriptor(standardOutput.rawValue) }
        return try launch.start()
    }

    /// Runs a program to its end; its exit status, 128 and more for a signal.
    static func run(_ executable: String, _ arguments: [String]) throws(SystemError) -> Int32 {
        try ProgramLaunch.status(of: spawn(executable, arguments))
    }

    /// Where a program is, among the usual places.
    static func find(_ name: String) -> String? {
        ["/usr/bin/", "/bin/", "/usr/sbin/", "/sbin/"].map { $0 + name }.first { access($0, X_OK) == 0 }
    }

    /// The running program's own file.
    static func own() throws(SystemError) -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        guard count > 0 else { throw .last("readlink", "/proc/self/exe") }
        return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The text of a small file; nil when it cannot be read.
    static func text(of path: String) -> String? {
        guard let file = try? Descriptor.open(path, flags: O_RDONLY) else { return nil }
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = read(file.rawValue, &buffer, buffer.count)
            if count <= 0 { break }
            text += buffer[..<count]
        }
        return String(decoding: text, as: UTF8.self)
    }
}
