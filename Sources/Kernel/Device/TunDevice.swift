import CKernel
import Glibc

/// A TUN interface: packets with a `virtio_net_hdr` of 10 bytes in front, up to 64 KiB long, checksums left partial.
///
/// The interface lives as long as the descriptor, whoever holds it.
package struct TunDevice: Sendable {
    /// Bytes of the `virtio_net_hdr` before each packet.
    package static let headerLength = 10

    /// The open device.
    package let descriptor: Descriptor

    /// The interface's name, with the number that the kernel chose.
    package let name: String

    /// Whether UDP segmentation was granted (kernel 6.2 and later).
    package let segmentsUDP: Bool

    /// Makes an interface in the calling thread's network namespace.
    ///
    /// A name such as `tel%d` lets the kernel choose the number. Needs CAP_NET_ADMIN over the namespace.
    package static func open(_ pattern: String, path: String = "/dev/net/tun") throws(SystemError) -> TunDevice {
        let descriptor = try Descriptor.open(path, flags: O_RDWR)
        var request = [UInt8](repeating: 0, count: 40)
        let name = Array(pattern.utf8)
        guard !name.isEmpty, name.count < 16 else { throw SystemError("interface name", pattern, code: EINVAL) }
        request.replaceSubrange(0..<name.count, with: name)
        // IFF_TUN | IFF_NO_PI | IFF_VNET_HDR, a 16-bit number in host order.
        withUnsafeBytes(of: UInt16(0x5001)) { request.replaceSubrange(16..<18, with: $0) }
        guard ck_ioctl_pointer(descriptor.rawValue, 0x4004_54ca, &request) == 0 else {
            throw .last("make interface", pattern)
        }
        var size = CInt(headerLength)
        guard ck_ioctl_pointer(descriptor.rawValue, 0x4004_54d8, &size) == 0 else {
            throw .last("TUNSETVNETHDRSZ", pattern)
        }
        // Checksum, TSO4, TSO6, USO4, USO6; kernels before 6.2 know no USO.
        let segmentsUDP = ck_ioctl_value(descriptor.rawValue, 0x4004_54d0, 0x67) == 0
        if !segmentsUDP {
            guard ck_ioctl_value(descriptor.rawValue, 0x4004_54d0, 0x07) == 0 else {
                throw .last("TUNSETOFFLOAD", pattern)
            }
        }
        let chosen = String(decoding: request[0..<16].prefix { $0 != 0 }, as: UTF8.self)
        return TunDevice(descriptor: descriptor, name: chosen, segmentsUDP: segmentsUDP)
    }
}
