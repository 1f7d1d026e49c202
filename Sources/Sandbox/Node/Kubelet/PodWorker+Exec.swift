import Cluster
import Glibc
import Kernel

extension PodWorker {
    /// Runs a command in a container that runs.
    func exec(_ options: ExecOptions) async throws(StatusError) -> ExecSession {
        guard let sandbox, let record = self.containers.first(where: { $0.name == options.container }),
            let run = record.run, let image = self.node.images.find(record.image)
        else { throw .internalError("unable to exec: container not found (\"\(options.container)\")") }
        do {
            var spec = try self.plan(record.spec, image, "exec-\(Identifiers.suffix(length: 10))")
            spec.arguments = options.command
            spec.terminal = options.terminal
            if options.terminal, !spec.environment.contains(where: { $0.hasPrefix("TERM=") }) {
                spec.environment.append("TERM=xterm")
            }
            let ends = try ExecEnds(options)
            try await sandbox.start(spec, in: run, ends.process.map(\.rawValue))
            let id = spec.id
            var session = ends.session { .status(await sandbox.exit(of: id).status) }
            session.resize = ends.resize
            return session
        } catch {
            throw .internalError(
                "error executing command in container: failed to exec in container: failed to start exec: \(error)"
            )
        }
    }

    /// Joins the process of a container that runs: its output from now on, and its input if it has one.
    func attach(_ options: ExecOptions) async throws(StatusError) -> ExecSession {
        let index = self.containers.firstIndex { $0.name == options.container && $0.run != nil }
        guard let index, let log = self.containers[index].log, let run = self.containers[index].run else {
            throw .internalError("unable to attach: container not found (\"\(options.container)\")")
        }
        let input = options.input ? self.containers[index].input : nil
        do {
            let output = options.output ? try Descriptor.pipe() : nil
            let error = options.error ? try Descriptor.pipe() : nil
            let copy = try input?.duplicate()
            var session = ExecSession(exit: { [weak self] in
                while await self?.runs(run) == true { try? await Task.sleep(for: .milliseconds(20)) }
                return .status(0)
            })
            session.output = output?.reading.take()
            session.error = error?.reading.take()
            session.input = copy?.take()
            let terminal = self.containers[index].spec["tty"]?.bool ?? false
            if terminal, let near = self.containers[index].input {
                session.resize = { PseudoTerminal.resize(near, columns: $0, rows: $1) }
            }
            if self.containers[index].spec["stdinOnce"]?.bool == true, !terminal {
                session.inputEnded = { [weak self] in Task { await self?.endInput(run) } }
            }
            log.tap(output: output?.writing, error: error?.writing)
            return session
        } catch {
            throw .internalError("error attaching to container: \(error)")
        }
    }

    private func runs(_ run: String) -> Bool { self.containers.contains { $0.run == run } }

    private func endInput(_ run: String) {
        guard let index = self.containers.firstIndex(where: { $0.run == run }) else { return }
        self.containers[index].input = nil
    }
}
