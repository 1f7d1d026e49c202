internal import COpenSSL

/// The bytes that pass between OpenSSL and a session: lent input, lent room for output, and what did not fit.
///
/// A BIO of its own rather than OpenSSL's memory BIO, which copies each byte once more and clears what it copied.
final class SessionBIO {
    /// What OpenSSL may read; lent for the time of one call.
    var input = UnsafeRawBufferPointer(start: nil, count: 0)
    /// Where OpenSSL's output goes; lent for the time of one call.
    var room = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    /// How much of `room` is filled.
    var filled = 0
    /// Output that found no room.
    var spill: [UInt8] = []

    /// Makes a BIO for `SSL_set_bio`, which then owns it; it must not outlive `self`.
    func makeBIO() -> OpaquePointer? {
        guard let method = Self.method, let bio = BIO_new(method) else { return nil }
        BIO_set_data(bio, Unmanaged.passUnretained(self).toOpaque())
        BIO_set_init(bio, 1)
        return bio
    }

    fileprivate func read(into target: UnsafeMutablePointer<CChar>, _ capacity: Int) -> Int {
        let count = min(capacity, self.input.count)
        guard count > 0 else { return 0 }
        UnsafeMutableRawPointer(target).copyMemory(from: self.input.baseAddress.unsafelyUnwrapped, byteCount: count)
        self.input = UnsafeRawBufferPointer(rebasing: self.input[count...])
        return count
    }

    fileprivate func write(_ bytes: UnsafeRawBufferPointer) {
        // Bytes keep their order: once something spilled, all that follows spills.
        if self.spill.isEmpty, bytes.count <= self.room.count - self.filled {
            UnsafeMutableRawBufferPointer(rebasing: self.room[self.filled...]).copyMemory(from: bytes)
            self.filled += bytes.count
        } else {
            self.spill.append(contentsOf: bytes)
        }
    }

    // Made once, never changed, never freed; OpenSSL only reads it.
    nonisolated(unsafe) private static let method: OpaquePointer? = {
        let method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "telepresence")
        BIO_meth_set_read(method) { bio, target, capacity in
            guard let bio, let target, let data = BIO_get_data(bio) else { return -1 }
            tp_BIO_clear_retry(bio)
            let count = Unmanaged<SessionBIO>.fromOpaque(data).takeUnretainedValue().read(into: target, Int(capacity))
            guard count == 0 else { return Int32(count) }
            tp_BIO_retry_read(bio)
            return -1
        }
        BIO_meth_set_write(method) { bio, source, count in
            guard let bio, let source, count > 0, let data = BIO_get_data(bio) else { return -1 }
            tp_BIO_clear_retry(bio)
            Unmanaged<SessionBIO>.fromOpaque(data).takeUnretainedValue()
                .write(UnsafeRawBufferPointer(start: source, count: Int(count)))
            return count
        }
        BIO_meth_set_ctrl(method) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
        return method
    }()
}
