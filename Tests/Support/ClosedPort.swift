import Glibc
import Kernel
package import NIOCore
import NIOPosix

/// Listeners that are to be gone.
package enum ClosedPort {
    /// Closes a listener and waits until its port refuses connections.
    ///
    /// Closing alone does not do: a program that another test is just starting has all our descriptors until it runs, and
    /// takes connections with them that nobody will serve.
    package static func close(_ listener: any Channel) async {
        let endpoint = listener.localAddress.flatMap { address in
            address.ipAddress.flatMap(InternetAddress.init).map {
                InternetEndpoint($0, port: UInt16(address.port ?? 0))
            }
        }
        try? await listener.close()
        guard let endpoint else { return }
        _ = try? await NIOThreadPool.singleton.runIfActive {
            let deadline = ContinuousClock.now + .seconds(20)
            while ContinuousClock.now < deadline {
                do throws(SystemError) {
                    _ = try Sockets.connectTCP(endpoint, timeoutMilliseconds: 1000)
                } catch {
                    if error.code == ECONNREFUSED { return }
                }
                usleep(5000)
            }
        }
    }
}
