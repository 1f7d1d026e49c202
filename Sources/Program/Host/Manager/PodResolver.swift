/// What a pod's `/etc/resolv.conf` says of the cluster.
package struct PodResolver: Sendable, Equatable {
    /// The first name server; empty if there is none.
    package let nameserver: String
    /// The cluster's domain, from the search list; `cluster.local` if it is not there.
    package let clusterDomain: String

    /// Reads the file's text.
    package init(_ text: String) {
        var nameserver = ""
        var domain = "cluster.local"
        for line in text.split(separator: "\n") {
            let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
            if words.first == "nameserver", words.count > 1, nameserver.isEmpty { nameserver = String(words[1]) }
            guard words.first == "search" else { continue }
            if let own = words.dropFirst().first(where: { $0.hasPrefix("svc.") && $0.count > 4 }) {
                domain = String(own.dropFirst(4))
                if domain.hasSuffix(".") { domain.removeLast() }
            }
        }
        self.nameserver = nameserver
        self.clusterDomain = domain
    }
}
