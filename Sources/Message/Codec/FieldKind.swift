/// How the bytes of a field are read.
package indirect enum FieldKind: Sendable, Hashable {
    /// Unsigned varint that fits into so many bits.
    case unsigned(bits: Int)
    /// Zigzag varint of 64 bits.
    case signed
    /// Varint 0 or 1.
    case bool
    /// IEEE-754 binary64, 8 bytes, big-endian.
    case double
    /// UTF-8.
    case string
    /// Any bytes.
    case bytes
    /// Unsigned varint with the values of the named enumeration.
    case enumeration(String)
    /// The named message; absent when all its fields are at their defaults.
    case message(String)
    /// Strings by strings: repeated `{1: key, 2: value}`, ascending by the bytes of the keys.
    case map
    /// May be absent, which is not the same as empty.
    case optional(FieldKind)
    /// Any number of fields with the same tag, one after another.
    case repeated(FieldKind)
}
