import Glibc

/// Names as the system's resolver knows them.
package enum HostName {
    /// The addresses of a name, the preferred one first; none where it is not known.
    ///
    /// Blocks.
    package static func addresses(of name: String) -> [InternetAddress] {
        var hints = addrinfo()
        hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(name, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var addresses: [InternetAddress] = []
        var next = list
        while let entry = next?.pointee {
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let size = socklen_t(text.count)
            if getnameinfo(entry.ai_addr, entry.ai_addrlen, &text, size, nil, 0, NI_NUMERICHOST) == 0 {
                let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
                if let address = InternetAddress(String(decoding: bytes, as: UTF8.self)) { addresses.append(address) }
            }
            next = entry.ai_next
        }
        return addresses
    }
}
