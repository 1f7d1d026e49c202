import Glibc
import Kernel

/// Makes programs of this mount namespace resolve names at one nameserver.
enum ResolverMount {
    /// Daemons that would be asked past `resolv.conf`: systemd-resolved by nss-resolve, nscd by the C library.
    private static let bypasses = ["/run/systemd/resolve", "/run/nscd", "/var/run/nscd"]

    /// Puts a `resolv.conf` over the present one, for this mount namespace alone.
    ///
    /// There is no search list: the resolver itself knows short names, so that each lookup is one query.
    static func install(nameserver: InternetAddress) throws(SystemError) {
        let text = "# Made by telepresence for this isolated network.\nnameserver \(nameserver)\noptions edns0\n"
        let file = try temporaryFile(text)
        defer { unlink(file) }
        let target = realpath("/etc/resolv.conf") ?? "/etc/resolv.conf"
        var hidden = Set<String>()
        for directory in bypasses {
            guard let real = realpath(directory), hidden.insert(real).inserted else { continue }
            try Mount.fileSystem("tmpfs", on: real, options: "size=64k,mode=755")
            guard target.hasPrefix(real + "/") else { continue }
            // The link in /etc leads here: give it something to lead to.
            try Descriptor.open(target, flags: O_WRONLY | O_CREAT, mode: 0o644).close()
        }
        try Mount.bind(file, on: target)
    }

    private static func temporaryFile(_ text: String) throws(SystemError) -> String {
        var template = Array("/tmp/telepresence-resolv-XXXXXX".utf8CString)
        let number = mkstemp(&template)
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard number >= 0 else { throw .last("make file", path) }
        let file = Descriptor(number)
        let bytes = Array(text.utf8)
        guard write(number, bytes, bytes.count) == bytes.count, fchmod(number, 0o644) == 0 else {
            throw .last("write", path)
        }
        withExtendedLifetime(file) {}
        return path
    }

    private static func realpath(_ path: String) -> String? {
        guard let found = Glibc.realpath(path, nil) else { return nil }
        defer { free(found) }
        return String(cString: found)
    }
}
