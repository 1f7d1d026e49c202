import Foundation
import Glibc

/// A server that is a python script: it prints its port, and ends with this program, however that ends.
final class PythonServer {
    let port: Int
    private let process = Process()
    private let life = Pipe()

    /// - Parameters:
    ///   - script: Runs behind ``prelude``; ends by calling `listen(serve)`, with a function that serves one connection.
    ///   - name: Its first argument.
    /// - Throws: when python does not run.
    init(_ script: String, _ name: String = "") throws {
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["python3", "-u", "-c", Self.prelude + script, name]
        process.standardInput = life
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        var line = ""
        while !line.hasSuffix("\n") {
            guard let data = try output.fileHandleForReading.read(upToCount: 1), !data.isEmpty else { break }
            line += String(decoding: data, as: UTF8.self)
        }
        port = Int(line.dropLast()) ?? 0
    }

    // The thread that started it may have had SIGTERM blocked.
    deinit { kill(process.processIdentifier, SIGKILL) }

    private static let prelude = """
        import hashlib, os, re, socket, sys, threading, zlib
        threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(0)), daemon=True).start()
        name = sys.argv[1].encode()
        def listen(serve):
            def run(c):
                c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                try: serve(c)
                except OSError: pass
                c.close()
            s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(128)
            print(s.getsockname()[1], flush=True)
            while True: threading.Thread(target=run, args=(s.accept()[0],), daemon=True).start()

        """
}
