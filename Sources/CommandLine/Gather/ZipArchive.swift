/// Writes a zip archive of files that are stored as they are (APPNOTE 6.3, method 0), without further libraries.
package struct ZipArchive: Sendable {
    /// Why a file cannot be added.
    package enum Failure: Error, Equatable {
        /// The archive would be too large or have too many files: there is no zip64 here.
        case tooLarge
        /// The name is empty, absolute, leads upwards, or is there already.
        case badName(String)
    }

    /// When a file was written, as a zip has it: local time, to two seconds.
    package struct Date: Sendable, Equatable {
        let day: UInt16
        let time: UInt16

        /// Years before 1980 and after 2107 cannot be said: they become those.
        package init(year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int) {
            let years = UInt16(min(max(year - 1980, 0), 127))
            self.day = years << 9 | UInt16(truncatingIfNeeded: month & 15) << 5 | UInt16(truncatingIfNeeded: day & 31)
            time =
                UInt16(truncatingIfNeeded: hour & 31) << 11 | UInt16(truncatingIfNeeded: minute & 63) << 5
                | UInt16(truncatingIfNeeded: second / 2 & 31)
        }
    }

    private static let limit = Int(UInt32.max) - (1 << 20)
    /// Names are UTF-8 (general purpose bit 11).
    private static let flags: UInt16 = 0x0800
    /// Version 2.0, and made by Unix, so that modes are understood.
    private static let version: UInt16 = 20
    private static let unix: UInt16 = 3 << 8
    /// A plain file with mode 0600.
    private static let attributes: UInt32 = 0o100600 << 16

    private var files: [UInt8] = []
    private var directory: [UInt8] = []
    private var names: Set<String> = []
    private let date: Date

    /// Makes an empty archive, all of whose files will have this date.
    package init(date: Date) {
        self.date = date
    }

    /// The names of the files, sorted.
    package var fileNames: [String] { names.sorted() }

    /// Adds a file.
    package mutating func add(_ name: String, _ content: [UInt8]) throws(Failure) {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard !name.isEmpty, name.utf8.count < 1 << 16, !parts.contains(""), !parts.contains(".."),
            !names.contains(name)
        else { throw .badName(name) }
        let size = files.count + directory.count + content.count + 2 * name.utf8.count + 128
        guard size < Self.limit, names.count < Int(UInt16.max) else { throw .tooLarge }
        names.insert(name)
        let offset = UInt32(files.count)
        var common: [UInt8] = []
        Self.put(&common, Self.version)
        Self.put(&common, Self.flags)
        Self.put(&common, UInt16(0))
        Self.put(&common, date.time)
        Self.put(&common, date.day)
        Self.put(&common, Self.checksum(content))
        Self.put(&common, UInt32(content.count))
        Self.put(&common, UInt32(content.count))
        Self.put(&common, UInt16(name.utf8.count))
        Self.put(&common, UInt16(0))
        Self.put(&files, 0x0403_4b50 as UInt32)
        files += common
        files += Array(name.utf8)
        files += content
        Self.put(&directory, 0x0201_4b50 as UInt32)
        Self.put(&directory, Self.unix | Self.version)
        directory += common
        Self.put(&directory, UInt16(0))
        Self.put(&directory, UInt16(0))
        Self.put(&directory, UInt16(0))
        Self.put(&directory, Self.attributes)
        Self.put(&directory, offset)
        directory += Array(name.utf8)
    }

    /// The archive as it goes into a file.
    package var bytes: [UInt8] {
        var end: [UInt8] = []
        Self.put(&end, 0x0605_4b50 as UInt32)
        Self.put(&end, UInt16(0))
        Self.put(&end, UInt16(0))
        Self.put(&end, UInt16(names.count))
        Self.put(&end, UInt16(names.count))
        Self.put(&end, UInt32(directory.count))
        Self.put(&end, UInt32(files.count))
        Self.put(&end, UInt16(0))
        return files + directory + end
    }

    private static func put(_ bytes: inout [UInt8], _ value: some FixedWidthInteger & UnsignedInteger) {
        var rest = UInt64(value)
        for _ in 0..<value.bitWidth / 8 {
            bytes.append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }

    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1 }
    }

    /// CRC-32 (ISO 3309).
    static func checksum(_ content: [UInt8]) -> UInt32 {
        var value = UInt32.max
        for byte in content { value = table[Int((value ^ UInt32(byte)) & 0xFF)] ^ (value >> 8) }
        return ~value
    }
}
