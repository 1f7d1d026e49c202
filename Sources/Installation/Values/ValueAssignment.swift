internal import Cluster

/// What `--set` and its relatives say: values at places, in the notation that Helm made common.
///
/// `a.b=c` sets a member, `a[0]=c` an element, `a={x,y}` a list; several are separated by commas. A backslash takes the meaning from
/// the character after it.
package struct ValueAssignment: Sendable {
    /// How the text after the equals sign is understood.
    package enum Form: Sendable {
        /// `true`, `false`, `null` and whole numbers are what they look like, everything else is text.
        case typed
        /// Text, whatever it looks like.
        case string
        /// JSON; one assignment only.
        case json
    }

    /// The longest list that an index makes.
    private static let indexLimit = 1000

    let path: ValuePath
    let value: JSONValue

    /// Reads the argument of one option.
    ///
    /// - Parameters:
    ///   - text: Such as `logLevel=debug,agent.image.tag=1`.
    ///   - form: Which option it is.
    /// - Returns: The assignments in their order.
    /// - Throws: ``InstallationError`` that names the text.
    package static func parse(_ text: String, _ form: Form) throws(InstallationError) -> [ValueAssignment] {
        var reader = Reader(rest: text[...], whole: text, option: form.option)
        guard form != .json else {
            let path = try reader.path()
            do throws(JSONError) {
                return [ValueAssignment(path: path, value: try JSONValue.parse(String(reader.rest)))]
            } catch {
                throw reader.error("the value of \(path) is \(error)")
            }
        }
        var assignments: [ValueAssignment] = []
        repeat {
            let path = try reader.path()
            assignments.append(ValueAssignment(path: path, value: try reader.value(form)))
        } while reader.skip(",")
        return assignments
    }

    /// Reads the argument of `--set-file`: a place and the text of the file.
    package static func file(_ argument: String, text: String) throws(InstallationError) -> ValueAssignment {
        var reader = Reader(rest: argument[...], whole: argument, option: "--set-file")
        return ValueAssignment(path: try reader.path(), value: .string(text))
    }

    private struct Reader {
        var rest: Substring
        let whole: String
        let option: String

        func error(_ problem: String) -> InstallationError {
            InstallationError(.invalid, "\(option) '\(whole)': \(problem)", remedy: "\(option) name.of.value=VALUE")
        }

        mutating func skip(_ character: Character) -> Bool {
            guard rest.first == character else { return false }
            rest.removeFirst()
            return true
        }

        /// The text up to one of the characters, backslashes taken away.
        mutating func word(until ends: String) -> String {
            var word = ""
            while let character = rest.first, !ends.contains(character) {
                rest.removeFirst()
                if character == "\\", let escaped = rest.popFirst() {
                    word.append(escaped)
                } else {
                    word.append(character)
                }
            }
            return word
        }

        /// The place, and the equals sign after it.
        mutating func path() throws(InstallationError) -> ValuePath {
            var path = ValuePath()
            repeat {
                let name = word(until: ".[=,")
                guard !name.isEmpty else { throw error("a name is missing") }
                path = path.appending(.name(name))
                while skip("[") {
                    let digits = word(until: "]")
                    guard skip("]"), let index = Int(digits), index >= 0, index < ValueAssignment.indexLimit else {
                        throw error("'[\(digits)]' is no place in a list")
                    }
                    path = path.appending(.index(index))
                }
            } while skip(".")
            guard skip("=") else { throw error("'=' is missing after \(path)") }
            return path
        }

        mutating func value(_ form: Form) throws(InstallationError) -> JSONValue {
            guard skip("{") else { return Self.scalar(word(until: ","), form) }
            var elements: [JSONValue] = []
            if skip("}") { return .array([]) }
            repeat { elements.append(Self.scalar(word(until: ",}"), form)) } while skip(",")
            guard skip("}") else { throw error("'}' is missing") }
            return .array(elements)
        }

        static func scalar(_ text: String, _ form: Form) -> JSONValue {
            guard form == .typed else { return .string(text) }
            switch text {
            case "true": return true
            case "false": return false
            case "null": return .null
            default: break
            }
            // 007 is a name, not a number.
            if let number = Int64(text), String(number) == text { return .integer(number) }
            return .string(text)
        }
    }
}

extension ValueAssignment.Form {
    fileprivate var option: String {
        switch self {
        case .typed: "--set"
        case .string: "--set-string"
        case .json: "--set-json"
        }
    }
}
