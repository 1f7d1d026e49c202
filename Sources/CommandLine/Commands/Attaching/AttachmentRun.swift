import ArgumentParser
import Kernel
import Message
import Synchronization

/// What all commands that attach do: ask for the attachment, hand its environment out, run the handler, end it.
struct AttachmentRun {
    let global: GlobalOptions
    let environment: EnvironmentOptions
    /// Whether and where its volumes are mounted.
    let mount: MountArgument
    /// The local ports that lead to the pod.
    var toPod: [PortSpec] = []
    /// What is run with the container's environment, and ends the attachment.
    ///
    /// Empty: the attachment stays.
    let command: [String]

    /// Makes the attachment that `spec` asks for and uses it.
    ///
    /// - Throws: `CommandError`, with nothing of the attachment left; `ExitCode` with the handler's status.
    func run(_ terminal: Terminal, _ spec: AttachmentSpec) async throws {
        try environment.check()
        let root = try mount == .none ? "" : ClientConfiguration.load().mountsRoot
        let client = try await DaemonClient.connected(paths: StatePaths(), name: global.use)
        let held = Interruption.hold()
        let attachment = try await Interruption().unless {
            // Where nobody uses the volumes at once, nobody waits for them.
            let isBeside = mount == .automatic && command.isEmpty && !environment.isWritten
            return try await client.attach(
                spec,
                mount: mount,
                toPod: toPod,
                mountsRoot: root,
                mountBeside: isBeside,
                notice: { terminal.note("note: \($0)") },
                progress: { terminal.progress($0) }
            )
        } then: {
            try? await client.leave(name: spec.name, namespace: spec.namespace)
        }
        terminal.clear()
        if !attachment.mountError.isEmpty {
            let what = attachment.mountPoint.isEmpty ? "the volumes are not mounted" : "not all volumes are there"
            terminal.note("warning: \(what): \(attachment.mountError)")
        }
        try await use(attachment, client, terminal, held)
    }

    /// Says at the end of a wiretap what it has not got.
    private func tellLosses(of attachment: Attachment, _ client: DaemonClient, _ terminal: Terminal) async {
        guard attachment.spec.kind == .wiretap, global.format == .default else { return }
        guard let now = try? await client.status().attachments.first(where: { $0.id == attachment.id }) else { return }
        if now.dropped > 0, let tally = AttachmentOutput(now).tally { terminal.note("Copied \(tally)") }
    }

    private func use(
        _ attachment: Attachment,
        _ client: DaemonClient,
        _ terminal: Terminal,
        _ held: Signals
    ) async throws {
        let (name, namespace) = (attachment.spec.name, attachment.spec.namespace)
        do {
            let ended = Mutex<String?>(nil)
            // Not given up with the command: were the attachment not left below, however we end, it would end with this call.
            // Before all else, for it is nobody's until then.
            let (reasons, feed) = AsyncStream.makeStream(of: String.self)
            if !command.isEmpty {
                Task {
                    if let reason = try? await client.end(of: attachment.id) { feed.yield(reason) }
                    feed.finish()
                }
            }
            let variables = AttachmentEnvironment.variables(
                of: attachment,
                root: attachment.mountPoint.isEmpty ? nil : attachment.mountPoint,
                mounts: attachment.mounts
            )
            try environment.write(variables)
            if command.isEmpty {
                let output = AttachmentOutput(attachment, toPod: toPod)
                terminal.result(global.format.isStructured ? try global.format.encode(output) : output.text)
                await client.close()
                return
            }
            if global.format == .default { terminal.note(AttachmentOutput(attachment, toPod: toPod).text) }
            let info = try await client.status().connection
            let status = try await ProgramRunner(info: info ?? ConnectionInfo()).run(command, environment: variables) {
                for await reason in reasons { return ended.withLock { $0 = reason } }
            }
            Interruption.release(held)
            if let reason = ended.withLock({ $0 }) {
                throw Ended(kind: "\(attachment.spec.kind)", name: name, reason: reason, command: command[0])
            }
            await tellLosses(of: attachment, client, terminal)
            try await client.leave(name: name, namespace: namespace)
            await client.close()
            if status != 0 { throw ExitCode(status) }
        } catch let code as ExitCode {
            throw code
        } catch let ended as Ended {
            // There is nothing to be left; another may go by the name by now.
            throw CommandError("\(ended)")
        } catch {
            // Nothing half done: an attachment that nobody uses would only take requests away.
            try? await client.leave(name: name, namespace: namespace)
            throw error
        }
    }
}

/// The attachment ended before its command did.
private struct Ended: Error, CustomStringConvertible {
    let kind: String
    let name: String
    let reason: String
    let command: String

    var description: String { "the \(kind) \(name) \(reason); \(command) was ended, too" }
}
