import Actor

/// A request's head that lies in memory.
struct MemoryHead: RequestHead {
    let bytes: [UInt8]
    let headers: [(name: String, value: String)]

    init(_ path: String, _ headers: [(name: String, value: String)] = []) {
        bytes = Array(path.utf8)
        self.headers = headers
    }

    /// Leaks what it points to: for tests only.
    var path: UnsafeRawBufferPointer {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        copy.copyBytes(from: bytes)
        return UnsafeRawBufferPointer(copy)
    }

    func contains(name: [UInt8], value: [UInt8]) -> Bool {
        headers.contains { Array($0.name.utf8) == name && Array($0.value.utf8) == value }
    }
}
