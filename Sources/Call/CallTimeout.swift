/// The text form of a deadline: at most eight digits and a unit, as in gRPC.
package enum CallTimeout {
    private static let units: [(Character, Duration)] = [
        ("n", .nanoseconds(1)), ("u", .microseconds(1)), ("m", .milliseconds(1)),
        ("S", .seconds(1)), ("M", .seconds(60)), ("H", .seconds(3600)),
    ]

    /// The finest unit from milliseconds up in which `duration` has eight digits, rounded up; a millisecond at least.
    package static func text(_ duration: Duration) -> String {
        for (unit, length) in units.dropFirst(2) {
            let count = max(1, (duration / length).rounded(.up))
            if count < 1e8 { return "\(Int(count))\(unit)" }
        }
        return "99999999H"
    }

    /// Nil when `text` is not of that form.
    package static func parse(_ text: String) -> Duration? {
        guard let last = text.last, let unit = units.first(where: { $0.0 == last }) else { return nil }
        let digits = text.dropLast()
        guard (1...8).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let count = Int(digits)
        else { return nil }
        return unit.1 * count
    }
}
