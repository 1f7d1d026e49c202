import CSandbox
import Cluster
import Glibc

/// The first process of a pod: what a container runtime's shim and pause process are together.
///
/// It is process 1 of the pod's process namespace, so its end is the end of every process in the pod. It takes orders from
/// the kubelet over a control socket and reports what ends. One thread; it forks containers without exec'ing itself anew, so that
/// a container starts within milliseconds.
///
/// Orders: `volume` (prepare or refresh one), `start` (a container; three descriptors come along), `exec` (a process in a
/// running container; likewise), `signal`. Events: `started`, `failed`, `exited`.
struct PodInit {
    private let control: ControlSocket
    private let pod: String
    private var volumes: PodVolumes
    /// Identifiers of running processes by process id, and the reverse.
    private var running: [pid_t: String] = [:]
    private var processes: [String: pid_t] = [:]

    private init(control: ControlSocket, pod: String) {
        self.control = control
        self.pod = pod
        self.volumes = PodVolumes(directory: pod)
    }

    /// Runs until the control socket closes.
    ///
    /// `hostname` is the pod's; `directory` where its file system may be mounted.
    static func run(control: ControlSocket, hostname: String, directory: String) throws(RuntimeError) {
        csb_set_name("pod-init")
        try checked(sethostname(hostname, hostname.utf8.count), "sethostname")
        try ContainerRoot.mount("tmpfs", directory, "tmpfs", 2 | 4, "mode=755")
        let children = try checked(csb_signal_descriptor(SIGCHLD), "signalfd")
        var pod = PodInit(control: control, pod: directory)
        while true {
            var entries = [
                pollfd(fd: control.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: children, events: Int16(POLLIN), revents: 0),
            ]
            if poll(&entries, 2, -1) < 0 {
                if errno == EINTR { continue }
                throw RuntimeError("poll")
            }
            if entries[1].revents != 0 {
                var information = [UInt8](repeating: 0, count: 128)
                while read(children, &information, information.count) > 0 {}
                try pod.reap()
            }
            if entries[0].revents != 0 {
                guard let (order, descriptors) = try control.receive() else { return }
                try pod.obey(order, descriptors)
                for descriptor in descriptors { close(descriptor) }
            }
        }
    }

    private mutating func reap() throws(RuntimeError) {
        while true {
            var status: CInt = 0
            let process = waitpid(-1, &status, WNOHANG)
            guard process > 0 else { return }
            guard let id = self.running.removeValue(forKey: process) else { continue }
            if self.processes[id] == process { self.processes[id] = nil }
            try self.control.send([
                "event": "exited", "id": .string(id), "code": .integer(Int64(csb_exit_status(status))),
                "signal": .integer(Int64(csb_term_signal(status))),
            ])
        }
    }

    private mutating func obey(_ order: JSONValue, _ descriptors: [CInt]) throws(RuntimeError) {
        let id = order["id"]?.string ?? ""
        do throws(RuntimeError) {
            switch order["order"]?.string {
            case "volume":
                try self.volumes.prepare(
                    order["name"]?.string ?? "",
                    VolumeSpec(message: order),
                    group: order["group"]?.integer.map { UInt32(clamping: $0) }
                )
                return
            case "start":
                let spec = ContainerSpec(message: order)
                let volumes = self.volumes
                let pod = self.pod
                let space = try self.space(of: spec)
                defer { if let space { close(space) } }
                try self.launch(spec, descriptors, newProcessSpace: space, ownMounts: true) { () throws(RuntimeError) in
                    try ContainerRoot(pod: pod, spec: spec, volumes: volumes).enter()
                }
            case "exec":
                guard let container = self.processes[order["container"]?.string ?? ""] else {
                    throw RuntimeError("container not found (it is not running)", code: 0)
                }
                let space = try checked(csb_pidfd_open(container), "pidfd_open")
                defer { close(space) }
                try self.launch(ContainerSpec(message: order), descriptors, newProcessSpace: space, ownMounts: false) {
                    () throws(RuntimeError) in
                    try checked(csb_setns(space, CSB_NEWNS), "enter the container's file system")
                    chdir("/")
                }
            case "signal":
                if let process = self.processes[id] { kill(process, CInt(order["signal"]?.int ?? 15)) }
                return
            default: return
            }
        } catch {
            try self.control.send(["event": "failed", "id": .string(id), "message": .string(error.description)])
            return
        }
        try self.control.send(["event": "started", "id": .string(id)])
    }

    /// The processes that a container joins; nil for new ones of its own.
    private func space(of spec: ContainerSpec) throws(RuntimeError) -> CInt? {
        switch spec.processes {
        case .own: return nil
        case .pod: return try checked(csb_pidfd_open(getpid()), "pidfd_open")
        case .of(let run):
            guard let process = self.processes[run] else {
                throw RuntimeError("the target container is not running", code: 0)
            }
            return try checked(csb_pidfd_open(process), "pidfd_open")
        }
    }

    /// Forks a process into a new process namespace, or into that of the given one, and waits for its exec.
    private mutating func launch(
        _ spec: ContainerSpec,
        _ descriptors: [CInt],
        newProcessSpace: CInt?,
        ownMounts: Bool,
        _ prepare: () throws(RuntimeError) -> Void
    ) throws(RuntimeError) {
        guard descriptors.count == 3 else { throw RuntimeError("three descriptors are needed", code: 0) }
        var report: [CInt] = [-1, -1]
        try checked(pipe(&report), "pipe")
        _ = fcntl(report[0], F_SETFD, FD_CLOEXEC)
        _ = fcntl(report[1], F_SETFD, FD_CLOEXEC)
        defer { close(report[0]) }
        let process: pid_t
        do throws(RuntimeError) {
            process = try ProcessSpace.fork(into: newProcessSpace)
        } catch {
            close(report[1])
            throw error
        }
        if process == 0 {
            do throws(RuntimeError) {
                csb_set_parent_death_signal(SIGKILL)
                setsid()
                for (target, source) in descriptors.enumerated() { try checked(dup2(source, CInt(target)), "dup2") }
                if ownMounts { try checked(csb_unshare(CSB_NEWNS), "unshare the mounts") }
                try prepare()
                try ContainerProcess(spec: spec).become()
            } catch {
                let text = [UInt8](error.description.utf8)
                write(report[1], text, text.count)
            }
            _exit(128)
        }
        close(report[1])
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(report[0], &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            text.append(contentsOf: chunk[..<count])
        }
        if !text.isEmpty {
            // The reaper must not take it for a container that ran.
            waitpid(process, nil, 0)
            throw RuntimeError(String(decoding: text, as: UTF8.self), code: 0)
        }
        self.running[process] = spec.id
        self.processes[spec.id] = process
    }
}
