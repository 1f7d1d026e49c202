/// What stands for container images on this machine: a name leads to a program.
package struct ImageTable: Sendable {
    /// What an image's name leads to.
    package struct Image: Sendable, Equatable {
        /// The command when the container names none.
        package var entrypoint: [String]
        /// The directory that the container finds programs in first; nil for none.
        package var directory: String?
        /// Directories that the container must see.
        package var shown: [String]

        /// Describes an image.
        package init(entrypoint: [String], directory: String? = nil, shown: [String] = []) {
            self.entrypoint = entrypoint
            self.directory = directory
            self.shown = shown
        }
    }

    private var images: [String: Image] = [:]

    /// An empty table.
    package init() {}

    /// Adds or replaces an image; a name without a tag stands for every tag.
    package mutating func add(_ name: String, _ image: Image) {
        self.images[Self.plain(name)] = image
    }

    /// Reads `NAME=PATH`: a file is the image's program, a directory holds its programs; nil when it is neither.
    package mutating func add(argument: String) -> Bool {
        guard let equals = argument.lastIndex(of: "=") else { return false }
        let path = String(argument[argument.index(after: equals)...])
        guard path.hasPrefix("/"), let kind = Files.kind(Files.resolve(path, in: "")) else { return false }
        let name = String(argument[..<equals])
        let isDirectory = kind & 0o170000 == 0o040000
        let directory = isDirectory ? path : String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
        self.add(name, Image(entrypoint: isDirectory ? [] : [path], directory: directory, shown: [directory]))
        return true
    }

    /// The image of a name as containers give it; nil when there is none.
    package func find(_ name: String) -> Image? {
        let plain = Self.plain(name)
        return self.images[plain] ?? self.images[Self.untagged(plain)]
    }

    /// The name without Docker Hub's registry and without a digest.
    private static func plain(_ name: String) -> String {
        var name = name[...]
        let hub = [
            "localhost/", "index.docker.io/library/", "index.docker.io/", "docker.io/library/", "docker.io/",
            "library/",
        ]
        for prefix in hub where name.hasPrefix(prefix) {
            name = name.dropFirst(prefix.count)
        }
        if let at = name.firstIndex(of: "@") { name = name[..<at] }
        return String(name)
    }

    private static func untagged(_ name: String) -> String {
        let start = name.lastIndex(of: "/") ?? name.startIndex
        guard let colon = name[start...].lastIndex(of: ":") else { return name }
        return String(name[..<colon])
    }
}
