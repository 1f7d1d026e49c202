/// Spans of time as kubectl shows them.
enum Age {
    /// How long ago a moment was: `45s`, `5m12s`, `3h`, `2d4h`; `<unknown>` for none.
    static func since(_ moment: String?, now: Int64 = Timestamp.seconds()) -> String {
        guard let moment, let start = Timestamp.parse(moment) else { return "<unknown>" }
        return self.text(now - start)
    }

    /// A span in seconds.
    static func text(_ span: Int64) -> String {
        let seconds = max(0, span)
        let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400)
        func pair(_ first: Int64, _ unit: String, _ second: Int64, _ small: String) -> String {
            second == 0 ? "\(first)\(unit)" : "\(first)\(unit)\(second)\(small)"
        }
        switch seconds {
        case ..<120: return "\(seconds)s"
        case ..<600: return pair(minutes, "m", seconds % 60, "s")
        case ..<10800: return "\(minutes)m"
        case ..<28800: return pair(hours, "h", minutes % 60, "m")
        case ..<172_800: return "\(hours)h"
        case ..<691_200: return pair(days, "d", hours % 24, "h")
        case ..<63_072_000: return "\(days)d"
        case ..<252_288_000: return pair(days / 365, "y", days % 365, "d")
        default: return "\(days / 365)y"
        }
    }
}
