import Actor
import Cluster
import HTTP2
import Logging
import NIOCore
import TLS
import Tunnel

/// Decides about the TLS of one port: which connections are read here, and how.
///
/// TLS that nobody wants to look into is passed on as it is. Where a filter, or an attachment that wants plain text, makes it
/// necessary, it is ended here and opened anew behind; what stands above finds plain text and need not know. So that a client gets
/// nothing but what the app would have given it, the app is asked first, with the client's own words: which application protocol it
/// picks is the one that the client gets, and where it wants certificates of its callers, callers have to show them here.
///
/// Whenever that cannot be done rightly (no certificate, an app that is not believed, callers' certificates that nobody here can
/// check) the connection is passed to the app as it is, and the log says why. Nothing fails because of an annotation.
///
/// Connections alike in name and protocol share an ``HTTPPort``. Confined to the loop.
final class TLSPort {
    /// What is to be done with a connection.
    enum Verdict {
        /// TLS is to be ended with this, and what is in it served so.
        case end(TLSContext, Flavour)
        /// It is to be passed to the app as it is.
        case pass
    }

    /// The connections with one server name and one protocol.
    final class Flavour {
        fileprivate let key: Key
        let http: HTTPPort
        let dialler: TLSDialler
        fileprivate var open = 0

        fileprivate init(_ key: Key, _ http: HTTPPort, _ dialler: TLSDialler) {
            self.key = key
            self.http = http
            self.dialler = dialler
        }
    }

    fileprivate struct Key: Hashable {
        let serverName: String?
        let alpn: String?
    }

    private struct Question: Hashable {
        let serverName: String?
        let alpn: [String]
    }

    /// What the app said to a question.
    private enum Answer {
        case speaks(alpn: String?, asks: Bool)
        case unreachable
        case fails(String)

        /// How long it is taken for true.
        var lifetime: TimeAmount {
            switch self {
            case .speaks: .seconds(60)
            case .unreachable: .seconds(1)
            case .fails: .seconds(5)
            }
        }
    }

    /// Answers that are kept.
    private static let limit = 256
    /// How often the same complaint is logged.
    private static let complaintPause = TimeAmount.seconds(30)

    private let number: UInt16
    private let hasApp: Bool
    private let timeout: TimeAmount
    private let eventLoop: any EventLoop
    private let base: any UpstreamDialler
    private let certificates: PortCertificates
    private let logger: Logger
    private let makePort: (TLSDialler) -> HTTPPort
    private var flavours: [Key: Flavour] = [:]
    private var answers: [Question: (answer: Answer, end: NIODeadline)] = [:]
    private var waiting: [Question: [(Answer) -> Void]] = [:]
    private var complaints: [String: NIODeadline] = [:]

    /// - Parameters:
    ///   - number: The app's port.
    ///   - settings: What the annotations say.
    ///   - hasApp: Whether anybody is behind the agent.
    ///   - eventLoop: The loop of everything.
    ///   - base: Dials without TLS.
    ///   - logger: Gets what cannot be done.
    ///   - makePort: Makes what serves the connections of one dialler.
    init(
        number: UInt16,
        settings: AgentConfig.TLS,
        hasApp: Bool,
        eventLoop: any EventLoop,
        base: any UpstreamDialler,
        logger: Logger,
        makePort: @escaping (TLSDialler) -> HTTPPort
    ) {
        self.number = number
        self.hasApp = hasApp
        self.eventLoop = eventLoop
        self.base = base
        self.logger = logger
        self.makePort = makePort
        timeout = .milliseconds(Int64(settings.probeTimeout))
        certificates = PortCertificates(settings)
    }

    /// Why nothing can be read on this port at present; nil where it can.
    var obstacle: String? {
        do throws(PortCertificates.Problem) {
            try certificates.refresh()
            return nil
        } catch {
            return "TLS on port \(number) cannot be ended: \(error)"
        }
    }

    /// Says what to do with a connection that began so; perhaps at once, at the latest when the app has been asked.
    ///
    /// With `wantsPlain`, a client that could do with either protocol gets HTTP/1.1 rather than HTTP/2 where the app takes that: what
    /// speaks plain text on a workstation seldom speaks HTTP/2 without TLS.
    func judge(_ hello: ClientHello, wantsPlain: Bool, then completion: @escaping (Verdict) -> Void) {
        do throws(PortCertificates.Problem) {
            try certificates.refresh()
        } catch {
            complain("\(error)")
            return completion(.pass)
        }
        let offered = hello.alpn.filter { $0 == "h2" || $0 == "http/1.1" }
        // Another protocol than HTTP has no requests.
        guard hello.alpn.isEmpty || !offered.isEmpty else { return completion(.pass) }
        if wantsPlain, offered.count > 1 {
            return ask(Question(serverName: hello.serverName, alpn: ["http/1.1"])) { [self] answer in
                if case .fails = answer { return judge(hello.serverName, offered, completion) }
                took(answer, hello.serverName, ["http/1.1"], completion)
            }
        }
        judge(hello.serverName, offered, completion)
    }

