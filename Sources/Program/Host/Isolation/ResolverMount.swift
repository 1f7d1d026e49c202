import Glibc
import Kernel

/// Makes programs of this mount namespace resolve names at one nameserver.
enum ResolverMount {
    /// Daemons that would be asked past `resolv.conf`: systemd-resolved by nss-resolve, nscd by the C library.
    private static let bypasses = ["/run/systemd/resolve", "/run/nscd", "/var/run/nscd"]

    /// Puts a `resolv.conf` over the present one, for this mount namespace alone.
    ///
    /// There is no search list: the resolver itself knows short names, so that each lookup is one query. The files live
    /// in a tmpfs that has no name, so nothing is left behind however the namespace ends.
    static func install(nameserver: InternetAddress) throws(SystemError) {
        let text = "# Made by telepresence for this isolated network.\nnameserver \(nameserver)\noptions edns0\n"
        let target = realpath("/etc/resolv.conf") ?? "/etc/resolv.conf"
        var files = [(target, text)]
        if let path = realpath("/etc/nsswitch.conf"), let plain = plainSwitch(SmallFile.text(path)) {
            files.append((path, plain))
        }
        var hidden = Set<String>()
        for directory in bypasses {
            guard let real = realpath(directory), hidden.insert(real).inserted else { continue }
            try Mount.fileSystem("tmpfs", on: real, options: "size=64k,mode=755")
            guard target.hasPrefix(real + "/") else { continue }
            // The link in /etc leads here: give it something to lead to.
            try SmallFile.create(target, text)
            files.removeFirst()
        }
        try cover(files)
    }

    /// Mounts files with the given texts over others.
    private static func cover(_ files: [(path: String, text: String)]) throws(SystemError) {
        guard !files.isEmpty else { return }
        // Any directory will do: it is covered for this moment and in this namespace only.
        let stage = ["/tmp", "/mnt", "/var/tmp", "/run"].first { candidate in
            realpath(candidate) == candidate && !files.contains { $0.path.hasPrefix(candidate + "/") }
        }
        guard let stage else { throw SystemError("find directory", "/tmp", code: ENOENT) }
        try Mount.fileSystem("tmpfs", on: stage, options: "size=256k,mode=755")
        defer { Mount.detach(stage) }
        for (index, file) in files.enumerated() {
            try SmallFile.create("\(stage)/\(index)", file.text)
            try Mount.bind("\(stage)/\(index)", on: file.path)
        }
    }

    /// A name service switch without modules that do not go by `resolv.conf`; nil when it has none of them.
    static func plainSwitch(_ text: String) -> String? {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard let index = lines.firstIndex(where: { $0.hasPrefix("hosts:") }) else { return nil }
        let words = lines[index].split(whereSeparator: \.isWhitespace)
        guard words.contains(where: { $0 == "resolve" || $0.hasPrefix("mdns") }) else { return nil }
        lines[index] = "hosts: files dns"
        return lines.joined(separator: "\n")
    }

    private static func realpath(_ path: String) -> String? {
        guard let found = Glibc.realpath(path, nil) else { return nil }
        defer { free(found) }
        return String(cString: found)
    }
}
