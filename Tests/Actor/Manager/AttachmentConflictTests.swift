import Actor
import Logging
import Message
import TestSupport
import Testing

/// Asks the manager for every pair of attachments of one workload, in both orders.
///
/// What it must answer is stated here anew, from what the words mean rather than from how the code decides it: filters are
/// held against sample requests.
@Suite(.timeLimit(.minutes(5))) struct AttachmentConflictTests {
    /// What one person may ask for.
    private struct Wish: Sendable, CustomStringConvertible {
        var kind = AttachmentKind.intercept
        /// Name of the service's port.
        var port = "http"
        var headers: [String: String] = [:]
        var match = PathMatch.unknown
        var path = ""
        /// Of a replacement: without any of the container's ports.
        var portless = false

        /// The container that serves the port.
        var container: String { port == "side" ? "side" : "main" }

        var isGlobal: Bool { headers.isEmpty && match == .unknown }

        var description: String {
            let words = headers.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            return
                (["\(kind)", portless ? "no port of \(container)" : port] + words
                + (match == .unknown ? [] : ["\(match) \(path)"])).joined(separator: " ")
        }

        /// Everything that can be said of headers, as far as the wishes below name them.
        static let sampleHeaders: [[String: String]] = ["", "1", "2"].flatMap { a in
            ["", "1", "2"].map { b in ["a": a, "b": b].filter { !$0.value.isEmpty } }
        }
        static let samplePaths = ["/", "/x", "/x/", "/x/1", "/x/2", "/xy", "/y", "/y/1", "/z"]

        func takes(headers given: [String: String]) -> Bool { headers.allSatisfy { given[$0.key] == $0.value } }

        func takes(path given: String) -> Bool {
            switch match {
            case .unknown: true
            case .equal: given == path
            case .prefix: given.hasPrefix(path)
            // Nobody can say in advance what one takes.
            case .regex: true
            }
        }

        var spec: AttachmentSpec {
            let ports = kind == .ingest ? [] : [PortSpec(remote: port, localPort: 9999)]
            return AttachmentSpec(
                name: "web",
                kind: kind,
                workload: "web",
                // Without a port it has to be told.
                container: kind == .ingest ? "main" : "",
                ports: ports,
                headers: headers,
                path: path,
                pathMatch: match
            )
        }
    }

    /// What replacements are of is a container: their ports are those of the container, or none.
    private static let replacements: [Wish] = [
        Wish(kind: .replace), Wish(kind: .replace, portless: true), Wish(kind: .replace, port: "side"),
        Wish(kind: .replace, port: "side", portless: true),
    ]

    private static let filters: [Wish] = [
        Wish(), Wish(headers: ["a": "1"]), Wish(headers: ["a": "2"]), Wish(headers: ["b": "1"]),
        Wish(headers: ["a": "1", "b": "1"]), Wish(headers: ["a": "1"], match: .prefix, path: "/x"),
        Wish(headers: ["a": "1"], match: .equal, path: "/y"), Wish(headers: ["a": "1"], match: .regex, path: "^/z"),
        Wish(match: .equal, path: "/x/1"), Wish(match: .equal, path: "/y"), Wish(match: .prefix, path: "/x"),
        Wish(match: .prefix, path: "/x/"), Wish(match: .prefix, path: "/y"), Wish(match: .regex, path: "^/z"),
    ]

    private static var wishes: [Wish] {
        filters + [
            Wish(port: "side"), Wish(port: "side", headers: ["a": "1"]), Wish(port: "side", match: .prefix, path: "/x"),
            Wish(port: "datagrams"),
            Wish(kind: .wiretap), Wish(kind: .wiretap, port: "datagrams"), Wish(kind: .wiretap, port: "side"),
            Wish(kind: .ingest),
        ]
    }

    /// The rules, in words that a user would find in the docs.
    private static func cannotBeTogether(_ one: Wish, _ two: Wish) -> Bool {
        // A copy and an environment take nothing from anybody.
        for wish in [one, two] where wish.kind == .wiretap || wish.kind == .ingest { return false }
        // Nobody gets anything of a container that does not run.
        if one.kind == .replace || two.kind == .replace { return one.container == two.container }
        // A port is its number and its protocol.
        if one.port != two.port { return false }
        // Who wants every request leaves nobody any.
        if one.isGlobal || two.isGlobal { return true }
        // Headers come before paths: the two do not meet.
        if one.headers.isEmpty != two.headers.isEmpty { return false }
        // With headers they meet where all who satisfy the one satisfy the other too.
        let implies = { (a: Wish, b: Wish) in
            Wish.sampleHeaders.filter { a.takes(headers: $0) }.allSatisfy { b.takes(headers: $0) }
        }
        guard implies(one, two) || implies(two, one) else { return false }
        return Wish.samplePaths.contains { one.takes(path: $0) && two.takes(path: $0) }
    }

    /// A refusal says who holds what, where, for which requests, and what helps.
    private static func checkWords(_ text: String, _ held: Wish, _ asked: Wish) {
        func has(_ words: String) { #expect(text.contains(words), "\(held), then \(asked): \(text)") }
        has("ann@box as web")
        has("deployment web.default")
        has("telepresence revoke ann@box:web`")
        guard held.kind == .intercept, asked.kind == .intercept else {
            has("container \(held.container) of")
            if held.kind == .intercept { has("on port \(held.container == "side" ? 9090 : 8080)") }
            return #expect(!text.contains("--http-header"), "a filter does not help: \(text)")
        }
        guard held.port != "datagrams" else {
            has("port 8080/UDP of")
            return #expect(!text.contains("--http-header"), "a filter does not help: \(text)")
        }
        has("port \(held.container == "side" ? 9090 : 8080) of")
        for wish in [held, asked] {
            if wish.isGlobal { has("for all requests") }
            for (name, value) in wish.headers { has("\(name): \(value)") }
            if wish.match != .unknown { has(wish.path) }
        }
        has(held.isGlobal || asked.isGlobal ? "--http-header NAME=VALUE" : "another")
    }

    @Test("All pairs of kinds and filters, replacements too, in both orders, and what is said to those refused")
    func kinds() {
        let workload = WorkloadKey(kind: "Deployment", name: "web", namespace: "default")
        func attachment(_ wish: Wish, _ owner: String) -> Message.Attachment {
            var spec = wish.spec
            spec.container = wish.kind == .replace || wish.kind == .ingest ? wish.container : ""
            var ports: [ResolvedPort] = []
            if wish.port == "side" {
                ports = [ResolvedPort(container: "side", containerPort: 9090, protocol: .tcp)]
            } else {
                ports = [.tcp, .udp].map { ResolvedPort(container: "main", containerPort: 8080, protocol: $0) }
                if wish.kind != .replace { ports = [ports[wish.port == "datagrams" ? 1 : 0]] }
            }
            if wish.portless || wish.kind == .ingest { ports = [] }
            return Message.Attachment(id: owner, sessionID: owner, spec: spec, ports: ports, owner: "\(owner)@box")
        }
        let all = Self.wishes + Self.replacements
        var refused = 0
        for first in all {
            for second in all {
                var machine = AttachmentMachine()
                #expect(throws: Never.self) { try machine.add(attachment(first, "ann"), workload: workload) }
                var refusal: ManagerFailure?
                do throws(ManagerFailure) {
                    _ = try machine.add(attachment(second, "bob"), workload: workload)
                } catch {
                    refusal = error
                }
                #expect((refusal != nil) == Self.cannotBeTogether(first, second), "\(first), then \(second)")
                guard let refusal else { continue }
                refused += 1
                #expect(refusal.code == .conflict && machine.count == 1)
                Self.checkWords(refusal.message, first, second)
            }
        }
        #expect(refused > 150 && refused < all.count * all.count / 2)
    }

    @Test("To oneself is said what to leave, and nothing of administrators")
    func own() throws {
        var machine = AttachmentMachine()
        let workload = WorkloadKey(kind: "Deployment", name: "web", namespace: "default")
        let port = ResolvedPort(container: "main", containerPort: 8080, protocol: .tcp)
        func attachment(_ name: String) -> Message.Attachment {
            let spec = AttachmentSpec(name: name, kind: .intercept, workload: "web", headers: ["a": "1"])
            return Message.Attachment(id: name, sessionID: "ann", spec: spec, ports: [port], owner: "ann@box")
        }
        _ = try machine.add(attachment("one"), workload: workload)
        let refusal = #expect(throws: ManagerFailure.self) { try machine.add(attachment("two"), workload: workload) }
        let text = try #require(refusal).message
        #expect(text.contains("`telepresence leave one` first") && !text.contains("revoke"), "\(text)")
    }

    @Test("Where the administrator allows none that take everything, intercepts need a filter and nothing is replaced")
    func withoutGlobal() async throws {
        let cluster = MemoryCluster()
        await cluster.add("web", pods: ["p1"], hasAgent: true)
        let manager = TrafficManager(
            cluster: cluster,
            judge: OpenJudge(),
            version: "test",
            allowsGlobal: false,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        let agent = AgentHello(
            workloadKind: "Deployment",
            workloadName: "web",
            namespace: "default",
            podName: "p1",
            containers: [ContainerInfo(name: "main")],
            ports: [AgentPort(container: "main", containerPort: 8080, protocol: .tcp)]
        )
        _ = try await Peer(manager, Hello(kind: .agent, agent: agent))
        let hello = Hello(kind: .client, client: ClientHello(user: "ann", host: "box", namespace: "default"))
        let ann = try await Peer(manager, hello)
        for wish in [Wish(), Wish(kind: .replace)] {
            var spec = wish.spec
            if wish.kind == .replace { spec.ports = [] }
            await ann.say(.attachRequest(AttachRequest(requestID: "\(wish)", spec: spec)))
            let result = try await ann.result("\(wish)")
            #expect(result.code == ManagerFailure.Code.forbidden.rawValue, "\(wish): \(result.message)")
            for words in ["intercept.allowGlobalIntercepts", "--http-header", "of web"] {
                #expect(result.message.contains(words), "\(wish): \(result.message)")
            }
        }
        for wish in [
            Wish(headers: ["a": "1"]), Wish(match: .prefix, path: "/x"), Wish(kind: .wiretap), Wish(kind: .ingest),
        ] {
            var spec = wish.spec
            spec.name = "\(wish)"
            await ann.say(.attachRequest(AttachRequest(requestID: "\(wish)", spec: spec)))
            let result = try await ann.result("\(wish)")
            #expect(result.code == 0, "\(wish): \(result.message)")
        }
        // What was made while the setting was another does not come back.
        let port = ResolvedPort(container: "main", containerPort: 8080, protocol: .tcp)
        var former = Message.Attachment(id: "00000000000000aa", spec: Wish().spec, ports: [port])
        former.spec.namespace = "default"
        former.workloadKind = "Deployment"
        var back = hello
        back.client?.user = "bob"
        back.client?.attachments = [former]
        let bob = try await Peer(manager, back)
        try await bob.until { !$0.reasons.isEmpty }
        #expect(await bob.reasons.first?.contains("intercept.allowGlobalIntercepts") == true)
    }

    @Test(
        "A filter that cannot be followed is refused at once, naming what is wrong",
        arguments: [
            (AttachmentSpec(name: "web", kind: .intercept, path: "/a(", pathMatch: .regex), "at position 4"),
            (AttachmentSpec(name: "web", kind: .intercept, headers: ["A": "1"]), "\"A\""),
            (AttachmentSpec(name: "web", kind: .wiretap, headers: ["a": "1"]), "wiretap"),
            (AttachmentSpec(name: "web", kind: .replace, path: "/a", pathMatch: .equal), "replace"),
            (AttachmentSpec(name: "web", kind: .ingest, path: "/a", pathMatch: .prefix), "ingest"),
            (AttachmentSpec(name: "web", kind: .intercept, path: "a", pathMatch: .prefix), "begin with /"),
            (AttachmentSpec(name: "web", kind: .intercept, path: "/a\u{1B}", pathMatch: .regex), "control characters"),
            (AttachmentSpec(name: "web", kind: .intercept, metadata: ["a": "\u{9B}2J"]), "control characters"),
            (AttachmentSpec(name: "web", kind: .intercept, metadata: ["": "a"]), "no name"),
            (
                AttachmentSpec(name: "web", kind: .intercept, ports: [PortSpec(protocol: .udp)], headers: ["a": "1"]),
                "UDP"
            ),
        ] as [(AttachmentSpec, String)]
    )
    func refused(spec: AttachmentSpec, words: String) async throws {
        let manager = TrafficManager(
            cluster: MemoryCluster(),
            judge: OpenJudge(),
            version: "test",
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        let hello = Hello(kind: .client, client: ClientHello(user: "ann", host: "box", namespace: "default"))
        let ann = try await Peer(manager, hello)
        await ann.say(.attachRequest(AttachRequest(requestID: "r", spec: spec)))
        let result = try await ann.result("r")
        #expect(result.code == ManagerFailure.Code.invalid.rawValue && result.message.contains(words))
        #expect(await ann.phases == [])
    }

    @Test("The manager lets together what can be together, and nothing else: every pair, in both orders")
    func pairs() async throws {
        let cluster = MemoryCluster()
        await cluster.addWorkloadOfManyPorts()
        let manager = TrafficManager(
            cluster: cluster,
            judge: OpenJudge(),
            version: "test",
            timeouts: ManagerTimeouts(
                agentArrival: .seconds(60),
                confirmation: .seconds(60),
                propagation: .zero,
                retention: .seconds(60)
            ),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        let agent = AgentHello(
            workloadKind: "Deployment",
            workloadName: "web",
            namespace: "default",
            podName: "p1",
            podIP: "10.244.0.9",
            containers: [ContainerInfo(name: "main"), ContainerInfo(name: "side")],
            ports: [
                AgentPort(container: "main", containerPort: 8080, protocol: .tcp),
                AgentPort(container: "main", containerPort: 8080, protocol: .udp),
                AgentPort(container: "side", containerPort: 9090, protocol: .tcp),
            ]
        )
        _ = try await Peer(manager, Hello(kind: .agent, agent: agent))
        let people = ["ann", "bob"].map {
            Hello(kind: .client, client: ClientHello(user: $0, host: "box", namespace: "default"))
        }
        let ann = try await Peer(manager, people[0])
        let bob = try await Peer(manager, people[1])
        var refused = 0
        for (row, first) in Self.wishes.enumerated() {
            await ann.say(.attachRequest(AttachRequest(requestID: "a\(row)", spec: first.spec)))
            let held = try await ann.result("a\(row)")
            #expect(held.code == 0, "\(first): \(held.message)")
            for (column, second) in Self.wishes.enumerated() {
                let id = "b\(row).\(column)"
                await bob.say(.attachRequest(AttachRequest(requestID: id, spec: second.spec)))
                let result = try await bob.result(id)
                let clash = Self.cannotBeTogether(first, second)
                #expect(clash == Self.cannotBeTogether(second, first), "\(first) and \(second): not symmetric")
                #expect((result.code != 0) == clash, "\(first), then \(second): \(result.message)")
                if clash {
                    refused += 1
                    #expect(result.code == ManagerFailure.Code.conflict.rawValue)
                    Self.checkWords(result.message, first, second)
                } else if let attachment = result.attachment {
                    let end = DetachRequest(requestID: "d\(id)", attachmentID: attachment.id)
                    await bob.say(.detachRequest(end))
                    #expect(try await bob.result("d\(id)").code == 0)
                }
            }
            let end = DetachRequest(requestID: "e\(row)", attachmentID: held.attachment?.id ?? "")
            await ann.say(.detachRequest(end))
            #expect(try await ann.result("e\(row)").code == 0)
        }
        // The table is neither empty nor full.
        #expect(refused > 80 && refused < Self.wishes.count * Self.wishes.count / 2)
        #expect(await manager.attachmentCount == 0)
    }
}

extension MemoryCluster {
    /// Two containers, and one port number in two protocols.
    fileprivate func addWorkloadOfManyPorts() {
        let key = WorkloadKey(kind: "Deployment", name: "web", namespace: "default")
        let main: [WorkloadFacts.Port] = [
            .init(name: "http", number: 8080), .init(name: "dgram", number: 8080, transport: .udp),
        ]
        workloads.append(
            WorkloadFacts(
                key: key,
                labels: ["app": "web"],
                containers: [
                    .init(name: "main", ports: main),
                    .init(name: "side", ports: [.init(name: "side", number: 9090)]),
                ],
                replicas: 1,
                ready: 1,
                manner: .inPlace
            )
        )
        services.append(
            ServiceFacts(
                name: "web",
                selector: ["app": "web"],
                ports: [
                    .init(name: "http", number: 80, target: "http"),
                    .init(name: "datagrams", number: 80, transport: .udp, target: "dgram"),
                    .init(name: "side", number: 90, target: "side"),
                ]
            )
        )
        pods[key] = [PodFacts(name: "p1", ready: true, hasAgent: true)]
    }
}