    private func judge(_ serverName: String?, _ offered: [String], _ completion: @escaping (Verdict) -> Void) {
        ask(Question(serverName: serverName, alpn: offered)) { [self] in took($0, serverName, offered, completion) }
    }

    private func took(
        _ answer: Answer,
        _ serverName: String?,
        _ offered: [String],
        _ completion: (Verdict) -> Void
    ) {
        let (alpn, asks): (String?, Bool)
        switch answer {
        case .fails(let reason):
            complain("the app: \(reason)")
            return completion(.pass)
        // The best guess; who wants only callers that are known says so by the authority.
        case .unreachable: (alpn, asks) = (offered.first, certificates.canCheckCallers)
        case .speaks(let chosen, let wanted):
            if wanted, !certificates.canCheckCallers || !certificates.hasOwnForApp {
                complain(
                    "the app asks callers for a certificate: that takes a ca.crt beside the downstream certificate, and an "
                        + "upstream certificate"
                )
                return completion(.pass)
            }
            (alpn, asks) = (chosen, wanted)
        }
        do {
            let context = try certificates.server(alpn: alpn.map { [$0] } ?? [], asks: asks)
            completion(.end(context, flavour(Key(serverName: serverName, alpn: alpn))))
        } catch {
            complain("\(error)")
            completion(.pass)
        }
    }

    /// Counts a connection to its flavour until it is closed.
    func entered(_ flavour: Flavour, _ channel: any Channel) {
        flavour.open += 1
        flavours[flavour.key] = flavour
        channel.closeFuture.assumeIsolated().whenComplete { [self] _ in
            flavour.open -= 1
            // Names are the clients' to choose: nothing is kept for those that are gone.
            if flavour.open == 0, flavours[flavour.key] === flavour { flavours[flavour.key] = nil }
        }
    }

    /// The routes have changed.
    func routesChanged() {
        for flavour in flavours.values { flavour.http.routesChanged() }
    }

    private func flavour(_ key: Key) -> Flavour {
        if let flavour = flavours[key] { return flavour }
        let dialler = TLSDialler(
            base,
            certificates,
            serverName: key.serverName,
            alpn: key.alpn,
            timeout: timeout
        ) { [self] destination, error in
            switch destination {
            case .app:
                // It is another app than the one that was asked.
                answers = [:]
                complain("the app: \(error)")
            case .workstation(let target):
                complain(
                    "the workstation of attachment \(target.attachmentID) at \(target.address):\(target.port), which gets TLS "
                        + "unless --plaintext was given: \(error)"
                )
            }
        }
        return Flavour(key, makePort(dialler), dialler)
    }

    // MARK: The app

    /// Asks the app once for all who want to know the same.
    private func ask(_ question: Question, _ completion: @escaping (Answer) -> Void) {
        guard hasApp else { return completion(.unreachable) }
        if let known = answers[question] {
            if known.end > .now() { return completion(known.answer) }
            answers[question] = nil
        }
        if waiting[question] != nil { return waiting[question, default: []].append(completion) }
        waiting[question] = [completion]
        // Only the first of two ends counts.
        let late = eventLoop.assumeIsolated().scheduleTask(in: timeout) { [self] in
            answered(question, .fails("it does not answer in time (\(InjectionAnnotations.probeTimeout).\(number))"))
        }
        base.dialApp { [self] result in
            guard case .success(let channel) = result else {
                late.cancel()
                return answered(question, .unreachable)
            }
            probe(channel, question) { [self] answer in
                late.cancel()
                answered(question, answer)
            }
        }
    }

    private func probe(_ channel: any Channel, _ question: Question, _ completion: @escaping (Answer) -> Void) {
        let context: TLSContext
        do {
            context = try certificates.app(alpn: question.alpn)
        } catch {
            channel.close(promise: nil)
            return completion(.fails("\(error)"))
        }
        let role = TLSSession.Role.client(serverName: question.serverName)
        TLSHandshake.perform(on: channel, context, role, within: timeout) { result in
            channel.close(promise: nil)
            switch result {
            case .success(let completed):
                completion(.speaks(alpn: completed.alpn, asks: completed.askedForCertificate))
            case .failure(let error): completion(.fails("\(error)"))
            }
        }
    }

    private func answered(_ question: Question, _ answer: Answer) {
        guard let waiters = waiting.removeValue(forKey: question) else { return }
        if answers.count >= Self.limit { answers = [:] }
        answers[question] = (answer, .now() + answer.lifetime)
        for waiter in waiters { waiter(answer) }
    }

    /// Says what cannot be done, now and then.
    private func complain(_ reason: String) {
        if let end = complaints[reason], end > .now() { return }
        if complaints.count >= Self.limit { complaints = [:] }
        complaints[reason] = .now() + Self.complaintPause
        logger.warning("TLS", metadata: ["port": "\(number)", "reason": "\(reason)"])
    }
}

// Confined to the loop; only the reference travels.
extension TLSPort: @unchecked Sendable {}
