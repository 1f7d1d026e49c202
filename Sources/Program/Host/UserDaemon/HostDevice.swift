import Actor
import Kernel
import Logging
import Message
import NIOCore

/// The virtual interface of isolated mode: placeholder type until the holder lands.
final class HostDevice: WorkstationDevice {
    init(eventLoop: any EventLoop, logger: Logger) {}
    func open(
        _ request: ConnectRequest,
        facts: SessionFacts,
        routes: [InternetPrefix],
        lost: @escaping @Sendable (String) -> Void
    ) async throws(DaemonFailure) -> DeviceParts {
        throw DaemonFailure(.failed, "isolated")
    }
    func close() async {}
}
