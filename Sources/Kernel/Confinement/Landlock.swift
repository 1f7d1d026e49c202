import CKernel
import Glibc

/// Takes rights over files from the calling thread and all that it executes, for good (Landlock, Linux 5.13).
///
/// What no rule allows can be neither read, written, listed, made, removed nor executed, whatever the file's mode says. What
/// the kernel does not know how to refuse stays allowed: on every kernel to look at a file's attributes and to change its mode,
/// owner and times; before version 3 to truncate by path.
package struct Landlock {
    /// What may be done below a path.
    package struct Rights: OptionSet, Sendable {
        package let rawValue: UInt64

        package init(rawValue: UInt64) {
            self.rawValue = rawValue
        }

        package static let execute = Rights(rawValue: 1 << 0)
        package static let write = Rights(rawValue: 1 << 1)
        package static let read = Rights(rawValue: 1 << 2)
        package static let list = Rights(rawValue: 1 << 3)
        /// All that a program does with files and directories of its own; making devices is no part of it.
        package static let change = Rights(
            // Write, remove directories and files, make directories, files, sockets, pipes and links, move, truncate.
            rawValue: 1 << 1 | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 12 | 1 << 13 | 1 << 14
        )

        /// Those that make sense for a file that is no directory: execute, write, read, truncate, ioctl.
        fileprivate static let ofFiles = Rights(rawValue: 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15)
    }

    /// A path, which must exist, and what is allowed below it.
    package struct Rule: Sendable {
        package var path: String
        package var rights: Rights

        package init(_ path: String, _ rights: Rights) {
            self.path = path
            self.rights = rights
        }
    }

    /// The version of the kernel's interface; 0 where the kernel has none, or has it switched off.
    package static var version: Int { max(0, Int(ck_landlock_version())) }

    /// Confines the calling thread to the rules.
    ///
    /// Descriptors that are open already keep their rights. Sets no-new-privileges. Also takes away, as far as the kernel
    /// can, to open TCP connections, and to signal or reach by abstract socket what is not confined alike.
    package static func confine(_ rules: [Rule]) throws(SystemError) {
        let version = version
        guard version > 0 else { throw SystemError("landlock", code: ENOSYS) }
        let known: UInt64 =
            switch version {
            case 1: (1 << 13) - 1
            case 2: (1 << 14) - 1
            case 3, 4: (1 << 15) - 1
            default: (1 << 16) - 1
            }
        let size = version >= 6 ? 24 : version >= 4 ? 16 : 8
        let ruleset = ck_landlock_create(known, version >= 4 ? 3 : 0, version >= 6 ? 3 : 0, size)
        guard ruleset >= 0 else { throw .last("landlock", "ruleset") }
        let owned = Descriptor(ruleset)
        defer { owned.close() }
        for rule in rules {
            // O_PATH: the right to name a place, no more.
            let place = try Descriptor.open(rule.path, flags: 0o10000000)
            defer { place.close() }
            var facts = stat()
            guard fstat(place.rawValue, &facts) == 0 else { throw .last("stat", rule.path) }
            var rights = rule.rights
            if facts.st_mode & S_IFMT != S_IFDIR { rights.formIntersection(.ofFiles) }
            guard ck_landlock_add_path(ruleset, place.rawValue, rights.rawValue & known) == 0 else {
                throw .last("landlock", rule.path)
            }
        }
        guard ck_no_new_privileges() == 0 else { throw .last("prctl", "no new privileges") }
        guard ck_landlock_restrict(ruleset) == 0 else { throw .last("landlock", "restrict") }
    }
}
