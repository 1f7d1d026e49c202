import TestSupport

/// Messages for the followers, from a seed.
enum Sample {
    /// A request that every parser understands in the same way.
    static func request(_ random: inout SplitMix64) -> String {
        let method =
            ["GET", "HEAD", "POST", "PUT", "DELETE", "M-SEARCH", "PROPFIND"].randomElement(using: &random) ?? "GET"
        let target = ["/", "/a/b?c=d", "http://host/x", "*", "/%20"].randomElement(using: &random) ?? "/"
        var head = "\(method) \(target) HTTP/1.1\r\nHost: x\r\n"
        for number in 0..<Int.random(in: 0...5, using: &random) {
            head += "X-\(number):\(String(repeating: " ", count: Int.random(in: 0...2, using: &random)))v\(number)\r\n"
        }
        let body = self.body(&random)
        return head + body.field + "\r\n" + body.text
    }

    /// A response to a request that is no HEAD, with its interim ones.
    static func response(_ random: inout SplitMix64) -> String {
        var text = ""
        if Int.random(in: 0..<4, using: &random) == 0 { text += "HTTP/1.1 100 Continue\r\n\r\n" }
        if Int.random(in: 0..<4, using: &random) == 0 { text += "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" }
        switch Int.random(in: 0..<5, using: &random) {
        case 0: return text + "HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n"
        case 1: return text + "HTTP/1.1 204\r\n\r\n"
        default:
            let body = self.body(&random)
            let field = body.field.isEmpty ? "Content-Length: 0\r\n" : body.field
            return text + "HTTP/1.1 200 OK then\r\nServer: s\r\n\(field)\r\n\(body.text)"
        }
    }

    private static func body(_ random: inout SplitMix64) -> (field: String, text: String) {
        switch Int.random(in: 0..<3, using: &random) {
        case 0: return ("", "")
        case 1:
            let count = Int.random(in: 0...200, using: &random)
            return ("Content-Length: \(count)\r\n", String(repeating: "b", count: count))
        default:
            var text = ""
            for _ in 0..<Int.random(in: 0...4, using: &random) {
                let count = Int.random(in: 1...40, using: &random)
                text += String(count, radix: 16, uppercase: Bool.random(using: &random))
                text += ["", ";x", ";x=\"y\"", " "].randomElement(using: &random) ?? ""
                text += "\r\n" + String(repeating: "c", count: count) + "\r\n"
            }
            text += "0\r\n" + (Bool.random(using: &random) ? "T: u\r\n" : "") + "\r\n"
            return ("Transfer-Encoding: chunked\r\n", text)
        }
    }

    /// With some bytes changed, lost or doubled.
    static func mutated(_ text: String, _ random: inout SplitMix64) -> String {
        var bytes = Array(text.utf8)
        let spice = Array("\r\n\t :;,0aG\u{1}".utf8)
        for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
            let index = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<3, using: &random) {
            case 0: bytes[index] = spice.randomElement(using: &random) ?? 0
            case 1: bytes.remove(at: index)
            default: bytes.insert(spice.randomElement(using: &random) ?? 0, at: index)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
