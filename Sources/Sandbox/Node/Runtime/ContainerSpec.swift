import Cluster

/// All that the pod runtime needs to start one process: a container's first, or one beside it (`kubectl exec`).
package struct ContainerSpec: Sendable, Equatable {
    /// One volume, or a part of it, at a place in the container.
    package struct Mount: Sendable, Equatable {
        /// Name of a volume that was prepared before.
        package var volume: String
        /// Path within the volume; empty for all of it.
        package var subPath: String
        /// Where the container sees it.
        package var path: String
        package var readOnly: Bool

        /// Describes a mount.
        package init(volume: String, subPath: String = "", path: String, readOnly: Bool = false) {
            self.volume = volume
            self.subPath = subPath
            self.path = path
            self.readOnly = readOnly
        }
    }

    /// Names the process in events; unique in its pod.
    package var id: String
    /// Program and arguments; the program is looked up in the container's `PATH`.
    package var arguments: [String] = []
    /// The whole environment, `NAME=value`.
    package var environment: [String] = []
    package var workingDirectory = "/"
    package var user: UInt32 = 0
    package var group: UInt32 = 0
    package var groups: [UInt32] = []
    /// Capabilities by number, as bits.
    package var capabilities: UInt64 = 0
    package var noNewPrivileges = false
    package var readOnlyRoot = false
    package var mounts: [Mount] = []
    /// Files to write into the container's root, by path.
    package var files: [String: String] = [:]
    /// Directories of the machine that must be visible although they lie below `/tmp` or `/run`.
    package var shown: [String] = []
    /// Whether standard input is a terminal, to become the controlling one.
    package var terminal = false
    /// Which processes the container sees.
    package var processes = Processes.own

    /// Which processes a container sees.
    package enum Processes: Sendable, Equatable {
        /// Only its own.
        case own
        /// Those of the whole pod.
        case pod
        /// Those of another container, named by its run.
        case of(String)
    }

    /// A specification to be filled in.
    package init(id: String) {
        self.id = id
    }
}

// MARK: - As a message

extension ContainerSpec {
    var message: JSONValue {
        .object([
            "id": .string(self.id),
            "arguments": .array(self.arguments.map(JSONValue.string)),
            "environment": .array(self.environment.map(JSONValue.string)),
            "workingDirectory": .string(self.workingDirectory),
            "user": .integer(Int64(self.user)),
            "group": .integer(Int64(self.group)),
            "groups": .array(self.groups.map { .integer(Int64($0)) }),
            "capabilities": .integer(Int64(bitPattern: self.capabilities)),
            "noNewPrivileges": .bool(self.noNewPrivileges),
            "readOnlyRoot": .bool(self.readOnlyRoot),
            "mounts": .array(
                self.mounts.map {
                    [
                        "volume": .string($0.volume), "subPath": .string($0.subPath), "path": .string($0.path),
                        "readOnly": .bool($0.readOnly),
                    ]
                }
            ),
            "files": .object(self.files.mapValues(JSONValue.string)),
            "shown": .array(self.shown.map(JSONValue.string)),
            "terminal": .bool(self.terminal),
            "processes": self.processesMessage,
        ])
    }

    private var processesMessage: JSONValue {
        switch self.processes {
        case .own: "own"
        case .pod: "pod"
        case .of(let run): ["of": .string(run)]
        }
    }

    init(message: JSONValue) {
        self.init(id: message["id"]?.string ?? "")
        self.arguments = message["arguments"]?.stringArray ?? []
        self.environment = message["environment"]?.stringArray ?? []
        self.workingDirectory = message["workingDirectory"]?.string ?? "/"
        self.user = UInt32(clamping: message["user"]?.integer ?? 0)
        self.group = UInt32(clamping: message["group"]?.integer ?? 0)
        self.groups = (message["groups"]?.array ?? []).compactMap { $0.integer.map { UInt32(clamping: $0) } }
        self.capabilities = UInt64(bitPattern: message["capabilities"]?.integer ?? 0)
        self.noNewPrivileges = message["noNewPrivileges"]?.bool ?? false
        self.readOnlyRoot = message["readOnlyRoot"]?.bool ?? false
        self.mounts = (message["mounts"]?.array ?? []).map {
            Mount(
                volume: $0["volume"]?.string ?? "",
                subPath: $0["subPath"]?.string ?? "",
                path: $0["path"]?.string ?? "",
                readOnly: $0["readOnly"]?.bool ?? false
            )
        }
        self.files = message["files"]?.stringMap ?? [:]
        self.shown = message["shown"]?.stringArray ?? []
        self.terminal = message["terminal"]?.bool ?? false
        if let run = message.at("processes", "of")?.string {
            self.processes = .of(run)
        } else if message["processes"]?.string == "pod" {
            self.processes = .pod
        }
    }
}
