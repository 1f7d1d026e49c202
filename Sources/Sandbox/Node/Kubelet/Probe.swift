import Cluster
import Glibc
import Kernel

/// A question to a container, whether it has started, is ready, or lives.
struct Probe: Sendable {
    /// How to ask.
    enum Question: Sendable {
        case tcp(port: Int, host: String?)
        case http(port: Int, host: String?, path: String, headers: [(String, String)], secure: Bool)
        case command([String])
    }

    var question: Question
    var initialDelay: Double
    var period: Double
    var timeout: Double
    var successThreshold: Int
    var failureThreshold: Int

    /// Reads a probe of a container; nil when there is none that we can ask.
    init?(_ probe: JSONValue?, container: JSONValue) {
        guard let probe else { return nil }
        func port(_ value: JSONValue?) -> Int? { ContainerPorts.number(value, in: [container]) }
        if let tcp = probe["tcpSocket"], let number = port(tcp["port"]) {
            self.question = .tcp(port: number, host: tcp["host"]?.string)
        } else if let http = probe["httpGet"], let number = port(http["port"]) {
            let headers = (http["httpHeaders"]?.array ?? []).map {
                ($0["name"]?.string ?? "", $0["value"]?.string ?? "")
            }
            self.question = .http(
                port: number,
                host: http["host"]?.string,
                path: http["path"]?.string ?? "/",
                headers: headers,
                secure: http["scheme"]?.string == "HTTPS"
            )
        } else if let command = probe.at("exec", "command") {
            self.question = .command(command.stringArray)
        } else {
            return nil
        }
        self.initialDelay = probe["initialDelaySeconds"]?.double ?? 0
        self.period = max(1, probe["periodSeconds"]?.double ?? 10)
        self.timeout = max(1, min(probe["timeoutSeconds"]?.double ?? 1, 3600))
        self.successThreshold = max(1, probe["successThreshold"]?.int ?? 1)
        self.failureThreshold = max(1, probe["failureThreshold"]?.int ?? 3)
    }

    /// Asks over the network from the node's namespace; nil is yes, else what went wrong.
    ///
    /// Blocks.
    ///
    /// A probe by HTTPS only asks whether the port takes a connection.
    func ask(_ node: NetworkNamespace, address: String) -> String? {
        let limit = CInt(self.timeout * 1000)
        switch self.question {
        case .command: return nil
        case .tcp(let port, let host):
            return Self.connect(node, host ?? address, port, limit).error
        case .http(let port, let host, let path, let headers, let secure):
            let (connection, error) = Self.connect(node, host ?? address, port, limit)
            guard let connection else { return error }
            if secure { return nil }
            var request = "GET \(path) HTTP/1.1\r\nConnection: close\r\nAccept: */*\r\nUser-Agent: kube-probe/1.33\r\n"
            if !headers.contains(where: { $0.0.lowercased() == "host" }) {
                request += "Host: \(host ?? address):\(port)\r\n"
            }
            request += headers.map { "\($0.0): \($0.1)\r\n" }.joined() + "\r\n"
            let bytes = Array(request.utf8)
            guard send(connection.rawValue, bytes, bytes.count, CInt(MSG_NOSIGNAL)) == bytes.count else {
                return "the connection was lost"
            }
            var answer: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 4096)
            while !answer.contains(10), answer.count < 4096 {
                guard (try? Sockets.wait(connection, CInt(POLLIN), limit)) == true else {
                    return "Get \"http://\(address):\(port)\(path)\": context deadline exceeded"
                }
                let count = recv(connection.rawValue, &chunk, chunk.count, 0)
                guard count > 0 else { break }
                answer += chunk[..<count]
            }
            let words = String(decoding: answer.prefix { $0 != 13 && $0 != 10 }, as: UTF8.self).split(separator: " ")
            guard words.count >= 2, let code = Int(words[1]) else { return "malformed HTTP response" }
            return (200..<400).contains(code) ? nil : "HTTP probe failed with statuscode: \(code)"
        }
    }

    private static func connect(
        _ node: NetworkNamespace,
        _ host: String,
        _ port: Int,
        _ limit: CInt
    )
        -> (connection: Descriptor?, error: String?)
    {
        guard let address = InternetAddress(host), let number = UInt16(exactly: port) else {
            return (nil, "invalid address \(host):\(port)")
        }
        do throws(SystemError) {
            let endpoint = InternetEndpoint(address, port: number)
            return (try node.connectTCP(endpoint, timeoutMilliseconds: limit), nil)
        } catch {
            return (nil, "dial tcp \(host):\(port): connect: \(error.reason.lowercased())")
        }
    }
}
