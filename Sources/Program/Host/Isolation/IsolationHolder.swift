import CKernel
import Glibc
import Kernel
import Network

/// The process that holds the namespaces of `connect --isolated`.
///
/// It makes a user, a network and a mount namespace of its own, puts a virtual interface with default routes and a
/// `resolv.conf` into them, hands the descriptors to the user daemon, and makes sockets inside for it. It ends when its
/// control socket closes, and with it goes everything, unless programs still run inside.
///
/// Needs no privilege. It must run while its process has one thread.
package enum IsolationHolder {
    /// The hidden sub-command.
    package static let command = "isolate-holder"

    /// Where the control socket is in the holder.
    static let controlNumber: CInt = 3

    /// Runs the holder on the inherited control socket; the result is the exit status.
    package static func main() -> Int32 {
        let control = Descriptor(controlNumber)
        // Ctrl-C in the user's terminal is not meant for the holder.
        _ = setsid()
        do {
            let parts = try makeNetwork()
            let hello = "ok \(getpid()) \(parts.tun.name)"
            try UnixSockets.send(
                Array(hello.utf8),
                descriptors: [parts.tun.descriptor] + parts.listeners,
                over: control
            )
            // The user daemon alone keeps the interface alive from here on.
            parts.tun.descriptor.close()
            for listener in parts.listeners { listener.close() }
            try serve(control)
            return 0
        } catch {
            let reason = "error \(IsolationError(error))"
            try? UnixSockets.send(Array(reason.utf8), descriptors: [], over: control)
            return 1
        }
    }

    private struct Parts {
        let tun: TunDevice
        let listeners: [Descriptor]
    }

    private static func makeNetwork() throws(SystemError) -> Parts {
        try enterNamespaces()
        let addresses = VirtualAddresses.standard
        let netlink = try RouteSocket()
        try netlink.setUp(try netlink.index(of: "lo"), true)
        let tun = try TunDevice.open("tel%d")
        let link = try netlink.index(of: tun.name)
        try netlink.setMTU(link, 1500)
        try netlink.setUp(link, true)
        try netlink.addAddress(link, addresses.ownV4, length: addresses.subnetV4.length)
        var listeners = [try Sockets.listenTCP(InternetEndpoint(addresses.ownV4, port: 0))]
        if let any = InternetPrefix(.anyV4, length: 0) {
            try netlink.add(NetworkRoute(to: any, link: link, source: addresses.ownV4))
        }
        do throws(SystemError) {
            try netlink.addAddress(link, addresses.ownV6, length: addresses.subnetV6.length)
            listeners.append(try Sockets.listenTCP(InternetEndpoint(addresses.ownV6, port: 0)))
            if let any = InternetPrefix(.anyV6, length: 0) { try netlink.add(NetworkRoute(to: any, link: link)) }
        } catch {
            // A kernel without IPv6 serves the rest all the same.
        }
        // Lets unprivileged programs ping; unimportant where it is refused.
        try? write("\(getegid()) \(getegid())", to: "/proc/sys/net/ipv4/ping_group_range")
        try ResolverMount.install(nameserver: addresses.resolverV4)
        return Parts(tun: tun, listeners: listeners)
    }

    private static func enterNamespaces() throws(SystemError) {
        let user = geteuid()
        let group = getegid()
        // CLONE_NEWUSER, CLONE_NEWNET | CLONE_NEWNS.
        let newUser: CInt = 0x1000_0000
        let others: CInt = 0x4000_0000 | 0x0002_0000
        // Root needs no user namespace, and would lose its rights over other users' files in one.
        if user != 0 || ck_unshare(others) != 0 {
            guard ck_unshare(newUser | others) == 0 else { throw .last("unshare", "namespaces") }
            // The developer stays who he is: files and processes keep their owners.
            try write("deny", to: "/proc/self/setgroups")
            try write("\(user) \(user) 1", to: "/proc/self/uid_map")
            try write("\(group) \(group) 1", to: "/proc/self/gid_map")
        }
        // MS_REC | MS_SLAVE: what the host mounts later is seen inside, never the other way round.
        guard mount(nil, "/", nil, 0x4000 | 1 << 19, nil) == 0 else { throw .last("separate", "mounts") }
    }

    /// Makes sockets for the user daemon until it closes the control socket.
    private static func serve(_ control: Descriptor) throws(SystemError) {
        while true {
            let request = try UnixSockets.receive(over: control, capacity: 1)
            guard let kind = request.bytes.first.flatMap(InsideSocket.init) else { return }
            let number = socket(kind.family, kind.type | CInt(SOCK_CLOEXEC.rawValue), 0)
            if number < 0 {
                try UnixSockets.send([UInt8(truncatingIfNeeded: errno)], descriptors: [], over: control)
            } else {
                try UnixSockets.send([0], descriptors: [Descriptor(number)], over: control)
            }
        }
    }

    private static func write(_ text: String, to path: String) throws(SystemError) {
        let file = try Descriptor.open(path, flags: O_WRONLY)
        let bytes = Array(text.utf8)
        guard Glibc.write(file.rawValue, bytes, bytes.count) == bytes.count else { throw .last("write", path) }
    }
}
