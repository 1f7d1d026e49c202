import ArgumentParser

/// A span of time as people write it: `90s`, `5m`, `1h30m`, `500ms`; a number alone is seconds.
struct DurationArgument: ExpressibleByArgument, Equatable {
    private static let units: [String: UInt64] = ["ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000]

    /// The span.
    let milliseconds: UInt64

    init(milliseconds: UInt64) {
        self.milliseconds = milliseconds
    }

    init?(argument: String) {
        var rest = argument[...]
        var total: UInt64 = 0
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(unit.count)
            guard let number = UInt64(digits), number < 1_000_000_000 else { return nil }
            guard let factor = unit.isEmpty && digits.count == argument.count ? 1000 : Self.units[String(unit)] else {
                return nil
            }
            total += number * factor
        }
        milliseconds = total
    }

    var defaultValueDescription: String {
        milliseconds % 60_000 == 0 ? "\(milliseconds / 60_000)m" : "\(milliseconds)ms"
    }
}
