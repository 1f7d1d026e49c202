/// Why bytes are not a message.
///
/// The raw value is the name used in `proto-spec/vectors.json`.
package enum WireError: String, Error, Sendable, Hashable, CaseIterable {
    /// The bytes end within a tag, a length or a value.
    case truncated
    /// A varint has more than 64 bits.
    case varintTooLarge
    /// A varint has more bytes than its value needs.
    case varintNotMinimal
    /// A tag is 0 or has more than 32 bits.
    case badTag
    /// A tag is lower than the one before it.
    case tagsOutOfOrder
    /// A singular field is there twice.
    case repeatedField
    /// A scalar does not fill its field.
    case badLength
    /// A number is too large for its field, or a bool is neither 0 nor 1.
    case outOfRange
    /// A string is not UTF-8.
    case badUTF8
    /// The keys of a map do not ascend by their bytes.
    case mapKeysOutOfOrder
    /// A choice has more than one field.
    case severalChoices
    /// Messages are nested deeper than ``WireLimits/maximumDepth``.
    case tooDeep
    /// The message is longer than ``WireLimits/maximumMessageLength``.
    case tooLarge
}
