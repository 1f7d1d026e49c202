extension AgentConfig {
    /// How TLS is ended on a port and opened anew behind it, so that requests can be looked at.
    ///
    /// Written from the annotations of a pod, see ``TLSAnnotations``.
    package struct TLS: Sendable, Hashable {
        /// How long the app may take for a handshake where nobody says otherwise.
        package static let usualProbeTimeout = 2000

        /// A directory in the agent: `tls.crt` and `tls.key` are what callers are shown, `ca.crt` is whom they are believed by.
        package var downstream: String
        /// A directory in the agent: `tls.crt` and `tls.key` are shown to the app, `ca.crt` is whom the app is believed by.
        package var upstream: String?
        /// The app's certificate is not looked at.
        package var skipsVerification: Bool
        /// How long the app may take for a handshake, in milliseconds.
        package var probeTimeout: Int

        package init(
            downstream: String,
            upstream: String? = nil,
            skipsVerification: Bool = false,
            probeTimeout: Int = Self.usualProbeTimeout
        ) {
            self.downstream = downstream
            self.upstream = upstream
            self.skipsVerification = skipsVerification
            self.probeTimeout = probeTimeout
        }

        /// The JSON form.
        var json: JSONValue {
            var json: JSONValue = ["downstream": .string(downstream)]
            json["upstream"] = upstream.map { .string($0) }
            if skipsVerification { json["skipVerify"] = true }
            if probeTimeout != Self.usualProbeTimeout { json["probeTimeoutMs"] = .integer(Int64(probeTimeout)) }
            return json
        }

        /// Reads the JSON form; nil where it names no certificate.
        init?(json: JSONValue?) {
            guard let json, let downstream = json["downstream"]?.string, !downstream.isEmpty else { return nil }
            self.init(
                downstream: downstream,
                upstream: json["upstream"]?.string,
                skipsVerification: json["skipVerify"]?.bool ?? false,
                probeTimeout: json["probeTimeoutMs"]?.int.flatMap { 1...600_000 ~= $0 ? $0 : nil }
                    ?? Self.usualProbeTimeout
            )
        }
    }
}
