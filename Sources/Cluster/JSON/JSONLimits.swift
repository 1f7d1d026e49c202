/// What a JSON text may cost: checked while reading, so that no input can exhaust stack or memory.
package struct JSONLimits: Sendable {
    /// How deep arrays and objects may nest.
    package var depth: Int
    /// How long the text may be, in bytes.
    package var size: Int

    package init(depth: Int = 128, size: Int = 64 << 20) {
        self.depth = depth
        self.size = size
    }
}
