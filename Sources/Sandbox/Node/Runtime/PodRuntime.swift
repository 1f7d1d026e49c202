import CSandbox
import Cluster
import Glibc

/// The process beside the sandbox that makes pods: the hidden sub-command `sandbox pod-runtime`.
///
/// It has one thread, so that it may fork. It lives in the node's network and mount namespaces, which it makes and which
/// vanish with it. It dies with the sandbox's main process, and every pod's first process dies with it, however
/// that comes about: nothing in the pods can outlive the sandbox.
package enum PodRuntime {
    /// The descriptor on which the control socket is handed to the new process.
    package static let controlDescriptor: CInt = 3

    /// Serves orders until the control socket closes.
    ///
    /// Returns the exit status. `parent` is the process that it must not outlive.
    package static func main(parent: Int32) -> CInt {
        csb_set_parent_death_signal(SIGKILL)
        // The parent may have gone before the signal was asked for.
        guard getppid() == parent else { return 1 }
        csb_set_name("sandbox-pods")
        csb_close_from(UInt32(self.controlDescriptor) + 1)
        _ = fcntl(self.controlDescriptor, F_SETFD, FD_CLOEXEC)
        setsid()
        do throws(RuntimeError) {
            try self.serve(ControlSocket(descriptor: self.controlDescriptor))
            return 0
        } catch {
            let text = [UInt8]("sandbox: pod runtime: \(error)\n".utf8)
            write(2, text, text.count)
            return 1
        }
    }

    private static func serve(_ control: ControlSocket) throws(RuntimeError) {
        try checked(csb_unshare(CSB_NEWNET | CSB_NEWNS | CSB_NEWIPC), "unshare (root is needed)")
        try ContainerRoot.mount(nil, "/", nil, 16384 | 1 << 18)
        // The view of the network in /sys and /proc is that of the namespace it was mounted in or is read from.
        for (name, value) in [
            ("net/ipv4/ip_forward", "1"), ("net/ipv4/conf/all/rp_filter", "0"),
            ("net/ipv4/conf/default/rp_filter", "0"), ("net/ipv4/conf/all/send_redirects", "0"),
            ("net/ipv4/conf/default/send_redirects", "0"),
        ] {
            self.setting(name, value)
        }
        let directory = ["/media", "/mnt", "/srv", "/opt"].first { Files.kind($0) == S_IFDIR }
        guard let directory else { throw RuntimeError("no directory to mount pods' files on", code: 0) }
        let network = try checked(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), "open the node's network")
        try control.send(["event": "ready"], descriptors: [network])
        let children = try checked(csb_signal_descriptor(SIGCHLD), "signalfd")
        while true {
            var entries = [
                pollfd(fd: control.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: children, events: Int16(POLLIN), revents: 0),
            ]
            if poll(&entries, 2, -1) < 0, errno != EINTR { throw RuntimeError("poll") }
            if entries[1].revents != 0 {
                var information = [UInt8](repeating: 0, count: 128)
                while read(children, &information, information.count) > 0 {}
                while waitpid(-1, nil, WNOHANG) > 0 {}
            }
            guard entries[0].revents != 0 else { continue }
            guard let (order, descriptors) = try control.receive() else { return }
            guard order["order"]?.string == "pod", let socket = descriptors.first else { continue }
            do throws(RuntimeError) {
                let space = try self.makePod(order, ControlSocket(descriptor: socket), network, directory)
                defer { close(space) }
                try control.send(["event": "made"], descriptors: [space])
            } catch {
                try control.send(["event": "failed", "message": .string(error.description)])
            }
            for descriptor in descriptors { close(descriptor) }
        }
    }

    /// Forks a pod's first process; returns its network namespace.
    private static func makePod(
        _ order: JSONValue,
        _ control: ControlSocket,
        _ node: CInt,
        _ directory: String
    ) throws(RuntimeError) -> CInt {
        let hostNetwork = order["hostNetwork"]?.bool ?? false
        let hostname = order["hostname"]?.string ?? "pod"
        let process = try ProcessSpace.fork(alsoNew: hostNetwork ? 0 : CSB_NEWNET)
        if process == 0 {
            do throws(RuntimeError) {
                csb_set_parent_death_signal(SIGKILL)
                setsid()
                try checked(csb_unshare(CSB_NEWNS | CSB_NEWUTS | CSB_NEWIPC), "unshare")
                if !hostNetwork {
                    self.setting("net/ipv4/ping_group_range", "0 2147483647")
                    self.setting("net/ipv4/ip_unprivileged_port_start", "0")
                }
                try PodInit.run(control: control, hostname: hostname, directory: directory)
                _exit(0)
            } catch {
                try? control.send(["event": "broken", "message": .string(error.description)])
                _exit(1)
            }
        }
        let space = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)
        let failure = RuntimeError("open the pod's network")
        if !hostNetwork { try checked(csb_setns(node, CSB_NEWNET), "return to the node's network") }
        guard space >= 0 else { throw failure }
        return space
    }

    private static func setting(_ name: String, _ value: String) {
        let file = open("/proc/sys/\(name)", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        _ = Glibc.write(file, value, value.utf8.count)
        close(file)
    }
}
