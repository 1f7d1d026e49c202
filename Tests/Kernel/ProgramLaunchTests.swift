import Glibc
import Kernel
import Testing

@Suite struct ProgramLaunchTests {
    @Test("a program gets the descriptors that are meant for it, and no others")
    func descriptors() throws {
        // As libraries make them: not close-on-exec.
        let open = [socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0), socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)]
        defer { for number in open { close(number) } }
        for getsInherited in [false, true] {
            let (output, input) = try Descriptor.pipe()
            var launch = ProgramLaunch("ls", ["-l", "/proc/self/fd"])
            launch.files = [0: .null, 1: .descriptor(input.rawValue)]
            if !getsInherited { launch.files[7] = .null }
            launch.getsInherited = getsInherited
            let process = try launch.start()
            input.close()
            var text: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = read(output.rawValue, &buffer, buffer.count)
                guard count > 0 else { break }
                text += buffer[..<count]
            }
            #expect(try ProgramLaunch.status(of: process) == 0)
            let lines = String(decoding: text, as: UTF8.self).split(separator: "\n").filter { $0.contains(" -> ") }
            #expect(!lines.contains { $0.contains("socket:") }, "\(lines)")
            #expect(lines.contains { $0.contains(" 7 -> /dev/null") } == !getsInherited, "\(lines)")
            #expect(lines.contains { $0.contains(" 0 -> /dev/null") }, "\(lines)")
        }
    }
}
