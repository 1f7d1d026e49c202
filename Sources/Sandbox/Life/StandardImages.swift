extension ImageTable {
    /// The images that every sandbox has: the product's programs beside the sandbox's own, and the sample app's.
    ///
    /// `binaries` is the directory of the sandbox's program, `scripts` that of the sample's programs, if it was found.
    package static func standard(binaries: String, scripts: String?) -> ImageTable {
        var table = ImageTable()
        let shown = [binaries] + self.libraries()
        for name in ["traffic", "telepresence", "sandbox"] {
            table.add(
                "telepresence/\(name)",
                Image(entrypoint: ["\(binaries)/\(name)"], directory: binaries, shown: shown)
            )
        }
        table.add(
            "sample/echo",
            Image(entrypoint: ["\(binaries)/sandbox", "sample-echo"], directory: binaries, shown: shown)
        )
        // The machine's own programs.
        table.add("sandbox/tools", Image(entrypoint: ["/bin/sh"]))
        self.addPublic(&table)
        // Real clusters pull it from Docker Hub; here the machine's own Python does.
        table.add("python", Image(entrypoint: ["/usr/bin/python3"]))
        guard let scripts else { return table }
        for name in ["frontend", "backend"] {
            table.add(
                "sample/\(name)",
                Image(
                    entrypoint: ["/usr/bin/env", "python3", "-S", "-E", "\(scripts)/sample-\(name)"],
                    directory: nil,
                    shown: [scripts]
                )
            )
        }
        return table
    }

    /// Images that any cluster can pull, by what this machine has of their programs.
    private static func addPublic(_ table: inout ImageTable) {
        for name in [
            "busybox", "alpine", "debian", "ubuntu", "bash", "nicolaka/netshoot",
            "registry.k8s.io/e2e-test-images/busybox",
        ] {
            table.add(name, Image(entrypoint: ["/bin/sh"]))
        }
        table.add("registry.k8s.io/pause", Image(entrypoint: ["/bin/sleep", "infinity"]))
        let programs: [(names: [String], program: String, arguments: [String])] = [
            (["python"], "python3", []), (["curlimages/curl", "quay.io/curl/curl"], "curl", []),
            (["nginx", "nginxinc/nginx-unprivileged"], "nginx", ["-g", "daemon off;"]),
            (["redis"], "redis-server", []),
            (["haproxy"], "haproxy", ["-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]),
            (["node"], "node", []), (["perl"], "perl", []),
        ]
        for (names, program, arguments) in programs {
            guard let path = self.find(program) else { continue }
            for name in names { table.add(name, Image(entrypoint: [path] + arguments)) }
        }
    }

    /// Where the machine keeps a program; nil when it has none of that name.
    private static func find(_ program: String) -> String? {
        ["/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"].map { "\($0)/\(program)" }
            .first { Files.kind(Files.resolve($0, in: "")) != nil }
    }

    /// Directories of the libraries that this program has loaded, which those beside it need as well.
    private static func libraries() -> [String] {
        guard let table = Files.read("/proc/self/maps") else { return [] }
        let paths = String(decoding: table, as: UTF8.self).split(separator: "\n").compactMap { line -> String? in
            guard let slash = line.firstIndex(of: "/"), line.contains("libswift"), let end = line.lastIndex(of: "/")
            else { return nil }
            return String(line[slash..<end])
        }
        return Array(Set(paths)).sorted()
    }

    /// The directory of the sample's programs: `scripts` in the tree that the sandbox was built from or started in.
    package static func findScripts(binaries: String, workingDirectory: String) -> String? {
        var candidates = ["\(workingDirectory)/scripts"]
        // .build/debug is a link into .build/PLATFORM/debug.
        var directory = binaries[...]
        for _ in 0..<5 {
            candidates.append("\(directory)/scripts")
            guard let slash = directory.lastIndex(of: "/") else { break }
            directory = directory[..<slash]
        }
        return candidates.first { Files.kind("\($0)/sample-backend") != nil }
    }
}
