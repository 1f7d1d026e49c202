/// An enumeration on the wire: an unsigned varint whose value 0 means not said.
package protocol WireEnumeration: Sendable, Hashable, CaseIterable, RawRepresentable where RawValue == UInt64 {
    /// Not said, or a value of a later version.
    static var unknown: Self { get }
}
