import Glibc

/// Moments as Kubernetes writes them: RFC 3339, UTC, whole seconds (or microseconds for `MicroTime`).
package enum Timestamp {
    /// Now, in whole seconds.
    package static func now() -> String { self.text(seconds: self.seconds()) }

    /// Seconds since 1970.
    package static func seconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec)
    }

    /// Now with microseconds.
    package static func micro() -> String {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let fraction = String(Int(time.tv_nsec) / 1000)
        let zeros = String(repeating: "0", count: 6 - fraction.count)
        return self.text(seconds: Int64(time.tv_sec)).dropLast() + ".\(zeros)\(fraction)Z"
    }

    /// A moment given in seconds since 1970.
    package static func text(seconds: Int64) -> String {
        var days = seconds / 86400
        var rest = seconds % 86400
        if rest < 0 {
            rest += 86400
            days -= 1
        }
        // Civil date of a day number: years begin in March, so that the leap day ends them.
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month0 = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * month0 + 2) / 5 + 1
        let month = month0 < 10 ? month0 + 3 : month0 - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return "\(year)-\(two(month))-\(two(day))T\(two(rest / 3600)):\(two(rest / 60 % 60)):\(two(rest % 60))Z"
    }

    /// Seconds since 1970 of an RFC 3339 text in UTC; nil when it is none.
    ///
    /// Fractions are dropped.
    package static func parse(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.last == UInt8(ascii: "Z") else { return nil }
        func number(_ range: Range<Int>) -> Int64? {
            var value: Int64 = 0
            for index in range {
                guard (48...57).contains(bytes[index]) else { return nil }
                value = value * 10 + Int64(bytes[index] - 48)
            }
            return value
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10), let hour = number(11..<13),
            let minute = number(14..<16), let second = number(17..<19), (1...12).contains(month)
        else { return nil }
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = shiftedYear / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return (era * 146_097 + dayOfEra - 719_468) * 86400 + hour * 3600 + minute * 60 + second
    }
}
