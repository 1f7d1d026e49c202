/// Changes the endpoints of a TCP packet where it lies, and corrects its checksums.
enum PacketRewriter {
    /// Offset of the checksum in a TCP header.
    private static let checksumOffset = 16

    /// Puts the endpoints of `new` (of the same IP version) into the packet that `header` describes.
    ///
    /// With `partial` (VIRTIO_NET_HDR_F_NEEDS_CSUM) the checksum field holds the plain sum of the pseudo header: only the
    /// addresses are in it, and it is not complemented.
    @inline(__always)
    static func rewrite(
        _ base: UnsafeMutableRawPointer,
        _ header: borrowing PacketHeader,
        to new: FlowKey,
        partial: Bool
    ) {
        let old = header.key
        var delta: UInt64
        if old.version == 4 {
            let source = UInt32(truncatingIfNeeded: new.sourceLow).bigEndian
            let destination = UInt32(truncatingIfNeeded: new.destinationLow).bigEndian
            delta =
                4 &* 0xffff &+ Checksum.words(source) &+ Checksum.words(destination)
                &- Checksum.words(UInt32(truncatingIfNeeded: old.sourceLow).bigEndian)
                &- Checksum.words(UInt32(truncatingIfNeeded: old.destinationLow).bigEndian)
            base.storeBytes(of: source, toByteOffset: 12, as: UInt32.self)
            base.storeBytes(of: destination, toByteOffset: 16, as: UInt32.self)
            let checksum = base.loadUnaligned(fromByteOffset: 10, as: UInt16.self)
            base.storeBytes(of: ~Checksum.fold(UInt64(~checksum) &+ delta), toByteOffset: 10, as: UInt16.self)
        } else {
            let sourceHigh = new.sourceHigh.bigEndian
            let sourceLow = new.sourceLow.bigEndian
            let destinationHigh = new.destinationHigh.bigEndian
            let destinationLow = new.destinationLow.bigEndian
            delta =
                16 &* 0xffff &+ Checksum.words(sourceHigh) &+ Checksum.words(sourceLow)
                &+ Checksum.words(destinationHigh) &+ Checksum.words(destinationLow)
                &- Checksum.words(old.sourceHigh.bigEndian) &- Checksum.words(old.sourceLow.bigEndian)
                &- Checksum.words(old.destinationHigh.bigEndian) &- Checksum.words(old.destinationLow.bigEndian)
            base.storeBytes(of: sourceHigh, toByteOffset: 8, as: UInt64.self)
            base.storeBytes(of: sourceLow, toByteOffset: 16, as: UInt64.self)
            base.storeBytes(of: destinationHigh, toByteOffset: 24, as: UInt64.self)
            base.storeBytes(of: destinationLow, toByteOffset: 32, as: UInt64.self)
        }
        let transport = base.advanced(by: header.transportOffset)
        transport.storeBytes(of: new.ports.bigEndian, as: UInt32.self)
        let checksum = transport.loadUnaligned(fromByteOffset: checksumOffset, as: UInt16.self)
        if partial {
            transport.storeBytes(
                of: Checksum.fold(UInt64(checksum) &+ delta),
                toByteOffset: checksumOffset,
                as: UInt16.self
            )
        } else {
            delta =
                delta &+ 2 &* 0xffff &+ Checksum.words(new.ports.bigEndian) &- Checksum.words(old.ports.bigEndian)
            transport.storeBytes(
                of: ~Checksum.fold(UInt64(~checksum) &+ delta),
                toByteOffset: checksumOffset,
                as: UInt16.self
            )
        }
    }
}
