import Foundation
import TestSupport
import Testing

@testable import CommandLine

@Suite(.ownThreads) struct ZipArchiveTests {
    private static let date = ZipArchive.Date(year: 2026, month: 11, day: 23, hour: 4, minute: 5, second: 6)

    /// What Python's zipfile says: a check of all sums, then one line per file.
    private func python(_ archive: ZipArchive) throws -> [String] {
        let path = FileManager.default.temporaryDirectory.appending(path: "zip-\(UUID().uuidString).zip")
        try Data(archive.bytes).write(to: path)
        defer { try? FileManager.default.removeItem(at: path) }
        let script = """
            import sys, zipfile, hashlib
            archive = zipfile.ZipFile(sys.argv[1])
            print(archive.testzip())
            for info in archive.infolist():
                data = archive.read(info)
                print(info.filename, len(data), hashlib.sha256(data).hexdigest()[:8], *info.date_time)
            """
        let environment = ["PATH": "/usr/bin:/bin:/usr/local/bin", "PYTHONIOENCODING": "utf-8"]
        let words = ["/usr/bin/env", "python3", "-c", script, path.path]
        let (status, output) = try TestProgram.run(words, environment: environment)
        #expect(status == 0)
        return output.split(separator: "\n").map(String.init)
    }

    @Test("another program reads the files, their sums and their date")
    func readable() throws {
        var archive = ZipArchive(date: Self.date)
        try archive.add("empty", [])
        try archive.add("folder/abc.txt", Array("abc".utf8))
        try archive.add("ünïcode.log", (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 7) })
        let lines = try python(archive)
        #expect(lines.first == "None")
        #expect(lines[1] == "empty 0 e3b0c442 2026 11 23 4 5 6")
        #expect(lines[2] == "folder/abc.txt 3 ba7816bf 2026 11 23 4 5 6")
        #expect(lines[3].hasPrefix("ünïcode.log 100000 "))
        #expect(archive.fileNames == ["empty", "folder/abc.txt", "ünïcode.log"])
    }

    @Test("an archive without files is one")
    func empty() throws {
        #expect(try python(ZipArchive(date: Self.date)) == ["None"])
    }

    @Test(
        "names that lead elsewhere or are there already are refused",
        arguments: ["", "/etc/passwd", "a/../b", "a//b", "twice"]
    )
    func badNames(name: String) throws {
        var archive = ZipArchive(date: Self.date)
        try archive.add("twice", [])
        #expect(throws: ZipArchive.Failure.badName(name)) { try archive.add(name, []) }
    }

    @Test("the sum is CRC-32")
    func checksum() {
        #expect(ZipArchive.checksum(Array("123456789".utf8)) == 0xCBF4_3926)
    }

    @Test("names are hidden in texts and in file names, the longest first")
    func anonymous() throws {
        var anonymizer = Anonymizer()
        anonymizer.hide("web", as: "workload")
        anonymizer.hide("web-7d4f-x", as: "pod")
        anonymizer.hide("ab", as: "namespace")
        #expect(anonymizer.clean("web-7d4f-x of web in ab") == "pod-1 of workload-1 in ab")
        var collection = LogCollection()
        collection.add("web-7d4f-x.log", "web-7d4f-x started")
        collection.miss("log of web", CommandError("web is gone"))
        let archive = try collection.archive(date: Self.date, anonymizer)
        #expect(archive.fileNames == ["pod-1.log", "problems.txt"])
        #expect(!String(decoding: archive.bytes, as: UTF8.self).contains("web"))
    }
}
