import Cluster

/// Gives Services their cluster addresses and node ports.
///
/// What is taken is read from the Services themselves, so nothing can leak. Runs inside the API's write lock for
/// Services, so that two writers don't take the same.
struct ServiceAllocator {
    /// First address of the range, as a number.
    let base: UInt32
    /// Length of the prefix.
    let length: Int
    /// Ports for NodePort and LoadBalancer Services.
    static let nodePorts = 30000...32767

    /// A range by its numbers; the length is 8 to 30.
    init(base: UInt32, length: Int) {
        self.base = base
        self.length = length
    }

    /// Reads `10.96.0.0/16`.
    init?(_ cidr: String) {
        let parts = cidr.split(separator: "/")
        guard parts.count == 2, let base = Self.number(String(parts[0])), let length = Int(parts[1]),
            (8...30).contains(length)
        else { return nil }
        self.base = base & ~(UInt32.max >> UInt32(length))
        self.length = length
    }

    /// The range as text.
    var cidr: String { "\(Self.text(self.base))/\(self.length)" }

    /// The n-th address of the range.
    func address(_ index: UInt32) -> String { Self.text(self.base + index) }

    /// A replacement that names no address keeps the one that the Service has.
    static func carry(from old: JSONValue, to new: JSONValue) -> JSONValue {
        guard new.at("spec", "type")?.string != "ExternalName", new.at("spec", "clusterIP")?.string ?? "" == "" else {
            return new
        }
        var service = new
        service.set("spec", "clusterIP", to: old.at("spec", "clusterIP"))
        service.set("spec", "clusterIPs", to: old.at("spec", "clusterIPs"))
        return service
    }

    /// The Service with addresses and node ports; `others` are all Services but this one.
    func allocate(_ service: JSONValue, old: JSONValue?, others: [JSONValue]) throws(StatusError) -> JSONValue {
        var service = service
        let type = service.at("spec", "type")?.string ?? "ClusterIP"
        if type == "ExternalName" {
            for field in ["clusterIP", "clusterIPs"] { service.set("spec", field, to: nil) }
            return service
        }
        var address = service.at("spec", "clusterIP")?.string ?? ""
        if address.isEmpty { address = service.at("spec", "clusterIPs")?.array?.first?.string ?? "" }
        if address.isEmpty { address = old?.at("spec", "clusterIP")?.string ?? "" }
        if address != "None", address != old?.at("spec", "clusterIP")?.string || address.isEmpty {
            address = try self.choose(
                address,
                service,
                taken: Set(others.compactMap { $0.at("spec", "clusterIP")?.string })
            )
        }
        service.set("spec", "clusterIP", to: .string(address))
        service.set("spec", "clusterIPs", to: .array([.string(address)]))
        return try self.ports(service, old: old, others: others, wanted: type != "ClusterIP")
    }

    private func choose(_ wanted: String, _ service: JSONValue, taken: Set<String>) throws(StatusError) -> String {
        let size = UInt32(1) << UInt32(32 - self.length)
        if wanted.isEmpty {
            // The lower part is left to those who ask for an address, as Kubernetes does.
            let reserved = min(max(16, size / 16), 256, size / 2)
            for _ in 0..<64 {
                let candidate = self.address(UInt32.random(in: reserved..<(size - 1)))
                if !taken.contains(candidate) { return candidate }
            }
            for index in 2..<(size - 1) where !taken.contains(self.address(index)) { return self.address(index) }
            throw .internalError("failed to allocate a serviceIP: range is full")
        }
        func refuse(_ why: String) -> StatusError {
            .invalid(
                .services,
                service.name,
                [
                    .init(
                        reason: "FieldValueInvalid",
                        message: "Invalid value: [\"\(wanted)\"]: failed to allocate IP \(wanted): \(why)",
                        field: "spec.clusterIPs"
                    )
                ]
            )
        }
        guard let number = Self.number(wanted) else {
            throw .invalid(
                .services,
                service.name,
                [
                    .init(
                        reason: "FieldValueInvalid",
                        message:
                            "Invalid value: [\"\(wanted)\"]: must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
                        field: "spec.clusterIPs"
                    )
                ]
            )
        }
        guard number > self.base, number - self.base < size - 1 else {
            throw refuse(
                "the provided IP (\(wanted)) is not in the valid range. The range of valid IPs is \(self.cidr)"
            )
        }
        guard !taken.contains(wanted) else { throw refuse("provided IP is already allocated") }
        return wanted
    }

    private func ports(
        _ service: JSONValue,
        old: JSONValue?,
        others: [JSONValue],
        wanted: Bool
    ) throws(StatusError) -> JSONValue {
        var service = service
        var ports = service.at("spec", "ports")?.array ?? []
        var taken = Set(
            others.flatMap { $0.at("spec", "ports")?.array ?? [] }.compactMap { $0["nodePort"]?.int }
        )
        let before = old?.at("spec", "ports")?.array ?? []
        for index in ports.indices {
            guard wanted else {
                ports[index]["nodePort"] = nil
                continue
            }
            var number = ports[index]["nodePort"]?.int ?? 0
            if number == 0 {
                number =
                    before.first { $0["port"] == ports[index]["port"] && $0["protocol"] == ports[index]["protocol"] }?[
                        "nodePort"
                    ]?.int ?? 0
            }
            if number == 0 {
                number = Self.nodePorts.first { !taken.contains($0) } ?? 0
            } else if !Self.nodePorts.contains(number) || taken.contains(number) {
                let why =
                    taken.contains(number)
                    ? "provided port is already allocated"
                    : "provided port is not in the valid range. The range of valid ports is 30000-32767"
                throw .invalid(
                    .services,
                    service.name,
                    [
                        .init(
                            reason: "FieldValueInvalid",
                            message: "Invalid value: \(number): \(why)",
                            field: "spec.ports[\(index)].nodePort"
                        )
                    ]
                )
            }
            taken.insert(number)
            ports[index]["nodePort"] = .integer(Int64(number))
        }
        if service.at("spec", "ports") != nil { service.set("spec", "ports", to: .array(ports)) }
        return service
    }

    private static func number(_ text: String) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var number: UInt32 = 0
        for part in parts {
            guard let byte = UInt8(part) else { return nil }
            number = number << 8 | UInt32(byte)
        }
        return number
    }

    private static func text(_ number: UInt32) -> String {
        "\(number >> 24).\(number >> 16 & 255).\(number >> 8 & 255).\(number & 255)"
    }
}
