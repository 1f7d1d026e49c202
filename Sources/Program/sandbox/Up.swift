import ArgumentParser
import Glibc
import Sandbox

/// `sandbox up`.
struct Up: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Start a cluster and keep it until Ctrl-C (root only).",
        discussion: """
            Pods are processes in namespaces of their own; this machine's network has no route to them, only to the API \
            server. Images are programs of this machine: telepresence/traffic, sample/frontend, sample/backend, sample/echo, \
            sandbox/tools, and those given with --image.
            """
    )

    @OptionGroup var state: StateOptions
    @Option(help: "Address on which the API server listens.")
    var address = "127.0.0.1"
    @Option(help: "Port on which the API server listens; 0 takes a free one.")
    var port: UInt16 = 0
    @Option(help: "Also write the administrator's kubeconfig there.")
    var kubeconfig: String?
    @Option(
        help: ArgumentHelp("A program, or a directory of programs, that stands for an image.", valueName: "name=path")
    )
    var image: [String] = []
    @Option(
        help: ArgumentHelp(
            "Address of this machine on which Services of type NodePort and LoadBalancer can be reached (TCP); their status "
                + "names it. Without it LoadBalancers stay pending.",
            valueName: "address"
        )
    )
    var publish: String?
    @Flag(help: "Go on in the background; end it with: sandbox down.")
    var detach = false
    @Flag(inversion: .prefixedNo, help: .hidden)
    var hints = true

    func run() async throws {
        guard geteuid() == 0 else { Exit.fail("sandbox up needs root, to make namespaces: run it with sudo") }
        let state = self.state.directory
        if self.detach { return try Detached.run(state) }
        var configuration = ClusterConfiguration(state: state.path, program: Paths.program)
        configuration.address = self.address
        configuration.port = self.port
        configuration.publish = self.publish
        configuration.images = ImageTable.standard(
            binaries: Paths.binaries,
            scripts: ImageTable.findScripts(binaries: Paths.binaries, workingDirectory: Paths.workingDirectory)
        )
        for image in self.image where !configuration.images.add(argument: image) {
            Exit.fail("--image \(image): expected NAME=PATH, with the absolute path of a file or directory that exists")
        }
        do throws(RuntimeError) {
            try state.open()
            let began = ContinuousClock.now
            let cluster = try await RunningCluster.start(configuration) { Self.say($0) }
            if let kubeconfig = self.kubeconfig { try state.copyKubeconfig(to: Paths.absolute(kubeconfig)) }
            let time = (ContinuousClock.now - began).components
            let milliseconds = time.seconds * 1000 + time.attoseconds / 1_000_000_000_000_000
            Self.say("Ready in \(milliseconds) ms")
            if self.hints { Self.hint(self.kubeconfig.map(Paths.absolute) ?? state.kubeconfig) }
            let number = await Self.waitForSignal(state, cluster)
            Self.say("Stopping")
            cluster.stop()
            state.remove()
            if let kubeconfig = self.kubeconfig { unlink(Paths.absolute(kubeconfig)) }
            Exit.now(number == SIGINT ? 130 : 0)
        } catch {
            if state.runningProcess == getpid() { state.remove() }
            Exit.fail(error.description)
        }
    }

    private static func waitForSignal(_ state: StateDirectory, _ cluster: RunningCluster) async -> Int32 {
        let control = FaultControl(state)
        return await withCheckedContinuation { continuation in
            Signals.onEnd(again: { Self.obey(control, cluster) }) { continuation.resume(returning: $0) }
        }
    }

    private static func obey(_ control: FaultControl, _ cluster: RunningCluster) {
        Task {
            guard let order = control.left, order.number != control.present.number else { return }
            await cluster.obey(order)
            control.acknowledge(order)
        }
    }

    private static func say(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        _ = write(1, bytes, bytes.count)
    }

    private static func hint(_ kubeconfig: String) {
        self.say(
            """

            Try next:
              export KUBECONFIG=\(kubeconfig)
              kubectl get nodes
              kubectl apply -f k8s/sample/app.yaml
              kubectl get pods --watch
            End it with Ctrl-C or: sandbox down
            """
        )
    }
}
