package import Glibc

/// An address with a port.
package struct InternetEndpoint: Hashable, Sendable, CustomStringConvertible {
    package let address: InternetAddress
    package let port: UInt16

    package init(_ address: InternetAddress, port: UInt16) {
        self.address = address
        self.port = port
    }

    /// From `10.0.0.1:80` or `[fd00::1]:80`.
    package init?(_ text: some StringProtocol) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = text[..<colon]
        if host.first == "[", host.last == "]" {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard let address = InternetAddress(host) else { return nil }
        self.init(address, port: port)
    }

    package var description: String {
        address.family == .v4 ? "\(address):\(port)" : "[\(address)]:\(port)"
    }

    /// Calls the body with the C form of the endpoint.
    package func withSocketAddress<Value>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Value) -> Value {
        var storage = sockaddr_storage()
        let length: Int
        switch address.family {
        case .v4: length = MemoryLayout<sockaddr_in>.size
        case .v6: length = MemoryLayout<sockaddr_in6>.size
        }
        withUnsafeMutableBytes(of: &storage) { raw in
            let family = sa_family_t(address.family == .v4 ? AF_INET : AF_INET6)
            raw.storeBytes(of: family, as: sa_family_t.self)
            raw.storeBytes(of: port.bigEndian, toByteOffset: 2, as: UInt16.self)
            switch address.family {
            case .v4:
                let value = UInt32(truncatingIfNeeded: address.low).bigEndian
                raw.storeBytes(of: value, toByteOffset: 4, as: UInt32.self)
            case .v6:
                raw.storeBytes(of: address.high.bigEndian, toByteOffset: 8, as: UInt64.self)
                raw.storeBytes(of: address.low.bigEndian, toByteOffset: 16, as: UInt64.self)
            }
        }
        return withUnsafePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(length)) }
        }
    }

    /// Reads the C form; nil when it is of another family or too short.
    package init?(_ storage: UnsafePointer<sockaddr_storage>, length: socklen_t) {
        let raw = UnsafeRawPointer(storage)
        let family = CInt(raw.loadUnaligned(as: sa_family_t.self))
        let port = UInt16(bigEndian: raw.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
        if family == AF_INET, Int(length) >= MemoryLayout<sockaddr_in>.size {
            let value = UInt32(bigEndian: raw.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
            self.init(InternetAddress(v4: value), port: port)
        } else if family == AF_INET6, Int(length) >= MemoryLayout<sockaddr_in6>.size - 4 {
            let high = UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            let low = UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
            self.init(InternetAddress(v6High: high, low: low), port: port)
        } else {
            return nil
        }
    }
}
