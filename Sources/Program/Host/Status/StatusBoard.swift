import Glibc
import Kernel
import Logging
package import Message
import Synchronization

/// The state of a component, gathered from its parts when somebody looks.
///
/// Parts keep their own counts where they are cheap, on their event loop or in their actor, and are asked for them a few
/// times a second while there is a watcher; without one, nothing is done. To show more, `add` a part in one line.
package final class StatusBoard: Sendable {
    /// What a part of the component has to say to a viewer: rows and counters, or a changed `component`.
    package typealias Part = @Sendable (StatusViewer, inout StatusReport) async -> Void

    private let component: ComponentStatus
    private let logs: LogStore
    private let parts = Mutex<[Part]>([])

    /// Makes a board for this process.
    ///
    /// - Parameters:
    ///   - kind: what it is, such as `traffic-manager`.
    ///   - name: the pod or workstation.
    ///   - logs: where its warnings are.
    package init(kind: String, name: String, logs: LogStore = .shared) {
        self.logs = logs
        component = ComponentStatus(
            kind: kind,
            name: name,
            version: ProductVersion.text,
            pid: UInt32(bitPattern: getpid()),
            started: WallClock.milliseconds,
            state: "serving"
        )
    }

    /// Shows what `part` says, too.
    package func add(_ part: @escaping Part) {
        parts.withLock { $0.append(part) }
    }

    /// The state now, as a snapshot.
    package func sample(for viewer: StatusViewer) async -> StatusReport {
        var report = StatusReport(full: true, component: component)
        report.component?.logLevel = logs.currentLevel.rawValue
        if viewer.seesAll { report.errors = logs.notes }
        for part in parts.withLock({ $0 }) { await part(viewer, &report) }
        return report
    }
}
