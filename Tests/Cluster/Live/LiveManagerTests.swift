import Cluster
import Foundation
import HTTP2
import Kubeconfig
import NIOCore
import NIOPosix
import TLS
import TestSupport
import Testing

/// Links to a traffic manager that is installed in the cluster that `TELEPRESENCE_TEST_KUBECONFIG` names.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["TELEPRESENCE_TEST_MANAGER"] != nil))
struct LiveManagerTests {
    @Test("links run through port-forwards, one after the other and at once") func links() async throws {
        let environment = ProcessInfo.processInfo.environment
        let access = try Kubeconfig.load(path: environment["TELEPRESENCE_TEST_KUBECONFIG"], environment: environment)
            .access()
        let connection = APIConnection(access: access)
        defer { connection.close() }
        let pods = try await connection.list(
            .pods,
            namespace: "ambassador",
            selection: APISelection(labels: "app=traffic-manager")
        )
        let pod = try #require(pods.items.map { PodView($0) }.first { $0.isReady })
        let published = try await connection.get(.configMaps, namespace: "ambassador", name: "traffic-manager")
        let authority = try #require(published.at("data", "ca.crt")?.string)
        let tls = try TLSContext.client(trust: .authorities(pem: Array(authority.utf8)), identity: nil, alpn: ["h2"])
        @Sendable func link() async throws {
            try await within(.seconds(10)) {
                let channel = try await PortForward.open(
                    access: access,
                    namespace: "ambassador",
                    pod: pod.name,
                    port: 8081,
                    on: MultiThreadedEventLoopGroup.singleton.next()
                )
                let link = try await Link.startTLS(
                    on: channel,
                    context: tls,
                    dialler: "traffic-manager.ambassador.svc"
                ).get()
                let answered = try await link.eventLoop.flatSubmit {
                    let promise = link.eventLoop.makePromise(of: Bool.self)
                    link.ping(timeout: .seconds(5)) { promise.succeed($0 != nil) }
                    return promise.futureResult
                }.get()
                #expect(answered)
                try await link.eventLoop.submit { link.close() }.get()
            }
        }
        for _ in 0..<20 { try await link() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<20 { group.addTask { try await link() } }
            try await group.waitForAll()
        }
    }
}
