import Kernel

/// Loopback, taken for a cluster's subnet.
enum TestPrefixes {
    static let loopback = ["127.0.0.0/8", "::1/128"].compactMap { InternetPrefix($0) }
    static let address = Set(["127.0.0.1"].compactMap { InternetAddress($0) })
}
