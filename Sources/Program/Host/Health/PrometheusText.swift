/// Metrics as Prometheus reads them: text format 0.0.4.
package struct PrometheusText: Sendable {
    /// What a metric does over time.
    package enum Kind: String, Sendable {
        /// Only grows.
        case counter
        /// Goes up and down.
        case gauge
    }

    /// One value of a metric, told apart by its labels.
    package struct Sample: Sendable, Equatable {
        package let labels: KeyValuePairs<String, String>
        package let value: UInt64

        package init(_ value: UInt64, _ labels: KeyValuePairs<String, String> = [:]) {
            self.labels = labels
            self.value = value
        }

        package static func == (one: Sample, other: Sample) -> Bool {
            one.value == other.value && one.labels.elementsEqual(other.labels) { $0 == $1 }
        }
    }

    /// The content type of ``text``.
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// All that was added.
    package private(set) var text = ""

    package init() {}

    /// Adds a metric; without samples it is announced only.
    package mutating func add(_ name: String, _ kind: Kind, _ help: String, _ samples: [Sample]) {
        text += "# HELP \(name) \(Self.escaped(help, quotes: false))\n# TYPE \(name) \(kind.rawValue)\n"
        for sample in samples {
            let labels = sample.labels.map { "\($0.key)=\"\(Self.escaped($0.value, quotes: true))\"" }
            text += labels.isEmpty ? name : "\(name){\(labels.joined(separator: ","))}"
            text += " \(sample.value)\n"
        }
    }

    /// Adds a metric of one value.
    package mutating func add(_ name: String, _ kind: Kind, _ help: String, _ value: UInt64) {
        add(name, kind, help, [Sample(value)])
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }
}
