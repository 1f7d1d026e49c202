import Cluster
import Foundation
import HTTP2
import NIOCore
import NIOHTTP1
import NIOPosix
import TLS

/// A webhook that adds a container to every pod, as the Service `hook.default.svc`.
final class TestWebhook: Sendable {
    let port: Int
    private let channel: any Channel

    private init(_ channel: any Channel) {
        self.channel = channel
        self.port = channel.localAddress?.port ?? 0
    }

    static func start(authority: CertificateAuthority) async throws -> TestWebhook {
        let identity = try authority.issue(commonName: "hook", dnsNames: ["hook.default.svc"])
        let tls = try TLSContext.server(identity: identity, clientTrust: nil, requireClientCertificate: false, alpn: [])
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(TLSHandler(context: tls, role: .server))
                    try pipeline.configureHTTPServerPipeline()
                    try pipeline.addHandler(Answer())
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return TestWebhook(channel)
    }

    func close() async { try? await self.channel.close().get() }

    private final class Answer: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private var body: [UInt8] = []

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch self.unwrapInboundIn(data) {
            case .head: self.body = []
            case .body(let buffer): self.body += buffer.readableBytesView
            case .end:
                let review = (try? JSONValue.parse(self.body)) ?? .null
                let patch: JSONValue = [
                    ["op": "add", "path": "/spec/containers/-", "value": ["name": "agent", "image": "agent:1"]]
                ]
                let answer: JSONValue = [
                    "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
                    "response": [
                        "uid": review.at("request", "uid") ?? .null, "allowed": true, "patchType": "JSONPatch",
                        "patch": .string(Data(patch.serialized()).base64EncodedString()),
                    ],
                ]
                let bytes = answer.serialized()
                let head = HTTPResponseHead(
                    version: .http1_1,
                    status: .ok,
                    headers: ["content-length": "\(bytes.count)"]
                )
                context.write(self.wrapOutboundOut(.head(head)), promise: nil)
                context.write(self.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: bytes)))), promise: nil)
                context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
            }
        }
    }
}
