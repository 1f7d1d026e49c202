/// How much of a container's volumes is copied.
struct SyncLimits {
    /// The bytes of all volumes together.
    var total = 16 << 20
    /// The bytes of one file.
    var file = 1 << 20
    /// The files, directories and links of one volume.
    var entries = 4096

    /// A number of bytes, for people.
    static func words(_ bytes: Int) -> String {
        let (unit, name) = bytes >= 1 << 20 ? (1 << 20, "MiB") : (1 << 10, "KiB")
        let tenths = (bytes * 10 + unit - 1) / unit
        return tenths % 10 == 0 ? "\(tenths / 10) \(name)" : "\(tenths / 10).\(tenths % 10) \(name)"
    }
}
