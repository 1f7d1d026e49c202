/// What a decoder accepts at most.
package enum WireLimits {
    /// Bytes of one message: 4 MiB.
    package static let maximumMessageLength = 4 << 20
    /// Levels of messages within messages; the outermost is level 1, a map entry counts as a level.
    package static let maximumDepth = 16
}
