import Cluster

/// Linux capabilities as bits, by the names that Kubernetes uses.
enum Capabilities {
    private static let names = [
        "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
        "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
        "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
        "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
        "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
        "CHECKPOINT_RESTORE",
    ]

    /// Every capability.
    static let all: UInt64 = (1 << UInt64(names.count)) - 1

    /// What container runtimes leave to a container.
    static let usual = bits([
        "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
        "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
    ])

    /// The bits of names, with or without `CAP_`; unknown names are nothing.
    static func bits(_ names: [String]) -> UInt64 {
        names.reduce(0) { bits, name in
            let plain = name.uppercased()
            if plain == "ALL" { return bits | self.all }
            let short = plain.hasPrefix("CAP_") ? String(plain.dropFirst(4)) : plain
            guard let index = self.names.firstIndex(of: short) else { return bits }
            return bits | 1 << UInt64(index)
        }
    }

    /// What a container has: the usual ones, less what it drops, and what it adds.
    static func of(_ security: JSONValue?) -> UInt64 {
        if security?["privileged"]?.bool == true { return self.all }
        let dropped = self.bits(security?.at("capabilities", "drop")?.stringArray ?? [])
        let added = self.bits(security?.at("capabilities", "add")?.stringArray ?? [])
        return self.usual & ~dropped | added
    }
}
